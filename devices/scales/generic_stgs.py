"""The `ST,GS,+  1.240kg` family, spoken by many indicators and never specified by anybody.

A line has a stability head, a kind, a signed value and a unit, with commas and blanks as each maker
liked: `ST,GS,+  1.240kg`, `US,NT,-0012.5 g`, `ST,GS +1.240 KG`, `ST GS 1.240kg`, and
`01ST,GS,     1.5,kg` (Dini Argeo, with the address of an RS485 line in front). `OL` sends filler
digits that are not a weight, and a held display (`HD`) shows what lay there before.

The family has no checksum and no fixed width: a digit or a `k` lost on the line is not noticed.
Give `unit` in the devices file, and prefer another protocol where the indicator offers one.

>>> StgsCodec().feed(b"US,GS,+  1.234kg\\r\\n")
[Reading(status='unstable', value='1.234', unit='kg', grams='1234', kind='gross')]
"""

from __future__ import annotations

import re
from typing import Final

from devices.messages import ReadingStatus, WeightKind
from devices.scales.lines import SIGNED, Form, LineCodec, unblanked
from devices.scales.reading import Fault, Reading, ScaleWord, weighed

_HEAD: Final = r"(?: *(?:\d{2}|@\d{2}),? *)?(ST|US|QT|HD|OL|UL)"
_LINE: Final = re.compile(
    rf" *{_HEAD}[ ,]*(GS|NT|TR|G|N|T|)[ ,]*({SIGNED})[ ,]*(kgs?|g|lbs?|oz|t|pcs?|%) *",
    re.IGNORECASE,
)
_NO_WEIGHT: Final = re.compile(r" *(?:\d{2}|@\d{2})?(OL|UL)\b[ ,]*(GS|NT|)\b.*", re.IGNORECASE)
_COMMAND: Final = re.compile(r"(\?|I|!|ERR\d*) *")
_STATUS: Final[dict[str, ReadingStatus]] = {
    "ST": "stable",
    "QT": "stable",
    "US": "unstable",
    "HD": "unstable",
    "OL": "overload",
    "UL": "underload",
}
_KIND: Final[dict[str, WeightKind]] = {"G": "gross", "N": "net", "T": "tare"}


class StgsCodec(LineCodec):
    """Turns the bytes of an `ST,GS` line into words."""

    def __init__(self) -> None:
        """Start with nothing held."""
        forms = (
            Form(_LINE, _weight, inside=True),
            Form(_NO_WEIGHT, _range),
            Form(_COMMAND, refusal),
        )
        super().__init__(forms)


def _weight(found: re.Match[str]) -> ScaleWord:
    head, kind_word, digits, unit = found.groups()
    kind = _KIND.get(kind_word[:1].upper(), "unknown")
    status = _STATUS[head.upper()]
    if status in {"overload", "underload"}:
        return beyond(status, digits, kind)
    return weighed(status, unblanked(digits), unit, kind)


def _range(found: re.Match[str]) -> ScaleWord:
    kind = _KIND.get(found[2][:1].upper(), "unknown")
    return beyond(_STATUS[found[1].upper()], found[0].partition(found[1])[2], kind)


def beyond(status: ReadingStatus, filler: str, kind: WeightKind = "unknown") -> Reading:
    """Return a reading without a weight; an overload with one minus sign is below the range."""
    return Reading("underload" if filler.count("-") == 1 else status, kind=kind)


def refusal(found: re.Match[str]) -> Fault:
    """Return what `?` (unknown command) and the other refusals of indicators mean."""
    return Fault("syntax" if found[1] == "?" else "not_executable")
