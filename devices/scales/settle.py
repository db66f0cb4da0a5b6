"""When a parcel's weight counts: once per placement, at rest, after the scale was empty.

A packer puts a box down, it rocks, comes to rest, and the bench must take exactly one weight for
exactly this box. Two mistakes are common in the field. One is to take the weight of the previous
parcel, still on the scale when the next job starts; so the scale must have been near zero between
two announcements. The other is to take a digit that flickered past; so a weight must be read equal
several times over a short while. Pure: the time comes in with each reading.

>>> settler = Settler()
>>> box = Reading("stable", "1.000", "kg", "1000")
>>> [settler.see(box, now_ms) for now_ms in (0, 100, 200, 300)]
[None, None, Settled(grams=1000, shown='1.000 kg', repeated=False), None]
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

import msgspec

from devices.scales.reading import Reading

NEAR_ZERO_GRAMS: Final = 20
"""At or under this a scale is empty; a label lying on the pan weighs 2 g."""
HOLD_MS: Final = 150
"""How long equal readings marked stable must last."""
FLAGLESS_HOLD_MS: Final = 500
"""The same for protocols that do not tell whether the load moves."""
READINGS_MIN: Final = 3
"""Equal readings needed, however slow the scale."""
EMPTY_READINGS_MIN: Final = 2
"""Readings near zero that mean an empty scale although it still moves; one could be a bounce."""
GAP_MS_MAX: Final = 1_000
"""Readings further apart than this are not one observation."""


class Settled(msgspec.Struct, frozen=True):
    """A load came to rest.

    `grams` rounded half up, `shown` as on the scale's display; `repeated` is True when this load
    was announced before and a bench asked for it again.
    """

    grams: int
    shown: str
    repeated: bool


class Settler:
    """Watches the readings of one scale."""

    def __init__(self, *, near_zero_grams: int = NEAR_ZERO_GRAMS, hold_ms: int = HOLD_MS) -> None:
        """Armed from the start: a load that is on the scale now was not announced by us."""
        self._near_zero = near_zero_grams
        self._hold_ms = hold_ms
        self._armed = True
        self._announced: str | None = None
        self._grams: str | None = None
        self._since_ms = 0
        self._last_ms = 0
        self._count = 0
        self._empty_count = 0

    @property
    def told(self) -> str | None:
        """Grams of the load that was announced and not taken off since, None when there is none."""
        return self._announced

    def rearm(self) -> None:
        """Announce the present load again: a bench has only now begun to wait for it."""
        self._armed = True

    def lost(self) -> None:
        """The scale does not answer: what was seen before says nothing about now."""
        self._grams = None

    def see(self, reading: Reading, now_ms: int) -> Settled | None:
        """Take the next reading; return the load it brings to rest, if it does."""
        grams = reading.grams
        if grams is None or reading.kind == "tare" or reading.status in {"overload", "underload"}:
            self._grams = None
            return None
        if abs(Decimal(grams)) <= self._near_zero:
            self._see_empty(reading)
            return None
        self._empty_count = 0
        if Decimal(grams) < 0 or reading.status == "unstable":
            self._grams = None
            return None
        self._observe(grams, now_ms)
        if not self._armed or not self._at_rest(reading, now_ms):
            return None
        return self._announce(grams, reading)

    def _see_empty(self, reading: Reading) -> None:
        self._grams = None
        self._empty_count += 1
        if reading.status == "stable" or self._empty_count >= EMPTY_READINGS_MIN:
            self._armed = True
            self._announced = None

    def _observe(self, grams: str, now_ms: int) -> None:
        if grams != self._grams or now_ms - self._last_ms > GAP_MS_MAX:
            self._grams = grams
            self._since_ms = now_ms
            self._count = 0
        self._last_ms = now_ms
        self._count += 1

    def _at_rest(self, reading: Reading, now_ms: int) -> bool:
        flagless = reading.status == "unknown_stability"
        hold_ms = max(self._hold_ms, FLAGLESS_HOLD_MS) if flagless else self._hold_ms
        return self._count >= READINGS_MIN and now_ms - self._since_ms >= hold_ms

    def _announce(self, grams: str, reading: Reading) -> Settled:
        repeated = grams == self._announced
        self._armed = False
        self._announced = grams
        rounded = int(Decimal(grams).quantize(Decimal(1), rounding=ROUND_HALF_UP))
        return Settled(rounded, f"{reading.value} {reading.unit}", repeated)
