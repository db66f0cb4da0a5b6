"""GS1 element strings: `01` + GTIN, `21` + serial, `10` + lot, `17` + expiry, and so on.

Fields of fixed length follow each other directly; a field of variable length ends with the group
separator or with the text. A serial number longer than its field is not cut to fit, because a cut
serial is another unit's serial. A date that does not exist is told and skipped, since the serial
number next to it is still right.

>>> found = cut_elements("0109506000134352" + "17261331" + "21ABC")
>>> found.gtin14, found.serial, found.expiry, found.warning
('09506000134352', 'ABC', None, 'expiry_date')
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from biip import ParseConfig, ParseError
from biip.checksums import gs1_standard_check_digit
from biip.gs1_element_strings import GS1ElementString

GS: Final = "\x1d"
ELEMENTS_MAX: Final = 64
"""More elements than any real code has; ends a hostile one."""
_LENIENT: Final = ParseConfig(gs1_element_strings_verify_date=False)
_DATE_IDS: Final = frozenset({"11", "12", "13", "15", "16", "17"})
_DATE_LENGTH: Final = 8
_LINK_KEYS: Final = frozenset({"00", "01"})


class Elements(msgspec.Struct):
    """What was found; the fields of `interpret.Scan`."""

    gtin14: str | None = None
    sscc: str | None = None
    serial: str | None = None
    lot: str | None = None
    expiry: str | None = None
    error: str | None = None
    warning: str | None = None


def check_digit_fits(digits: str) -> bool:
    """Tell whether the last digit is the GS1 check digit of the others.

    >>> check_digit_fits("4006381333931"), check_digit_fits("4006381333932")
    (True, False)
    """
    if not (digits.isascii() and digits.isdigit()):
        return False
    return gs1_standard_check_digit(digits[:-1]) == int(digits[-1])


def cut_elements(text: str) -> Elements:
    """Return the elements of `text`, which has no symbology identifier any more."""
    found = Elements()
    rest = text.lstrip(GS)
    for _ in range(ELEMENTS_MAX):
        if not rest:
            break
        rest = _take(found, rest).lstrip(GS)
    if rest:
        found.error = found.error or "too_many_elements"
    return found


def cut_link(address: str) -> Elements:
    """Return the elements of a GS1 Digital Link (GS1 Digital Link URI syntax 1.4), if it is one."""
    found = Elements()
    try:
        parts = urlsplit(address)
    except ValueError:
        return found
    path = [unquote(part) for part in parts.path.split("/")]
    while path and path[0] not in _LINK_KEYS:
        path.pop(0)
    if not path:
        return found
    pairs = list(zip(path[::2], path[1::2], strict=False)) + parse_qsl(parts.query)
    for identifier, value in pairs[:ELEMENTS_MAX]:
        if not (identifier.isascii() and identifier.isdigit()):
            continue
        padded = value.zfill(14) if identifier == "01" else value
        if _take(found, identifier + padded):
            found.error = found.error or "element"
    return found


def _take(found: Elements, rest: str) -> str:
    """Note the first element of `rest` in `found`; return what follows it."""
    try:
        element = GS1ElementString.extract(rest, config=_LENIENT)
    except ParseError:
        return _skip(found, rest)
    after = rest[len(element) :]
    identifier = element.ai.ai
    if element.ai.separator_required and after and not after.startswith(GS):
        found.error = found.error or "element_too_long"
        return _after_separator(rest)
    _note(found, identifier, element)
    return after


def _skip(found: Elements, rest: str) -> str:
    """Step over an element that cannot be read; a date has a known length, others have not."""
    if rest[:2] in _DATE_IDS and len(rest) >= _DATE_LENGTH and GS not in rest[:_DATE_LENGTH]:
        found.warning = found.warning or ("expiry_date" if rest[:2] == "17" else "date")
        return rest[_DATE_LENGTH:]
    found.error = found.error or "element"
    return _after_separator(rest)


def _after_separator(rest: str) -> str:
    return rest.partition(GS)[2]


def _note(found: Elements, identifier: str, element: GS1ElementString) -> None:
    value = element.value
    match identifier:
        case "01" | "02":
            if not check_digit_fits(value):
                found.error = found.error or "gtin_check_digit"
            elif identifier == "01":
                found.gtin14 = found.gtin14 or value
        case "00":
            if check_digit_fits(value):
                found.sscc = found.sscc or value
            else:
                found.error = found.error or "sscc_check_digit"
        case "21":
            found.serial = found.serial or value
        case "10":
            found.lot = found.lot or value
        case "17" if element.date is not None:
            found.expiry = found.expiry or element.date.isoformat()
        case _ if identifier in _DATE_IDS and element.date is None:
            found.warning = found.warning or ("expiry_date" if identifier == "17" else "date")
        case _:
            pass
