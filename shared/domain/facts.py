"""Facts: what happened on a warehouse floor. A fact can never be refused.

The edge writes each fact to its log in the same transaction as the stock it moves; the log is the
outbox. The hub applies every fact exactly once. A fact the hub cannot digest is kept, acknowledged
and put in quarantine: it must never block the facts behind it.

The bodies below are the replication contract. Fields are only ever added, with a default. Personal
data never enters a fact, because the log is hash-chained and cannot forget.
Source: reference protocol "WES-1", sections 4.1 and 4.3.
"""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec

from shared.domain.catalogue import BinCode, Quantity, SerialNumber, Sku
from shared.domain.fact_parts import (
    AssignedLine,
    AssignedParcel,
    BoxPart,
    Grade,
    Int64,
    LeasedNumbers,
    ShippedLine,
    ShortReason,
    StockRow,
)

__all__ = [  # what bodies are made of is imported from here too
    "AssignedLine",
    "AssignedParcel",
    "BoxPart",
    "Grade",
    "Int64",
    "LeasedNumbers",
    "ShippedLine",
    "ShortReason",
    "StockRow",
]

BODY_BYTES_MAX = 65_536
"""Largest fact body; a larger happening is split by its writer into several facts."""

ZERO_HASH = bytes(32)


class FactBody(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Base of all fact bodies; the tag is the fact's kind."""


class StockLoaded(FactBody, frozen=True, kw_only=True, tag="stock_loaded", omit_defaults=True):
    """Opening stock that head office imported is now on this warehouse's books.

    `import_id` names the file it came in, so that a hub that forgot the import does not count the
    same file again.
    """

    load_id: str
    rows: tuple[StockRow, ...]
    import_id: str = ""


class GoodsReceived(FactBody, frozen=True, kw_only=True, tag="goods_received"):
    """Units came in through the dock. Mints stock."""

    receipt_id: str
    row: StockRow


class StockMoved(FactBody, frozen=True, kw_only=True, tag="stock_moved"):
    """Units changed place inside the warehouse (putaway, correction, back from a tote)."""

    row: StockRow
    to_bin: BinCode


class UnitPicked(FactBody, frozen=True, kw_only=True, tag="unit_picked"):
    """Units went from a bin into the tote of a parcel."""

    parcel_id: str
    line_no: int
    row: StockRow
    tote: str


class ShortPicked(FactBody, frozen=True, kw_only=True, tag="short_picked"):
    """The record said units were there; the picker found fewer. Burns the missing ones."""

    parcel_id: str
    line_no: int
    sku: Sku
    quantity: Quantity
    bin: BinCode
    reason: ShortReason = "missing"


class PickingStarted(FactBody, frozen=True, kw_only=True, tag="picking_started"):
    """A picker took the cart for these parcels; from here a cancel needs the floor's consent."""

    parcel_ids: tuple[str, ...]
    wave: str


class ParcelPacked(FactBody, frozen=True, kw_only=True, tag="parcel_packed"):
    """Scanned out unit by unit, weighed within tolerance, label ordered."""

    parcel_id: str
    weight_grams: int
    lines: tuple[ShippedLine, ...]


class LabelPrinted(FactBody, frozen=True, kw_only=True, tag="label_printed"):
    """One physical label came out. `copy_no` above 1 is a reasoned reprint."""

    parcel_id: str
    waybill: str
    copy_no: int
    reason: str = ""


class ParcelShipped(FactBody, frozen=True, kw_only=True, tag="parcel_shipped"):
    """Handed to the courier. Burns the stock and the rights of its lines."""

    parcel_id: str
    waybill: str
    manifest: str
    lines: tuple[ShippedLine, ...]


class CommandAccepted(
    FactBody, frozen=True, kw_only=True, tag="command_accepted", omit_defaults=True
):
    """The floor will do what the hub asked; `parcel` or `leased` is what it took on, if anything.

    With these a hub that forgot what it gave away can learn it again.
    """

    command_id: str
    parcel: AssignedParcel | None = None
    leased: LeasedNumbers | None = None


class CommandRefused(FactBody, frozen=True, kw_only=True, tag="command_refused"):
    """The floor cannot do what the hub asked; `code` and `sentence` say why."""

    command_id: str
    code: str
    sentence: str


class CancelConfirmed(FactBody, frozen=True, kw_only=True, tag="cancel_confirmed"):
    """The parcel will not leave; its units are good stock again."""

    command_id: str
    parcel_id: str


class CancelTooLate(FactBody, frozen=True, kw_only=True, tag="cancel_too_late"):
    """The parcel had left before the cancel reached the floor."""

    command_id: str
    parcel_id: str


class SerialDisputed(FactBody, frozen=True, kw_only=True, tag="serial_disputed"):
    """One serial number claims two places. Both histories are kept; a person decides."""

    sku: Sku
    serial: SerialNumber
    sentence: str


class BooksDigested(FactBody, frozen=True, kw_only=True, tag="books_digested"):
    """What this warehouse's books add up to at this point of its log; the hub compares its own.

    `digest` is `stock_digest` of the on-hand units; `serials` counts serial numbers on hand.
    """

    digest: str
    units: Int64
    serials: Int64


class LogGap(FactBody, frozen=True, kw_only=True, tag="log_gap"):
    """This warehouse's disk went back in time; what can be had again is in its books again.

    Lines of the log `incarnation` up to `last_seq` came back from the hub; whatever happened after
    them is lost, up to line `expected_seq` for certain (0 when nobody knows). The effects of
    `conflicts` lines could not be entered again; each has a count task.
    """

    incarnation: Int64
    last_seq: Int64
    expected_seq: Int64 = 0
    conflicts: Int64 = 0


class LocalSale(FactBody, frozen=True, kw_only=True, tag="local_sale"):
    """Units were sold over this warehouse's counter. Burns the stock and rights of its quota."""

    sale_id: str
    rows: tuple[StockRow, ...]


class UnitsLost(FactBody, frozen=True, kw_only=True, tag="units_lost"):
    """Units on no pick list are gone or broken. Burns them."""

    row: StockRow
    reason: ShortReason = "missing"


class QuotaReturned(FactBody, frozen=True, kw_only=True, tag="quota_returned"):
    """This warehouse will not sell these units itself any more: head office may promise them."""

    return_id: str
    sku: Sku
    quantity: Quantity


class WaybillTaken(FactBody, frozen=True, kw_only=True, tag="waybill_taken", omit_defaults=True):
    """A parcel has its waybill number, for good: from the lease, or the one head office sent.

    `replaces` is the number it had before; that one is void, because a label may carry it.
    """

    parcel_id: str
    courier: str
    waybill: str
    replaces: str = ""


class WaybillFreed(FactBody, frozen=True, kw_only=True, tag="waybill_freed"):
    """A parcel will not leave and its number never went to a printer: it is in the lease again."""

    parcel_id: str
    waybill: str


class NumbersReturned(FactBody, frozen=True, kw_only=True, tag="numbers_returned"):
    """This warehouse gave these leased numbers up; head office may lend them to another."""

    courier: str
    numbers: tuple[str, ...]


class CartonNumbered(FactBody, frozen=True, kw_only=True, tag="carton_numbered"):
    """A carton got this number (SSCC), which is never given out again, also after a restore."""

    sscc: str


class NumbersVoided(FactBody, frozen=True, kw_only=True, tag="numbers_voided"):
    """Leased numbers nobody may use any more: they may be on labels this disk has forgotten."""

    courier: str
    numbers: tuple[str, ...]


class UnitReturned(FactBody, frozen=True, kw_only=True, tag="unit_returned"):
    """Units came back from a customer and were looked at. Mints stock only when they are good.

    `row.bin` is where they lie now. `parcel_id` is empty when this warehouse does not know in which
    parcel they left, for example because another one sent them.
    """

    return_id: str
    row: StockRow
    grade: Grade
    parcel_id: str = ""
    line_no: int = 0


class ReturnGraded(FactBody, frozen=True, kw_only=True, tag="return_graded"):
    """Returned units that lay aside were looked at again: `before` became `grade`."""

    return_id: str
    row: StockRow
    before: Grade
    grade: Grade


Fact = (
    StockLoaded
    | GoodsReceived
    | StockMoved
    | UnitPicked
    | ShortPicked
    | PickingStarted
    | ParcelPacked
    | LabelPrinted
    | ParcelShipped
    | CommandAccepted
    | CommandRefused
    | CancelConfirmed
    | CancelTooLate
    | SerialDisputed
    | BooksDigested
    | LogGap
    | LocalSale
    | QuotaReturned
    | UnitsLost
    | WaybillTaken
    | WaybillFreed
    | NumbersReturned
    | NumbersVoided
    | UnitReturned
    | ReturnGraded
    | CartonNumbered
)

_pack = msgspec.msgpack.Encoder().encode
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Fact] = msgspec.json.Decoder(Fact)


