"""What stands on the screens of a bench and of a dock door.

The same truth that the next scan is judged by: which parcel, which units are scanned out, what the
scale shows against what it should show, what became of the label, what holds the bench up and which
ways out there are. Names and addresses are masked here; the whole ones are on the label only.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Any, Protocol

import msgspec

from devices.messages import HealthChanged
from devices.printers.trouble import code_of
from edge.domain.packing import WAYS, Halt, weight_window
from edge.domain.printing import shown_state
from edge.domain.site import Site
from edge.services import looks
from edge.services.bench import BenchState, unit_weights
from edge.services.print_label import courier_name, printer_of, recipient_of
from edge.services.station_view import last_scan, person_view
from edge.store import labels, manifests, packing, parcels
from edge.store.parcels import ParcelRow, ParcelSerialRow
from edge.store.stations import StationRow
from shared.domain.catalogue import masked_name
from shared.domain.ports import Clock


class Reading(Protocol):
    """What a scale shows now; `grams` is an exact decimal, None when there is no number."""

    @property
    def status(self) -> str:
        """Stable, unstable, overload..."""
        ...

    @property
    def grams(self) -> str | None:
        """Grams on the scale."""
        ...


class Instruments(Protocol):
    """What is known about the devices; `edge.hardware.Hardware` knows it."""

    def scale(self, device: str) -> Reading | None:
        """Return the newest reading of a scale."""
        ...

    def health_of(self, device: str) -> HealthChanged | None:
        """Return how a device was when last heard of."""
        ...


class Node(Protocol):
    """What a screen needs of the node that shows it; `edge.app.EdgeNode` is one."""

    site: Site
    clock: Clock

    @property
    def hardware(self) -> Instruments | None:
        """The devices, None in a warehouse without any."""
        ...


def view(sql: sqlite3.Connection, node: Node, station: StationRow) -> dict[str, Any]:
    """Return the screen of a bench or a dock door; the caller adds the line and the time."""
    if station.kind == "bench":
        now_ms = node.clock.wall_ms()
        return bench_view(sql, station, node.site, instruments=node.hardware, now_ms=now_ms)
    return dock_view(sql, station, node.site)


def bench_view(
    sql: sqlite3.Connection,
    station: StationRow,
    site: Site,
    *,
    instruments: Instruments | None,
    now_ms: int,
) -> dict[str, Any]:
    """Return the screen of a bench, without the line to the hub and the time."""
    state = BenchState(sql, station)
    ask, ask_params = state.what_next()
    parcel = state.parcel
    return {
        "station": station.station,
        "kind": station.kind,
        "warehouse": site.warehouse,
        "warehouse_name": site.name,
        "person": person_view(sql, station.badge),
        "parcels_today": packing.packed_since(sql, station.station, _midnight_ms(now_ms)),
        "step": state.job.step if station.badge else "badge",
        "parcel": _parcel(parcel) if parcel else None,
        "weight_grams": parcel.weight_grams if parcel else None,
        "lines": _lines(state) if parcel else [],
        "scale": _scale(state, site, instruments),
        "label": _label(state),
        "printers": _printers(state, site, instruments),
        "halt": _halt(state.halt()),
        "last_scan": last_scan(sql, station.station),
        "ask": {"code": ask, "params": ask_params},
    }


def dock_view(sql: sqlite3.Connection, station: StationRow, site: Site) -> dict[str, Any]:
    """Return the screen of a dock door."""
    states = parcels.count_states(sql)
    return {
        "station": station.station,
        "kind": station.kind,
        "warehouse": site.warehouse,
        "warehouse_name": site.name,
        "person": person_view(sql, station.badge),
        "step": "waybill" if station.badge else "badge",
        "waiting": states.get("packed", 0),
        "manifests": [
            {
                "manifest": one.manifest,
                "courier": one.courier,
                "courier_name": courier_name(one.courier),
                "opened_ms": one.opened_ms,
                "parcels": manifests.parcels_on(sql, one.manifest),
            }
            for one in manifests.all_open(sql)
        ],
        "last_scan": last_scan(sql, station.station),
        "ask": {"code": "scan_waybill" if station.badge else "scan_badge", "params": {}},
    }


def _midnight_ms(now_ms: int) -> int:
    """Return when the present day began on the clocks of this site."""
    now = time.localtime(now_ms / 1_000)
    start = time.mktime((now.tm_year, now.tm_mon, now.tm_mday, 0, 0, 0, 0, 0, -1))
    return int(start * 1_000)


def _parcel(parcel: ParcelRow) -> dict[str, Any]:
    person = recipient_of(parcel)
    return {
        "parcel_id": parcel.parcel_id,
        "channel": parcel.channel,
        "shop": parcel.shop,
        "order_no": parcel.order_no,
        "tote": parcel.tote,
        "courier": parcel.courier,
        "courier_name": courier_name(parcel.courier),
        "cut_off_ms": parcel.cut_off_ms,
        "waybill": parcel.waybill,
        "sort_code": parcel.sort_code,
        "to": f"{masked_name(person.name)} {person.city}".strip(),
        "remark": parcel.buyer_remark,
    }


def _lines(state: BenchState) -> list[dict[str, Any]]:
    """Return the lines to scan out; `quantity` is what the tote holds, `ordered` what was asked."""
    listed: dict[int, list[ParcelSerialRow]] = {}
    for row in parcels.serials_of(state.sql, state.the_parcel().parcel_id):
        listed.setdefault(row.line_no, []).append(row)
    lines = state.lines()
    unfinished = [line for line, _ in lines if line.packed < line.picked]
    named = [line for line in unfinished if line.sku == state.job.named_sku]
    current = (named or unfinished)[0].line_no if unfinished else None
    return [
        {
            "line_no": line.line_no,
            "sku": line.sku,
            "name": product.name,
            "gtin": product.gtin,
            "serial_policy": product.serial_policy,
            "quantity": line.picked,
            "ordered": line.quantity,
            "packed": line.packed,
            "serials": [
                {
                    "serial": row.serial,
                    "packed": bool(row.packed),
                    "fresh": row.serial == state.job.fresh,
                }
                for row in listed.get(line.line_no, ())
            ],
            "current": line.line_no == current,
        }
        for line, product in lines
        if line.picked
    ]


def _scale(state: BenchState, site: Site, instruments: Instruments | None) -> dict[str, Any]:
    device = site.bench(state.name).scale
    health = instruments.health_of(device) if instruments else None
    reading = instruments.scale(device) if instruments else None
    window = weight_window(unit_weights(state.lines())) if state.parcel else None
    return {
        "device": device,
        "state": health.state if health else "down",
        "status": reading.status if reading else "unknown_stability",
        "grams": reading.grams if reading else None,
        "low_grams": window.low_grams if window else None,
        "high_grams": window.high_grams if window else None,
    }


def _printers(
    state: BenchState, site: Site, instruments: Instruments | None
) -> list[dict[str, Any]]:
    """Return the printers this bench could print waybills on: which is its own, which in use."""
    own = site.bench(state.name).printer
    used = printer_of(state.sql, site, state.name)
    found = []
    for row in labels.printers(state.sql):
        health = instruments.health_of(row.printer) if instruments else None
        if looks.can_print("waybill", row):
            found.append(
                {
                    "printer": row.printer,
                    "media": row.media,
                    "own": row.printer == own,
                    "used": row.printer == used,
                    "state": health.state if health else "down",
                }
            )
    return found


def _label(state: BenchState) -> dict[str, Any] | None:
    job, parcel = state.label, state.parcel
    if job is None or parcel is None:
        return None
    return {
        "job_id": job.job_id,
        "state": shown_state(job.state, job.trouble),
        "waybill": parcel.waybill,
        "sort_code": parcel.sort_code,
        "printer": job.printer,
        "media": job.template.partition("-")[2],
        "copy_no": job.copy_no,
        "printed_ms": job.changed_ms if job.state == "confirmed" else None,
        "trouble": code_of(job.trouble),
        "preview_url": f"/api/v1/print-jobs/{job.job_id}/label.png",
    }


def _halt(halt: Halt | None) -> dict[str, Any] | None:
    if halt is None:
        return None
    return {
        "kind": halt.kind,
        "code": halt.code,
        "params": halt.params,
        "ways": [msgspec.structs.asdict(way) for way in WAYS.get(halt.code, ())],
    }
