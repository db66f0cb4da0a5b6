"""The hub's side of the lines to all warehouses, as pure decisions.

One warehouse's trouble is never another's: each session has its own credit, its own place in the
logs and its own clock of silence. An ACK leaves only after the commit. Whatever a frame claims, the
key that opened the connection decides whose it is. Source: reference protocol "WES-1", section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hub.sync import core_down
from hub.sync import core_events as on
from hub.sync.core_events import Effect, Event, Link
from hub.sync.core_rivals import Rivals
from hub.sync.core_session import Session, link_of, misfit, open_session
from shared.domain.errors import InvalidInput
from shared.domain.ports import Entropy
from shared.sync import protocol as wire
from shared.sync.snap import Snap

ADMITTING_MAX: Final = 1_024
"""Greetings judged at the same time; further ones wait for the edge to repeat itself."""
CREDIT_PAUSE_MS: Final = 5_000
"""How long an edge is told to send nothing after the hub's storage failed."""
ADOPTED: Final = "Head office has made another machine this warehouse's. Stop this one."


class HubCore:
    """All sessions of one hub. Call `handle` with each event and carry out what it returns."""

    def __init__(self, entropy: Entropy) -> None:
        """`entropy` makes session numbers and jitter."""
        self._entropy = entropy
        self._sessions: dict[bytes, Session] = {}
        self._peers: dict[str, bytes] = {}
        self._admitting: dict[bytes, tuple[bytes, int]] = {}
        self._gone: dict[str, Link] = {}
        self._rivals = Rivals()
        self._started_ms: int | None = None
        self._wall_ms = 0
        self._has_room = True
        self._handlers: dict[type[Event], Callable[[Any, int], list[Effect]]] = {
            on.Received: self._on_received,
            on.PeerGone: self._on_peer_gone,
            on.Tick: self._on_tick,
            on.Admitted: self._on_admitted,
            on.Refused: self._on_refused,
            on.AdmitFailed: self._on_admit_failed,
            on.FactsApplied: self._on_facts_applied,
            on.ApplyFailed: self._on_apply_failed,
            on.CommandsRead: self._on_commands_read,
            on.LinesRead: self._on_lines_read,
            on.CommandsQueued: self._on_commands_queued,
            on.CackFailed: lambda event, _: core_down.not_noted(self._sessions, event.node),
            on.KeysLoaded: self._on_keys_loaded,
        }
        self._messages: dict[type[wire.Message], Callable[[Session, Any, int], list[Effect]]] = {
            wire.Facts: self._on_facts,
            wire.Skip: self._on_skip,
            wire.Cack: self._on_cack,
            wire.Ping: self._on_ping,
            wire.Recall: self._on_recall,
            wire.Bye: self._on_bye,
        }

    def handle(self, event: Event, now_ms: int) -> list[Effect]:
        """Take in `event` at monotonic time `now_ms`; return what must be done, in order."""
        if self._started_ms is None:
            self._started_ms = now_ms
        return self._handlers[type(event)](event, now_ms)

    def links(self) -> dict[str, Link]:
        """Return every line since the start, by node."""
        live = {session.node: link_of(session, up=True) for session in self._sessions.values()}
        return self._gone | live

    # Frames

    def _on_received(self, event: on.Received, now_ms: int) -> list[Effect]:
        self._wall_ms = event.wall_ms
        session = self._sessions.get(event.peer)
        try:
            frame = wire.decode(event.data)
        except InvalidInput:
            if session is None or session.key != event.key:
                return []
            return [self._nack(session, session.incarnation, "decode")]
        if isinstance(frame.message, wire.Hello):
            return self._on_hello(event, frame.message, now_ms)
        if isinstance(frame.message, Snap):
            return [on.SnapAsked(event.peer, event.key, frame.message)]
        if session is None or session.session != frame.session or session.key != event.key:
            if isinstance(frame.message, wire.Bye):
                return []
            bye = wire.Bye("unknown_session", "The hub does not know this session; greet again.")
            return [on.Send(event.peer, wire.encode(frame.session, bye))]
        session.heard_ms = now_ms
        effects: list[Effect] = []
        if not session.confirmed:
            session.confirmed = True
            taken = on.ConfirmFence(session.node, session.fence)
            effects = [taken, *core_down.pump(session, now_ms)]
        handler = self._messages.get(type(frame.message))
        return effects if handler is None else effects + handler(session, frame.message, now_ms)

    def _on_hello(self, event: on.Received, hello: wire.Hello, now_ms: int) -> list[Effect]:
        """Have a greeting judged. The very same greeting again gets the very same answer."""
        session = self._sessions.get(event.peer)
        if session is not None and session.nonce == hello.nonce:
            return [on.Send(event.peer, session.welcome)]
        waiting = self._admitting.get(event.peer)
        if waiting is not None and waiting[0] == hello.nonce:
            return []
        if len(self._admitting) >= ADMITTING_MAX:
            return []
        self._admitting[event.peer] = (hello.nonce, now_ms)
        heard_ms = self._heard(hello.node)
        return [
            on.Admit(
                peer=event.peer,
                key=event.key,
                session=self._entropy.token_bytes(8),
                hello=hello,
                silent_ms=now_ms - heard_ms,
                contested=self._rivals.contested(hello.node, heard_ms),
            )
        ]

    def _heard(self, node: str) -> int:
        """Return when the node was last heard in a session; not before the hub's own start."""
        session = self._sessions.get(self._peers.get(node, b""))
        if session is not None:
            return session.heard_ms
        gone = self._gone.get(node)
        return (self._started_ms or 0) if gone is None else gone.heard_ms

    def _on_admitted(self, event: on.Admitted, now_ms: int) -> list[Effect]:
        hello = event.hello
        waiting = self._admitting.get(event.peer)
        if waiting is None or waiting[0] != hello.nonce:
            return []
        del self._admitting[event.peer]
        effects = self._end_old_life(event.epoch, now_ms)
        effects += self._supersede(hello.node, event.peer, now_ms)
        session = open_session(event, now_ms)
        self._sessions[event.peer] = session
        self._peers[hello.node] = event.peer
        cack = on.StoreCack(hello.node, hello.down_cursor)
        return [
            *effects,
            on.Send(event.peer, session.welcome),
            cack,
            *core_down.pump(session, now_ms),
        ]

    def _end_old_life(self, epoch: wire.Epoch, now_ms: int) -> list[Effect]:
        """The hub began a new life while sessions were open: those edges have to greet it too."""
        effects: list[Effect] = []
        for old in [one for one in self._sessions.values() if one.epoch != epoch]:
            self._forget(old, now_ms)
            effects.append(
                self._send(old, wire.Bye("new_life", "The hub was restored; greet it again."))
            )
        return effects

    def _supersede(self, node: str, peer: bytes, now_ms: int) -> list[Effect]:
        """End the node's earlier session: a higher boot number has taken over."""
        effects: list[Effect] = []
        for old_peer in dict.fromkeys((self._peers.get(node, peer), peer)):
            old = self._sessions.get(old_peer)
            if old is None:
                continue
            self._forget(old, now_ms)
            if old_peer != peer:
                bye = wire.Bye("superseded", "A newer session of this warehouse took over.")
                effects.append(on.Send(old_peer, wire.encode(old.session, bye)))
        return effects

    def _on_refused(self, event: on.Refused, now_ms: int) -> list[Effect]:
        waiting = self._admitting.get(event.peer)
        if waiting is not None and waiting[0] == event.nonce:
            del self._admitting[event.peer]
        if event.code == "clone":
            self._rivals.turned_away(event.node, now_ms, told=event.alarmed)
        reject = wire.Reject(
            event.nonce, event.code, event.sentence, event.retry_after_ms, event.agreed
        )
        return [on.Send(event.peer, wire.encode(wire.NO_SESSION, reject))]

    def _on_admit_failed(self, event: on.AdmitFailed, _now_ms: int) -> list[Effect]:
        self._admitting.pop(event.peer, None)
        return []

    # Facts up

    def _on_facts(self, session: Session, message: wire.Facts, now_ms: int) -> list[Effect]:
        if message.incarnation not in session.applied:
            return [self._nack(session, session.incarnation, "chain")]
        if any(record.node != session.node for record in message.facts):
            sentence = (
                f"A fact of another node came under the key of {session.node}. "
                "Start the edge with its own state directory."
            )
            return self._expel(session, "node_key_mismatch", sentence, now_ms)
        reason = misfit(message)
        if reason:
            return [self._nack(session, message.incarnation, reason)]
        if session.pending >= wire.CREDIT_BATCHES_MAX:
            return []
        session.pending += 1
        if message.incarnation == session.incarnation:
            session.edge_seq = max(session.edge_seq, message.facts[-1].seq)
        return [
            on.ApplyFacts(
                peer=session.peer,
                session=session.session,
                key=session.key,
                node=session.node,
                incarnation=message.incarnation,
                records=message.facts,
            )
        ]

    def _on_skip(self, session: Session, message: wire.Skip, _now_ms: int) -> list[Effect]:
        """Lines this hub forgot are gone at the edge as well: the log goes on behind them."""
        if message.incarnation not in session.applied:
            return [self._nack(session, session.incarnation, "chain")]
        if session.pending:
            return []
        session.pending += 1
        return [
            on.ApplyFacts(
                peer=session.peer,
                session=session.session,
                key=session.key,
                node=session.node,
                incarnation=message.incarnation,
                records=(),
                skip_to=message.base,
            )
        ]

    def _on_facts_applied(self, event: on.FactsApplied, now_ms: int) -> list[Effect]:
        session = self._current(event.peer, event.session)
        if session is None:
            return []
        session.pending -= event.batches
        outcome = event.outcome
        if isinstance(outcome, on.Stored):
            session.applied[event.incarnation] = outcome.applied
            session.credit = min(wire.CREDIT_BATCHES_MAX, max(1, session.credit * 2))
            ack = wire.Ack(
                incarnation=event.incarnation,
                applied=outcome.applied,
                stable_seq=outcome.stable_seq,
                credit_batches=self._credit(session),
                credit_bytes=wire.CREDIT_BYTES_MAX,
            )
            return [self._send(session, ack)]
        if isinstance(outcome, on.Expected):
            session.applied[event.incarnation] = outcome.last
            return [self._nack(session, event.incarnation, outcome.reason)]
        if isinstance(outcome, on.Forked):
            sentence = (
                f"The hub has another line {outcome.seq} under this edge's name: two machines "
                "share one identity. Stop one of them and call head office."
            )
            return self._expel(session, "fork", sentence, now_ms)
        return self._expel(session, "revoked", "Head office has revoked this edge's key.", now_ms)

    def _on_apply_failed(self, event: on.ApplyFailed, now_ms: int) -> list[Effect]:
        session = self._current(event.peer, event.session)
        if session is not None:
            session.pending -= event.batches
            session.credit = 0
            session.credit_again_ms = now_ms + CREDIT_PAUSE_MS
        return []

    # Commands down

    def _on_commands_read(self, event: on.CommandsRead, now_ms: int) -> list[Effect]:
        session = self._current(event.peer, event.session)
        if session is None:
            return []
        return core_down.commands_read(session, event, now_ms, self._entropy)

    def _on_commands_queued(self, event: on.CommandsQueued, now_ms: int) -> list[Effect]:
        sessions = [
            session for session in self._sessions.values() if event.node in ("", session.node)
        ]
        return [effect for one in sessions for effect in core_down.pump(one, now_ms)]

    def _on_cack(self, session: Session, message: wire.Cack, now_ms: int) -> list[Effect]:
        return core_down.cacked(session, message, now_ms)

    # An edge's own lines, back to it

    def _on_recall(self, session: Session, message: wire.Recall, now_ms: int) -> list[Effect]:
        if message.incarnation not in session.applied:
            return []
        if session.recalled is not None:
            sent_ms, size_bytes = session.recalled
            session.recalled = None
            session.pace.answered(now_ms - sent_ms, size_bytes)
        return [
            on.ReadLines(
                peer=session.peer,
                session=session.session,
                node=session.node,
                incarnation=message.incarnation,
                after_seq=message.after_seq,
                facts_max=wire.FACTS_PER_BATCH_MAX,
                bytes_max=min(wire.FACT_BYTES_PER_BATCH_MAX, session.pace.window_bytes),
            )
        ]

    def _on_lines_read(self, event: on.LinesRead, now_ms: int) -> list[Effect]:
        session = self._current(event.peer, event.session)
        if session is None:
            return []
        data = wire.encode(session.session, wire.Recalled(event.incarnation, event.records))
        session.recalled = (now_ms, len(data))
        return [on.Send(session.peer, data)]

    # Life and death

    def _on_ping(self, session: Session, message: wire.Ping, _now_ms: int) -> list[Effect]:
        session.edge_seq = max(session.edge_seq, message.head_seq)
        pong = wire.Pong(
            echo_ms=message.echo_ms,
            wall_ms=self._wall_ms,
            credit_batches=self._credit(session),
            credit_bytes=wire.CREDIT_BYTES_MAX,
            down_head=session.down.head_seq,
        )
        return [self._send(session, pong)]

    def _on_bye(self, session: Session, _message: wire.Bye, now_ms: int) -> list[Effect]:
        self._forget(session, now_ms)
        return []

    def _credit(self, session: Session) -> int:
        """Return how many batches an edge may send: none while the hub's disk is full."""
        return session.credit if self._has_room else 0

    def _on_tick(self, event: on.Tick, now_ms: int) -> list[Effect]:
        effects: list[Effect] = []
        self._has_room = event.has_room
        for session in list(self._sessions.values()):
            if now_ms - session.heard_ms >= wire.DEAD_MS:
                self._forget(session, now_ms)
                continue
            if session.credit == 0 and now_ms >= session.credit_again_ms:
                session.credit = 1
            effects += core_down.resend_late(session, now_ms, self._entropy)
            if now_ms - session.pumped_ms >= wire.PUMP_MS:
                session.pumped_ms = now_ms
                effects += core_down.pump(session, now_ms)
        return effects

    def _on_keys_loaded(self, event: on.KeysLoaded, now_ms: int) -> list[Effect]:
        sentence = "Head office has revoked this edge's key. Enrol it with a new code."
        effects: list[Effect] = []
        for session in list(self._sessions.values()):
            fences = event.fences.get(session.node)
            if event.owners.get(session.key) != session.node:
                effects += self._expel(session, "revoked", sentence, now_ms)
            elif session.fence and fences and session.fence not in fences:
                effects += self._expel(session, "clone", ADOPTED, now_ms)
        return effects

    def _on_peer_gone(self, event: on.PeerGone, now_ms: int) -> list[Effect]:
        session = self._sessions.get(event.peer)
        if session is not None:
            self._forget(session, now_ms)
        return []

    def _expel(self, session: Session, code: str, sentence: str, now_ms: int) -> list[Effect]:
        self._forget(session, now_ms)
        return [self._send(session, wire.Reject(session.nonce, code, sentence))]

    def _forget(self, session: Session, now_ms: int) -> None:
        del self._sessions[session.peer]
        if self._peers.get(session.node) == session.peer:
            del self._peers[session.node]
        session.since_ms = now_ms
        self._gone[session.node] = link_of(session, up=False)

    def _current(self, peer: bytes, session_id: bytes) -> Session | None:
        session = self._sessions.get(peer)
        return session if session is not None and session.session == session_id else None

    def _nack(self, session: Session, incarnation: int, reason: str) -> Effect:
        nack = wire.Nack(incarnation, session.applied[incarnation], reason)
        return self._send(session, nack)

    def _send(self, session: Session, message: wire.Message) -> Effect:
        return on.Send(session.peer, wire.encode(session.session, message))
