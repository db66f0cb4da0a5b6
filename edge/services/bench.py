"""One bench, opened for one use case: who stands there, which parcel, which label.

A bench's own notes (`BenchJob`) say little on purpose. Whether the buyer asked for a refund and
whether the label came out are read from the parcel and the print job at every step, so that a bench
that was switched off for an hour, or two benches after the same tote, see the same truth.
"""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from edge.domain.packing import BenchJob, Halt, NumberState, UnitWeight, present_halt
from edge.domain.site import Bench as BenchDevices
from edge.domain.verdict import Params
from edge.services.floor import Floor
from edge.store import numbers, parcels, print_jobs, products, recoveries, stations
from edge.store.parcels import ParcelLineRow, ParcelRow
from edge.store.print_jobs import PrintJob
from edge.store.stations import StationRow
from shared.domain.catalogue import Product
from shared.domain.errors import BooksBroken

HARDWARE_EVENT: Final = "hardware"
"""Live event by which a use case asks the devices for something after its commit."""

ASKS_AT_HALT: Final = {"refund": "scan_refund_bin", "print_unknown": "look_at_printer"}
"""What to scan at a halt; the others are ended by a button, or by themselves."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(BenchJob)


class BenchState:
    """One bench as it is now: enough to show it, not to change it."""

    def __init__(self, sql: sqlite3.Connection, station: StationRow) -> None:
        """Read the bench's notes and what they point at."""
        self.sql = sql
        self.station = station
        self.name = station.station
        self.job = _still_true(sql, station, read_job(station))
        parcel_id = self.job.parcel_id
        self.parcel: ParcelRow | None = parcels.get(sql, parcel_id) if parcel_id else None
        self.label: PrintJob | None = print_jobs.newest_of(sql, parcel_id) if parcel_id else None

    def the_parcel(self) -> ParcelRow:
        """Return the parcel in work; raises BooksBroken when the step has none."""
        if self.parcel is None:
            raise BooksBroken(
                "bench_without_parcel",
                f"{self.name} is at step {self.job.step} without a parcel.",
                hint="Scan the tote again; call support if it comes back.",
            )
        return self.parcel

    def halt(self) -> Halt | None:
        """Return what holds the bench up now."""
        return present_halt(
            self.job,
            cancel_asked=bool(self.parcel and self.parcel.cancel_command_id),
            label=self.label.state if self.label else None,
            trouble=self.label.trouble if self.label else "",
            number=self._number(),
            params={"tote": self.parcel.tote or "", "courier": self.parcel.courier}
            if self.parcel
            else {},
        )

    def _number(self) -> NumberState:
        """Say whether the parcel in work has its number, or could take one from the lease."""
        if self.parcel is None or self.parcel.waybill:
            return "there"
        free = numbers.next_free(self.sql, self.parcel.courier)
        return "pending" if free is None or recoveries.running(self.sql) else "ready"

    def lines(self) -> list[tuple[ParcelLineRow, Product]]:
        """Return the lines of the parcel in work with their products."""
        return lines_with_products(self.sql, self.the_parcel().parcel_id)

    def what_next(self) -> tuple[str, Params]:
        """Return the code and parameters of the sentence that says what to do now."""
        if self.station.badge is None:
            return "scan_badge", {}
        halt = self.halt()
        if halt is not None:
            return ASKS_AT_HALT.get(halt.code, ""), {}
        if self.job.step == "scan_out":
            return self._next_unit()
        if self.job.step == "label":
            proven = self.label is not None and self.label.state == "confirmed"
            ask = "stick_and_scan_label" if proven else "wait_for_label"
            return ask, {"waybill": self.the_parcel().waybill}
        if self.job.step == "tote" and (ready := parcels.ready_on_shelf(self.sql)):
            return "scan_tote_ready", {"tote": ready}
        return {"tote": "scan_tote", "weigh": "put_on_scale"}[self.job.step], {}

    def _next_unit(self) -> tuple[str, Params]:
        lines = self.lines()
        left = sum(line.picked - line.packed for line, _ in lines)
        unpacked = [(line, one) for line, one in lines if line.packed < line.picked]
        named = [one for _, one in unpacked if one.sku == self.job.named_sku]
        if named:
            return "scan_its_sn", {"sku": named[0].sku, "name": named[0].name, "left": left}
        if not unpacked:
            return "put_on_scale", {}
        product = unpacked[0][1]
        captured = {one.sku for _, one in unpacked if one.serial_policy == "ship"}
        several = product.sku in captured and len(captured) > 1
        params: Params = {"sku": product.sku, "name": product.name, "left": left}
        return ("scan_product" if several else "scan_units"), params


