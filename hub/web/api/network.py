"""The warehouses and what leaves them: lines, lag, books, shipments."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from hub.domain.rows import WarehouseState
from hub.services.order_views import ParcelView, iso, view_parcel
from hub.services.quotas import QuotaRequest, QuotaView, quota_of, set_quota
from hub.store.protocol import Desk
from hub.sync.listener import LinkView
from hub.web.requests import AnyRequest, Page, filters_of, node_of, page_of, page_size, principal_of
from shared.domain.errors import NotFound


class LinkStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The line to one warehouse. `lag_facts` are told but not counted yet."""

    up: bool
    since: str | None
    heard_at: str | None
    lag_facts: int
    app_version: str


class BooksStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The last comparison of a warehouse's books with the hub's mirror; null before the first."""

    match: bool | None
    checked_at: str | None
    edge_units: int | None
    hub_units: int | None


class WarehouseView(msgspec.Struct, frozen=True, kw_only=True):
    """One warehouse and how it stands with the hub."""

    warehouse: str
    name: str
    latitude: float
    longitude: float
    enrolled: bool
    link: LinkStatus
    applied_seq: int
    commands_waiting: int
    books: BooksStatus
    units_on_hand: int
    units_loading: int
    disputes: int
    quota: tuple[QuotaView, ...]
    """Rights lent to this warehouse's own counter, per SKU."""


def _view(
    state: WarehouseState, link: LinkView | None, quota: tuple[QuotaView, ...]
) -> WarehouseView:
    check = state.last_check
    return WarehouseView(
        warehouse=state.warehouse.warehouse,
        name=state.warehouse.name,
        latitude=state.warehouse.latitude_microdegrees / 1_000_000,
        longitude=state.warehouse.longitude_microdegrees / 1_000_000,
        enrolled=state.enrolled,
        link=LinkStatus(
            up=link is not None and link.up,
            since=None if link is None else iso(link.since_ms),
            heard_at=None if link is None else iso(link.heard_ms),
            lag_facts=0 if link is None else link.lag,
            app_version="" if link is None else link.app_version,
        ),
        applied_seq=state.applied_seq,
        commands_waiting=state.commands_waiting,
        books=BooksStatus(
            match=None if check is None else check.matches,
            checked_at=None if check is None else iso(check.at_ms),
            edge_units=None if check is None else check.edge_units,
            hub_units=None if check is None else check.hub_units,
        ),
        units_on_hand=state.units_on_hand,
        units_loading=state.units_loading,
        disputes=state.disputes,
        quota=quota,
    )


async def _views(request: AnyRequest) -> list[WarehouseView]:
    node = node_of(request)

    def query(desk: Desk) -> list[tuple[WarehouseState, tuple[QuotaView, ...]]]:
        return [
            (state, quota_of(desk, state.warehouse.warehouse)) for state in desk.catalogue.states()
        ]

    found = await node.books.read(query)
    links = node.links()
    return [_view(state, links.get(state.warehouse.warehouse), quota) for state, quota in found]


@get("/api/v1/warehouses", operation_id="listWarehouses", opt={"scope": "stock:read"})
async def list_warehouses(request: AnyRequest) -> list[WarehouseView]:
    """List all warehouses with their lines and books."""
    return await _views(request)


@get(
    "/api/v1/warehouses/{warehouse:str}",
    operation_id="getWarehouse",
    opt={"scope": "stock:read"},
)
async def get_warehouse(request: AnyRequest, warehouse: FromPath[str]) -> WarehouseView:
    """Return one warehouse."""
    for view in await _views(request):
        if view.warehouse == warehouse:
            return view
    raise NotFound("warehouse_unknown", f"Failed to find warehouse {warehouse[:32]!r}.")


@post(
    "/api/v1/warehouses/{warehouse:str}/quota",
    operation_id="setQuota",
    opt={"scope": "stock:write"},
    status_code=200,
)
async def post_quota(
    request: AnyRequest, warehouse: FromPath[str], data: JSONBody[QuotaRequest]
) -> QuotaView:
    """Set how many units of a SKU a warehouse should be able to sell by itself; 0 takes them back.

    The answer shows the quota as it is now; rights move within seconds, and back only when the
    warehouse has said that it gave them up. The same target again changes nothing.
    """
    return await node_of(request).books.write(
        lambda desk: set_quota(desk, warehouse, data), actor=principal_of(request).name
    )


@get("/api/v1/shipments", operation_id="listShipments", opt={"scope": "orders:read"})
async def list_shipments(
    request: AnyRequest,
    in_state: Annotated[str | None, QueryParameter(name="state")] = None,
    warehouse: FromQuery[str | None] = None,
    courier: FromQuery[str | None] = None,
    waybill: FromQuery[str | None] = None,
    order_id: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
) -> Page[ParcelView]:
    """List parcels with their tracking numbers, newest first."""
    size = page_size(limit)
    filters = filters_of(
        state=in_state, warehouse=warehouse, courier=courier, waybill=waybill, order_id=order_id
    )

    def query(desk: Desk) -> Page[ParcelView]:
        rows, after = page_of(
            desk.parcels.page(filters, cursor or "", size + 1), size, lambda row: row.parcel_id
        )
        return Page([view_parcel(desk, row) for row in rows], after)

    return await node_of(request).books.read(query)


@get(
    "/api/v1/shipments/{parcel_id:str}",
    operation_id="getShipment",
    opt={"scope": "orders:read"},
)
async def get_shipment(request: AnyRequest, parcel_id: FromPath[str]) -> ParcelView:
    """Return one parcel."""

    def query(desk: Desk) -> ParcelView:
        parcel = desk.parcels.get(parcel_id)
        if parcel is None:
            raise NotFound("parcel_unknown", f"Failed to find parcel {parcel_id[:64]!r}.")
        return view_parcel(desk, parcel)

    return await node_of(request).books.read(query)


handlers: list[ControllerRouterHandler] = [
    list_warehouses,
    get_warehouse,
    post_quota,
    list_shipments,
    get_shipment,
]
