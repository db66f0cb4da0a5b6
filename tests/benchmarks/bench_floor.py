"""S1, S2, S3: scans of 32 handhelds at once, whole lists of serial numbers, scans in large books.

Run `python tests/benchmarks/bench_floor.py [--serials 1000000] [--scans 60]`; it prints one JSON
object. S1 and S3 talk to `bincard edge serve`, a process of its own, over HTTP and kept-alive
connections; the client speaks from bytes that are ready, so that it costs little beside the server.

S1: each of 32 handhelds has a list of its own at hand and scans one serial number after the other;
every scan is a movement, two balances, a life, a fact and an answer, fsynced before it is told. The
baseline is asked by the same client in the same run: a Litestar handler that takes the same body
and answers `{}`, served by the same server class. S3: one handheld alone scans in turn at an edge
with few and at one with many serial numbers, so that whatever else the machine does strikes both.
S2: lists of 20,000 serial numbers are booked, one transaction each, in this process; the baseline
inserts every row that all of it wrote, taken from the books afterwards, into an empty file of the
same schema in one transaction.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from edge.services.receive_bulk import BulkReceipt, NewReceipt, make_receipt, receive_bulk
from shared.domain.facts import StockRow
from shared.runtime.database import Database, connect
from shared.runtime.migrate import migrate
from tests.benchmarks.bench_edge_start import fill, free_port
from tests.unit.edge.floor_work.conftest import House

HANDHELDS = 32
BADGE = "BDG-0002"
FEW_SERIALS = 10_000
LISTS, LIST_SERIALS = 5, 20_000
START_SECONDS_MAX = 180.0
LOOK_SECONDS = 0.02
PATH = "/api/v1/scans"
Scan = tuple[str, str]
"""Station and what is read."""


def prepare(state: Path, serials: int, scans: int) -> list[list[Scan]]:
    """Fill the books and bring every handheld to its bin; return what each will scan."""
    state.mkdir()
    fill(state, serials)
    database = Database(state / "edge.db")
    house = House(database)
    work = []
    for number in range(HANDHELDS):
        sku, station = f"SKU-{number:05}", f"handheld-{number + 1:02}"
        mine = house.sql("SELECT serial, account FROM serials WHERE sku = ? LIMIT ?", sku, scans)
        units = min(scans, len(mine) - 1)
        house.parcel(f"P{number}", (sku, units + 1))
        house.plan()
        place = str(mine[0][1]).partition(":")[2]
        told = house.codes(BADGE, "BC:PICK", f"C{number + 1:02}", place, station=station)
        assert told == ["hello", "list_yours", "cart_ready", "bin_right"], told
        work.append([(station, str(serial)) for serial, _ in mine[:units]])
    database.close()
    return work


@contextlib.contextmanager
def serving(arguments: list[str], env: dict[str, str], port: int) -> Iterator[int]:
    """Run a server of its own until the end; yield its port once it answers."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=env,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        asyncio.run(asyncio.wait_for(_until_up(port), START_SECONDS_MAX))
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


async def _until_up(port: int) -> None:
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            line = await Line.open(port)
            if (await line.ask(b"GET", "/readyz", b""))[0] == 200:
                return
        await asyncio.sleep(LOOK_SECONDS)


def edge_server(state: Path) -> contextlib.AbstractContextManager[int]:
    """Serve the edge whose books are in `state`."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith("BINCARD_")}
    env |= {
        "BINCARD_EDGE_STATE_DIR": str(state),
        "BINCARD_EDGE_HTTP_PORT": str(port),
        "BINCARD_EDGE_WAREHOUSE": "SZ",
    }
    return serving(["-c", "from edge.cli import edge; edge()", "serve"], env, port)


def empty_server() -> contextlib.AbstractContextManager[int]:
    """Serve a handler that does nothing with a scan."""
    port = free_port()
    return serving([__file__, "--empty", str(port)], dict(os.environ), port)


def serve_empty(port: int) -> None:
    """Be the server that does nothing."""
    from litestar import Litestar, get, post

    from edge.services.scan import ScanRequest
    from shared.runtime.serve import serve

    @post(PATH, status_code=200)
    async def nothing(data: ScanRequest) -> dict[str, str]:
        del data
        return {}

    @get("/readyz")
    async def ready() -> dict[str, str]:
        return {}

    # Litestar resolves the annotation of a handler that is made inside a function by this.
    app = Litestar([nothing, ready], signature_types=[ScanRequest])
    serve(app, host="127.0.0.1", port=port, stopping=asyncio.Event())


class Line:
    """One kept-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Ask on a connection that is open."""
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Line:
        """Connect; raises OSError when nobody listens."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, method: bytes, path: str, body: bytes) -> tuple[int, bytes]:
        """Send one request; return status and body of its answer."""
        head = b"%b %b HTTP/1.1\r\nHost: edge\r\nContent-Type: application/json\r\n" % (
            method,
            path.encode(),
        )
        self._writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        size = answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        return int(answer[9:12]), await self._reader.readexactly(int(size or 0))


async def scan_all(port: int, work: list[list[Scan]], name: str) -> dict[str, Any]:
    """Let every handheld scan what it has, one after the other; return figures."""
    lines = [await Line.open(port) for _ in work]
    times: list[float] = []
    told: dict[str, int] = {}

    async def handheld(line: Line, scans: list[Scan]) -> None:
        for number, (station, raw) in enumerate(scans):
            body = json.dumps(
                {
                    "op_id": f"{name}-{station}-{number}", "device_id": station,
                    "device_seq": number, "station": station, "raw": raw,
                }
            ).encode()  # fmt: skip
            start = time.perf_counter()
            status, answer = await line.ask(b"POST", PATH, body)
            times.append((time.perf_counter() - start) * 1e3)
            code = str(json.loads(answer).get("code", status))
            told[code] = told.get(code, 0) + 1

    start = time.perf_counter()
    await asyncio.gather(*map(handheld, lines, work))
    seconds = time.perf_counter() - start
    return {"per_second": round(len(times) / seconds), "told": told} | spread(times)


