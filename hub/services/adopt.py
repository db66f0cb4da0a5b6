"""Parcels that a floor knows and this hub forgot are taken into the books, not called back.

The floor's log says what it took on: which order of which shop, which units, which waybill. The hub
moves the rights as it did the first time, in the order of the log, and goes on as if it had never
forgotten. An order it does not know is noted by its shop's number, without a person; it is complete
when the shop sends it again. Once every warehouse has told everything, each such order is compared
with what the shop wants: what is one too many is called back, what is lacking is promised.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hub.domain.courier_choice import waybill_parts
from hub.domain.orders import OVER
from hub.domain.rebuilding import find_surplus
from hub.domain.rows import OrderRow, ParcelLineRow, ParcelRow, Warehouse
from hub.services.boxes import parcels_in
from hub.services.decide_order import ask_floor
from hub.services.order_lines import (
    copy_from_parcels,
    count_missing,
    held_parcels,
    ordered_goods,
)
from hub.services.presale import end_if_served
from hub.services.promise import (
    drop_reserved,
    need_order,
    promise_missing,
    refresh,
    save_parcel,
)
from hub.services.reservations import end_early
from hub.services.shop_rights import make_way, sold_before
from hub.store.protocol import Desk
from shared.domain.catalogue import Product
from shared.domain.facts import AssignedParcel, FactRecord

SURPLUS: Final = "the order leaves in another parcel"
SETTLED_PER_COMMIT: Final = 25
"""Orders compared with their shop's wish in one transaction."""


def adopt(desk: Desk, record: FactRecord, told: AssignedParcel) -> None:
    """Take what a floor took on into the books, unless they have it: a parcel, or all of a box."""
    box = told.parcel_id if told.parts else ""
    for one in parcels_in(told):
        _adopt(desk, record, one, box)


def _adopt(desk: Desk, record: FactRecord, told: AssignedParcel, box: str) -> None:
    known = desk.parcels.get(told.parcel_id)
    withdrawn = known is not None and known.state == "cancelled" and known.released_ms is None
    if known is not None and not withdrawn:
        _follow_floor(desk, record, known, told, box)
        return
    # One that was withdrawn here as if no floor had it gets its rights a second time.
    learn_warehouse(desk, record.node)
    for line in told.lines:
        learn_product(desk, record.node, line.sku, "none")
    if desk.orders.by_key(told.channel, told.shop, told.order_no) is None:
        sold_before(desk, record.node, told)
    order = _order_of(desk, told)
    row = _parcel_row(desk, record, told, order.order_id)
    desk.parcels.put(msgspec.structs.replace(row, joined_to=box))
    lines, lacking = _with_rights(desk, record, told)
    desk.parcels.put_lines(told.parcel_id, lines)
    for line_no, units in lacking:
        desk.nodes.note_uncovered(told.parcel_id, line_no, units)
    desk.nodes.learn_parcel(told.parcel_id, order.order_id, told.order_version)
    if order.version == 0:
        copy_from_parcels(desk, order)
    else:
        count_missing(desk, order)
    desk.journal.event(
        "parcel_learnt",
        order_id=order.order_id,
        parcel_id=told.parcel_id,
        warehouse=record.node,
        data={"waybill": told.waybill},
    )
    end_if_served(desk, order.order_id)
    # A floor has it, so somebody had let it go.
    refresh(desk, msgspec.structs.replace(order, held=False))
    if record.node not in desk.nodes.recovering():
        cover_parcels(desk, record.node)
    desk.tell("recovery")


def _follow_floor(
    desk: Desk, record: FactRecord, known: ParcelRow, told: AssignedParcel, box: str
) -> None:
    """Books older than the floor: the parcel was released under this waybill."""
    if known.warehouse != record.node or known.state in OVER:
        return
    if known.released_ms is not None and (not told.waybill or known.waybill == told.waybill):
        return
    after = msgspec.structs.replace(
        known,
        state="released" if known.state == "reserved" else known.state,
        courier=told.courier,
        waybill=_free_waybill(desk, record, told),
        sort_code=told.sort_code,
        cut_off_ms=told.cut_off_ms,
        released_ms=known.released_ms or record.wall_ms,
        joined_to=box,
    )
    save_parcel(desk, after)
    order = need_order(desk, known.order_id)
    if order.version < told.order_version:
        order = _known_no_more(desk, order)
    desk.nodes.learn_parcel(known.parcel_id, order.order_id, told.order_version)
    refresh(desk, msgspec.structs.replace(order, held=False))
    desk.tell("recovery")


