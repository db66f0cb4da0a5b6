"""Label printers: the devices process with a printer behind it, outside the edge's own process.

It prints a job id once however often it is asked, forgets nothing when the edge dies, and now and
then does not know whether a label came out. What lies in its tray is the truth about labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devices.messages import JobState
from devices.printers.trouble import PAPER_OUT
from edge.services import print_label
from edge.store import parcels, print_jobs

if TYPE_CHECKING:
    from tests.simulation.edge_node import SimEdge


class Printer:
    """One printer of one warehouse."""

    def __init__(self, edge: SimEdge, name: str) -> None:
        """The tray is empty."""
        self.edge = edge
        self.name = name
        self.dice = edge.world.time.stream(f"printer/{edge.machine}/{name}")
        self.jobs: dict[str, JobState] = {}
        self.tray: list[tuple[str, str, int]] = []
        """Labels that came out: (job id, waybill, copy number)."""

    def asked(self, request: dict[str, Any]) -> None:
        """Hear what a use case asks the devices for."""
        if job_id := request.get("print_job"):
            self._submit(job_id)
        if (job_id := request.get("decide_job")) and job_id in self.jobs:
            if self.jobs[job_id] == "queued" and not request.get("printed"):
                self.jobs[job_id] = "cancelled"
                self._report(job_id, unsent=True)
            elif self.jobs[job_id] == "unknown":
                self.jobs[job_id] = "confirmed" if request.get("printed") else "cancelled"

    def has(self, waybill: str) -> bool:
        """Return True when a label with this waybill lies in the tray."""
        return any(label[1] == waybill for label in self.tray)

    def patrol(self) -> None:
        """Ask for every label under way, as the edge does after any silence."""
        for job in print_jobs.unfinished(self.edge.sql):
            if job.printer != self.name:
                continue
            if job.job_id not in self.jobs:
                self._submit(job.job_id)
            elif self.jobs[job.job_id] == "queued":
                self._print(job.job_id)
            else:
                self._report(job.job_id)

    def _submit(self, job_id: str) -> None:
        job = print_jobs.get(self.edge.sql, job_id)
        if job is None or job.printer != self.name or job.state != "queued":
            return
        if job_id in self.jobs:
            self._report(job_id)
            return
        self.jobs[job_id] = "queued"
        delay_ms = self.dice.randint(100, 700)
        self.edge.world.time.later(delay_ms, f"{self.name} print", self._print, job_id)

    def _print(self, job_id: str) -> None:
        """Let the label come out, or not."""
        if self.jobs.get(job_id) != "queued":
            return
        trouble = self.edge.world.options.printer_trouble if self.edge.world.wild else 0.0
        if self.dice.random() < trouble:
            self.edge.world.time.fault("printer_trouble")
            if self.dice.random() < 0.5:
                self._report(job_id, PAPER_OUT)
                return
            self.jobs[job_id] = "unknown"
            if self.dice.random() < 0.5:
                self._out(job_id)
        else:
            self.jobs[job_id] = "confirmed"
            self._out(job_id)
        self._report(job_id)

    def _out(self, job_id: str) -> None:
        job = print_jobs.get(self.edge.sql, job_id)
        if job is not None:
            self.tray.append((job_id, job.waybill, job.copy_no))
            world, parcel = self.edge.world, parcels.get(self.edge.sql, job.document_id)
            if parcel is not None:
                key = self.edge.name, job.waybill
                world.goods.labels[key] = parcel.parcel_id, parcel.order_no
            world.checks.printed(self.edge.name, job.document_id, job.waybill)

    def _report(self, job_id: str, trouble: str = "", *, unsent: bool = False) -> None:
        if not self.edge.up:
            return
        state = self.jobs[job_id]
        self.edge.guarded(
            self.edge.use,
            "devices",
            lambda floor: print_label.reported(
                floor, job_id, state, trouble=trouble, unsent=unsent
            ),
        )
