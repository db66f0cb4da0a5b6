"""A bench whose printer is down prints on another one, because somebody there chose it.

The choice stays until it is taken back, is seen on the bench and by the lead, and has a reason and
a name. A label that still waits goes along: the first printer is asked to give it up, and only when
it has said so is the next copy ordered on the other. One that a printer may have heard never moves;
it is decided where it is.
"""

from __future__ import annotations

from typing import Final

from edge.domain.verdict import Verdict, attention, right
from edge.services import looks
from edge.services.bench import HardwareRequest, ask_devices
from edge.services.floor import Floor
from edge.store import labels, print_jobs
from edge.store.labels import ChoiceRow

ELSEWHERE: Final = "printer_elsewhere"
"""Code of what the lead sees while a bench prints on another printer; the bench is its subject."""


def choose(floor: Floor, station: str, printer: str, *, reason: str) -> Verdict:
    """Let `station` print on `printer` from now on; its own printer ends the choice.

    Refused for a printer nobody knows, and for one whose paper no waybill fits.
    """
    row = labels.printer(floor.sql, printer)
    if row is None or not looks.can_print("waybill", row):
        return attention("printer_not_usable", {"printer": printer})
    if printer == floor.site.bench(station).printer:
        labels.choose_own(floor.sql, station)
        floor.solve_exception(station, ELSEWHERE)
    else:
        chosen = ChoiceRow(station, printer, reason, floor.actor, floor.now_ms)
        labels.choose(floor.sql, chosen)
        floor.solve_exception(station, ELSEWHERE)
        params: dict[str, str | int] = {"station": station, "printer": printer}
        floor.open_exception("attention", station, ELSEWHERE, params, station)
    _take_waiting_along(floor, station, printer)
    floor.tell("station", {"station": station})
    return right("printer_chosen", {"printer": printer})


def _take_waiting_along(floor: Floor, station: str, printer: str) -> None:
    for job in print_jobs.unfinished(floor.sql):
        if (job.station, job.kind, job.state) == (station, print_jobs.WAYBILL, "queued"):
            elsewhere = printer if job.printer != printer else ""
            print_jobs.set_move(floor.sql, job.job_id, elsewhere)
            if elsewhere:
                ask_devices(floor, HardwareRequest(decide_job=job.job_id, printed=False))
