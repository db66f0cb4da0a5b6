"""What the bodies of facts are made of: units in a bin, lines that left, a parcel taken on.

Like the facts themselves these are the replication contract: fields are only ever added, with a
default.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from shared.domain.catalogue import BinCode, Quantity, SerialNumber, Sku

ShortReason = Literal["missing", "damaged", "mixed"]
Grade = Literal["good", "quarantine", "repair", "scrap"]
"""What a returned unit is fit for: sale, a closer look, the workshop, or nothing."""
Int64 = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class StockRow(msgspec.Struct, frozen=True):
    """Units of one SKU in one bin. `serials` is empty unless the policy is `full`."""

    bin: BinCode
    sku: Sku
    quantity: Quantity
    serials: tuple[SerialNumber, ...] = ()


class ShippedLine(msgspec.Struct, frozen=True):
    """Units of one order line that left. `serials` is empty for policy `none`."""

    line_no: int
    sku: Sku
    quantity: Quantity
    serials: tuple[SerialNumber, ...] = ()


class AssignedLine(msgspec.Struct, frozen=True):
    """Units of one order line in a parcel that a floor took on."""

    line_no: int
    sku: Sku
    quantity: Quantity


class BoxPart(msgspec.Struct, frozen=True, kw_only=True):
    """What one order has in a box that it shares with others to the same door.

    The lines of the box are numbered from 1, part by part; `line_nos` are the order's own numbers.
    """

    parcel_id: str
    order_id: str
    channel: str
    shop: str
    order_no: str
    order_version: int
    line_nos: tuple[int, ...]


class AssignedParcel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A parcel as a floor took it on, without the person who gets it.

    Enough for a hub that forgot the parcel to take it into its books again. `order_version` is the
    version of the order it was made for, 0 when nobody told. `parts` say which order has what in
    it when there are several; the first is the one whose names are above.
    """

    parcel_id: str
    order_id: str
    channel: str
    shop: str
    order_no: str
    courier: str
    waybill: str
    sort_code: str
    cut_off_ms: Int64
    lines: tuple[AssignedLine, ...]
    order_version: int = 0
    parts: tuple[BoxPart, ...] = ()


class LeasedNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """Waybill numbers that a warehouse was lent; `after` numbers had been lent to it before."""

    courier: str
    after: Int64
    numbers: tuple[str, ...]
