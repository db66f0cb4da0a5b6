"""Stock imports that are already on the books."""

from __future__ import annotations

import sqlite3


def known(sql: sqlite3.Connection, load_id: str) -> bool:
    """Return True when this import was booked before."""
    row = sql.execute("SELECT EXISTS (SELECT 1 FROM loads WHERE load_id = ?)", (load_id,))
    return bool(row.fetchone()[0])


def insert(sql: sqlite3.Connection, load_id: str, *, command_id: str, at_ms: int) -> None:
    """Remember that this import is booked."""
    sql.execute("INSERT INTO loads VALUES (?, ?, ?)", (load_id, command_id, at_ms))
