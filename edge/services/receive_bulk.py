"""Making a notice on the spot, and receiving a whole list of serial numbers at once.

A pallet often comes with a list instead of labels that can be scanned one by one. The good numbers
of the list are booked together; each bad one is answered with its reason and blocks none of the
others.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from edge.domain.receiving import judge_known_serial, room_for, spread
from edge.services.floor import Floor
from edge.services.receive import dispute_serial
from edge.services.stock_in import check_row, known_product, pieces, take_in
from edge.store import operations, receipts, serials
from edge.store.receipts import ReceiptRow
from edge.store.serials import SerialRow
from shared.domain.catalogue import BinCode, SerialNumber, Sku
from shared.domain.errors import Conflict, InvalidInput, NotFound, Refused
from shared.domain.facts import GoodsReceived, StockRow

BULK_SERIALS_MAX: Final = 20_000
"""Serial numbers in one request."""
RECEIPT_ROWS_MAX: Final = 2_000
"""Rows of a notice made on the spot."""

OpId = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class NewReceipt(msgspec.Struct, frozen=True):
    """A notice made at this warehouse; without `asn` it gets a running number."""

    op_id: OpId
    supplier: Annotated[str, msgspec.Meta(max_length=200)]
    rows: Annotated[tuple[StockRow, ...], msgspec.Meta(min_length=1, max_length=RECEIPT_ROWS_MAX)]
    asn: Annotated[str, msgspec.Meta(max_length=64)] = ""


class BulkReceipt(msgspec.Struct, frozen=True):
    """Serial numbers of one SKU that came for a notice; without `bin` they go where it says."""

    op_id: OpId
    sku: Sku
    serials: Annotated[
        tuple[SerialNumber, ...], msgspec.Meta(min_length=1, max_length=BULK_SERIALS_MAX)
    ]
    bin: BinCode | None = None
    badge: Annotated[str, msgspec.Meta(max_length=64)] = ""


class RejectedSerial(msgspec.Struct, frozen=True):
    """A serial number that was not booked, and the code of the reason."""

    serial: str
    code: str


class BulkOutcome(msgspec.Struct, frozen=True):
    """What became of a list."""

    asn: str
    sku: str
    bin: str
    accepted: int
    rejected: tuple[RejectedSerial, ...]
    state: str


def make_receipt(floor: Floor, request: NewReceipt) -> str:
    """Store a notice and return its number; a repeat of the operation returns the first one.

    Raises Refused `sku_unknown` or `serial_count`, Conflict when `asn` exists.
    """
    first = operations.find(floor.sql, floor.op_id)
    if first is not None:
        return first.code
    asn = request.asn or f"ASN-{floor.op_id[-12:].upper()}"
    if receipts.get(floor.sql, asn) is not None:
        raise Conflict(
            "asn_taken",
            f"Failed to make receipt {asn}: there is one with this number.",
            hint="Choose another number or leave it out.",
        )
    for row in request.rows:
        product = known_product(floor, row.sku)
        if row.serials:
            check_row(product, row)
    receipts.insert(
        floor.sql, ReceiptRow(asn, None, request.supplier, "expected", floor.now_ms), request.rows
    )
    _remember(floor, asn, "make_receipt", asn, b"{}")
    floor.tell("receipts")
    return asn


def receive_bulk(floor: Floor, asn: str, request: BulkReceipt) -> BulkOutcome:
    """Book all new, announced serial numbers of a list; a repeat returns the first outcome.

    Raises NotFound for an unknown notice, InvalidInput when the SKU has no serial numbers, Refused
    when the notice does not announce the SKU at all.
    """
    first = operations.find(floor.sql, floor.op_id)
    if first is not None:
        return msgspec.json.decode(first.answer, type=BulkOutcome)
    _check_bulk(floor, asn, request)
    lines = receipts.lines(floor.sql, asn)
    good, rejected = _sort_out(floor, asn, request)
    room = room_for(lines, request.sku)
    rejected += [RejectedSerial(serial, "over_receipt") for serial in good[room:]]
    good = good[:room]
    target = request.bin or next(line.bin for line in lines if line.sku == request.sku)
    if good:
        _book(floor, asn, StockRow(target, request.sku, len(good), tuple(good)))
        for line_bin, units in spread(lines, request.sku, target, len(good)).items():
            receipts.tick(floor.sql, asn, request.sku, line_bin, units)
    state = receipts.settle(floor.sql, asn)
    outcome = BulkOutcome(asn, request.sku, target, len(good), tuple(rejected), state)
    _remember(floor, asn, "receive_bulk", "bulk", msgspec.json.encode(outcome))
    floor.tell("receipts")
    floor.tell("stock")
    return outcome


def _check_bulk(floor: Floor, asn: str, request: BulkReceipt) -> None:
    product = known_product(floor, request.sku)
    if receipts.get(floor.sql, asn) is None:
        raise NotFound("asn_unknown", f"Failed to receive: there is no receipt {asn} here.")
    if product.serial_policy != "full":
        raise InvalidInput(
            "no_serials",
            f"Failed to receive serial numbers of {request.sku}: expected a SKU whose units are "
            f"numbered on the way in, its policy is {product.serial_policy}.",
            hint="Receive it by quantity.",
        )
    if all(line.sku != request.sku for line in receipts.lines(floor.sql, asn)):
        raise Refused(
            "not_announced",
            f"Failed to receive {request.sku}: receipt {asn} does not announce it.",
            hint="Set the units aside and ask your lead.",
        )


def _sort_out(
    floor: Floor, asn: str, request: BulkReceipt
) -> tuple[list[str], list[RejectedSerial]]:
    """Return the numbers that can be booked and the others, disputing second appearances."""
    known = serials.existing(floor.sql, request.serials)
    notices = receipts.serial_notices(floor.sql, request.serials) if known else {}
    good: list[str] = []
    rejected: list[RejectedSerial] = []
    seen: set[str] = set()
    for serial in request.serials:
        row = known.get(serial)
        if serial in seen:
            rejected.append(RejectedSerial(serial, "sn_twice_in_list"))
        elif row is not None:
            notice = notices.get(serial)
            same_notice = notice is not None and notice.asn == asn and bool(notice.received)
            rejected.append(_reject_known(floor, asn, row, same_notice=same_notice))
        else:
            good.append(serial)
        seen.add(serial)
    return good, rejected


def _reject_known(floor: Floor, asn: str, row: SerialRow, *, same_notice: bool) -> RejectedSerial:
    verdict = judge_known_serial(row.serial, row.state, row.account, same_notice=same_notice)
    if verdict.code == "sn_disputed":
        dispute_serial(floor, "", row, f"receipt {asn}")
    return RejectedSerial(row.serial, verdict.code)


def _book(floor: Floor, asn: str, row: StockRow) -> None:
    take_in(floor, known_product(floor, row.sku), row)
    receipts.name_serials(floor.sql, asn, row.sku, row.serials)
    for portion in pieces((row,)):
        for part in portion:
            floor.record(GoodsReceived(receipt_id=asn, row=part))


def _remember(floor: Floor, asn: str, kind: str, code: str, answer: bytes) -> None:
    operations.insert(
        floor.sql,
        operations.over_http(floor.op_id, kind, asn, code, answer, floor.now_ms),
    )
