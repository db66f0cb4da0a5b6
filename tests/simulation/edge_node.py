"""One warehouse's program: the real floor services and the real `EdgeCore` on a simulated machine.

It does what `edge.sync.line` and `edge.app` do with threads and sockets: carry out the core's
effects, plan waves, digest the books, follow up labels.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from edge.domain.site import Bench, Site
from edge.services.commands import command_handler
from edge.services.digest_books import digest_books
from edge.services.floor import Floor
from edge.services.plan_wave import PlannedWave, plan_next_wave
from edge.services.prune import prune
from edge.services.recover import recover
from edge.services.scan import ScanAnswer, ScanRequest, refuse_once, scan_once
from edge.store import copies, fact_log, line_state, people, recoveries, waves
from edge.store.people import Person
from edge.sync import apply, sidecar
from edge.sync import core_events as on
from edge.sync.core import EdgeCore
from shared.domain.errors import Refused
from shared.domain.ids import uuid7
from shared.runtime.database import Transaction
from tests.simulation.disk import Crash, empty_image
from tests.simulation.node import Node
from tests.simulation.printers import Printer
from tests.simulation.schedule import SimEntropy

if TYPE_CHECKING:
    from tests.simulation.world import World

CART_TOTES = 3
BENCHES = 2
PLAN_MS = 1_500
DIGEST_MS = 20_000
PATROL_MS = 5_000
RECOVER_MS = 2_000
PRUNE_MS = 3_000
TICK_MS = (400, 900)


class SimEdge(Node):
    """An edge. `machine` tells two boxes with the same name (a clone) apart."""

    def __init__(self, world: World, name: str, machine: str = "") -> None:
        """Create the warehouse's empty file and name it."""
        image = empty_image("edge", "edge.store.migrations")
        super().__init__(world, name, image, world.options.edge_crash)
        self.machine = machine or name
        self.box = f"box-{self.machine}"
        self.entropy = SimEntropy(world.time.stream(f"entropy/{self.machine}"))
        self.key = f"key-{name}-1"
        benches = {
            f"bench-{n}": Bench(scale=f"scale-{n}", printer=f"printer-{n}")
            for n in range(1, BENCHES + 1)
        }
        self.site = Site(warehouse=name, name=name, cart_totes=CART_TOTES, benches=benches)
        self.printers = {bench.printer: Printer(self, bench.printer) for bench in benches.values()}
        self.acked: dict[str, tuple[str, bool]] = {}
        """Scans a person was told the outcome of: op_id -> (code, accepted)."""
        self.epoch_seen = 0
        self.writer.write_now(self.name_it)

    def name_it(self, tx: Transaction) -> None:
        """Give an empty file its warehouse's name and people."""
        fact_log.ensure_identity(tx.sql, self.name, self.entropy)
        people.put(tx.sql, [Person(badge, badge, role) for badge, role in STAFF])

    # Life of the process

    def begin(self) -> None:
        """Start the line and the timers."""
        self._expect_present()
        self.world.checks.edge_started(self)
        self.core = EdgeCore(self.entropy, app_version="1", schema="sim", machine=self.box)
        self.inbox: deque[on.Event] = deque()
        self._handling = False
        self._stuck, self._tried_ms = 0, 0
        self._handle_command = command_handler(self.clock, self.entropy, lambda: self.site, self)
        self.handle(on.Started())
        for period, label, action in (
            (DIGEST_MS, "digest", self.digest),
            (PLAN_MS, "plan", self._plan),
            (PATROL_MS, "patrol", self._patrol),
            (RECOVER_MS, "recover", self._win_back),
            (PRUNE_MS, "prune", self._prune),
        ):
            self.later(self.dice.randint(1, period), label, self._every, period, label, action)
        self._tick()

    def ended(self) -> None:
        """The process died; its socket died with it."""
        self.world.net.close(self)

    def _every(self, period: int, label: str, action: Callable[[], None]) -> None:
        self.later(period, label, self._every, period, label, action)
        action()

    def _tick(self) -> None:
        self.later(self.dice.randint(*TICK_MS), "tick", self._tick)
        if self.writer.broken:
            self.world.repair(self)
        self.handle(on.Tick(self.clock.wall_ms(), 10**9))
        note, head = self.disk.note, fact_log.head(self.sql)
        if note is not None and head.seq >= note.reserved_seq:
            self._write_note(line_state.load(self.sql))

    # The line

    def handle(self, event: on.Event) -> None:
        """Take in an event and carry out what follows, as the line's thread does."""
        self.inbox.append(event)
        if self._handling:
            return
        self._handling = True
        try:
            while self.inbox:
                for effect in self.core.handle(self.inbox.popleft(), self.clock.mono_ms()):
                    _EFFECTS[type(effect)](self, effect)
        finally:
            self._handling = False

    def _rebuild(self, _: on.RebuildSocket) -> None:
        self.world.net.connect(self)

    def _close(self, _: on.CloseSocket) -> None:
        self.world.net.close(self)

    def _send(self, effect: on.Send) -> None:
        self.world.net.to_hub(self, effect.data)

    def _boot(self, _: on.Boot) -> None:
        note, state = self.disk.note, line_state.load(self.sql)
        at_least = 1 if note is None else note.boot_no + 1

        def done(state: Any, error: Exception | None) -> None:
            if error is not None:
                self.handle(on.BootRefused("storage_failed", "The disk failed."))
                return
            self._write_note(state)
            self.handle(on.Booted(state, self.clock.wall_ms()))

        if sidecar.forgotten(note, state):
            expected_seq = sidecar.expected_seq(note, state)
            self.submit(
                lambda tx: apply.boot_old_copy(tx, at_least, self.entropy, expected_seq), done
            )
        else:
            self.submit(lambda tx: apply.boot(tx, at_least), done)

    def _write_note(self, state: on.LocalState) -> None:
        current = state.logs[-1]
        self.disk.note = sidecar.Sidecar(
            incarnation=current.incarnation,
            boot_no=state.boot_no,
            head_seq=current.head.seq,
            reserved_seq=current.head.seq + sidecar.RESERVE,
        )

    def _read_facts(self, effect: on.ReadFacts) -> None:
        self.inbox.append(apply.read_facts(self.sql, effect))

    def _store_ack(self, effect: on.StoreAck) -> None:
        args = (effect.incarnation, effect.acked, effect.stable_seq)
        self.submit(lambda tx: line_state.store_ack(tx.sql, *args))

    def _store_epoch(self, effect: on.StoreEpoch) -> None:
        args = (effect.epoch, effect.applied)
        self.submit(lambda tx: line_state.store_epoch(tx.sql, *args))

    def _apply_command(self, effect: on.ApplyCommand) -> None:
        def done(cursor: Any, error: Exception | None) -> None:
            failed = on.CommandFailed(effect.session)
            self.handle(failed if error else on.CommandApplied(effect.session, cursor))

        work = partial(
            apply.take,
            effect=effect,
            handle=self._handle_command,
            clock=self.clock,
        )
        self.submit(work, done)

    def _branch(self, effect: on.Branch) -> None:
        self.submit(lambda tx: apply.branch(tx, effect.agreed, self.entropy))

    def _store_fence(self, effect: on.StoreFence) -> None:
        def done(_: Any, error: Exception | None) -> None:
            failed = on.FenceFailed(effect.session, "The disk failed.")
            self.handle(failed if error else on.FenceStored(effect.session))

        self.submit(lambda tx: apply.take_fence(tx, effect.fence, self.clock), done)

    def _turned_away(self, _: on.TurnedAway) -> None:
        self.submit(lambda tx: apply.turned_away(tx, self.clock, self.entropy))

    def _declare_gap(self, effect: on.DeclareGap) -> None:
        self.submit(lambda tx: apply.declare_gap(tx, effect, self.clock, self.entropy))

    def _store_targets(self, effect: on.StoreTargets) -> None:
        self.submit(lambda tx: recoveries.tell(tx.sql, effect.applied, effect.down_head))

    def _store_lines(self, effect: on.StoreLines) -> None:
        def done(head_seq: Any, error: Exception | None) -> None:
            failed = on.LinesFailed(effect.session, "The lines do not fit.")
            self.handle(failed if error else on.LinesStored(effect.session, head_seq))

        self.submit(lambda tx: fact_log.put_back(tx.sql, effect.incarnation, effect.records), done)

    def _expect_present(self) -> None:
        """Before the first scan: a disk older than its past begins another log."""
        note, state = self.disk.note, line_state.load(self.sql)
        if sidecar.forgotten(note, state):
            expected_seq = sidecar.expected_seq(note, state)
            try:
                self.writer.write_now(
                    lambda tx: copies.branch_log(tx.sql, self.entropy, expected_seq=expected_seq)
                )
            except sqlite3.OperationalError:  # the disk fails: the process ends and comes again
                raise Crash("disk_error") from None

    # The floor

    def floor(self, tx: Transaction, op_id: str, actor: str) -> Floor:
        """Return the floor for one use case."""
        return Floor(
            tx,
            op_id=op_id,
            actor=actor,
            clock=self.clock,
            entropy=self.entropy,
            site=self.site,
            live=self,
        )

    def publish(self, event: str, data: object = None) -> None:
        """Hear what a commit told open pages, the line and the devices."""
        if event == "facts":
            if self.world.wild and self.dice.random() < self.world.options.lost_wakeups:
                self.world.time.fault("wakeup_lost")
            else:
                self.later(0, "facts", self.handle, on.FactsCommitted())
        elif event == "hardware" and isinstance(data, dict):
            for printer in self.printers.values():
                self.later(1, "hardware", printer.asked, data)

    def judge(self, scan: ScanRequest, done: Callable[[Any, Exception | None], None]) -> None:
        """The scan door, as `edge.web.api.scans` opens it."""

        def answered(answer: ScanAnswer | None, error: Exception | None) -> None:
            if not isinstance(error, Refused):
                done(answer, error)
                return
            refuse = partial(refuse_once, scan=scan, error=error, make_floor=self.floor)
            self.submit(refuse, done)

        self.submit(partial(scan_once, scan=scan, make_floor=self.floor), answered)

    def new_id(self) -> str:
        """Return a fresh id for an operation this node starts itself."""
        return uuid7(self.clock.wall_ms(), self.entropy)

    def use(self, actor: str, work: Callable[[Floor], object]) -> None:
        """Run a use case that no scan began."""
        op_id = self.new_id()
        self.submit(lambda tx: work(self.floor(tx, op_id, actor)))

    def digest(self) -> None:
        """Record what the books add up to, unless a part of them is still missing."""
        if recoveries.running(self.sql):
            return
        self.use("digest", digest_books)

    def _plan(self, tried: frozenset[tuple[int, str]] = frozenset()) -> None:
        """Plan waves until nothing more can be planned, as `edge.timers` does."""
        waiting, _ = waves.count_waiting(self.sql)
        again = self.world.time.now_ms - self._tried_ms >= 10 * PLAN_MS
        if not tried and (not waiting or (waiting == self._stuck and not again)):
            return
        op_id = self.new_id()

        def done(planned: PlannedWave | None, _error: Exception | None) -> None:
            if planned is None or planned.group is None:
                self._stuck, _ = waves.count_waiting(self.sql)
                self._tried_ms = self.world.time.now_ms
            else:
                self._plan(tried | {(-1, "")} if planned.wave else tried | {planned.group})

        def work(tx: Transaction) -> PlannedWave:
            waves.close_finished(tx.sql)
            return plan_next_wave(self.floor(tx, op_id, "planner"), tried)

        self.submit(work, done)

    def _win_back(self) -> None:
        """Enter what the disk forgot into the books again, step by step."""
        if not recoveries.steps_wait(self.sql):
            return
        op_id = self.new_id()

        def done(progress: Any, error: Exception | None) -> None:
            if error is None and progress == "working":
                self._win_back()

        self.submit(
            lambda tx: recover(tx, lambda op, actor: self.floor(tx, op, actor), op_id), done
        )

    def _prune(self) -> None:
        """Let go of lines that are old and in a proven backup of the hub."""
        retention_ms = self.world.options.retention_ms
        if not self.world.options.backup_ms:
            return
        self.submit(
            lambda tx: prune(tx, now_ms=self.clock.wall_ms(), fact_retention_ms=retention_ms)
        )

    def _patrol(self) -> None:
        for printer in self.printers.values():
            printer.patrol()


STAFF = (
    ("BDG-0001", "lead"),
    ("BDG-0002", "picker"),
    ("BDG-0003", "picker"),
    ("BDG-0004", "packer"),
    ("BDG-0005", "packer"),
    ("BDG-0006", "dock"),
    ("BDG-0007", "receiver"),
)
_EFFECTS: dict[type[on.Effect], Callable[[SimEdge, Any], None]] = {
    on.RebuildSocket: SimEdge._rebuild,
    on.CloseSocket: SimEdge._close,
    on.Boot: SimEdge._boot,
    on.Send: SimEdge._send,
    on.ReadFacts: SimEdge._read_facts,
    on.StoreAck: SimEdge._store_ack,
    on.StoreEpoch: SimEdge._store_epoch,
    on.ApplyCommand: SimEdge._apply_command,
    on.Branch: SimEdge._branch,
    on.DeclareGap: SimEdge._declare_gap,
    on.StoreFence: SimEdge._store_fence,
    on.TurnedAway: SimEdge._turned_away,
    on.StoreTargets: SimEdge._store_targets,
    on.StoreLines: SimEdge._store_lines,
}
