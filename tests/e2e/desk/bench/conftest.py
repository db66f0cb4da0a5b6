"""A bench whose scale and printer are simulated byte for byte behind the real devices process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

SECONDS: Final = 20
PROGRAM: Final = [sys.executable, "-c", "from shared.runtime.program import main; main()"]


def told(state_dir: Path, pid: int) -> dict[str, Any]:
    """Return what the process `pid` wrote when it was ready."""
    for _ in range(SECONDS * 50):
        try:
            said: dict[str, Any] = json.loads((state_dir / "run.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            said = {}
        if said.get("pid") == pid:
            return said
        threading.Event().wait(0.02)
    raise AssertionError(f"{state_dir} has no run.json of {pid}")


def _start(arguments: list[str], state_dir: Path, **more: str) -> tuple[Any, dict[str, Any]]:
    process = subprocess.Popen([*PROGRAM, *arguments], env=os.environ | more)
    return process, told(state_dir, process.pid)


@pytest.fixture(scope="session")
def devices(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[httpx.Client, dict[str, Any]]]:
    """Scale 2 and printer 2, simulated; yields (their hands, the bus of the devices process)."""
    tmp_path = tmp_path_factory.mktemp("devices")
    lines = tmp_path / "simulated"
    (tmp_path / "simulate.json").write_text(
        json.dumps(
            {"state_dir": str(lines), "scales": [{"name": "scale-2", "port": "scale-2.tty"}],
             "printers": [{"name": "printer-2", "tray": "tray-2"},
                          {"name": "printer-9", "tray": "tray-9", "dots_per_mm": 12}]}
        )
    )  # fmt: skip
    simulator, world = _start(
        ["devices", "simulate", "--config", str(tmp_path / "simulate.json")], lines
    )
    (tmp_path / "devices.json").write_text(
        json.dumps({"devices": [
            {"name": "scale-2", "kind": "scale", "port": str(lines / "scale-2.tty")},
            {"name": "printer-2", "kind": "printer", "driver": "tcp9100", "host": "127.0.0.1",
             "port": world["printers"]["printer-2"]},
            {"name": "printer-9", "kind": "printer", "driver": "tcp9100", "host": "127.0.0.1",
             "port": world["printers"]["printer-9"], "media": "100x150", "dots_per_mm": 12},
        ]})
    )  # fmt: skip
    service, bus = _start(
        ["devices", "serve"], tmp_path / "devices",
        BINCARD_DEVICES_CONFIG=str(tmp_path / "devices.json"),
        BINCARD_DEVICES_STATE_DIR=str(tmp_path / "devices"),
        BINCARD_DEVICES_REQUESTS="tcp://127.0.0.1:0", BINCARD_DEVICES_EVENTS="tcp://127.0.0.1:0",
    )  # fmt: skip
    with httpx.Client(base_url=f"http://127.0.0.1:{world['control_port']}") as hands:
        yield hands, bus
    for process in (service, simulator):
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS)


@pytest.fixture
def bench_edge(
    tmp_path: Path, start_edge: Callable[..., Any], devices: tuple[httpx.Client, dict[str, Any]]
) -> Iterator[tuple[Any, httpx.Client]]:
    """A warehouse with two picked parcels on cart C04 and bench 2 with its scale and printer."""
    hands, bus = devices
    hands.put("/scales/scale-2", json={"unplugged": False, "grams": 0})
    hands.put("/printers/printer-2", json={"paper_out": False, "reset_after_bytes": None})
    edge = start_edge(tmp_path, bus)
    edge.order(1, [("CY-AIR3-WH", 2), ("YC-GAN65", 2), ("GIFT-01", 1)], "SF", hours=2)
    edge.order(2, [("CY-AIR3-WH", 1)], "SF", hours=2)
    edge.plan()
    edge.take_list("handheld-07", "C04")
    edge.pick("handheld-07")
    yield edge, hands
    edge.stop()
