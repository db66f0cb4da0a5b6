"""Ohaus Defender 3000 and relatives: a fixed line of 19 characters and CR LF.

Line: 9600 baud 8N1. `IP` asks for the weight now, `SP` for the next stable one, `CP` for a stream,
`0S` and `1S` choose whether moving weights are sent. Layout::

    polarity 1, blank 1, weight 7, blank 1, unit 5, stability 1, legend 3

The weight is right-aligned with leading blanks, `?` means moving, and the legend is `G`, `NET` or
`T`. Letters or dashes instead of digits are no weight: `Err 8.3` is an overload, `Err 8.4` below
the range. `ES` refuses an unknown command, `OK!` confirms one. A Ranger switched with `PSI` speaks
MT-SICS instead.

The width is the only guard, and a message has no head. Behind garbage on the same line it is read
only if its sign is blank and the garbage ends with a byte that no message has; in doubt it is none.
Source: Ohaus 3000 series indicators, instruction manual, section 5.2.

>>> OhausCodec().feed(b"    1.235 kg   ?NET\\r\\n")
[Reading(status='unstable', value='1.235', unit='kg', grams='1235', kind='net')]
"""

from __future__ import annotations

import re
from typing import Final

from devices.messages import ReadingStatus, WeightKind
from devices.scales.lines import Form, LineCodec
from devices.scales.reading import Ack, Fault, Reading, ScaleWord, weighed

_WEIGHT: Final = re.compile(
    r"([- ]) (?=[ \d.]{7} )( *\d+(?:\.\d*)?) "
    r"(?=[ A-Za-z%:]{5}[ ?][ A-Z]{3}\Z) *([A-Za-z]{1,5}|%) *?([ ?])([ A-Z]{3})"
)
_POSITIVE: Final = re.compile(_WEIGHT.pattern.replace("[- ]", " ", 1))
_FILLER: Final = re.compile(r"([- ]) (?=.{0,6}[-A-Za-z^_>])(.{7}) .{5}[ ?].{3}")
_STATE: Final = re.compile(r"(ES|OK!?) *")
_KIND: Final[dict[str, WeightKind]] = {"G": "gross", "NET": "net", "N": "net", "T": "tare"}
PRINTABLE: Final = bytes(range(0x20, 0x7F))
_OVER_LIMIT, _UNDER_LIMIT = "8.3", "8.4"


class OhausCodec(LineCodec):
    """Turns the bytes of an Ohaus line into words."""

    def __init__(self) -> None:
        """Start with nothing held."""
        forms = (
            Form(_WEIGHT, _weight),
            Form(_POSITIVE, _weight, inside=True),
            Form(_FILLER, _without_weight),
            Form(_STATE, lambda found: Fault("syntax") if found[1] == "ES" else Ack("done")),
        )
        super().__init__(forms, never_after=PRINTABLE)


def _weight(found: re.Match[str]) -> ScaleWord:
    polarity, digits, unit, stability, legend = found.groups()
    status: ReadingStatus = "unstable" if stability == "?" else "stable"
    kind = _KIND.get(legend.strip(), "unknown")
    return weighed(status, (polarity + digits).replace(" ", ""), unit, kind)


def _without_weight(found: re.Match[str]) -> ScaleWord:
    polarity, filler = found[1], found[2].strip()
    if filler.startswith("E") and not filler.endswith((_OVER_LIMIT, _UNDER_LIMIT)):
        return Fault("not_executable")
    below = polarity == "-" or filler.startswith(("_", "U")) or filler.endswith(_UNDER_LIMIT)
    return Reading("underload" if below else "overload")
