"""Handing a copy of the books to head office and fetching it back: pieces, one after the other.

It is the least urgent thing on the line, so it has a connection of its own, keeps one small piece
on the way and rests as long as the last one took. After any cut it goes on where it was: head
office says how much it has, and what was fetched stays on the disk. The key that opened the
connection decides whose copy it is.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self, TypeVar

import msgspec
import zmq

from shared.domain.errors import BooksBroken, InvalidInput, NotFound, Unavailable
from shared.domain.facts import ZERO_HASH
from shared.runtime import curve
from shared.runtime.curve import KeyPair
from shared.sync import protocol as wire
from shared.sync import snap

ANSWER_SECONDS: Final = 15.0
"""A piece takes four seconds on a line of 64 kbit/s; after this the line counts as cut."""
POLL_MS: Final = 250
TRIES_MAX: Final = 5
"""Times a piece is tried before the whole is left for later."""
_Answer = TypeVar("_Answer", snap.SnapHave, snap.SnapChunk)


class Hub(msgspec.Struct, frozen=True):
    """Where head office listens (`tcp://host:port`, its key as Z85 text) and who we are."""

    address: str
    server_key: str
    keys: KeyPair


class CopyLine:
    """One connection for copies; use it in a `with`, on one thread."""

    def __init__(self, hub: Hub, stopped: Callable[[], bool] = lambda: False) -> None:
        """`stopped` is asked again and again whether to leave the rest for later."""
        self._hub = hub
        self._stopped = stopped
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._dial()

    def __enter__(self) -> Self:
        """Give the connection."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._context.destroy(linger=0)

    def _dial(self) -> zmq.Socket[bytes]:
        socket = curve.client_socket(self._context, self._hub.keys, self._hub.server_key)
        socket.connect(self._hub.address)
        return socket

    def _ask(self, message: wire.Message, answer: type[_Answer]) -> _Answer:
        """Send one frame and return the answer to it; raises Unavailable after TRIES_MAX."""
        for _ in range(TRIES_MAX):
            until = time.monotonic() + ANSWER_SECONDS
            if self._ready(zmq.POLLOUT, until):
                # A line that was there when asked may be gone now: that is no answer, like any cut.
                with suppress(zmq.Again):
                    self._socket.send(wire.encode(wire.NO_SESSION, message), zmq.NOBLOCK)
            while self._ready(zmq.POLLIN, until):
                try:
                    told = wire.decode(self._socket.recv()).message
                except InvalidInput:
                    continue
                if isinstance(told, answer):
                    return told
            self._socket.close(0)
            self._socket = self._dial()
        raise Unavailable(
            "copy_line_silent",
            "Head office does not answer about copies of these books.",
            hint="The next try goes on where this one ended.",
        )

    def _ready(self, way: int, until: float) -> bool:
        """Wait until a frame can go or has come; False when time is over or work is to stop."""
        while time.monotonic() < until and not self._stopped():
            if self._socket.poll(POLL_MS, way):
                return True
        return False

    def _rest(self, seconds: float) -> None:
        """Leave the line to others for as long as the last piece took; only time can end that."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stopped():
            time.sleep(min(left, POLL_MS / 1_000))

    def hand_over(self, path: Path, made_ms: int) -> None:
        """Send the file `path` as this warehouse's copy; what head office has is not sent again."""
        size = path.stat().st_size
        digest = _digest(path)
        have = self._ask(snap.SnapOffer(digest, size, made_ms), snap.SnapHave)
        with path.open("rb") as file:
            while have.next_byte < size:
                file.seek(have.next_byte)
                piece = snap.SnapPut(digest, have.next_byte, file.read(snap.SNAP_BYTES_MAX))
                began = time.monotonic()
                have = self._ask(piece, snap.SnapHave)
                self._rest(time.monotonic() - began)

    def fetch(self, folder: Path) -> Path:
        """Fetch this warehouse's copy into `folder` and return its file, whole and checked.

        Raises NotFound when head office has none and BooksBroken when its bytes are damaged.
        """
        folder.mkdir(parents=True, exist_ok=True)
        begun = next(iter(sorted(folder.glob("fetched-*.part"))), None)
        digest = ZERO_HASH if begun is None else bytes.fromhex(begun.stem[8:])
        offset = 0 if begun is None else begun.stat().st_size
        while True:
            chunk = self._ask(snap.SnapReq(digest, offset), snap.SnapChunk)
            if not chunk.size_bytes:
                raise NotFound(
                    "no_copy_at_hub",
                    "Head office has no copy of this warehouse's books.",
                    hint="Start the edge: head office sends the whole log back instead.",
                )
            part = folder / f"fetched-{chunk.sha256.hex()}.part"
            if chunk.sha256 != digest and begun is not None:
                begun.unlink(missing_ok=True)
            with part.open("ab") as file:
                if file.tell() == chunk.offset:
                    file.write(chunk.data)
                offset = file.tell()
            begun, digest = part, chunk.sha256
            if offset >= chunk.size_bytes:
                return _checked(part, digest)


def _checked(part: Path, digest: bytes) -> Path:
    if _digest(part) != digest:
        part.unlink()
        raise BooksBroken(
            "copy_damaged",
            "The copy that head office sent back is damaged.",
            hint="Try again, or start the edge: head office sends the whole log back instead.",
        )
    return part.replace(part.with_suffix(".gz"))


def _digest(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(1_048_576):
            digest.update(data)
    return digest.digest()
