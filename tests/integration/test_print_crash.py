"""kill -9 at every step of a print job: the tray never holds a label nobody asked for."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.messages import Event, JobChanged
from devices.printers.driver import PrinterConfig
from devices.printers.elements import Page, Picture
from devices.printers.gfx import line
from devices.printers.service import PrintService
from devices.printers.zpl import render
from devices.simulated.printer import SimulatedPrinter

WAIT_SECONDS = 20.0
ZPL = render(Page(608, 1040, (Picture(10, 10, line("张*三 138****8000", 40)),)))
COPY = render(Page(608, 1040, (Picture(10, 10, line("补打 2", 40)),)))

CHILD = """
import os, signal, sys, threading
from pathlib import Path
from devices.printers.driver import PrinterConfig
from devices.printers.service import PrintService

state_dir, port, label, last_state = sys.argv[1:]

def heard(event):
    if getattr(event, "job_id", "") and event.state == last_state:
        os.kill(os.getpid(), signal.SIGKILL)

config = PrinterConfig(name="printer-1", host="127.0.0.1", port=int(port))
service = PrintService([config], Path(state_dir), heard)
service.submit("job-1", "printer-1", Path(label).read_bytes())
threading.Event().wait()
"""


class World:
    """A printer, and a print service that is killed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.printer = SimulatedPrinter("printer-1", "127.0.0.1", 0, root / "tray")
        self.printer.start()
        (root / "label.zpl").write_bytes(ZPL)
        self._told = threading.Condition()
        self._states: dict[str, list[str]] = {}
        self._service: PrintService | None = None

    def child(self, last_state: str) -> subprocess.Popen[bytes]:
        files = (self.root / "state", self.printer.port, self.root / "label.zpl", last_state)
        return subprocess.Popen([sys.executable, "-c", CHILD, *map(str, files)])

    def killed_at(self, state: str) -> None:
        assert self.child(state).wait(WAIT_SECONDS) == -9

    def restart(self) -> PrintService:
        config = PrinterConfig(name="printer-1", host="127.0.0.1", port=self.printer.port)
        self._service = PrintService([config], self.root / "state", self._heard)
        return self._service

    def _heard(self, event: Event) -> None:
        if isinstance(event, JobChanged):
            with self._told:
                self._states.setdefault(event.job_id, []).append(event.state)
                self._told.notify_all()

    def wait(self, job_id: str, state: str) -> None:
        with self._told:
            found = self._told.wait_for(lambda: state in self._states.get(job_id, []), WAIT_SECONDS)
        assert found, self._states

    def tray(self) -> list[bytes]:
        return [label.read_bytes() for label in self.printer.labels()]

    def close(self) -> None:
        if self._service:
            self._service.close()
        self.printer.stop()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("killed_at", "after_restart", "labels"),
    [("queued", "confirmed", 1), ("sending", "unknown", 0), ("sent", "unknown", 1),
     ("confirmed", "confirmed", 1)],
)  # fmt: skip
def test_a_service_killed_at_any_step_prints_no_second_label(
    world: World, killed_at: str, after_restart: str, labels: int
) -> None:
    world.killed_at(killed_at)
    assert world.printer.wait_for_labels(0 if killed_at == "queued" else labels, WAIT_SECONDS)
    service = world.restart()
    if killed_at == "queued":
        world.wait("job-1", "confirmed")
    assert service.submit("job-1", "printer-1", ZPL).state == after_restart
    service.submit("job-2", "printer-1", COPY)
    if after_restart == "unknown":
        service.decide("job-1", printed=labels == 1)
    world.wait("job-2", "confirmed")
    assert world.tray() == [ZPL] * labels + [COPY]


def test_a_service_killed_while_the_label_trickles_in_leaves_it_to_a_person(world: World) -> None:
    world.printer.set(drain_bytes_per_second=2_000)
    child = world.child("nowhere")
    assert world.printer.wait_for_bytes(200, WAIT_SECONDS)
    child.kill()
    child.wait()
    world.printer.set(drain_bytes_per_second=0)
    service = world.restart()
    assert service.ask("job-1").state == "unknown"
    # What the dead process had handed to the network still arrives: exactly why nobody may resend.
    assert world.printer.wait_for_labels(1, WAIT_SECONDS)
    service.decide("job-1", printed=True)
    service.submit("job-2", "printer-1", COPY)
    world.wait("job-2", "confirmed")
    assert world.tray() == [ZPL, COPY]


def test_killing_again_during_the_restart_changes_nothing(world: World) -> None:
    world.killed_at("sending")
    world.killed_at("unknown")
    service = world.restart()
    assert service.ask("job-1").state == "unknown"
    assert world.tray() == []
