"""Addresses of the lead's console.

`/` is today; the other pages hold one kind of thing each. Every page is made on the edge from its
own books, so it works with the line to the hub cut, and every figure on it comes from one read.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect, ServerSentEvent
from litestar.types import ControllerRouterHandler

from edge.store import console_lookups
from edge.web.console import (
    counter_page,
    devices_page,
    floor_pages,
    goods_pages,
    labels_page,
    pages,
    parts,
    stream,
)
from shared.web.assets import folder, static_router
from shared.web.messages import LANGUAGES

FIND_MAX: Final = 128
LANGUAGE_SECONDS: Final = 365 * 24 * 3600
PLACES: Final = {
    "serial": "/serials/{}", "parcel": "/parcels/{}", "order": "/orders/{}", "bin": "/bins/{}",
    "sku": "/stock/{}", "wave": "/waves/{}", "stock": "/stock?q={}",
}  # fmt: skip


@get("/console/live", include_in_schema=False)
async def live(request: Request[Any, Any, Any]) -> ServerSentEvent:
    """Stream the names of page parts that changed."""
    resumed = "last-event-id" in request.headers
    return ServerSentEvent(stream.gathered(request.app.state.node.live, resumed=resumed))


@get("/language/{language:str}", include_in_schema=False)
async def language(request: Request[Any, Any, Any], language: FromPath[str]) -> Redirect:
    """Remember the reader's language and go back to the page they came from."""
    back = pages.same_site_path(request.headers.get("referer", ""), request.url.netloc)
    answer = Redirect(back, status_code=303)
    if language in LANGUAGES:
        answer.set_cookie(pages.LANGUAGE_COOKIE, language, max_age=LANGUAGE_SECONDS, samesite="lax")
    return answer


@post("/find", include_in_schema=False, status_code=200)
async def find(request: Request[Any, Any, Any]) -> Response[Any]:
    """Open the page of what was scanned or typed. Posted, so that no name lands in an address."""
    form = await request.form()
    text = str(form.get("q", "")).strip()[:FIND_MAX]
    database = request.app.state.node.database
    found = await database.read(lambda sql: console_lookups.find(sql, text)) if text else None
    if found is None:
        return await parts.page(request, "found.html", status_code=404 if text else 200, q=text)
    kind, name = found
    return Redirect(PLACES[kind].format(pages.quoted(name)), status_code=303)


handlers: list[ControllerRouterHandler] = [
    live,
    language,
    find,
    *parts.handlers,
    *floor_pages.handlers,
    *goods_pages.handlers,
    *counter_page.handlers,
    *labels_page.handlers,
    *devices_page.handlers,
    static_router("/static/console", folder("edge.web.console")),
]
