"""When to try again: soon at first, then ever more patiently, and not for ever.

The moment of the next try is noted in the books by the wall clock, and somebody may set that clock
back by a day. So no wait is longer than FARTHEST_MS, and what would be due later than that is due.
"""

from __future__ import annotations

from typing import Final

LONGEST_MS: Final = 30 * 60_000
"""Nobody is left alone for longer than this."""
FARTHEST_MS: Final = 2 * 3_600_000
"""No wait is longer, not even one that the other side asks for."""
DOUBLINGS_MAX: Final = 20


def wait_ms(tries: int, first_ms: int, asked_ms: int = 0) -> int:
    """Return the pause after `tries` failures; at least what the other side asked for, if sane.

    >>> [wait_ms(tries, 2_000) for tries in (1, 2, 3, 30)]
    [2000, 4000, 8000, 1800000]
    >>> wait_ms(1, 2_000, asked_ms=86_400_000)
    7200000
    """
    doubled = first_ms << min(max(tries - 1, 0), DOUBLINGS_MAX)
    return max(min(doubled, LONGEST_MS), min(asked_ms, FARTHEST_MS))


def is_due(due_ms: int, now_ms: int) -> bool:
    """Say whether the moment has come, or was noted by a clock that was ahead.

    >>> [is_due(due_ms, 5_000) for due_ms in (0, 5_000, 5_001, 86_400_000)]
    [True, True, False, True]
    """
    return not now_ms < due_ms <= now_ms + FARTHEST_MS


def still_to_come(now_ms: int) -> tuple[int, int]:
    """Return the first and the last moment that is not due, for SQL's `NOT BETWEEN ? AND ?`."""
    return now_ms + 1, now_ms + FARTHEST_MS
