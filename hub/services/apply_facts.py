"""What a warehouse says happened becomes the hub's mirror of it.

A fact is never refused: it happened. Where a fact does not fit what the hub knows (an unknown
parcel, a serial number that is somewhere else), the hub still counts what it can and opens an
exception or a dispute for a person. Each fact is counted once, by the log it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from hub.domain.rows import BookCheck, LoadRow
from hub.services import apply_numbers, apply_parcels, apply_quotas, apply_returns
from hub.services.adopt import adopt, learn_product, learn_warehouse
from hub.services.apply_expected import expected
from hub.services.apply_serials import open_dispute, see_serial
from hub.services.boxes import parcel_ids_in, per_parcel
from hub.services.imports import remember_row
from hub.services.presale import back_with_stock
from hub.services.quotas import RECALL
from hub.services.replan import RECALL as RECALL_PARCEL
from hub.services.replan import recall_refused
from hub.services.waybill_numbers import RECALL as RECALL_NUMBERS
from hub.store.protocol import Desk
from shared.domain.facts import (
    BooksDigested,
    CancelConfirmed,
    CancelTooLate,
    CartonNumbered,
    CommandAccepted,
    CommandRefused,
    Fact,
    FactRecord,
    GoodsReceived,
    LabelPrinted,
    LocalSale,
    LogGap,
    NumbersReturned,
    NumbersVoided,
    ParcelPacked,
    ParcelShipped,
    PickingStarted,
    QuotaReturned,
    ReturnGraded,
    SerialDisputed,
    ShortPicked,
    StockLoaded,
    StockMoved,
    StockRow,
    UnitPicked,
    UnitReturned,
    UnitsLost,
    WaybillFreed,
    WaybillTaken,
    stock_digest,
)
from shared.domain.versions import read_fact


def project(desk: Desk, record: FactRecord) -> None:
    """Count one fact in the hub's books.

    Raises InvalidInput for a kind or version this program does not know and msgspec.DecodeError
    for a broken body; the caller keeps such a fact in quarantine and goes on with the next.
    """
    _apply(desk, record, read_fact(record))


def project_all(desk: Desk, records: Sequence[FactRecord]) -> None:
    """Count facts of one warehouse in the order of its log.

    Raises what `project` raises, for the first that fails. The desk hears at the beginning what
    most of them will ask for, so that it can read it together.
    """
    facts = [read_fact(record) for record in records]
    desk.expect(expected(records[0].node, facts))
    for record, fact in zip(records, facts, strict=True):
        _apply(desk, record, fact)


def _apply(desk: Desk, record: FactRecord, fact: Fact) -> None:
    """Count a fact; one about a box is counted for each order that has something in it."""
    for one in per_parcel(desk, fact):
        _APPLY[type(one)](desk, record, one)


def _stock_loaded(desk: Desk, record: FactRecord, fact: StockLoaded) -> None:
    """Tick an import off: its units were minted when head office imported it."""
    load = desk.stock.load(fact.load_id)
    if load is None or load.state != "sent" or load.warehouse != record.node:
        _load_forgotten(desk, record, fact, load)
        return
    awaited = dict(load.units)
    for row in fact.rows:
        _tick_off(desk, record, load.load_id, awaited, row)
    if not any(awaited.values()):
        desk.stock.end_load(fact.load_id, "loaded")


def _load_forgotten(
    desk: Desk, record: FactRecord, fact: StockLoaded, load: LoadRow | None
) -> None:
    """Mint what a floor booked for an import of which these books know nothing.

    The file's rows are remembered, so that handing the same file over again counts nothing twice.
    """
    if load is None and fact.import_id:
        desk.stock.put_load(
            LoadRow(
                load_id=fact.load_id,
                warehouse=record.node,
                import_id=fact.import_id,
                state="loaded",
            )
        )
    elif not fact.import_id:
        desk.journal.raise_exception(
            "load_unknown",
            record.node,
            fact.load_id,
            f"{record.node} booked stock under load {fact.load_id}, which the hub did not send; "
            "its units were added to the books.",
        )
    for row in fact.rows:
        _mint(desk, record, row, f"bin:{row.bin}", fact.load_id)
        if fact.import_id:
            remember_row(desk, fact.import_id, record.node, row)


def _tick_off(
    desk: Desk, record: FactRecord, load_id: str, awaited: dict[str, int], row: StockRow
) -> None:
    """Tick one row off what is still `awaited` of a load, units by SKU."""
    node = record.node
    expected = min(row.quantity, awaited.get(row.sku, 0))
    if expected:
        awaited[row.sku] -= expected
        desk.stock.confirm_units(load_id, row.sku, expected)
    desk.stock.add(node, row.sku, 0, loading=-expected)
    surplus = row.quantity - expected
    if surplus:
        desk.stock.add(node, row.sku, surplus)
        desk.rights.mint(row.sku, node, surplus, f"load-{load_id}")
        desk.journal.raise_exception(
            "load_differs",
            node,
            f"{load_id}/{row.sku}",
            f"{node} booked {surplus} units of {row.sku} more than load {load_id} sent; they "
            "were added to the books.",
        )
    if desk.serials.confirm_load(load_id, row.serials) < len(row.serials):
        for serial in row.serials:
            see_serial(desk, record, serial, row.sku, "receive", f"bin:{row.bin}")


def _no_rights(desk: Desk, node: str, sku: str, units: int) -> None:
    desk.journal.raise_exception(
        "rights_missing",
        node,
        sku,
        f"{units} units of {sku} in {node} are gone, but all rights to them were promised; "
        "the next rights that come free there pay for them.",
    )


def _goods_received(desk: Desk, record: FactRecord, fact: GoodsReceived) -> None:
    _mint(desk, record, fact.row, f"bin:{fact.row.bin}", fact.receipt_id)
    desk.journal.event(
        "goods_received",
        warehouse=record.node,
        data={"sku": fact.row.sku, "quantity": fact.row.quantity, "receipt": fact.receipt_id},
    )


def _mint(desk: Desk, record: FactRecord, row: StockRow, place: str, reference: str) -> None:
    """Add units that came into being at a warehouse, and the rights to promise them."""
    node = record.node
    learn_warehouse(desk, node)
    learn_product(desk, node, row.sku, "full" if row.serials else "none")
    desk.rights.mint(row.sku, node, row.quantity, reference)
    desk.stock.add(node, row.sku, row.quantity)
    for serial in row.serials:
        see_serial(desk, record, serial, row.sku, "receive", place)
    back_with_stock(desk, row.sku)
    desk.orders.trust_again(row.sku, node)
    desk.rights.note_arrival(row.sku)
    desk.tell("backorders")


def _stock_moved(desk: Desk, record: FactRecord, fact: StockMoved) -> None:
    """Units changed place inside; only serial numbers have a place in the hub's books."""
    for serial in fact.row.serials:
        see_serial(desk, record, serial, fact.row.sku, "move", f"bin:{fact.to_bin}")


