"""What a scale can say: a reading, an acknowledgement, or that something is wrong.

A weight is worthless without its status. A parcel that still rocks, a box leaning on the wall and
an empty overloaded pan all send digits. A `Reading` therefore always carries status and kind, and
its value is the exact decimal text of the frame: `1.235 kg` is 1235 g, not 1234.9999.

Source of the factors: international yard and pound agreement (1 lb = 453.59237 g, 1 oz = 1/16 lb).
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Final

import msgspec

from devices.messages import ReadingStatus, WeightKind

GRAMS: Final = {
    "kg": Decimal(1000),
    "g": Decimal(1),
    "mg": Decimal("0.001"),
    "t": Decimal(1_000_000),
    "lb": Decimal("453.59237"),
    "oz": Decimal("28.349523125"),
    "ozt": Decimal("31.1034768"),
    "ct": Decimal("0.2"),
    "ton": Decimal("907184.74"),
}
"""Grams in one of each unit, exact; `ton` is the short ton of 2000 pounds."""
SPELLINGS: Final = {"kgs": "kg", "lbs": "lb", "pc": "pcs"}
NO_WEIGHT: Final = frozenset({"pcs", "%"})
"""Units of a scale that counts or compares: it shows a number, and no grams."""
EXACT: Final = Context(prec=60)
"""Wide enough that no product of a frame's digits and a factor is ever rounded."""


class Reading(msgspec.Struct, frozen=True):
    """What the scale shows.

    `value` with the decimals of the frame and `unit` in small letters, `grams` as an exact decimal
    text without exponent or useless zeros; all three are None in a frame without a weight
    (overload, motion), and `unit` and `grams` in a frame that does not tell its unit.
    """

    status: ReadingStatus
    value: str | None = None
    unit: str | None = None
    grams: str | None = None
    kind: WeightKind = "unknown"


class Ack(msgspec.Struct, frozen=True):
    """The scale did what it was asked, or tells that it was restarted; `what` names it."""

    what: str


class Fault(msgspec.Struct, frozen=True):
    """The scale refused, or the bytes make no sense; `code` such as `syntax` or `framing`."""

    code: str


ScaleWord = Reading | Ack | Fault


def plain(number: Decimal) -> str:
    """Return the shortest text of `number` without an exponent.

    >>> plain(Decimal("1235.000")), plain(Decimal("-0.00")), plain(Decimal("100"))
    ('1235', '0', '100')
    """
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def number(text: str) -> str:
    """Return decimal `text` without leading zeros, plus sign or sign of zero, all decimals kept.

    >>> number("+001234.50"), number("-0012.5"), number("-0.000"), number("1560.")
    ('1234.50', '-12.5', '0.000', '1560')
    """
    plain_text = f"{Decimal(text):f}"
    return plain_text if Decimal(text) else plain_text.lstrip("-")


def weighed(
    status: ReadingStatus, value: str, unit: str | None, kind: WeightKind = "unknown"
) -> Reading | Fault:
    """Return the reading of `value` (decimal text, sign allowed) in `unit`, or Fault('unit').

    Without a unit in the frame there are no grams; `in_unit` adds them where a person has told the
    unit.

    >>> weighed("stable", "01.235", "KG")
    Reading(status='stable', value='1.235', unit='kg', grams='1235', kind='unknown')
    """
    shown = number(value)
    if unit is None:
        return Reading(status, shown, kind=kind)
    name = SPELLINGS.get(unit.lower(), unit.lower())
    if name in NO_WEIGHT:
        return Reading(status, shown, name, kind=kind)
    factor = GRAMS.get(name)
    if factor is None:
        return Fault("unit")
    return Reading(status, shown, name, plain(EXACT.multiply(Decimal(shown), factor)), kind)


def in_unit(reading: Reading, unit: str | None) -> Reading | Fault:
    """Return `reading` weighed in `unit` if its frame had a number but no unit."""
    if unit is None or reading.unit is not None or reading.value is None:
        return reading
    return weighed(reading.status, reading.value, unit, reading.kind)
