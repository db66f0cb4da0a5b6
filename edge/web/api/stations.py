"""A station's screen: what it shows now, and a stream that says when to look again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final

from litestar import get
from litestar.params import FromPath
from litestar.response import ServerSentEvent, ServerSentEventMessage

from edge.services import bench_view
from edge.services.station_view import handheld_view, receiving_view
from edge.store import stations
from edge.store.stations import StationRow
from edge.web.api.requests import AnyRequest, language_of, node_of, sentence, storage_view
from shared.domain.errors import NotFound

if TYPE_CHECKING:
    from edge.app import EdgeNode

PASSED_ON: Final = ("health", "link", "ping")
"""Events that concern every station."""


@get("/api/v1/stations/{station:str}", operation_id="getStation")
async def get_station(request: AnyRequest, station: FromPath[str]) -> dict[str, Any]:
    """Return what the screen of `station` shows."""
    node = node_of(request)
    view = await node.database.read(lambda sql: _view(sql, stations.load(sql, station), node))
    language = language_of(request)
    for told in (view.get("ask"), view.get("last_scan")):
        if told is not None:
            told["message"] = sentence(node.catalogue, language, told["code"], told["params"])
    return view | {
        "link": node.link_state(),
        "storage": storage_view(node, language),
        "now_ms": node.clock.wall_ms(),
    }


def _view(sql: sqlite3.Connection, row: StationRow, node: EdgeNode) -> dict[str, Any]:
    match row.kind:
        case "handheld":
            return handheld_view(sql, row, node.site)
        case "receiving":
            return receiving_view(sql, row, node.site)
        case "bench" | "dock":
            return bench_view.view(sql, node, row)
    raise NotFound(
        "station_unknown",
        f"Failed to show {row.station}: expected a station such as handheld-07 or bench-2.",
        hint="Correct the station in the address.",
    )


@get("/api/v1/stations/{station:str}/events", operation_id="listenToStation")
async def listen(request: AnyRequest, station: FromPath[str]) -> ServerSentEvent:
    """Stream `station` (look again), `scale`, `health`, `link` for one screen."""
    return ServerSentEvent(_of_station(node_of(request).live.stream(), station))


async def _of_station(
    stream: AsyncGenerator[ServerSentEventMessage, None], station: str
) -> AsyncGenerator[ServerSentEventMessage, None]:
    async for message in stream:
        if message.event in PASSED_ON:
            yield message
        elif message.event in {"station", "scale"}:
            data = json.loads(str(message.data))
            if isinstance(data, dict) and data.get("station") in {station, "*"}:
                yield message


handlers = [get_station, listen]
