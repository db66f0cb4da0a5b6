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
}
"""Grams in one of each unit, exact."""
EXACT: Final = Context(prec=60)
"""Wide enough that no product of a frame's digits and a factor is ever rounded."""


class Reading(msgspec.Struct, frozen=True):
    """What the scale shows.

    `value` and `unit` as the frame has them, `grams` as an exact decimal text without exponent or
    useless zeros; all three are None in a frame without a weight (overload, motion).
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


def weighed(
    status: ReadingStatus, value: str, unit: str, kind: WeightKind = "unknown"
) -> Reading | Fault:
    """Return the reading of `value` (decimal text, sign allowed) in `unit`, or Fault('unit').

    >>> weighed("stable", "1.235", "kg").grams
    '1235'
    """
    factor = GRAMS.get(unit)
    if factor is None:
        return Fault("unit")
    grams = EXACT.multiply(Decimal(value), factor)
    return Reading(status, value, unit, plain(grams), kind)
