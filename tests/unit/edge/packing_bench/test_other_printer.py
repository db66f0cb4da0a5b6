"""A bench whose printer is down prints on another one, and no label comes out twice."""

from __future__ import annotations

from typing import Any

import pytest

from devices.printers import zpl
from devices.printers.trouble import PAPER_OUT
from edge.domain.printing import MOVES
from edge.store import labels, print_jobs
from edge.store.labels import PrinterRow

PRINTERS = [
    PrinterRow("printer-1", "76x130", 8), PrinterRow("printer-2", "100x150", 12),
    PrinterRow("printer-3", "50x30", 8),
]  # fmt: skip


@pytest.fixture
def waiting(warehouse: Any, goods: Any) -> str:
    """A parcel whose label waits in a printer without paper."""
    warehouse.database.write_sync(lambda tx: labels.put_printers(tx.sql, PRINTERS, 1))
    parcel_id = warehouse.picked("C01-01", {goods.full: 1}, serials=("SN-A",))
    warehouse.scans("bench-1", "BDG-1", "C01-01", "SN-A")
    warehouse.settle("bench-1", 540)
    warehouse.report(parcel_id, "queued", PAPER_OUT)
    warehouse.told.hardware()
    return parcel_id


def test_a_waiting_label_moves_only_when_its_printer_has_given_it_up(
    warehouse: Any, waiting: str
) -> None:
    first = warehouse.job(waiting)
    assert warehouse.scans("bench-1", "BC:PRINTER:printer-2") == ["printer_chosen"]
    asked = {"decide_job": first.job_id}
    assert warehouse.told.hardware() == [asked]
    assert warehouse.jobs(waiting)[0].state == "queued"
    warehouse.report(waiting, "queued", PAPER_OUT)
    assert warehouse.told.hardware() == [asked], "asked again until it is certain"
    warehouse.report(waiting, "cancelled")
    copy = warehouse.job(waiting)
    assert [job.state for job in warehouse.jobs(waiting)] == ["cancelled", "queued"]
    assert (copy.printer, copy.copy_no, copy.reason) == ("printer-2", 2, "other_printer")
    assert copy.template == "waybill-100x150"
    assert warehouse.told.hardware() == [{"print_job": copy.job_id}]
    page = zpl.read(warehouse.database.read_sync(lambda sql: print_jobs.zpl(sql, copy.job_id)))
    assert (page.width, page.height) == (1200, 1800), "drawn for the other paper and head"


@pytest.mark.parametrize("state", ["sending", "sent", "unknown", "confirmed"])
def test_a_label_that_a_printer_may_have_heard_stays_where_it_is(
    warehouse: Any, waiting: str, state: Any
) -> None:
    assert state in MOVES["queued"]
    warehouse.scans("bench-1", "BC:PRINTER:printer-2")
    warehouse.report(waiting, state)
    warehouse.report(waiting, "cancelled")
    jobs = warehouse.jobs(waiting)
    assert [(job.copy_no, job.move_to) for job in jobs] == [(1, "")]


def test_the_choice_is_seen_holds_for_the_next_parcel_and_is_taken_back(
    warehouse: Any, waiting: str, goods: Any
) -> None:
    assert warehouse.scans("bench-1", "BC:PRINTER:printer-3") == ["printer_not_usable"]
    assert warehouse.scans("bench-1", "BC:PRINTER:nobody") == ["printer_not_usable"]
    warehouse.scans("bench-1", "BC:PRINTER:printer-2")
    shown = {one["printer"]: (one["own"], one["used"]) for one in warehouse.view()["printers"]}
    assert shown == {"printer-1": (True, False), "printer-2": (False, True)}
    (choice,) = warehouse.database.read_sync(labels.choices)
    assert choice[:4] == ("bench-1", "printer-2", "paper_out", "BDG-1")
    codes = "SELECT code FROM exceptions WHERE solved_ms IS NULL"
    waits = warehouse.database.read_sync(lambda sql: [row[0] for row in sql.execute(codes)])
    assert "printer_elsewhere" in waits
    assert warehouse.scans("bench-1", "BC:PRINTER:printer-1") == ["printer_chosen"]
    assert warehouse.job(waiting).move_to == "", "the first printer keeps its label"
    assert warehouse.database.read_sync(labels.choices) == []
    waits = warehouse.database.read_sync(lambda sql: [row[0] for row in sql.execute(codes)])
    assert "printer_elsewhere" not in waits
