"""S12: how soon an edge with a million serial numbers is ready, and how much memory it takes.

Run `python tests/benchmarks/bench_edge_start.py [--serials 1000000] [--runs 3]`; it prints one JSON
object. The books are filled by plain statements (2,000 SKUs, one million serial numbers, balances
to match); then `bincard edge serve` is started on them as a process of its own. Ready is when
`GET /readyz` answers 200, counted from before the process was started, so that the interpreter's
own start counts too; `cpu_seconds` is what the process itself had used by then, which other work on
the machine does not change. The first start also makes what a new node needs once, and the
bytecode that an installation has already, so it is told apart. Memory is VmRSS after the node is
ready and has answered 200 pages of stock.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import httpx

from shared.runtime.database import connect
from shared.runtime.migrate import migrate
from tests.benchmarks.fuzz_hub_socket import rss_mb

SKUS = 2_000
REQUESTS = 200
START_SECONDS_MAX = 120.0
LOOK_SECONDS = 0.005


def fill(state: Path, serials: int) -> None:
    """Write the books of a warehouse that holds so many serial-numbered units."""
    migrate(state / "edge.db", "edge", "edge.store.migrations")
    sql = connect(state / "edge.db", writable=True)
    sql.execute("BEGIN")
    sql.executemany(
        "INSERT INTO products VALUES (?, '', 'a', 300, 100, 100, 50, 'full')",
        [(f"SKU-{number:05}",) for number in range(SKUS)],
    )
    each = serials // SKUS
    sql.executemany(
        "INSERT INTO balances VALUES (?, ?, ?)",
        [
            row
            for number in range(SKUS)
            for row in (
                (f"bin:{_bin(number)}", f"SKU-{number:05}", each),
                ("supplier", f"SKU-{number:05}", -each),
            )
        ],
    )
    sql.executemany(
        "INSERT INTO serials VALUES (?, ?, 'in_stock', ?, 1, NULL, 0)",
        (
            (f"SN{unit:09}", f"SKU-{unit // each:05}", f"bin:{_bin(unit // each)}")
            for unit in range(each * SKUS)
        ),
    )
    sql.execute("COMMIT")
    sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sql.close()


def _bin(number: int) -> str:
    return f"A{number // 100:02}-{number % 100:02}-1"


def cpu_of(pid: int) -> float:
    """Return the seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def start(state: Path) -> dict[str, float]:
    """Start the edge, wait until it is ready, use it a little, stop it; return figures."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith("BINCARD_")}
    env |= {
        "BINCARD_EDGE_STATE_DIR": str(state),
        "BINCARD_EDGE_HTTP_PORT": str(port),
        "BINCARD_EDGE_WAREHOUSE": "SHA",
        "PYTHONPYCACHEPREFIX": str(state / "bytecode"),
    }
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    pause = threading.Event()
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", "from edge.cli import edge; edge()", "serve"],
        env=env, cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5) as client:
            while not _ready(client):
                assert process.poll() is None, "the edge ended while starting"
                assert time.perf_counter() - began < START_SECONDS_MAX, "the edge did not start"
                pause.wait(LOOK_SECONDS)
            seconds = time.perf_counter() - began
            ready_mb = rss_mb(process.pid)
            cpu_seconds = cpu_of(process.pid)
            for _ in range(REQUESTS):
                client.get("/api/v1/stock").raise_for_status()
            return {
                "ready_seconds": round(seconds, 2),
                "cpu_seconds": round(cpu_seconds, 2),
                "rss_ready_mb": round(ready_mb, 1),
                "rss_used_mb": round(rss_mb(process.pid), 1),
            }
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def main() -> None:
    """Run as asked and print figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--serials", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bincard-s12-") as place:
        state = Path(place)
        fill(state, given.serials)
        found: dict[str, Any] = {"serials": given.serials, "first_start": start(state)}
        runs = [start(state) for _ in range(given.runs)]
    found["S12"] = {name: statistics.median(one[name] for one in runs) for name in runs[0]}
    found["runs"] = runs
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
