"""Getting this node's own lines back from the hub, chunk by chunk.

An edge whose disk was put back from an old copy asks for what it has forgotten. Each chunk is on
the disk before the next one is asked for, so a line that breaks costs one chunk, and a lost answer
is asked for again by the timer. Source: reference protocol "WES-1", section 4.9.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from edge.sync import core_events as on
from edge.sync.core_events import Effect, LogState
from shared.domain.facts import ZERO_HASH
from shared.sync import protocol as wire
from shared.sync.protocol import LogMark, Mark

ASK_AGAIN_MS: Final = 5_000


def log_mark(incarnation: int, mark: Mark) -> LogMark:
    """Return a line together with the name of its log."""
    return LogMark(incarnation, mark.seq, mark.hash)


def starts_of(logs: tuple[LogState, ...], applied: tuple[LogMark, ...]) -> tuple[Mark, ...]:
    """Return how far the hub has each of this node's logs."""
    known = {mark.incarnation: Mark(mark.seq, mark.hash) for mark in applied}
    return tuple(known.get(log.incarnation, Mark()) for log in logs)


def past_of(logs: tuple[LogState, ...], applied: tuple[LogMark, ...]) -> tuple[LogMark, ...]:
    """Return how far the hub has each earlier log, also those it has nothing of."""
    told = {mark.incarnation: mark for mark in applied}
    own = {log.incarnation: LogMark(log.incarnation, 0, ZERO_HASH) for log in logs}
    current = logs[-1].incarnation
    return tuple(mark for mark in (own | told).values() if mark.incarnation != current)


def stable_here(logs: tuple[LogState, ...], stable: tuple[LogMark, ...]) -> list[Effect]:
    """Note which lines head office has in a proven backup: they need not be kept here for it."""
    known = {log.incarnation for log in logs}
    return [
        on.StoreAck(mark.incarnation, Mark(mark.seq, mark.hash), mark.seq)
        for mark in stable
        if mark.incarnation in known and mark.seq
    ]


class Recall:
    """What one session has to fetch; `open` until everything is on the disk."""

    def __init__(
        self, session: bytes, logs: tuple[LogState, ...], applied: tuple[LogMark, ...]
    ) -> None:
        """`applied` is how far the hub has each of this node's logs, `logs` what is here."""
        self._session = session
        have = {log.incarnation: log.head.seq for log in logs}
        self._missing = deque(
            (mark.incarnation, have.get(mark.incarnation, 0), mark.seq)
            for mark in applied
            if mark.incarnation != logs[-1].incarnation and mark.seq > have.get(mark.incarnation, 0)
        )
        self._due_ms = 0
        self._storing = False

    @property
    def open(self) -> bool:
        """Say whether lines are still missing."""
        return bool(self._missing)

    def ask(self, now_ms: int) -> list[Effect]:
        """Ask for the next chunk, at most once per ASK_AGAIN_MS."""
        if not self._missing or self._storing or now_ms < self._due_ms:
            return []
        self._due_ms = now_ms + ASK_AGAIN_MS
        incarnation, after_seq, _ = self._missing[0]
        request = wire.Recall(incarnation, after_seq)
        return [on.Send(wire.encode(self._session, request))]

    def answered(self, message: wire.Recalled) -> list[Effect]:
        """Store what came if it is the chunk asked for."""
        if not self._missing or self._storing or not message.facts:
            return []
        incarnation, after_seq, _ = self._missing[0]
        if message.incarnation != incarnation or message.facts[0].seq != after_seq + 1:
            return []
        self._storing = True
        return [on.StoreLines(self._session, incarnation, message.facts)]

    def stored(self, event: on.LinesStored, now_ms: int) -> list[Effect]:
        """Go on with the next chunk."""
        self._storing = False
        self._due_ms = 0
        incarnation, _, wanted = self._missing[0]
        self._missing[0] = (incarnation, event.head_seq, wanted)
        if event.head_seq >= wanted:
            self._missing.popleft()
        return self.ask(now_ms)
