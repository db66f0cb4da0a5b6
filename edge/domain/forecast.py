"""Will the parcels be packed before the courier comes?

A warehouse works its cut-offs in order of time, all benches together. The pace is what was packed
in the last hour; a cut-off is finished when everything due up to it is packed at that pace. The
*needed* pace is the slowest one that still makes every cut-off: it is set by the cut-off that asks
for most parcels per hour from now on, and may drop after that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

HOUR_MS: Final = 3_600_000
WINDOW_MIN_MS: Final = 600_000
"""A shift that has just begun is measured over ten minutes at least."""


class Due(msgspec.Struct, frozen=True):
    """Parcels of one courier that have to be packed by `cut_off_ms`; `left` are not packed yet."""

    courier: str
    cut_off_ms: int
    total: int
    left: int
    unplanned: int = 0


class Outlook(msgspec.Struct, frozen=True):
    """When a cut-off's parcels will be packed; `finish_ms` is None without a pace."""

    due: Due
    finish_ms: int | None
    missed: int
    """Parcels that will not be packed in time; without a pace, those overdue now."""

    @property
    def late_ms(self) -> int:
        """How much too late the last parcel is; negative when early, 0 without a forecast."""
        return 0 if self.finish_ms is None else self.finish_ms - self.due.cut_off_ms

    @property
    def late(self) -> bool:
        """Return True when at least one parcel misses the courier."""
        return self.missed > 0


class Pace(msgspec.Struct, frozen=True):
    """Parcels per hour wanted from `from_ms` to `to_ms`."""

    from_ms: int
    to_ms: int
    per_hour: int


def pace_per_hour(packed: int, first_ms: int | None, now_ms: int) -> int:
    """Return parcels per hour from `packed` parcels since `first_ms`, at most an hour ago.

    >>> pace_per_hour(50, 0, HOUR_MS // 2)
    100
    """
    if not packed or first_ms is None:
        return 0
    window = min(HOUR_MS, max(WINDOW_MIN_MS, now_ms - first_ms))
    return max(1, round(packed * HOUR_MS / window))


def outlooks(dues: Sequence[Due], per_hour: int, now_ms: int) -> list[Outlook]:
    """Return the outlook of each cut-off; `dues` are sorted by time and worked in that order."""
    found: list[Outlook] = []
    before = 0
    for due in dues:
        until = due.cut_off_ms - now_ms
        if not due.left:
            found.append(Outlook(due, None, 0))
            continue
        before += due.left
        if not per_hour:
            found.append(Outlook(due, None, due.left if until <= 0 else 0))
            continue
        in_time = max(0, until) * per_hour // HOUR_MS
        missed = min(due.left, max(0, before - in_time))
        found.append(Outlook(due, now_ms + before * HOUR_MS // per_hour, missed))
    return found


def needed_pace(dues: Sequence[Due], now_ms: int) -> list[Pace]:
    """Return the slowest pace that makes every cut-off still to come, as steps in time.

    Parcels whose cut-off is over stand first in line and count towards the next one.
    """
    ahead: list[tuple[int, int]] = []
    parcels = 0
    for due in dues:
        parcels += due.left
        if due.cut_off_ms > now_ms and due.left:
            ahead.append((due.cut_off_ms, parcels))
    steps: list[Pace] = []
    at, done = now_ms, 0
    while ahead:
        until, upto = max(ahead, key=lambda point: ((point[1] - done) / (point[0] - at), point[0]))
        per_hour = -(-(upto - done) * HOUR_MS // (until - at))
        steps.append(Pace(at, until, per_hour))
        at, done = until, upto
        ahead = [point for point in ahead if point[0] > until]
    return steps
