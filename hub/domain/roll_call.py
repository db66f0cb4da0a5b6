"""After its start a hub hears its warehouses before it lets anything go to a floor.

A disk that was put back behind the hub's back shows itself in the first greeting of a warehouse
that knows more. Until all have greeted, a restored hub cannot know that it is one: it would give
waybill numbers a second time and send goods that have left. Waiting costs nothing while the lines
come up; a warehouse that stays away is not waited for long.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

ROLL_CALL_MS: Final = 45_000
"""Longest wait; an edge tries to reach its hub at least every 30 s."""


def everybody_heard(expected: Iterable[str], heard: Iterable[str], waited_ms: int) -> bool:
    """Say whether parcels may be released: all greeted, or time is over.

    `expected` are the warehouses that were enrolled when the hub started.
    """
    return waited_ms >= ROLL_CALL_MS or frozenset(expected) <= frozenset(heard)
