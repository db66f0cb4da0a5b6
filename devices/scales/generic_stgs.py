"""The `ST,GS,+  1.240kg` family, spoken by many indicators and never specified by anybody.

A line has a stability head, a kind, a signed value and a unit, with commas and blanks as each maker
liked: `ST,GS,+  1.240kg`, `US,NT,-0012.5 g`, `ST,GS +1.240 KG`, `01ST,GS,     1.5,kg` (with the
address of an RS485 line in front). `OL` sends filler digits that are not a weight.

>>> StgsCodec().feed(b"US,GS,+  1.234kg\\r\\n")
[Reading(status='unstable', value='1.234', unit='kg', grams='1234', kind='gross')]
"""

from __future__ import annotations

import re
from typing import Final

from devices.framing import Frame, LineFramer
from devices.messages import ReadingStatus, WeightKind
from devices.scales.reading import Fault, Reading, ScaleWord, weighed

_LINE: Final = re.compile(
    r"\s*(?:\d{2})?(ST|US|OL|UL)\s*,\s*(GS|NT|TR|G|N|T)\s*[, ]\s*([+-]?)\s*(\d+(?:\.\d+)?)\s*,?\s*"
    r"(kg|g|lb|oz|t)\s*",
    re.IGNORECASE,
)
_NO_WEIGHT: Final = re.compile(r"\s*(?:\d{2})?(OL|UL)\s*(?:,.*)?", re.IGNORECASE)
_STATUS: Final[dict[str, ReadingStatus]] = {
    "ST": "stable",
    "US": "unstable",
    "OL": "overload",
    "UL": "underload",
}
_KIND: Final[dict[str, WeightKind]] = {"G": "gross", "N": "net", "T": "tare"}


class StgsCodec:
    """Turns the bytes of an `ST,GS` line into words."""

    def __init__(self) -> None:
        """Start with nothing held."""
        self._framer = LineFramer()

    def feed(self, data: bytes) -> list[ScaleWord]:
        """Take the next bytes, in any pieces; return what they complete."""
        return [read(frame) for frame in self._framer.feed(data)]

    def close(self) -> list[ScaleWord]:
        """No more bytes will come: a message without its end is no message."""
        return [Fault("framing")] if self._framer.rest() else []

    def clear(self) -> None:
        """Forget what waits for its end."""
        self._framer.clear()


def read(frame: Frame) -> ScaleWord:
    """Return what one line says."""
    if not frame.whole or not frame.body.isascii():
        return Fault("framing")
    line = frame.body.decode("ascii")
    if full := _LINE.fullmatch(line):
        head, kind_word, sign, digits, unit = full.groups()
        kind = _KIND[kind_word[0].upper()]
        status = _STATUS[head.upper()]
        if status in {"overload", "underload"}:
            return Reading(status, kind=kind)
        return weighed(status, sign.replace("+", "") + digits, unit.lower(), kind)
    if short := _NO_WEIGHT.fullmatch(line):
        return Reading(_STATUS[short[1].upper()])
    return Fault("framing")
