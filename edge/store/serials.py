"""Where each serial number (SN) is, and everything that ever happened to it.

`change` is the only writer of a single unit's state; the legal moves are `shared.domain.serial`.
The history row is written with the state, so that "where was it last Tuesday" always has an answer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple, cast

from shared.domain import serial as rules
from shared.domain.serial import SerialEvent, SerialState

CHUNK = 500
"""Serial numbers asked for in one statement."""


class SerialRow(NamedTuple):
    """One serial number now."""

    serial: str
    sku: str
    state: SerialState
    account: str
    life: int
    parcel_id: str | None
    changed_ms: int


class HistoryRow(NamedTuple):
    """One thing that happened to a serial number."""

    life: int
    event: str
    state: str
    account: str
    op_id: str
    actor: str
    at_ms: int


_COLUMNS = "serial, sku, state, account, life, parcel_id, changed_ms"
_HISTORY = (
    "INSERT INTO serial_history (serial, life, event, state, account, op_id, actor, at_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def get(sql: sqlite3.Connection, serial: str) -> SerialRow | None:
    """Return the unit called `serial`, or None when it was never here."""
    row = sql.execute(
        "SELECT serial, sku, state, account, life, parcel_id, changed_ms "
        "FROM serials WHERE serial = ?",
        (serial,),
    ).fetchone()
    return SerialRow(*row) if row else None


def change(
    sql: sqlite3.Connection,
    *,
    serial: str,
    sku: str,
    event: SerialEvent,
    account: str,
    parcel_id: str | None,
    op_id: str,
    actor: str,
    at_ms: int,
) -> SerialState:
    """Move one unit through its life and remember it; return the new state.

    Raises Refused `serial_move` when the table of legal moves forbids it. Post the ledger movement
    beside this call: the state and the account must tell the same story.
    """
    before = get(sql, serial)
    state = rules.move(serial, before.state if before else None, event)
    life = before.life if before else 1
    if event == "return":
        life += 1
    sql.execute(
        "INSERT INTO serials (serial, sku, state, account, life, parcel_id, changed_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (serial) DO UPDATE SET state = excluded.state, account = excluded.account, "
        "life = excluded.life, parcel_id = excluded.parcel_id, changed_ms = excluded.changed_ms",
        (serial, sku, state, account, life, parcel_id, at_ms),
    )
    sql.execute(_HISTORY, (serial, life, event, state, account, op_id, actor, at_ms))
    return state


def note(
    sql: sqlite3.Connection, row: SerialRow, *, event: str, op_id: str, actor: str, at_ms: int
) -> None:
    """Write a history row for `row` without changing it: a dispute, or a corrected place."""
    sql.execute(
        _HISTORY, (row.serial, row.life, event, row.state, row.account, op_id, actor, at_ms)
    )


def relocate(
    sql: sqlite3.Connection, row: SerialRow, account: str, *, op_id: str, actor: str, at_ms: int
) -> SerialRow:
    """Record that a good unit lies in another bin than the record said; its state stays."""
    sql.execute(
        "UPDATE serials SET account = ?, changed_ms = ? WHERE serial = ?",
        (account, at_ms, row.serial),
    )
    moved = row._replace(account=account, changed_ms=at_ms)
    note(sql, moved, event="move", op_id=op_id, actor=actor, at_ms=at_ms)
    return moved


def add_many(
    sql: sqlite3.Connection,
    *,
    sku: str,
    serials: Sequence[str],
    account: str,
    op_id: str,
    actor: str,
    at_ms: int,
) -> None:
    """Take in many units never seen before (event `receive`); check with `existing` first."""
    sql.executemany(
        "INSERT INTO serials (serial, sku, state, account, changed_ms) "
        "VALUES (?, ?, 'in_stock', ?, ?)",
        [(serial, sku, account, at_ms) for serial in serials],
    )
    sql.executemany(
        _HISTORY,
        [(serial, 1, "receive", "in_stock", account, op_id, actor, at_ms) for serial in serials],
    )


def existing(sql: sqlite3.Connection, wanted: Sequence[str]) -> dict[str, SerialRow]:
    """Return those of `wanted` that are already known."""
    found: dict[str, SerialRow] = {}
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        marks = ",".join("?" * len(chunk))
        rows = sql.execute(
            f"SELECT {_COLUMNS} FROM serials WHERE serial IN ({marks})",  # noqa: S608  marks only
            tuple(chunk),
        )
        found.update((row[0], SerialRow(*row)) for row in rows)
    return found


def in_account(
    sql: sqlite3.Connection, account: str, sku: str, *, state: str = "in_stock", limit: int = 400
) -> list[str]:
    """Return serial numbers of `sku` that the record places in `account`, sorted."""
    rows = sql.execute(
        "SELECT serial FROM serials WHERE account = ? AND sku = ? AND state = ? "
        "ORDER BY serial LIMIT ?",
        (account, sku, state, limit),
    )
    return [str(row[0]) for row in rows]


def history(sql: sqlite3.Connection, serial: str) -> list[HistoryRow]:
    """Return everything that happened to `serial`, oldest first."""
    rows = sql.execute(
        "SELECT life, event, state, account, op_id, actor, at_ms FROM serial_history "
        "WHERE serial = ? ORDER BY history_id",
        (serial,),
    )
    return [HistoryRow(*row) for row in rows]


def last_event(sql: sqlite3.Connection, serial: str) -> HistoryRow | None:
    """Return the latest thing that happened to `serial`."""
    row = sql.execute(
        "SELECT life, event, state, account, op_id, actor, at_ms FROM serial_history "
        "WHERE serial = ? ORDER BY history_id DESC LIMIT 1",
        (serial,),
    ).fetchone()
    return HistoryRow(*row) if row else None


def count_on_hand(sql: sqlite3.Connection) -> int:
    """Return how many serial numbers are inside the warehouse."""
    rows = sql.execute("SELECT state, COUNT(*) FROM serials GROUP BY state")
    return sum(int(count) for state, count in rows if cast("SerialState", state) in rules.ON_HAND)