def _parcel_row(desk: Desk, record: FactRecord, told: AssignedParcel, order_id: str) -> ParcelRow:
    why = f"{record.node} had taken it on before this hub knew of it."
    return ParcelRow(
        parcel_id=told.parcel_id,
        order_id=order_id,
        warehouse=record.node,
        state="released",
        courier=told.courier,
        waybill=_free_waybill(desk, record, told),
        sort_code=told.sort_code,
        cut_off_ms=told.cut_off_ms,
        explanation=msgspec.Raw(msgspec.json.encode({"sourcing": why})),
        created_ms=record.wall_ms,
        changed_ms=desk.now_ms,
        released_ms=record.wall_ms,
    )


def _free_waybill(desk: Desk, record: FactRecord, told: AssignedParcel) -> str | None:
    """Return the floor's waybill; None, with an exception, when another parcel has it here."""
    if not told.waybill:
        return None
    parts = waybill_parts(told.waybill)
    if parts is not None:
        desk.parcels.number_given(f"waybill:{parts[0]}", parts[1])
    others = desk.parcels.page({"waybill": told.waybill}, "", 1)
    if not others or others[0].parcel_id == told.parcel_id:
        return told.waybill
    desk.journal.raise_exception(
        "waybill_twice",
        record.node,
        told.parcel_id,
        f"{record.node} has waybill {told.waybill} on parcel {told.parcel_id}; this hub gave it "
        f"to parcel {others[0].parcel_id}. Stop one of them before it leaves.",
    )
    return None


def learn_warehouse(desk: Desk, node: str) -> None:
    """Make a warehouse known by its code; head office imports its name and place."""
    if desk.catalogue.warehouse(node) is not None:
        return
    desk.catalogue.put_warehouse(
        Warehouse(warehouse=node, name=node, latitude_microdegrees=0, longitude_microdegrees=0)
    )
    desk.journal.raise_exception(
        "warehouse_unknown",
        node,
        node,
        f"Stock came in at {node}, which was never imported; import its name and place.",
    )


def learn_product(desk: Desk, node: str, sku: str, policy: str) -> None:
    """Make a SKU known by its code; `policy` is `full` where the floor names every unit."""
    if desk.catalogue.product(sku) is not None:
        return
    desk.catalogue.put_product(
        Product(
            sku=sku,
            gtin="",
            name=sku,
            unit_weight_grams=0,
            length_mm=0,
            width_mm=0,
            height_mm=0,
            serial_policy="full" if policy == "full" else "none",
        )
    )
    desk.journal.raise_exception(
        "sku_unknown",
        node,
        sku,
        f"{node} booked SKU {sku}, which the hub's catalogue lacks; import the product.",
    )


# The order behind it


def _order_of(desk: Desk, told: AssignedParcel) -> OrderRow:
    """Return the order, in the version that the floor works on or a later one."""
    order = desk.orders.by_key(told.channel, told.shop, told.order_no)
    if order is None:
        order = OrderRow(
            order_id=told.order_id,
            channel=told.channel,
            shop=told.shop,
            order_no=told.order_no,
            version=0,
            status="released",
            held=False,
            cancel_asked=False,
            placed_ms=0,
            ship_by_ms=0,
            received_ms=desk.now_ms,
            changed_ms=desk.now_ms,
        )
        desk.orders.put(order)
    elif order.version < told.order_version:
        order = _known_no_more(desk, order)
    return order


def _known_no_more(desk: Desk, order: OrderRow) -> OrderRow:
    """The floor works on a later version: what was promised for the old one is given back."""
    for parcel in desk.parcels.of_order(order.order_id):
        if parcel.state == "reserved":
            drop_reserved(desk, parcel)
    order = msgspec.structs.replace(order, version=0)
    desk.orders.put(order)
    copy_from_parcels(desk, order)
    return order


# The rights


def _with_rights(
    desk: Desk, record: FactRecord, told: AssignedParcel
) -> tuple[list[ParcelLineRow], list[tuple[int, int]]]:
    """Debit the pool for the parcel; return its lines and (line, units) without a right.

    Units without a right count as short until they are covered.
    """
    lines, lacking = [], []
    for line in told.lines:
        debited = _debit(desk, record.node, line.sku, line.quantity, told.parcel_id)
        lacks = line.quantity - debited
        if lacks:
            lacking.append((line.line_no, lacks))
        lines.append(
            ParcelLineRow(line_no=line.line_no, sku=line.sku, quantity=line.quantity, shorted=lacks)
        )
    return lines, lacking


def _debit(desk: Desk, node: str, sku: str, units: int, parcel_id: str) -> int:
    """Move up to `units` rights from the pool to orders; return how many.

    What is on no floor yet gives way: parcels that were only promised, then reservations, then what
    shops were lent.
    """
    for make_room in (_nothing, _drop_promised, end_early, make_way):
        if _pool(desk, node, sku) < units:
            make_room(desk, node, sku, units - _pool(desk, node, sku))
    debited = min(units, _pool(desk, node, sku))
    if debited:
        desk.rights.move(sku, node, debited, "pool", "ordered", parcel_id)
    return debited


