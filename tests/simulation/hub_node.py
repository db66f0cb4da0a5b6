"""Head office's program: the real hub services and the real `HubCore` on a simulated machine.

It does what `hub.sync.listener` and `hub.node` do with threads and sockets: carry out the core's
effects, project facts, and let the pumps work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from hub.domain.policy import Policy, SourcingRules
from hub.domain.roll_call import everybody_heard
from hub.services.apply_facts import project, project_all
from hub.services.backorders import retry_backorders
from hub.services.balance_shops import ShopBalancer
from hub.services.first_start import seed_rules
from hub.services.quotas import balance_quotas
from hub.services.recover import settle_recovery
from hub.services.release_parcels import release_ready
from hub.services.replan import OpenPool
from hub.services.reservations import expire_reservations
from hub.store import backup, fact_log, fences, nodes, recovering
from hub.store.batch.desk import BatchDesk
from hub.store.protocol import Desk
from hub.store.sqlite.desk import SqliteDesk
from hub.store.sqlite.ordered_ids import OrderedIds
from hub.sync import apply
from hub.sync import core_events as on
from hub.sync.core import HubCore
from shared.domain.facts import FactRecord
from shared.runtime.database import Transaction
from tests.simulation.disk import Disk, empty_image
from tests.simulation.node import Node

if TYPE_CHECKING:
    from tests.simulation.world import World

TICK_MS = (400, 900)
KEYS_MS = 2_000
PUMP_MS = 2_500
REPLAN_MS = 11_000


class SimHub(Node):
    """The hub."""

    def __init__(self, world: World) -> None:
        """Create the hub's empty file."""
        image = empty_image("hub", "hub.store.migrations")
        super().__init__(world, "hub", image, world.options.hub_crash)
        self.owners: dict[str, str] = {}
        self.acked: dict[str, str] = {}
        """Orders a shop was told are taken: order key -> order id."""
        self.boots: dict[tuple[str, int], int] = {}
        self.ids = OrderedIds(self.entropy)
        self.pool = OpenPool()
        minutes = world.options.merge_minutes
        self.policy = Policy(
            couriers=world.couriers.table, sourcing=SourcingRules(merge_window_minutes=minutes)
        )
        self.backup: bytes | None = None
        """The newest proven backup."""
        self.proven: dict[tuple[str, int], int] = {}
        """How far each log is in a backup that was ever proven."""
        self.writer.write_now(self.found)

    def found(self, tx: Transaction) -> None:
        """Begin the first life of an empty file."""
        nodes.ensure_epoch(tx.sql, self.entropy)
        seed_rules(self.desk(tx, "hub:start"))

    # Life of the process

    def begin(self) -> None:
        """Open the port and start the pumps."""
        self.world.checks.hub_started(self)
        self.core = HubCore(self.entropy)
        self.began_ms = self.clock.mono_ms()
        self.ids = OrderedIds(self.entropy)
        self._balancer = ShopBalancer()
        self.inbox: deque[on.Event] = deque()
        self._handling = False
        self._pump_due = False
        self._told_keys: on.KeysLoaded | None = None
        self.owners = nodes.valid_keys(self.sql)
        self.expected = frozenset(self.owners.values())
        self.submit(lambda tx: recovering.begin_roll_call(tx.sql))
        self._tick()
        self._load_keys()
        self._pump_always()
        self._replan_always()
        if self.world.options.backup_ms:
            self.later(self.world.options.backup_ms, "backup", self._back_up)

    def ended(self) -> None:
        """The process died and every connection with it."""
        self.world.net.hub_ended()

    def _tick(self) -> None:
        self.later(self.dice.randint(*TICK_MS), "tick", self._tick)
        if self.writer.broken:
            self.world.repair(self)
        self.handle(on.Tick())

    def _load_keys(self) -> None:
        self.later(KEYS_MS, "keys", self._load_keys)
        loaded = on.KeysLoaded(nodes.valid_keys(self.sql), fences.valid(self.sql))
        self.owners = loaded.owners
        if loaded != self._told_keys:
            self._told_keys = loaded
            self.handle(loaded)

    def _back_up(self) -> None:
        """Copy the books, prove the copy, and tell the books a while later, if at all."""
        self.later(self.world.options.backup_ms, "backup", self._back_up)
        copy = Disk(self.disk.image())
        backup.seal(copy.sql)
        ends = backup.log_ends(copy.sql)
        self.backup = copy.image()
        copy.sql.close()
        for end in ends:
            key = end.node, end.incarnation
            self.proven[key] = max(end.seq, self.proven.get(key, 0))
        self.later(
            self.dice.randint(1, 2_000),
            "proven",
            self.submit,
            lambda tx: backup.advance_stable(tx.sql, ends),
        )

    # The port

    def handle(self, event: on.Event) -> None:
        """Take in an event and carry out what follows, as the listener's thread does."""
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

    def _send(self, effect: on.Send) -> None:
        self.world.net.to_edge(effect.peer, effect.data)

    def _admit(self, effect: on.Admit) -> None:
        def done(answer: Any, error: Exception | None) -> None:
            if isinstance(answer, on.Admitted):
                self.world.checks.admitted(self, answer)
            self.handle(on.AdmitFailed(effect.peer) if error else answer)

        self.submit(lambda tx: apply.admit(tx, effect, self.clock.wall_ms(), self.entropy), done)

    def _confirm_fence(self, effect: on.ConfirmFence) -> None:
        self.submit(lambda tx: fences.confirm(tx.sql, effect.node, effect.fence))

    def _apply_facts(self, effect: on.ApplyFacts) -> None:
        def work(tx: Transaction) -> on.ApplyOutcome:
            outcome = apply.apply_checked(
                tx, effect, self._project, self.clock.wall_ms(), self._project_all
            )
            if isinstance(outcome, on.Stored):
                self.world.checks.applied(self, tx.sql, effect)
            return outcome

        def done(outcome: Any, error: Exception | None) -> None:
            if error is not None:
                self.handle(on.ApplyFailed(effect.peer, effect.session))
                return
            event = on.FactsApplied(effect.peer, effect.session, effect.incarnation, outcome)
            self.handle(event)

        self.submit(work, done)

    def _read_commands(self, effect: on.ReadCommands) -> None:
        self.inbox.append(apply.read_commands(self.sql, effect))

    def _read_lines(self, effect: on.ReadLines) -> None:
        records = fact_log.read_facts(
            self.sql,
            effect.node,
            effect.incarnation,
            effect.after_seq,
            effect.facts_max,
            effect.bytes_max,
        )
        self.inbox.append(
            on.LinesRead(effect.peer, effect.session, effect.incarnation, tuple(records))
        )

    def _store_cack(self, effect: on.StoreCack) -> None:
        def done(_: Any, error: Exception | None) -> None:
            if error is not None:
                self.handle(on.CackFailed(effect.node))

        self.submit(lambda tx: fact_log.store_cack(tx.sql, effect.node, effect.seq), done)

    # The office

    def desk(self, tx: Transaction, actor: str, kind: type[SqliteDesk] = SqliteDesk) -> SqliteDesk:
        """Return the desk of a running transaction."""
        desk = kind(
            tx.sql,
            now_ms=self.clock.wall_ms(),
            actor=actor,
            ids=self.ids,
            tell=lambda topic: tx.after_commit(lambda: self._told(topic)),
        )
        desk.policy = self.policy
        return desk

    def reading(self) -> SqliteDesk:
        """Return a desk for looking only."""
        return SqliteDesk(
            self.sql, now_ms=self.clock.wall_ms(), actor="check", ids=self.ids, tell=len
        )

    def use(
        self,
        actor: str,
        work: Callable[[Desk], Any],
        done: Callable[[Any, Exception | None], None] | None = None,
    ) -> None:
        """Run one use case of the office."""
        self.submit(lambda tx: work(self.desk(tx, actor)), done)

    def _project(self, tx: Transaction, record: FactRecord) -> None:
        project(self.desk(tx, f"edge:{record.node}"), record)

    def _project_all(self, tx: Transaction, records: Sequence[FactRecord]) -> None:
        desk = self.desk(tx, f"edge:{records[0].node}", BatchDesk)
        project_all(desk, records)
        desk.finish()

    def _told(self, topic: str) -> None:
        """Hear what a commit told the port and the pumps; some of it is lost."""
        if not self.up or topic == "events":
            return
        if self.world.wild and self.dice.random() < self.world.options.lost_wakeups:
            self.world.time.fault("wakeup_lost")
        elif topic.startswith("commands:"):
            node = topic.partition(":")[2]
            self.later(0, "commands", self.handle, on.CommandsQueued(node))
        elif not self._pump_due:
            self._pump_due = True
            self.later(self.dice.randint(5, 60), "pump", self._pump)

    def _pump_always(self) -> None:
        self.later(PUMP_MS, "pump", self._pump_always)
        self._pump()

    def _pump(self) -> None:
        """Let each pump work off what waits, a transaction at a time."""
        self._pump_due = False
        for name, turn in (
            ("release", self._release),
            ("backorders", retry_backorders),
            ("quotas", balance_quotas),
            ("numbers", self.world.couriers.supply),
            ("couriers", self.world.couriers.issue),
            *((("shop_quotas", self._balancer),) if self.world.storefronts else ()),
            ("recovery", settle_recovery),
            ("reservations", expire_reservations),
        ):
            self._turn(name, turn)

    def _release(self, desk: Desk) -> int:
        waited_ms = self.clock.mono_ms() - self.began_ms
        if not everybody_heard(self.expected, self.core.links(), waited_ms):
            return 0
        return release_ready(desk, self.world.couriers.table)

    def _replan_always(self) -> None:
        self.later(REPLAN_MS, "replan", self._replan_always)
        self._turn("replan", self._replan)

    def _replan(self, desk: Desk) -> int:
        return self.pool.turn(desk, [name for name, link in self.core.links().items() if link.up])

    def _turn(self, name: str, turn: Callable[[Desk], int]) -> None:
        def done(count: Any, error: Exception | None) -> None:
            if error is None and count:
                self._turn(name, turn)

        self.use(f"hub:{name}", turn, done)


_EFFECTS: dict[type[on.Effect], Callable[[SimHub, Any], None]] = {
    on.Send: SimHub._send,
    on.Admit: SimHub._admit,
    on.ConfirmFence: SimHub._confirm_fence,
    on.ApplyFacts: SimHub._apply_facts,
    on.ReadCommands: SimHub._read_commands,
    on.ReadLines: SimHub._read_lines,
    on.StoreCack: SimHub._store_cack,
}
