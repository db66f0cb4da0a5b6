"""The bytes that each kind of scale sends for what its display shows.

Written from the manuals, not from our codecs: what both agree on is what the manual says. Overloads
carry the filler of the real devices, so that a reader that falls for it is found out.

>>> shown = Shown("stable", 1235, 0, "kg")
>>> toledo_continuous(shown).hex(), adam(shown), yaohua_eq_reversed(shown)
('022d30203030313233353030303030300d29', b'G +  1.235 kg\\r\\n', b'=532.1000')
"""

from __future__ import annotations

from typing import Final

from devices.simulated.scale import Shown

HEADS: Final = {"stable": b"ST", "unstable": b"US", "overload": b"OL", "underload": b"OL"}
GRAMS_PER_KILOGRAM: Final = 1_000
TOO_MUCH: Final = frozenset({"overload", "underload"})


def number(grams: int, unit: str) -> str:
    """Return the unsigned digits of `grams` in `unit`.

    >>> number(-1235, "kg"), number(1235, "g"), number(5, "kg")
    ('1.235', '1235', '0.005')
    """
    size = abs(grams)
    if unit == "g":
        return str(size)
    return f"{size // GRAMS_PER_KILOGRAM}.{size % GRAMS_PER_KILOGRAM:03d}"


def _sign(grams: int) -> str:
    return "-" if grams < 0 else "+"


def toledo_8217(shown: Shown) -> bytes:
    """`02 01.235 0D`, or status bits where there is no weight."""
    if shown.status == "stable" and shown.grams >= 0:
        return f"\x02{number(shown.grams, 'kg').zfill(6)}{'N' * shown.net}\r".encode()
    bits = {"unstable": 0x01, "overload": 0x02}.get(shown.status, 0x04)
    return bytes([0x02, 0x3F, 0x40 | bits | 0x20 * shown.net, 0x0D])


def toledo_continuous(shown: Shown) -> bytes:
    """Eighteen bytes with three status bytes, weight, tare and checksum."""
    kilograms = shown.unit == "kg"
    beyond = shown.status in TOO_MUCH
    a = 0x28 | (0b101 if kilograms else 0b010)
    b = 0x20 | 0x10 * kilograms | 0x04 * beyond | 0x08 * (shown.status == "unstable")
    b |= 0x01 * shown.net | 0x02 * (shown.grams < 0 or shown.status == "underload")
    digits = 999_999 if beyond else abs(shown.grams)
    body = bytes([0x02, a, b, 0x20 | (not kilograms)])
    body += f"{digits:06d}{shown.tare_grams:06d}\r".encode()
    return body + bytes([-sum(body) & 0x7F])


def and_line(shown: Shown) -> bytes:
    """`ST,+001234.5  g`; an overload is all nines."""
    digits = "999999.9" if shown.status in TOO_MUCH else number(shown.grams, shown.unit).zfill(8)
    sign = "-" if shown.status == "underload" else _sign(shown.grams)
    return HEADS[shown.status] + f",{sign}{digits}{shown.unit:>3}\r\n".encode()


def and_18(shown: Shown) -> bytes:
    """`ST,GS,+00012.3kg`."""
    digits = "99999.9" if shown.status in TOO_MUCH else number(shown.grams, shown.unit).zfill(7)
    sign = "-" if shown.status == "underload" else _sign(shown.grams)
    kind = "NT" if shown.net else "GS"
    return HEADS[shown.status] + f",{kind},{sign}{digits}{shown.unit:>2}\r\n".encode()


def cas_22(shown: Shown) -> bytes:
    """`ST,GS,1`, the lamp byte with bit 7 set, and eight characters of weight."""
    lamps = 0x80 | 0x40 * (shown.status == "stable") | (0x02 if shown.net else 0x04)
    lamps |= 0x01 * (shown.grams == 0)
    digits = "99999.99" if shown.status in TOO_MUCH else number(shown.grams, shown.unit).zfill(8)
    if shown.grams < 0 or shown.status == "underload":
        digits = "-" + digits[1:]
    kind = b"NT" if shown.net else b"GS"
    head = HEADS[shown.status] + b"," + kind + b",1" + bytes([lamps])
    return head + f",{digits} {shown.unit:>2}\r\n".encode()


