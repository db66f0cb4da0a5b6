"""When to try again: soon at first, then ever more patiently, and not for ever."""

from __future__ import annotations

from typing import Final

LONGEST_MS: Final = 30 * 60_000
"""Nobody is left alone for longer than this."""
DOUBLINGS_MAX: Final = 20


def wait_ms(tries: int, first_ms: int, asked_ms: int = 0) -> int:
    """Return the pause after `tries` failures; at least what the other side asked for.

    >>> [wait_ms(tries, 2_000) for tries in (1, 2, 3, 30)]
    [2000, 4000, 8000, 1800000]
    """
    doubled = first_ms << min(max(tries - 1, 0), DOUBLINGS_MAX)
    return max(min(doubled, LONGEST_MS), asked_ms)
