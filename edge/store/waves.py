"""Waves on disk, and the set-based reads that planning one needs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from edge.domain.waves import Free, WantedLine, WantedParcel

WAITING_MAX = 1_000
"""Waiting parcels looked at when one wave is planned, the nearest cut-offs first."""
_TO_PLAN: Final = (
    "state = 'waiting' AND cancel_command_id IS NULL AND NOT EXISTS (SELECT 1 FROM exceptions e "
    "WHERE e.subject = parcels.parcel_id AND e.code = 'parcel_maybe_sent' AND e.solved_ms IS NULL)"
)
"""Parcels that may be planned: nobody called them back, and none may have left already."""


class WaveRow(NamedTuple):
    """One wave."""

    wave: str
    courier: str
    cut_off_ms: int
    state: str
    created_ms: int


def insert(sql: sqlite3.Connection, row: WaveRow) -> None:
    """Store a new wave."""
    sql.execute("INSERT INTO waves VALUES (?, ?, ?, ?, ?)", row)


def waiting_parcels(sql: sqlite3.Connection) -> list[WantedParcel]:
    """Return parcels that wait and are not known to lack stock, nearest cut-off first.

    Those that lacked stock before come last, so that they never keep the others waiting.
    """
    rows = sql.execute(
        "SELECT p.parcel_id, p.courier, p.cut_off_ms, l.line_no, l.sku, "  # noqa: S608  constant
        "l.quantity - l.short, "
        "d.unit_weight_grams, d.length_mm * d.width_mm * d.height_mm "
        "FROM (SELECT parcel_id, courier, cut_off_ms, assigned_ms FROM parcels "
        f"      WHERE {_TO_PLAN} "
        "      ORDER BY EXISTS (SELECT 1 FROM exceptions e WHERE e.subject = parcels.parcel_id "
        "               AND e.code = 'stock_missing_on_floor' AND e.solved_ms IS NULL), "
        "      cut_off_ms, courier, assigned_ms, parcel_id LIMIT ?) p "
        "JOIN parcel_lines l ON l.parcel_id = p.parcel_id AND l.short < l.quantity "
        "JOIN products d ON d.sku = l.sku "
        "ORDER BY p.cut_off_ms, p.courier, p.assigned_ms, p.parcel_id, l.line_no",
        (WAITING_MAX,),
    )
    heads: dict[str, tuple[str, int]] = {}
    lines: dict[str, list[WantedLine]] = {}
    for parcel_id, courier, cut_off_ms, line_no, sku, quantity, weight, volume in rows:
        heads[parcel_id] = (courier, cut_off_ms)
        line = WantedLine(line_no, sku, quantity, weight, volume)
        lines.setdefault(parcel_id, []).append(line)
    return [
        WantedParcel(parcel_id, courier, cut_off_ms, tuple(lines[parcel_id]))
        for parcel_id, (courier, cut_off_ms) in heads.items()
    ]


def count_waiting(sql: sqlite3.Connection) -> tuple[int, int]:
    """Return (parcels that wait and can be tried, when the oldest of them was assigned)."""
    row = sql.execute(
        f"SELECT COUNT(*), COALESCE(MIN(assigned_ms), 0) FROM parcels WHERE {_TO_PLAN}"  # noqa: S608
    ).fetchone()
    return int(row[0]), int(row[1])


def free_stock(sql: sqlite3.Connection, skus: Iterable[str]) -> Free:
    """Return the units per SKU and bin that no open pick list is about to take.

    Bins where a picker found less than the record says are left out until somebody counted.
    """
    wanted = msgspec.json.encode(sorted(set(skus))).decode()
    rows = sql.execute(
        "SELECT b.sku, substr(b.account, 5) AS bin, b.quantity - COALESCE(t.units, 0) AS units "
        "FROM json_each(:wanted) w JOIN balances b ON b.sku = w.value AND b.quantity > 0 "
        "LEFT JOIN (SELECT l.bin, l.sku, SUM(l.quantity - l.picked - l.short) AS units "
        "           FROM pick_lists p JOIN pick_lines l ON l.pick_list = p.pick_list "
        "           WHERE p.state IN ('open', 'picking') GROUP BY l.bin, l.sku) t "
        "ON t.bin = substr(b.account, 5) AND t.sku = b.sku "
        "WHERE b.account >= 'bin:' AND b.account < 'bin;' "
        "AND b.quantity > COALESCE(t.units, 0) "
        "AND NOT EXISTS (SELECT 1 FROM exceptions e WHERE e.code = 'count_bin' "
        "    AND e.subject = substr(b.account, 5) || ' ' || b.sku AND e.solved_ms IS NULL)",
        {"wanted": wanted},
    )
    free: Free = {}
    for sku, bin_code, units in rows:
        free.setdefault(sku, {})[bin_code] = units
    return free


def settle(sql: sqlite3.Connection, wave: str) -> str:
    """Bring the wave's state in line with its pick lists and return it."""
    row = sql.execute(
        "SELECT SUM(state <> 'done'), SUM(started_ms IS NOT NULL) FROM pick_lists WHERE wave = ?",
        (wave,),
    ).fetchone()
    unfinished, started = row[0] or 0, row[1] or 0
    state = "picked" if not unfinished else "picking" if started else "planned"
    sql.execute("UPDATE waves SET state = ? WHERE wave = ? AND state <> 'done'", (state, wave))
    return state


def close_finished(sql: sqlite3.Connection) -> int:
    """Mark picked waves whose parcels all left or were called off as done; return how many."""
    return sql.execute(
        "UPDATE waves SET state = 'done' WHERE state = 'picked' AND NOT EXISTS ("
        "SELECT 1 FROM parcels p WHERE p.wave = waves.wave "
        "AND p.state IN ('planned', 'picking', 'picked', 'packing', 'packed'))"
    ).rowcount


class WaveSummary(NamedTuple):
    """A wave with its progress in parcels and units."""

    wave: str
    courier: str
    cut_off_ms: int
    state: str
    created_ms: int
    lists: int
    parcels: int
    units: int
    units_picked: int
    units_short: int
    parcels_packed: int
    parcels_shipped: int


def summaries(sql: sqlite3.Connection, *, limit: int = 200) -> list[WaveSummary]:
    """Return the latest waves with their progress, newest first."""
    rows = sql.execute(
        "SELECT w.wave, w.courier, w.cut_off_ms, w.state, w.created_ms, "
        "(SELECT COUNT(*) FROM pick_lists l WHERE l.wave = w.wave), "
        "COUNT(DISTINCT p.parcel_id), COALESCE(SUM(n.quantity), 0), COALESCE(SUM(n.picked), 0), "
        "COALESCE(SUM(n.short), 0), "
        "COUNT(DISTINCT CASE WHEN p.state IN ('packed', 'shipped') THEN p.parcel_id END), "
        "COUNT(DISTINCT CASE WHEN p.state = 'shipped' THEN p.parcel_id END) "
        "FROM (SELECT * FROM waves ORDER BY created_ms DESC, wave DESC LIMIT ?) w "
        "LEFT JOIN parcels p ON p.wave = w.wave "
        "LEFT JOIN parcel_lines n ON n.parcel_id = p.parcel_id "
        "GROUP BY w.wave ORDER BY w.created_ms DESC, w.wave DESC",
        (limit,),
    )
    return [WaveSummary(*row) for row in rows]