class FactRecord(msgspec.Struct, frozen=True, array_like=True):
    """One line of an edge's log, exactly as first written; `body` is opaque and never re-encoded.

    Unique by (node, incarnation, seq). `op_id` names the operation that caused the fact; several
    facts of one operation share it. `hash` chains over everything else in the record.
    """

    node: str
    incarnation: Int64
    seq: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    prev_hash: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    hash: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    kind: Annotated[str, msgspec.Meta(max_length=64)]
    version: Annotated[int, msgspec.Meta(ge=1, le=1_000)]
    body: Annotated[bytes, msgspec.Meta(max_length=BODY_BYTES_MAX)]
    wall_ms: Int64
    mono_ms: Int64
    op_id: Annotated[str, msgspec.Meta(max_length=128)]
    actor: Annotated[str, msgspec.Meta(max_length=64)]


def encode_fact(fact: Fact) -> bytes:
    """Return the body bytes of `fact`: JSON, so that any SQLite tool can show a log."""
    return _encoder.encode(fact)


def decode_fact(body: bytes) -> Fact:
    """Return the fact in `body`; raises msgspec.DecodeError for an unknown kind or shape."""
    return _decoder.decode(body)


def kind_of(fact: Fact) -> str:
    """Return the wire name of a fact's kind, such as `unit_picked`."""
    return str(type(fact).__struct_config__.tag)


def chain_hash(
    prev_hash: bytes, node: str, incarnation: int, seq: int, kind: str, version: int, body: bytes
) -> bytes:
    """Return SHA-256 over the previous hash and this record (reference protocol, section 1.5).

    The head is MessagePack, which frames each field by its length, so no two records share bytes.
    """
    head = _pack((node, incarnation, seq, kind, version, len(body)))
    return hashlib.sha256(prev_hash + head + body).digest()


def stock_digest(on_hand: dict[str, int]) -> str:
    """Return a digest of the units on hand per SKU, equal on both sides when the books agree."""
    lines = "".join(f"{sku}:{units}\n" for sku, units in sorted(on_hand.items()) if units)
    return hashlib.sha256(lines.encode()).hexdigest()
