"""A bench with the real devices process and simulated hardware behind real ports."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from devices.client import DevicesClient
from edge.hardware import Hardware
from shared.domain.facts import LabelPrinted
from shared.web.live import LiveBus

DEADLINE_SECONDS = 20.0
POLL_SECONDS = 0.02
PROGRAM = "from shared.runtime.program import main; main()"


def wait_for(holds: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE_SECONDS
    pause = threading.Event()
    while not (found := holds()):
        assert time.monotonic() < deadline, "nothing happened in time"
        pause.wait(POLL_SECONDS)
    return found


@contextmanager
def process(folder: Path, *arguments: str, **settings: str) -> Iterator[dict[str, Any]]:
    """Run one `bincard` service; yield what it says once it is ready."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("wb") as log:
        started = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            env=os.environ | settings, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_for(lambda: (folder / "run.json").exists() or started.poll() is not None)
        yield json.loads((folder / "run.json").read_text())
    finally:
        started.terminate()
        started.wait(DEADLINE_SECONDS)


class Hands:
    """What a packer's hands do to the simulated scale and printer."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url)

    def load(self, grams: int) -> None:
        self._http.put("/scales/scale-1", json={"grams": grams}).raise_for_status()

    def printer(self, **faults: Any) -> None:
        self._http.put("/printers/printer-1", json=faults).raise_for_status()

    def tray(self) -> list[str]:
        answer = self._http.get("/printers/printer-1/tray").json()
        return [label["file"] for label in answer["labels"]]


def rehearse(warehouse: Any, folder: Path, story: Callable[[Hands], Awaitable[None]]) -> None:
    """Play `story` at bench-1 with simulated hardware, the devices process and a listening edge."""
    state = folder / "simulator"
    setting = {
        "state_dir": str(state), "control_port": 0,
        "scales": [{"name": "scale-1", "protocol": "mt-sics", "port": str(state / "s.tty")}],
        "printers": [{"name": "printer-1", "tray": str(folder / "tray")}],
    }  # fmt: skip
    (folder / "simulator.json").write_text(json.dumps(setting))
    with process(state, "devices", "simulate", "--config", str(folder / "simulator.json")) as site:
        devices = [
            {"name": "scale-1", "kind": "scale", "protocol": "mt-sics",
             "port": str(state / "s.tty")},
            {"name": "printer-1", "kind": "printer", "host": "127.0.0.1", "proof_seconds": 2,
             "port": site["printers"]["printer-1"]},
        ]  # fmt: skip
        (folder / "devices.json").write_text(json.dumps({"devices": devices}))
        with process(
            folder / "devices", "devices", "serve",
            BINCARD_DEVICES_CONFIG=str(folder / "devices.json"),
            BINCARD_DEVICES_REQUESTS="tcp://127.0.0.1:0", BINCARD_DEVICES_EVENTS="tcp://127.0.0.1:0",
            BINCARD_DEVICES_STATE_DIR=str(folder / "devices"),
        ) as bus:  # fmt: skip
            hands = Hands(f"http://127.0.0.1:{site['control_port']}")
            asyncio.run(_play(warehouse, bus, lambda: story(hands)))


async def _play(warehouse: Any, bus: dict[str, Any], story: Callable[[], Awaitable[None]]) -> None:
    live = LiveBus(asyncio.Event())
    live.attach(asyncio.get_running_loop())
    warehouse.told.publish = live.publish
    hardware = Hardware(
        DevicesClient(bus["requests"], bus["events"]), database=warehouse.database, live=live,
        clock=warehouse.clock, entropy=warehouse.entropy, site=lambda: warehouse.site,
        scan=lambda **_: asyncio.sleep(0), patrol_seconds=0.1,
    )  # fmt: skip
    await hardware.start()
    try:
        await story()
    finally:
        await hardware.stop()


async def until(holds: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(wait_for, holds)


async def ready_to_weigh(warehouse: Any, goods: Any) -> str:
    def work() -> str:
        parcel_id = warehouse.picked("C01-01", {goods.full: 1}, serials=("SN-A",))
        warehouse.scans("bench-1", "BDG-1", "C01-01", "SN-A")
        return str(parcel_id)

    return await asyncio.to_thread(work)


def halt_code(warehouse: Any) -> str | None:
    halt = warehouse.view()["halt"]
    return halt["code"] if halt else None


def test_the_weight_stops_until_it_is_right_and_paper_out_delays_but_never_doubles_the_label(
    warehouse: Any, goods: Any, tmp_path: Path
) -> None:
    async def story(hands: Hands) -> None:
        parcel_id = await ready_to_weigh(warehouse, goods)
        hands.printer(paper_out=True)
        hands.load(3_000)
        await until(lambda: halt_code(warehouse) == "too_heavy")
        await asyncio.to_thread(warehouse.scans, "bench-1", "BC:PACKING")
        await until(lambda: halt_code(warehouse) == "too_heavy")
        hands.load(0)
        await asyncio.to_thread(warehouse.scans, "bench-1", "BC:PACKING")
        hands.load(540)
        await until(lambda: halt_code(warehouse) == "printer_paper_out")
        assert hands.tray() == []
        hands.printer(paper_out=False)
        await until(lambda: warehouse.job(parcel_id).state == "confirmed")
        waybill = warehouse.parcel(parcel_id).waybill
        assert [waybill in name for name in hands.tray()] == [True]
        codes = await asyncio.to_thread(warehouse.scans, "bench-1", waybill)
        assert codes == ["parcel_done"]

    rehearse(warehouse, tmp_path, story)


def test_a_line_cut_while_sending_asks_a_person_and_only_that_answer_prints_again(
    warehouse: Any, goods: Any, tmp_path: Path
) -> None:
    async def story(hands: Hands) -> None:
        parcel_id = await ready_to_weigh(warehouse, goods)
        hands.printer(reset_after_bytes=2_000)
        hands.load(540)
        await until(lambda: halt_code(warehouse) == "print_unknown")
        assert hands.tray() == []
        codes = await asyncio.to_thread(warehouse.scans, "bench-1", "BC:REPRINT:missing")
        assert codes == ["copy_ordered"]
        await until(lambda: warehouse.job(parcel_id).state == "confirmed")
        assert [job.state for job in warehouse.jobs(parcel_id)] == ["cancelled", "confirmed"]
        assert len(hands.tray()) == 1
        facts = [fact for fact in warehouse.facts() if isinstance(fact, LabelPrinted)]
        assert [(fact.copy_no, fact.reason) for fact in facts] == [(2, "missing")]

    rehearse(warehouse, tmp_path, story)


def test_a_printed_label_without_proof_is_proven_by_its_scan(
    warehouse: Any, goods: Any, tmp_path: Path
) -> None:
    async def story(hands: Hands) -> None:
        parcel_id = await ready_to_weigh(warehouse, goods)
        hands.printer(print_ms=700)
        hands.load(540)
        await until(lambda: packed(parcel_id) and warehouse.job(parcel_id).state == "sent")
        hands.printer(silent=True)
        await until(lambda: halt_code(warehouse) == "print_unknown")
        await until(hands.tray)
        waybill = warehouse.parcel(parcel_id).waybill
        codes = await asyncio.to_thread(warehouse.scans, "bench-1", waybill)
        assert (codes, len(hands.tray())) == (["parcel_done"], 1)
        hands.printer(silent=False)
        following = await asyncio.to_thread(next_parcel, hands)
        await until(lambda: warehouse.job(following).state == "confirmed")
        assert len(hands.tray()) == 2

    def packed(parcel_id: str) -> bool:
        return str(warehouse.parcel(parcel_id).state) == "packed"

    def next_parcel(hands: Hands) -> str:
        """Pack one more: the printer is free again once the first label was decided."""
        hands.load(0)
        parcel_id = warehouse.picked("C01-02", {goods.full: 1}, serials=("SN-B",))
        warehouse.scans("bench-1", "C01-02", "SN-B")
        hands.load(541)
        wait_for(lambda: packed(parcel_id))
        return str(parcel_id)

    rehearse(warehouse, tmp_path, story)
