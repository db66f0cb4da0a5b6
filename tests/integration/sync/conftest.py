"""A real hub port, real edges, real files, and a TCP relay that can misbehave between them."""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import structlog

from edge.store import fact_log as edge_log
from edge.sync import apply as edge_apply
from edge.sync.line import Line, LineSettings
from hub.store import fact_log as hub_log
from hub.store import nodes
from hub.sync.listener import Listener
from hub.sync.shelf import Shelf
from shared.domain.commands import CommandRecord
from shared.domain.errors import Refused
from shared.domain.facts import CommandAccepted, FactRecord, ParcelPacked
from shared.runtime import curve
from shared.runtime.clock import SystemClock, SystemEntropy
from shared.runtime.database import Database, Transaction, connect

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


class FastClock(SystemClock):
    """Fifteen seconds of silence pass in less than one."""

    def mono_ms(self) -> int:
        return time.monotonic_ns() * 20 // 1_000_000


def open_database(path: Path, package: str, extra: str) -> Database:
    """Open a file with the line's own tables and one table of the test."""
    if not path.exists():
        sql = connect(path, writable=True)
        scripts = sorted(entry.name for entry in files(package).iterdir())
        for script in scripts:
            if script.endswith(".sql"):
                sql.executescript((files(package) / script).read_text(encoding="utf-8"))
        sql.executescript(extra)
        sql.close()
    return Database(path)


