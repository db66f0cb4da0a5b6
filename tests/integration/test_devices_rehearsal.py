"""A warehouse without hardware: the simulator and the devices process as a site starts them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Pause

import httpx
import pytest
import zmq

from devices.messages import (
    AskHealth,
    HealthChanged,
    HealthReply,
    JobChanged,
    PrintLabel,
    ScanRead,
    WeightSettled,
    encoder,
    event_decoder,
    reply_decoder,
)

SECONDS = 20.0
PROGRAM = [sys.executable, "-c", "from shared.runtime.program import main; main()", "devices"]
LABEL = b"^XA^PW608^FO10,10^BCN,100^FDSF1234567890128^FS^XZ"


def told(state_dir: Path, pid: int) -> dict[str, object]:
    """Return what the process `pid` wrote into run.json, waiting for it."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            said: dict[str, object] = json.loads((state_dir / "run.json").read_text())
        except FileNotFoundError:
            said = {}
        if said.get("pid") == pid:
            return said
        Pause().wait(0.02)
    raise AssertionError(f"{state_dir} has no run.json of {pid}")


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[dict[str, object]]:
    config = tmp_path / "simulate.json"
    state_dir = tmp_path / "simulated"
    config.write_text(
        json.dumps(
            {
                "state_dir": str(state_dir),
                "scales": [{"name": "scale-1", "port": "scale-1.tty"}],
                "scanners": [{"name": "scanner-1", "port": "scanner-1.tty"}],
                "printers": [{"name": "printer-1", "tray": "tray-1"}],
            }
        )
    )
    process = subprocess.Popen([*PROGRAM, "simulate", "--config", str(config)])
    yield told(state_dir, process.pid)
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) == 0
    assert not (state_dir / "scale-1.tty").is_symlink()


@pytest.fixture
def hand(simulator: dict[str, object]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{simulator['control_port']}") as hand:
        yield hand


@pytest.fixture
def process(simulator: dict[str, object], tmp_path: Path) -> Iterator[dict[str, object]]:
    lines = tmp_path / "simulated"
    ports = simulator["printers"]
    assert isinstance(ports, dict)
    devices = [
        {"name": "scale-1", "kind": "scale", "port": str(lines / "scale-1.tty")},
        {"name": "scanner-1", "kind": "scanner", "port": str(lines / "scanner-1.tty")},
        {"name": "printer-1", "kind": "printer", "driver": "tcp9100", "host": "127.0.0.1",
         "port": ports["printer-1"]},
    ]  # fmt: skip
    (tmp_path / "devices.json").write_text(json.dumps({"devices": devices}))
    environment = os.environ | {
        "BINCARD_DEVICES_CONFIG": str(tmp_path / "devices.json"),
        "BINCARD_DEVICES_STATE_DIR": str(tmp_path / "devices"),
        "BINCARD_DEVICES_REQUESTS": "tcp://127.0.0.1:0",
        "BINCARD_DEVICES_EVENTS": "tcp://127.0.0.1:0",
    }
    process = subprocess.Popen([*PROGRAM, "serve"], env=environment)
    yield told(tmp_path / "devices", process.pid)
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) == 0


@pytest.fixture
def bus(process: dict[str, object]) -> Iterator[tuple[zmq.Socket[bytes], zmq.Socket[bytes]]]:
    with (
        zmq.Context() as context,
        context.socket(zmq.DEALER) as ask,
        context.socket(zmq.SUB) as news,
    ):
        for wire in (ask, news):
            wire.setsockopt(zmq.LINGER, 0)
            wire.setsockopt(zmq.RCVTIMEO, int(SECONDS * 1_000))
        ask.connect(str(process["requests"]))
        news.setsockopt(zmq.SUBSCRIBE, b"")
        news.connect(str(process["events"]))
        yield ask, news


def heard(news: zmq.Socket[bytes], kind: type, **fields: object) -> object:
    """Return the next event of `kind` with these fields."""
    while True:
        event = event_decoder.decode(news.recv_multipart()[1])
        if isinstance(event, kind) and all(
            getattr(event, field) == value for field, value in fields.items()
        ):
            return event


def test_a_parcel_is_scanned_weighed_and_labelled(hand: httpx.Client, bus) -> None:
    ask, news = bus
    ask.send(encoder.encode(AskHealth(request_id="1")))
    health = reply_decoder.decode(ask.recv())
    assert isinstance(health, HealthReply)
    assert [device.device for device in health.devices] == ["scale-1", "scanner-1", "printer-1"]
    heard(news, HealthChanged, device="scanner-1", state="up")
    assert hand.post("/scanners/scanner-1", json={"text": "C04-05"}).status_code == 200
    heard(news, ScanRead, text="C04-05")
    hand.put("/scales/scale-1", json={"grams": 1_370})
    heard(news, WeightSettled, grams=1_370)
    hand.put("/printers/printer-1", json={"paper_out": True})
    ask.send(
        encoder.encode(PrintLabel(request_id="2", job_id="j1", printer="printer-1", zpl=LABEL))
    )
    assert reply_decoder.decode(ask.recv()).request_id == "2"
    heard(news, JobChanged, job_id="j1", state="queued")
    hand.put("/printers/printer-1", json={"paper_out": False})
    heard(news, JobChanged, job_id="j1", state="confirmed")
    (label,) = hand.get("/printers/printer-1/tray").json()["labels"]
    assert Path(label["file"]).read_bytes() == LABEL
    assert hand.put("/scales/scale-1", json={"grams": 0}).json()["shown_grams"] == 0


def test_the_control_port_refuses_mistakes_with_sentences(hand: httpx.Client) -> None:
    for method, path, body, status in (
        ("PUT", "/scales/scale-9", {"grams": 1}, 404),
        ("PUT", "/scales/scale-1", {"gram": 1}, 400),
        ("PUT", "/scales/scale-1", {"grams": "much"}, 400),
        ("PUT", "/printers/printer-1", {"paperout": True}, 400),
        ("POST", "/nothing", {}, 404),
        ("GET", "/scales", None, 404),
    ):
        answer = hand.request(method, path, json=body)
        assert answer.status_code == status, path
        assert answer.json()["detail"].endswith(".")
    looks = hand.get("/").json()
    assert looks["scales"]["scale-1"]["grams"] == 0
