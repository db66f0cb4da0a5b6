"""Adam CPWplus: `G +  2.00 kg` on request, and no word about stability.

Line: 9600 baud 8N1. `G` asks for the gross weight, `N` for net, `T` for the tare, `Z` takes a tare;
all with CR LF. Some firmware writes `G/W` and `N/W`. Every weight is of unknown stability, so it
settles only when it is read equal for half a second. The older AZExtra answers only when the weight
changed, and beeps: it cannot be asked in a loop, use its continuous output with `generic-stgs`.

There is no checksum and no fixed width: a lost digit is noticed only because the next reading
differs.
Source: Adam Equipment, CPWplus user manual, section RS-232.

>>> AdamCodec().feed(b"G +  2.00 kg\\r\\n")
[Reading(status='unknown_stability', value='2.00', unit='kg', grams='2000', kind='gross')]
"""

from __future__ import annotations

import re
from typing import Final

from devices.messages import WeightKind
from devices.scales.generic_stgs import refusal
from devices.scales.lines import Form, LineCodec, unblanked
from devices.scales.reading import Reading, ScaleWord, weighed

_WEIGHT: Final = re.compile(r"([GNT])(?:/W)?:? *([+-] *\d+(?:\.\d*)?) *(kgs?|lbs?|g|oz|KG|LB) *")
_OVERLOAD: Final = re.compile(
    r"(?:[GNT](?:/W)?)? *(?:([+-]) +)?(?:O-?L|OVER|-{4,}|E ?\d) *(?:kg|lb)? *"
)
_REFUSED: Final = re.compile(r"(\?|!E[A-Z]) *")
_KIND: Final[dict[str, WeightKind]] = {"G": "gross", "N": "net", "T": "tare"}


class AdamCodec(LineCodec):
    """Turns the bytes of a CPWplus line into words."""

    def __init__(self) -> None:
        """Start with nothing held."""
        forms = (
            Form(_WEIGHT, _weight, inside=True),
            Form(_OVERLOAD, _overload),
            Form(_REFUSED, refusal),
        )
        super().__init__(forms)


def _weight(found: re.Match[str]) -> ScaleWord:
    kind, digits, unit = found.groups()
    return weighed("unknown_stability", unblanked(digits), unit, _KIND[kind])


def _overload(found: re.Match[str]) -> ScaleWord:
    return Reading("underload" if found[1] == "-" else "overload")
