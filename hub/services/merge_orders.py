"""Merge: orders of one buyer to one door leave one warehouse in one box when that saves a parcel.

A buyer who orders twice in an hour wants one parcel, and so does the house that pays for it. Where
the house has a merge window, a promised parcel waits that long for company before its floor gets
it; an order that comes meanwhile prefers the warehouse where a box waits. Until the box is released
each order can be changed or cancelled as if it were alone. Buyer and door are recognised by
digests (`hub.domain.order_keys`), never by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hub.domain.courier_choice import (
    FLOOR_MINUTES,
    MINUTE_MS,
    CourierChoice,
    Load,
    Shipment,
    choose_courier,
)
from hub.domain.depots import CARTON_GRAMS
from hub.domain.policy import CourierTable
from hub.domain.rows import OrderRow, ParcelRow
from hub.store.protocol import Desk
from shared.domain.errors import NotFound

PARCELS_PER_BOX_MAX: Final = 10
"""Parcels of different orders in one box."""
FASTEST: Final = "vip"
"""Orders with this mark go with the courier that arrives first."""
LEAD_MS: Final = MINUTE_MS
"""A parcel stops waiting for company so long before its floor would be late for the courier."""


def wait_until_ms(desk: Desk, order: OrderRow, cut_off_ms: int) -> int:
    """Return until when a parcel waits for company; `cut_off_ms` is its courier's, 0: unknown."""
    window_ms = desk.policy.sourcing.merge_window_minutes * MINUTE_MS
    if not window_ms or FASTEST in desk.orders.flags(order.order_id):
        return 0
    until_ms = min(order.received_ms, desk.now_ms) + window_ms
    if cut_off_ms:
        until_ms = min(until_ms, cut_off_ms - FLOOR_MINUTES * MINUTE_MS - LEAD_MS)
    return until_ms


def waiting_boxes(desk: Desk, order_id: str) -> dict[str, Load]:
    """Return what other orders have waiting for company to the order's door, per warehouse."""
    if not desk.policy.sourcing.merge_window_minutes:
        return {}
    parcels: dict[str, list[ParcelRow]] = {}
    for parcel in desk.parcels.to_same_door(order_id, PARCELS_PER_BOX_MAX):
        if parcel.order_id != order_id:
            parcels.setdefault(parcel.warehouse, []).append(parcel)
    return {warehouse: load_of(desk, found) for warehouse, found in parcels.items()}


def with_company(desk: Desk, parcel: ParcelRow, table: CourierTable) -> list[ParcelRow]:
    """Return `parcel` and those that leave in its box.

    Company must cost nothing that matters: the box leaves in time for each order that would be in
    time alone, a courier takes it, and it is no dearer than the boxes it saves.
    """
    box = [parcel]
    if not desk.policy.sourcing.merge_window_minutes:
        return box
    for other in desk.parcels.to_same_door(parcel.order_id, PARCELS_PER_BOX_MAX * 2):
        if other.warehouse != parcel.warehouse or other.parcel_id == parcel.parcel_id:
            continue
        if len(box) < PARCELS_PER_BOX_MAX and _gains(desk, box, other, table):
            box.append(other)
    return box


def _gains(desk: Desk, box: list[ParcelRow], other: ParcelRow, table: CourierTable) -> bool:
    apart = choose_for(desk, box, table), choose_for(desk, [other], table)
    together = choose_for(desk, [*box, other], table)
    fixed_minor = desk.policy.sourcing.parcel_fixed_minor
    # The box is looked at with the earliest ship-by time of all in it.
    late = not _in_time(together) and all(map(_in_time, apart))
    dearer = together.price_minor > sum(one.price_minor for one in apart) + fixed_minor
    return not (together.forced or late or dearer)


def _in_time(choice: CourierChoice) -> bool:
    return next(quote.in_time for quote in choice.quotes if quote.courier == choice.courier)


def load_of(desk: Desk, parcels: Sequence[ParcelRow]) -> Load:
    """Return what lies in a box with these parcels, the carton left out."""
    grams = volume = value = 0
    for parcel in parcels:
        lines = desk.parcels.lines(parcel.parcel_id)
        products = desk.catalogue.products({line.sku for line in lines})
        prices = {
            line.line_no: line.unit_price_minor for line in desk.orders.lines(parcel.order_id)
        }
        for line in lines:
            grams += products[line.sku].unit_weight_grams * line.quantity
            volume += products[line.sku].volume_mm3 * line.quantity
            value += prices.get(line.line_no, 0) * line.quantity
    return Load(grams, volume, value)


def choose_for(desk: Desk, parcels: Sequence[ParcelRow], table: CourierTable) -> CourierChoice:
    """Return the courier for a box with these parcels; the first says where it goes."""
    first = parcels[0]
    orders = [_order(desk, one.order_id) for one in parcels]
    address = desk.orders.person(first.order_id).address
    load = load_of(desk, parcels)
    return choose_courier(
        table.couriers,
        Shipment(
            weight_grams=CARTON_GRAMS + load.weight_grams,
            volume_mm3=load.volume_mm3,
            value_minor=load.value_minor,
            distance_m=first.distance_m,
            province=address.province,
            city=address.city,
            fastest=any(FASTEST in desk.orders.flags(one.order_id) for one in orders),
        ),
        now_ms=desk.now_ms,
        ship_by_ms=min((one.ship_by_ms for one in orders if one.ship_by_ms), default=0),
        utc_offset_minutes=table.utc_offset_minutes,
    )


def _order(desk: Desk, order_id: str) -> OrderRow:
    order = desk.orders.get(order_id)
    if order is None:
        raise NotFound("order_unknown", f"Failed to find order {order_id[:64]!r}.")
    return order
