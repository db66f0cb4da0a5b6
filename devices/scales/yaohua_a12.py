"""Yaohua XK3190-A12 and A12E: `ww000.000kg`, eleven characters, with or without CR LF.

Line: 9600 baud 8N1, unasked. `ww` is the gross weight, `wn` net, `wt` the tare; a minus sign takes
the place of the first digit: `wn-003.17kg`. There is no stability flag and no checksum; the fixed
width guards against lost digits, and a weight settles when it is read equal for half a second.
Source: Yaohua XK3190-A12E manual, continuous output; captured bytes.

>>> YaohuaA12Codec().feed(b"wn-003.17kg\\r\\n")
[Reading(status='unknown_stability', value='-3.17', unit='kg', grams='-3170', kind='net')]
"""

from __future__ import annotations

import re
from typing import Final

from devices.framing import ShapeFramer
from devices.messages import WeightKind
from devices.scales.lines import SEVEN_BITS, SIGNED, unblanked
from devices.scales.reading import Fault, Reading, ScaleWord, weighed

NUMBER: Final = b"0123456789.+- OLol"
SHAPE: Final = (b"w", b"wnt", *[NUMBER] * 7, b"kKlLgGtT ", b"gGbBtT ")
_WEIGHT: Final = re.compile(rf"w([wnt]) *({SIGNED}) ?([A-Za-z]{{1,2}}) ?", re.IGNORECASE)
_OVERLOAD: Final = re.compile(r"w([wnt])[ -]*(?:OL|-)[ -]*[A-Za-z ]{2}", re.IGNORECASE)
_KIND: Final[dict[str, WeightKind]] = {"w": "gross", "n": "net", "t": "tare"}


class YaohuaA12Codec:
    """Turns the bytes of an A12 line into words."""

    def __init__(self) -> None:
        """Start with nothing held."""
        self._framer = ShapeFramer((SHAPE,))

    def feed(self, data: bytes) -> list[ScaleWord]:
        """Take the next bytes, in any pieces; return what they complete."""
        frames = self._framer.feed(data.translate(SEVEN_BITS))
        return [
            read(frame.body.decode("ascii")) if frame.whole else Fault("framing")
            for frame in frames
        ]

    def close(self) -> list[ScaleWord]:
        """No more bytes will come: a message without its end is no message."""
        return [Fault("framing")] if self._framer.rest() else []

    def clear(self) -> None:
        """Forget what waits for its end."""
        self._framer.clear()


def read(message: str) -> ScaleWord:
    """Return what the eleven characters say."""
    if found := _WEIGHT.fullmatch(message):
        kind, digits, unit = found.groups()
        return weighed("unknown_stability", unblanked(digits), unit, _KIND[kind])
    if found := _OVERLOAD.fullmatch(message):
        return Reading("overload", kind=_KIND[found[1]])
    return Fault("framing")
