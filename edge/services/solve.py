"""A person with a badge settles what waited for a person."""

from __future__ import annotations

from typing import Annotated

import msgspec

from edge.services.doubts import MAYBE_SENT, not_sent
from edge.services.floor import Floor
from edge.store import exceptions, people
from shared.domain.errors import Forbidden, NotFound

NEEDS_LEAD = frozenset(
    {
        "count_bin",
        "sn_disputed",
        "over_receipt",
        "not_announced",
        "recount",
        "count_all",
        MAYBE_SENT,
    }
)
"""Codes that change what the floor trusts; the others anybody with a badge may tick off."""


class SolveRequest(msgspec.Struct, frozen=True):
    """Who settles it."""

    op_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    badge: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


def solve(floor: Floor, exception_id: str, badge: str) -> bool:
    """Close an exception; False when it was closed before. Repeats change nothing.

    Raises NotFound for an unknown exception, Forbidden when the badge may not.
    """
    row = exceptions.get(floor.sql, exception_id)
    if row is None:
        raise NotFound(
            "exception_unknown",
            f"Failed to solve {exception_id}: nothing with this number waits here.",
        )
    person = people.get(floor.sql, badge)
    if person is None or (row.code in NEEDS_LEAD and person.role != "lead"):
        raise Forbidden(
            "lead_badge_needed" if person else "badge_unknown",
            f"Failed to solve {row.code}: expected the badge of "
            f"{'a lead' if person else 'somebody who works here'}.",
            hint="Scan the badge again or call your lead.",
        )
    solved = exceptions.solve(floor.sql, exception_id, badge=badge, at_ms=floor.now_ms)
    if solved and row.code == MAYBE_SENT:
        not_sent(floor, row)
    if solved:
        floor.tell("exceptions")
    return solved
