"""Entering this warehouse's own past into its books again, after its disk went back in time.

The lines come back from head office exactly as they were written. Each says what happened to stock,
units and parcels, so the same movements are posted again under the same operation and person;
nothing is recorded a second time. A line that does not fit what happened here since raises, and the
caller leaves a count task in its place.
"""

from __future__ import annotations

from typing import Final

import msgspec

from edge.domain.receiving import spread
from edge.services import cartons
from edge.services.finish_picking import finish_list
from edge.services.floor import Floor
from edge.services.loss import take_off
from edge.services.pick_short import write_off
from edge.services.stock_in import known_product, take_in
from edge.services.take_back import book, book_grade
from edge.services.weigh import pack_serial
from edge.store import (
    loads,
    manifests,
    numbers,
    packing,
    parcels,
    pick_lists,
    print_jobs,
    quotas,
    receipts,
    recoveries,
    returns,
    serials,
    waves,
)
from edge.store.parcels import ParcelRow
from edge.store.returns import ReturnRow
from shared.domain.errors import Refused
from shared.domain.facts import (
    CancelConfirmed,
    CartonNumbered,
    CommandAccepted,
    Fact,
    GoodsReceived,
    LabelPrinted,
    LocalSale,
    NumbersReturned,
    NumbersVoided,
    ParcelPacked,
    ParcelShipped,
    PickingStarted,
    QuotaReturned,
    ReturnGraded,
    ShippedLine,
    ShortPicked,
    StockLoaded,
    StockMoved,
    UnitPicked,
    UnitReturned,
    UnitsLost,
    WaybillFreed,
    WaybillTaken,
)
from shared.domain.ledger import account

HUB: Final = "hub"
"""Who acts when a command from head office is carried out."""
LABELLED: Final = frozenset({"packed", "shipped", "cancelled"})


def replay(floor: Floor, fact: Fact) -> None:  # noqa: C901  one line per kind
    """Enter the effects of one line again; raises Refused when the books do not fit them."""
    match fact:
        case StockLoaded():
            _loaded(floor, fact)
        case GoodsReceived():
            _received(floor, fact)
        case StockMoved():
            _moved(floor, fact)
        case UnitPicked():
            _picked(floor, fact)
        case ShortPicked():
            _short(floor, fact)
        case PickingStarted():
            for parcel_id in fact.parcel_ids:
                _off_its_list(floor, _parcel(floor, parcel_id))
        case ParcelPacked():
            _packed(floor, fact)
        case LabelPrinted():
            _printed(floor, fact)
        case ParcelShipped():
            _shipped(floor, fact)
        case CancelConfirmed():
            _cancelled(floor, fact)
        case LocalSale():
            _sold(floor, fact)
        case CommandAccepted(leased=leased) if leased is not None:
            numbers.lease(
                floor.sql,
                leased.courier,
                leased.after,
                leased.numbers,
                low_water=0,
                at_ms=floor.now_ms,
            )
        case WaybillTaken():
            _numbered(floor, fact)
        case WaybillFreed():
            numbers.free_again(floor.sql, fact.waybill, fact.parcel_id, floor.now_ms)
            parcels.drop_waybill(floor.sql, fact.parcel_id)
        case NumbersReturned():
            numbers.set_state(floor.sql, fact.numbers, "returned", floor.now_ms)
        case CartonNumbered(sscc=number):
            cartons.know_again(floor, number)
        case NumbersVoided():
            numbers.set_state(floor.sql, fact.numbers, "burnt", floor.now_ms)
        case UnitsLost():
            take_off(floor, fact.row)
        case UnitReturned():
            _returned(floor, fact)
        case ReturnGraded():
            _graded(floor, fact)
        case QuotaReturned():
            quotas.relive(floor.sql, fact.sku, returned=fact.quantity)
        case _:
            return  # answers, doubts and digests change nothing in the books


def _parcel(floor: Floor, parcel_id: str) -> ParcelRow:
    parcel = parcels.get(floor.sql, parcel_id)
    if parcel is None:
        raise Refused(
            "parcel_unknown",
            f"Failed to enter parcel {parcel_id} again: head office did not assign it again.",
        )
    return parcel


def _expect_here(parcel: ParcelRow) -> None:
    if parcel.state == "shipped":
        raise Refused(
            "left_before",
            f"Failed to enter the end of parcel {parcel.parcel_id} again: it has left here.",
        )


def _loaded(floor: Floor, fact: StockLoaded) -> None:
    # The command that loads stock comes again too, and comes first; then this is on the books.
    if not loads.known(floor.sql, fact.load_id):
        for row in fact.rows:
            take_in(floor, known_product(floor, row.sku), row)


def _received(floor: Floor, fact: GoodsReceived) -> None:
    row, asn = fact.row, fact.receipt_id
    take_in(floor, known_product(floor, row.sku), row)
    announced = receipts.lines(floor.sql, asn)
    if any(line.sku == row.sku for line in announced):
        receipts.name_serials(floor.sql, asn, row.sku, row.serials)
        for line_bin, units in spread(announced, row.sku, row.bin, row.quantity).items():
            receipts.tick(floor.sql, asn, row.sku, line_bin, units)
        receipts.settle(floor.sql, asn)


