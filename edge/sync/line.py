"""The edge's line to the hub, running: one thread that moves bytes between the core and the world.

The floor works whether or not this thread gets anywhere. It sleeps on its socket, on a bell that
rings when a fact is committed, and on a short timer; it reads the log on its own read-only
connection and writes only through the one writer, so the hub's commands share commits with scans.
"""

from __future__ import annotations

import shutil
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import zmq

from edge.store import fact_log, line_state, recoveries
from edge.sync import apply, sidecar
from edge.sync import core_events as on
from edge.sync.apply import HandleCommand
from edge.sync.core import EdgeCore
from edge.sync.core_events import Effect, Event, LocalState
from edge.sync.hub_socket import HubSocket
from shared.domain.errors import BincardError
from shared.domain.ports import Clock, Entropy
from shared.runtime import logs
from shared.runtime.curve import KeyPair
from shared.runtime.database import Database, Transaction
from shared.runtime.wake import Wake

TICK_MS: Final = 250
FAREWELL_MS: Final = 250
"""How long an edge that stops, or gives a silent hub up, tries to say goodbye."""
STOP_SECONDS: Final = 5.0
PAUSE_SECONDS: Final = 5.0
"""Wait after an unexpected error before the line begins anew."""


class LineSettings(msgspec.Struct, frozen=True):
    """Where the hub is and who we are. `address` is `tcp://host:port`, `server_key` Z85 text.

    `keys` may be asked for at each connection, because a key can be renewed while the edge runs.
    `machine` tells this box from others, "" when it has no name.
    """

    address: str
    server_key: str
    keys: KeyPair | Callable[[], KeyPair]
    state_dir: Path
    app_version: str
    schema: str
    machine: str = ""


class LinkState(msgspec.Struct, frozen=True):
    """What pages show. `since_ms` is wall time; `waiting` counts facts without the hub's ACK."""

    up: bool
    since_ms: int
    waiting: int
    rtt_ms: int | None = None
    hub_epoch: int = 0
    code: str = ""
    sentence: str = ""


class _BootStored(Event, frozen=True):
    state: LocalState


