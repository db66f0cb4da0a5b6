"""A warehouse that comes back after days is counted in large steps.

Its batches arrive faster than they are counted, and they touch the same parcels, orders and
accounts again and again. So what arrives while two steps are in the writer's hands waits here, and
leaves as one step. A warehouse that is up to date never waits: its batch finds nothing in hand.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from hub.sync.core_events import ApplyFacts

LINES_MAX: Final = 2_048
"""Lines of a step of several batches."""
IN_HAND_MAX: Final = 2
"""Steps of one session in the writer's hands: one is counted, one keeps the writer busy then."""


class Step(msgspec.Struct, frozen=True):
    """Consecutive lines of one log, stored and counted in one transaction; `batches` came in."""

    facts: ApplyFacts
    batches: int


class _Line(msgspec.Struct):
    """What one session has in the writer's hands, and what waits behind."""

    in_hand: int = 0
    waiting: deque[ApplyFacts] = msgspec.field(default_factory=deque)


class Together:
    """Puts waiting batches together; `hand_over` takes each step to the writer."""

    def __init__(self, hand_over: Callable[[Step], None]) -> None:
        """Nothing waits yet."""
        self._hand_over = hand_over
        self._lines: dict[bytes, _Line] = {}

    def add(self, batch: ApplyFacts) -> None:
        """Take in the next batch of a session."""
        line = self._lines.setdefault(batch.session, _Line())
        line.waiting.append(batch)
        self._go_on(line)

    def done(self, session: bytes) -> None:
        """Hear that a step of the session is on the disk, or failed."""
        line = self._lines[session]
        line.in_hand -= 1
        self._go_on(line)
        if not line.in_hand:
            del self._lines[session]

    def _go_on(self, line: _Line) -> None:
        while line.waiting and line.in_hand < IN_HAND_MAX:
            line.in_hand += 1
            self._hand_over(_next_step(line.waiting))


def _next_step(waiting: deque[ApplyFacts]) -> Step:
    """Return the first batch with all that go on behind it, as far as they fit."""
    first = waiting.popleft()
    records = list(first.records)
    batches = 1
    while waiting and _goes_on(first, records[-1].seq if records else 0, waiting[0]):
        if len(records) + len(waiting[0].records) > LINES_MAX:
            break
        records += waiting.popleft().records
        batches += 1
    if batches == 1:
        return Step(first, 1)
    return Step(msgspec.structs.replace(first, records=tuple(records)), batches)


def _goes_on(first: ApplyFacts, last_seq: int, batch: ApplyFacts) -> bool:
    """Say whether `batch` has the lines behind `last_seq` of the same log under the same key."""
    same = (batch.incarnation, batch.key, batch.peer) == (first.incarnation, first.key, first.peer)
    return same and bool(batch.records) and batch.records[0].seq == last_seq + 1
