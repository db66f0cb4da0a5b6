"""A serial port that may be unplugged at any moment.

USB adapters come loose. A port then fails in more than one way: reading raises pyserial's own
error, asking how much waits raises a plain OSError. Both mean the same, so both become `PortLost`.
A port is opened for us alone, and what lay in its buffers from before is thrown away: it is the
past. Nothing is ever sent on opening, least of all a tare.
"""

from __future__ import annotations

import errno
import os
import termios
from typing import Any, Final, Literal

import serial

READ_BYTES_MAX: Final = 4_096
WRITE_SECONDS: Final = 0.5
BACKOFF_FIRST_SECONDS: Final = 0.5
BACKOFF_MAX_SECONDS: Final = 10.0
LOST: Final = (serial.SerialException, OSError, ValueError, termios.error)
"""What pyserial and the system raise for a port that is gone, taken or wrongly written."""

UNPLUGGED: Final = "returned no data"
"""In pyserial's message for a device that vanished while it was read."""


class PortLost(Exception):
    """The port cannot be opened or is gone; the text says what the system said."""


def _said(error: Exception) -> str:
    """Return what is wrong in the words of the system, not of the library."""
    if isinstance(error, OSError) and error.errno == errno.EAGAIN:
        return "another program uses it"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    text = str(error)
    return "it was pulled out" if UNPLUGGED in text else text


class Port:
    """One open port."""

    def __init__(
        self,
        address: str,
        *,
        baud: int,
        data_bits: Literal[7, 8] = 8,
        parity: Literal["N", "E", "O"] = "N",
        read_seconds: float = 0.0,
    ) -> None:
        """Open `address`: a path, or a URL such as `socket://host:port` or `hwgrep://VID:PID`.

        `read_seconds` is how long `take` waits. Raises PortLost.
        """
        try:
            self._serial: Any = serial.serial_for_url(  # type: ignore[no-untyped-call]
                address,
                baudrate=baud,
                bytesize=data_bits,
                parity=parity,
                timeout=read_seconds,
                write_timeout=WRITE_SECONDS,
                exclusive=None if "://" in address else True,
            )
            self._serial.reset_input_buffer()
            self._waits = read_seconds > 0
        except LOST as error:
            raise PortLost(_said(error)) from error

    def send(self, data: bytes) -> None:
        """Write all of `data`; raises PortLost."""
        try:
            self._serial.write(data)
        except LOST as error:
            raise PortLost(_said(error)) from error

    def take(self) -> bytes:
        """Return what has arrived; waits up to `read_seconds` for a first byte; may be empty."""
        try:
            data = bytes(self._serial.read(1)) if self._waits else b""
            while len(data) < READ_BYTES_MAX and (waiting := self._serial.in_waiting):
                data += self._serial.read(waiting)
        except LOST as error:
            raise PortLost(_said(error)) from error
        return data

    def clear(self) -> None:
        """Throw away what has arrived; raises PortLost."""
        try:
            self._serial.reset_input_buffer()
        except LOST as error:
            raise PortLost(_said(error)) from error

    def close(self) -> None:
        """Close; never raises, since the port may be gone already."""
        try:
            self._serial.close()
        except LOST:
            return


class Backoff:
    """How long to wait before the next attempt: 0.5 s, doubling up to 10 s."""

    def __init__(self) -> None:
        """Start with the shortest wait."""
        self._seconds = BACKOFF_FIRST_SECONDS

    def next_seconds(self) -> float:
        """Return how long to wait now; the next wait will be longer."""
        seconds, self._seconds = self._seconds, min(self._seconds * 2, BACKOFF_MAX_SECONDS)
        return seconds

    def reset(self) -> None:
        """The device answered: the next attempt after a loss comes soon."""
        self._seconds = BACKOFF_FIRST_SECONDS
