"""Is this node alive, ready, connected; and its figures for a monitoring system."""

from __future__ import annotations

from typing import Any

from litestar import MediaType, Response, get
from litestar.response import ServerSentEvent
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from edge.store import kpis, parcels
from edge.web.api.requests import AnyRequest, language_of, node_of, storage_view
from shared.web import meters

EVENTS = ("waves", "parcels", "exceptions", "receipts", "stock", "link", "health", "ping")
"""Live events of the whole warehouse; those of one station have their own stream."""


@get("/healthz", operation_id="health", media_type=MediaType.TEXT)
async def healthz(request: AnyRequest) -> str:
    """Return `ok`, or the trouble with the disk, while the process answers.

    The status is 200 in any case: a supervisor that restarts a node with a failing disk takes away
    what can still be read.
    """
    return node_of(request).storage.now.code or "ok"


@get("/readyz", operation_id="ready")
async def readyz(request: AnyRequest) -> Response[dict[str, Any]]:
    """Return 200 once the books can be written and there is room for new work, else 503."""
    node = node_of(request)
    if node.storage.takes_new_work:
        await node.database.write(lambda tx: parcels.count_states(tx.sql))
    return Response(
        {
            "ready": node.storage.takes_new_work,
            "warehouse": node.site.warehouse,
            "storage": storage_view(node, language_of(request)),
        },
        status_code=200 if node.storage.takes_new_work else 503,
    )


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
    meters.add_storage(registry, "bincard_edge", node.storage.now)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


handlers = [healthz, readyz, get_link, listen, metrics]
