"""Printing over a real socket: what comes out of the printer, counted in its tray."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devices.messages import Event, HealthChanged, JobChanged
from devices.printers import trouble
from devices.printers.driver import PrinterConfig
from devices.printers.elements import Page, Picture
from devices.printers.gfx import line
from devices.printers.service import PrintService, printers_from
from devices.printers.zpl import render
from devices.simulated.printer import SimulatedPrinter
from shared.domain.errors import Conflict, InvalidInput, NotFound

WAIT_SECONDS = 15.0
ZPL = render(Page(608, 1040, (Picture(10, 10, line("张*三 138****8000", 40)),)))
COPY = render(Page(608, 1040, (Picture(10, 10, line("补打 2", 40)),)))


class Heard:
    """What the service published, and a way to wait for it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def wait(self, wanted: Callable[[Event], bool]) -> None:
        with self._changed:
            found = self._changed.wait_for(lambda: any(map(wanted, self.events)), WAIT_SECONDS)
        assert found, self.events

    def wait_job(self, job_id: str, state: str, because: str = "") -> None:
        self.wait(
            lambda event: (
                isinstance(event, JobChanged)
                and (event.job_id, event.state) == (job_id, state)
                and because in event.trouble
            )
        )

    def wait_health(self, state: str, reason: str) -> None:
        self.wait(
            lambda event: (
                isinstance(event, HealthChanged) and (event.state, event.reason) == (state, reason)
            )
        )

    def states(self, job_id: str) -> list[str]:
        return [e.state for e in self.events if isinstance(e, JobChanged) and e.job_id == job_id]


@pytest.fixture
def printer(tmp_path: Path) -> Iterator[SimulatedPrinter]:
    simulated = SimulatedPrinter("printer-1", "127.0.0.1", 0, tmp_path / "tray")
    simulated.start()
    yield simulated
    simulated.stop()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def start(tmp_path: Path, printer: SimulatedPrinter, heard: Heard):
    running: list[PrintService] = []

    def begin(**settings: object) -> PrintService:
        config = PrinterConfig(
            name="printer-1", host="127.0.0.1", port=printer.port, proof_seconds=1, **settings
        )
        running.append(PrintService([config], tmp_path / "state", heard))
        return running[-1]

    yield begin
    for service in running:
        service.close()


def _tray(printer: SimulatedPrinter) -> list[bytes]:
    return [label.read_bytes() for label in printer.labels()]


@pytest.mark.parametrize("proof", ["status", "echo"])
def test_a_label_comes_out_once_and_is_proven(start, printer, heard, proof) -> None:
    service = start(proof=proof)
    service.submit("job-1", "printer-1", ZPL)
    heard.wait_job("job-1", "confirmed")
    assert service.submit("job-1", "printer-1", ZPL).state == "confirmed"
    service.submit("job-2", "printer-1", COPY)
    heard.wait_job("job-2", "confirmed")
    assert heard.states("job-1") == ["queued", "sending", "sent", "confirmed"]
    labels = _tray(printer)
    if proof == "status":
        assert labels == [ZPL, COPY]
    assert len(labels) == 2


def test_the_same_request_by_many_at_once_prints_one_label(start, printer, heard) -> None:
    service = start()
    asking = [
        threading.Thread(target=service.submit, args=("job-1", "printer-1", ZPL)) for _ in range(8)
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    service.submit("job-2", "printer-1", COPY)
    heard.wait_job("job-2", "confirmed")
    assert _tray(printer) == [ZPL, COPY]


def test_an_id_used_again_for_another_label_is_refused(start, printer, heard) -> None:
    service = start()
    service.submit("job-1", "printer-1", ZPL)
    with pytest.raises(Conflict):
        service.submit("job-1", "printer-1", COPY)
    heard.wait_job("job-1", "confirmed")
    assert _tray(printer) == [ZPL]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("paper_out", trouble.PAPER_OUT),
        ("head_open", trouble.HEAD_OPEN),
        ("ribbon_out", trouble.RIBBON_OUT),
        ("paused", trouble.PAUSED),
        ("partial", trouble.PARTIAL_FORMAT),
        ("silent", trouble.SILENT),
    ],
)
def test_a_label_waits_while_the_printer_cannot_print_and_goes_by_itself(
    start, printer, heard, fault, reason
) -> None:
    printer.set(**{fault: True})
    service = start()
    service.submit("job-1", "printer-1", ZPL)
    heard.wait_job("job-1", "queued", reason)
    heard.wait_health("degraded", reason)
    assert _tray(printer) == []
    printer.set(**{fault: False})
    heard.wait_job("job-1", "confirmed")
    heard.wait_health("up", "")
    assert _tray(printer) == [ZPL]
    assert heard.states("job-1")[-3:] == ["sending", "sent", "confirmed"]


def test_a_label_waits_for_a_printer_that_is_off(start, printer, heard) -> None:
    printer.stop()
    service = start()
    service.submit("job-1", "printer-1", ZPL)
    heard.wait_job("job-1", "queued", trouble.UNREACHABLE)
    printer.start()
    heard.wait_job("job-1", "confirmed")
    assert _tray(printer) == [ZPL]


