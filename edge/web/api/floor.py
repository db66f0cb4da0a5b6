"""Waves, pick lists, what waits for a person, and the figures of the day."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody

from edge.services.plan_routes import plan_routes
from edge.services.plan_wave import remember_planning
from edge.services.solve import SolveRequest, solve
from edge.services.station_view import pick_list_view
from edge.store import exceptions, kpis, operations, pick_lists, waves
from edge.web.api.requests import AnyRequest, InState, absent, language_of, node_of, sentence

OK: Final = 200
DAY_MS: Final = 86_400_000


class PlanRequest(msgspec.Struct, frozen=True):
    """Plan all waiting parcels now; `op_id` names the operation."""

    op_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


@get("/api/v1/waves", operation_id="listWaves")
async def list_waves(request: AnyRequest) -> dict[str, Any]:
    """Return the latest waves with their progress."""
    rows = await node_of(request).database.read(waves.summaries)
    return {"waves": [row._asdict() for row in rows]}


@post("/api/v1/waves", operation_id="planWaves", status_code=OK)
async def plan_waves(request: AnyRequest, data: JSONBody[PlanRequest]) -> dict[str, Any]:
    """Turn all waiting parcels into waves. A repeat gets the first answer and plans nothing."""
    node = node_of(request)
    first = await node.database.read(lambda sql: operations.find(sql, data.op_id))
    if first is None:
        node.storage.expect_room()
        planned = await node.plan_waves(data.op_id)
        first = await node.database.write(
            lambda tx: remember_planning(node.floor(tx, data.op_id, "http"), planned)
        )
    answer: dict[str, Any] = msgspec.json.decode(first.answer)
    return {"op_id": data.op_id} | answer


@get("/api/v1/pick-lists", operation_id="listPickLists")
async def list_pick_lists(request: AnyRequest, in_state: InState = "") -> dict[str, Any]:
    """Return pick lists in the order their couriers leave."""
    rows = await node_of(request).database.read(
        lambda sql: pick_lists.summaries(sql, state=in_state)
    )
    return {"pick_lists": [row._asdict() for row in rows]}


@get("/api/v1/pick-lists/{pick_list:str}", operation_id="getPickList")
async def get_pick_list(request: AnyRequest, pick_list: FromPath[str]) -> dict[str, Any]:
    """Return one pick list with all that a handheld needs to work without a network."""
    node = node_of(request)
    view = await node.database.read(lambda sql: pick_list_view(sql, pick_list, node.site))
    if view is None:
        raise absent("pick list", pick_list)
    return view


@get("/api/v1/exceptions", operation_id="listExceptions")
async def list_exceptions(request: AnyRequest) -> dict[str, Any]:
    """Return what waits for a person, oldest first, each with its sentence."""
    node, language = node_of(request), language_of(request)
    rows = await node.database.read(exceptions.waiting)
    return {
        "exceptions": [
            row._asdict() | {"message": sentence(node.catalogue, language, row.code, row.params)}
            for row in rows
        ]
    }


@post("/api/v1/exceptions/{exception_id:str}/solve", operation_id="solveException", status_code=OK)
async def solve_exception(
    request: AnyRequest, exception_id: FromPath[str], data: JSONBody[SolveRequest]
) -> dict[str, Any]:
    """Settle one exception in the name of a badge. Repeats change nothing."""
    node = node_of(request)
    solved = await node.database.write(
        lambda tx: solve(node.floor(tx, data.op_id, data.badge), exception_id, data.badge)
    )
    return {"exception_id": exception_id, "outcome": "accepted" if solved else "duplicate"}


@get("/api/v1/kpis", operation_id="getKpis")
async def get_kpis(request: AnyRequest) -> dict[str, Any]:
    """Return the last 24 hours in figures and the work against the cut-offs."""
    node = node_of(request)
    now_ms = node.clock.wall_ms()
    since_ms = now_ms - DAY_MS
    totals = await node.database.read(lambda sql: kpis.totals(sql, since_ms=since_ms))
    cut_offs = await node.database.read(lambda sql: kpis.cut_offs(sql, since_ms=since_ms))
    return {"now_ms": now_ms, "since_ms": since_ms, **totals, "cut_offs": cut_offs}


@post("/api/v1/planning/routes", operation_id="planRoutes", status_code=OK)
async def post_routes(request: AnyRequest) -> dict[str, Any]:
    """Return the shortest walk for each pick list sent; nothing is stored."""
    answer: dict[str, Any] = msgspec.to_builtins(plan_routes(await request.body()))
    return answer


handlers = [
    list_waves,
    plan_waves,
    list_pick_lists,
    get_pick_list,
    list_exceptions,
    solve_exception,
    get_kpis,
    post_routes,
]
