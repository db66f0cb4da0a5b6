"""The parts of today, each at an address of its own, so that a change fetches only itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

from litestar import Request, Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from edge.store import console_views as views
from edge.web.api.requests import storage_view
from edge.web.console import node, pages, today
from edge.web.console.formats import day_start_ms
from shared.domain.errors import NotFound

Values = dict[str, Any]
Part = Callable[[sqlite3.Connection, int], Values]

BOOKS_MS: Final = 60_000
"""How long the sum over the whole ledger is believed before it is added up again."""
SEEN_MS: Final = 900_000
"""A handheld that was not heard for this long is not at work."""


def _cut(sql: sqlite3.Connection, now_ms: int) -> Values:
    return {"cut": today.read_cut(sql, now_ms)}


def _waves(sql: sqlite3.Connection, now_ms: int) -> Values:
    lines, total = today.read_waves(sql, now_ms)
    return {"waves": lines, "waves_total": total}


def _queue(sql: sqlite3.Connection, now_ms: int) -> Values:
    return {
        "waiting": views.waiting(sql, today.QUEUE_SHOWN),
        "figures": views.waiting_figures(sql, day_start_ms(now_ms)),
    }


def _hours(sql: sqlite3.Connection, now_ms: int) -> Values:
    chart, packed, left = today.read_chart(sql, now_ms)
    return {"chart": chart, "packed": packed, "to_go": left}


def _floor(sql: sqlite3.Connection, now_ms: int) -> Values:
    return {"floor": today.read_floor(sql, now_ms)}


def _health(sql: sqlite3.Connection, now_ms: int) -> Values:
    handhelds = views.stations(sql, "handheld")
    return {
        "handhelds": handhelds,
        "handhelds_seen": [row for row in handhelds if now_ms - row.changed_ms < SEEN_MS],
    }


PARTS: Final[dict[str, Part]] = {
    "health": _health,
    "cut": _cut,
    "waves": _waves,
    "queue": _queue,
    "hours": _hours,
    "floor": _floor,
}


async def of_node(request: Request[Any, Any, Any]) -> Values:
    """Return what every page shows about the node itself."""
    return {
        "books": await _books(request),
        "site": request.app.state.node.site,
        "link": node.link_of(request),
        "devices": node.devices_of(request),
        "backup_ms": node.backup_ms(request),
        "storage": storage_view(request.app.state.node, pages.language_of(request)),
    }


async def _books(request: Request[Any, Any, Any]) -> today.Books:
    """Return whether the ledger adds up; adding up is dear, so its answer is kept for a minute."""
    state = request.app.state
    now_ms = state.node.clock.wall_ms()
    kept: today.Books | None = state.get("console_books")
    if kept is None or now_ms - kept.at_ms > BOOKS_MS:
        kept = await state.node.database.read(lambda sql: today.read_books(sql, now_ms))
        state["console_books"] = kept
    return kept


async def page(
    request: Request[Any, Any, Any], template: str, *, status_code: int = 200, **values: Any
) -> Response[str]:
    """Return a page with the health strip above `template`."""
    now_ms = request.app.state.node.clock.wall_ms()
    strip = await request.app.state.node.database.read(lambda sql: _health(sql, now_ms))
    return pages.page(
        request, template, status_code=status_code, **await of_node(request), **strip, **values
    )


@get("/", include_in_schema=False)
async def today_page(request: Request[Any, Any, Any]) -> Response[str]:
    """Show today."""
    node_ = request.app.state.node
    now_ms = node_.clock.wall_ms()

    def read(sql: sqlite3.Connection) -> Values:
        values: Values = {}
        for part in PARTS.values():
            values |= part(sql, now_ms)
        return values

    values = await node_.database.read(read)
    return pages.page(request, "today.html", **await of_node(request), **values)


@get("/console/parts/{name:str}", include_in_schema=False)
async def part(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[str]:
    """Return one part of today's page again; NotFound for another name."""
    read = PARTS.get(name)
    if read is None:
        raise NotFound(
            "part_unknown",
            f"Failed to show {name!r}: expected one of {', '.join(PARTS)}.",
            hint="Reload the page.",
        )
    now_ms = request.app.state.node.clock.wall_ms()
    values = await request.app.state.node.database.read(lambda sql: read(sql, now_ms))
    return pages.fragment(request, f"part_{name}.html", **await of_node(request), **values)


handlers: list[ControllerRouterHandler] = [today_page, part]