def _command_accepted(desk: Desk, record: FactRecord, fact: CommandAccepted) -> None:
    what, _, name = fact.command_id.partition("-")
    if what == "assign":
        if fact.parcel is not None:
            adopt(desk, record, fact.parcel)
        parcel = desk.parcels.get(name)
        desk.journal.event(
            "parcel_accepted",
            order_id=None if parcel is None else parcel.order_id,
            parcel_id=name,
            warehouse=record.node,
        )
    elif what == RECALL:
        apply_quotas.recall_answered(desk, record, fact.command_id)
    elif fact.leased is not None:
        apply_numbers.lease_taken_on(desk, record, fact.leased)
    elif what == RECALL_NUMBERS:
        apply_numbers.recall_answered(desk, record, fact.command_id, refused=False)


def _command_refused(desk: Desk, record: FactRecord, fact: CommandRefused) -> None:
    what, _, name = fact.command_id.partition("-")
    if what == RECALL_PARCEL:
        recall_refused(desk, name)
        return
    desk.journal.raise_exception(
        f"{what}_refused",
        record.node,
        name or fact.command_id,
        f"{record.node} refused {what} {name} ({fact.code}): {fact.sentence}",
    )
    if what == "load":
        _load_refused(desk, record, name)
    elif what == RECALL:
        apply_quotas.recall_refused(desk, record, fact.command_id)
    elif what == RECALL_NUMBERS:
        apply_numbers.recall_answered(desk, record, fact.command_id, refused=True)
    elif what == "waybill":
        apply_numbers.number_refused(desk, record, name, fact.code)
    elif what in {"assign", "cancel"}:
        for parcel_id in parcel_ids_in(desk, name):
            apply_parcels.floor_refused(desk, record, parcel_id, fact.sentence, what)


