"""How an order is shown: where each unit comes from, what became of it, and why.

Names, phones, streets and remarks are masked unless the reader may see personal data; each such
reading is on the audit log.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from hub.domain.presale_rows import PresalePromise
from hub.domain.review import Hit
from hub.domain.rows import Event, OrderLineRow, OrderRow, ParcelLineRow, ParcelRow, Person
from hub.services.boxes import box_of
from hub.store.protocol import Desk
from shared.domain.catalogue import masked_name, masked_phone

HISTORY_MAX: Final = 500
"""Lines of history in one answer."""
HIDDEN: Final = "***"
PENDING_IN: Final = frozenset({"released", "picking", "picked", "packed"})
"""States in which a parcel without a waybill number waits for it."""


class AllocationView(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a line that one warehouse sends."""

    warehouse: str
    quantity: int
    parcel_id: str
    state: str


class LineView(msgspec.Struct, frozen=True, kw_only=True):
    """One order line. `warehouse` sends most of it; `allocations` tells all of it.

    `returned` units have left and come back; the order stays `shipped`.
    """

    line_no: int
    sku: str
    quantity: int
    unit_price_minor: int
    currency: str
    warehouse: str | None
    backordered: int
    returned: int
    allocations: tuple[AllocationView, ...]
    presale: int
    """Units of `backordered` that were sold in presale, to leave by `expected_ship_date`."""
    expected_ship_date: str | None


class ParcelLineView(msgspec.Struct, frozen=True, kw_only=True):
    """Units in a parcel and what became of them."""

    line_no: int
    sku: str
    quantity: int
    picked: int
    short: int
    shipped: int
    returned: int


class ParcelView(msgspec.Struct, frozen=True, kw_only=True):
    """One parcel with its tracking number (`waybill`).

    Parcels of several orders with the same `joined_to` leave in one box, under one waybill.
    `waybill_pending`: its floor has it, and its number comes later.
    """

    parcel_id: str
    order_id: str
    warehouse: str
    state: str
    courier: str
    waybill: str | None
    joined_to: str | None
    waybill_pending: bool
    sort_code: str
    cut_off_at: str | None
    manifest: str
    weight_grams: int | None
    labels: int
    distance_m: int | None
    released_at: str | None
    packed_at: str | None
    shipped_at: str | None
    explanation: dict[str, Any]
    lines: tuple[ParcelLineView, ...]


