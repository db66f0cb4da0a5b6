"""The page that a picker's handheld opens: a shell, its scripts, and the words in both languages.

A handheld is an Android phone with a barcode engine that types what it reads. It opens
`/hand?station=handheld-07` once a shift and then mostly lives on what it has downloaded, because
the aisles have dead spots. The server therefore gives it everything at the start and renders
nothing per scan; scans go through the one scan door of the API.
"""

from __future__ import annotations

from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from litestar import MediaType, Request, Response, get
from litestar.types import ControllerRouterHandler
from markupsafe import Markup

from shared.web.assets import (
    CONTENT_POLICY,
    folder,
    icon_symbols,
    shared_router,
    static_router,
)
from shared.web.messages import LANGUAGES, Catalogue, choose

PREFIX: Final = "hand."

_templates = Environment(
    loader=PackageLoader("edge.web.handheld"),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
)

_PAGE_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Cache-Control": "no-cache",
    "Vary": "Accept-Language, Cookie",
}


def words(catalogue: Catalogue, language: str) -> dict[str, str]:
    """Return what the handheld may have to say: its page texts and every answer to a scan."""
    return {
        code: sentence
        for code, sentence in catalogue.part(language, "").items()
        if code.startswith(PREFIX) or "." not in code
    }


@get("/hand", media_type=MediaType.HTML, include_in_schema=False)
async def page(request: Request[Any, Any, Any]) -> Response[str]:
    """Return the shell of the picking page in the language of this device."""
    return _shell(request, "app.js", "hand.title")


@get("/hand/returns", media_type=MediaType.HTML, include_in_schema=False)
async def returns_page(request: Request[Any, Any, Any]) -> Response[str]:
    """Return the shell of the page for units that come back."""
    return _shell(request, "returns.js", "hand.ret_title")


def _shell(request: Request[Any, Any, Any], script: str, title: str) -> Response[str]:
    catalogue: Catalogue = request.app.state.node.catalogue
    language = choose(request.headers.get("accept-language"), request.cookies.get("lang"))
    html = _templates.get_template("hand.html").render(
        language=language,
        title=catalogue.text(language, title),
        script=script,
        scan_label=catalogue.text(language, "hand.scan_field"),
        icons=Markup(icon_symbols()),  # noqa: S704  our own file, not a person's text
    )
    return Response(html, media_type=MediaType.HTML, headers=_PAGE_HEADERS)


@get([f"/hand/messages.{language}.json" for language in LANGUAGES], include_in_schema=False)
async def messages(request: Request[Any, Any, Any]) -> Response[dict[str, str]]:
    """Return all sentences in the language that the address names."""
    language = request.url.path.removeprefix("/hand/messages.").removesuffix(".json")
    found = words(request.app.state.node.catalogue, language)
    return Response(found, headers={"Cache-Control": "no-cache"})


@get("/hand/worker.js", include_in_schema=False)
async def worker() -> Response[bytes]:
    """Return the service worker, allowed to look after `/hand` and nothing else."""
    return Response(
        (folder("edge.web.handheld") / "worker.js").read_bytes(),
        media_type="text/javascript",
        headers={"Service-Worker-Allowed": "/hand", "Cache-Control": "no-cache"},
    )


@get("/hand/app.webmanifest", include_in_schema=False)
async def manifest(request: Request[Any, Any, Any]) -> Response[dict[str, object]]:
    """Return what Android needs to put the page on the home screen, without a browser bar."""
    catalogue: Catalogue = request.app.state.node.catalogue
    language = choose(request.headers.get("accept-language"), request.cookies.get("lang"))
    return Response(
        {
            "name": catalogue.text(language, "hand.title"),
            "short_name": "Bincard",
            "start_url": "/hand",
            "scope": "/hand",
            "display": "fullscreen",
            "orientation": "portrait",
            "background_color": "#FFFFFF",
            "theme_color": "#000000",
            "icons": [{"src": "/static/handheld/icon.svg", "sizes": "any"}],
        },
        media_type="application/manifest+json",
    )


handlers: list[ControllerRouterHandler] = [
    page,
    returns_page,
    messages,
    worker,
    manifest,
    shared_router(),
    static_router("/static/handheld", folder("edge.web.handheld")),
]
