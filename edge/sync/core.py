"""The edge's side of the line to the hub, as pure decisions.

The floor never waits for this. It takes what the log holds beyond the hub's last ACK, keeps a
bounded amount on the way, sends again from the last ACK when something is lost, and hands down the
hub's commands one by one. A timer drives it, so a missed wake-up costs a second and never wedges
the outbox. When the line falls silent it throws the socket away and greets again with a higher boot
number. Source: reference protocol "WES-1", sections 4.2 to 4.6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from edge.sync import core_events as on
from edge.sync.core_events import Effect, Event, LogState, Trouble
from edge.sync.core_inbox import Inbox
from edge.sync.core_outbox import Outbox, disagreement, too_new
from edge.sync.core_recall import Recall, log_mark, past_of, stable_here, starts_of
from shared.domain.errors import InvalidInput
from shared.domain.ports import Entropy
from shared.sync import protocol as wire
from shared.sync.pace import Backoff
from shared.sync.protocol import Epoch

CONNECT_MS: Final = 30_000
"""A socket that has not connected by then is made anew (the hub's address may have changed)."""
_REJECT_RETRY_MS: Final = wire.RETRY_MAX_MS
ROLLED_BACK: Final = "edge_rolled_back"
"""Code of a refusal that means: this disk is a copy, older than what the hub has seen."""
FORK: Final = "fork"
"""Code of a refusal that means: under one number the hub has another line."""
CLONE: Final = "clone"


class EdgeCore:
    """One edge's line. Call `handle` with each event and carry out what it returns."""

    def __init__(
        self, entropy: Entropy, *, app_version: str, schema: str, machine: str = ""
    ) -> None:
        """`schema` names the last migration of the edge's database, `machine` the box it is in."""
        self._entropy = entropy
        self._machine = machine
        self._app_version = app_version
        self._schema = schema
        self._phase: on.Phase = "new"
        self._trouble: Trouble | None = None
        self._backoff = Backoff(wire.RETRY_MIN_MS, wire.RETRY_MAX_MS)
        self._due_ms = 0
        self._nonce = bytes(16)
        self._rtt_ms: int | None = None
        self._epoch = Epoch()
        self._cursor = 0
        self._logs: tuple[LogState, ...] = ()
        self._begin_session(wire.NO_SESSION, 0)
        self._handlers: dict[type[Event], Callable[[Any, int], list[Effect]]] = {
            on.Started: self._on_started,
            on.Stopping: self._on_stopping,
            on.Connected: self._on_connected,
            on.Disconnected: self._on_disconnected,
            on.KeyRefused: self._on_key_refused,
            on.Booted: self._on_booted,
            on.BootRefused: self._on_boot_refused,
            on.FenceStored: self._on_fence_stored,
            on.FenceFailed: self._on_fence_failed,
            on.Received: self._on_received,
            on.Tick: self._on_tick,
            on.FactsCommitted: self._on_facts_committed,
            on.FactsRead: self._on_facts_read,
            on.CommandApplied: self._on_command_applied,
            on.CommandFailed: self._on_command_failed,
            on.LinesStored: self._on_lines_stored,
            on.LinesFailed: self._on_lines_failed,
        }
        self._messages: dict[type[wire.Message], Callable[[Any, int], list[Effect]]] = {
            wire.Ack: self._on_ack,
            wire.Nack: self._on_nack,
            wire.Cmds: self._on_commands,
            wire.Urgent: self._on_urgent,
            wire.Pong: self._on_pong,
            wire.Bye: self._on_bye,
            wire.Recalled: self._on_recalled,
        }

    @property
    def status(self) -> on.LineStatus:
        """What pages show."""
        return on.LineStatus(
            phase=self._phase,
            up=self._phase == "up",
            rtt_ms=self._rtt_ms,
            epoch=self._epoch.ordinal,
            trouble=self._trouble,
        )

    def handle(self, event: Event, now_ms: int) -> list[Effect]:
        """Take in `event` at monotonic time `now_ms`; return what must be done, in order."""
        return self._handlers[type(event)](event, now_ms)

    # The session

    def _begin_session(self, session: bytes, now_ms: int) -> None:
        self._session = session
        self._heard_ms = now_ms
        self._pinged_ms = now_ms
        self._pumped_ms = now_ms
        self._welcome: wire.Welcome | None = None
        self._outbox: Outbox | None = None
        self._recall: Recall | None = None
        self._inbox: Inbox | None = None

    def _drop(
        self, now_ms: int, trouble: Trouble | None, *, retry_ms: int | None = None
    ) -> list[Effect]:
        """Give the session up and try again after `retry_ms` (or the next back-off)."""
        effects = [] if self._outbox is None else self._outbox.store_ack()
        if trouble is not None:
            self._trouble = trouble
        self._phase = "waiting"
        self._due_ms = now_ms + (
            self._backoff.take(self._entropy) if retry_ms is None else retry_ms
        )
        self._begin_session(wire.NO_SESSION, now_ms)
        return [*effects, on.CloseSocket()]

    def _on_started(self, _event: on.Started, now_ms: int) -> list[Effect]:
        self._phase = "connecting"
        self._due_ms = now_ms + CONNECT_MS
        return [on.RebuildSocket()]

    def _on_stopping(self, _event: on.Stopping, _now_ms: int) -> list[Effect]:
        effects = [] if self._outbox is None else self._outbox.store_ack()
        if self._phase == "up":
            effects.append(self._send(wire.Bye("stopping", "The edge is being stopped.")))
        self._phase = "stopped"
        return [*effects, on.CloseSocket(farewell=True)]

    def _on_connected(self, _event: on.Connected, now_ms: int) -> list[Effect]:
        if self._phase != "connecting":
            return []
        self._phase = "booting"
        self._due_ms = now_ms + wire.HELLO_TIMEOUT_MS
        return [on.Boot()]

    def _on_disconnected(self, _event: on.Disconnected, now_ms: int) -> list[Effect]:
        if self._phase in ("booting", "greeting", "fencing", "up"):
            return self._drop(now_ms, Trouble("line_cut", "The line to the hub broke."))
        return []

    def _on_key_refused(self, _event: on.KeyRefused, now_ms: int) -> list[Effect]:
        if self._phase in ("waiting", "stopped"):
            return []
        trouble = Trouble(
            "unknown_key",
            "The hub does not accept this edge's key. Enrol the edge again with a new code.",
        )
        return self._drop(now_ms, trouble)

    def _on_boot_refused(self, event: on.BootRefused, now_ms: int) -> list[Effect]:
        if self._phase != "booting":
            return []
        return self._drop(now_ms, Trouble(event.code, event.sentence), retry_ms=_REJECT_RETRY_MS)

    def _on_booted(self, event: on.Booted, now_ms: int) -> list[Effect]:
        if self._phase != "booting":
            return []
        self._phase = "greeting"
        self._due_ms = now_ms + wire.HELLO_TIMEOUT_MS
        self._nonce = self._entropy.token_bytes(16)
        self._logs = event.state.logs
        self._epoch = event.state.epoch
        self._cursor = event.state.down_cursor
        return [on.Send(wire.encode(wire.NO_SESSION, self._hello(event)))]

    def _hello(self, event: on.Booted) -> wire.Hello:
        current = self._logs[-1]
        return wire.Hello(
            proto_min=wire.PROTOCOL_MIN,
            proto_max=wire.PROTOCOL_MAX,
            node=event.state.node,
            incarnation=current.incarnation,
            parent=current.parent,
            boot_no=event.state.boot_no,
            heads=tuple(log_mark(log.incarnation, log.head) for log in self._logs),
            hub_epoch_seen=self._epoch,
            acked=tuple(log_mark(log.incarnation, log.acked) for log in self._logs),
            down_cursor=event.state.down_cursor,
            quota_totals=event.state.quota_totals,
            schema=self._schema,
            app_version=self._app_version,
            wall_ms=event.wall_ms,
            nonce=self._nonce,
            fence=event.state.fence,
            machine=self._machine,
            down_id=event.state.down_id,
        )

    def _on_tick(self, event: on.Tick, now_ms: int) -> list[Effect]:
        if self._phase in ("waiting", "connecting"):
            return self._on_started(on.Started(), now_ms) if now_ms >= self._due_ms else []
        if self._phase in ("booting", "greeting", "fencing"):
            late = Trouble("hub_silent", "The hub did not answer the greeting.")
            return self._drop(now_ms, late) if now_ms >= self._due_ms else []
        outbox = self._outbox
        if outbox is None:
            return []
        if now_ms - self._heard_ms >= wire.DEAD_MS:
            return self._give_up(now_ms)
        effects = self._heartbeat(outbox, event, now_ms)
        effects += outbox.resend_late(now_ms)
        if self._recall is not None:
            effects += self._recall.ask(now_ms)
        if now_ms - self._pumped_ms >= wire.PUMP_MS:
            self._pumped_ms = now_ms
            effects += outbox.store_ack() + outbox.pump()
        return effects

    def _give_up(self, now_ms: int) -> list[Effect]:
        """The hub is silent. It may still hear, when only its half of the line is dead."""
        bye = self._send(wire.Bye("hub_silent", "The edge hears nothing of the hub."))
        effects = self._drop(now_ms, Trouble("hub_silent", "The hub has fallen silent."))
        return [bye, *effects[:-1], on.CloseSocket(farewell=True)]

    def _heartbeat(self, outbox: Outbox, event: on.Tick, now_ms: int) -> list[Effect]:
        if now_ms - self._pinged_ms < wire.HEARTBEAT_MS:
            return []
        self._pinged_ms = now_ms
        ping = wire.Ping(
            echo_ms=now_ms,
            head_seq=outbox.sent_seq,
            down_cursor=0 if self._inbox is None else self._inbox.cursor,
            wall_ms=event.wall_ms,
            disk_free_bytes=event.disk_free_bytes,
            devices_down=event.devices_down,
        )
        return [self._send(ping)]

    # Frames of the hub

    def _on_received(self, event: on.Received, now_ms: int) -> list[Effect]:
        try:
            frame = wire.decode(event.data)
        except InvalidInput:
            return []
        message = frame.message
        if isinstance(message, wire.Welcome):
            return self._on_welcome(message, now_ms)
        if isinstance(message, wire.Reject):
            return self._on_reject(message, now_ms)
        if self._phase != "up" or frame.session != self._session:
            return []
        self._heard_ms = now_ms
        handler = self._messages.get(type(message))
        return [] if handler is None else handler(message, now_ms)

    def _on_reject(self, message: wire.Reject, now_ms: int) -> list[Effect]:
        if self._phase not in ("greeting", "fencing", "up") or message.nonce != self._nonce:
            return []
        if message.code == ROLLED_BACK or (message.code == FORK and message.agreed is not None):
            common = message.agreed or log_mark(self._logs[-1].incarnation, self._logs[-1].acked)
            return self._end(Trouble(message.code, message.sentence, common), now_ms)
        retry = min(message.retry_after_ms or _REJECT_RETRY_MS, _REJECT_RETRY_MS)
        effects = self._drop(now_ms, Trouble(message.code, message.sentence), retry_ms=retry)
        return [*effects, on.TurnedAway()] if message.code == CLONE else effects

    def _end(self, trouble: Trouble, now_ms: int) -> list[Effect]:
        """End the session; where the histories differ go on under a new name, soon."""
        if trouble.branch is None:
            return self._drop(now_ms, trouble, retry_ms=_REJECT_RETRY_MS)
        return [*self._drop(now_ms, trouble), on.Branch(trouble.branch)]

    def _on_welcome(self, message: wire.Welcome, now_ms: int) -> list[Effect]:
        """Before anything is sent the hub's number is on the disk: no copy of it can show it."""
        if self._phase != "greeting" or message.nonce != self._nonce:
            return []
        if not wire.PROTOCOL_MIN <= message.proto <= wire.PROTOCOL_MAX:
            return self._drop(now_ms, too_new(message.proto), retry_ms=_REJECT_RETRY_MS)
        starts = starts_of(self._logs, message.applied)
        trouble = disagreement(self._logs, starts, self._epoch, message.hub_epoch)
        if trouble is not None:
            return self._end(trouble, now_ms)
        effects: list[Effect] = []
        if message.hub_epoch != self._epoch:
            effects.append(on.StoreEpoch(message.hub_epoch, message.applied))
        past = past_of(self._logs, message.applied)
        if past:
            effects.append(on.StoreTargets(past, message.down_head))
        effects += stable_here(self._logs, message.stable)
        self._phase = "fencing"
        self._due_ms = now_ms + wire.HELLO_TIMEOUT_MS
        self._welcome = message
        if message.fence == wire.NO_FENCE:
            return effects + self._on_fence_stored(on.FenceStored(message.session), now_ms)
        return [*effects, on.StoreFence(message.session, message.fence)]

    def _on_fence_stored(self, event: on.FenceStored, now_ms: int) -> list[Effect]:
        message = self._welcome
        if message is None or self._phase != "fencing" or event.session != message.session:
            return []
        starts = starts_of(self._logs, message.applied)
        past = past_of(self._logs, message.applied)
        self._begin_session(message.session, now_ms)
        self._phase = "up"
        self._trouble = None
        self._backoff.reset()
        self._epoch = message.hub_epoch
        self._outbox = Outbox(message.session, self._logs, starts, self._entropy, message.proto)
        self._outbox.credit(message.credit_batches, message.credit_bytes)
        self._recall = Recall(message.session, self._logs, past)
        self._inbox = Inbox(message.session, message.hub_epoch, self._cursor)
        proof = self._send(wire.Cack(self._cursor))
        return [proof, *self._outbox.pump(), *self._recall.ask(now_ms)]

    def _on_fence_failed(self, event: on.FenceFailed, now_ms: int) -> list[Effect]:
        if self._welcome is None or event.session != self._welcome.session:
            return []
        return self._end(Trouble("storage_failed", event.sentence), now_ms)

    def _on_bye(self, message: wire.Bye, now_ms: int) -> list[Effect]:
        if message.code == "superseded":
            # Our own earlier sockets are destroyed, so whoever took over is not this process.
            clone = Trouble(
                CLONE,
                "Another machine has greeted the hub with this edge's identity. Stop one of them "
                "and call head office.",
            )
            return self._drop(now_ms, clone, retry_ms=_REJECT_RETRY_MS)
        return self._drop(now_ms, Trouble("hub_bye", message.sentence))

    def _on_pong(self, message: wire.Pong, now_ms: int) -> list[Effect]:
        self._rtt_ms = max(0, now_ms - message.echo_ms)
        if self._outbox is None:
            return []
        self._outbox.credit(message.credit_batches, message.credit_bytes)
        return self._outbox.pump()

    def _on_commands(self, message: wire.Cmds, _now_ms: int) -> list[Effect]:
        inbox = self._open_inbox()
        return [] if inbox is None else inbox.commands(message)

    def _on_urgent(self, message: wire.Urgent, _now_ms: int) -> list[Effect]:
        inbox = self._open_inbox()
        return [] if inbox is None else inbox.urgent(message)

    def _open_inbox(self) -> Inbox | None:
        """No command is taken before this node's own past is back."""
        return None if self._recall is None or self._recall.open else self._inbox

    def _on_command_applied(self, event: on.CommandApplied, _now_ms: int) -> list[Effect]:
        return [] if self._inbox is None else self._inbox.applied(event)

    def _on_command_failed(self, event: on.CommandFailed, _now_ms: int) -> list[Effect]:
        if self._inbox is not None:
            self._inbox.failed(event)
        return []

    # This node's own past on its way back

    def _on_recalled(self, message: wire.Recalled, _now_ms: int) -> list[Effect]:
        return [] if self._recall is None else self._recall.answered(message)

    def _on_lines_stored(self, event: on.LinesStored, now_ms: int) -> list[Effect]:
        if self._recall is None or event.session != self._session:
            return []
        return self._recall.stored(event, now_ms)

    def _on_lines_failed(self, event: on.LinesFailed, now_ms: int) -> list[Effect]:
        if event.session != self._session:
            return []
        trouble = Trouble("log_damaged", event.sentence)
        return self._drop(now_ms, trouble, retry_ms=_REJECT_RETRY_MS)

    # Facts on their way up

    def _on_facts_committed(self, _event: on.FactsCommitted, _now_ms: int) -> list[Effect]:
        return [] if self._outbox is None else self._outbox.pump()

    def _on_facts_read(self, event: on.FactsRead, now_ms: int) -> list[Effect]:
        if self._outbox is None or event.session != self._session:
            return []
        return self._or_drop(self._outbox.facts_read(event.records, now_ms), now_ms)

    def _on_ack(self, message: wire.Ack, now_ms: int) -> list[Effect]:
        if self._outbox is None:
            return []
        return self._or_drop(self._outbox.ack(message, now_ms), now_ms)

    def _on_nack(self, message: wire.Nack, now_ms: int) -> list[Effect]:
        if self._outbox is None:
            return []
        return self._or_drop(self._outbox.nack(message, now_ms), now_ms)

    def _or_drop(self, outcome: list[Effect] | Trouble, now_ms: int) -> list[Effect]:
        if isinstance(outcome, Trouble):
            return self._end(outcome, now_ms)
        return outcome

    def _send(self, message: wire.Message) -> Effect:
        return on.Send(wire.encode(self._session, message))
