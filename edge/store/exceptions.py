"""What waits for a person: one row each, opened by the floor, solved by somebody with a badge."""

from __future__ import annotations

import sqlite3
from typing import Literal, NamedTuple

import msgspec

from edge.domain.verdict import Params

ExceptionKind = Literal["stop", "attention", "unknown"]


class ExceptionRow(NamedTuple):
    """One thing that waits for a person; `code` and `params` make its sentence."""

    exception_id: str
    kind: str
    subject: str
    code: str
    params: Params
    station: str
    opened_ms: int
    solved_ms: int | None
    solved_by: str | None


def _row(row: sqlite3.Row) -> ExceptionRow:
    params: Params = msgspec.json.decode(row["params"])
    return ExceptionRow(row[0], row[1], row[2], row[3], params, row[5], row[6], row[7], row[8])


def open_(
    sql: sqlite3.Connection,
    *,
    exception_id: str,
    kind: ExceptionKind,
    subject: str,
    code: str,
    params: Params,
    station: str,
    at_ms: int,
) -> bool:
    """Open an exception; return False when the same subject already waits for the same code."""
    if is_open(sql, subject, code):
        return False
    sql.execute(
        "INSERT INTO exceptions (exception_id, kind, subject, code, params, station, opened_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (exception_id, kind, subject, code, msgspec.json.encode(params).decode(), station, at_ms),
    )
    return True


def is_open(sql: sqlite3.Connection, subject: str, code: str) -> bool:
    """Return True when `subject` waits for a person because of `code`."""
    row = sql.execute(
        "SELECT EXISTS (SELECT 1 FROM exceptions "
        "WHERE subject = ? AND code = ? AND solved_ms IS NULL)",
        (subject, code),
    ).fetchone()
    return bool(row[0])


def solve(sql: sqlite3.Connection, exception_id: str, *, badge: str, at_ms: int) -> bool:
    """Close one exception; return False when it is unknown or was closed before."""
    return bool(
        sql.execute(
            "UPDATE exceptions SET solved_ms = ?, solved_by = ? "
            "WHERE exception_id = ? AND solved_ms IS NULL",
            (at_ms, badge, exception_id),
        ).rowcount
    )


def solve_subject(
    sql: sqlite3.Connection, subject: str, code: str, *, badge: str, at_ms: int
) -> bool:
    """Close what waits for `subject` because of `code`; return True when something was open."""
    return bool(
        sql.execute(
            "UPDATE exceptions SET solved_ms = ?, solved_by = ? "
            "WHERE subject = ? AND code = ? AND solved_ms IS NULL",
            (at_ms, badge, subject, code),
        ).rowcount
    )


def get(sql: sqlite3.Connection, exception_id: str) -> ExceptionRow | None:
    """Return one exception, open or solved."""
    row = sql.execute(
        "SELECT exception_id, kind, subject, code, params, station, opened_ms, solved_ms, "
        "solved_by FROM exceptions WHERE exception_id = ?",
        (exception_id,),
    ).fetchone()
    return _row(row) if row else None


def waiting(sql: sqlite3.Connection, *, limit: int = 500) -> list[ExceptionRow]:
    """Return what is open, oldest first."""
    rows = sql.execute(
        "SELECT exception_id, kind, subject, code, params, station, opened_ms, solved_ms, "
        "solved_by FROM exceptions WHERE solved_ms IS NULL ORDER BY opened_ms LIMIT ?",
        (limit,),
    )
    return [_row(row) for row in rows]


def subjects(sql: sqlite3.Connection, code: str) -> frozenset[str]:
    """Return every subject that waits because of `code`."""
    rows = sql.execute(
        "SELECT subject FROM exceptions WHERE code = ? AND solved_ms IS NULL", (code,)
    )
    return frozenset(str(row[0]) for row in rows)
