"""The stream a label printer receives: labels, and questions in between or in the middle of them.

A question (`~HS`) is answered at once, wherever it stands, and is no part of the label around it.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

FORMAT_BYTES_MAX: Final = 1_048_576
_WORD: Final = re.compile(rb"\^XA|\^XZ|~HS|~HI|~HM|~HQES|~HQOD|~JA")
_LONGEST: Final = len(b"~HQES")
_START: Final = b"^XA"


class Question(msgspec.Struct, frozen=True):
    """An immediate command such as `~HS`."""

    command: str


class Format(msgspec.Struct, frozen=True):
    """A label from `^XA` to `^XZ`, every byte of it."""

    data: bytes


class PrinterStream:
    """Cuts the stream; pure. Bytes between labels mean nothing and are dropped."""

    def __init__(self) -> None:
        """Start outside of a label."""
        self._held = b""
        self._inside = False
        self._seen = 0

    @property
    def inside(self) -> bool:
        """A label has begun and not ended."""
        return self._inside

    def feed(self, data: bytes) -> list[Question | Format]:
        """Take the next bytes, in any pieces; return what they complete, in order."""
        self._held += data
        words: list[Question | Format] = []
        while found := _WORD.search(self._held, self._seen):
            words += self._take(found)
        if not self._inside or len(self._held) > FORMAT_BYTES_MAX:
            self._held = self._held[-(_LONGEST - 1) :]
            self._inside = False
        self._seen = max(len(self._held) - _LONGEST + 1, len(_START) if self._inside else 0)
        return words

    def _take(self, found: re.Match[bytes]) -> list[Question | Format]:
        start, end = found.span()
        held = self._held
        if found[0].startswith(b"~"):
            self._held = held[:start] + held[end:] if self._inside else held[end:]
            self._seen = start if self._inside else 0
            if found[0] == b"~JA":
                self._held, self._inside, self._seen = held[end:], False, 0
            return [Question(found[0].decode())]
        if found[0] == _START and not self._inside:
            self._held, self._inside, self._seen = held[start:], True, len(_START)
        elif found[0] == _START:
            self._seen = end
        else:
            whole = [Format(held[:end])] if self._inside else []
            self._held, self._inside, self._seen = held[end:], False, 0
            return [*whole]
        return []
