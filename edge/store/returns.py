"""Units that customers sent back: what came, from which parcel, what it is fit for, where it is."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from shared.domain.facts import Grade


class ReturnRow(NamedTuple):
    """One unit that came back. `parcel_id` is None when no parcel of this warehouse had it."""

    return_id: str
    sku: str
    serial: str | None
    parcel_id: str | None
    line_no: int
    grade: Grade
    place: str
    badge: str
    at_ms: int
    changed_ms: int


def get(sql: sqlite3.Connection, return_id: str) -> ReturnRow | None:
    """Return one return, or None."""
    row = sql.execute("SELECT * FROM returns WHERE return_id = ?", (return_id,)).fetchone()
    return ReturnRow(*row) if row else None


def insert(sql: sqlite3.Connection, row: ReturnRow) -> None:
    """Keep a return; its id is unique."""
    sql.execute("INSERT INTO returns VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def grade(sql: sqlite3.Connection, return_id: str, grade: Grade, place: str, *, at_ms: int) -> None:
    """Note what a unit is fit for now and where it lies."""
    sql.execute(
        "UPDATE returns SET grade = ?, place = ?, changed_ms = ? WHERE return_id = ?",
        (grade, place, at_ms, return_id),
    )


def last_of_serial(sql: sqlite3.Connection, serial: str) -> ReturnRow | None:
    """Return how a serial number came back last, or None."""
    row = sql.execute(
        "SELECT * FROM returns WHERE serial = ? ORDER BY at_ms DESC LIMIT 1", (serial,)
    ).fetchone()
    return ReturnRow(*row) if row else None


def of_line(sql: sqlite3.Connection, parcel_id: str, line_no: int) -> int:
    """Return how many units of a parcel's line came back here."""
    row = sql.execute(
        "SELECT COUNT(*) FROM returns WHERE parcel_id = ? AND line_no = ?", (parcel_id, line_no)
    ).fetchone()
    return int(row[0])


def newest(sql: sqlite3.Connection, *, aside: bool, limit: int) -> list[ReturnRow]:
    """Return returns, newest first; with `aside` only those that wait for another look."""
    rows = sql.execute(
        "SELECT * FROM returns WHERE grade IN ('quarantine', 'repair') ORDER BY at_ms DESC LIMIT ?"
        if aside
        else "SELECT * FROM returns ORDER BY at_ms DESC LIMIT ?",
        (limit,),
    )
    return [ReturnRow(*row) for row in rows]