class Bench(BenchState):
    """One bench inside a transaction; `put` stores what changed."""

    def __init__(self, floor: Floor, station: StationRow) -> None:
        """Open `station` for the use case `floor`."""
        super().__init__(floor.sql, station)
        self.floor = floor

    @property
    def devices(self) -> BenchDevices:
        """Names of the scale and the printer that stand here."""
        return self.floor.site.bench(self.name)

    def put(self, job: BenchJob) -> None:
        """Store the bench's notes and tell its screen."""
        self.job = job
        self.station = msgspec.structs.replace(self.station, job=_encoder.encode(job))
        self.floor.save(self.station)

    def finish(self) -> None:
        """The parcel in work is done here; the bench waits for the next tote."""
        self.put(BenchJob(last_parcel_id=self.job.parcel_id))

    def ask_devices(self, request: HardwareRequest) -> None:
        """Ask the devices for something once the commit is on disk."""
        ask_devices(self.floor, request)


class HardwareRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Print this job, tell the devices what a person saw, or announce a scale's load again."""

    print_job: str = ""
    decide_job: str = ""
    printed: bool = False
    rearm_scale: str = ""


def ask_devices(floor: Floor, request: HardwareRequest) -> None:
    """Ask the devices process for something once the commit is on disk.

    Lost requests do no harm: jobs are asked for again when the devices come back, and a load can
    be lifted and put down again.
    """
    floor.tell(HARDWARE_EVENT, msgspec.to_builtins(request))


def read_job(station: StationRow) -> BenchJob:
    """Return a bench's notes."""
    return _decoder.decode(station.job)


def open_bench(floor: Floor, name: str) -> Bench:
    """Open the bench called `name` for a use case that did not begin with a scan."""
    return Bench(floor, stations.load(floor.sql, name))


def _still_true(sql: sqlite3.Connection, station: StationRow, job: BenchJob) -> BenchJob:
    """Drop notes about a parcel that left this bench by another door (another bench, the dock)."""
    if job.parcel_id is None:
        return job
    parcel = parcels.get(sql, job.parcel_id)
    here = parcel is not None and parcel.bench == station.station
    expected = "packed" if job.step == "label" else "packing"
    if parcel is not None and here and parcel.state == expected:
        return job
    return BenchJob(last_parcel_id=job.last_parcel_id)


def lines_with_products(
    sql: sqlite3.Connection, parcel_id: str
) -> list[tuple[ParcelLineRow, Product]]:
    """Return a parcel's lines, each with its product."""
    found = []
    for line in parcels.lines(sql, parcel_id):
        product = products.by_sku(sql, line.sku)
        if product is None:
            raise BooksBroken(
                "product_missing",
                f"Parcel {parcel_id} needs {line.sku}, which the catalogue does not know.",
                hint="Restore the last verified backup and call support.",
            )
        found.append((line, product))
    return found


def unit_weights(lines: list[tuple[ParcelLineRow, Product]]) -> list[UnitWeight]:
    """Return what the picked units of a parcel weigh by the catalogue."""
    return [UnitWeight(line.sku, product.unit_weight_grams, line.picked) for line, product in lines]