def _moved(floor: Floor, fact: StockMoved) -> None:
    """Units changed place: from bin to bin, or back out of a parcel that was called back."""
    row = fact.row
    target = account("bin", fact.to_bin)
    for serial in row.serials:
        known = serials.get(floor.sql, serial)
        if known is None:
            raise Refused("serial_unknown", f"Failed to move {serial} again: it is not here.")
        floor.move(row.sku, 1, known.account, target, serial)
        if known.state == "in_stock":
            serials.relocate(
                floor.sql, known, target, op_id=floor.op_id, actor=floor.actor, at_ms=floor.now_ms
            )
        else:
            floor.serial(serial, row.sku, "unpick", target)
    if not row.serials:
        floor.move(row.sku, row.quantity, _origin(floor, row.bin), target)


def _origin(floor: Floor, place: str) -> str:
    """Return where units came from: a bin, or the tote or box of a parcel that was called back."""
    parcel_id = recoveries.cancelled_with(floor.sql, floor.op_id)
    if parcel_id is None:
        return account("bin", place)
    parcel = _parcel(floor, parcel_id)
    if parcel.state == "packed":
        return account("parcel", parcel_id)
    return account("tote", parcel.tote or "")


def _off_its_list(floor: Floor, parcel: ParcelRow) -> None:
    """The parcel was picked in a past this floor forgot: no list here may send anybody again."""
    for pick_list in pick_lists.free_lines(floor.sql, parcel.parcel_id):
        finish_list(floor, pick_list)
    if parcel.state in {"waiting", "planned"}:
        parcels.set_state(floor.sql, parcel, "picking", floor.now_ms)


def _picked(floor: Floor, fact: UnitPicked) -> None:
    parcel = _parcel(floor, fact.parcel_id)
    _off_its_list(floor, parcel)
    row = fact.row
    source, target = account("bin", row.bin), account("tote", fact.tote)
    units = row.serials or (None,) * row.quantity
    for serial in units:
        if serial is not None:
            _find(floor, serial, row.sku, source)
        floor.move(row.sku, 1, source, target, serial)
        if serial is not None:
            floor.serial(serial, row.sku, "pick", target, fact.parcel_id)
        parcels.add_picked(floor.sql, fact.parcel_id, fact.line_no, 1, serial)
    now = _parcel(floor, fact.parcel_id)
    parcels.set_state(
        floor.sql, now, _after_pick(floor, fact.parcel_id), floor.now_ms, tote=fact.tote
    )


def _find(floor: Floor, serial: str, sku: str, shelf: str) -> None:
    """A unit written off by number before it was picked changes places with another."""
    known = serials.get(floor.sql, serial)
    stand_in = serials.in_account(floor.sql, shelf, sku, limit=1)
    if known is not None and known.state == "lost" and stand_in:
        floor.move(sku, 1, shelf, "loss", stand_in[0])
        floor.serial(stand_in[0], sku, "lose", "loss")
        floor.move(sku, 1, "loss", shelf, serial)
        floor.serial(serial, sku, "find", shelf)


def _after_pick(floor: Floor, parcel_id: str) -> str:
    lines = parcels.lines(floor.sql, parcel_id)
    if any(line.picked + line.short < line.quantity for line in lines):
        return "picking"
    return "picked" if any(line.picked for line in lines) else "short"


def _short(floor: Floor, fact: ShortPicked) -> None:
    parcel = _parcel(floor, fact.parcel_id)
    _off_its_list(floor, parcel)
    write_off(floor, fact.sku, fact.bin, fact.quantity)
    parcels.add_short(floor.sql, fact.parcel_id, fact.line_no, fact.quantity)
    now = _parcel(floor, fact.parcel_id)
    parcels.set_state(floor.sql, now, _after_pick(floor, fact.parcel_id), floor.now_ms)


def _packed(floor: Floor, fact: ParcelPacked) -> None:
    parcel = _parcel(floor, fact.parcel_id)
    target = account("parcel", parcel.parcel_id)
    packing.untick_all(floor.sql, parcel.parcel_id)
    for line in fact.lines:
        _pack_line(floor, parcel, line, account("tote", parcel.tote or ""), target)
    packing.finish(
        floor.sql, parcel.parcel_id, weight_grams=fact.weight_grams, bench="", at_ms=floor.now_ms
    )
    if not parcel.waybill:
        parcels.keep_tote(floor.sql, parcel.parcel_id, parcel.tote)


def _pack_line(
    floor: Floor, parcel: ParcelRow, line: ShippedLine, source: str, target: str
) -> None:
    if not line.serials:
        floor.move(line.sku, line.quantity, source, target)
    for serial in line.serials or (None,) * line.quantity:
        if serial is not None:
            floor.move(line.sku, 1, source, target, serial)
            pack_serial(floor, serial, line.sku, target, parcel.parcel_id)
        packing.tick_unit(floor.sql, parcel.parcel_id, line.line_no, serial)