class Line:
    """Start it once after the database is open; `notify` after each commit that wrote facts."""

    def __init__(
        self,
        settings: LineSettings,
        database: Database,
        handle_command: HandleCommand,
        *,
        clock: Clock,
        entropy: Entropy,
        on_change: Callable[[LinkState], None] | None = None,
        takes_new_work: Callable[[], bool] = lambda: True,
    ) -> None:
        """`on_change` is called on the line's thread when the line goes up or down.

        A command that comes while `takes_new_work` says no is not carried out and not lost: the
        hub sends it again until it was.
        """
        self._settings = settings
        self._database = database
        self._handle_command = handle_command
        self._clock = clock
        self._on_change = on_change
        self._takes_new_work = takes_new_work
        self._log = logs.get("line")
        self._entropy = entropy
        self._core = self._new_core()
        self._wake = Wake()
        self._inbox: deque[Event] = deque()
        self._notified = False
        self._stopping = threading.Event()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._poller = zmq.Poller()
        self._socket: HubSocket | None = None
        self._note: sidecar.Sidecar | None = None
        self._link = LinkState(up=False, since_ms=clock.wall_ms(), waiting=0)
        self._effects: dict[type[Effect], Callable[[Any], None]] = {
            on.RebuildSocket: self._rebuild_socket,
            on.CloseSocket: self._close_socket,
            on.Boot: self._boot,
            on.Send: self._send,
            on.ReadFacts: self._read_facts,
            on.StoreAck: self._store_ack,
            on.StoreEpoch: self._store_epoch,
            on.ApplyCommand: self._apply_command,
            on.Branch: self._branch,
            on.DeclareGap: self._declare_gap,
            on.StoreFence: self._store_fence,
            on.TurnedAway: self._turned_away,
            on.StoreTargets: self._store_targets,
            on.StoreLines: self._store_lines,
        }
        self._thread = threading.Thread(target=self._run, name="line", daemon=True)

    def start(self) -> None:
        """Begin to look for the hub; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye and end the thread. Call it before the database is closed."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._wake.ring()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def notify(self) -> None:
        """Facts were committed: send them now. Cheap, from any thread, harmless at any time."""
        self._notified = True
        self._wake.ring()

    def link(self) -> LinkState:
        """Return the state of the line; from any thread."""
        return self._link

    def _new_core(self) -> EdgeCore:
        settings = self._settings
        return EdgeCore(
            self._entropy,
            app_version=settings.app_version,
            schema=settings.schema,
            machine=settings.machine,
        )

    # The thread

    def _run(self) -> None:
        self._poller.register(self._wake.fileno(), zmq.POLLIN)
        while not self._stopping.is_set():
            try:
                self._live()
            except Exception as error:  # noqa: BLE001  the floor works on whatever happens here
                self._log.error("line_ended", error=type(error).__name__)
                self._begin_anew(error)
        self._close_socket(on.CloseSocket())
        self._context.term()
        self._wake.close()

    def _live(self) -> None:
        self._note = sidecar.load(self._settings.state_dir)
        self._take(on.Started())
        next_tick_ms = 0
        while not self._stopping.is_set():
            self._turn()
            now_ms = self._clock.mono_ms()
            if now_ms >= next_tick_ms:
                next_tick_ms = now_ms + TICK_MS
                self._tick()
        self._take(on.Stopping())

    def _begin_anew(self, error: Exception) -> None:
        self._close_socket(on.CloseSocket())
        self._inbox.clear()
        self._core = self._new_core()
        self._link = msgspec.structs.replace(
            self._link, up=False, rtt_ms=None, code="line_ended", sentence=_sentence(error)
        )
        self._stopping.wait(PAUSE_SECONDS)

    def _turn(self) -> None:
        """Sleep until something happens, then take in everything that did."""
        self._poller.poll(TICK_MS)
        self._wake.clear()
        if self._notified:
            self._notified = False
            self._inbox.append(on.FactsCommitted())
        self._drain()
        if self._socket is not None:
            for happening in self._socket.happenings():
                self._take(_EVENTS[happening])
        if self._socket is not None:
            for data in self._socket.receive():
                self._take(on.Received(data, self._clock.wall_ms()))
        if self._socket is not None:
            self._socket.flush()

    def _tick(self) -> None:
        try:
            free = shutil.disk_usage(self._settings.state_dir).free
        except OSError:
            free = 0
        self._take(on.Tick(self._clock.wall_ms(), free))
        waiting = self._database.read_sync(line_state.waiting)
        self._show(waiting)
        if self._note is not None:
            head = self._database.read_sync(fact_log.head)
            if head.seq >= self._note.reserved_seq:
                state = self._database.read_sync(line_state.load)
                self._note = sidecar.store(self._settings.state_dir, state)

    def _show(self, waiting: int) -> None:
        status = self._core.status
        before = self._link
        changed = status.up != before.up
        self._link = LinkState(
            up=status.up,
            since_ms=self._clock.wall_ms() if changed else before.since_ms,
            waiting=waiting,
            rtt_ms=status.rtt_ms if status.up else None,
            hub_epoch=status.epoch,
            code="" if status.trouble is None else status.trouble.code,
            sentence="" if status.trouble is None else status.trouble.sentence,
        )
        if changed or before.code != self._link.code:
            self._log.info("link", up=status.up, code=self._link.code, waiting=waiting)
            if self._on_change is not None:
                self._on_change(self._link)

    def _take(self, event: Event) -> None:
        self._inbox.append(event)
        self._drain()

    def _drain(self) -> None:
        """Take in all waiting events; effects add their results behind them."""
        was_up = self._core.status.up
        while self._inbox:
            event = self._inbox.popleft()
            if isinstance(event, _BootStored):
                self._note = sidecar.store(self._settings.state_dir, event.state)
                event = on.Booted(event.state, self._clock.wall_ms())
            for effect in self._core.handle(event, self._clock.mono_ms()):
                self._effects[type(effect)](effect)
        if self._core.status.up != was_up:
            self._show(self._link.waiting)

    def _post(self, event: Event) -> None:
        self._inbox.append(event)
        self._wake.ring()

    # Effects

    def _rebuild_socket(self, _effect: on.RebuildSocket) -> None:
        self._close_socket(on.CloseSocket())
        settings = self._settings
        keys = settings.keys if isinstance(settings.keys, KeyPair) else settings.keys()
        self._socket = HubSocket(
            self._context, self._poller, keys, settings.server_key, settings.address
        )

    def _close_socket(self, effect: on.CloseSocket) -> None:
        if self._socket is not None:
            self._socket.close(FAREWELL_MS if effect.farewell else 0)
            self._socket = None

    def _send(self, effect: on.Send) -> None:
        if self._socket is not None:
            self._socket.send(effect.data)

    def _boot(self, _effect: on.Boot) -> None:
        state = self._database.read_sync(line_state.load)
        sentence = sidecar.forgotten(self._note, state)
        if sentence:
            self._log.warning("edge_rolled_back", sentence=sentence)
        expected_seq = sidecar.expected_seq(self._note, state)
        at_least = 1 if self._note is None else self._note.boot_no + 1

        def boot(tx: Transaction) -> LocalState:
            if sentence:
                return apply.boot_old_copy(tx, at_least, self._entropy, expected_seq)
            return apply.boot(tx, at_least)

        refused = partial(on.BootRefused, "storage_failed")
        self._submit(boot, self._posting(_BootStored, refused))

    def _read_facts(self, effect: on.ReadFacts) -> None:
        self._inbox.append(self._database.read_sync(lambda sql: apply.read_facts(sql, effect)))

    def _store_ack(self, effect: on.StoreAck) -> None:
        note = effect.incarnation, effect.acked, effect.stable_seq
        self._submit(lambda tx: line_state.store_ack(tx.sql, *note), self._complain)

    def _store_epoch(self, effect: on.StoreEpoch) -> None:
        self._submit(
            lambda tx: line_state.store_epoch(tx.sql, effect.epoch, effect.applied),
            self._complain,
        )

    def _apply_command(self, effect: on.ApplyCommand) -> None:
        if not self._takes_new_work():
            self._inbox.append(on.CommandFailed(effect.session))
            return
        self._submit(
            lambda tx: apply.take(tx, effect, self._handle_command, self._clock),
            self._posting(
                partial(on.CommandApplied, effect.session),
                lambda _: on.CommandFailed(effect.session),
            ),
        )

    def _branch(self, effect: on.Branch) -> None:
        self._submit(lambda tx: apply.branch(tx, effect.agreed, self._entropy), self._complain)

    def _turned_away(self, _effect: on.TurnedAway) -> None:
        self._submit(lambda tx: apply.turned_away(tx, self._clock, self._entropy), self._complain)

    def _store_fence(self, effect: on.StoreFence) -> None:
        self._submit(
            lambda tx: apply.take_fence(tx, effect.fence, self._clock),
            self._posting(
                lambda _: on.FenceStored(effect.session), partial(on.FenceFailed, effect.session)
            ),
        )

    def _declare_gap(self, effect: on.DeclareGap) -> None:
        self._log.error("lines_lost", after=effect.after_seq, to=effect.to_seq)
        self._submit(
            lambda tx: apply.declare_gap(tx, effect, self._clock, self._entropy), self._complain
        )

    def _store_targets(self, effect: on.StoreTargets) -> None:
        self._submit(
            lambda tx: recoveries.tell(tx.sql, effect.applied, effect.down_head), self._complain
        )

    def _store_lines(self, effect: on.StoreLines) -> None:
        self._submit(
            lambda tx: fact_log.put_back(tx.sql, effect.incarnation, effect.records),
            self._posting(
                partial(on.LinesStored, effect.session), partial(on.LinesFailed, effect.session)
            ),
        )

    def _posting(
        self, well: Callable[[Any], Event], badly: Callable[[str], Event]
    ) -> Callable[[Future[Any]], None]:
        """Return what tells the core how a transaction ended."""

        def done(future: Future[Any]) -> None:
            self._complain(future)
            error = future.exception()
            self._post(well(future.result()) if error is None else badly(_sentence(error)))

        return done

    def _submit(self, work: Callable[[Any], Any], done: Callable[[Future[Any]], None]) -> None:
        try:
            future: Future[Any] = self._database.submit(work)
        except BincardError as error:
            future = Future()
            future.set_exception(error)
        future.add_done_callback(done)

    def _complain(self, future: Future[Any]) -> None:
        error = future.exception()
        if error is not None:
            self._log.error("line_write_failed", error=type(error).__name__)


_EVENTS: Final[dict[str, Event]] = {
    "connected": on.Connected(),
    "refused": on.KeyRefused(),
    "disconnected": on.Disconnected(),
}


def _sentence(error: BaseException) -> str:
    if isinstance(error, BincardError):
        return error.message
    return f"The line to the hub ended ({type(error).__name__}). Restart the edge."
