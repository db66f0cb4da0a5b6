"""Parcels as the floors' facts tell them: picked, packed, shipped, short, cancelled.

Shipping turns promised rights into shipped ones; a short burns them and the missing units are
sourced again by themselves, from another warehouse or as a backorder, in the same transaction. A
cancelled parcel's units are sellable again only when the floor confirmed that it will not leave.
"""

from __future__ import annotations

import msgspec

from hub.domain.orders import AFTER, OVER, ParcelEvent, ParcelState, parcel_move
from hub.domain.review import Hit
from hub.domain.rows import ParcelLineRow, ParcelRow, RightsAccount
from hub.services import apply_numbers
from hub.services.adopt import check_left_once, settle_order
from hub.services.apply_serials import see_serial
from hub.services.order_lines import count_missing
from hub.services.promise import give_back, need_order, promise_missing, refresh, save_parcel
from hub.store.protocol import Desk
from shared.domain.errors import Refused
from shared.domain.facts import (
    CancelConfirmed,
    CancelTooLate,
    FactRecord,
    LabelPrinted,
    ParcelPacked,
    ParcelShipped,
    PickingStarted,
    ShippedLine,
    ShortPicked,
    UnitPicked,
    WaybillFreed,
    WaybillTaken,
)


def _parcel(desk: Desk, record: FactRecord, parcel_id: str) -> ParcelRow | None:
    """Return the parcel of a fact, or None after opening an exception."""
    parcel = desk.parcels.get(parcel_id)
    if parcel is not None and parcel.warehouse == record.node:
        return parcel
    desk.journal.raise_exception(
        "parcel_unknown",
        record.node,
        parcel_id,
        f"{record.node} reported {record.kind} for parcel {parcel_id}, which the hub never gave "
        "it; its stock was counted, its order is unknown.",
    )
    return None


def _step(desk: Desk, record: FactRecord, parcel: ParcelRow, event: ParcelEvent) -> ParcelState:
    """Return the state after `event`; where the table has no move, the floor is right."""
    try:
        return parcel_move(parcel.parcel_id, parcel.state, event)
    except Refused as error:
        desk.journal.raise_exception(
            "parcel_out_of_step", record.node, parcel.parcel_id, error.message
        )
    if parcel.state in OVER and event != "ship":
        return parcel.state
    return AFTER.get(event, parcel.state)


def _store(desk: Desk, before: ParcelRow, after: ParcelRow) -> None:
    """Store a parcel; when its state changed, fold it into its order."""
    if before.state == after.state:
        desk.parcels.put(after)
        return
    save_parcel(desk, after)
    refresh(desk, need_order(desk, after.order_id))


def _burn(
    desk: Desk, record: FactRecord, sku: str, units: int, target: RightsAccount, reference: str
) -> None:
    """Take rights of units that left or vanished without a promise behind them."""
    if units <= 0 or not desk.rights.burn(sku, record.node, units, target, reference):
        return
    desk.journal.raise_exception(
        "rights_missing",
        record.node,
        f"{reference}/{sku}",
        f"{units} units of {sku} left the books of {record.node} without a right behind them; the "
        "next rights that come free there pay for them.",
    )


def picking_started(desk: Desk, record: FactRecord, fact: PickingStarted) -> None:
    """A cart left for these parcels."""
    for parcel_id in fact.parcel_ids:
        parcel = _parcel(desk, record, parcel_id)
        if parcel is not None:
            state = _step(desk, record, parcel, "start_picking")
            _store(desk, parcel, msgspec.structs.replace(parcel, state=state))


def unit_picked(desk: Desk, record: FactRecord, fact: UnitPicked) -> None:
    """Units lie in the parcel's tote; when all do, the parcel is picked."""
    for serial in fact.row.serials:
        see_serial(desk, record, serial, fact.row.sku, "pick", f"tote:{fact.tote}", fact.parcel_id)
    parcel = _parcel(desk, record, fact.parcel_id)
    if parcel is None:
        return
    lines = desk.parcels.lines(parcel.parcel_id)
    changed = [
        msgspec.structs.replace(line, picked=line.picked + fact.row.quantity)
        for line in lines
        if line.line_no == fact.line_no
    ]
    desk.parcels.put_lines(parcel.parcel_id, changed)
    now = {line.line_no: line for line in (*lines, *changed)}
    if parcel.state not in OVER and all(
        line.picked + line.shorted >= line.quantity for line in now.values()
    ):
        state = _step(desk, record, parcel, "finish_picking")
        _store(desk, parcel, msgspec.structs.replace(parcel, state=state))


