"""S8: how long after its commit at an edge is a fact committed at the hub, while the line is up?

Run `python tests/benchmarks/bench_propagation.py [--edges 3] [--rate 50] [--seconds 20]`; it prints
one JSON object. Each edge is a process of its own with the real `Line`; together they write `rate`
facts a second, evenly, of the mix that floors write (`warehouse_days`). The hub is a process of its
own, `bincard hub serve`, on SQLite with `synchronous=FULL`, which counts every fact in its books.

A fact's time runs from the return of the edge's commit to the moment a reader of the hub's file
first sees it there; the reader looks every 2 ms, so times are up to 2 ms too long. Both clocks are
the machine's one monotonic clock.

What the machine itself cost is measured beside it, so that a long wait can be told from a wakeup
that was lost: how late the reader's own looks came (`looks_late_ms`), and how long a line of 100
bytes took to be fsynced on the same disk, 20 times a second (`disk_ms`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from edge.store import fact_log as edge_log
from edge.sync import apply as edge_apply
from edge.sync.line import Line, LineSettings
from hub.store.open_books import open_books
from shared.domain.facts import Fact, decode_fact, encode_fact
from shared.runtime import curve
from shared.runtime.clock import SystemClock, SystemEntropy
from shared.runtime.database import Database, Transaction, connect
from shared.runtime.migrate import migrate
from tests.benchmarks import warehouse_days
from tests.benchmarks.fuzz_hub_socket import hub_process
from tests.benchmarks.office_before import Office

SKUS = 300
LOOK_SECONDS = 0.002
PROBE_SECONDS = 0.05
SETTLE_SECONDS = 3.0
SKIPPED = 10
DEADLINE_SECONDS = 30.0


def run_edge(folder: Path, node: str, address: str, server_key: str, rate: float) -> None:
    """Be one edge: write the facts in `facts.jsonl` evenly, then print when each was committed."""
    migrate(folder / "edge.db", "edge", "edge.store.migrations")
    database = Database(folder / "edge.db")
    entropy = SystemEntropy()
    database.write_sync(lambda tx: edge_log.ensure_identity(tx.sql, node, entropy))
    database.write_sync(lambda tx: edge_apply.expect_present(tx, folder, entropy))
    cursor = int((folder / "down_head").read_text(encoding="ascii"))
    database.write_sync(
        lambda tx: tx.sql.execute("UPDATE node_state SET down_cursor = ?", (cursor,))
    )
    settings = LineSettings(
        address=address, server_key=server_key, keys=curve.load_or_make_key(folder / "edge.key"),
        state_dir=folder, app_version="bench", schema="bench",
    )  # fmt: skip
    line = Line(settings, database, _nothing, clock=SystemClock(), entropy=entropy)
    line.start()
    facts = [decode_fact(row) for row in (folder / "facts.jsonl").read_bytes().splitlines()]
    pause = threading.Event()
    pause.wait(SETTLE_SECONDS)
    times: list[tuple[int, int]] = []
    start = time.monotonic()
    for number, fact in enumerate(facts):
        pause.wait(max(0.0, start + number / rate - time.monotonic()))

        def scan(tx: Transaction, fact: Fact = fact) -> int:
            tx.after_commit(line.notify)
            return edge_log.append(
                tx.sql, fact, op_id="op", actor="BDG-0007", wall_ms=1, mono_ms=1
            ).seq

        seq = database.write_sync(scan)
        times.append((seq, time.monotonic_ns()))
    sys.stdout.write(json.dumps(times) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    line.stop()
    database.close()


def _nothing(*_: object) -> None:
    """No command is expected; any would be refused by the floor."""


def prepare(state: Path, folders: dict[str, Path], facts_each: int) -> None:
    """Fill the hub's books and write down what each floor will do."""
    books = open_books(state / "hub.db", "", SystemClock(), SystemEntropy())
    for node, folder in folders.items():
        office = Office(books, round(facts_each * 0.2) + 20, node=node, skus=SKUS)
        floor = warehouse_days.Floor(office, facts_each)
        facts = [*floor.opening(), *islice(floor.days(), facts_each)]
        lines = [encode_fact(fact) for fact in facts]
        (folder / "facts.jsonl").write_bytes(b"\n".join(lines))
        (folder / "down_head").write_text(str(office.down_head), encoding="ascii")
    books.close()


def watch(
    hub_file: Path, nodes: list[str], stop: threading.Event, late_ms: list[float]
) -> dict[str, list[Any]]:
    """Look at the hub's file until told to stop; return (line, time) whenever a log has grown.

    How much later than planned each look began goes into `late_ms`.
    """
    seen: dict[str, list[Any]] = {node: [] for node in nodes}
    sql = connect(hub_file, writable=False)
    asked = time.monotonic()
    while not stop.wait(LOOK_SECONDS):
        late_ms.append((time.monotonic() - asked - LOOK_SECONDS) * 1e3)
        rows = sql.execute("SELECT node, max(applied_seq) FROM node_logs GROUP BY node").fetchall()
        now = time.monotonic_ns()
        for node, seq in rows:
            if node in seen and (not seen[node] or seen[node][-1][0] < seq):
                seen[node].append((seq, now))
        asked = time.monotonic()
    sql.close()
    return seen