def spread(times: list[float]) -> dict[str, float]:
    """Return the middle and the end of times in milliseconds."""
    ordered = sorted(times)
    return {
        "p50_ms": round(ordered[len(ordered) // 2], 2),
        "p99_ms": round(ordered[len(ordered) * 99 // 100], 2),
    }


def s1(state: Path, work: list[list[Scan]], rounds: int = 4) -> dict[str, Any]:
    """Take turns: a part of the scans at the edge, as many at the empty handler."""
    runs: list[dict[str, Any]] = []
    part = len(work[0]) // rounds
    with edge_server(state) as edge, empty_server() as empty:
        for number in range(rounds):
            scans = [mine[number * part : (number + 1) * part] for mine in work]
            nothing = asyncio.run(scan_all(empty, scans, f"a{number}"))
            ours = asyncio.run(scan_all(edge, scans, f"b{number}"))
            assert list(ours["told"]) == ["picked"], ours
            ratio = round(ours["per_second"] / nothing["per_second"], 3)
            runs.append({"ratio": ratio, "scans": ours, "empty": nothing})
    return {"handhelds": HANDHELDS, "ratio": statistics.median(one["ratio"] for one in runs)} | {
        "runs": runs
    }


def s3(few: Path, many: Path, work: tuple[list[Scan], list[Scan]]) -> dict[str, Any]:
    """Scan in turn at both edges with one handheld each; return figures of both."""
    times: tuple[list[float], list[float]] = ([], [])

    async def run(ports: tuple[int, int]) -> None:
        lines = [await Line.open(port) for port in ports]
        for number, pair in enumerate(zip(*work, strict=True)):
            for line, (station, raw), mine in zip(lines, pair, times, strict=True):
                body = json.dumps(
                    {
                        "op_id": f"s3-{number}", "device_id": "d", "device_seq": number,
                        "station": station, "raw": raw,
                    }
                ).encode()  # fmt: skip
                start = time.perf_counter()
                status, answer = await line.ask(b"POST", PATH, body)
                mine.append((time.perf_counter() - start) * 1e3)
                assert status == 200, answer
                assert json.loads(answer)["code"] == "picked", answer

    with edge_server(few) as one, edge_server(many) as other:
        asyncio.run(run((one, other)))
    small, large = (spread(mine) for mine in times)
    return {"few": small, "many": large, "ratio_p50": round(large["p50_ms"] / small["p50_ms"], 2)}


def s2(place: Path) -> dict[str, Any]:
    """Book whole lists, then insert the same rows bare."""
    migrate(place / "lists.db", "edge", "edge.store.migrations")
    database = Database(place / "lists.db")
    house = House(database)
    tables = [str(row[0]) for row in house.sql(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        " AND name NOT LIKE '_sqlite_%'"
    )]  # fmt: skip
    known = {table: house.sql(f"SELECT * FROM {table}") for table in tables}
    start = time.perf_counter()
    for number in range(LISTS):
        serials = tuple(f"NEW{number}-{unit:07}" for unit in range(LIST_SERIALS))
        notice = NewReceipt("-", "supplier", (StockRow("A01-01", "PHONE", LIST_SERIALS),))
        asn = house.write(lambda floor, notice=notice: make_receipt(floor, notice))
        asked = BulkReceipt(f"op-bulk-{number}", "PHONE", serials)
        outcome = house.write(lambda floor, asn=asn, asked=asked: receive_bulk(floor, asn, asked))
        assert outcome.accepted == LIST_SERIALS, outcome
    seconds = time.perf_counter() - start
    wrote = {}
    for table in tables:
        before = set(known[table])
        rows = house.sql(f"SELECT * FROM {table}")
        wrote[table] = [row for row in rows if row not in before]
    wrong = house.wrong()
    database.close()
    raw = bare(place / "bare.db", wrote)
    count = LISTS * LIST_SERIALS
    return {
        "serials_per_second": round(count / seconds),
        "bare_serials_per_second": round(count / raw),
        "ratio": round(raw / seconds, 3),
        "rows": {table: len(rows) for table, rows in wrote.items() if rows},
        "books": wrong or "proven",
    }


def bare(path: Path, wrote: dict[str, list[tuple[Any, ...]]]) -> float:
    """Insert rows into an empty file in one transaction; return the seconds it took."""
    migrate(path, "edge", "edge.store.migrations")
    sql = connect(path, writable=True)
    sql.execute("PRAGMA foreign_keys=OFF")
    start = time.perf_counter()
    sql.execute("BEGIN IMMEDIATE")
    for table, rows in wrote.items():
        if rows:
            marks = ",".join("?" * len(rows[0]))
            sql.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)
    sql.execute("COMMIT")
    seconds = time.perf_counter() - start
    sql.close()
    return seconds


def main() -> None:
    """Run everything and print it."""
    if sys.argv[1:2] == ["--empty"]:
        serve_empty(int(sys.argv[2]))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--serials", type=int, default=1_000_000)
    parser.add_argument("--scans", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bincard-floor-") as folder:
        place = Path(folder)
        found: dict[str, Any] = {"serials": given.serials, "S2": s2(place)}
        small = prepare(place / "few", max(FEW_SERIALS, given.serials // 100), given.scans)
        large = prepare(place / "many", given.serials, given.scans)
        found["S3"] = s3(place / "few", place / "many", (small[0], large[0][: len(small[0])]))
        found["S1"] = s1(place / "many", large[1:])
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
