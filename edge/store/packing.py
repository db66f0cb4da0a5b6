"""Rows of the packing bench: which units are scanned out, and what parcels weighed.

A unit scanned out is only ticked here; stock moves when the parcel's weight is accepted, all of it
at once. Until then the parcel can be opened and scanned again without touching the ledger.
"""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

WEIGHINGS_PAGE_MAX: Final = 500


class Weighing(msgspec.Struct, frozen=True, kw_only=True):
    """One load that came to rest on a scale (or a typed weight), and whether it was accepted.

    `weighing_id` is the scale's name for the placement, or the operation that typed or passed it.
    `low_grams` and `high_grams` are both 0 when no unit weight was known.
    """

    weighing_id: str
    parcel_id: str
    station: str
    device: str
    grams: int
    low_grams: int
    high_grams: int
    accepted: bool
    raw: str
    at_ms: int


def claim(sql: sqlite3.Connection, parcel_id: str, bench: str, at_ms: int) -> bool:
    """Give a picked parcel to `bench`; False when another bench was first or it is not picked."""
    done = sql.execute(
        "UPDATE parcels SET state = 'packing', bench = :bench, changed_ms = :at_ms "
        "WHERE parcel_id = :parcel_id AND state = 'picked'",
        {"bench": bench, "parcel_id": parcel_id, "at_ms": at_ms},
    )
    return done.rowcount == 1


def set_aside(sql: sqlite3.Connection, parcel_id: str, at_ms: int) -> None:
    """Give a parcel that is not packed yet back to any bench."""
    sql.execute(
        "UPDATE parcels SET state = 'picked', bench = NULL, changed_ms = :at_ms "
        "WHERE parcel_id = :parcel_id AND state = 'packing'",
        {"parcel_id": parcel_id, "at_ms": at_ms},
    )


def tick_unit(sql: sqlite3.Connection, parcel_id: str, line_no: int, serial: str | None) -> None:
    """Count one unit as scanned out; a serial number not listed yet is added to the line."""
    key = {"parcel_id": parcel_id, "line_no": line_no, "serial": serial}
    sql.execute(
        "UPDATE parcel_lines SET packed = packed + 1 "
        "WHERE parcel_id = :parcel_id AND line_no = :line_no",
        key,
    )
    if serial is not None:
        sql.execute(
            "INSERT INTO parcel_serials (parcel_id, line_no, serial, packed) "
            "VALUES (:parcel_id, :line_no, :serial, 1) "
            "ON CONFLICT (parcel_id, line_no, serial) DO UPDATE SET packed = 1",
            key,
        )


def untick_all(sql: sqlite3.Connection, parcel_id: str) -> None:
    """Forget the scan-out of a parcel that is not packed; picked serial numbers stay listed."""
    key = {"parcel_id": parcel_id}
    sql.execute("UPDATE parcel_lines SET packed = 0 WHERE parcel_id = :parcel_id", key)
    sql.execute(
        "DELETE FROM parcel_serials WHERE parcel_id = :parcel_id AND line_no IN ("
        " SELECT line_no FROM parcel_lines JOIN products USING (sku)"
        " WHERE parcel_id = :parcel_id AND serial_policy = 'ship')",
        key,
    )
    sql.execute("UPDATE parcel_serials SET packed = 0 WHERE parcel_id = :parcel_id", key)


def empty(sql: sqlite3.Connection, parcel_id: str) -> None:
    """Take every unit off the lines of a parcel that will not leave."""
    key = {"parcel_id": parcel_id}
    sql.execute("UPDATE parcel_lines SET packed = 0, picked = 0 WHERE parcel_id = :parcel_id", key)
    sql.execute("DELETE FROM parcel_serials WHERE parcel_id = :parcel_id", key)


def parcel_holding(sql: sqlite3.Connection, serial: str) -> str | None:
    """Return the parcel that lists `serial` as picked or scanned out, if any."""
    row = sql.execute(
        "SELECT parcel_id FROM parcel_serials WHERE serial = :serial LIMIT 1", {"serial": serial}
    ).fetchone()
    return None if row is None else str(row["parcel_id"])


