"""What a station's screen shows after a reload: the same truth the next scan will be judged by."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from edge.domain.layout import plan_of, walk
from edge.domain.picking import serial_hint
from edge.domain.site import Site, tote_code
from edge.domain.verdict import Verdict
from edge.services.pick import load_picker, what_next
from edge.services.receive import load_job
from edge.services.receive import step_of as receive_step
from edge.services.receive import what_next as receive_next
from edge.store import ledger, operations, people, pick_lists, products, receipts, serials
from edge.store.pick_lists import ListSummary, PickLineRow
from edge.store.stations import StationRow
from shared.domain.ledger import account

EXPECTED_SERIALS_MAX: Final = 400
"""Serial numbers sent along per stop, so that a handheld can check them without a network."""
OPEN_LISTS_MAX: Final = 20


def handheld_view(sql: sqlite3.Connection, station: StationRow, site: Site) -> dict[str, Any]:
    """Return the screen of a handheld; the caller adds the state of the line to the hub."""
    picker = load_picker(sql, station)
    ask, ask_params = what_next(sql, picker)
    taken = pick_list_view(sql, picker.row.pick_list, site) if picker.row else None
    return {
        "station": station.station,
        "kind": station.kind,
        "warehouse": site.warehouse,
        "warehouse_name": site.name,
        "person": person_view(sql, station.badge),
        "step": picker.step,
        "pick_list": taken,
        "stop_no": picker.current.stop_no if picker.current else None,
        "bin_scanned": picker.step == "unit",
        "last_scan": last_scan(sql, station.station),
        "open_lists": [
            _choice(row) for row in pick_lists.summaries(sql, state="open", limit=OPEN_LISTS_MAX)
        ],
        "ask": {"code": ask, "params": ask_params},
    }


def receiving_view(sql: sqlite3.Connection, station: StationRow, site: Site) -> dict[str, Any]:
    """Return the screen of a receiving table."""
    job = load_job(station)
    ask, ask_params = receive_next(sql, station)
    return {
        "station": station.station,
        "kind": station.kind,
        "warehouse": site.warehouse,
        "warehouse_name": site.name,
        "person": person_view(sql, station.badge),
        "step": receive_step(station, job),
        "asn": job.asn or None,
        "bin": job.bin or None,
        "sku": job.sku or None,
        "lines": [msgspec.structs.asdict(line) for line in receipts.lines(sql, job.asn)]
        if job.asn
        else [],
        "open_receipts": [row._asdict() for row in receipts.summaries(sql) if row.state != "done"],
        "last_scan": last_scan(sql, station.station),
        "ask": {"code": ask, "params": ask_params},
    }


def person_view(sql: sqlite3.Connection, badge: str | None) -> dict[str, str] | None:
    """Return who is logged in, as screens show it."""
    person = people.get(sql, badge) if badge else None
    if person is None:
        return None
    return {
        "badge": person.badge,
        "name": person.name,
        "role": person.role,
        "language": person.language,
    }


def last_scan(sql: sqlite3.Connection, station: str) -> dict[str, Any] | None:
    """Return the station's latest scan and its verdict."""
    row = operations.last_of_station(sql, station)
    if row is None:
        return None
    verdict = msgspec.json.decode(row.answer, type=Verdict)
    return {
        "op_id": row.op_id,
        "raw": row.raw,
        "at_ms": row.at_ms,
        "accepted": verdict.accepted,
        "code": verdict.code,
        "signal": verdict.signal,
        "params": verdict.params,
    }


def _choice(row: ListSummary) -> dict[str, Any]:
    return {
        "pick_list": row.pick_list,
        "wave": row.wave,
        "courier": row.courier,
        "cut_off_ms": row.cut_off_ms,
        "orders": row.orders,
        "units": row.units,
        "bins": row.bins,
        "walk_mm": row.walk_mm,
    }


def pick_list_view(sql: sqlite3.Connection, pick_list: str, site: Site) -> dict[str, Any] | None:
    """Return a pick list with all a handheld needs to work without a network, None if unknown."""
    found = pick_lists.summaries(sql, pick_list=pick_list, limit=1)
    if not found:
        return None
    row = found[0]
    lines = pick_lists.lines(sql, pick_list)
    plan = plan_of(ledger.bins(sql))
    way = walk(plan, site.geometry, {line.bin for line in lines})
    stops: dict[int, list[PickLineRow]] = {}
    for line in lines:
        stops.setdefault(line.stop_no, []).append(line)
    return _choice(row) | {
        "state": row.state,
        "cart": row.cart,
        "station": row.station,
        "units_picked": row.units_picked,
        "units_short": row.units_short,
        "stops": [
            _stop(sql, at, row.cart) | {"x_cell": cell[1], "aisle": cell[0]}
            for at in stops.values()
            for cell in (plan.cell(at[0].bin),)
        ],
        "layout": {"aisles": list(plan.aisles), "cells_per_aisle": plan.cells_per_aisle},
        "path": [list(cell) for cell in way.path],
    }


def _stop(sql: sqlite3.Connection, at: list[PickLineRow], cart: str | None) -> dict[str, Any]:
    first = at[0]
    product = products.by_sku(sql, first.sku)
    policy = product.serial_policy if product else "none"
    expected: list[str] = []
    if policy == "full":
        expected = serials.in_account(
            sql, account("bin", first.bin), first.sku, limit=EXPECTED_SERIALS_MAX
        )
    length, prefix = serial_hint(expected)
    return {
        "stop_no": first.stop_no,
        "bin": first.bin,
        "sku": first.sku,
        "name": product.name if product else first.sku,
        "gtin": product.gtin if product else "",
        "serial_policy": policy,
        "quantity": sum(line.quantity for line in at),
        "picked": sum(line.picked for line in at),
        "short": sum(line.short for line in at),
        "serial_hint": {"length": length, "prefix": prefix},
        "expected_serials": expected,
        "lines": [
            {
                "parcel_id": line.parcel_id,
                "line_no": line.line_no,
                "slot": line.slot,
                "tote": tote_code(cart, line.slot) if cart else None,
                "quantity": line.quantity,
                "picked": line.picked,
                "short": line.short,
            }
            for line in at
        ],
    }
