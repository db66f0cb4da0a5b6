"""Yaohua XK3190 "formats 1 and 2": `=` and eight characters, and nothing that ends them.

Line: 9600 baud 8N1 (600 to 9600), unasked. Both formats look alike and differ in the order of their
characters only, so nobody can tell them apart by looking: the protocol has to be configured.

    =0003.000     yaohua-eq            3.000, highest digit first, a minus sign in front
    =000.3000     yaohua-eq-reversed   3.000, lowest digit first, a minus sign at the end

A message is complete when the next byte is none of a number: a ninth character means that the
format is another one. The message tells neither unit nor stability and has no checksum. The unit
has to be in the devices file, and a weight settles when it is read equal for half a second.
Source: Yaohua XK3190-A9 and D2+ manuals, formats 1 and 2.

>>> plain, turned = YaohuaEqCodec(), YaohuaEqReversedCodec()
>>> [word.value for word in plain.feed(b"=0003.000=") + turned.feed(b"=000.3000=")]
['3.000', '3.000']
"""

from __future__ import annotations

import re
from typing import Final

from devices.framing import ShapeFramer
from devices.scales.lines import SEVEN_BITS, SIGNED, unblanked
from devices.scales.reading import Fault, ScaleWord, weighed

NUMBER: Final = b"0123456789.+- "
LENGTH: Final = 9
NOT_NUMBER: Final = bytes(set(range(0x80)) - set(NUMBER))
SHAPE: Final = (b"=", *[NUMBER] * (LENGTH - 1), NOT_NUMBER)
_NUMBER: Final = re.compile(rf" *({SIGNED})")


class YaohuaEqCodec:
    """Turns the bytes of a "format 2" line into words, highest digit first."""

    reversed = False

    def __init__(self) -> None:
        """Start with nothing held."""
        self._framer = ShapeFramer((SHAPE,), lambda _: LENGTH)

    def feed(self, data: bytes) -> list[ScaleWord]:
        """Take the next bytes, in any pieces; return what they complete."""
        frames = self._framer.feed(data.translate(SEVEN_BITS))
        return [self._read(frame.body) if frame.whole else Fault("framing") for frame in frames]

    def close(self) -> list[ScaleWord]:
        """Nothing more comes, so nothing more belongs to the number."""
        rest = self._framer.rest()
        if len(rest) == LENGTH and rest.startswith(b"="):
            return [self._read(rest)]
        return [Fault("framing")] if rest else []

    def clear(self) -> None:
        """Forget what waits for its end."""
        self._framer.clear()

    def _read(self, message: bytes) -> ScaleWord:
        text = message[1:].decode("ascii")
        found = _NUMBER.fullmatch(text[::-1] if self.reversed else text)
        if not found:
            return Fault("framing")
        return weighed("unknown_stability", unblanked(found[1]), None)


class YaohuaEqReversedCodec(YaohuaEqCodec):
    """Turns the bytes of a "format 1" line into words, lowest digit first."""

    reversed = True
