"""A&D balances and benches: `ST,+001234.5  g`, always 15 characters and CR LF.

Line: 2400 baud 7E1. `Q` asks for the weight now, `SIR` for a stream. Layout: head, comma, sign and
eight characters of number, unit right-aligned in three. Heads::

    ST,+001234.5  g    stable
    US,-001234.5  g    moving
    QT,+00000123 PC    counting mode: pieces, not a weight
    OL,+999999.9       overload; the digits are filler
    OL,-999999.9       below the range
    WT,+001234.5  g    stable, from balances that print; PT is the preset tare

The fixed width is the only guard: a line of another length is no message. Refusals are `?` for an
unknown command, `I` for one that cannot be done now, `EC,Exx` from newer models.
Source: A&D EK-L series instruction manual, section 9-2; GX series for WT, PT and EC.

>>> AndCodec().feed(b"ST,+001234.5  g\\r\\n")
[Reading(status='stable', value='1234.5', unit='g', grams='1234.5', kind='unknown')]
"""

from __future__ import annotations

import re
from typing import Final

from devices.messages import ReadingStatus
from devices.scales.generic_stgs import beyond, refusal
from devices.scales.lines import Form, LineCodec, unblanked
from devices.scales.reading import Ack, Fault, Reading, ScaleWord, weighed

_WEIGHT: Final = re.compile(
    r"(ST|US|QT|WT),(?=[-+ 0-9.]{9}[ A-Za-z%]{3}\Z)([-+ ] *\d+(?:\.\d*)?) *([A-Za-z]{1,3}|%) *"
)
_PRESET: Final = re.compile(r"PT,[-+ ][ \d.]{8}[ A-Za-z]{3}")
_OVERLOAD: Final = re.compile(r"OL(?:,([^,]*))?")
_DONE: Final = re.compile(r"([ZT]|CT|P|\x06) *")
_REFUSED: Final = re.compile(r"(\?|I) *")
_ERROR: Final = re.compile(r"EC,E(\d\d) *")
_STATUS: Final[dict[str, ReadingStatus]] = {
    "ST": "stable",
    "WT": "stable",
    "QT": "stable",
    "US": "unstable",
}
_ERRORS: Final = {"00": "transmission", "01": "syntax", "04": "syntax", "06": "syntax"}
_DONE_WORDS: Final = {"Z": "zero", "T": "tare", "CT": "tare_cleared"}


class AndCodec(LineCodec):
    """Turns the bytes of an A&D standard line into words."""

    def __init__(self) -> None:
        """Start with nothing held."""
        forms = (
            Form(_WEIGHT, _weight, inside=True),
            Form(_OVERLOAD, lambda found: beyond("overload", found[1] or "")),
            Form(_PRESET, lambda _: Ack("tare_value")),
            Form(_DONE, lambda found: Ack(_DONE_WORDS.get(found[1], "done"))),
            Form(_REFUSED, refusal),
            Form(_ERROR, lambda found: Fault(_ERRORS.get(found[1], "not_executable"))),
        )
        super().__init__(forms)


def _weight(found: re.Match[str]) -> ScaleWord:
    head, digits, unit = found.groups()
    reading = weighed(_STATUS[head], unblanked(digits), unit)
    counted = isinstance(reading, Reading) and reading.grams is None
    return reading if counted == (head == "QT") else Fault("unit")
