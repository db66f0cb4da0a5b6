"""Commands: what the hub asks a warehouse to do. A command may be refused, with a sentence.

Commands travel down in one gap-free sequence per edge and take effect in the same transaction that
advances the edge's cursor. Each ends in exactly one result fact (`CommandAccepted`,
`CommandRefused`, `StockLoaded`, `CancelConfirmed` or `CancelTooLate`). `SetProducts` is reference
data and is answered by the cursor alone.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from shared.domain.catalogue import Product, Quantity, Recipient, Sku, WallMs
from shared.domain.facts import BoxPart, StockRow

COMMAND_BYTES_MAX = 262_144
"""Largest command body."""
URGENT_KINDS = frozenset({"cancel_parcel"})
"""Kinds of which a copy may overtake the sequence: they need nothing but their own parcel."""
ROWS_PER_COMMAND_MAX = 200
"""Stock rows or products in one command; the hub splits larger imports."""
NUMBERS_PER_COMMAND_MAX = 500
"""Waybill numbers in one command; a fact that names them all stays far below its limit."""


class ParcelLine(msgspec.Struct, frozen=True):
    """Units of one order line that this parcel carries."""

    line_no: int
    sku: Sku
    quantity: Quantity


class CommandBody(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Base of all command bodies; the tag is the command's kind."""


class SetProducts(CommandBody, frozen=True, kw_only=True, tag="set_products"):
    """Add or replace these products in the warehouse's catalogue."""

    products: tuple[Product, ...]


class LoadStock(CommandBody, frozen=True, kw_only=True, tag="load_stock", omit_defaults=True):
    """Book this opening stock, already counted and on the shelf; `import_id` names its file."""

    load_id: str
    rows: tuple[StockRow, ...]
    import_id: str = ""


class ExpectReceipt(CommandBody, frozen=True, kw_only=True, tag="expect_receipt"):
    """An advance shipping notice (ASN): these units will come to the dock."""

    asn: str
    supplier: str
    rows: tuple[StockRow, ...]


class AssignParcel(CommandBody, frozen=True, kw_only=True, tag="assign_parcel", omit_defaults=True):
    """Pick, pack and ship this parcel. The rights to its units travel with it.

    An empty `waybill` is not there yet: the bench takes one from its lease of the courier's
    numbers, or `SetWaybill` brings it.
    """

    parcel_id: str
    order_id: str
    channel: str
    shop: str
    order_no: str
    courier: str
    cut_off_ms: WallMs
    waybill: str
    sort_code: str
    recipient: Recipient
    lines: tuple[ParcelLine, ...]
    buyer_remark: str = ""
    order_version: int = 0
    """Version of the order that this parcel was made for."""
    parts: tuple[BoxPart, ...] = ()
    """Which order has what in it, when several share the box; the floor only repeats it."""


class CancelParcel(CommandBody, frozen=True, kw_only=True, tag="cancel_parcel", omit_defaults=True):
    """A request: do not ship this parcel if it has not left.

    With `untouched_only` it is refused once the parcel is planned for picking: head office has a
    better plan for it, which is not worth anybody's work.
    """

    parcel_id: str
    reason: str
    untouched_only: bool = False


class QuotaLine(msgspec.Struct, frozen=True):
    """Rights to units of one SKU."""

    sku: Sku
    units: Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class GrantQuota(CommandBody, frozen=True, kw_only=True, tag="grant_quota"):
    """Rights ever granted to this warehouse, per SKU: it may sell so many units by itself.

    Totals only grow, and the larger one counts, so a command that comes twice or late does no harm.
    """

    totals: tuple[QuotaLine, ...]


class RecallQuota(CommandBody, frozen=True, kw_only=True, tag="recall_quota"):
    """A request: of the rights not used yet, keep at most so many per SKU and return the others."""

    keep: tuple[QuotaLine, ...]


class LeaseNumbers(CommandBody, frozen=True, kw_only=True, tag="lease_numbers"):
    """Waybill numbers of a courier that this warehouse alone may use from now on.

    `after` counts the numbers lent to it before: a number keeps its place in that count for ever,
    so a command that comes twice or late gives nothing twice. `low_water` is how many free numbers
    are few; 0 says nothing.
    """

    courier: str
    after: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    numbers: tuple[str, ...]
    low_water: int = 0


class RecallNumbers(CommandBody, frozen=True, kw_only=True, tag="recall_numbers"):
    """A request: of the free numbers of a courier keep at most `keep` and return the others."""

    courier: str
    keep: Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class SetWaybill(CommandBody, frozen=True, kw_only=True, tag="set_waybill"):
    """The courier has issued the number for a parcel that waited for it."""

    parcel_id: str
    courier: str
    waybill: str
    sort_code: str = ""


Command = (
    SetProducts
    | LoadStock
    | ExpectReceipt
    | AssignParcel
    | CancelParcel
    | GrantQuota
    | RecallQuota
    | LeaseNumbers
    | RecallNumbers
    | SetWaybill
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


class CommandRecord(msgspec.Struct, frozen=True, array_like=True):
    """One line of the sequence of commands to one edge."""

    seq: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    command_id: Annotated[str, msgspec.Meta(max_length=64)]
    kind: Annotated[str, msgspec.Meta(max_length=64)]
    version: Annotated[int, msgspec.Meta(ge=1, le=1_000)]
    body: Annotated[bytes, msgspec.Meta(max_length=COMMAND_BYTES_MAX)]


def encode_command(command: Command) -> bytes:
    """Return the JSON body of `command`."""
    return _encoder.encode(command)


def decode_command(body: bytes) -> Command:
    """Return the command in `body`; raises msgspec.DecodeError for an unknown kind or shape."""
    return _decoder.decode(body)


def command_kind_of(command: Command) -> str:
    """Return the wire name of a command's kind, such as `assign_parcel`."""
    return str(type(command).__struct_config__.tag)