def cas_ecr(shown: Shown) -> bytes:
    """`01 02`, status, sign, weight, unit, exclusive or, `03 04`."""
    sign, digits = "-" if shown.grams < 0 else " ", number(shown.grams, "kg").zfill(6)
    if shown.status in TOO_MUCH:
        sign, digits = "F", "FFFFFF"
    data = f"{'S' if shown.status == 'stable' else 'U'}{sign}{digits}kg".encode()
    check = 0
    for byte in data:
        check ^= byte
    return b"\x01\x02" + data + bytes([check, 0x03, 0x04])


def ohaus(shown: Shown) -> bytes:
    """Nineteen characters: polarity, weight, unit, `?`, legend."""
    digits = number(shown.grams, shown.unit)
    if shown.status in TOO_MUCH:
        digits = "Err 8.3" if shown.status == "overload" else "Err 8.4"
    polarity = "-" if shown.grams < 0 and shown.status not in TOO_MUCH else " "
    stability = "?" if shown.status == "unstable" else " "
    legend = "NET" if shown.net else "G  "
    return f"{polarity} {digits:>7} {shown.unit:<5}{stability}{legend}\r\n".encode()


def adam(shown: Shown) -> bytes:
    """`G +  2.00 kg`, without a word about stability."""
    kind = "N" if shown.net else "G"
    if shown.status in TOO_MUCH:
        return f"{kind} {'-' if shown.status == 'underload' else '+'}   OL kg\r\n".encode()
    return f"{kind} {_sign(shown.grams)}{number(shown.grams, 'kg'):>7} kg\r\n".encode()


def dibal(shown: Shown) -> bytes:
    """Sixteen digits; anything but a weight is a refusal."""
    refused = shown.status in TOO_MUCH or shown.grams < 0
    body = f"99{1 if refused else 0}{0 if refused else shown.grams:05d}0000000".encode()
    check = 0
    for byte in body:
        check ^= byte
    return body + bytes([check]) + b"\r\n"


def yaohua_a9(shown: Shown, command: bytes = b"") -> bytes:
    """`02`, sign, six digits, decimals, exclusive or, `03`; `command` is what it answers.

    What an A9 sends out of its range is not in its manual; here it falls silent.
    """
    decimals = "3" if shown.unit == "kg" else "0"
    tare = command.endswith(b"C")
    grams = shown.tare_grams if tare else shown.grams
    if command.endswith(b"B"):
        grams += shown.tare_grams
    if shown.status in TOO_MUCH and not tare:
        return b""
    data = command + f"{_sign(grams)}{abs(grams):06d}{decimals}".encode()
    check = 0
    for byte in data:
        check ^= byte
    return b"\x02" + data + b"%02X\x03" % check


def yaohua_a12(shown: Shown) -> bytes:
    """`ww000.000kg`: gross, or net as soon as there is a tare."""
    digits = number(shown.grams, shown.unit).zfill(7)
    if shown.grams < 0:
        digits = "-" + digits[1:]
    if shown.status in TOO_MUCH:
        digits = "  OL   "
    return f"w{'n' if shown.net else 'w'}{digits}{shown.unit:>2}\r\n".encode()


def yaohua_eq(shown: Shown) -> bytes:
    """`=0003.000`, highest digit first."""
    digits = number(shown.grams, shown.unit).zfill(8)
    if shown.status in TOO_MUCH:
        digits = "--------"
    return f"={'-' + digits[1:] if shown.grams < 0 else digits}".encode()


def yaohua_eq_reversed(shown: Shown) -> bytes:
    """`=000.3000`, lowest digit first and the sign last."""
    return b"=" + yaohua_eq(shown)[:0:-1]


def generic_stgs(shown: Shown) -> bytes:
    """`ST,GS,+  1.240kg`; an overload is all nines."""
    digits = "99999.9" if shown.status in TOO_MUCH else number(shown.grams, shown.unit)
    sign = "-" if shown.status == "underload" else _sign(shown.grams)
    kind = "NT" if shown.net else "GS"
    return HEADS[shown.status] + f",{kind},{sign}{digits:>7}{shown.unit}\r\n".encode()
