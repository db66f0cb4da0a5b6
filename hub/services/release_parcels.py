"""Release: a reserved parcel gets its courier and its waybill, and goes to the floor that has it.

A waybill number is given once and for ever. The command to the floor, the number and the parcel's
new state are one transaction, so a parcel is either wholly released or not at all. Where the number
comes later, from the floor's own lease or from the courier, the parcel goes without it: picking
need not wait.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hub.domain.courier_choice import (
    CourierChoice,
    Shipment,
    choose_courier,
    sort_code,
    waybill_number,
)
from hub.domain.orders import parcel_move
from hub.domain.policy import CourierTable
from hub.domain.rows import OrderRow, ParcelLineRow, ParcelRow
from hub.domain.sourcing_split import CARTON_GRAMS
from hub.services.promise import FASTEST, need_order, refresh, save_parcel
from hub.store.protocol import Desk
from shared.domain.catalogue import Recipient
from shared.domain.commands import AssignParcel, ParcelLine

RELEASES_PER_COMMIT: Final = 50
"""Parcels released in one transaction."""


def release_ready(desk: Desk, table: CourierTable) -> int:
    """Release up to RELEASES_PER_COMMIT parcels of enrolled warehouses; return how many."""
    parcels = desk.parcels.releasable(RELEASES_PER_COMMIT)
    for parcel in parcels:
        _release(desk, parcel, table)
    for warehouse in sorted({parcel.warehouse for parcel in parcels}):
        desk.tell(f"commands:{warehouse}")
    return len(parcels)


def _release(desk: Desk, parcel: ParcelRow, table: CourierTable) -> None:
    order = need_order(desk, parcel.order_id)
    lines = desk.parcels.lines(parcel.parcel_id)
    choice = _courier(desk, order, parcel, lines, table)
    courier = next(one for one in table.couriers if one.courier == choice.courier)
    waybill = None
    if courier.numbers == "made":
        waybill = waybill_number(courier, desk.parcels.next_number(f"waybill:{courier.prefix}"))
    else:
        desk.tell("numbers")
    person = desk.orders.person(order.order_id)
    address = person.address
    released = msgspec.structs.replace(
        parcel,
        state=parcel_move(parcel.parcel_id, parcel.state, "release"),
        courier=courier.courier,
        waybill=waybill,
        sort_code=sort_code(address.province, address.city, address.district),
        cut_off_ms=choice.cut_off_ms,
        released_ms=desk.now_ms,
        explanation=_explained(parcel, choice),
    )
    command = AssignParcel(
        parcel_id=parcel.parcel_id,
        order_id=order.order_id,
        channel=order.channel,
        shop=order.shop,
        order_no=order.order_no,
        courier=courier.courier,
        cut_off_ms=choice.cut_off_ms,
        waybill=waybill or "",
        sort_code=released.sort_code,
        recipient=Recipient(
            name=person.buyer.name,
            phone=person.buyer.phone,
            country=address.country,
            province=address.province,
            city=address.city,
            district=address.district,
            street=address.street,
            postcode=address.postcode,
        ),
        lines=tuple(ParcelLine(line.line_no, line.sku, line.quantity) for line in lines),
        buyer_remark=person.buyer_remark,
        order_version=order.version,
    )
    desk.nodes.queue(parcel.warehouse, command, f"assign-{parcel.parcel_id}")
    save_parcel(desk, released)
    refresh(desk, order)


def _courier(
    desk: Desk,
    order: OrderRow,
    parcel: ParcelRow,
    lines: list[ParcelLineRow],
    table: CourierTable,
) -> CourierChoice:
    products = desk.catalogue.products({line.sku for line in lines})
    prices = {line.line_no: line.unit_price_minor for line in desk.orders.lines(order.order_id)}
    address = desk.orders.person(order.order_id).address
    shipment = Shipment(
        weight_grams=CARTON_GRAMS
        + sum(products[line.sku].unit_weight_grams * line.quantity for line in lines),
        volume_mm3=sum(products[line.sku].volume_mm3 * line.quantity for line in lines),
        value_minor=sum(prices.get(line.line_no, 0) * line.quantity for line in lines),
        distance_m=parcel.distance_m,
        province=address.province,
        city=address.city,
        fastest=FASTEST in desk.orders.flags(order.order_id),
    )
    choice = choose_courier(
        table.couriers,
        shipment,
        now_ms=desk.now_ms,
        ship_by_ms=order.ship_by_ms,
        utc_offset_minutes=table.utc_offset_minutes,
    )
    if choice.forced:
        desk.journal.raise_exception(
            "courier_missing", parcel.warehouse, parcel.parcel_id, choice.sentence
        )
    return choice


def _explained(parcel: ParcelRow, choice: CourierChoice) -> msgspec.Raw:
    reasons = msgspec.json.decode(parcel.explanation)
    return msgspec.Raw(msgspec.json.encode(reasons | {"courier": choice}))
