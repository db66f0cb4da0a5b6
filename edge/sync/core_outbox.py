"""What is on its way to the hub in one session, and what to do when it does not arrive.

Go-back-N: batches leave in order and stay here, byte for byte, until a cumulative ACK covers them.
Older logs of this node (from before a restore) go first, then the current one, which never ends.
The hub says with every answer how much may be on the way; the line's own behaviour says how much
is wise (`shared.sync.pace`). Source: reference protocol "WES-1", section 4.6.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from edge.sync import core_events as on
from edge.sync.core_events import Effect, LogState, Trouble
from shared.domain.facts import FactRecord
from shared.domain.ports import Entropy
from shared.sync import protocol as wire
from shared.sync.pace import Pace
from shared.sync.protocol import LogMark, Mark

DAMAGE_NACKS_MAX: Final = 3
"""Refusals of the same lines as damaged after which the log itself is suspected."""


class Batch(msgspec.Struct):
    """A FACTS frame that left and is not acknowledged."""

    first_seq: int
    last: Mark
    data: bytes
    sent_ms: int
    resent: bool = False


class Outbox:
    """The sending half of one session. Methods return effects, or why the session must end."""

    def __init__(
        self,
        session: bytes,
        logs: tuple[LogState, ...],
        starts: tuple[Mark, ...],
        entropy: Entropy,
        proto: int = wire.PROTOCOL_MAX,
    ) -> None:
        """`starts` says for each of `logs` how far the hub has it."""
        self._session = session
        self._proto = proto
        self._skip: Mark | None = None
        self._logs = logs
        self._starts = starts
        self._entropy = entropy
        self._pace = Pace()
        self._credit_batches = 0
        self._credit_bytes = 0
        self._flight: deque[Batch] = deque()
        self._flight_bytes = 0
        self._resend_ms = 0
        self._answered_nack: int | None = None
        self._recover_seq = 0
        self._damage_nacks = 0
        self._reading = False
        self._wanted = False
        self._open(0)

    @property
    def sent_seq(self) -> int:
        """Last line sent of the log in hand."""
        return self._sent.seq

    def credit(self, batches: int, size_bytes: int) -> None:
        """Note how much the hub allows on the way."""
        self._credit_batches = batches
        self._credit_bytes = size_bytes

    def _open(self, index: int) -> None:
        self._index = index
        self._recover_seq = 0
        self._sent = self._acked = self._starts[index]
        self._stable_seq = self._logs[index].stable_seq
        self._unstored = self._acked.seq > self._logs[index].acked.seq

    def pump(self) -> list[Effect]:
        """Ask for more lines if more may be sent; harmless at any time."""
        self._wanted = True
        room = min(self._pace.window_bytes, self._credit_bytes) - self._flight_bytes
        full = room <= 0 or len(self._flight) >= self._credit_batches
        if self._reading or self._skip is not None or full:
            return []
        self._reading = True
        self._wanted = False
        return [
            on.ReadFacts(
                session=self._session,
                incarnation=self._logs[self._index].incarnation,
                after_seq=self._sent.seq,
                facts_max=wire.FACTS_PER_BATCH_MAX,
                bytes_max=self._pace.batch_bytes,
            )
        ]

    def facts_read(self, records: tuple[FactRecord, ...], now_ms: int) -> list[Effect] | Trouble:
        """Send what was read and ask for more."""
        self._reading = False
        if not records:
            return self._exhausted()
        first, last = records[0], records[-1]
        if first.seq != self._sent.seq + 1:
            return self._skip_to(Mark(first.seq - 1, first.prev_hash), now_ms)
        if first.prev_hash != self._sent.hash:
            return self._fork(self._sent.seq)
        message = wire.Facts(
            incarnation=self._logs[self._index].incarnation,
            first_seq=first.seq,
            prev_hash=first.prev_hash,
            facts=records,
        )
        data = wire.encode(self._session, message)
        if not self._flight:
            self._arm(now_ms)
        self._flight.append(Batch(first.seq, Mark(last.seq, last.hash), data, now_ms))
        self._flight_bytes += len(data)
        self._sent = Mark(last.seq, last.hash)
        return [on.Send(data), *self.pump()]

    def _skip_to(self, base: Mark, now_ms: int) -> list[Effect] | Trouble:
        """The hub needs lines that are gone here: say so, and go on behind them once it knows."""
        if self._flight or not wire.spoken(wire.Skip, self._proto):
            return Trouble(
                "log_pruned",
                f"The hub needs line {self._sent.seq + 1} of this edge's log; the oldest kept is "
                f"{base.seq + 1}. Update the hub; the floor works on meanwhile.",
            )
        self._skip = base
        self._arm(now_ms)
        incarnation = self._logs[self._index].incarnation
        return [on.DeclareGap(incarnation, self._sent.seq, base.seq), *self._say_skip()]

    def _say_skip(self) -> list[Effect]:
        if self._skip is None:
            return []
        message = wire.Skip(self._logs[self._index].incarnation, self._skip)
        return [on.Send(wire.encode(self._session, message))]

    def _exhausted(self) -> list[Effect]:
        if self._index + 1 < len(self._logs):
            if self._flight:
                return []
            effects = self.store_ack()
            self._open(self._index + 1)
            return effects + self.pump()
        return self.pump() if self._wanted else []

    def ack(self, message: wire.Ack, now_ms: int) -> list[Effect] | Trouble:
        """Forget what the hub has on its disk and send more."""
        self.credit(message.credit_batches, message.credit_bytes)
        if message.incarnation != self._logs[self._index].incarnation:
            return []
        before = self._acked.seq
        trouble = self._advance(message.applied, now_ms)
        if trouble is not None:
            return trouble
        if message.stable_seq > self._stable_seq:
            self._stable_seq = message.stable_seq
            self._unstored = True
        effects: list[Effect] = []
        if before < self._acked.seq < self._recover_seq and self._flight:
            effects = self._send_again([self._flight[0]], now_ms)
        return effects + self.pump()

    def _advance(self, applied: Mark, now_ms: int) -> Trouble | None:
        if applied.seq <= self._acked.seq:
            return None
        if self._skip is not None:
            if applied != self._skip:
                return self._fork(applied.seq)
            self._sent = self._acked = applied
            self._skip = None
            self._unstored = True
            return None
        done: Batch | None = None
        while self._flight and self._flight[0].last.seq <= applied.seq:
            done = self._flight.popleft()
            self._flight_bytes -= len(done.data)
            if not done.resent:
                self._pace.answered(now_ms - done.sent_ms, len(done.data))
        if done is None or done.last != applied:
            return self._fork(applied.seq)
        self._acked = applied
        self._unstored = True
        self._answered_nack = None
        self._damage_nacks = 0
        self._pace.progressed()
        self._arm(now_ms)
        return None

    def nack(self, message: wire.Nack, now_ms: int) -> list[Effect] | Trouble:
        """Go back to the line the hub expects. A repeated complaint waits for the timer."""
        if message.incarnation != self._logs[self._index].incarnation:
            return []
        trouble = self._advance(message.expected, now_ms)
        if trouble is not None:
            return trouble
        if message.expected.seq < self._acked.seq:
            return []
        if message.reason != "gap":
            self._damage_nacks += 1
            if self._damage_nacks > DAMAGE_NACKS_MAX:
                return Trouble(
                    "log_damaged",
                    f"The hub refuses line {message.expected.seq + 1} of this edge's log as "
                    "damaged. Run `bincard edge verify`.",
                )
        if self._answered_nack == message.expected.seq:
            return []
        self._answered_nack = message.expected.seq
        self._recover_seq = 0
        return self._send_again(list(self._flight), now_ms)

    def resend_late(self, now_ms: int) -> list[Effect]:
        """Send the oldest batch again when its time is over.

        Only one, because on a slow line the rest may still be on the way. Each answer then brings
        the next one, until everything sent before the silence has arrived.
        """
        if self._skip is not None and now_ms >= self._resend_ms:
            self._arm(now_ms)
            return self._say_skip()
        if not self._flight or now_ms < self._resend_ms or self._credit_batches == 0:
            return []
        self._pace.resent()
        self._answered_nack = None
        self._recover_seq = self._sent.seq
        return self._send_again([self._flight[0]], now_ms)

    def _send_again(self, batches: list[Batch], now_ms: int) -> list[Effect]:
        for batch in batches:
            batch.resent = True
        self._arm(now_ms)
        return [on.Send(batch.data) for batch in batches]

    def _arm(self, now_ms: int) -> None:
        self._resend_ms = now_ms + self._pace.resend_after(self._entropy)

    def _fork(self, seq: int) -> Trouble:
        return fork(self._logs[self._index], seq)

    def store_ack(self) -> list[Effect]:
        """Note the hub's progress durably if there is any news."""
        if not self._unstored:
            return []
        self._unstored = False
        incarnation = self._logs[self._index].incarnation
        return [on.StoreAck(incarnation, self._acked, self._stable_seq)]


