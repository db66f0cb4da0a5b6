"""Code 128: the bars a courier's sorting machine reads.

The same text can be drawn in several ways: letters need subset B, pairs of digits are half as wide
in subset C. Printers choose by one common rule (`^BC` mode A), and the same rule here tells the
width before anything is printed: a barcode that does not fit its label is refused instead of being
cut off at the edge. Choosing for the printer (mode N and its `>5` escapes) would be exact too, but
not every ZPL interpreter reads those escapes alike.
Source: ISO/IEC 15417, annex E; ZPL II Programming Guide, `^BC`.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from shared.domain import sscc
from shared.domain.errors import InvalidInput

TEXT_MAX: Final = 40
"""Characters in one barcode."""
QUIET_MODULES: Final = 10
"""White space that a reader needs on either side, in modules."""
_ALPHABET: Final = re.compile(r"[0-9A-Za-z./+$% -]{1,40}", re.ASCII)
_DIGITS: Final = re.compile(r"\d*", re.ASCII)
_START_B, _START_C, _TO_B, _TO_C, _STOP = 104, 105, 100, 99, 106
_FNC1: Final = 102
"""Says that the digits after it are GS1's: application identifiers and their data."""
_CHECK_MODULUS: Final = 103
_RUN_INSIDE: Final = 6
"""From this many digits on, changing to subset C and back saves width."""
_RUN_AT_END: Final = 4

_TABLE: Final = (
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 "
    "122132 122231 113222 123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 "
    "321221 312212 322112 322211 212123 212321 232121 111323 131123 131321 112313 132113 132311 "
    "211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 213113 "
    "213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 111422 "
    "121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 "
    "241112 134111 111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 "
    "412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 411131 211412 "
    "211214 211232 2331112"
)
"""Bar, space, bar, … in modules, for the values 0 to 106."""
_WIDTHS: Final = tuple(_TABLE.split())


class Symbol(msgspec.Struct, frozen=True):
    """A text as Code 128: `bars` alternates black and white, in modules, black first.

    Quiet zones are not in it.
    """

    text: str
    bars: tuple[int, ...]

    @property
    def modules(self) -> int:
        """Width without quiet zones."""
        return sum(self.bars)


def encode(text: str) -> Symbol:
    """Return `text` as the narrowest usual sequence of subsets B and C.

    Raises InvalidInput unless it is 1 to 40 of the characters a courier's number can have.
    """
    if not _ALPHABET.fullmatch(text):
        raise InvalidInput(
            "barcode_text",
            f"A barcode holds 1 to {TEXT_MAX} of the characters 0-9 A-Z a-z . / + $ % - and "
            f"blank; {len(text)} characters came, or another one is among them.",
            hint="Correct the number at its source; free text belongs on the label as text.",
        )
    values: list[int] = []
    for subset, part in _split(text):
        if subset == "C":
            values.append(_TO_C if values else _START_C)
            values.extend(int(part[at : at + 2]) for at in range(0, len(part), 2))
        else:
            values.append(_TO_B if values else _START_B)
            values.extend(ord(letter) - 32 for letter in part)
    return _symbol(text, values)


def encode_sscc(number: str) -> Symbol:
    """Return an SSCC as GS1-128 with the application identifier (00).

    Raises InvalidInput unless it is 18 digits with the right check digit: a wrong one would be
    printed as it is, and refused by every reader on the carton's way.
    """
    sscc.check(number)
    digits = f"00{number}"
    pairs = [int(digits[at : at + 2]) for at in range(0, len(digits), 2)]
    return _symbol(number, [_START_C, _FNC1, *pairs])


def _symbol(text: str, values: list[int]) -> Symbol:
    check = values[0] + sum(place * value for place, value in enumerate(values))
    codes = (*values, check % _CHECK_MODULUS, _STOP)
    return Symbol(text, tuple(int(width) for code in codes for width in _WIDTHS[code]))


def _split(text: str) -> list[tuple[str, str]]:
    """Cut `text` into runs of subset B and of an even number of digits in subset C."""
    runs: list[tuple[str, str]] = []
    letters = ""
    at = 0
    while at < len(text):
        digits = _DIGITS.match(text, at)
        length = len(digits.group()) if digits else 0
        outer = at == 0 or at + length == len(text)
        if length >= (_RUN_AT_END if outer else _RUN_INSIDE):
            letters += text[at : at + length % 2]
            if letters:
                runs.append(("B", letters))
            runs.append(("C", text[at + length % 2 : at + length]))
            letters = ""
        else:
            length = max(length, 1)
            letters += text[at : at + length]
        at += length
    if letters:
        runs.append(("B", letters))
    return runs
