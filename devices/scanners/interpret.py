"""What a scanned text means.

A picker scans whatever is printed: a bare EAN, a GS1 code with product, serial number and expiry in
one, a web address with the same inside, or our own bin label. The reader may put a symbology
identifier in front (`]C1` = GS1-128, `]d2` = GS1 DataMatrix, ISO/IEC 15424), a keyboard driver may
swallow the separator or type full-width letters. This module reads all of it and keeps one rule:
**a number with a wrong check digit never becomes a key**, and one broken element does not take the
others with it.

Elements are cut by biip's table of application identifiers; the judgement is ours, because biip
delivers elements with wrong check digits and drops all of them over one bad date.
Source: GS1 General Specifications, release 24, sections 3 (identifiers), 7.8 (separators) and 7.9
(check digits).

>>> interpret("]C1010950600013435221ABC123").serial
'ABC123'
>>> interpret("4006381333931").gtin14, interpret("4006381333932").gtin14
('04006381333931', None)
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import msgspec

from devices.scanners.elements import GS, Elements, check_digit_fits, cut_elements, cut_link

SEPARATOR_NAMES: Final = (
    "␝", "<GS>", "{GS}", "[GS]", "<FNC1>", "{FNC1}", "^]", "\\x1d", "\\u001d", "<0x1D>",
)  # fmt: skip
"""What readers are set up to type where the separator itself would be swallowed."""
EDGES: Final = " \t\r\n\x00\x02\x03\x04\u3000\ufeff\u200b\u200e\u200f\u2060"
"""Stripped at both ends; the group separator is not among them."""
GTIN_LENGTHS: Final = frozenset({8, 12, 13, 14})
SSCC_LENGTH: Final = 18
GS1_IDS: Final = frozenset({"]C1", "]d2", "]Q3", "]e0", "]e1", "]e2", "]J1"})
GTIN_IDS: Final = {
    None: GTIN_LENGTHS,
    "]E0": frozenset({12, 13}),
    "]E3": frozenset({13}),
    "]E4": frozenset({8}),
    "]I1": frozenset({14}),
}
"""How many digits a product number has, by symbology identifier."""
MUST_BE_GTIN: Final = frozenset({"]E0", "]E3", "]E4"})
ADD_ON_ID, EAN_13_LENGTH = "]E3", 13
_AIM: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_BRACKETED: Final = re.compile(r"\(\d{2,4}\)[^(].*")
_LINK: Final = re.compile(r"https?://", re.IGNORECASE)


class Scan(msgspec.Struct, frozen=True):
    """A scan with the keys it carries.

    `raw` is the text as it came; `gtin14` 14 digits, `sscc` 18 digits, `expiry` as YYYY-MM-DD.
    `error` says why a GS1 key in it cannot be used (a plain waybill number may look like one),
    `warning` what else is odd.
    """

    raw: str
    aim: str | None = None
    gtin14: str | None = None
    sscc: str | None = None
    serial: str | None = None
    lot: str | None = None
    expiry: str | None = None
    error: str | None = None
    warning: str | None = None


def split_aim(text: str) -> tuple[str | None, str]:
    """Return the symbology identifier (or None) and the text after it.

    >>> split_aim("]d20109506000134352")
    (']d2', '0109506000134352')
    """
    if _AIM.match(text):
        return text[:3], text[3:]
    return None, text


def normalised(text: str) -> str:
    """Return `text` with full-width letters narrowed and separators restored.

    >>> normalised("ＳＮ１２3<GS>")
    'SN123\\x1d'
    """
    narrow = unicodedata.normalize("NFKC", text).strip(EDGES)
    for name in SEPARATOR_NAMES:
        narrow = narrow.replace(name, GS)
    return narrow


def interpret(raw: str) -> Scan:
    """Return what `raw` means. Never raises: unreadable text is a scan without keys."""
    aim, text = split_aim(normalised(raw))
    text = text.strip(EDGES)
    found = _elements(aim, text)
    if found is None:
        return _plain(raw, aim, text)
    return Scan(
        raw,
        aim,
        gtin14=found.gtin14,
        sscc=found.sscc,
        serial=found.serial,
        lot=found.lot,
        expiry=found.expiry,
        error=found.error,
        warning=found.warning,
    )


def _elements(aim: str | None, text: str) -> Elements | None:
    if _LINK.match(text):
        return cut_link(text)
    if _BRACKETED.fullmatch(text) and (aim is None or aim in GS1_IDS):
        return cut_elements(re.sub(r"\((\d{2,4})\)", rf"{GS}\1", text))
    if aim in GS1_IDS:
        return cut_elements(text)
    if aim is not None:
        return None
    return cut_elements(text) if _looks_like_gs1(text) else None


def _looks_like_gs1(text: str) -> bool:
    """Tell whether text without a symbology identifier is made of elements: guessed with care."""
    if GS in text.rstrip(GS):
        return True
    key = text[len("01") : len("01") + 14] if text.startswith("01") else text[len("00") :][:18]
    whole = len(key) == (14 if text.startswith("01") else SSCC_LENGTH)
    return text.startswith(("00", "01")) and whole and key.isascii() and key.isdigit()


def _plain(raw: str, aim: str | None, text: str) -> Scan:
    text = text.rstrip(GS)
    if aim == ADD_ON_ID:
        text = text[:EAN_13_LENGTH]
    digits = text.isascii() and text.isdigit()
    if digits and len(text) in GTIN_IDS.get(aim, ()):
        if check_digit_fits(text):
            return Scan(raw, aim, gtin14=text.zfill(14))
        return Scan(raw, aim, error="gtin_check_digit")
    if digits and len(text) == SSCC_LENGTH and aim is None and check_digit_fits(text):
        return Scan(raw, aim, sscc=text)
    return Scan(raw, aim, error="gtin_length" if aim in MUST_BE_GTIN else None)
