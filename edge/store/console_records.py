"""Parts of the records the lead looks into: lines, weighings, print jobs, facts and commands.

Read only, newest first where there is a time, never more than a page.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple


class WaveHead(NamedTuple):
    """One wave as it was planned."""

    wave: str
    courier: str
    cut_off_ms: int
    state: str
    created_ms: int


def wave(sql: sqlite3.Connection, name: str) -> WaveHead | None:
    """Return the wave called `name`, or None."""
    row = sql.execute(
        "SELECT wave, courier, cut_off_ms, state, created_ms FROM waves WHERE wave = ?", (name,)
    ).fetchone()
    return WaveHead(*row) if row else None


class WaveStop(NamedTuple):
    """One stop of a pick list of a wave."""

    pick_list: str
    stop_no: int
    bin: str
    sku: str
    name: str
    quantity: int
    picked: int
    short: int


def stops_of(sql: sqlite3.Connection, wave_name: str) -> list[WaveStop]:
    """Return the stops of all pick lists of a wave, in walking order."""
    rows = sql.execute(
        "SELECT p.pick_list, l.stop_no, l.bin, l.sku, d.name, SUM(l.quantity), SUM(l.picked), "
        "SUM(l.short) FROM pick_lists p JOIN pick_lines l USING (pick_list) "
        "JOIN products d USING (sku) WHERE p.wave = ? "
        "GROUP BY p.pick_list, l.stop_no, l.bin, l.sku ORDER BY p.pick_list, l.stop_no LIMIT 2000",
        (wave_name,),
    )
    return [WaveStop(*row) for row in rows]


class ParcelBrief(NamedTuple):
    """What one needs to know of a parcel on another thing's page."""

    parcel_id: str
    channel: str
    order_no: str
    courier: str
    cut_off_ms: int
    waybill: str
    state: str
    tote: str | None


def parcel_brief(sql: sqlite3.Connection, parcel_id: str) -> ParcelBrief | None:
    """Return a parcel in brief, or None."""
    row = sql.execute(
        "SELECT parcel_id, channel, order_no, courier, cut_off_ms, COALESCE(waybill, ''), "
        "state, tote FROM parcels WHERE parcel_id = ?",
        (parcel_id,),
    ).fetchone()
    return ParcelBrief(*row) if row else None


class Line(NamedTuple):
    """One line of a parcel with its product."""

    line_no: int
    sku: str
    name: str
    serial_policy: str
    quantity: int
    picked: int
    packed: int
    short: int
    unit_weight_grams: int


def parcel_lines(sql: sqlite3.Connection, parcel_id: str) -> list[Line]:
    """Return the lines of a parcel; none when there is no such parcel."""
    rows = sql.execute(
        "SELECT l.line_no, l.sku, d.name, d.serial_policy, l.quantity, l.picked, l.packed, "
        "l.short, d.unit_weight_grams FROM parcel_lines l JOIN products d USING (sku) "
        "WHERE l.parcel_id = ? ORDER BY l.line_no",
        (parcel_id,),
    )
    return [Line(*row) for row in rows]


class WeighingBrief(NamedTuple):
    """One time a parcel stood on a scale."""

    station: str
    device: str
    grams: int
    low_grams: int
    high_grams: int
    accepted: int
    at_ms: int


def weighings_of(sql: sqlite3.Connection, parcel_id: str) -> list[WeighingBrief]:
    """Return the weighings of a parcel, newest first."""
    rows = sql.execute(
        "SELECT station, device, grams, low_grams, high_grams, accepted, at_ms FROM weighings "
        "WHERE parcel_id = ? ORDER BY at_ms DESC LIMIT 20",
        (parcel_id,),
    )
    return [WeighingBrief(*row) for row in rows]


def person_name(sql: sqlite3.Connection, badge: str | None) -> str:
    """Return the name behind a badge; the badge itself when nobody carries it."""
    row = sql.execute("SELECT name FROM people WHERE badge = ?", (badge,)).fetchone()
    return str(row[0]) if row else badge or ""


class JobBrief(NamedTuple):
    """A print job and the parcel its label is for."""

    job_id: str
    printer: str
    station: str
    copy_no: int
    state: str
    reason: str
    trouble: str
    changed_ms: int
    parcel_id: str
    waybill: str
    kind: str


def newest_jobs(sql: sqlite3.Connection, limit: int) -> list[JobBrief]:
    """Return the print jobs that need somebody, then the newest others."""
    rows = sql.execute(
        "SELECT j.job_id, j.printer, j.station, j.copy_no, j.state, j.reason, j.trouble, "
        "j.changed_ms, j.document_id, COALESCE(NULLIF(j.waybill, ''), j.document_id), j.kind FROM ("
        "  SELECT *, 0 AS later FROM (SELECT * FROM print_jobs WHERE state IN "
        "    ('unknown', 'failed_before_send', 'queued', 'sending', 'sent') LIMIT :limit) "
        # Newest first by row number, which stops early; by state it would sort every label ever.
        "  UNION ALL SELECT *, 1 FROM (SELECT * FROM print_jobs WHERE +state IN "
        "    ('confirmed', 'cancelled') ORDER BY rowid DESC LIMIT :limit)) j "
        "ORDER BY j.later, j.changed_ms DESC LIMIT :limit",
        {"limit": limit},
    )
    return [JobBrief(*row) for row in rows]


class HouseJobBrief(NamedTuple):
    """A print job that is for no parcel."""

    job_id: str
    kind: str
    document_id: str
    printer: str
    copy_no: int
    state: str
    reason: str
    changed_ms: int


def house_jobs(sql: sqlite3.Connection, limit: int) -> list[HouseJobBrief]:
    """Return the newest labels that are no waybills, those of unknown fate first."""
    rows = sql.execute(
        "SELECT job_id, kind, document_id, printer, copy_no, state, reason, changed_ms FROM ("
        "  SELECT *, 0 AS later FROM (SELECT * FROM print_jobs "
        "    WHERE state = 'unknown' AND +kind <> 'waybill' LIMIT :limit) "
        "  UNION ALL SELECT *, 1 FROM (SELECT * FROM print_jobs "
        "    WHERE kind <> 'waybill' AND +state <> 'unknown' "
        "    ORDER BY created_ms DESC LIMIT :limit)) "
        "ORDER BY later, created_ms DESC, job_id DESC LIMIT :limit",
        {"limit": limit},
    )
    return [HouseJobBrief(*row) for row in rows]


class FactBrief(NamedTuple):
    """One fact of the log."""

    seq: int
    kind: str
    actor: str
    wall_ms: int


def newest_facts(sql: sqlite3.Connection, limit: int) -> list[FactBrief]:
    """Return the newest facts of the present log, newest first."""
    rows = sql.execute(
        "SELECT f.seq, f.kind, COALESCE(m.name, f.actor), f.wall_ms FROM facts f "
        "JOIN node_state n ON n.incarnation = f.incarnation "
        "LEFT JOIN people m ON m.badge = f.actor ORDER BY f.seq DESC LIMIT ?",
        (limit,),
    )
    return [FactBrief(*row) for row in rows]


class CommandBrief(NamedTuple):
    """One command of the hub and what became of it."""

    seq: int
    kind: str
    outcome: str
    code: str
    at_ms: int


def newest_commands(sql: sqlite3.Connection, limit: int) -> list[CommandBrief]:
    """Return the newest commands of the hub, newest first."""
    rows = sql.execute(
        "SELECT seq, kind, outcome, code, at_ms FROM commands_received ORDER BY seq DESC LIMIT ?",
        (limit,),
    )
    return [CommandBrief(*row) for row in rows]
