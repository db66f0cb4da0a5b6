"""Is this node alive, ready, connected; and its figures for a monitoring system."""

from __future__ import annotations

from typing import Any

from litestar import MediaType, Response, get
from litestar.response import ServerSentEvent
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from edge.store import kpis, parcels
from edge.web.api.requests import AnyRequest, node_of

EVENTS = ("waves", "parcels", "exceptions", "receipts", "stock", "link", "health", "ping")
"""Live events of the whole warehouse; those of one station have their own stream."""


@get("/healthz", operation_id="health", media_type=MediaType.TEXT)
async def healthz() -> str:
    """Return `ok` while the process answers."""
    return "ok"


@get("/readyz", operation_id="ready")
async def readyz(request: AnyRequest) -> dict[str, Any]:
    """Return 200 once the books can be written."""
    node = node_of(request)
    await node.database.write(lambda tx: parcels.count_states(tx.sql))
    return {"ready": True, "warehouse": node.site.warehouse}


@get("/api/v1/link", operation_id="getLink")
async def get_link(request: AnyRequest) -> dict[str, Any]:
    """Return the line to the hub: up or not, since when, and how many facts wait."""
    return node_of(request).link_state()


@get("/api/v1/events", operation_id="listen")
async def listen(request: AnyRequest) -> ServerSentEvent:
    """Stream the names of what changed in this warehouse."""
    return ServerSentEvent(node_of(request).live.stream(EVENTS))


@get("/metrics", include_in_schema=False)
async def metrics(request: AnyRequest) -> Response[bytes]:
    """Return figures in the Prometheus text format."""
    node = node_of(request)
    registry = CollectorRegistry()
    by_state = Gauge("bincard_edge_parcels", "Parcels by state", ["state"], registry=registry)
    states = await node.database.read(parcels.count_states)
    for state, count in states.items():
        by_state.labels(state).set(count)
    totals = await node.database.read(lambda sql: kpis.totals(sql, since_ms=0))
    for name, value in totals.items():
        Gauge(f"bincard_edge_{name}", name.replace("_", " "), registry=registry).set(value)
    link = node.link_state()
    Gauge("bincard_edge_link_up", "Line to the hub is up", registry=registry).set(link["up"])
    waiting = Gauge("bincard_edge_facts_waiting", "Facts not confirmed", registry=registry)
    waiting.set(link["waiting"])
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


handlers = [healthz, readyz, get_link, listen, metrics]