def finish(
    sql: sqlite3.Connection, parcel_id: str, *, weight_grams: int, bench: str, at_ms: int
) -> None:
    """The parcel is closed and weighed; its tote is free again."""
    sql.execute(
        "UPDATE parcels SET state = 'packed', weight_grams = :grams, bench = :bench, tote = NULL, "
        "packed_ms = :at_ms, changed_ms = :at_ms WHERE parcel_id = :parcel_id",
        {"grams": weight_grams, "bench": bench, "at_ms": at_ms, "parcel_id": parcel_id},
    )


def cancel(sql: sqlite3.Connection, parcel_id: str, at_ms: int) -> None:
    """The parcel will not leave; its tote is free again."""
    sql.execute(
        "UPDATE parcels SET state = 'cancelled', tote = NULL, changed_ms = :at_ms "
        "WHERE parcel_id = :parcel_id",
        {"parcel_id": parcel_id, "at_ms": at_ms},
    )


def ship(sql: sqlite3.Connection, parcel_id: str, manifest: str, at_ms: int) -> None:
    """The parcel was handed to the courier on `manifest`."""
    sql.execute(
        "UPDATE parcels SET state = 'shipped', manifest = :manifest, shipped_ms = :at_ms, "
        "changed_ms = :at_ms WHERE parcel_id = :parcel_id",
        {"manifest": manifest, "at_ms": at_ms, "parcel_id": parcel_id},
    )


def packed_since(sql: sqlite3.Connection, bench: str, since_ms: int) -> int:
    """Return how many parcels `bench` packed since `since_ms`."""
    row = sql.execute(
        "SELECT count(*) AS parcels FROM parcels WHERE bench = :bench AND packed_ms >= :since_ms",
        {"bench": bench, "since_ms": since_ms},
    ).fetchone()
    return int(row["parcels"])


def insert_weighing(sql: sqlite3.Connection, weighing: Weighing) -> None:
    """Keep a weighing, accepted or not: it is evidence."""
    sql.execute(
        "INSERT INTO weighings (weighing_id, parcel_id, station, device, grams, low_grams, "
        "high_grams, accepted, raw, at_ms) VALUES (:weighing_id, :parcel_id, :station, :device, "
        ":grams, :low_grams, :high_grams, :accepted, :raw, :at_ms)",
        msgspec.structs.asdict(weighing),
    )


def insert_override(
    sql: sqlite3.Connection, weighing_id: str, *, kind: str, badge: str, reason: str
) -> None:
    """Keep who answered for a weight the scale did not, and why; `kind` is passed or manual."""
    sql.execute(
        "INSERT INTO weight_overrides (weighing_id, kind, badge, reason) "
        "VALUES (:weighing_id, :kind, :badge, :reason)",
        {"weighing_id": weighing_id, "kind": kind, "badge": badge, "reason": reason},
    )


def find_weighing(sql: sqlite3.Connection, weighing_id: str) -> Weighing | None:
    """Return the weighing with this id, if this load was judged before."""
    row = sql.execute(
        "SELECT * FROM weighings WHERE weighing_id = :weighing_id", {"weighing_id": weighing_id}
    ).fetchone()
    return None if row is None else _weighing(row)


def last_weighing(sql: sqlite3.Connection, parcel_id: str) -> Weighing | None:
    """Return the newest weighing of a parcel."""
    row = sql.execute(
        "SELECT * FROM weighings WHERE parcel_id = :parcel_id ORDER BY at_ms DESC, rowid DESC "
        "LIMIT 1",
        {"parcel_id": parcel_id},
    ).fetchone()
    return None if row is None else _weighing(row)


def weighings(sql: sqlite3.Connection, limit: int) -> list[Weighing]:
    """Return the newest weighings, newest first."""
    rows = sql.execute(
        "SELECT * FROM weighings ORDER BY at_ms DESC, rowid DESC LIMIT :limit",
        {"limit": min(limit, WEIGHINGS_PAGE_MAX)},
    )
    return [_weighing(row) for row in rows]


def _weighing(row: sqlite3.Row) -> Weighing:
    return Weighing(**{**dict(row), "accepted": bool(row["accepted"])})