def test_paper_that_runs_out_after_the_label_went_in_brings_no_second_one(
    start, printer, heard
) -> None:
    printer.set(print_ms=60_000)
    service = start()
    service.submit("job-1", "printer-1", ZPL)
    heard.wait_job("job-1", "sent")
    printer.set(paper_out=True, print_ms=30)
    heard.wait_job("job-1", "sent", trouble.PAPER_OUT)
    printer.set(paper_out=False)
    heard.wait_job("job-1", "confirmed")
    assert _tray(printer) == [ZPL]


def test_a_printer_that_falls_silent_after_the_label_leaves_it_unknown(
    start, printer, heard
) -> None:
    printer.set(print_ms=60_000)
    service = start()
    service.submit("job-1", "printer-1", ZPL)
    heard.wait_job("job-1", "sent")
    printer.set(silent=True)
    heard.wait_job("job-1", "unknown", trouble.NO_PROOF)
    assert service.health()[0].reason == trouble.SILENT


def test_a_printer_that_swallows_labels_does_not_get_away_with_it_where_it_must_echo(
    start, printer, heard
) -> None:
    printer.set(swallows=True)
    start(proof="echo").submit("job-1", "printer-1", ZPL)
    heard.wait_job("job-1", "unknown", trouble.NO_PROOF)


@pytest.mark.parametrize("arrived", [1, len(ZPL) // 2, len(ZPL) - 1, len(ZPL)])
@pytest.mark.parametrize("answer_is_true", [True, False])
def test_a_broken_connection_asks_a_person_and_never_sends_again_by_itself(
    start, printer, heard, arrived, answer_is_true
) -> None:
    printer.set(reset_after_bytes=arrived)
    service = start()
    service.submit("job-1", "printer-1", ZPL)
    service.submit("job-2", "printer-1", COPY)
    heard.wait_job("job-1", "unknown", trouble.CUT)
    heard.wait_job("job-2", "queued", trouble.BEHIND_UNKNOWN)
    came_out = arrived == len(ZPL)
    if came_out:
        assert printer.wait_for_labels(1, WAIT_SECONDS)
    printed = came_out == answer_is_true
    decided = service.decide("job-1", printed=printed)
    assert decided.state == ("confirmed" if printed else "failed_before_send")
    heard.wait_job("job-2", "confirmed")
    assert _tray(printer) == ([ZPL, COPY] if came_out else [COPY])


def test_finding_the_label_ends_the_waiting_for_a_held_one(start, printer, heard) -> None:
    printer.set(print_ms=60_000)
    service = start()
    service.submit("job-1", "printer-1", ZPL)
    heard.wait_job("job-1", "sent")
    printer.set(paper_out=True)
    heard.wait_job("job-1", "sent", trouble.PAPER_OUT)
    service.decide("job-1", printed=True)
    service.submit("job-2", "printer-1", COPY)
    heard.wait_job("job-2", "queued", trouble.PAPER_OUT)
    assert heard.states("job-1")[-1] == "confirmed"


def test_a_label_drawn_for_another_print_head_or_wider_paper_is_not_printed(
    start, printer, heard
) -> None:
    service = start(dots_per_mm=12)
    service.submit("job-1", "printer-1", ZPL)
    heard.wait_job("job-1", "queued", trouble.OTHER_HEAD)
    with pytest.raises(InvalidInput, match="912"):
        service.submit("job-2", "printer-1", render(Page(1200, 1800, ())))
    assert _tray(printer) == []


@pytest.mark.parametrize(
    "zpl", [b"", b"^XA", b"^XA^XZ^XA^XZ", b"~JA^XA^XZ", b"^XA^XZ~JA", b"^XA" + b"0" * 600_000]
)
def test_what_is_not_exactly_one_label_is_refused(start, zpl) -> None:
    with pytest.raises(InvalidInput):
        start().submit("job-1", "printer-1", zpl)


def test_an_unknown_printer_or_job_is_named(start) -> None:
    service = start()
    with pytest.raises(NotFound, match="printer-9"):
        service.submit("job-1", "printer-9", ZPL)
    with pytest.raises(NotFound, match="job-9"):
        service.ask("job-9")


def test_every_mistake_in_the_settings_is_told_at_once() -> None:
    entries = [
        {"name": "printer-1", "kind": "printer", "driver": "tcp9100"},
        {"name": "printer-2", "kind": "printer", "driver": "parallel", "host": "x"},
        {"name": "printer-3", "kind": "printer", "driver": "cups"},
    ]
    with pytest.raises(InvalidInput) as refused:
        printers_from(entries)
    assert all(entry["name"] in refused.value.message for entry in entries)


def test_the_tray_survives_and_its_numbers_go_on(start, printer, heard) -> None:
    service = start()
    service.submit("job-1", "printer-1", ZPL)
    heard.wait_job("job-1", "confirmed")
    printer.stop()
    (printer.tray / "0002-half.part").write_bytes(b"^XA")
    printer.start()
    service.submit("job-2", "printer-1", COPY)
    heard.wait_job("job-2", "confirmed")
    assert [path.name for path in sorted(printer.tray.iterdir())] == [
        "0001-label.zpl",
        "0002-label.zpl",
    ]
