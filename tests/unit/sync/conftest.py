"""A tiny deterministic world: real cores, real SQLite files, a bad network, crashes at any step."""

from __future__ import annotations

import heapq
import random
import sqlite3
from collections import deque
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest

from edge.store import fact_log as edge_log
from edge.store import line_state, recoveries
from edge.sync import apply as edge_apply
from edge.sync import core_events as edge_on
from edge.sync.core import EdgeCore
from hub.store import fact_log as hub_log
from hub.store import fences, nodes
from hub.sync import apply as hub_apply
from hub.sync import core_events as hub_on
from hub.sync.core import HubCore
from shared.domain.commands import CancelParcel, CommandRecord, ExpectReceipt
from shared.domain.errors import Refused
from shared.domain.facts import CommandAccepted, FactRecord, ParcelPacked
from shared.runtime.database import Transaction


class SeededEntropy:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def token_bytes(self, count: int) -> bytes:
        return self.rng.randbytes(count)


class SimClock:
    def __init__(self, world: World) -> None:
        self.world = world

    def wall_ms(self) -> int:
        return 1_700_000_000_000 + self.world.now_ms

    def mono_ms(self) -> int:
        return self.world.now_ms


def open_memory(package: str) -> sqlite3.Connection:
    """A database with the line's own tables only."""
    sql = sqlite3.connect(":memory:", isolation_level=None)
    sql.row_factory = sqlite3.Row
    scripts = sorted(files(package).iterdir(), key=lambda entry: entry.name)
    for script in scripts:
        if script.name.endswith(".sql"):
            sql.executescript(script.read_text(encoding="utf-8"))
    return sql


def transact(sql: sqlite3.Connection, work: Callable[[Transaction], Any]) -> Any:
    """One use case; what the writer of the real database does, without its thread."""
    tx = Transaction(sql)
    sql.execute("BEGIN IMMEDIATE")
    try:
        answer = work(tx)
    except BaseException:
        sql.execute("ROLLBACK")
        raise
    sql.execute("COMMIT")
    tx.run_afterwards()
    return answer


class SimEdge:
    """One warehouse: its file outlives its process."""

    def __init__(self, world: World, node: str, sql: sqlite3.Connection) -> None:
        self.world, self.node, self.sql = world, node, sql
        sql.execute("CREATE TABLE carried_out (command_id TEXT, seq INTEGER)")
        transact(sql, lambda tx: edge_log.ensure_identity(tx.sql, node, world.entropy))
        self.connections = 0
        self.start()

    @property
    def peer(self) -> bytes:
        return f"{self.node}/{self.connections}".encode()

    def start(self) -> None:
        self.core = EdgeCore(self.world.entropy, app_version="1", schema="0002_floor")
        self.todo: deque[edge_on.Effect] = deque()
        self.handle(edge_on.Started())

    def crash(self) -> None:
        """The process is gone: queued effects and frames with it; the file stays."""
        self.connections += 1
        self.start()

    def handle(self, event: edge_on.Event) -> None:
        self.todo.extend(self.core.handle(event, self.world.now_ms))

    def work(self, kind: str = "fact") -> None:
        """A person does something: one transaction, one fact."""
        fact = (
            ParcelPacked(parcel_id="poison", weight_grams=1, lines=())
            if kind == "poison"
            else CommandAccepted(command_id=f"work-{self.world.rng.random()}")
        )
        transact(
            self.sql,
            lambda tx: edge_log.append(
                tx.sql, fact, op_id="op", actor="BDG-1", wall_ms=1, mono_ms=self.world.now_ms
            ),
        )
        if self.world.rng.random() < 0.5:  # the other wake-ups are lost
            self.handle(edge_on.FactsCommitted())

    def carry_out(self, tx: Transaction, record: CommandRecord) -> None:
        tx.sql.execute("INSERT INTO carried_out VALUES (?, ?)", (record.command_id, record.seq))
        if record.command_id.endswith("refuse"):
            raise Refused("too_late", "The parcel has left.")
        if record.command_id.endswith("broken"):
            raise KeyError("x")

    def step(self) -> None:
        """Carry out the next effect."""
        effect = self.todo.popleft()
        world = self.world
        if isinstance(effect, edge_on.RebuildSocket):
            self.connections += 1
            world.later(self._connected, self.connections, delay_ms=world.rng.randint(1, 200))
        elif isinstance(effect, edge_on.CloseSocket):
            self.connections += 1
        elif isinstance(effect, edge_on.Send):
            world.to_hub(self, self.peer, effect.data)
        elif isinstance(effect, edge_on.Boot):
            state = transact(self.sql, lambda tx: edge_apply.boot(tx, 0))
            self.handle(edge_on.Booted(state, world.now_ms))
        elif isinstance(effect, edge_on.ReadFacts):
            records = edge_log.read_after(
                self.sql,
                effect.after_seq,
                effect.facts_max,
                effect.bytes_max,
                incarnation=effect.incarnation,
            )
            self.handle(edge_on.FactsRead(effect.session, tuple(records)))
        elif isinstance(effect, edge_on.StoreAck):
            args = (effect.incarnation, effect.acked, effect.stable_seq)
            transact(self.sql, lambda tx: line_state.store_ack(tx.sql, *args))
        elif isinstance(effect, edge_on.StoreEpoch):
            epoch, applied = effect.epoch, effect.applied
            transact(self.sql, lambda tx: line_state.store_epoch(tx.sql, epoch, applied))
        elif isinstance(effect, edge_on.ApplyCommand):
            command = effect
            cursor = transact(
                self.sql,
                lambda tx: edge_apply.take(tx, command, self.carry_out, world.clock),
            )
            self.handle(edge_on.CommandApplied(effect.session, cursor))
        else:
            self._win_back(effect)

    def _win_back(self, effect: edge_on.Effect) -> None:
        if isinstance(effect, edge_on.Branch):
            agreed, entropy = effect.agreed, self.world.entropy
            transact(self.sql, lambda tx: edge_apply.branch(tx, agreed, entropy))
        elif isinstance(effect, edge_on.StoreFence):
            fence = effect.fence
            transact(self.sql, lambda tx: line_state.store_fence(tx.sql, fence))
            self.handle(edge_on.FenceStored(effect.session))
        elif isinstance(effect, edge_on.DeclareGap):
            gap, clock = effect, self.world.clock
            entropy = self.world.entropy
            transact(self.sql, lambda tx: edge_apply.declare_gap(tx, gap, clock, entropy))
        elif isinstance(effect, edge_on.StoreTargets):
            marks, head = effect.applied, effect.down_head
            transact(self.sql, lambda tx: recoveries.tell(tx.sql, marks, head))
        elif isinstance(effect, edge_on.StoreLines):
            log, lines = effect.incarnation, effect.records
            end = transact(self.sql, lambda tx: edge_log.put_back(tx.sql, log, lines))
            self.handle(edge_on.LinesStored(effect.session, end))

    def _connected(self, connection: int) -> None:
        if connection == self.connections:
            if self.world.cut:
                self.world.later(self._connected, connection, delay_ms=500)
            else:
                self.handle(edge_on.Connected())


