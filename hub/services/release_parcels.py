"""Release: a reserved parcel gets its courier and its waybill, and goes to the floor that has it.

A waybill number is given once and for ever. The command to the floor, the number and the parcel's
new state are one transaction, so a parcel is either wholly released or not at all. Where the number
comes later, from the floor's own lease or from the courier, the parcel goes without it: picking
need not wait.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import msgspec

from hub.domain.courier_choice import CourierChoice, sort_code, waybill_number
from hub.domain.orders import parcel_move
from hub.domain.policy import CourierTable
from hub.domain.rows import ParcelLineRow, ParcelRow
from hub.services.boxes import lines_of_box
from hub.services.merge_orders import choose_for, with_company
from hub.services.promise import need_order, refresh, save_parcel
from hub.store.protocol import Desk
from shared.domain.commands import AssignParcel
from shared.domain.facts import BoxPart

RELEASES_PER_COMMIT: Final = 50
"""Parcels released in one transaction."""


def release_ready(desk: Desk, table: CourierTable) -> int:
    """Release up to RELEASES_PER_COMMIT parcels of enrolled warehouses; return how many.

    Call it once the warehouses were heard.
    """
    desk.nodes.end_roll_call()
    parcels = desk.parcels.releasable(desk.now_ms, RELEASES_PER_COMMIT)
    gone: set[str] = set()
    for parcel in parcels:
        if parcel.parcel_id not in gone:
            box = with_company(desk, parcel, table)
            gone.update(one.parcel_id for one in box)
            _release(desk, box, table)
    for warehouse in sorted({parcel.warehouse for parcel in parcels}):
        desk.tell(f"commands:{warehouse}")
    return len(gone)


def _release(desk: Desk, box: list[ParcelRow], table: CourierTable) -> None:
    """Release one box: the first parcel's name and address, a waybill, and what is in it."""
    choice = choose_for(desk, box, table)
    if choice.forced:
        desk.journal.raise_exception(
            "courier_missing", box[0].warehouse, box[0].parcel_id, choice.sentence
        )
    courier = next(one for one in table.couriers if one.courier == choice.courier)
    waybill = None
    if courier.numbers == "made":
        waybill = waybill_number(courier, desk.parcels.next_number(f"waybill:{courier.prefix}"))
    else:
        desk.tell("numbers")
    address = desk.orders.person(box[0].order_id).address
    released = [
        msgspec.structs.replace(
            parcel,
            state=parcel_move(parcel.parcel_id, parcel.state, "release"),
            courier=courier.courier,
            waybill=waybill if parcel is box[0] else None,
            sort_code=sort_code(address.province, address.city, address.district),
            cut_off_ms=choice.cut_off_ms,
            released_ms=desk.now_ms,
            explanation=_explained(parcel, choice, box),
            joined_to=box[0].parcel_id if len(box) > 1 else "",
        )
        for parcel in box
    ]
    desk.nodes.queue(box[0].warehouse, _command(desk, released), f"assign-{box[0].parcel_id}")
    for parcel in released:
        save_parcel(desk, parcel)
        refresh(desk, need_order(desk, parcel.order_id))


def _command(desk: Desk, box: list[ParcelRow]) -> AssignParcel:
    first = box[0]
    order = need_order(desk, first.order_id)
    shares = [desk.parcels.lines(parcel.parcel_id) for parcel in box]
    return AssignParcel(
        parcel_id=first.parcel_id,
        order_id=order.order_id,
        channel=order.channel,
        shop=order.shop,
        order_no=order.order_no,
        courier=first.courier,
        cut_off_ms=first.cut_off_ms or 0,
        waybill=first.waybill or "",
        sort_code=first.sort_code,
        recipient=desk.orders.person(first.order_id).recipient(),
        lines=lines_of_box(shares),
        buyer_remark=_remarks(desk, box),
        order_version=order.version,
        parts=() if len(box) == 1 else tuple(map(partial(_part, desk), box, shares)),
    )


def _part(desk: Desk, parcel: ParcelRow, lines: list[ParcelLineRow]) -> BoxPart:
    order = need_order(desk, parcel.order_id)
    return BoxPart(
        parcel_id=parcel.parcel_id,
        order_id=order.order_id,
        channel=order.channel,
        shop=order.shop,
        order_no=order.order_no,
        order_version=order.version,
        line_nos=tuple(line.line_no for line in lines),
    )


def _remarks(desk: Desk, box: list[ParcelRow]) -> str:
    remarks = (desk.orders.person(parcel.order_id).buyer_remark for parcel in box)
    return " / ".join(dict.fromkeys(remark for remark in remarks if remark))


def _explained(parcel: ParcelRow, choice: CourierChoice, box: list[ParcelRow]) -> msgspec.Raw:
    reasons = msgspec.json.decode(parcel.explanation) | {"courier": choice}
    if len(box) > 1:
        reasons["box"] = (
            f"{len(box)} orders' goods to the same buyer and door leave in one box under one "
            "waybill."
        )
    return msgspec.Raw(msgspec.json.encode(reasons))
