"""What each handheld, bench, dock door and receiving table is doing, kept over restarts."""

from __future__ import annotations

import sqlite3

import msgspec

from edge.domain.site import station_kind


class StationRow(msgspec.Struct, frozen=True):
    """One station; `job` is JSON of the station kind's own form, `b"{}"` when it does nothing."""

    station: str
    kind: str
    badge: str | None = None
    job: bytes = b"{}"


def load(sql: sqlite3.Connection, station: str) -> StationRow:
    """Return the station, a fresh one with nobody logged in when it was never used."""
    row = sql.execute(
        "SELECT kind, badge, job FROM stations WHERE station = ?", (station,)
    ).fetchone()
    if row is None:
        return StationRow(station, station_kind(station))
    return StationRow(station, row[0], row[1], row[2].encode())


def save(sql: sqlite3.Connection, row: StationRow, at_ms: int) -> None:
    """Store the station's person and job."""
    sql.execute(
        "INSERT INTO stations (station, kind, badge, job, changed_ms) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (station) DO UPDATE SET badge = excluded.badge, job = excluded.job, "
        "changed_ms = excluded.changed_ms",
        (row.station, row.kind, row.badge, row.job.decode(), at_ms),
    )


def of_kind(sql: sqlite3.Connection, kind: str) -> list[StationRow]:
    """Return all stations of one kind that were ever used."""
    rows = sql.execute(
        "SELECT station, kind, badge, job FROM stations WHERE kind = ? ORDER BY station", (kind,)
    )
    return [StationRow(row[0], row[1], row[2], row[3].encode()) for row in rows]
