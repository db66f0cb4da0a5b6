"""The real clock and the real randomness, handed to the pure parts from here only."""

from __future__ import annotations

import secrets
import time


class SystemClock:
    """The machine's clocks; see `shared.domain.ports.Clock`."""

    def wall_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        """Milliseconds on the monotonic clock."""
        return time.monotonic_ns() // 1_000_000


class SystemEntropy:
    """The operating system's randomness; see `shared.domain.ports.Entropy`."""

    def token_bytes(self, count: int) -> bytes:
        """Return `count` random bytes from the kernel."""
        return secrets.token_bytes(count)
