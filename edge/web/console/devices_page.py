"""Pages of the machinery: scales, printers, handhelds, and the line to the hub."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from litestar import Request, Response, get
from litestar.types import ControllerRouterHandler

from edge.store import console_records as records
from edge.store import console_views as views
from edge.store import numbers
from edge.web.console import parts

JOBS_SHOWN: Final = 30
COMMANDS_SHOWN: Final = 20
FACTS_SHOWN: Final = 20


@get("/devices", include_in_schema=False)
async def devices(request: Request[Any, Any, Any]) -> Response[str]:
    """Show every device and station, the newest print jobs, and what to do when one fails."""

    def read(sql: sqlite3.Connection) -> dict[str, Any]:
        return {"stations": views.stations(sql), "jobs": records.newest_jobs(sql, JOBS_SHOWN)}

    values = await request.app.state.node.database.read(read)
    return await parts.page(request, "devices.html", **values)


@get("/link", include_in_schema=False)
async def link(request: Request[Any, Any, Any]) -> Response[str]:
    """Show the line to the hub: what waits to go up, and what came down last."""

    def read(sql: sqlite3.Connection) -> dict[str, Any]:
        return {
            "log": views.log_head(sql),
            "levels": numbers.levels(sql),
            "facts": records.newest_facts(sql, FACTS_SHOWN),
            "commands": records.newest_commands(sql, COMMANDS_SHOWN),
        }

    return await parts.page(
        request, "link.html", **await request.app.state.node.database.read(read)
    )


handlers: list[ControllerRouterHandler] = [devices, link]
