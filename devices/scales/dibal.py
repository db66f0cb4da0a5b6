"""Dibal POS scales: sixteen digits for a question of eight.

Line: 9600 baud 8N1. The question is `98`, a price of five digits and a check character; we always
ask with price zero, `98000001`. The answer::

    99 0 00316 0 000000 4
    |  | |     | |      check character: exclusive or of the fifteen before it
    |  | |     | amount, for the price asked
    |  | |     zero
    |  | weight, five digits of which three are decimals: 0.316 kg
    |  0 is a weight, anything else a refusal
    answer

The scale answers when the load rests or after seven seconds, but does not say which: stability is
unknown. Nor does it say a unit; this protocol is kilograms by definition.
Source: description of the protocol by SBZ Systems for the Dibal G310; the check character of the
question and of the answer printed there agree with it.

>>> DibalCodec().feed(b"9900031600000004\\r\\n")
[Reading(status='unknown_stability', value='0.316', unit='kg', grams='316', kind='unknown')]
"""

from __future__ import annotations

import re
from functools import reduce
from operator import xor
from typing import Final

from devices.scales.lines import Form, LineCodec
from devices.scales.reading import Fault, ScaleWord, weighed

_ANSWER: Final = re.compile(r"(99[ -~]{13})([ -~])")
_FIELDS: Final = re.compile(r"99(\d)(\d{2})(\d{3})\d{7}")


class DibalCodec(LineCodec):
    """Turns the bytes of a Dibal line into words."""

    def __init__(self) -> None:
        """Start with nothing held."""
        super().__init__((Form(_ANSWER, _weight, inside=True),), never_after=b"0123456789")


def check_character(text: str) -> str:
    """Return the check character of `text`.

    >>> check_character("9800000"), check_character("990003160000000")
    ('1', '4')
    """
    return chr(reduce(xor, text.encode("ascii")))


def _weight(found: re.Match[str]) -> ScaleWord:
    body, check = found.groups()
    if check_character(body) != check:
        return Fault("checksum")
    fields = _FIELDS.fullmatch(body)
    if not fields:
        return Fault("framing")
    state, kilograms, grams = fields.groups()
    if state != "0":
        return Fault("not_executable")
    return weighed("unknown_stability", f"{kilograms}.{grams}", "kg")
