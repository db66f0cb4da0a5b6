"""Couriers: what they ask and when they come, and the waybill numbers they handed out."""

from __future__ import annotations

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from hub.domain.courier_choice import Courier
from hub.services.waybill_numbers import (
    LevelRequest,
    NumbersReport,
    NumbersRequest,
    NumbersView,
    load_numbers,
    need_courier,
    set_level,
    view_numbers,
)
from hub.services.waybill_requests import ask_again
from hub.store.protocol import Desk
from hub.web.requests import AnyRequest, node_of, principal_of


class Retried(msgspec.Struct, frozen=True, kw_only=True):
    """For how many parcels a courier is asked again."""

    parcels: int


@get("/api/v1/couriers", operation_id="listCouriers", opt={"scope": "orders:read"})
async def list_couriers(request: AnyRequest) -> list[Courier]:
    """List the couriers with cut-offs (minutes after local midnight) and prices per zone."""
    return list(node_of(request).settings.couriers)


@get(
    "/api/v1/couriers/{courier:str}/numbers",
    operation_id="getCourierNumbers",
    opt={"scope": "orders:read"},
)
async def get_numbers(request: AnyRequest, courier: FromPath[str]) -> NumbersView:
    """Return how a courier's waybill numbers stand: in the pool, lent, on parcels, void."""
    found = need_courier(node_of(request).settings.couriers, courier)
    views = await node_of(request).books.read(lambda desk: view_numbers(desk, (found,)))
    return views[0]


@post(
    "/api/v1/couriers/{courier:str}/numbers",
    operation_id="loadCourierNumbers",
    opt={"scope": "stock:write"},
    status_code=200,
)
async def post_numbers(
    request: AnyRequest, courier: FromPath[str], data: JSONBody[NumbersRequest]
) -> NumbersReport:
    """Load ranges of waybill numbers that the courier handed out.

    The same numbers again count once; a bad range is told with its line and keeps no other out.
    """
    node = node_of(request)
    node.storage.watch.expect_room()
    found = need_courier(node.settings.couriers, courier)
    return await load_numbers(node.books, found, data, actor=principal_of(request).name)


@post(
    "/api/v1/couriers/{courier:str}/levels",
    operation_id="setCourierLevel",
    opt={"scope": "stock:write"},
    status_code=200,
)
async def post_level(
    request: AnyRequest, courier: FromPath[str], data: JSONBody[LevelRequest]
) -> NumbersView:
    """Set how many free numbers a warehouse should have; null lets its use decide.

    Numbers above the level come back when the warehouse has said that it gave them up.
    """
    node = node_of(request)
    found = need_courier(node.settings.couriers, courier)

    def work(desk: Desk) -> NumbersView:
        set_level(desk, found, data)
        return view_numbers(desk, (found,))[0]

    return await node.books.write(work, actor=principal_of(request).name)


@post(
    "/api/v1/couriers/{courier:str}/retry",
    operation_id="retryCourier",
    opt={"scope": "stock:write"},
    status_code=200,
)
async def post_retry(request: AnyRequest, courier: FromPath[str]) -> Retried:
    """Ask a courier again for the numbers of parcels that were given up."""
    node = node_of(request)
    found = need_courier(node.settings.couriers, courier)
    count = await node.books.write(
        lambda desk: ask_again(desk, found.courier), actor=principal_of(request).name
    )
    return Retried(parcels=count)


handlers: list[ControllerRouterHandler] = [
    list_couriers,
    get_numbers,
    post_numbers,
    post_level,
    post_retry,
]