def fork(log: LogState, seq: int) -> Trouble:
    """Return the trouble of two different lines with one number.

    The line acknowledged last is common to both sides, unless the hub has fewer lines than that.
    """
    common = log.acked if log.acked.seq < seq else Mark()
    return Trouble(
        "fork",
        f"The hub has another line {seq} under this edge's name: two machines have shared one "
        "identity. This one goes on under a log of its own.",
        LogMark(log.incarnation, common.seq, common.hash),
    )


def too_new(proto: int) -> Trouble:
    """Return the trouble of a hub that speaks a protocol of the future."""
    return Trouble(
        "upgrade_edge",
        f"The hub wants to speak protocol {proto}; this edge speaks {wire.PROTOCOL_MIN} to "
        f"{wire.PROTOCOL_MAX}. Update the edge; the floor works on meanwhile.",
    )


def disagreement(
    logs: tuple[LogState, ...], starts: tuple[Mark, ...], seen: wire.Epoch, epoch: wire.Epoch
) -> Trouble | None:
    """Compare what the hub says with what this edge knows; None when they can be reconciled.

    `starts` is how far the hub has each of `logs`; `seen` the hub's last known life, `epoch` the
    one that greets now. Source: reference protocol, table in section 4.5.
    """
    if epoch.ordinal < seen.ordinal or (
        epoch.ordinal == seen.ordinal and epoch.token != seen.token and seen != wire.Epoch()
    ):
        return Trouble(
            "old_hub",
            f"This hub is at epoch {epoch.ordinal}; the edge has worked with epoch "
            f"{seen.ordinal}. Two hubs are running: stop the old one.",
        )
    for log, start in zip(logs, starts, strict=True):
        if start.seq > log.head.seq:
            if log is not logs[-1]:
                continue  # a log of an earlier life, whose end the hub sends back
            return Trouble(
                "edge_rolled_back",
                f"The hub has line {start.seq} of this edge's log; the edge ends at line "
                f"{log.head.seq}. Its disk is older than its past: what it lacks is fetched.",
                LogMark(log.incarnation, log.acked.seq, log.acked.hash),
            )
        if start.seq < log.acked.seq and epoch == seen:
            return Trouble(
                "hub_rolled_back",
                f"The hub acknowledged line {log.acked.seq} and now has only {start.seq}. Its disk "
                "is older than its past: restore the hub.",
            )
        for known in (log.head, log.acked):
            if start.seq == known.seq and start.hash != known.hash:
                return fork(log, start.seq)
    return None
