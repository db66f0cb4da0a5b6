"""Every scan a device named, with its first answer, so that a repeat gets the very same answer."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple


class OperationRow(NamedTuple):
    """One scan as it was judged the first time; `answer` is the verdict as JSON."""

    op_id: str
    device_id: str
    device_seq: int
    station: str
    raw: str
    accepted: int
    code: str
    answer: str
    at_ms: int


def over_http(
    op_id: str,
    station: str,
    raw: str,
    code: str,
    answer: bytes,
    at_ms: int,
    *,
    accepted: bool = True,
) -> OperationRow:
    """Return the row of a request that no scanner made; `raw` tells whether it is asked again."""
    return OperationRow(
        op_id=op_id,
        device_id="http",
        device_seq=0,
        station=station,
        raw=raw,
        accepted=int(accepted),
        code=code,
        answer=answer.decode(),
        at_ms=at_ms,
    )


def find(sql: sqlite3.Connection, op_id: str) -> OperationRow | None:
    """Return the first answer given to `op_id`, or None."""
    row = sql.execute(
        "SELECT op_id, device_id, device_seq, station, raw, accepted, code, answer, at_ms "
        "FROM operations WHERE op_id = ?",
        (op_id,),
    ).fetchone()
    return OperationRow(*row) if row else None


def insert(sql: sqlite3.Connection, row: OperationRow) -> None:
    """Remember an answer. `op_id` is unique: a second insert is a broken book."""
    sql.execute("INSERT INTO operations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def last_of_station(sql: sqlite3.Connection, station: str) -> OperationRow | None:
    """Return the latest scan of a station; its screen shows it again after a reload."""
    row = sql.execute(
        "SELECT op_id, device_id, device_seq, station, raw, accepted, code, answer, at_ms "
        "FROM operations WHERE station = ? ORDER BY at_ms DESC LIMIT 1",
        (station,),
    ).fetchone()
    return OperationRow(*row) if row else None


def newest_of_station(sql: sqlite3.Connection, station: str, limit: int) -> list[OperationRow]:
    """Return the newest operations of a station, newest first."""
    rows = sql.execute(
        "SELECT op_id, device_id, device_seq, station, raw, accepted, code, answer, at_ms "
        "FROM operations WHERE station = ? ORDER BY at_ms DESC LIMIT ?",
        (station, limit),
    )
    return [OperationRow(*row) for row in rows]
