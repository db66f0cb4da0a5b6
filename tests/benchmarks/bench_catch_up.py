"""S7: a warehouse comes back after 14 days without a line. How fast does the hub have its facts?

Run `python tests/benchmarks/bench_catch_up.py [--facts 200000] [--runs 3] [--profile]`; it prints
one JSON object. The edge is a process of its own with the real `Line` over its real log; the hub is
the real `Listener` over loopback with CURVE, on SQLite with `synchronous=FULL`, and counts every
fact in its books as `bincard hub serve` does. The clock runs from the start of the edge's line to
the commit of the last fact at the hub, greeting included.

The baseline is measured in the same run: the same fact rows (12 columns, same table, same key) are
inserted by `executemany` into an empty SQLite file with `synchronous=FULL` and WAL, 256 rows per
transaction, one commit and so one fsync each, from rows that are in memory already. It neither
checks nor counts anything. `hub_cpu_us_per_fact` and `edge_cpu_us_per_fact` are the processor time
that both processes used, which other work on the machine changes least.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import logging
import pstats
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import structlog

from edge.store import fact_log as edge_log
from edge.sync import apply as edge_apply
from edge.sync.line import Line, LineSettings
from hub.store import nodes
from hub.store.open_books import open_books
from hub.store.sqlite.hub_store import SqliteHub
from hub.sync.listener import Listener
from shared.runtime import curve
from shared.runtime.clock import SystemClock, SystemEntropy
from shared.runtime.database import Database, Transaction, connect
from shared.runtime.migrate import migrate
from tests.benchmarks import warehouse_days
from tests.benchmarks.office_before import NODE, Office

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

BASELINE_ROWS = 256
DEADLINE_SECONDS = 600.0
LOOK_SECONDS = 0.02


def make_edge(folder: Path) -> Database:
    """Return the empty books of an edge that has carried out every command so far."""
    migrate(folder / "edge.db", "edge", "edge.store.migrations")
    database = Database(folder / "edge.db")
    database.write_sync(lambda tx: edge_log.ensure_identity(tx.sql, NODE, SystemEntropy()))
    return database


def run_edge(folder: Path, address: str, server_key: str) -> None:
    """Be the edge process: send the log until standard input closes."""
    database = Database(folder / "edge.db")
    entropy = SystemEntropy()
    database.write_sync(lambda tx: edge_apply.expect_present(tx, folder, entropy))
    settings = LineSettings(
        address=address,
        server_key=server_key,
        keys=curve.load_or_make_key(folder / "edge.key"),
        state_dir=folder,
        app_version="bench",
        schema="bench",
    )

    def nothing_to_do(_: Transaction, record: Any) -> None:
        raise AssertionError(record)

    line = Line(settings, database, nothing_to_do, clock=SystemClock(), entropy=entropy)
    sys.stdin.readline()
    line.start()
    sys.stdin.read()
    line.stop()
    database.close()


def baseline(rows: list[tuple[Any, ...]], folder: Path) -> float:
    """Insert `rows` into an empty file; return rows per second."""
    migrate(folder / "raw.db", "hub", "hub.store.migrations")
    sql = connect(folder / "raw.db", writable=True)
    marks = ",".join("?" * len(rows[0]))
    start = time.perf_counter()
    for first in range(0, len(rows), BASELINE_ROWS):
        sql.execute("BEGIN IMMEDIATE")
        sql.executemany(f"INSERT INTO facts VALUES ({marks})", rows[first : first + BASELINE_ROWS])
        sql.execute("COMMIT")
    seconds = time.perf_counter() - start
    sql.close()
    return len(rows) / seconds


def catch_up(books: SqliteHub, folder: Path, facts: int) -> tuple[float, float, float]:
    """Let the edge in `folder` send its whole log to `books`.

    Return the seconds it took, and the seconds of processor time of the hub and of the edge.
    """
    keys = curve.new_key_pair()
    edge_keys = curve.load_or_make_key(folder / "edge.key")
    books.database.write_sync(lambda tx: nodes.add_key(tx.sql, NODE, edge_keys.public_key, 1))
    listener = Listener(
        books.database,
        keys,
        warehouse_days.counting(books),
        host="127.0.0.1",
        port=0,
        clock=SystemClock(),
        entropy=SystemEntropy(),
        project_all=warehouse_days.counting_all(books),
    )
    listener.start()
    address = f"tcp://127.0.0.1:{listener.port}"
    edge = subprocess.Popen(
        [sys.executable, __file__, "--edge", str(folder), address, keys.public_key],
        stdin=subprocess.PIPE,
    )
    assert edge.stdin is not None
    pause = threading.Event()
    pause.wait(1.5)
    start, used = time.perf_counter(), time.process_time()
    edge.stdin.write(b"go\n")
    edge.stdin.flush()
    while applied(books) < facts:
        assert time.perf_counter() - start < DEADLINE_SECONDS, applied(books)
        pause.wait(LOOK_SECONDS)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    edge.stdin.close()
    edge.wait(30)
    listener.stop()
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, used, spent.ru_utime + spent.ru_stime


def applied(books: SqliteHub) -> int:
    """Return how many facts are committed at the hub."""
    return books.database.read_sync(
        lambda sql: int(
            sql.execute("SELECT coalesce(sum(applied_seq), 0) FROM node_logs").fetchone()[0]
        )
    )


def run(sizes: warehouse_days.Sizes, *, profile: bool) -> dict[str, Any]:
    """Prepare, measure the baseline and the catch-up once, and check the books."""
    with tempfile.TemporaryDirectory(prefix="bincard-s7-") as place:
        folder = Path(place)
        books = open_books(folder / "hub.db", "", SystemClock(), SystemEntropy())
        office = Office(books, sizes.orders)
        floor = warehouse_days.Floor(office, sizes.facts)
        edge = make_edge(folder)
        warehouse_days.write_log(edge, floor.opening())
        facts = edge.read_sync(edge_log.head).seq
        facts += warehouse_days.write_log(edge, floor.days())
        edge.write_sync(
            lambda tx: tx.sql.execute("UPDATE node_state SET down_cursor = ?", (office.down_head,))
        )
        mix = warehouse_days.mix_of(edge)
        rows = edge.read_sync(
            lambda sql: [
                tuple(row)
                for row in sql.execute(
                    "SELECT node, incarnation, seq, prev_hash, hash, kind, version, body, wall_ms,"
                    " mono_ms, op_id, actor FROM facts ORDER BY seq"
                )
            ]
        )
        edge.close()
        raw = baseline(rows, folder)
        body_bytes = sum(len(row[7]) for row in rows)
        del rows
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds, hub_cpu, edge_cpu = (profiled if profile else catch_up)(books, folder, facts)
        edge_cpu -= before.ru_utime + before.ru_stime
        found = {
            "facts": facts,
            "body_bytes_mean": round(body_bytes / facts),
            "seconds": round(seconds, 2),
            "facts_per_second": round(facts / seconds),
            "raw_rows_per_second": round(raw),
            "hub_cpu_us_per_fact": round(hub_cpu / facts * 1e6, 1),
            "edge_cpu_us_per_fact": round(edge_cpu / facts * 1e6, 1),
            "ratio": round(facts / seconds / raw, 3),
            "mix": mix,
        } | warehouse_days.check(books)
        books.close()
    return found


def profiled(books: SqliteHub, folder: Path, facts: int) -> tuple[float, float, float]:
    """Profile the hub's writer while the edge catches up, and print the costliest functions."""
    profiler = cProfile.Profile()
    books.database.submit(lambda _: profiler.enable()).result()
    found = catch_up(books, folder, facts)
    books.database.submit(lambda _: profiler.disable()).result()
    pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(45)
    return found


def main() -> None:
    """Run as asked and print figures; the medians are those of the runs."""
    if sys.argv[1:2] == ["--edge"]:
        run_edge(Path(sys.argv[2]), sys.argv[3], sys.argv[4])
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--facts", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    sizes = warehouse_days.Sizes(given.facts)
    runs = [run(sizes, profile=given.profile) for _ in range(given.runs)]
    found = {
        name: statistics.median(one[name] for one in runs)
        for name in (
            "facts_per_second",
            "raw_rows_per_second",
            "ratio",
            "hub_cpu_us_per_fact",
            "edge_cpu_us_per_fact",
        )
    }
    sys.stdout.write(json.dumps({"S7": found, "runs": runs}, indent=2) + "\n")


if __name__ == "__main__":
    main()