def short_picked(desk: Desk, record: FactRecord, fact: ShortPicked) -> None:
    """Units the record promised are not there: burn them and promise others instead."""
    desk.stock.add(record.node, fact.sku, -fact.quantity)
    product = desk.catalogue.product(fact.sku)
    if product is not None and product.serial_policy == "full":
        desk.stock.lose_unnamed(record.node, fact.sku, fact.quantity)
    parcel = _parcel(desk, record, fact.parcel_id)
    if parcel is None:
        _burn(desk, record, fact.sku, fact.quantity, "burnt", fact.parcel_id)
        return
    lines = {line.line_no: line for line in desk.parcels.lines(parcel.parcel_id)}
    line = lines.get(fact.line_no)
    promised = 0
    if line is not None and parcel.state not in OVER:
        promised = min(fact.quantity, max(0, line.open_units))
    _burn(desk, record, fact.sku, fact.quantity - promised, "burnt", parcel.parcel_id)
    if line is None or not promised:
        return
    desk.rights.move(
        fact.sku, record.node, promised, "ordered", "burnt", f"short-{parcel.parcel_id}"
    )
    lines[line.line_no] = msgspec.structs.replace(line, shorted=line.shorted + promised)
    desk.parcels.put_lines(parcel.parcel_id, [lines[line.line_no]])
    desk.journal.event(
        "short_picked",
        order_id=parcel.order_id,
        parcel_id=parcel.parcel_id,
        warehouse=record.node,
        data={"sku": fact.sku, "quantity": promised, "bin": fact.bin, "reason": fact.reason},
    )
    _end_short_parcel(desk, record, parcel, list(lines.values()))
    _source_again(desk, record, parcel, fact.sku)


def _end_short_parcel(
    desk: Desk, record: FactRecord, parcel: ParcelRow, lines: list[ParcelLineRow]
) -> None:
    """A parcel with nothing left in it is over; one with all the rest picked is picked."""
    if all(line.shorted >= line.quantity for line in lines):
        state = _step(desk, record, parcel, "vanish")
    elif parcel.state == "picking" and all(
        line.picked + line.shorted >= line.quantity for line in lines
    ):
        state = _step(desk, record, parcel, "finish_picking")
    else:
        return
    save_parcel(desk, msgspec.structs.replace(parcel, state=state))


def _source_again(desk: Desk, record: FactRecord, parcel: ParcelRow, sku: str) -> None:
    order = need_order(desk, parcel.order_id)
    explanation = None
    desk.orders.avoid(order.order_id, sku, record.node)
    count_missing(desk, order)
    if not order.cancel_asked:
        explanation = promise_missing(desk, order.order_id)
    refresh(desk, order, explanation=explanation)


def parcel_packed(desk: Desk, record: FactRecord, fact: ParcelPacked) -> None:
    """Scanned out and weighed."""
    for line in fact.lines:
        for serial in line.serials:
            place = f"parcel:{fact.parcel_id}"
            see_serial(desk, record, serial, line.sku, "pack", place, fact.parcel_id)
    parcel = _parcel(desk, record, fact.parcel_id)
    if parcel is None:
        return
    after = msgspec.structs.replace(
        parcel,
        state=_step(desk, record, parcel, "pack"),
        weight_grams=fact.weight_grams,
        packed_ms=desk.now_ms,
    )
    _store(desk, parcel, after)


def waybill_taken(desk: Desk, record: FactRecord, fact: WaybillTaken) -> None:
    """The parcel has its number: from the warehouse's lease, or the one the courier issued."""
    parcel = _parcel(desk, record, fact.parcel_id)
    if parcel is not None:
        apply_numbers.waybill_taken(desk, record, fact, parcel)


def waybill_freed(desk: Desk, record: FactRecord, fact: WaybillFreed) -> None:
    """The number of a parcel that will not leave is free again."""
    parcel = _parcel(desk, record, fact.parcel_id)
    if parcel is not None:
        apply_numbers.waybill_freed(desk, fact, parcel)


def label_printed(desk: Desk, record: FactRecord, fact: LabelPrinted) -> None:
    """One more physical label of this waybill exists."""
    parcel = _parcel(desk, record, fact.parcel_id)
    if parcel is None:
        return
    if fact.waybill != parcel.waybill and not apply_numbers.is_void(desk, fact.waybill, parcel):
        desk.journal.raise_exception(
            "waybill_differs",
            record.node,
            parcel.parcel_id,
            f"{record.node} printed waybill {fact.waybill} for a parcel whose waybill is "
            f"{parcel.waybill}.",
        )
    labels = max(parcel.labels, fact.copy_no)
    desk.parcels.put(msgspec.structs.replace(parcel, labels=labels))
    desk.journal.event(
        "label_printed",
        order_id=parcel.order_id,
        parcel_id=parcel.parcel_id,
        warehouse=record.node,
        data={"waybill": fact.waybill, "copy_no": fact.copy_no, "reason": fact.reason},
    )


def parcel_shipped(desk: Desk, record: FactRecord, fact: ParcelShipped) -> None:
    """The courier has it: stock and rights of its lines are gone."""
    for line in fact.lines:
        desk.stock.add(record.node, line.sku, -line.quantity)
        for serial in line.serials:
            see_serial(desk, record, serial, line.sku, "ship", "customer", fact.parcel_id)
    parcel = _parcel(desk, record, fact.parcel_id)
    if parcel is None:
        for line in fact.lines:
            _burn(desk, record, line.sku, line.quantity, "shipped", fact.parcel_id)
        return
    _ship_rights(desk, record, parcel, fact.lines)
    after = msgspec.structs.replace(
        parcel,
        state=_step(desk, record, parcel, "ship"),
        manifest=fact.manifest,
        shipped_ms=desk.now_ms,
    )
    _store(desk, parcel, after)
    order = need_order(desk, parcel.order_id)
    if parcel.state in OVER and not desk.nodes.recovering():
        # It was given up here, and its units were promised once more: call that parcel back.
        settle_order(desk, order)
    else:
        check_left_once(desk, order)


