"""Protocols whose messages are lines of text: what they share, garbage and parity bits included.

A line ends with CR, LF or both, which may come in two reads. Noise on a line without a message in
between ends up in front of the next message; a weight message is therefore also found at the end of
a longer line, if it is there from its first letter to its last. What stood in front is a fault.

A port opened for eight data bits shows the parity bit of a seven-bit scale as bit 7. Such a message
is read if *all* its bytes have the same parity: then the bit is no noise, and it even guards the
message. Of CR and LF one has the bit and one has not, so that lines still end.

>>> same_parity(b"S S 1"), same_parity(bytes([0x53, 0xA1, 0x53]))
(True, False)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from devices.framing import Frame, LineFramer
from devices.scales.reading import Fault, ScaleWord

SEVEN_BITS: Final = bytes(value & 0x7F for value in range(256))
"""Translation table that takes the parity bit away."""
ENDS: Final = b"\r\n\x8d\x8a"
"""CR and LF, also with a parity bit."""
SIGNED: Final = r"[+-]? *\d+(?:\.\d*)?"
"""A number whose sign may stand apart."""


class Form(NamedTuple):
    """One kind of message: its whole text, and what it says.

    `inside` tells that it is distinct enough to be found behind garbage on the same line.
    """

    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], ScaleWord]
    inside: bool = False


class LineCodec:
    """Turns the bytes of a line protocol into words, by its forms in order."""

    def __init__(self, forms: Sequence[Form], never_after: bytes = b"") -> None:
        """Start with nothing held.

        A message behind garbage is doubtful if the last byte of the garbage is one of
        `never_after`, because that byte may be a part of the message.
        """
        self._never_after = tuple(bytes([byte]) for byte in never_after)
        self._framer = LineFramer()
        self._forms = forms
        self._tails = [
            (re.compile(f"(?:{form.pattern.pattern})\\Z", form.pattern.flags), form.read)
            for form in forms
            if form.inside
        ]

    def feed(self, data: bytes) -> list[ScaleWord]:
        """Take the next bytes, in any pieces; return what they complete."""
        return [word for frame in self._framer.feed(data) for word in self._read(frame)]

    def close(self) -> list[ScaleWord]:
        """No more bytes will come: a message without its end is no message."""
        return [Fault("framing")] if self._framer.rest().strip(ENDS) else []

    def clear(self) -> None:
        """Forget what waits for its end."""
        self._framer.clear()

    def _read(self, frame: Frame) -> list[ScaleWord]:
        body = frame.body.strip(ENDS)
        line = body.translate(SEVEN_BITS).decode("ascii")
        if frame.whole and not body:
            return []
        if frame.whole:
            for form in self._forms:
                if (found := form.pattern.fullmatch(line)) and same_parity(body):
                    return [form.read(found)]
        for pattern, read in self._tails:
            found = pattern.search(line)
            if found and same_parity(body[found.start() :]):
                doubtful = body[: found.start()].endswith(self._never_after)
                return [Fault("framing")] if doubtful else [Fault("framing"), read(found)]
        return [Fault("framing")]


def same_parity(raw: bytes) -> bool:
    """Tell whether bit 7 of `raw` is nowhere set or a parity bit, even or odd."""
    return raw.isascii() or len({byte.bit_count() & 1 for byte in raw}) == 1


def unblanked(text: str) -> str:
    """Return a signed number without the blanks between sign and digits."""
    return text.replace(" ", "")
