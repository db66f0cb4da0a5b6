"""Where one message of a device ends and the next begins.

A serial line is a stream of bytes, not of messages. A scale's answer may arrive in five reads, two
scans may arrive in one, the first bytes after plugging in are the tail of something older, and a
worn cable adds bytes of its own. A framer cuts the stream into messages whatever the pieces, never
keeps more than a fixed number of bytes, and finds the next message after garbage.

Framers are pure: bytes in, frames out, no clock and no port.

>>> framer = LineFramer()
>>> framer.feed(b"S S     10"), framer.feed(b"0.00 g\\r\\n")
([], [Frame(body=b'S S     100.00 g', whole=True)])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol

import msgspec

SCALE_BYTES_MAX: Final = 512
"""Longest message any scale sends is 22 bytes; beyond this a line without an end is garbage."""
SCAN_BYTES_MAX: Final = 4_096
"""A full QR code holds 2953 bytes, a GS1 DataMatrix fewer."""
BLANKS: Final = b"\r\n\x00"
"""Bytes between messages that mean nothing."""


class Frame(msgspec.Struct, frozen=True):
    """One message without its delimiters; `whole` is False for bytes that belong to none."""

    body: bytes
    whole: bool = True


class Framer(Protocol):
    """What every framer can do."""

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes of the line, in any pieces; return the frames they complete."""
        ...

    def rest(self) -> bytes:
        """Return the bytes that wait for their end."""
        ...

    def clear(self) -> None:
        """Forget what waits: the port was opened anew or an answer came too late."""
        ...


class LineFramer:
    """Messages that end with a delimiter, by default with CR, LF or both.

    `ends` are the byte strings that end a message; when several match at one place the longest
    wins. Empty messages are skipped.
    """

    def __init__(self, ends: tuple[bytes, ...] = (b"\r", b"\n"), limit: int = SCALE_BYTES_MAX):
        """Keep at most `limit` bytes of a message that has not ended."""
        self._ends = tuple(sorted(ends, key=len, reverse=True))
        self._limit = limit
        self._held_max = limit + len(self._ends[0]) - 1
        self._held = b""
        self._lost = False

    def feed(self, data: bytes) -> list[Frame]:
        """See `Framer.feed`."""
        self._held += data
        frames: list[Frame] = []
        while (found := self._first_end()) is not None:
            at, length = found
            body, self._held = self._held[:at], self._held[at + length :]
            if self._lost or at > self._limit:
                frames.append(Frame(body[-self._limit :], whole=False))
            elif body.strip(BLANKS):
                frames.append(Frame(body.lstrip(BLANKS)))
            self._lost = False
        if len(self._held) > self._held_max:
            self._lost = True
            self._held = self._held[-self._held_max :]
        return frames

    def _first_end(self) -> tuple[int, int] | None:
        found = [(at, len(end)) for end in self._ends if (at := self._held.find(end)) >= 0]
        return min(found, key=lambda end: (end[0], -end[1])) if found else None

    def rest(self) -> bytes:
        """See `Framer.rest`."""
        return b"" if self._lost else self._held.strip(BLANKS)

    def clear(self) -> None:
        """See `Framer.clear`."""
        self._held = b""
        self._lost = False


class BracketFramer:
    """Messages between a start byte and an end byte, such as STX and ETX.

    A second start byte means that the first message was cut: what was held is given up, so that a
    torn message can never lend its head to the next one.
    """

    def __init__(self, start: bytes, end: bytes, limit: int = SCALE_BYTES_MAX):
        """`start` and `end` are bytes any one of which starts or ends a message."""
        self._start = start
        self._end = end
        self._limit = limit
        self._held: bytearray | None = None
        self._stray = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """See `Framer.feed`; bytes outside the brackets come as one frame that is not whole."""
        frames: list[Frame] = []
        for byte in data:
            if byte in self._start:
                frames += self._give_up()
                self._held = bytearray()
            elif self._held is None:
                self._keep_stray(byte)
            elif byte in self._end:
                frames.append(Frame(bytes(self._held)))
                self._held = None
            else:
                self._held.append(byte)
                if len(self._held) > self._limit:
                    frames += self._give_up()
        return frames

    def _keep_stray(self, byte: int) -> None:
        if byte not in BLANKS and len(self._stray) < self._limit:
            self._stray.append(byte)

    def _give_up(self) -> list[Frame]:
        lost = bytes(self._held or b"") or bytes(self._stray)
        self._held = None
        self._stray.clear()
        return [Frame(lost, whole=False)] if lost else []

    def rest(self) -> bytes:
        """See `Framer.rest`."""
        return bytes(self._held or b"")

    def clear(self) -> None:
        """See `Framer.clear`."""
        self._held = None
        self._stray.clear()


class ShapeFramer:
    """Messages of known length in which each place allows certain bytes only.

    For protocols whose data may hold the very bytes that other protocols end with: a lamp byte
    that looks like CR, a check byte that looks like EOT. A shape is one `bytes` of allowed values
    per place. Bytes that fit no shape are given up one by one, so a torn message never takes the
    head of the next one with it. `take` may give back the last bytes of a message that fits: it
    returns how many belong to it.
    """

    def __init__(
        self, shapes: Iterable[tuple[bytes, ...]], take: Callable[[bytes], int] | None = None
    ):
        """Every shape has at least one place."""
        self._shapes = tuple(shapes)
        self._take = take or len
        self._alive = self._shapes
        self._held = bytearray()
        self._stray = bytearray()
        self._starts = frozenset(value for shape in self._shapes for value in shape[0])

    def feed(self, data: bytes) -> list[Frame]:
        """See `Framer.feed`; bytes that fit nowhere come as one frame that is not whole."""
        frames: list[Frame] = []
        for byte in data:
            self._push(byte, frames)
        return frames

    def _push(self, byte: int, frames: list[Frame]) -> None:
        place = len(self._held)
        if not place and byte not in self._starts:
            self._keep_stray(byte, frames)
            return
        self._held.append(byte)
        self._alive = tuple(shape for shape in self._alive if byte in shape[place])
        if not self._alive:
            self._keep_stray(self._held[0], frames)
            self._again(bytes(self._held[1:]), frames)
        elif any(len(shape) == place + 1 for shape in self._alive):
            whole = bytes(self._held)
            length = self._take(whole)
            self._give_up(frames)
            frames.append(Frame(whole[:length]))
            self._again(whole[length:], frames)

    def _again(self, data: bytes, frames: list[Frame]) -> None:
        """Begin anew with `data`, which is shorter than what was held: this ends."""
        self._held.clear()
        self._alive = self._shapes
        for byte in data:
            self._push(byte, frames)

    def _keep_stray(self, byte: int, frames: list[Frame]) -> None:
        if byte in BLANKS and not self._stray:
            return
        self._stray.append(byte)
        if len(self._stray) >= SCALE_BYTES_MAX:
            self._give_up(frames)

    def _give_up(self, frames: list[Frame]) -> None:
        lost = bytes(self._stray).strip(BLANKS)
        self._stray.clear()
        if lost:
            frames.append(Frame(lost, whole=False))

    def rest(self) -> bytes:
        """See `Framer.rest`; bytes that fit nowhere are told too."""
        return bytes(self._held) or bytes(self._stray).strip(BLANKS)

    def clear(self) -> None:
        """See `Framer.clear`."""
        self._held.clear()
        self._stray.clear()
        self._alive = self._shapes
