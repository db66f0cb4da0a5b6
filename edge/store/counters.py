"""Running numbers that people read: waves, pick lists, manifests."""

from __future__ import annotations

import sqlite3


def next_value(sql: sqlite3.Connection, name: str) -> int:
    """Return the next number of `name`, starting at 1, without gaps."""
    row = sql.execute(
        "INSERT INTO counters (name, value) VALUES (?, 1) "
        "ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
        (name,),
    ).fetchone()
    return int(row[0])