def _ship_rights(
    desk: Desk, record: FactRecord, parcel: ParcelRow, shipped: tuple[ShippedLine, ...]
) -> None:
    """Turn promised rights into shipped ones; what was left out goes back to the pool."""
    lines = {line.line_no: line for line in desk.parcels.lines(parcel.parcel_id)}
    promised_still = parcel.state not in OVER
    for gone in shipped:
        line = lines.get(gone.line_no)
        covered = 0
        if line is not None and promised_still:
            covered = min(gone.quantity, max(0, line.open_units))
        if covered:
            desk.rights.move(gone.sku, record.node, covered, "ordered", "shipped", parcel.parcel_id)
        _burn(desk, record, gone.sku, gone.quantity - covered, "shipped", parcel.parcel_id)
        if line is not None:
            lines[line.line_no] = msgspec.structs.replace(
                line, shipped=line.shipped + gone.quantity
            )
    if not promised_still:
        lines = {number: _rest_is_short(line) for number, line in lines.items()}
    desk.parcels.put_lines(parcel.parcel_id, lines.values())
    left_out = [line for line in lines.values() if line.open_units > 0]
    if left_out and promised_still:
        _left_behind(desk, record, parcel, left_out)


def _rest_is_short(line: ParcelLineRow) -> ParcelLineRow:
    """Of a parcel that was given up and left nevertheless, only what left counts."""
    return msgspec.structs.replace(line, shorted=max(0, line.quantity - line.shipped))


def _left_behind(
    desk: Desk, record: FactRecord, parcel: ParcelRow, lines: list[ParcelLineRow]
) -> None:
    """A parcel left without all its units and without a short: the order still lacks them."""
    give_back(desk, parcel)
    desk.parcels.put_lines(
        parcel.parcel_id,
        [msgspec.structs.replace(line, shorted=line.shorted + line.open_units) for line in lines],
    )
    count_missing(desk, need_order(desk, parcel.order_id))
    for line in lines:
        desk.rights.note_arrival(line.sku)
    desk.journal.raise_exception(
        "shipped_less",
        record.node,
        parcel.parcel_id,
        f"Parcel {parcel.parcel_id} left without {sum(line.open_units for line in lines)} of its "
        "units; the order waits for them.",
    )


def cancel_confirmed(desk: Desk, record: FactRecord, fact: CancelConfirmed) -> None:
    """The parcel will not leave: its units may be sold again."""
    parcel = _parcel(desk, record, fact.parcel_id)
    if parcel is None or parcel.state == "cancelled":
        return
    state = _step(desk, record, parcel, "confirm_cancel")
    if state == "cancelled":
        give_back(desk, parcel)
    save_parcel(desk, msgspec.structs.replace(parcel, state=state))
    order = need_order(desk, parcel.order_id)
    explanation = None
    if not order.cancel_asked:
        # It was one too many for its order; what else it carried is promised again.
        count_missing(desk, order)
        explanation = None if order.held else promise_missing(desk, order.order_id)
    refresh(desk, order, explanation=explanation)


def cancel_too_late(desk: Desk, record: FactRecord, fact: CancelTooLate) -> None:
    """The parcel had left, or cannot be stopped any more."""
    parcel = _parcel(desk, record, fact.parcel_id)
    if parcel is None:
        return
    state = _step(desk, record, parcel, "too_late")
    _store(desk, parcel, msgspec.structs.replace(parcel, state=state))
    desk.journal.event(
        "cancel_too_late",
        order_id=parcel.order_id,
        parcel_id=parcel.parcel_id,
        warehouse=record.node,
    )


def floor_refused(desk: Desk, record: FactRecord, parcel_id: str, sentence: str, what: str) -> None:
    """A floor refused a parcel or its cancellation.

    A refused parcel is over, its rights return, and its order waits for a person: sourcing it again
    by itself could choose the same floor for ever.
    """
    parcel = _parcel(desk, record, parcel_id)
    if parcel is None or parcel.state in OVER:
        return
    if what == "cancel":
        state = _step(desk, record, parcel, "refuse_cancel")
        _store(desk, parcel, msgspec.structs.replace(parcel, state=state))
        return
    give_back(desk, parcel)
    state = _step(desk, record, parcel, "refuse_assign")
    save_parcel(desk, msgspec.structs.replace(parcel, state=state))
    order = need_order(desk, parcel.order_id)
    if order.cancel_asked:
        refresh(desk, order)
        return
    count_missing(desk, order)
    hit = Hit(rule_id="floor_refused", version=1, sentence=f"{record.node} refused: {sentence}")
    held = msgspec.structs.replace(order, held=True)
    refresh(desk, held, reasons=(*order.reasons, hit))
