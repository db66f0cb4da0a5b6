"""What head office asks of this floor, carried out in the transaction that moves the cursor.

Each command ends in one result fact. A command that cannot be carried out raises its sentence,
which the line records as refused; what was done before is accepted again without effect.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from edge.domain.site import Site
from edge.services.cancel import cancel_parcel
from edge.services.floor import Floor, Teller
from edge.services.quota import answer_recall, take_grant
from edge.services.stock_in import check_row, known_product, pieces, take_in
from edge.services.waybill import answer_recall as return_numbers
from edge.services.waybill import expect_unused, set_waybill, take_lease
from edge.store import loads, parcels, products, receipts, recoveries, serials
from edge.store.receipts import ReceiptRow
from shared.domain.commands import (
    AssignParcel,
    CancelParcel,
    Command,
    CommandRecord,
    ExpectReceipt,
    GrantQuota,
    LeaseNumbers,
    LoadStock,
    RecallNumbers,
    RecallQuota,
    SetProducts,
    SetWaybill,
    decode_command,
)
from shared.domain.errors import InvalidInput, Refused
from shared.domain.facts import AssignedLine, AssignedParcel, CommandAccepted, StockLoaded
from shared.domain.ports import Clock, Entropy
from shared.runtime.database import Transaction

ACTOR = "hub"
CANCEL_KIND = str(CancelParcel.__struct_config__.tag)
RECALL_KINDS = frozenset(str(kind.__struct_config__.tag) for kind in (RecallQuota, RecallNumbers))

HandleCommand = Callable[[Transaction, CommandRecord], None]


def command_handler(
    clock: Clock, entropy: Entropy, site: Callable[[], Site], live: Teller
) -> HandleCommand:
    """Return `handle_command(tx, record)`, bound to this node's clock, ids, site and pages."""

    def handle_command(tx: Transaction, record: CommandRecord) -> None:
        floor = Floor(
            tx,
            op_id=record.command_id,
            actor=ACTOR,
            clock=clock,
            entropy=entropy,
            site=site(),
            live=live,
        )
        carry_out(floor, record)

    return handle_command


def carry_out(floor: Floor, record: CommandRecord) -> None:
    """Do what one command asks; raises to refuse it, and the caller undoes and records that."""
    try:
        command = decode_command(record.body)
    except msgspec.MsgspecError as error:
        raise InvalidInput(
            "command_unreadable",
            f"Failed to read the {record.kind} command {record.command_id}: {error}.",
        ) from None
    if recoveries.running(floor.sql) and not _is_news(floor, record):
        return
    _dispatch(floor, record.command_id, command)


def _is_news(floor: Floor, record: CommandRecord) -> bool:
    """Say whether to carry out a command that comes, perhaps again, after the disk went back.

    Calling a parcel back has to wait until the parcel's own past is in the books again, and so has
    a request to return rights: what was returned before must not be returned twice.
    """
    if record.kind == CANCEL_KIND:
        if not recoveries.cancel_ended(floor.sql, record.command_id):
            recoveries.hold(floor.sql, record)
        return False
    results = recoveries.results_of(floor.sql, record.command_id)
    if record.kind in RECALL_KINDS:
        if not results:
            recoveries.hold(floor.sql, record)
        return False
    if results:
        floor.told_before()
    return "command_refused" not in results


def _dispatch(floor: Floor, command_id: str, command: Command) -> None:  # noqa: C901  per kind
    match command:
        case SetProducts():
            products.put(floor.sql, command.products)
        case LoadStock():
            _load_stock(floor, command_id, command)
        case ExpectReceipt():
            _expect_receipt(floor, command_id, command)
        case AssignParcel():
            _assign_parcel(floor, command_id, command)
        case CancelParcel():
            cancel_parcel(floor, command_id, command)
        case GrantQuota():
            take_grant(floor, command_id, command)
        case RecallQuota():
            answer_recall(floor, command_id, command)
        case LeaseNumbers():
            take_lease(floor, command_id, command)
        case RecallNumbers():
            return_numbers(floor, command_id, command)
        case SetWaybill():
            set_waybill(floor, command_id, command)


def _load_stock(floor: Floor, command_id: str, command: LoadStock) -> None:
    """Book an import whole or not at all; `load_id` makes a repeat harmless."""
    if loads.known(floor.sql, command.load_id):
        floor.record(CommandAccepted(command_id=command_id))
        return
    named: list[str] = []
    for row in command.rows:
        product = known_product(floor, row.sku)
        check_row(product, row)
        if product.serial_policy == "full":
            named.extend(row.serials)
    _check_new(floor, named)
    for row in command.rows:
        take_in(floor, known_product(floor, row.sku), row)
    loads.insert(floor.sql, command.load_id, command_id=command_id, at_ms=floor.now_ms)
    for portion in pieces(command.rows):
        floor.record(
            StockLoaded(load_id=command.load_id, rows=portion, import_id=command.import_id)
        )
    floor.tell("stock")


def _check_new(floor: Floor, named: list[str]) -> None:
    """Raise Refused when a serial number of an import is named twice or already has a place."""
    if len(set(named)) != len(named):
        raise Refused(
            "serial_twice",
            "Failed to load stock: expected each serial number once, got one in two rows.",
            hint="Correct the file and import it again.",
        )
    known = serials.existing(floor.sql, named)
    if known:
        row = known[min(known)]
        raise Refused(
            "serial_known",
            f"Failed to load stock: expected new serial numbers, got {row.serial}, which is "
            f"{row.state} here as {row.sku} ({len(known)} such numbers in all).",
            hint="Take these units out of the file, or have the dispute settled first.",
        )


def _expect_receipt(floor: Floor, command_id: str, command: ExpectReceipt) -> None:
    if receipts.get(floor.sql, command.asn) is None:
        for row in command.rows:
            known_product(floor, row.sku)
        receipts.insert(
            floor.sql,
            ReceiptRow(command.asn, command_id, command.supplier, "expected", floor.now_ms),
            command.rows,
        )
        floor.tell("receipts")
    floor.record(CommandAccepted(command_id=command_id))


def _assign_parcel(floor: Floor, command_id: str, command: AssignParcel) -> None:
    if parcels.get(floor.sql, command.parcel_id) is None:
        _check_parcel(floor, command)
        parcels.insert(floor.sql, command, command_id=command_id, at_ms=floor.now_ms)
        floor.tell("parcels")
    floor.record(CommandAccepted(command_id=command_id, parcel=_taken_on(command)))


def _taken_on(command: AssignParcel) -> AssignedParcel:
    """Return what the log remembers of a parcel: all that head office needs but the person."""
    return AssignedParcel(
        parcel_id=command.parcel_id,
        order_id=command.order_id,
        channel=command.channel,
        shop=command.shop,
        order_no=command.order_no,
        courier=command.courier,
        waybill=command.waybill,
        sort_code=command.sort_code,
        cut_off_ms=command.cut_off_ms,
        lines=tuple(AssignedLine(line.line_no, line.sku, line.quantity) for line in command.lines),
        order_version=command.order_version,
        parts=command.parts,
    )


def _check_parcel(floor: Floor, command: AssignParcel) -> None:
    for line in command.lines:
        known_product(floor, line.sku)
    if not command.lines or len({line.line_no for line in command.lines}) != len(command.lines):
        raise Refused(
            "parcel_lines",
            f"Failed to take parcel {command.parcel_id}: expected lines with different numbers, "
            f"got {len(command.lines)} lines.",
        )
    if command.waybill:
        expect_unused(floor, command.parcel_id, command.waybill)
