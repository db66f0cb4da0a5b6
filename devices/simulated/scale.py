"""A simulated scale without its voice: it takes time to settle, it overloads, it goes below zero.

Pure except for its seeded noise: loads and the time go in, what the display shows comes out. The
display follows a load along an exponential, with noise as long as it moves; only after `settle_ms`
is it stable, and from then on it shows the exact value. What it says on the line is the business of
its dialect (`sics.py`, `dialects.py`).

>>> platform = Platform(ScaleManner())
>>> platform.put(1250, 0)
>>> platform.look(50).status, platform.look(200)
('unstable', Shown(status='stable', grams=1250, tare_grams=0, unit='g'))
"""

from __future__ import annotations

import math
import random
from typing import Final, Literal, Protocol

import msgspec

SETTLE_TIMES: Final = 6
"""Time constants until the display counts as settled: e**-6 of a load is left."""
NOISE_GRAMS: Final = 8
UNIT_GRAMS: Final = {"g": (1, 0), "kg": (1_000, 3)}
"""Grams per unit, and digits after the point."""


class ScaleManner(msgspec.Struct, frozen=True):
    """What kind of scale this is; weights in grams, times in milliseconds."""

    capacity_grams: int = 30_000
    underload_grams: int = -200
    settle_ms: int = 120
    unit: Literal["g", "kg"] = "g"
    seed: int = 1
    serial_number: str = "B712345678"


class Shown(msgspec.Struct, frozen=True):
    """The display: net grams if a tare is set, else gross; meaningless when out of range."""

    status: Literal["stable", "unstable", "overload", "underload"]
    grams: int
    tare_grams: int
    unit: Literal["g", "kg"]

    @property
    def net(self) -> bool:
        """Whether a tare is set."""
        return self.tare_grams != 0


class SimulatedScale(Protocol):
    """What every simulated scale can do; times in milliseconds of one clock."""

    shown_grams: int | None

    @property
    def load_grams(self) -> int:
        """What lies on the pan."""
        ...

    def put(self, grams: int, now_ms: int) -> None:
        """Change the load."""
        ...

    def nudge(self, now_ms: int) -> None:
        """Shake the load."""
        ...

    def hear(self, data: bytes, now_ms: int) -> bytes:
        """Take bytes of the line; return the answers."""
        ...

    def due_ms(self) -> int | None:
        """Return when `tick` has something to send, None when nothing is due by itself."""
        ...

    def tick(self, now_ms: int) -> bytes:
        """Return what the scale sends by itself now."""
        ...

    def power_on(self) -> bytes:
        """Return what the scale says after it was switched on."""
        ...


class Platform:
    """The load and what the display makes of it: zero, tare, motion, range.

    `shown_grams` is the load once it was sent at rest, None before: as often as a reader needs it
    to know that it rests.
    """

    def __init__(self, manner: ScaleManner, sent_at_rest_min: int = 1) -> None:
        """Start empty and settled."""
        self.manner = manner
        self._random = random.Random(manner.seed)  # noqa: S311 - noise is to be repeatable
        self._from_grams = 0.0
        self._load_grams = 0
        self._moved_ms = -manner.settle_ms
        self._zero_grams = 0
        self._tare_grams = 0
        self._sent_at_rest_min = sent_at_rest_min
        self._sent_at_rest = 0
        self.shown_grams: int | None = 0

    @property
    def load_grams(self) -> int:
        """What lies on the pan."""
        return self._load_grams

    def put(self, grams: int, now_ms: int) -> None:
        """Change the load to `grams`; the display begins to move. The same load does not move."""
        if grams == self._load_grams:
            return
        self._from_grams = self._gross(now_ms)
        self._load_grams = grams
        self._move(now_ms)

    def nudge(self, now_ms: int) -> None:
        """Shake the load: it stays, but has to settle again."""
        self._from_grams = self._load_grams + 4.0 * NOISE_GRAMS
        self._move(now_ms)

    def look(self, now_ms: int) -> Shown:
        """Return what the display shows."""
        gross = self._gross(now_ms) - self._zero_grams
        status: Literal["stable", "unstable", "overload", "underload"] = "stable"
        if gross > self.manner.capacity_grams:
            status = "overload"
        elif gross < self.manner.underload_grams:
            status = "underload"
        elif now_ms < self.rest_ms():
            status = "unstable"
            gross += self._random.uniform(-NOISE_GRAMS, NOISE_GRAMS)
        net = round(gross) - self._tare_grams
        return Shown(status, net, self._tare_grams, self.manner.unit)

    def sent(self, shown: Shown) -> None:
        """Note that the line carried this."""
        if shown.status == "stable":
            self._sent_at_rest += 1
            if self._sent_at_rest >= self._sent_at_rest_min:
                self.shown_grams = self._load_grams

    def rest_ms(self) -> int:
        """Return when the load is at rest."""
        return self._moved_ms + self.manner.settle_ms

    def zero(self, now_ms: int) -> None:
        """Call the present load nothing."""
        self._zero_grams, self._tare_grams = round(self._gross(now_ms)), 0

    def tare(self, now_ms: int) -> int:
        """Take the present load as the weight of the packing; return it in grams."""
        self._tare_grams = round(self._gross(now_ms)) - self._zero_grams
        return self._tare_grams

    def clear_tare(self) -> None:
        """Show the gross weight again."""
        self._tare_grams = 0

    def reset(self) -> None:
        """Forget zero and tare, as when the power comes back."""
        self._zero_grams = self._tare_grams = 0

    def _move(self, now_ms: int) -> None:
        self._moved_ms = now_ms
        self._sent_at_rest = 0
        self.shown_grams = None

    def _gross(self, now_ms: int) -> float:
        elapsed = now_ms - self._moved_ms
        if elapsed >= self.manner.settle_ms:
            return float(self._load_grams)
        part = math.exp(-SETTLE_TIMES * elapsed / self.manner.settle_ms)
        return self._load_grams + (self._from_grams - self._load_grams) * part
