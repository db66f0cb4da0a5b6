"""The 18-byte line of A&D indicators, which CAS and others offer too: `ST,GS,+00012.3kg`.

Line: 2400 baud 7E1 at A&D, 9600 8N1 at CAS. `RW` asks for the weight now; in stream mode the
indicator sends by itself. Layout: head, comma, kind, comma, sign and seven characters of number,
unit in two; 16 characters and CR LF. An indicator on a shared line puts its address in front (`@23`
or `01`). `OL` fills the number with digits or blanks, which are not a weight.

The fixed width is the only guard: a line of another length is no message.
Source: A&D AD-4329A and AD-4406 manuals; CAS CI-600D manual, section 10-3.

>>> And18Codec().feed(b"ST,GS,+00012.3kg\\r\\n")
[Reading(status='stable', value='12.3', unit='kg', grams='12300', kind='gross')]
"""

from __future__ import annotations

import re
from typing import Final

from devices.messages import ReadingStatus, WeightKind
from devices.scales.generic_stgs import beyond, refusal
from devices.scales.lines import SIGNED, Form, LineCodec, unblanked
from devices.scales.reading import Ack, ScaleWord, weighed

_ADDRESS: Final = r"(?:@?\d{2},?)?"
_WEIGHT: Final = re.compile(
    rf"{_ADDRESS}(ST|US|HD),(GS|NT|TR),(?=[-+ 0-9.]{{8}}[ A-Za-z]{{2}}\Z)"
    rf" *({SIGNED}) *([A-Za-z]{{1,2}}) *"
)
_OVERLOAD: Final = re.compile(rf"{_ADDRESS}(OL|UL)(?:,(GS|NT|TR))?(?:,(.*))?")
_DONE: Final = re.compile(rf"{_ADDRESS}(M[ZTNG]|CT|RW)(?:,\d)? *")
_REFUSED: Final = re.compile(rf"{_ADDRESS}(\?|I|!) *")
_STATUS: Final[dict[str, ReadingStatus]] = {"ST": "stable", "US": "unstable", "HD": "unstable"}
_KIND: Final[dict[str | None, WeightKind]] = {"GS": "gross", "NT": "net", "TR": "tare"}
_DONE_WORDS: Final = {"MZ": "zero", "MT": "tare", "CT": "tare_cleared"}


class And18Codec(LineCodec):
    """Turns the bytes of an 18-byte line into words."""

    def __init__(self) -> None:
        """Start with nothing held."""
        forms = (
            Form(_WEIGHT, _weight, inside=True),
            Form(_OVERLOAD, _overload),
            Form(_DONE, lambda found: Ack(_DONE_WORDS.get(found[1], "done"))),
            Form(_REFUSED, refusal),
        )
        super().__init__(forms)


def _weight(found: re.Match[str]) -> ScaleWord:
    head, kind, digits, unit = found.groups()
    return weighed(_STATUS[head], unblanked(digits), unit, _KIND[kind])


def _overload(found: re.Match[str]) -> ScaleWord:
    status: ReadingStatus = "underload" if found[1] == "UL" else "overload"
    return beyond(status, found[3] or "", _KIND.get(found[2], "unknown"))