def copy_of(sql: sqlite3.Connection) -> sqlite3.Connection:
    """A backup of a file as it is now."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    copy.row_factory = sqlite3.Row
    sql.backup(copy)
    return copy


class SimHub:
    """Head office; its file outlives its process."""

    def __init__(self, world: World, sql: sqlite3.Connection) -> None:
        self.world, self.sql = world, sql
        sql.execute("CREATE TABLE counted (node TEXT, incarnation INTEGER, seq INTEGER)")
        transact(sql, lambda tx: nodes.ensure_epoch(tx.sql, world.entropy))
        self.queued = 0
        self.start()

    def start(self) -> None:
        self.core = HubCore(self.world.entropy)
        self.todo: deque[hub_on.Effect] = deque()

    def restore(self, backup: sqlite3.Connection, *, declared: bool) -> None:
        """Put an old file in place; `declared` as an operator does it, else behind our back."""
        self.sql = copy_of(backup)
        if declared:
            transact(self.sql, lambda tx: nodes.raise_epoch(tx.sql, self.world.entropy))
        self.start()

    def handle(self, event: hub_on.Event) -> None:
        self.todo.extend(self.core.handle(event, self.world.now_ms))

    def project(self, tx: Transaction, record: FactRecord) -> None:
        tx.sql.execute(
            "INSERT INTO counted VALUES (?, ?, ?)", (record.node, record.incarnation, record.seq)
        )
        if record.kind == "parcel_packed":
            raise Refused("unit_unknown", "The unit is not known.")

    def command(self, node: str, kind: str = "") -> str:
        self.queued += 1
        command_id = f"{self.queued}{kind}"
        command = (
            CancelParcel(parcel_id="P", reason="")
            if kind == "-cancel"
            else ExpectReceipt(asn=command_id, supplier="", rows=())
        )
        transact(
            self.sql,
            lambda tx: hub_log.queue_command(tx.sql, node, command, command_id=command_id),
        )
        if self.world.rng.random() < 0.5:
            self.handle(hub_on.CommandsQueued(node))
        return command_id

    def step(self) -> None:
        effect = self.todo.popleft()
        if isinstance(effect, hub_on.Send):
            self.world.to_edge(effect.peer, effect.data)
        elif isinstance(effect, hub_on.Admit):
            request = effect
            self.handle(
                transact(self.sql, lambda tx: hub_apply.admit(tx, request, 1, self.world.entropy))
            )
        elif isinstance(effect, hub_on.ApplyFacts):
            batch = effect
            outcome = transact(
                self.sql, lambda tx: hub_apply.apply_checked(tx, batch, self.project, 1)
            )
            self.handle(hub_on.FactsApplied(batch.peer, batch.session, batch.incarnation, outcome))
        elif isinstance(effect, hub_on.ConfirmFence):
            confirmed = effect
            transact(self.sql, lambda tx: fences.confirm(tx.sql, confirmed.node, confirmed.fence))
        elif isinstance(effect, hub_on.ReadCommands):
            self.handle(hub_apply.read_commands(self.sql, effect))
        elif isinstance(effect, hub_on.ReadLines):
            lines = hub_log.read_facts(
                self.sql, effect.node, effect.incarnation, effect.after_seq, effect.facts_max
            )
            self.handle(
                hub_on.LinesRead(effect.peer, effect.session, effect.incarnation, tuple(lines))
            )
        elif isinstance(effect, hub_on.StoreCack):
            node, seq = effect.node, effect.seq
            transact(self.sql, lambda tx: hub_log.store_cack(tx.sql, node, seq))


class World:
    """Time, network and faults; everything follows from the seed."""

    def __init__(self, seed: int, edges: int) -> None:
        self.rng = random.Random(seed)
        self.entropy = SeededEntropy(random.Random(seed + 1))
        self.clock = SimClock(self)
        self.now_ms = 0
        self.drop = self.rng.choice((0.0, 0.05, 0.3))
        self.duplicate = self.rng.choice((0.0, 0.1, 0.3))
        self.delay_ms = self.rng.choice((5, 50, 800))
        self.crash = self.rng.choice((0.0, 0.002, 0.01))
        self.cut = False
        self.bytes_per_second = 0
        """How much each way of a connection carries; 0 for as much as there is."""
        self._busy_ms: dict[tuple[bytes, str], int] = {}
        self.crashes = 0
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0
        self.hub = SimHub(self, open_memory("hub.store.migrations"))
        self.edges = [
            SimEdge(self, f"W{number}", open_memory("edge.store.migrations"))
            for number in range(edges)
        ]
        for edge in self.edges:
            transact(self.hub.sql, lambda tx, node=edge.node: self._enrol(tx, node))

    def _enrol(self, tx: Transaction, node: str) -> None:
        hub_log.ensure_node(tx.sql, node)
        nodes.add_key(tx.sql, node, f"key-{node}", 1)

    def later(self, action: Callable[..., None], *args: Any, delay_ms: int) -> None:
        self._number += 1
        heapq.heappush(self._heap, (self.now_ms + delay_ms, self._number, action, args))

    def _transmit(self, way: tuple[bytes, str], size: int, action: Callable[..., None]) -> None:
        if self.cut or self.rng.random() < self.drop:
            return
        queued_ms = 0
        if self.bytes_per_second:
            start_ms = max(self.now_ms, self._busy_ms.get(way, 0))
            self._busy_ms[way] = start_ms + size * 1_000 // self.bytes_per_second
            queued_ms = self._busy_ms[way] - self.now_ms
        copies = 2 if self.rng.random() < self.duplicate else 1
        for _ in range(copies):
            self.later(action, delay_ms=queued_ms + self.rng.randint(1, self.delay_ms))

    def to_hub(self, edge: SimEdge, peer: bytes, data: bytes) -> None:
        key = f"key-{edge.node}"
        self._transmit(
            (peer, "up"), len(data), lambda: self.hub.handle(hub_on.Received(peer, key, data))
        )

    def to_edge(self, peer: bytes, data: bytes) -> None:
        name = peer.decode().split("/")[0]
        edge = next(edge for edge in self.edges if edge.node == name)
        # Frames of an old connection arrive too: nothing but the session number keeps them out.
        self._transmit((peer, "down"), len(data), lambda: edge.handle(edge_on.Received(data)))

    def run(self, for_ms: int, between: Callable[[], None] | None = None) -> None:
        """Let `for_ms` pass. Before each single effect any process may crash."""
        end = self.now_ms + for_ms
        for node in (self.hub, *self.edges):
            self._tick(node, end)
        while self._heap and self._heap[0][0] <= end:
            self.now_ms, _, action, args = heapq.heappop(self._heap)
            action(*args)
            self._settle(between)
        self.now_ms = end

    def _tick(self, node: SimEdge | SimHub, end: int) -> None:
        if self.now_ms >= end:
            return
        node.handle(edge_on.Tick() if isinstance(node, SimEdge) else hub_on.Tick())
        self.later(self._tick, node, end, delay_ms=self.rng.randint(300, 700))

    def _settle(self, between: Callable[[], None] | None) -> None:
        while busy := [node for node in (self.hub, *self.edges) if node.todo]:
            node = self.rng.choice(busy)
            if self.rng.random() < self.crash:
                self._crash(node)
                continue
            node.step()
            if between is not None:
                between()

    def _crash(self, node: SimEdge | SimHub) -> None:
        self.crashes += 1
        if isinstance(node, SimEdge):
            node.crash()
            return
        node.start()
        for edge in self.edges:
            if self.rng.random() < 0.5:  # the others notice by silence
                edge.handle(edge_on.Disconnected())

    def heal(self) -> None:
        self.drop = self.duplicate = self.crash = 0.0
        self.delay_ms = 20
        self.cut = False


@pytest.fixture
def make_world() -> Callable[..., World]:
    def make(seed: int, edges: int = 2) -> World:
        print(f"seed {seed}")  # noqa: T201  a failure is replayed from it
        return World(seed, edges)

    return make


@pytest.fixture
def backup() -> Callable[[sqlite3.Connection], sqlite3.Connection]:
    return copy_of


@pytest.fixture
def do() -> Callable[..., Any]:
    return transact
