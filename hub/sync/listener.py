"""The hub's port for warehouses, running: one thread that moves bytes between core and world.

Facts are applied through the hub's one writer, so batches of many warehouses share one commit, and
an ACK leaves only after it. Junk from one peer is its own problem: every frame and every event is
taken in by itself, and nothing a stranger sends can end the thread.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

import msgspec
import zmq
from zmq.auth.thread import ThreadAuthenticator

from hub.store import fact_log, fences, nodes
from hub.sync import apply, self_test
from hub.sync import core_events as on
from hub.sync.apply import Alarm, Project, ProjectAll
from hub.sync.core import HubCore
from hub.sync.core_events import Effect, Event, Link
from hub.sync.shelf import Shelf
from hub.sync.together import Step, Together
from shared.domain.errors import BincardError, Unavailable
from shared.domain.ports import Clock, Entropy
from shared.runtime import curve, logs
from shared.runtime.curve import KeyPair
from shared.runtime.database import Database
from shared.runtime.wake import Wake
from shared.sync import protocol as wire

TICK_MS: Final = 250
KEYS_MS: Final = 2_000
"""How often the keys are read again, so that a revocation by another program counts too."""
FRAMES_PER_TURN_MAX: Final = 256
STOP_SECONDS: Final = 5.0


class LinkView(msgspec.Struct, frozen=True):
    """One warehouse's line for the hub's pages. Times are wall milliseconds; `lag` in facts."""

    node: str
    up: bool
    since_ms: int
    heard_ms: int
    lag: int
    commands_waiting: int
    session: str
    app_version: str


class Listener:
    """Start it once after the database is open, stop it before the database is closed."""

    def __init__(
        self,
        database: Database,
        keys: KeyPair,
        project: Project,
        *,
        host: str,
        port: int,
        clock: Clock,
        entropy: Entropy,
        on_change: Callable[[str], None] | None = None,
        alarm: Alarm | None = None,
        has_room: Callable[[], bool] = lambda: True,
        project_all: ProjectAll | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        """`port` 0 lets the system choose. `on_change` is told the node whose line changed.

        `project_all` counts a whole batch faster than `project` counts its facts one by one.
        `alarm` tells head office about greetings that show two machines or an old disk. While
        `has_room` says no, the warehouses are asked to keep their facts for now. `shelf` keeps
        copies of their books.
        """
        self.port = port
        self._host = host
        self._database = database
        self._keys = keys
        self._project = project
        self._project_all = project_all
        self._clock = clock
        self._entropy = entropy
        self._on_change = on_change
        self._alarm = alarm
        self._has_room = has_room
        self._shelf = shelf
        self._log = logs.get("listener")
        self._core = HubCore(entropy)
        self._wake = Wake()
        self._inbox: deque[Event] = deque()
        self._stopping = threading.Event()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._owners: dict[str, str] = {}
        self._told: on.KeysLoaded | None = None
        self._keys_due_ms = 0
        self._links: dict[str, Link] = {}
        self._socket: zmq.Socket[bytes] | None = None
        self._authenticator: ThreadAuthenticator | None = None
        self._together = Together(self._apply_facts)
        self._effects: dict[type[Effect], Callable[[Any], None]] = {
            on.Send: self._send,
            on.Admit: self._admit,
            on.ConfirmFence: self._confirm_fence,
            on.ApplyFacts: self._together.add,
            on.ReadCommands: self._read_commands,
            on.ReadLines: self._read_lines,
            on.StoreCack: self._store_cack,
            on.SnapAsked: self._snap_asked,
        }
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)

    def start(self) -> None:
        """Prove that strangers are refused, then open the port. Raises Unavailable otherwise."""
        self._database.write_sync(lambda tx: nodes.ensure_epoch(tx.sql, self._entropy))
        self._owners = self._database.read_sync(nodes.valid_keys)
        probe = curve.new_key_pair()
        allowed = self._owners
        self._owners = {**allowed, probe.public_key: ""}
        self._authenticator = curve.start_authenticator(self._context, self._is_known)
        socket = curve.server_socket(self._context, self._keys)
        self._socket = socket
        try:
            self_test.prove(
                self._context,
                socket,
                self._keys.public_key,
                known=probe,
                unknown=curve.new_key_pair(),
            )
            self._owners = allowed
            socket.bind(f"tcp://{self._host}:{self.port or '*'}")
        except zmq.ZMQError as error:
            self._close()
            raise Unavailable(
                "sync_port",
                f"The port for warehouses, {self._host}:{self.port}, cannot be opened: {error}.",
                hint="Stop the program that uses it, or set BINCARD_HUB_SYNC_PORT.",
            ) from error
        except Unavailable:
            self._close()
            raise
        self.port = int(socket.get_string(zmq.LAST_ENDPOINT).rsplit(":", 1)[1])
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the port."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._wake.ring()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)
        self._close()

    def commands_queued(self, node: str = "") -> None:
        """Commands were committed for `node` (or some): send them now. From any thread."""
        self._post(on.CommandsQueued(node))

    def keys_changed(self) -> None:
        """Keys were added or revoked: act on it now. From any thread.

        The doorman knows them before this returns, because a warehouse that was enrolled just now
        dials at once, and ZeroMQ does not dial again after a refusal.
        """
        self._owners = self._database.read_sync(nodes.valid_keys)
        self._keys_due_ms = 0
        self._wake.ring()

    def enrolled(self) -> frozenset[str]:
        """Return the warehouses whose keys may open a session."""
        return frozenset(self._owners.values())

    def links(self) -> dict[str, LinkView]:
        """Return every warehouse that called since the start; from any thread."""
        links = self._links
        offset = self._clock.wall_ms() - self._clock.mono_ms()
        return {
            node: LinkView(
                node=node,
                up=link.up,
                since_ms=link.since_ms + offset,
                heard_ms=link.heard_ms + offset,
                lag=link.lag,
                commands_waiting=max(0, link.down_head - link.down_cursor),
                session=link.session,
                app_version=link.app_version,
            )
            for node, link in links.items()
        }

    def _is_known(self, key: str) -> bool:
        return key in self._owners

    def _close(self) -> None:
        if self._authenticator is not None:
            self._authenticator.stop()
            self._authenticator = None
        if self._socket is not None:
            self._socket.close(0)
            self._socket = None
        self._context.destroy(linger=0)
        self._wake.close()

    # The thread

    def _run(self) -> None:
        poller = zmq.Poller()
        poller.register(self._wake.fileno(), zmq.POLLIN)
        poller.register(self._socket, zmq.POLLIN)
        next_tick_ms = 0
        while not self._stopping.is_set():
            poller.poll(TICK_MS)
            self._wake.clear()
            now_ms = self._clock.mono_ms()
            if now_ms >= self._keys_due_ms:
                self._keys_due_ms = now_ms + KEYS_MS
                self._guarded(self._load_keys)
            self._drain()
            self._guarded(self._receive)
            if now_ms >= next_tick_ms:
                next_tick_ms = now_ms + TICK_MS
                self._take(on.Tick(self._has_room()))
                self._show()

    def _guarded(self, action: Callable[..., None], *args: Any) -> None:
        """Whatever goes wrong with one event must not take the port from all warehouses."""
        try:
            action(*args)
        except Exception as error:  # noqa: BLE001  it ends this event, not the thread
            self._log.error("listener_event_failed", error=type(error).__name__)

    def _receive(self) -> None:
        socket = self._socket
        for _ in range(FRAMES_PER_TURN_MAX):
            if socket is None:
                return
            try:
                parts = socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            if len(parts) != 2:
                continue
            try:
                key = str(parts[1].get("User-Id"))
            except zmq.ZMQError:
                continue
            self._take(on.Received(parts[0].bytes, key, parts[1].bytes, self._clock.wall_ms()))

    def _load_keys(self) -> None:
        loaded = self._database.read_sync(
            lambda sql: on.KeysLoaded(nodes.valid_keys(sql), fences.valid(sql))
        )
        self._owners = loaded.owners
        if loaded != self._told:
            self._told = loaded
            self._take(loaded)

    def _take(self, event: Event) -> None:
        self._inbox.append(event)
        self._drain()

    def _drain(self) -> None:
        """Take in all waiting events; effects add their results behind them."""
        while self._inbox:
            self._guarded(self._handle, self._inbox.popleft())

    def _handle(self, event: Event) -> None:
        if isinstance(event, on.FactsApplied | on.ApplyFailed):
            self._together.done(event.session)
        for effect in self._core.handle(event, self._clock.mono_ms()):
            self._effects[type(effect)](effect)
        if isinstance(event, on.Admitted | on.PeerGone | on.KeysLoaded):
            self._show()

    def _show(self) -> None:
        before, self._links = self._links, self._core.links()
        for node, link in self._links.items():
            if node not in before or before[node].up != link.up:
                self._log.info("link", warehouse=node, up=link.up, lag=link.lag)
                if self._on_change is not None:
                    self._on_change(node)

    def _post(self, event: Event) -> None:
        self._inbox.append(event)
        self._wake.ring()

    # Effects

    def _send(self, effect: on.Send) -> None:
        if self._socket is None:
            return
        try:
            self._socket.send_multipart([effect.peer, effect.data], zmq.NOBLOCK)
        except zmq.Again:
            return  # its queue is full: it does not read, and resending is on a timer
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            self._inbox.append(on.PeerGone(effect.peer))

    def _admit(self, effect: on.Admit) -> None:
        def done(future: Future[on.Admitted | on.Refused]) -> None:
            if self._failed(future):
                self._post(on.AdmitFailed(effect.peer))
            else:
                self._post(future.result())

        self._submit(
            lambda tx: apply.admit(tx, effect, self._clock.wall_ms(), self._entropy, self._alarm),
            done,
        )

    def _confirm_fence(self, effect: on.ConfirmFence) -> None:
        self._submit(lambda tx: fences.confirm(tx.sql, effect.node, effect.fence), self._failed)

    def _apply_facts(self, step: Step) -> None:
        facts, batches = step.facts, step.batches
        peer, session = facts.peer, facts.session

        def done(future: Future[on.ApplyOutcome]) -> None:
            if self._failed(future):
                self._post(on.ApplyFailed(peer, session, batches))
            else:
                outcome = future.result()
                self._post(on.FactsApplied(peer, session, facts.incarnation, outcome, batches))

        self._submit(
            lambda tx: apply.apply_checked(
                tx, facts, self._project, self._clock.wall_ms(), self._project_all
            ),
            done,
        )

    def _read_commands(self, effect: on.ReadCommands) -> None:
        read = self._database.read_sync(lambda sql: apply.read_commands(sql, effect))
        self._inbox.append(read)

    def _read_lines(self, effect: on.ReadLines) -> None:
        records = self._database.read_sync(
            lambda sql: fact_log.read_facts(
                sql,
                effect.node,
                effect.incarnation,
                effect.after_seq,
                effect.facts_max,
                effect.bytes_max,
            )
        )
        self._inbox.append(
            on.LinesRead(effect.peer, effect.session, effect.incarnation, tuple(records))
        )

    def _snap_asked(self, effect: on.SnapAsked) -> None:
        node = self._owners.get(effect.key)
        if node and self._shelf is not None:
            told = self._shelf.answer(node, effect.message, has_room=self._has_room())
            if told is not None:
                self._send(on.Send(effect.peer, wire.encode(wire.NO_SESSION, told)))

    def _store_cack(self, effect: on.StoreCack) -> None:
        def done(future: Future[None]) -> None:
            if self._failed(future):
                self._post(on.CackFailed(effect.node))

        self._submit(lambda tx: fact_log.store_cack(tx.sql, effect.node, effect.seq), done)

    def _submit(self, work: Callable[[Any], Any], done: Callable[[Future[Any]], object]) -> None:
        try:
            future: Future[Any] = self._database.submit(work)
        except BincardError as error:
            future = Future()
            future.set_exception(error)
        future.add_done_callback(done)

    def _failed(self, future: Future[Any]) -> bool:
        error = future.exception()
        if error is not None:
            self._log.error("listener_write_failed", error=type(error).__name__)
        return error is not None