class RecipientView(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets it; masked unless `masked` is false."""

    masked: bool
    name: str
    phone: str
    country: str
    province: str
    city: str
    district: str
    street: str
    postcode: str
    buyer_remark: str


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of history or of the change feed."""

    event_id: int
    at: str
    kind: str
    order_id: str | None
    parcel_id: str | None
    warehouse: str | None
    data: dict[str, Any]


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """One order as every answer shows it."""

    order_id: str
    channel: str
    shop: str
    order_no: str
    version: int
    status: str
    placed_at: str
    ship_by: str | None
    received_at: str
    changed_at: str
    lines: tuple[LineView, ...]
    parcels: tuple[ParcelView, ...]
    held_because: tuple[Hit, ...]
    flags: tuple[str, ...]
    explanation: dict[str, Any]


class OrderDetail(OrderView, frozen=True, kw_only=True):
    """One order with its recipient and its history."""

    recipient: RecipientView
    history: tuple[EventView, ...]


def iso(at_ms: int | None) -> str | None:
    """Return milliseconds since 1970 UTC as RFC 3339, None for None or 0."""
    if not at_ms:
        return None
    moment = datetime.fromtimestamp(at_ms / 1000, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def view_order(desk: Desk, order: OrderRow) -> OrderView:
    """Return an order without personal data."""
    return OrderView(**_fields(desk, order))


def view_detail(desk: Desk, order: OrderRow, *, unmask: bool) -> OrderDetail:
    """Return an order with recipient and history; `unmask` shows personal data."""
    events = desk.journal.order_events(order.order_id, HISTORY_MAX)
    return OrderDetail(
        **_fields(desk, order),
        recipient=view_recipient(desk.orders.person(order.order_id), unmask=unmask),
        history=tuple(view_event(event) for event in events),
    )


def _fields(desk: Desk, order: OrderRow) -> dict[str, Any]:
    parcels = [
        (parcel, desk.parcels.lines(parcel.parcel_id))
        for parcel in desk.parcels.of_order(order.order_id)
    ]
    lines = desk.orders.lines(order.order_id)
    presold = desk.presales.of_order(order.order_id) if order.status == "backordered" else []
    return {
        "order_id": order.order_id,
        "channel": order.channel,
        "shop": order.shop,
        "order_no": order.order_no,
        "version": order.version,
        "status": order.status,
        "placed_at": iso(order.placed_ms) or "",
        "ship_by": iso(order.ship_by_ms),
        "received_at": iso(order.received_ms) or "",
        "changed_at": iso(order.changed_ms) or "",
        "lines": tuple(_line(line, parcels, presold) for line in lines),
        "parcels": tuple(_parcel(desk, parcel, carried) for parcel, carried in parcels),
        "held_because": order.reasons,
        "flags": desk.orders.flags(order.order_id),
        "explanation": msgspec.json.decode(order.explanation),
    }


def _line(
    line: OrderLineRow,
    parcels: list[tuple[ParcelRow, list[ParcelLineRow]]],
    presold: list[PresalePromise],
) -> LineView:
    presale = [one for one in presold if one.line_no == line.line_no]
    allocations = tuple(
        AllocationView(
            warehouse=parcel.warehouse,
            quantity=carried.quantity - carried.shorted,
            parcel_id=parcel.parcel_id,
            state=parcel.state,
        )
        for parcel, all_carried in parcels
        for carried in all_carried
        if carried.line_no == line.line_no
        and parcel.state not in {"cancelled", "short"}
        and carried.quantity > carried.shorted
    )
    most = max(allocations, key=lambda one: one.quantity, default=None)
    return LineView(
        line_no=line.line_no,
        sku=line.sku,
        quantity=line.quantity,
        unit_price_minor=line.unit_price_minor,
        currency=line.currency,
        warehouse=None if most is None else most.warehouse,
        backordered=line.missing,
        returned=sum(
            carried.returned
            for _, all_carried in parcels
            for carried in all_carried
            if carried.line_no == line.line_no
        ),
        allocations=allocations,
        presale=sum(one.units for one in presale),
        expected_ship_date=max((one.ship_date for one in presale), default=None),
    )


def view_parcel(desk: Desk, parcel: ParcelRow) -> ParcelView:
    """Return one parcel with its lines."""
    return _parcel(desk, parcel, desk.parcels.lines(parcel.parcel_id))


def _parcel(desk: Desk, parcel: ParcelRow, lines: list[ParcelLineRow]) -> ParcelView:
    box = box_of(desk, parcel)
    return ParcelView(
        parcel_id=parcel.parcel_id,
        order_id=parcel.order_id,
        warehouse=parcel.warehouse,
        state=parcel.state,
        courier=box.courier,
        waybill=box.waybill,
        waybill_pending=box.waybill is None and box.state in PENDING_IN,
        joined_to=parcel.joined_to or None,
        sort_code=parcel.sort_code,
        cut_off_at=iso(parcel.cut_off_ms),
        manifest=parcel.manifest,
        weight_grams=parcel.weight_grams,
        labels=parcel.labels,
        distance_m=parcel.distance_m,
        released_at=iso(parcel.released_ms),
        packed_at=iso(parcel.packed_ms),
        shipped_at=iso(parcel.shipped_ms),
        explanation=msgspec.json.decode(parcel.explanation),
        lines=tuple(
            ParcelLineView(
                line_no=line.line_no,
                sku=line.sku,
                quantity=line.quantity,
                picked=line.picked,
                short=line.shorted,
                shipped=line.shipped,
                returned=line.returned,
            )
            for line in lines
        ),
    )


def view_recipient(person: Person, *, unmask: bool) -> RecipientView:
    """Return who gets an order; masked by default."""
    address = person.address

    def hide(text: str) -> str:
        return text if unmask or not text else HIDDEN

    return RecipientView(
        masked=not unmask,
        name=person.buyer.name if unmask else masked_name(person.buyer.name),
        phone=person.buyer.phone if unmask else masked_phone(person.buyer.phone),
        country=address.country,
        province=address.province,
        city=address.city,
        district=address.district,
        street=hide(address.street),
        postcode=hide(address.postcode),
        buyer_remark=hide(person.buyer_remark),
    )


def view_event(event: Event) -> EventView:
    """Return one line of the change feed."""
    return EventView(
        event_id=event.event_id,
        at=iso(event.at_ms) or "",
        kind=event.kind,
        order_id=event.order_id,
        parcel_id=event.parcel_id,
        warehouse=event.warehouse,
        data=msgspec.json.decode(event.data),
    )
