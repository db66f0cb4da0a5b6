"""Mettler-Toledo continuous output, which half of the world's indicators can imitate.

Line: 9600 baud 7E1, unasked, up to twenty times a second. Eighteen bytes, or seventeen where the
checksum is switched off::

    02 A B C wwwwww tttttt 0D CHK

A: bits 0-2 place the decimal point (000 two zeros to append, 001 one, 010 none, 011 one decimal,
100 two, 101 three, ...), bits 3-4 the increment. B: 0 net, 1 negative, 2 out of range, 3 motion,
4 kilograms (else pounds), 6 not zeroed since power-up. C: bits 0-2 another unit (1 g, 2 t, 3 oz,
6 short tons), 4 ten times expanded. The other bits are constants on which manuals disagree; they
are ignored. Leading zeros may be blanks (8530). CHK makes the sum of the low seven bits of all
bytes zero.

Whether a checksum is sent is seen from the byte after CR: it fits, or it is the STX of the next
message. A line on which a checksum was seen once must send it always. A scale that was not zeroed
since power-up is never stable, and an expanded weight is refused, since its decimal point is that
of the normal display.
Source: Mettler-Toledo 8142, IND560 and 8530 manuals, continuous output.

>>> frame = bytes.fromhex("022D30203030313233353030303030300D29")
>>> ToledoContinuousCodec().feed(frame)
[Reading(status='stable', value='1.235', unit='kg', grams='1235', kind='gross')]
"""

from __future__ import annotations

import re
from typing import Final

from devices.framing import ShapeFramer
from devices.messages import ReadingStatus, WeightKind
from devices.scales.lines import SEVEN_BITS
from devices.scales.reading import Fault, Reading, ScaleWord, weighed

STX: Final = b"\x02"
CR: Final = b"\r"
LENGTH: Final = 17
ANY: Final = bytes(range(0x80))
TEXT: Final = bytes(range(0x20, 0x80))
SHAPE: Final = (STX, *[ANY] * 3, *[TEXT] * 12, CR, ANY)
NET, NEGATIVE, OUT_OF_RANGE, MOTION, KILOGRAMS, NOT_ZEROED = 0x01, 0x02, 0x04, 0x08, 0x10, 0x40
UNIT_BITS, EXPANDED = 0x07, 0x10
POINT_BITS: Final = 0x07
POINT_NONE: Final = 2
_NUMBER: Final = re.compile(rb" *\d+")
_TARE: Final = re.compile(rb" *\d*")
_UNITS: Final = {1: "g", 2: "t", 3: "oz", 6: "ton"}


class ToledoContinuousCodec:
    """Turns the bytes of a continuous output into words."""

    def __init__(self) -> None:
        """Start with nothing held, and without knowing whether there is a checksum."""
        self._framer = ShapeFramer((SHAPE,), self._length)
        self._checked = False

    def feed(self, data: bytes) -> list[ScaleWord]:
        """Take the next bytes, in any pieces; return what they complete."""
        frames = self._framer.feed(data.translate(SEVEN_BITS))
        return [self._read(frame.body) if frame.whole else Fault("framing") for frame in frames]

    def close(self) -> list[ScaleWord]:
        """A message is complete without the checksum, if none was ever sent."""
        rest = self._framer.rest()
        if len(rest) == LENGTH and rest.startswith(STX) and rest.endswith(CR):
            return [self._read(rest)]
        return [Fault("framing")] if rest else []

    def clear(self) -> None:
        """Forget what waits for its end."""
        self._framer.clear()
        self._checked = False

    def _length(self, whole: bytes) -> int:
        """Return how many bytes belong to the message: the next STX does not."""
        return LENGTH if whole.endswith(STX) and sum(whole) & 0x7F else LENGTH + 1

    def _read(self, message: bytes) -> ScaleWord:
        if len(message) > LENGTH:
            if sum(message) & 0x7F:
                return Fault("checksum")
            self._checked = True
        elif self._checked:
            return Fault("checksum")
        return read(message[:LENGTH])


def read(message: bytes) -> ScaleWord:
    """Return what the seventeen bytes from STX to CR say."""
    a, b, c = message[1:4]
    digits, tare = message[4:10], message[10:16]
    kind: WeightKind = "net" if b & NET else "gross"
    if b & OUT_OF_RANGE:
        return Reading("underload" if b & NEGATIVE else "overload", kind=kind)
    if not _NUMBER.fullmatch(digits) or not _TARE.fullmatch(tare):
        return Fault("framing")
    if c & EXPANDED:
        return Fault("expanded")
    unit = _UNITS.get(c & UNIT_BITS, "") if c & UNIT_BITS else "kg" if b & KILOGRAMS else "lb"
    status: ReadingStatus = "unstable" if b & (MOTION | NOT_ZEROED) else "stable"
    text = placed(digits.strip().decode("ascii"), a & POINT_BITS)
    return weighed(status, f"-{text}" if b & NEGATIVE else text, unit, kind)


def placed(digits: str, point: int) -> str:
    """Return `digits` with the decimal point of the bits `point`.

    >>> placed("001235", 0b101), placed("12", 0b101), placed("12", 0b001)
    ('001.235', '0.012', '120')
    """
    decimals = point - POINT_NONE
    if decimals <= 0:
        return digits + "0" * -decimals
    padded = digits.rjust(decimals + 1, "0")
    return f"{padded[:-decimals]}.{padded[-decimals:]}"
