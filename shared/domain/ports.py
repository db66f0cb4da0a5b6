"""What the pure parts need from the world, passed in so that a simulator can pass its own."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Two clocks: one that people read and one that only moves forward."""

    def wall_ms(self) -> int:
        """Milliseconds since 1970 UTC. May jump; never used to order or to deduplicate."""
        ...

    def mono_ms(self) -> int:
        """Milliseconds since an arbitrary start. Never jumps back while the process lives."""
        ...


class Entropy(Protocol):
    """A source of random bytes."""

    def token_bytes(self, count: int) -> bytes:
        """Return `count` random bytes."""
        ...
