"""Yaohua XK3190-A9, A23 and A26, "format 0", and their command mode.

Line: 9600 baud 8N1 (600 to 9600; weighbridges often 1200), unasked::

    02 sign d d d d d d decimals X X 03        sign 2B or 2D, six digits, number of decimals

X X is the exclusive or of the eight bytes before it as two hexadecimal digits; some clones write
`:;<=>?` where others write `ABCDEF`. In command mode the address and the letter of the command
stand in front and are part of the exclusive or: `02 41 42 30 33 03` asks address A for the gross
weight (B), C for the tare, D for the net weight, A whether it is there.

The message tells neither unit nor stability. The unit has to be in the devices file, and a weight
settles when it is read equal for half a second.
Source: Yaohua XK3190-A9 manual, serial interface; captured bytes of a weighbridge (1560).

>>> YaohuaA9Codec().feed(bytes.fromhex("022B30303135363030313903"))
[Reading(status='unknown_stability', value='1560', unit=None, grams=None, kind='unknown')]
"""

from __future__ import annotations

import re
from functools import reduce
from operator import xor
from typing import Final

from devices.framing import BracketFramer, Frame
from devices.messages import WeightKind
from devices.scales.lines import SEVEN_BITS
from devices.scales.reading import Ack, Fault, ScaleWord, weighed
from devices.scales.toledo_continuous import POINT_NONE, placed

CHECK_BYTES: Final = 2
_WEIGHT: Final = re.compile(rb"([A-Z][BCD])?([+-])(?=[ \d]{6}[0-5]\Z)( *\d+)([0-5])")
_HERE: Final = re.compile(rb"[A-Z]A")
_BODY_LENGTHS: Final = frozenset({2, 8, 10})
_KIND: Final[dict[bytes, WeightKind]] = {b"B": "gross", b"C": "tare", b"D": "net"}
_CLONE_DIGITS: Final = bytes.maketrans(b":;<=>?", b"ABCDEF")


class YaohuaA9Codec:
    """Turns the bytes of an XK3190 line into words."""

    def __init__(self) -> None:
        """Start with nothing held."""
        self._framer = BracketFramer(b"\x02", b"\x03")

    def feed(self, data: bytes) -> list[ScaleWord]:
        """Take the next bytes, in any pieces; return what they complete."""
        return [read(frame) for frame in self._framer.feed(data.translate(SEVEN_BITS))]

    def close(self) -> list[ScaleWord]:
        """No more bytes will come: a message without its end is no message."""
        return [Fault("framing")] if self._framer.rest() else []

    def clear(self) -> None:
        """Forget what waits for its end."""
        self._framer.clear()


def check_digits(data: bytes) -> bytes:
    """Return the two digits that follow `data`.

    >>> check_digits(b"+0015600"), check_digits(b"AB"), check_digits(b"+0000000")
    (b'19', b'03', b'1B')
    """
    return b"%02X" % reduce(xor, data, 0)


def read(frame: Frame) -> ScaleWord:
    """Return what stands between STX and ETX."""
    body, check = frame.body[:-CHECK_BYTES], frame.body[-CHECK_BYTES:]
    if not frame.whole or len(body) not in _BODY_LENGTHS:
        return Fault("framing")
    if check.translate(_CLONE_DIGITS) != check_digits(body):
        return Fault("checksum")
    if _HERE.fullmatch(body):
        return Ack("here")
    weight = _WEIGHT.fullmatch(body)
    if not weight:
        return Fault("framing")
    command, sign, digits, decimals = weight.groups()
    kind = _KIND[command[1:]] if command else "unknown"
    text = placed(digits.strip().decode("ascii"), POINT_NONE + int(decimals))
    return weighed("unknown_stability", sign.decode("ascii") + text, None, kind)