def _numbered(floor: Floor, fact: WaybillTaken) -> None:
    """A parcel got its number in a past this floor forgot; the one it replaced is void."""
    parcel = _parcel(floor, fact.parcel_id)
    other = parcels.by_waybill(floor.sql, fact.waybill)
    if other is not None and other.parcel_id != parcel.parcel_id:
        raise Refused(
            "waybill_taken",
            f"Failed to enter waybill {fact.waybill} again: it is on parcel {other.parcel_id}.",
        )
    numbers.take(floor.sql, fact.waybill, parcel.parcel_id, floor.now_ms)
    if fact.replaces:
        numbers.void(
            floor.sql,
            fact.replaces,
            courier=parcel.courier,
            parcel_id=parcel.parcel_id,
            at_ms=floor.now_ms,
        )
    parcels.set_waybill(
        floor.sql,
        parcel.parcel_id,
        fact.waybill,
        courier=fact.courier,
        sort_code=parcel.sort_code,
        at_ms=floor.now_ms,
    )
    if floor.actor != HUB:
        # The bench took it as it ordered the label; the box stands in its tote no longer.
        parcels.keep_tote(floor.sql, parcel.parcel_id, None)


def _printed(floor: Floor, fact: LabelPrinted) -> None:
    parcel = _parcel(floor, fact.parcel_id)
    known = {job.copy_no: job.state for job in print_jobs.copies_of(floor.sql, fact.parcel_id)}
    if parcel.state not in LABELLED or known.get(fact.copy_no) == "confirmed":
        raise Refused(
            "label_unexpected",
            f"Failed to enter the label of parcel {fact.parcel_id} again: the parcel is "
            f"{parcel.state} here.",
        )
    parcels.keep_tote(floor.sql, parcel.parcel_id, None)
    print_jobs.remember(
        floor.sql,
        job_id=floor.new_id(),
        parcel_id=fact.parcel_id,
        copy_no=fact.copy_no,
        waybill=fact.waybill,
        reason=fact.reason,
        actor=floor.actor,
        at_ms=floor.now_ms,
    )


def _shipped(floor: Floor, fact: ParcelShipped) -> None:
    parcel = _parcel(floor, fact.parcel_id)
    _expect_here(parcel)
    source, customer = account("parcel", parcel.parcel_id), account("customer")
    for line in fact.lines:
        if not line.serials:
            floor.move(line.sku, line.quantity, source, customer)
        for serial in line.serials:
            floor.move(line.sku, 1, source, customer, serial)
            floor.serial(serial, line.sku, "ship", customer, parcel.parcel_id)
    manifests.remember(floor.sql, fact.manifest, courier=parcel.courier, at_ms=floor.now_ms)
    packing.ship(floor.sql, parcel.parcel_id, fact.manifest, floor.now_ms)


def _cancelled(floor: Floor, fact: CancelConfirmed) -> None:
    parcel = _parcel(floor, fact.parcel_id)
    _expect_here(parcel)
    for pick_list in pick_lists.free_lines(floor.sql, parcel.parcel_id):
        finish_list(floor, pick_list)
    packing.empty(floor.sql, parcel.parcel_id)
    now = msgspec.structs.replace(parcel, cancel_command_id=fact.command_id)
    parcels.set_state(floor.sql, now, "cancelled", floor.now_ms, tote=None)
    if parcel.wave is not None:
        waves.settle(floor.sql, parcel.wave)


def _returned(floor: Floor, fact: UnitReturned) -> None:
    row = fact.row
    known_product(floor, row.sku)
    book(
        floor,
        ReturnRow(
            return_id=fact.return_id,
            sku=row.sku,
            serial=row.serials[0] if row.serials else None,
            parcel_id=fact.parcel_id or None,
            line_no=fact.line_no,
            grade=fact.grade,
            place=row.bin,
            badge=floor.actor,
            at_ms=floor.now_ms,
            changed_ms=floor.now_ms,
        ),
    )


def _graded(floor: Floor, fact: ReturnGraded) -> None:
    before = returns.get(floor.sql, fact.return_id)
    if before is None:
        raise Refused(
            "return_unknown", f"Failed to grade return {fact.return_id} again: it is not here."
        )
    book_grade(floor, before, before._replace(grade=fact.grade, place=fact.row.bin))


def _sold(floor: Floor, fact: LocalSale) -> None:
    for row in fact.rows:
        quotas.relive(floor.sql, row.sku, used=row.quantity)
        shelf, customer = account("bin", row.bin), account("customer")
        if not row.serials:
            floor.move(row.sku, row.quantity, shelf, customer)
        for serial in row.serials:
            floor.move(row.sku, 1, shelf, customer, serial)
            floor.serial(serial, row.sku, "sell", customer)
