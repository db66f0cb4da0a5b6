"""Where a scan ends: the suffix that the scanner was set up to send.

CR and LF may come in two reads, and two scans in one. Nothing is trimmed inside: the group
separator (0x1D) of a GS1 code is part of the text. `wedge-text` is what a scanner types into a web
page or a file: a line, where the last one may lack its end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from devices.framing import SCAN_BYTES_MAX, BracketFramer, Frame, Framer, LineFramer
from devices.scales.reading import Fault
from devices.scanners.interpret import Scan, interpret


def _lines(*ends: bytes) -> Callable[[], Framer]:
    return lambda: LineFramer(ends, SCAN_BYTES_MAX)


SERIAL_ENDS: Final[dict[str, Callable[[], Framer]]] = {
    "serial-cr": _lines(b"\r"),
    "serial-crlf": _lines(b"\r\n"),
    "serial-stx-etx": lambda: BracketFramer(b"\x02", b"\x03", SCAN_BYTES_MAX),
    "serial-tab": _lines(b"\t"),
}
"""Framer of each serial scanner protocol by its configured name."""


class Decoded(msgspec.Struct, frozen=True):
    """One scan as `bincard devices decode` prints it."""

    scan: Scan


class ScanCodec:
    """Turns the bytes of a scanner into interpreted scans."""

    def __init__(self, framer: Framer, *, end_closes: bool = False) -> None:
        """`end_closes`: the end of the bytes ends the last scan too."""
        self._framer = framer
        self._end_closes = end_closes

    def feed(self, data: bytes) -> list[Decoded | Fault]:
        """Take the next bytes, in any pieces; return the scans they complete."""
        return [_decoded(frame) for frame in self._framer.feed(data)]

    def close(self) -> list[Decoded | Fault]:
        """Return the last scan, or what is wrong with it."""
        rest = self._framer.rest()
        if not rest:
            return []
        return [_decoded(Frame(rest, whole=self._end_closes))]


def text_of(body: bytes) -> str:
    """Return the text of a scan: UTF-8 as scanners are set up today, else one byte per character.

    >>> text_of("仓".encode()), text_of(bytes([0xE9]))
    ('仓', 'é')
    """
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def _decoded(frame: Frame) -> Decoded | Fault:
    return Decoded(interpret(text_of(frame.body))) if frame.whole else Fault("framing")


CODECS: Final[dict[str, Callable[[], ScanCodec]]] = {
    name: (lambda make=make: ScanCodec(make())) for name, make in SERIAL_ENDS.items()
} | {"wedge-text": lambda: ScanCodec(LineFramer((b"\r", b"\n"), SCAN_BYTES_MAX), end_closes=True)}
"""Codec of each scanner protocol by its configured name."""