class Relay:
    """Forwards TCP to `port`; `swallow` loses bytes of one direction, `cut` ends everything."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.swallow_up = self.swallow_down = False
        self.down_bytes = 0
        self.open = True
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        with self._lock:
            self.open = False
            self._drop_all()

    def mend(self) -> None:
        self.open = True

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(5)
        self._server.close()

    def _drop_all(self) -> None:
        for pair in self._pairs:
            for end in pair:
                end.close()
        self._pairs = []

    def _run(self) -> None:
        while not self._stopped.is_set():
            with self._lock:
                selector = selectors.DefaultSelector()
                selector.register(self._server, selectors.EVENT_READ)
                for up, down in self._pairs:
                    selector.register(up, selectors.EVENT_READ, (up, down, True))
                    selector.register(down, selectors.EVENT_READ, (down, up, False))
            try:
                ready = selector.select(0.05)
            except (OSError, ValueError):
                continue
            finally:
                selector.close()
            with self._lock:
                for key, _ in ready:
                    self._serve(key)
        with self._lock:
            self._drop_all()

    def _serve(self, key: selectors.SelectorKey) -> None:
        if key.data is None:
            self._accept()
            return
        source, target, is_up = key.data
        if source.fileno() < 0:
            return
        try:
            data = source.recv(65_536)
            if data and not (self.swallow_up if is_up else self.swallow_down):
                target.sendall(data)
                self.down_bytes += 0 if is_up else len(data)
        except OSError:
            data = b""
        if not data:
            self._pairs = [pair for pair in self._pairs if source not in pair]
            source.close()
            target.close()

    def _accept(self) -> None:
        edge_end, _ = self._server.accept()
        if not self.open:
            edge_end.close()
            return
        try:
            hub_end = socket.create_connection(("127.0.0.1", self.target), 1)
        except OSError:
            edge_end.close()
            return
        self._pairs.append((edge_end, hub_end))


class Hub:
    """Head office with the smallest possible books: one row per counted fact."""

    def __init__(self, folder: Path, clock: SystemClock) -> None:
        self.folder, self.clock = folder, clock
        self.keys = curve.load_or_make_key(folder / "sync.key")
        self.port = 0
        self.gate = threading.Event()
        self.gate.set()
        self.start()

    def start(self) -> None:
        self.database = open_database(
            self.folder / "hub.db",
            "hub.store.migrations",
            "CREATE TABLE counted (node TEXT, incarnation INTEGER, seq INTEGER);",
        )
        self.listener = Listener(
            self.database,
            self.keys,
            self.project,
            host="127.0.0.1",
            port=self.port,
            clock=self.clock,
            entropy=SystemEntropy(),
            shelf=Shelf(self.folder / "copies"),
        )
        self.listener.start()
        self.port = self.listener.port

    def stop(self) -> None:
        self.gate.set()
        self.listener.stop()
        self.database.close()

    def project(self, tx: Transaction, record: FactRecord) -> None:
        self.gate.wait(10)
        tx.sql.execute(
            "INSERT INTO counted VALUES (?, ?, ?)", (record.node, record.incarnation, record.seq)
        )
        if record.kind == "parcel_packed":
            raise Refused("unit_unknown", "The unit is not known.")

    def enrol(self, node: str, public_key: str) -> None:
        def work(tx: Transaction) -> None:
            hub_log.ensure_node(tx.sql, node)
            nodes.add_key(tx.sql, node, public_key, 1)

        self.database.write_sync(work)
        self.listener.keys_changed()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.database.read_sync(lambda sql: [tuple(row) for row in sql.execute(query)])

    def counted(self, node: str) -> list[int]:
        return [row[0] for row in self.rows(f"SELECT seq FROM counted WHERE node = '{node}'")]


class Edge:
    """One warehouse; `work` is a person doing something, hub or no hub."""

    def __init__(self, folder: Path, node: str, hub: Hub, port: int, clock: SystemClock) -> None:
        self.folder, self.node, self.hub, self.port, self.clock = folder, node, hub, port, clock
        self.keys = curve.load_or_make_key(folder / "edge.key")
        self.start()

    def start(self) -> None:
        self.database = open_database(
            self.folder / "edge.db",
            "edge.store.migrations",
            "CREATE TABLE carried_out (command_id TEXT, seq INTEGER);",
        )
        entropy = SystemEntropy()
        self.database.write_sync(lambda tx: edge_log.ensure_identity(tx.sql, self.node, entropy))
        self.database.write_sync(lambda tx: edge_apply.expect_present(tx, self.folder, entropy))
        settings = LineSettings(
            address=f"tcp://127.0.0.1:{self.port}",
            server_key=self.hub.keys.public_key,
            keys=self.keys,
            state_dir=self.folder,
            app_version="0.1.0",
            schema="0001_log",
        )
        self.line = Line(settings, self.database, self.carry_out, clock=self.clock, entropy=entropy)
        self.line.start()

    def stop(self) -> None:
        self.line.stop()
        self.database.close()

    def carry_out(self, tx: Transaction, record: CommandRecord) -> None:
        tx.sql.execute("INSERT INTO carried_out VALUES (?, ?)", (record.command_id, record.seq))

    def work(self, count: int = 1, *, poison: bool = False) -> None:
        def scan(tx: Transaction) -> None:
            for _ in range(count):
                op_id = str(uuid.uuid4())
                fact = (
                    ParcelPacked(parcel_id="p", weight_grams=1, lines=())
                    if poison
                    else CommandAccepted(command_id=op_id)
                )
                edge_log.append(tx.sql, fact, op_id=op_id, actor="BDG-1", wall_ms=1, mono_ms=1)
            tx.after_commit(self.line.notify)

        self.database.write_sync(scan)

    def head(self) -> int:
        return self.database.read_sync(edge_log.head).seq

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.database.read_sync(lambda sql: [tuple(row) for row in sql.execute(query)])


class Rig:
    """Makes the parts and takes them down again."""

    def __init__(self, folder: Path, clock: SystemClock) -> None:
        self.folder, self.clock = folder, clock
        (folder / "hub").mkdir()
        self.hub = Hub(folder / "hub", clock)
        self.edges: list[Edge] = []
        self.relays: list[Relay] = []

    def relay(self) -> Relay:
        self.relays.append(Relay(self.hub.port))
        return self.relays[-1]

    def edge(self, node: str, port: int | None = None, *, enrolled: bool = True) -> Edge:
        folder = self.folder / node
        folder.mkdir()
        if enrolled:
            self.hub.enrol(node, curve.load_or_make_key(folder / "edge.key").public_key)
        self.edges.append(Edge(folder, node, self.hub, port or self.hub.port, self.clock))
        return self.edges[-1]

    def stop(self) -> None:
        for part in (*self.edges, self.hub, *self.relays):
            part.stop()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path, SystemClock())
    yield made
    made.stop()


@pytest.fixture
def fast_rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path, FastClock())
    yield made
    made.stop()


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait until a condition holds, or fail with what it was at the end."""

    def wait(condition: Callable[[], object], seconds: float = 15.0) -> None:
        deadline = time.monotonic() + seconds
        pause = threading.Event()
        while not condition():
            assert time.monotonic() < deadline, "it never became true"
            pause.wait(0.01)

    return wait
