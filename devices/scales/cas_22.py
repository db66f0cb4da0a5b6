"""The 22-byte line of CAS indicators: `ST,GS,<id><lamps>,  12.345 kg`.

Line: 9600 baud 8N1, unasked, or asked with `01RW` (01 is the device number). The byte after the
device number shows the lamps and always has bit 7 set, so the line is **not text**: its low seven
bits may look like CR. Messages are therefore found by the place of each byte, not by their end.
Lamps: bit 6 stable, 4 hold, 3 printer, 2 gross, 1 tare, 0 zero. A held display shows what lay there
before and is never stable. `OL` fills the number with anything. `!` and `?` with CR LF are refusals
of a command.
Source: CAS CI-600D, CI-400 and NT-200 manuals, sections on data formats and command mode 1.

>>> Cas22Codec().feed(b"ST,GS,1\\xc4,  12.345 kg\\r\\n")
[Reading(status='stable', value='12.345', unit='kg', grams='12345', kind='gross')]
"""

from __future__ import annotations

import re
from typing import Final

from devices.framing import ShapeFramer
from devices.messages import ReadingStatus, WeightKind
from devices.scales.generic_stgs import beyond
from devices.scales.lines import SEVEN_BITS, SIGNED, same_parity, unblanked
from devices.scales.reading import Fault, ScaleWord, weighed

DEVICE_AT, LAMPS_AT, DATA_AT, UNIT_AT = 6, 7, 9, 18
HOLD: Final = 0x10


def _with_parity(allowed: bytes) -> bytes:
    return allowed + bytes(value | 0x80 for value in allowed)


ANY: Final = bytes(range(256))
TEXT: Final = _with_parity(bytes(range(0x20, 0x7F)))
COMMA, CR, LF = _with_parity(b","), _with_parity(b"\r"), _with_parity(b"\n")
SHAPE: Final = (
    _with_parity(b"SUOH"), _with_parity(b"TSLD"), COMMA, _with_parity(b"GN"), _with_parity(b"ST"),
    COMMA, ANY, ANY, COMMA, *[TEXT] * 8, _with_parity(b" "), TEXT, TEXT, CR, LF,
)  # fmt: skip
REFUSALS: Final = {b"!": "not_executable", b"?": "syntax"}
_HEAD: Final = re.compile(r"(ST|US|OL|UL|HD),(GS|NT),")
_DATA: Final = re.compile(rf" *({SIGNED}) *")
_UNIT: Final = re.compile(r" ?([A-Za-z]{1,2}) ?")
_STATUS: Final[dict[str, ReadingStatus]] = {
    "ST": "stable",
    "US": "unstable",
    "HD": "unstable",
    "OL": "overload",
    "UL": "underload",
}
_KIND: Final[dict[str, WeightKind]] = {"GS": "gross", "NT": "net"}


class Cas22Codec:
    """Turns the bytes of a 22-byte line into words."""

    def __init__(self) -> None:
        """Start with nothing held."""
        refusals = [(bytes(mark), b"\r", b"\n") for mark in REFUSALS]
        self._framer = ShapeFramer((SHAPE, *refusals))

    def feed(self, data: bytes) -> list[ScaleWord]:
        """Take the next bytes, in any pieces; return what they complete."""
        frames = self._framer.feed(data)
        return [read(frame.body) if frame.whole else Fault("framing") for frame in frames]

    def close(self) -> list[ScaleWord]:
        """No more bytes will come: a message without its end is no message."""
        return [Fault("framing")] if self._framer.rest() else []

    def clear(self) -> None:
        """Forget what waits for its end."""
        self._framer.clear()


def read(message: bytes) -> ScaleWord:
    """Return what the 22 bytes say."""
    if refused := REFUSALS.get(message.rstrip()):
        return Fault(refused)
    if not same_parity(message[:DEVICE_AT] + message[LAMPS_AT + 1 :]):
        return Fault("framing")
    text = message.translate(SEVEN_BITS).decode("ascii")
    head = _HEAD.fullmatch(text[:DEVICE_AT])
    if not head:
        return Fault("framing")
    status, kind = _STATUS[head[1]], _KIND[head[2]]
    data = text[DATA_AT : UNIT_AT - 1]
    if status in {"overload", "underload"}:
        return beyond(status, data, kind)
    digits, unit = _DATA.fullmatch(data), _UNIT.fullmatch(text[UNIT_AT : UNIT_AT + 2])
    if not digits or not unit:
        return Fault("framing")
    held = message[LAMPS_AT] & HOLD
    return weighed("unstable" if held else status, unblanked(digits[1]), unit[1], kind)
