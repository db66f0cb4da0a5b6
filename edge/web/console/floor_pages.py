"""Pages of the work: waves with their pick lists, and one exception with its way out."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from litestar import Request, Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from edge.store import console_lookups as lookups
from edge.store import console_records as records
from edge.store import console_views as views
from edge.store import exceptions
from edge.store import waves as wave_store
from edge.web.console import parts, today
from shared.domain.errors import NotFound

WAVES_PAGE: Final = 100


@get("/waves", include_in_schema=False)
async def waves(request: Request[Any, Any, Any]) -> Response[str]:
    """Show the waves: those in progress first, then the newest of the finished ones."""
    node = request.app.state.node
    now_ms = node.clock.wall_ms()

    def read(sql: sqlite3.Connection) -> dict[str, Any]:
        lines, total = today.read_waves(sql, now_ms, views.WAVES_MAX)
        shown = {line.wave.wave for line in lines}
        newest = wave_store.summaries(sql, limit=WAVES_PAGE)
        return {
            "waves": lines,
            "waves_total": total,
            "others": [row for row in newest if row.wave not in shown],
            "unplanned": wave_store.count_waiting(sql),
        }

    return await parts.page(request, "waves.html", **await node.database.read(read))


@get("/waves/{wave:str}", include_in_schema=False)
async def wave(request: Request[Any, Any, Any], wave: FromPath[str]) -> Response[str]:
    """Show one wave with its pick lists and parcels; NotFound for another name."""
    node = request.app.state.node
    now_ms = node.clock.wall_ms()

    def read(sql: sqlite3.Connection) -> dict[str, Any]:
        head = records.wave(sql, wave)
        lists = views.lists_of(sql, [wave])
        return {
            "wave": head,
            "lists": [(row, today.idle_of(row, now_ms)) for row in lists],
            "stops": records.stops_of(sql, wave),
            "parcels": lookups.parcels_of_wave(sql, wave),
        }

    values = await node.database.read(read)
    if values["wave"] is None:
        raise NotFound(
            "wave_unknown",
            f"Failed to show wave {wave!r}: expected a wave planned in this warehouse.",
            hint="Choose it from the list of waves.",
        )
    return await parts.page(request, "wave.html", **values)


@get("/exceptions/{exception_id:str}", include_in_schema=False)
async def exception(request: Request[Any, Any, Any], exception_id: FromPath[str]) -> Response[str]:
    """Show one thing that waits for a person; NotFound when there never was such a thing."""
    node = request.app.state.node

    def read(sql: sqlite3.Connection) -> dict[str, Any] | None:
        row = exceptions.get(sql, exception_id)
        if row is None:
            return None
        return {
            "row": row,
            "parcel": records.parcel_brief(sql, row.subject),
            "lines": records.parcel_lines(sql, row.subject),
            "weighings": records.weighings_of(sql, row.subject),
            "solver": records.person_name(sql, row.solved_by),
        }

    values = await node.database.read(read)
    if values is None:
        raise NotFound(
            "exception_unknown",
            f"Failed to show exception {exception_id!r}: nothing waits or waited under this id.",
            hint="Choose it from the queue on the first page.",
        )
    return await parts.page(request, "exception.html", **values)


handlers: list[ControllerRouterHandler] = [waves, wave, exception]
