"""Simulated time: one heap of events, one stream of chance per concern, one fingerprint of it all.

Nothing in the simulator reads a real clock or real randomness, so a seed is a whole world: run it
again and every frame, crash and scan comes back in the same order. Each concern (network, faults,
each person, each node) draws from a stream of its own, so that switching one fault off while
shrinking does not shuffle the others.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

BASE_WALL_MS = 1_750_000_000_000
"""Wall time at which every simulated day begins."""


class Schedule:
    """The world's clock, its dice, and the record of what happened."""

    def __init__(self, seed: int, *, keep_trace: bool = False) -> None:
        """Everything that follows is decided by `seed`."""
        self.seed = seed
        self.now_ms = 0
        self.events = 0
        self.faults: Counter[str] = Counter()
        self.trace: list[str] | None = [] if keep_trace else None
        self._dice = self.stream("schedule")
        self._heap: list[tuple[int, float, int, str, Callable[[], None]]] = []
        self._number = 0
        self._hash = hashlib.blake2b(digest_size=16)

    def stream(self, concern: str) -> Random:
        """Return the stream of chance of one concern."""
        return Random(f"{self.seed}/{concern}")

    def later(self, delay_ms: int, label: str, action: Callable[..., object], *args: Any) -> None:
        """Do `action` after `delay_ms`; events of one millisecond come in an order by chance."""
        self._number += 1
        entry = (
            self.now_ms + max(0, delay_ms),
            self._dice.random(),
            self._number,
            label,
            lambda: action(*args),
        )
        heapq.heappush(self._heap, entry)  # type: ignore[arg-type]

    def step(self) -> bool:
        """Let the next event happen; False when there is none."""
        if not self._heap:
            return False
        self.now_ms, _, _, label, action = heapq.heappop(self._heap)
        self.events += 1
        self.note(label)
        action()
        return True

    def fault(self, kind: str) -> None:
        """Count one injected fault."""
        self.faults[kind] += 1
        self.note(f"! {kind}")

    def note(self, text: str) -> None:
        """Make `text` part of the fingerprint, and of the trace when one is kept."""
        line = f"{self.now_ms} {text}"
        self._hash.update(line.encode())
        if self.trace is not None:
            self.trace.append(line)

    @property
    def fingerprint(self) -> str:
        """Digest of everything that happened so far."""
        return self._hash.hexdigest()


class SimEntropy:
    """Random bytes of one node."""

    def __init__(self, dice: Random) -> None:
        """Draw from `dice`."""
        self._dice = dice

    def token_bytes(self, count: int) -> bytes:
        """Return `count` random bytes."""
        return self._dice.randbytes(count)


class SimClock:
    """One node's two clocks: the wall clock drifts and jumps, the other restarts at each boot."""

    def __init__(self, schedule: Schedule, drift_ppm: int) -> None:
        """`drift_ppm` is how many microseconds this clock gains per second."""
        self._schedule = schedule
        self._drift_ppm = drift_ppm
        self._booted_ms = 0
        self._base_ms = 0
        self.offset_ms = 0

    def wall_ms(self) -> int:
        """Return the time of day as this node believes it."""
        now_ms = self._schedule.now_ms
        return max(0, BASE_WALL_MS + self.offset_ms + now_ms + now_ms * self._drift_ppm // 10**6)

    def mono_ms(self) -> int:
        """Return milliseconds since this machine was switched on."""
        since_ms = self._schedule.now_ms - self._booted_ms
        return self._base_ms + since_ms + since_ms * self._drift_ppm // 10**6

    def boot(self, base_ms: int) -> None:
        """Begin a new count, as a reboot does."""
        self._booted_ms = self._schedule.now_ms
        self._base_ms = base_ms
