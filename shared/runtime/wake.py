"""A door bell between threads: many may ring, one sleeps on it together with its sockets."""

from __future__ import annotations

import os
import threading


class Wake:
    """Ring from any thread; one thread polls `fileno` and clears. Ringing twice counts once."""

    def __init__(self) -> None:
        """Open the pipe."""
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._lock = threading.Lock()
        self._rung = False
        self._closed = False

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when somebody rang."""
        return self._reader

    def ring(self) -> None:
        """Wake the sleeper; cheap, and harmless after `close`."""
        with self._lock:
            if not self._rung and not self._closed:
                self._rung = True
                os.write(self._writer, b"!")

    def clear(self) -> None:
        """Forget the ring. Look for work only after this, so that no ring is missed."""
        with self._lock:
            if self._rung:
                self._rung = False
                os.read(self._reader, 1)

    def close(self) -> None:
        """Close the pipe."""
        with self._lock:
            self._closed = True
            os.close(self._reader)
            os.close(self._writer)
