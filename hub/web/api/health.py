"""Is the hub alive, ready, and what do its meters say; and the description of its interface."""

from __future__ import annotations

from typing import Any

from litestar import Response, get
from litestar.types import ControllerRouterHandler
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from hub.services.kpis import kpis
from hub.web.described import describe
from hub.web.requests import AnyRequest, node_of
from shared.web import meters


@get("/healthz", operation_id="getHealth", opt={"scope": "public"})
async def get_health(request: AnyRequest) -> dict[str, str]:
    """The process answers, and `storage` says how its disk is.

    The status is 200 in any case: a supervisor that restarts a hub with a failing disk takes away
    what can still be read.
    """
    return {"status": "alive", "storage": node_of(request).storage.watch.now.level}


@get("/readyz", operation_id="getReady", opt={"scope": "public"})
async def get_ready(request: AnyRequest) -> Response[dict[str, Any]]:
    """The books can be read and written and the port for warehouses is open.

    A hub process that stands by for the leader on the same books is ready too. Its health is amber
    while facts wait that it could not count, such as those of a newer edge.
    """
    node = node_of(request)
    storage = node.storage.watch
    if storage.takes_new_work:
        await node.books.write(lambda _: None, actor="probe")
    serves = storage.takes_new_work and not node.stopping.is_set()
    port = node.listener is not None and serves
    by = node.stands_by and serves
    links = node.links().values()
    unread = await node.books.read(lambda desk: len(desk.proofs.quarantined()))
    return Response(
        {
            "status": "ready" if port else "standby" if by else storage.now.code or "starting",
            "storage": {
                "level": storage.now.level,
                "message": storage.now.sentence,
                "free_bytes": storage.now.free_bytes,
                "used_percent": storage.now.used_percent,
                "ballast_bytes": storage.now.ballast_bytes,
                "commit_ms": storage.now.commit_ms,
                "found": storage.now.found,
            },
            "warehouses_up": sum(1 for link in links if link.up),
            "warehouses_seen": len(links),
            "health": "amber" if unread else "green",
            "facts_unread": unread,
        },
        status_code=200 if port or by else 503,
    )


@get("/metrics", operation_id="getMetrics", opt={"scope": "public"}, media_type="text/plain")
async def get_metrics(request: AnyRequest) -> Response[bytes]:
    """Meters in Prometheus text form; counts only, nothing about people."""
    node = node_of(request)
    numbers = await node.books.read(kpis)
    unread = await node.books.read(lambda desk: len(desk.proofs.quarantined()))
    registry = CollectorRegistry()
    orders = Gauge("bincard_hub_orders", "Orders by status", ["status"], registry=registry)
    for status, count in numbers.orders_by_status.items():
        orders.labels(status).set(count)
    parcels = Gauge("bincard_hub_parcels", "Parcels by state", ["state"], registry=registry)
    for state, count in numbers.parcels_by_state.items():
        parcels.labels(state).set(count)
    rights = Gauge("bincard_hub_rights_units", "Units by account", ["account"], registry=registry)
    for account, units in numbers.rights.items():
        rights.labels(account).set(units)
    up = Gauge("bincard_hub_link_up", "Line to a warehouse", ["warehouse"], registry=registry)
    lag = Gauge(
        "bincard_hub_link_lag_facts", "Facts told, not counted", ["warehouse"], registry=registry
    )
    for code, link in node.links().items():
        up.labels(code).set(int(link.up))
        lag.labels(code).set(link.lag)
    for name, meaning, value in (
        ("oversold_units", "Units promised beyond what exists", numbers.oversold_units),
        ("facts_replicated", "Facts counted", numbers.facts_replicated),
        ("facts_unread", "Facts kept that could not be counted", unread),
        ("exceptions_open", "Exceptions that wait for a person", numbers.exceptions_open),
    ):
        Gauge(f"bincard_hub_{name}", meaning, registry=registry).set(value)
    meters.add_storage(registry, "bincard_hub", node.storage.watch.now)
    return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")


@get("/schema", operation_id="getSchema", opt={"scope": "public"}, include_in_schema=False)
async def get_schema(request: AnyRequest) -> dict[str, Any]:
    """The description of this interface (OpenAPI 3.1)."""
    return describe(request.app.openapi_schema.to_schema())


handlers: list[ControllerRouterHandler] = [get_health, get_ready, get_metrics, get_schema]
