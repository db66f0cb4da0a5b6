"""Random and mutated frames against a live hub, while another warehouse goes on working.

Run `python tests/benchmarks/fuzz_hub_socket.py [--frames 1000000] [--seed N]`; it prints one JSON
object and ends with status 1 when a promise is broken. The hub is a process of its own (`bincard
hub serve`) with CURVE. The frames come over an enrolled key: real frames of every type are cut,
joined, spliced, bit-flipped, nested, given huge length claims, sent with wrong sessions, in several
parts and again later. Beside them strangers try the port with unknown keys and with raw bytes. All
the while an edge with the real `Line` writes a fact every 50 ms and waits until the hub has it on
its disk.

Promised: the hub's process lives, its memory grows less than 10 MB after the warm-up, the good edge
gets every fact acknowledged, and the books hold afterwards.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[2]))

import structlog
import zmq

from hub.store import fact_log as hub_log
from hub.store import nodes
from hub.store.open_books import open_books
from shared.runtime import curve
from shared.runtime.clock import SystemClock, SystemEntropy
from shared.runtime.curve import KeyPair
from tests.benchmarks.fuzz_frames import NODE as BAD
from tests.benchmarks.fuzz_frames import OTHER as GOOD
from tests.benchmarks.fuzz_parties import Fuzzer, GoodEdge

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

WARM_UP_SHARE: Final = 0.1
RSS_GROWTH_MAX_MB: Final = 10.0
START_SECONDS: Final = 30.0
STRANGERS: Final = 40
"""Unknown keys, and as many raw connections, that try the port during a whole run."""


def rss_mb(pid: int) -> float:
    """Return the resident memory of a process in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@contextmanager
def hub_process(state: Path, keys: dict[str, str]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Run a hub that knows `keys` (node to public key); yield its process and its `run.json`."""
    state.mkdir(exist_ok=True)
    books = open_books(state / "hub.db", "", SystemClock(), SystemEntropy())

    def enrol(tx: Any) -> None:
        for node, key in keys.items():
            hub_log.ensure_node(tx.sql, node)
            nodes.add_key(tx.sql, node, key, 1)

    books.database.write_sync(enrol)
    books.close()
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("BINCARD_")},
        "BINCARD_HUB_STATE_DIR": str(state),
        "BINCARD_HUB_HTTP_PORT": "0",
        "BINCARD_HUB_SYNC_PORT": "0",
    }
    program = [sys.executable, "-c", "from hub.cli import hub; hub()", "serve"]
    process = subprocess.Popen(
        program, env=env, stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[2]
    )
    run, until, pause = state / "run.json", time.monotonic() + START_SECONDS, threading.Event()
    while not run.exists():
        assert process.poll() is None, "the hub ended while starting"
        assert time.monotonic() < until, "the hub did not get ready"
        pause.wait(0.05)
    try:
        yield process, json.loads(run.read_bytes())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def strangers(port: int, server_key: str, count: int, seed: int) -> int:
    """Try the port with unknown keys and with raw bytes; return how many answers came (none)."""
    dice = random.Random(seed)
    answers = 0
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    for _ in range(count):
        unknown = curve.client_socket(context, curve.new_key_pair(), server_key)
        unknown.immediate = False
        unknown.connect(f"tcp://127.0.0.1:{port}")
        for _ in range(20):
            unknown.send(dice.randbytes(40))
        answers += bool(unknown.poll(50))
        unknown.close(0)
        with socket.create_connection(("127.0.0.1", port), 2) as raw:
            greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00CURVE" + bytes(48)
            raw.sendall(dice.choice((greeting, b"")) + dice.randbytes(dice.randint(0, 4_000)))
    context.destroy(linger=0)
    return answers


def run(frames: int, seed: int) -> dict[str, Any]:
    """Fire `frames` frames at a hub and return what was seen."""
    keys = {GOOD: curve.new_key_pair(), BAD: curve.new_key_pair()}
    with tempfile.TemporaryDirectory(prefix="bincard-fuzz-") as place:
        folder = Path(place)
        state = folder / "hub"
        known = {node: pair.public_key for node, pair in keys.items()}
        with hub_process(state, known) as (process, told):
            server = json.loads((state / "sync.key").read_bytes())["public_key"]
            port = told["sync_port"]
            with GoodEdge(folder / "good", keys[GOOD], server, port, state / "hub.db") as edge:
                found = _attack(keys[BAD], (server, port, state / "hub.db"), frames, seed, process)
            found |= _of_edge(edge)
            found["hub_lives"] = process.poll() is None
        found["hub_exit_status"] = process.returncode
        verify = subprocess.run(
            [sys.executable, "-c", "from hub.cli import hub; hub()", "verify"],
            env={**os.environ, "BINCARD_HUB_STATE_DIR": str(state)},
            cwd=Path(__file__).parents[2], capture_output=True, check=False,
        )  # fmt: skip
        found["books_hold"] = json.loads(verify.stdout)["holds"]
    found["holds"] = (
        found["hub_lives"]
        and found["hub_exit_status"] in {0, -signal.SIGTERM}
        and found["rss_growth_mb"] < RSS_GROWTH_MAX_MB
        and found["good_edge"]["unanswered"] == 0
        and found["good_edge"]["facts"] > 0
        and found["strangers_answered"] == 0
        and found["books_hold"]
    )
    return found


def _attack(
    keys: KeyPair, told: tuple[str, int, Path], frames: int, seed: int, process: Any
) -> dict[str, Any]:
    server, port, hub_file = told
    fuzzer = Fuzzer(keys, server, port, seed, hub_file)
    answered = [0]
    others = max(1, STRANGERS * frames // 1_000_000)
    unknown = threading.Thread(
        target=lambda: answered.__setitem__(0, strangers(port, server, others, seed))
    )
    unknown.start()
    start = time.perf_counter()
    fuzzer.fire(round(frames * WARM_UP_SHARE))
    warm = rss_mb(process.pid)
    fuzzer.fire(frames - round(frames * WARM_UP_SHARE))
    seconds = time.perf_counter() - start
    unknown.join()
    fuzzer.close()
    end = rss_mb(process.pid)
    return {
        "frames": fuzzer.sent,
        "seed": seed,
        "seconds": round(seconds, 1),
        "sessions_opened": fuzzer.greeted,
        "greetings_refused": fuzzer.refused,
        "answers": fuzzer.answers,
        "strangers": 2 * others,
        "strangers_answered": answered[0],
        "rss_after_warm_up_mb": round(warm, 1),
        "rss_at_end_mb": round(end, 1),
        "rss_growth_mb": round(end - warm, 1),
    }


def _of_edge(edge: GoodEdge) -> dict[str, Any]:
    times = sorted(edge.times_ms)
    return {
        "good_edge": {
            "facts": len(times),
            "unanswered": edge.unanswered,
            "p50_ms": round(times[len(times) // 2], 1),
            "p99_ms": round(times[len(times) * 99 // 100], 1),
            "max_ms": round(times[-1], 1),
        }
    }


def main() -> None:
    """Run as asked and print what was seen."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=20261126)
    given = parser.parse_args()
    found = run(given.frames, given.seed)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    sys.exit(0 if found["holds"] else 1)


if __name__ == "__main__":
    main()
