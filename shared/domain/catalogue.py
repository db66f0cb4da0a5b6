"""Goods and places as head office describes them and every warehouse knows them.

A product's *serial policy* says when its serial number (SN) is read: `none` never, `ship` only when
it leaves (scan-out), `full` on the way in and on the way out. Weights are grams and lengths
millimetres, whole numbers, because a scale and a ruler give no more and floats do not add up.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

SerialPolicy = Literal["none", "ship", "full"]

Sku = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
SerialNumber = Annotated[str, msgspec.Meta(min_length=3, max_length=64)]
BinCode = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
Quantity = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
WallMs = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """One SKU: what it is, what it weighs, and when its serial number is read."""

    sku: Sku
    gtin: str
    name: str
    unit_weight_grams: int
    length_mm: int
    width_mm: int
    height_mm: int
    serial_policy: SerialPolicy

    @property
    def volume_mm3(self) -> int:
        """Volume of one unit in cubic millimetres."""
        return self.length_mm * self.width_mm * self.height_mm


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """To whom a parcel goes. Personal data: never logged, never in a chained fact."""

    name: str
    phone: str
    country: str
    province: str
    city: str
    district: str
    street: str
    postcode: str


def masked_name(name: str) -> str:
    """Return `name` as labels and screens show it: `张*三`, `李*`, `M***`."""
    name = name.strip()
    if len(name) <= 1:
        return "*" * len(name)
    if name.isascii():
        return name[0] + "***"
    return name[0] + "*" * max(1, len(name) - 2) + (name[-1] if len(name) > 2 else "")


def masked_phone(phone: str) -> str:
    """Return `phone` with its middle hidden: `137****2206`."""
    digits = phone.strip()
    if len(digits) < 8:
        return "*" * len(digits)
    return digits[:3] + "****" + digits[-4:]
