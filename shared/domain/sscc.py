"""The number of a carton or pallet that no other in the world has (SSCC, GS1).

Eighteen digits: one *extension digit* and the company's prefix, which GS1 gives out; then a serial
number, which must not come twice within a year and here never does; and a check digit, so that a
misread is noticed. Each warehouse has leading digits of its own, so that one that is cut off can
label cartons without asking anybody.
Source: GS1 General Specifications, sections 2.2.1 and 7.9 (check digit).
"""

from __future__ import annotations

from typing import Final

from shared.domain.errors import InvalidInput, Refused

DIGITS: Final = 18
PREFIX_MIN: Final = 8
"""Extension digit and the shortest company prefix (7 digits)."""
PREFIX_MAX: Final = 13
"""At least four digits are left for the serial number."""


def check_digit(digits: str) -> str:
    """Return the digit that follows `digits` (modulo 10, weights 3 and 1 from the right).

    >>> check_digit("00614141123456789")
    '0'
    """
    total = sum(int(digit) * (3, 1)[place % 2] for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def check(number: str) -> None:
    """Raise InvalidInput unless `number` is 18 digits with the right check digit."""
    if len(number) != DIGITS or not (number.isascii() and number.isdigit()):
        raise InvalidInput(
            "sscc_digits",
            f"An SSCC has {DIGITS} digits, {len(number)} characters came.",
            hint="Scan the barcode of the carton again.",
        )
    expected = check_digit(number[:-1])
    if number[-1] != expected:
        raise InvalidInput(
            "sscc_check_digit",
            f"The check digit of SSCC {number} should be {expected}, it is {number[-1]}.",
            hint="Compare the digits with the carton's label.",
        )


def compose(prefix: str, serial: int) -> str:
    """Return the SSCC with the leading digits `prefix` and the serial number `serial`.

    Raises Refused when the digits between are used up: numbers are never used again.

    >>> compose("069012340", 1)
    '069012340000000016'
    """
    room = DIGITS - 1 - len(prefix)
    if not 1 <= serial < 10**room:
        raise Refused(
            "sscc_used_up",
            f"The carton numbers that begin with {prefix} are used up.",
            hint="Ask head office for other leading digits (BINCARD_EDGE_SSCC_PREFIX).",
        )
    digits = f"{prefix}{serial:0{room}d}"
    return digits + check_digit(digits)


def serial_of(number: str, prefix: str) -> int:
    """Return the serial number in an SSCC, 0 when it does not begin with `prefix`."""
    return int(number[len(prefix) : -1]) if prefix and number.startswith(prefix) else 0