def _load_refused(desk: Desk, record: FactRecord, load_id: str) -> None:
    """Take back an import that the floor did not book."""
    load = desk.stock.load(load_id)
    if load is None or load.state != "sent":
        return
    desk.stock.end_load(load_id, "refused")
    for sku, units in load.units.items():
        desk.stock.add(record.node, sku, -units, loading=-units)
        if desk.rights.burn(sku, record.node, units, "burnt", f"load-{load_id}"):
            _no_rights(desk, record.node, sku, units)
    for row in desk.serials.of_load(load_id):
        see_serial(desk, record, row.serial, row.sku, "lose", "loss")


def _serial_disputed(desk: Desk, record: FactRecord, fact: SerialDisputed) -> None:
    open_dispute(desk, record, fact.serial, fact.sku, fact.sentence, state="")


def _books_digested(desk: Desk, record: FactRecord, fact: BooksDigested) -> None:
    """Compare the warehouse's books with the hub's mirror at this very point of its log."""
    mirror = desk.stock.confirmed(record.node)
    check = BookCheck(
        warehouse=record.node,
        incarnation=record.incarnation,
        seq=record.seq,
        at_ms=desk.now_ms,
        edge_digest=fact.digest,
        hub_digest=stock_digest(mirror),
        edge_units=fact.units,
        hub_units=sum(mirror.values()),
        edge_serials=fact.serials,
        hub_serials=desk.serials.confirmed_on_hand(record.node),
    )
    desk.stock.put_check(check)
    if check.matches:
        desk.journal.solve("books_differ", record.node, record.node, "the books agree again")
        return
    desk.journal.raise_exception(
        "books_differ",
        record.node,
        record.node,
        f"The books of {record.node} say {check.edge_units} units and {check.edge_serials} serial "
        f"numbers, the hub's mirror says {check.hub_units} and {check.hub_serials}, at line "
        f"{record.seq} of its log.",
    )


def _log_gap(desk: Desk, record: FactRecord, fact: LogGap) -> None:
    """A warehouse lost the end of its log: somebody has to count what was touched then."""
    lost = max(0, fact.expected_seq - fact.last_seq)
    desk.journal.raise_exception(
        "log_gap",
        record.node,
        f"{fact.incarnation}",
        f"{record.node} had to restore its books. Everything up to line {fact.last_seq} came back; "
        f"{lost or 'an unknown number of'} later lines may be lost and {fact.conflicts} could not "
        "be entered again. The warehouse has a task to count what was touched.",
    )


def _carton_numbered(desk: Desk, record: FactRecord, fact: CartonNumbered) -> None:
    """Kept in the log alone: the warehouse hears of it again when its disk was put back."""


_APPLY: Final[dict[type[Fact], Callable[[Desk, FactRecord, Any], None]]] = {
    StockLoaded: _stock_loaded,
    GoodsReceived: _goods_received,
    StockMoved: _stock_moved,
    UnitPicked: apply_parcels.unit_picked,
    ShortPicked: apply_parcels.short_picked,
    PickingStarted: apply_parcels.picking_started,
    ParcelPacked: apply_parcels.parcel_packed,
    LabelPrinted: apply_parcels.label_printed,
    ParcelShipped: apply_parcels.parcel_shipped,
    CommandAccepted: _command_accepted,
    CommandRefused: _command_refused,
    CancelConfirmed: apply_parcels.cancel_confirmed,
    CancelTooLate: apply_parcels.cancel_too_late,
    SerialDisputed: _serial_disputed,
    BooksDigested: _books_digested,
    LogGap: _log_gap,
    LocalSale: apply_quotas.local_sale,
    QuotaReturned: apply_quotas.quota_returned,
    UnitsLost: apply_quotas.units_lost,
    UnitReturned: apply_returns.unit_returned,
    ReturnGraded: apply_returns.return_graded,
    WaybillTaken: apply_parcels.waybill_taken,
    WaybillFreed: apply_parcels.waybill_freed,
    NumbersReturned: apply_numbers.numbers_returned,
    NumbersVoided: apply_numbers.numbers_voided,
    CartonNumbered: _carton_numbered,
}
