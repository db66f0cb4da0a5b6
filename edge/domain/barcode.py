"""What a scanned text is: a badge, a bin, a tote, a product, one unit, or a command card.

A scanner types whatever is under its beam, sometimes with a symbology prefix (`]C1`), sometimes in
full-width letters because a Chinese input method was on, sometimes twice in a row because the
trigger bounced (`ABC123ABC123`). This module turns such text into a `Scan` and never guesses
further than the text allows: whether `6901234567892` is a product or somebody's serial number is
decided where the books are.

`devices.scanners.interpret` reads the GS1 keys in a text, here as for serial scanners, so that a
number with a wrong check digit never becomes a key.

>>> interpret("b07-12-3").kind, interpret("]C1010401234567890121SN5").serial
('bin', 'SN5')
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal

import msgspec

from devices.scanners.interpret import GS1_IDS, normalised, split_aim
from devices.scanners.interpret import interpret as read_keys

RAW_MAX: Final = 512
"""Longest text a scan may have; longer is a stuck scanner or a wrong field."""
DOUBLED_MIN: Final = 6
"""Shorter texts repeat by chance."""
READ_LAST: Final = 64
"""Scans remembered as they were read: the door reads one first, then the station's job."""

ScanKind = Literal["badge", "bin", "cart", "tote", "pick_list", "command", "gtin", "code"]

_GS1_PLAIN: Final = re.compile(r"^(01\d{14}(?:21|10|11|15|17|240).|https?://)", re.IGNORECASE)
_GROUP_SEPARATOR: Final = "\x1d"
_SHAPES: Final[tuple[tuple[re.Pattern[str], ScanKind], ...]] = (
    (re.compile(r"^BDG-\w+$"), "badge"),
    (re.compile(r"^BC:"), "command"),
    (re.compile(r"^PL-\d+$"), "pick_list"),
    (re.compile(r"^C\d{1,4}$"), "cart"),
    (re.compile(r"^C\d{1,4}-\d{2}$"), "tote"),
    (re.compile(r"^[A-Z]{1,3}\d{0,3}-\d{1,3}(-\d{1,3}){0,2}$"), "bin"),
    (re.compile(r"^(\d{8}|\d{12,14})$"), "gtin"),
)


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """One scanned text, read."""

    kind: ScanKind
    """Best reading of the shape alone; the books may know better."""
    text: str
    """Upper-case text without prefix: codes of places, carts, people."""
    exact: str
    """The text as it was, without prefix and blanks: serial numbers keep their case."""
    gtin: str = ""
    """Product number, from the text itself or from GS1 identifier 01."""
    serial: str = ""
    """Candidate serial number: GS1 identifier 21 when there is one, else `exact`."""
    word: str = ""
    """Command word: `SHORT` in `BC:SHORT:2`."""
    arguments: tuple[str, ...] = ()
    """What follows the command word, split at colons."""
    doubled: bool = False
    """True when the text is some text twice in a row."""

    def number(self) -> int:
        """Return the first argument as a whole number, 0 when it is none."""
        first = self.arguments[0] if self.arguments else ""
        return int(first) if first.isascii() and first.isdigit() and len(first) <= 6 else 0


@lru_cache(maxsize=READ_LAST)
def interpret(raw: str) -> Scan:
    """Return what `raw` is. Never fails: an unreadable text is a `code` nobody knows."""
    aim, text = split_aim(normalised(raw[:RAW_MAX]))
    exact = text.strip()
    upper = exact.upper()
    if aim in GS1_IDS or _GROUP_SEPARATOR in exact or _GS1_PLAIN.match(exact):
        keys = read_keys(raw[:RAW_MAX])
        if keys.gtin14 or keys.serial:
            return Scan(
                kind="code" if keys.serial else "gtin",
                text=upper,
                exact=exact,
                gtin=keys.gtin14 or "",
                serial=keys.serial or "",
            )
    kind = _kind_of(upper)
    if kind == "command":
        word, *rest = upper[3:].split(":")
        return Scan(kind=kind, text=upper, exact=exact, word=word, arguments=tuple(rest))
    half = len(exact) // 2
    return Scan(
        kind=kind,
        text=upper,
        exact=exact,
        gtin=exact if kind == "gtin" else "",
        serial=exact,
        doubled=len(exact) >= DOUBLED_MIN and exact[:half] == exact[half:],
    )


def is_gtin(digits: str) -> bool:
    """Return True for 8, 12, 13 or 14 digits whose last one is the right check digit.

    >>> is_gtin("6901234567892"), is_gtin("6901234567893")
    (True, False)
    """
    if len(digits) not in {8, 12, 13, 14} or not (digits.isascii() and digits.isdigit()):
        return False
    weighted = sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits[::-1]))
    return weighted % 10 == 0


def _kind_of(upper: str) -> ScanKind:
    for shape, kind in _SHAPES:
        if shape.match(upper):
            return kind
    return "code"


def once(scan: Scan) -> str:
    """Return the text of a doubled read as it stands on the label."""
    return scan.exact[: len(scan.exact) // 2]
