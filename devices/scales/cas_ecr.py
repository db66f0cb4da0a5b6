"""CAS scales at a cash register: asked in two steps, or with one letter.

Line: 9600 baud 8N1. SW-II, AP-1 and PD-II are asked with ENQ (05); a scale that is ready answers
ACK (06), else NAK (15); DC1 (11) then fetches the weight::

    01 02 STA SIGN W W W W W W U U BCC 03 04

STA is `S` at rest, `U` moving; SIGN a blank, `-`, or `F` for an overload, where the weight is six
`F` too; BCC the exclusive or of the bytes from STA to the unit. BCC may be any byte, also the 03 or
04 that follows it, so the message is found by its length.

CI-100A, Adam MDW and Ohaus Aviator answer `W` and CR instead, with a weight and their status::

    0A weight unit 0D 0A H1 H2 H3 0D 03

`^^^` for the weight is an overload, `___` below the range, `---` a zero error. Of H1 bit 0 is
motion and bits 2 and 3 are defects, of H2 bit 0 is below and bit 1 above the range, of H3 bit 2 is
net (in the four bytes of CI-100A, where bit 2 of H4 is a held display). An `H` may stand in
front.
Source: CAS AP-1, SW-II, PD-II and CI-100A manuals; Adam MDW manual, section 8.5.3; Ohaus Aviator
7000 service manual, section 6.1.

>>> CasEcrCodec().feed(bytes([1, 2]) + b"S 01.235kg" + bytes([0x64, 3, 4]))
[Reading(status='stable', value='1.235', unit='kg', grams='1235', kind='unknown')]
"""

from __future__ import annotations

import re
from functools import reduce
from operator import xor
from typing import Final

from devices.framing import ShapeFramer
from devices.messages import ReadingStatus, WeightKind
from devices.scales.lines import SEVEN_BITS, SIGNED, unblanked
from devices.scales.reading import Ack, Fault, Reading, ScaleWord, weighed

SOH, STX, ETX, EOT = b"\x01", b"\x02", b"\x03", b"\x04"
READY: Final = Ack("ready")
MARKS: Final[dict[bytes, ScaleWord]] = {b"\x06": READY, b"\x15": Fault("not_executable")}
ANY: Final = bytes(range(256))
TEXT: Final = bytes(range(0x20, 0x7F))
STATUS_BYTES: Final = bytes(range(0x30, 0x80))
BLOCK: Final = (SOH, STX, *[TEXT] * 10, ANY, ETX, EOT)
LETTER_ANSWERS: Final = tuple(
    (b"\n", *[TEXT] * text, b"\r", b"\n", *[STATUS_BYTES] * states, b"\r", ETX)
    for text in range(6, 17)
    for states in range(1, 6)
)
LETTER_REFUSAL: Final = (b"\n", b"?", b"\r", ETX)
MOTION, DEFECTS, UNDER, OVER, NET, HELD = 0x01, 0x0C, 0x01, 0x02, 0x04, 0x04
_BLOCK: Final = re.compile(r"([SU])([- F])( *\d+(?:\.\d*)?|F{6})([A-Za-z]{2})")
_WEIGHT: Final = re.compile(rf" *({SIGNED}) *([A-Za-z]{{1,3}}|%) *")
_FILLER: Final = re.compile(r" *([\^_-])\1+ *[A-Za-z:%]* *")
_FILLERS: Final[dict[str, ScaleWord]] = {
    "^": Reading("overload"),
    "_": Reading("underload"),
    "-": Fault("not_executable"),
}


class CasEcrCodec:
    """Turns the bytes of a cash register line into words."""

    def __init__(self) -> None:
        """Start with nothing held."""
        marks = [(mark,) for mark in MARKS]
        self._framer = ShapeFramer((*marks, BLOCK, *LETTER_ANSWERS, LETTER_REFUSAL))

    def feed(self, data: bytes) -> list[ScaleWord]:
        """Take the next bytes, in any pieces; return what they complete."""
        frames = self._framer.feed(data.translate(SEVEN_BITS))
        return [read(frame.body) if frame.whole else Fault("framing") for frame in frames]

    def close(self) -> list[ScaleWord]:
        """No more bytes will come: a message without its end is no message."""
        return [Fault("framing")] if self._framer.rest() else []

    def clear(self) -> None:
        """Forget what waits for its end."""
        self._framer.clear()


def read(message: bytes) -> ScaleWord:
    """Return what one message says."""
    if mark := MARKS.get(message):
        return mark
    if message.startswith(SOH):
        return _block(message[2:-3], message[-3])
    if message.startswith(b"\n?"):
        return Fault("syntax")
    text, _, states = message[1:-2].partition(b"\r\n")
    return _letter_answer(text.decode("ascii"), states.removeprefix(b"H"))


def block_check(data: bytes) -> int:
    """Return the exclusive or of `data`, which are the bytes from STA to the unit.

    >>> block_check(b"S 01.235kg")
    100
    """
    return reduce(xor, data)


def _block(data: bytes, check: int) -> ScaleWord:
    if block_check(data) != check:
        return Fault("checksum")
    found = _BLOCK.fullmatch(data.decode("ascii"))
    if not found:
        return Fault("framing")
    state, sign, digits, unit = found.groups()
    if "F" in sign + digits:
        return Reading("overload")
    return weighed("stable" if state == "S" else "unstable", (sign + digits).replace(" ", ""), unit)


def _letter_answer(text: str, states: bytes) -> ScaleWord:
    h1, h2, h3, h4 = states.ljust(4, b"0")[:4]
    if filler := _FILLER.fullmatch(text):
        return _FILLERS[filler[1]]
    if h2 & (OVER | UNDER):
        return Reading("overload" if h2 & OVER else "underload")
    if h1 & DEFECTS:
        return Fault("defect")
    found = _WEIGHT.fullmatch(text)
    if not found:
        return Fault("framing")
    kind: WeightKind = "unknown"
    if len(states) == len("1234"):
        kind = "net" if h3 & NET else "gross"
    held = len(states) == len("1234") and h4 & HELD
    status: ReadingStatus = "unstable" if h1 & MOTION or held else "stable"
    return weighed(status, unblanked(found[1]), found[2], kind)
