"""How fast to send over a line nobody knows: it may be fibre, or a phone in a steel hall.

Too much at once starves the heartbeats behind it and looks like a dead line; too little makes two
weeks of offline work take a day to arrive. So the amount on the way grows while answers come back
promptly and halves when they do not, and waiting times double with jitter, so that two hundred
warehouses do not all come back in the same second.
Source: reference protocol "WES-1", section 4.6; RFC 6298 for the smoothed round trip.
"""

from __future__ import annotations

from typing import Final

from shared.domain.ports import Entropy
from shared.sync.protocol import (
    CREDIT_BYTES_MAX,
    FACT_BYTES_PER_BATCH_MAX,
    RESEND_MAX_MS,
    RESEND_MIN_MS,
)

WINDOW_START_BYTES: Final = 32_768
WINDOW_MIN_BYTES: Final = 8_192
BATCHES_PER_WINDOW: Final = 4
PROMPT_MS: Final = 2_000
"""An answer within this lets the window grow."""
LATE_MS: Final = 4_000
"""An answer later than this halves the window, so that a heartbeat never waits 15 s behind it."""


def jittered(wait_ms: int, entropy: Entropy) -> int:
    """Return between half of `wait_ms` and all of it."""
    half = wait_ms // 2
    return half + (wait_ms - half) * entropy.token_bytes(1)[0] // 255


class Backoff:
    """Waiting times that double from `low_ms` to `high_ms`, each with jitter."""

    def __init__(self, low_ms: int, high_ms: int) -> None:
        """Start at `low_ms`."""
        self._low_ms = low_ms
        self._high_ms = high_ms
        self._next_ms = low_ms

    def take(self, entropy: Entropy) -> int:
        """Return the next wait in milliseconds."""
        wait = jittered(self._next_ms, entropy)
        self._next_ms = min(self._high_ms, self._next_ms * 2)
        return wait

    def reset(self) -> None:
        """Begin again at the shortest wait."""
        self._next_ms = self._low_ms


class Pace:
    """Round trip, resend time and sending window of one session."""

    def __init__(self) -> None:
        """Begin carefully: nothing is known about the line."""
        self.window_bytes = WINDOW_START_BYTES
        self._smoothed_ms: int | None = None
        self._doublings = 0

    @property
    def batch_bytes(self) -> int:
        """Bytes of fact bodies to put into the next batch."""
        return min(FACT_BYTES_PER_BATCH_MAX, self.window_bytes // BATCHES_PER_WINDOW)

    def answered(self, took_ms: int, size_bytes: int) -> None:
        """Note that a batch of `size_bytes`, sent once, was answered after `took_ms`."""
        smoothed = self._smoothed_ms
        self._smoothed_ms = took_ms if smoothed is None else (7 * smoothed + took_ms) // 8
        if took_ms <= PROMPT_MS:
            self.window_bytes = min(CREDIT_BYTES_MAX, self.window_bytes + size_bytes)
        elif took_ms > LATE_MS:
            self.window_bytes = max(WINDOW_MIN_BYTES, self.window_bytes // 2)

    def progressed(self) -> None:
        """Note that something new arrived over there: the line works, so stop doubling."""
        self._doublings = 0

    def resent(self) -> None:
        """Note that an answer did not come in time."""
        self._doublings += 1
        self.window_bytes = max(WINDOW_MIN_BYTES, self.window_bytes // 2)

    def resend_after(self, entropy: Entropy) -> int:
        """Return how many milliseconds to wait for an answer before sending again."""
        base = max(RESEND_MIN_MS, 2 * (self._smoothed_ms or 0))
        limit = min(RESEND_MAX_MS, base << min(self._doublings, 8))
        return limit + jittered(limit // 4, entropy)