def probe(place: Path, stop: threading.Event, took_ms: list[float]) -> None:
    """Time an fsync of a small line again and again."""
    with (place / "probe").open("wb", buffering=0) as file:
        while not stop.wait(PROBE_SECONDS):
            start = time.monotonic()
            file.write(b"x" * 100)
            os.fsync(file.fileno())
            took_ms.append((time.monotonic() - start) * 1e3)


def delays_ms(written: dict[str, list[list[int]]], seen: dict[str, list[Any]]) -> list[float]:
    """Return how long each line took, without the first few of each edge."""
    found = []
    for node, times in written.items():
        arrivals = iter(seen[node])
        arrived = next(arrivals)
        for seq, at in times:
            while arrived[0] < seq:
                arrived = next(arrivals)
            if seq > SKIPPED:
                found.append(max(0, arrived[1] - at) / 1e6)
    return sorted(found)


def measure(
    state: Path, folders: dict[str, Path], port: int, rate_each: float
) -> tuple[dict[str, Any], dict[str, Any], dict[str, list[float]]]:
    """Let all edges work; return (line, time) as written at each, and as seen at the hub.

    The third are the machine's own times.
    """
    server = json.loads((state / "sync.key").read_bytes())["public_key"]
    seen: dict[str, Any] = {}
    machine: dict[str, list[float]] = {"looks_late_ms": [], "disk_ms": []}
    stop = threading.Event()
    watcher = threading.Thread(
        target=lambda: seen.update(
            watch(state / "hub.db", list(folders), stop, machine["looks_late_ms"])
        )
    )
    prober = threading.Thread(target=probe, args=(state.parent, stop, machine["disk_ms"]))
    watcher.start()
    prober.start()
    processes = {}
    for node, folder in folders.items():
        asked = [str(folder), node, f"tcp://127.0.0.1:{port}", server, str(rate_each)]
        processes[node] = subprocess.Popen(
            [sys.executable, __file__, "--edge", *asked],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
    written = {}
    for node, process in processes.items():
        assert process.stdout is not None
        written[node] = json.loads(process.stdout.readline())
    wait_for_all(state / "hub.db", {node: times[-1][0] for node, times in written.items()})
    stop.wait(5 * LOOK_SECONDS)
    stop.set()
    watcher.join()
    prober.join()
    for process in processes.values():
        process.communicate(timeout=20)
    return written, seen, machine


def wait_for_all(hub_file: Path, last: dict[str, int]) -> None:
    """Wait until the hub has every log up to its last line."""
    until, pause = time.monotonic() + DEADLINE_SECONDS, threading.Event()
    sql = connect(hub_file, writable=False)
    asked = "SELECT max(applied_seq) FROM node_logs WHERE node = ?"
    while any(sql.execute(asked, (node,)).fetchone()[0] != seq for node, seq in last.items()):
        assert time.monotonic() < until, "not every fact reached the hub"
        pause.wait(0.05)
    sql.close()


def run(edges: int, rate: float, seconds: float) -> dict[str, Any]:
    """Measure once."""
    with tempfile.TemporaryDirectory(prefix="bincard-s8-") as place:
        state = Path(place) / "hub"
        state.mkdir()
        folders = {f"W{number}": Path(place) / f"W{number}" for number in range(edges)}
        for folder in folders.values():
            folder.mkdir()
        prepare(state, folders, round(rate * seconds / edges))
        keys = {
            node: curve.load_or_make_key(folder / "edge.key").public_key
            for node, folder in folders.items()
        }
        with hub_process(state, keys) as (_, told):
            written, seen, machine = measure(state, folders, told["sync_port"], rate / edges)
        times = delays_ms(written, seen)
    found = {"edges": edges, "facts_per_second": rate, "facts": len(times)} | spread(times)
    return found | {name: spread(sorted(told)) for name, told in machine.items()}


def spread(times: list[float]) -> dict[str, float]:
    """Return the middle and the end of sorted times in milliseconds."""
    return {
        "p50_ms": round(times[len(times) // 2], 1),
        "p95_ms": round(times[len(times) * 95 // 100], 1),
        "p99_ms": round(times[len(times) * 99 // 100], 1),
        "max_ms": round(times[-1], 1),
    }


def main() -> None:
    """Run as asked and print figures; the median run is the one to quote."""
    if sys.argv[1:2] == ["--edge"]:
        run_edge(Path(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5], float(sys.argv[6]))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--edges", type=int, default=3)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    runs = sorted(
        (run(given.edges, given.rate, given.seconds) for _ in range(given.runs)),
        key=lambda one: float(one["p99_ms"]),
    )
    found = {"S8": runs[len(runs) // 2], "runs": runs}
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