def _nothing(_desk: Desk, _node: str, _sku: str, _units: int) -> None:
    """Look at the pool as it is first."""


def _pool(desk: Desk, node: str, sku: str) -> int:
    account = desk.rights.get(sku, node)
    return 0 if account is None else account.pool


def _drop_promised(desk: Desk, node: str, sku: str, units: int) -> None:
    for parcel in desk.parcels.reserved_with(sku, node):
        if units <= 0:
            return
        units -= sum(
            line.open_units for line in desk.parcels.lines(parcel.parcel_id) if line.sku == sku
        )
        drop_reserved(desk, parcel)
        order = need_order(desk, parcel.order_id)
        count_missing(desk, order)
        refresh(desk, order)


def cover_parcels(desk: Desk, node: str) -> None:
    """A warehouse has told everything: rights its log brought cover what its parcels lacked.

    This comes before its goods are promised again. What still has no right is said to people.
    """
    for parcel_id, line_no, units in desk.nodes.take_uncovered(node):
        parcel = desk.parcels.get(parcel_id)
        if parcel is None or parcel.state in OVER:
            continue
        line = next(one for one in desk.parcels.lines(parcel_id) if one.line_no == line_no)
        covered = _debit(desk, node, line.sku, min(units, line.shorted), parcel_id)
        after = msgspec.structs.replace(line, shorted=line.shorted - covered)
        desk.parcels.put_lines(parcel_id, [after])
        order = need_order(desk, parcel.order_id)
        count_missing(desk, order)
        refresh(desk, order)
        if covered < units:
            desk.journal.raise_exception(
                "rights_missing",
                node,
                f"{parcel_id}/{line.sku}",
                f"{node} has {units - covered} units of {line.sku} in parcel {parcel_id} to which "
                "no right is left; other orders of this SKU may come up short.",
            )


def cover_debts(desk: Desk, node: str) -> None:
    """What a warehouse has of rights this hub forgot comes before promises that no floor has."""
    for sku in desk.rights.owed(node):
        for give_way in (_drop_promised, end_early):
            give_way(desk, node, sku, desk.rights.owed(node).get(sku, 0))


# Once everybody has told everything


def settle_orders(desk: Desk) -> int:
    """Compare a few learnt orders with what their shops want; return how many."""
    orders = desk.nodes.unsettled_orders(SETTLED_PER_COMMIT)
    for order_id in orders:
        settle_order(desk, need_order(desk, order_id))
    return len(orders)


def settle_order(desk: Desk, order: OrderRow) -> OrderRow:
    """Call back what is one too many, promise what is lacking, and say what left twice."""
    desk.nodes.order_settled(order.order_id)
    if order.version == 0 and not order.cancel_asked:
        return order
    explanation = None
    if order.cancel_asked:
        for parcel in desk.parcels.of_order(order.order_id):
            _call_back(desk, parcel, "cancelled by the channel")
    else:
        lines = desk.orders.lines(order.order_id)
        surplus = find_surplus(ordered_goods(lines), held_parcels(desk, order.order_id))
        for parcel in desk.parcels.of_order(order.order_id):
            if parcel.parcel_id in surplus.call_back:
                _call_back(desk, parcel, SURPLUS)
        check_left_once(desk, order)
        count_missing(desk, order)
        if not order.held:
            explanation = promise_missing(desk, order.order_id)
    return refresh(desk, order, explanation=explanation)


def _call_back(desk: Desk, parcel: ParcelRow, reason: str) -> None:
    if parcel.state == "reserved":
        drop_reserved(desk, parcel)
    elif parcel.state not in OVER and parcel.state != "cancel_pending":
        ask_floor(desk, parcel, reason)


def check_left_once(desk: Desk, order: OrderRow) -> None:
    """Open an exception that names every parcel with units beyond what was ordered."""
    if order.version == 0 or len(desk.parcels.of_order(order.order_id)) == 1:
        return
    goods = ordered_goods(desk.orders.lines(order.order_id))
    left_twice = find_surplus(goods, held_parcels(desk, order.order_id)).left_twice
    if left_twice:
        desk.journal.raise_exception(
            "shipped_twice",
            "",
            order.order_id,
            f"More units left for order {order.order_no} of {order.shop} than were ordered, in "
            f"parcels {', '.join(left_twice)}: one of them was promised while the hub had "
            "forgotten the other. Ask the courier to bring one back.",
        )
