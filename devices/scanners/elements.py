"""GS1 element strings: `01` + GTIN, `21` + serial, `10` + lot, `17` + expiry, and so on.

Fields of fixed length follow each other directly; a field of variable length ends with the group
separator or with the text. Some readers lose separators. Where only one place is possible for it,
because the next element must begin there, the separator is put back with a warning; else a serial
number longer than its field is not cut to fit, because a cut serial is another unit's serial. A
date that does not exist is told and skipped, since the serial number next to it is still right.

>>> found = cut_elements("0109506000134352" + "17261331" + "21ABC")
>>> found.gtin14, found.serial, found.expiry, found.warning
('09506000134352', 'ABC', None, 'expiry_date')
"""

from __future__ import annotations

import re
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
_ALLOWED: Final = r"[!%-?A-Z_a-z\"]"
"""GS1 character set 82, of which serial numbers and lots are made."""
_LINK_KEYS: Final = {"00": (18,), "01": (8, 12, 13, 14)}
"""Identifiers that a digital link may begin with, and how many digits they have."""
_LINK_NAMES: Final = {"sscc": "00", "gtin": "01", "ser": "21", "lot": "10"}
"""Words that older digital links have instead of identifiers."""
_SUBSTITUTES: Final = str.maketrans(dict.fromkeys("|~^#\x1e", GS))
"""Characters that no element may hold, and that readers are set up to send for the separator."""
_FOLLOWERS: Final = frozenset({"00", "01", "10", "11", "13", "15", "17", "21", "30", "37"})
"""What may follow a lost separator: common, and rarely a part of a serial number by chance."""


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
    rest = text.translate(_SUBSTITUTES).strip(GS)
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
    steps = [unquote(step) for step in parts.path.split("/")]
    path = [_LINK_NAMES.get(step, step) for step in steps]
    while path and path[0] not in _LINK_KEYS:
        path.pop(0)
        steps.pop(0)
    if len(path) < len(("01", "digits")) or not _is_key(path[0], steps[1]):
        return found
    pairs = list(zip(path[::2], steps[1::2], strict=False)) + parse_qsl(parts.query)
    for identifier, value in pairs[:ELEMENTS_MAX]:
        if not (identifier.isascii() and identifier.isdigit()):
            continue
        padded = value.zfill(14) if identifier == "01" else value
        if _take(found, identifier + padded):
            found.error = found.error or "element"
    return found


def _is_key(identifier: str, value: str) -> bool:
    """Tell whether a path `/01/value` is a digital link and not a page of some shop."""
    return value.isascii() and value.isdigit() and len(value) in _LINK_KEYS[identifier]


def _take(found: Elements, rest: str) -> str:
    """Note the first element of `rest` in `found`; return what follows it."""
    try:
        element = GS1ElementString.extract(rest, config=_LENIENT)
    except ParseError:
        return _skip(found, rest)
    after = rest[len(element) :]
    identifier = element.ai.ai
    if not element.ai.separator_required or not after or after.startswith(GS):
        _note(found, identifier, element)
        return after
    fixed = ".." not in element.ai.format
    cut = len(element) if fixed else _place_of_separator(rest, len(identifier), len(element))
    if cut is None:
        too_long = re.match(_ALLOWED, after) is not None
        found.error = found.error or ("element_too_long" if too_long else "element")
        return _after_separator(rest)
    found.warning = found.warning or "separator_missing"
    _take(found, rest[:cut])
    return rest[cut:]


def _place_of_separator(rest: str, begin: int, longest: int) -> int | None:
    """Return the only place where the first element of `rest` can end, None if there are more.

    The elements after it must be whole, and of a kind that is often printed.
    """
    mess = rest.partition(GS)[0]
    places = [at for at in range(begin + 1, longest + 1) if _whole(mess[at:])]
    return places[0] if len(places) == 1 else None


def _whole(text: str) -> bool:
    """Tell whether `text` is made of common elements only, each of them right."""
    while text:
        if text[:2] not in _FOLLOWERS:
            return False
        try:
            element = GS1ElementString.extract(text)
        except ParseError:
            return False
        keys = element.ai.ai in {"00", "01"}
        if keys and not check_digit_fits(element.value):
            return False
        text = text[len(element) :]
        if text and element.ai.separator_required:
            return False
    return True


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
                _keep(found, "gtin14", value)
        case "00":
            if check_digit_fits(value):
                _keep(found, "sscc", value)
            else:
                found.error = found.error or "sscc_check_digit"
        case "21":
            _keep(found, "serial", value)
        case "10":
            _keep(found, "lot", value)
        case "17" if element.date is not None:
            _keep(found, "expiry", element.date.isoformat())
        case _ if identifier in _DATE_IDS and element.date is None:
            found.warning = found.warning or ("expiry_date" if identifier == "17" else "date")
        case _:
            pass


def _keep(found: Elements, name: str, value: str) -> None:
    """Note a value; a code that contradicts itself keeps its first and is marked."""
    known = getattr(found, name)
    if known is None:
        setattr(found, name, value)
    elif known != value:
        found.error = found.error or "contradiction"
