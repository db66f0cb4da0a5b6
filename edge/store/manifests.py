"""Manifests: the list a courier signs for. One is open per courier until the dock closes it."""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from edge.store import counters

PARCELS_MAX: Final = 5_000
"""Parcels listed of one manifest."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A handover list; `closed_ms` is None while parcels may still be added."""

    manifest: str
    courier: str
    state: str
    opened_ms: int
    closed_ms: int | None


def open_of(sql: sqlite3.Connection, courier: str) -> Manifest | None:
    """Return the open manifest of `courier`, if there is one."""
    row = sql.execute(
        "SELECT * FROM manifests WHERE courier = :courier AND state = 'open'", {"courier": courier}
    ).fetchone()
    return None if row is None else Manifest(**dict(row))


def all_open(sql: sqlite3.Connection) -> list[Manifest]:
    """Return every open manifest, oldest first."""
    rows = sql.execute("SELECT * FROM manifests WHERE state = 'open' ORDER BY opened_ms, manifest")
    return [Manifest(**dict(row)) for row in rows]


def open_new(sql: sqlite3.Connection, *, courier: str, at_ms: int) -> str:
    """Open the next manifest for `courier` and return its number, such as `MF-000012`."""
    manifest = f"MF-{counters.next_value(sql, 'manifest'):06}"
    sql.execute(
        "INSERT INTO manifests (manifest, courier, state, opened_ms) "
        "VALUES (:manifest, :courier, 'open', :at_ms)",
        {"manifest": manifest, "courier": courier, "at_ms": at_ms},
    )
    return manifest


def remember(sql: sqlite3.Connection, manifest: str, *, courier: str, at_ms: int) -> None:
    """Know a manifest again that this disk has forgotten; it counts as taken by the courier."""
    sql.execute(
        "INSERT OR IGNORE INTO manifests (manifest, courier, state, opened_ms, closed_ms) "
        "VALUES (:manifest, :courier, 'closed', :at_ms, :at_ms)",
        {"manifest": manifest, "courier": courier, "at_ms": at_ms},
    )


def close(sql: sqlite3.Connection, manifest: str, at_ms: int) -> None:
    """Close a manifest: the courier took it."""
    sql.execute(
        "UPDATE manifests SET state = 'closed', closed_ms = :at_ms WHERE manifest = :manifest",
        {"manifest": manifest, "at_ms": at_ms},
    )


def parcels_on(sql: sqlite3.Connection, manifest: str) -> int:
    """Return how many parcels were handed over on `manifest`."""
    row = sql.execute(
        "SELECT count(*) AS parcels FROM parcels WHERE manifest = :manifest",
        {"manifest": manifest},
    ).fetchone()
    return int(row["parcels"])


def get(sql: sqlite3.Connection, manifest: str) -> Manifest | None:
    """Return a manifest, open or closed."""
    row = sql.execute(
        "SELECT * FROM manifests WHERE manifest = :manifest", {"manifest": manifest}
    ).fetchone()
    return None if row is None else Manifest(**dict(row))


def newest(sql: sqlite3.Connection, limit: int) -> list[Manifest]:
    """Return the newest manifests, open ones first."""
    rows = sql.execute(
        "SELECT * FROM manifests ORDER BY state DESC, opened_ms DESC, manifest DESC LIMIT ?",
        (limit,),
    )
    return [Manifest(**dict(row)) for row in rows]


def waybills_on(sql: sqlite3.Connection, manifest: str) -> list[str]:
    """Return the waybills handed over on `manifest`, in the order they were scanned."""
    rows = sql.execute(
        "SELECT waybill FROM parcels WHERE manifest = ? ORDER BY shipped_ms, parcel_id LIMIT ?",
        (manifest, PARCELS_MAX),
    )
    return [str(row[0]) for row in rows]
