"""A clock for stories in which minutes pass between two requests."""

from __future__ import annotations

from shared.domain.ports import Clock

NOON_MS = 1_795_320_000_000  # 2026-11-22 12:00 at UTC+8


class HandClock(Clock):
    """It moves when the test says so."""

    def __init__(self) -> None:
        self.now_ms = NOON_MS

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_ms(self) -> int:
        return self.now_ms
