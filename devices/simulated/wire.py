"""A serial port without hardware: a pseudo terminal under a fixed name, with a cable to pull.

The devices process opens the slave side by its link, as it would open `/dev/ttyUSB0`. We keep a
slave open ourselves, so that the line stays quiet while nobody listens. Pulling the cable closes
both, and the reader sees exactly what it sees when an adapter comes loose.

A pty has no baud rate and no parity; faults of the line are made in the bytes.
"""

from __future__ import annotations

import errno
import os
import random
import tty
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

import msgspec

READ_BYTES_MAX: Final = 4_096
GARBAGE_BYTES_MAX: Final = 12
BITS: Final = 8
AWAY: Final = frozenset({errno.EAGAIN, errno.EIO, errno.EBADF})


class Cable:
    """One end of a simulated serial line, ours; the other end is the file `link`."""

    def __init__(self, link: Path) -> None:
        """Nothing exists before `plug`."""
        self.link = link
        self._master = -1
        self._slave = -1

    @property
    def plugged(self) -> bool:
        """Whether the port exists."""
        return self._master >= 0

    def fileno(self) -> int:
        """Return the file descriptor to wait on; -1 while unplugged."""
        return self._master

    def plug(self) -> None:
        """Make the port appear under its name."""
        if self.plugged:
            return
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.link.parent.mkdir(parents=True, exist_ok=True)
        waiting = self.link.with_name(self.link.name + ".new")
        waiting.unlink(missing_ok=True)
        waiting.symlink_to(os.ttyname(self._slave))
        waiting.replace(self.link)

    def unplug(self) -> None:
        """Make the port vanish, as when an adapter is pulled."""
        if not self.plugged:
            return
        self.link.unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    def read(self) -> bytes:
        """Return what was written to the port, without waiting."""
        try:
            return os.read(self._master, READ_BYTES_MAX)
        except OSError as error:
            if error.errno not in AWAY:
                raise
            return b""

    def write(self, data: bytes) -> None:
        """Send; what finds no room because nobody reads is lost, as on a real line."""
        with suppress(BlockingIOError):
            os.write(self._master, data)


class LineFaults(msgspec.Struct, frozen=True):
    """How often a line spoils a message: one in so many, 0 for never.

    `cut_one_in` loses the tail of a message, `merge_one_in` holds a message back until the next,
    `garbage_one_in` puts random bytes in front, `parity_one_in` flips one bit. `parity` E or O sets
    bit 7 as a port with eight data bits sees it when the scale sends seven and a parity bit.
    """

    cut_one_in: int = 0
    merge_one_in: int = 0
    garbage_one_in: int = 0
    parity_one_in: int = 0
    parity: Literal["N", "E", "O"] = "N"


class FaultyLine:
    """Spoils messages as configured; the same seed spoils the same ones."""

    def __init__(self, faults: LineFaults, seed: int) -> None:
        """`seed` makes a run repeatable."""
        self.faults = faults
        self._random = random.Random(seed)  # noqa: S311 - faults are to be repeatable
        self._held = b""

    def pass_on(self, message: bytes) -> bytes:
        """Return the bytes that arrive for `message`; may be none, may bring an older one along."""
        message = with_parity(message, self.faults.parity)
        if self._hits(self.faults.parity_one_in):
            message = self._flipped(message)
        if self._hits(self.faults.cut_one_in):
            message = message[: self._random.randrange(1, max(2, len(message)))]
        if self._hits(self.faults.garbage_one_in):
            message = self._random.randbytes(self._random.randint(1, GARBAGE_BYTES_MAX)) + message
        if self._hits(self.faults.merge_one_in):
            self._held += message
            return b""
        held, self._held = self._held, b""
        return held + message

    def _flipped(self, message: bytes) -> bytes:
        spoilt = bytearray(message)
        spoilt[self._random.randrange(len(spoilt))] ^= 1 << self._random.randrange(BITS)
        return bytes(spoilt)

    def _hits(self, one_in: int) -> bool:
        return one_in > 0 and self._random.randrange(one_in) == 0


def with_parity(message: bytes, parity: Literal["N", "E", "O"]) -> bytes:
    """Return `message` as a port with eight data bits sees seven bits and a parity bit.

    >>> with_parity(b"S 1", "E").hex(), with_parity(b"S 1", "O").hex()
    ('53a0b1', 'd32031')
    """
    if parity == "N":
        return message
    odd = parity == "O"
    return bytes(byte ^ 0x80 * ((byte.bit_count() & 1) != odd) for byte in message)
