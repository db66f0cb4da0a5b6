"""Waybill numbers a courier hands out in advance: ranges, check digits, and how many to lend.

A number exists once in the world. It lies in head office's pool, then it is leased to one
warehouse, then it is on one parcel, and once a label may carry it, it is never free again:

    free -> leased -> used -> burnt
      ^        |  ^     |
      |returned|  |freed| (only if it never went to a printer)

A warehouse is lent about two days' worth, so that it can label through a cut line, and gets more
when half of it is gone. Check digits: `s10` is the UPU's for postal items (two letters, eight
digits, check digit, two letters), `mod10` the GS1 one as the last digit.
Source: UPU standard S10 (weights 8 6 4 2 3 5 9 7, modulus 11); GS1 General Specifications 7.9.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

CheckRule = Literal["", "s10", "mod10"]
NumberState = Literal["free", "leased", "used", "burnt"]

NUMBER_CHARS_MAX: Final = 32
NUMBERS_PER_LOAD_MAX: Final = 200_000
"""Numbers in one hand-over; a larger range is loaded in parts."""
LEVEL_MIN: Final = 50
LEVEL_MAX: Final = 5_000
LEVEL_DAYS: Final = 2
"""A warehouse holds the numbers of so many days like the last."""
_NUMBER: Final = re.compile(r"[A-Z0-9][A-Z0-9-]{3,31}")
_PLAIN: Final = re.compile(r"(.*?)(\d{1,18})()")
_CHECKED: Final = re.compile(r"(.*?)(\d{2,18})()")
_S10: Final = re.compile(r"([A-Z]{2})(\d{9})([A-Z]{2})")
_S10_WEIGHTS: Final = (8, 6, 4, 2, 3, 5, 9, 7)


class NumberRow(msgspec.Struct, frozen=True, kw_only=True):
    """A range of numbers from `first` to `last`, both included; an empty `last` is one number."""

    first: str
    last: str = ""
    line: int = 0
    """Line of the file it came from, 0 when it came from none."""


class BadNumber(Exception):
    """A number that cannot be taken; `column` and `reason` say which and why."""

    def __init__(self, column: str, reason: str) -> None:
        """`column` is `first` or `last`."""
        super().__init__(reason)
        self.column = column
        self.reason = reason


def numbers_of(row: NumberRow, rule: CheckRule) -> tuple[str, ...]:
    """Return every number of a range in order; raises BadNumber.

    >>> numbers_of(NumberRow(first="RA123456785CN", last="RA123456799CN"), "s10")
    ('RA123456785CN', 'RA123456799CN')
    """
    head, first, tail = _cut("first", row.first, rule)
    if not row.last:
        return (row.first,)
    other = _cut("last", row.last, rule)
    if (head, tail, len(first)) != (other[0], other[2], len(other[1])):
        raise BadNumber("last", f"expected a number like {row.first}, got {row.last}")
    low, high = int(first), int(other[1])
    if high < low:
        raise BadNumber("last", f"expected a number not before {row.first}, got {row.last}")
    if high - low >= NUMBERS_PER_LOAD_MAX:
        raise BadNumber(
            "last", f"expected at most {NUMBERS_PER_LOAD_MAX} numbers, got {high - low + 1}"
        )
    return tuple(
        _join(head, f"{number:0{len(first)}d}", tail, rule) for number in range(low, high + 1)
    )


def _cut(column: str, number: str, rule: CheckRule) -> tuple[str, str, str]:
    """Return (head, digits that count, tail) of a number whose check digit is right."""
    if not _NUMBER.fullmatch(number):
        raise BadNumber(
            column,
            f"expected 4 to {NUMBER_CHARS_MAX} capital letters, digits or hyphens, got "
            f"{number[:NUMBER_CHARS_MAX]!r}",
        )
    shape = {"": _PLAIN, "mod10": _CHECKED, "s10": _S10}[rule]
    found = shape.fullmatch(number)
    if found is None:
        wanted = "two letters, nine digits, two letters" if rule == "s10" else "digits at its end"
        raise BadNumber(column, f"expected {wanted}, got {number}")
    head, digits, tail = found.groups()
    if not rule:
        return head, digits, tail
    right = _join(head, digits[:-1], tail, rule)
    if right != number:
        raise BadNumber(column, f"expected the check digit of {right}, got {number}")
    return head, digits[:-1], tail


def _join(head: str, digits: str, tail: str, rule: CheckRule) -> str:
    check = ""
    if rule == "mod10":
        check = mod10(digits)
    elif rule == "s10":
        rest = 11 - sum(int(d) * w for d, w in zip(digits, _S10_WEIGHTS, strict=True)) % 11
        check = {10: "0", 11: "5"}.get(rest, str(rest))
    return f"{head}{digits}{check}{tail}"


def mod10(digits: str) -> str:
    """Return the GS1 check digit of `digits`.

    >>> mod10("629104150021")
    '3'
    """
    odd = sum(int(digit) for digit in digits[::-1][0::2]) * 3
    even = sum(int(digit) for digit in digits[::-1][1::2])
    return str(-(odd + even) % 10)


def level_of(used_in_a_day: int, waiting: int, fixed: int | None) -> int:
    """Return how many free numbers a warehouse should have for one courier.

    `waiting` parcels there have no number yet; `fixed` is head office's own wish, if it has one.
    """
    wish = LEVEL_DAYS * used_in_a_day if fixed is None else fixed
    low = LEVEL_MIN if fixed is None else 0
    return min(LEVEL_MAX, max(low, wish) + waiting)


def to_lease(held: int, waiting: int, level: int) -> int:
    """Return how many numbers to lend now: none while more than half of the level is there.

    >>> to_lease(26, 0, 50), to_lease(25, 0, 50), to_lease(40, 41, 91)
    (0, 25, 51)
    """
    return level - held if held * 2 <= level or held < waiting else 0


def low_water(level: int) -> int:
    """Return how many free numbers are so few that a lead should know."""
    return level // 4
