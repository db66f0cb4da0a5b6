"""What an edge remembers about its line to the hub, in the same file as its stock.

Because the command cursor lives beside the stock, a command and "this command took effect" are one
transaction: after any crash both are true or neither.
"""

from __future__ import annotations

import sqlite3
from typing import Literal

from edge.sync.core_events import LocalState, LogState
from shared.domain.commands import CommandRecord
from shared.domain.facts import ZERO_HASH
from shared.sync.protocol import Epoch, LogMark, Mark

Outcome = Literal["done", "refused", "unknown", "repeated"]


def load(sql: sqlite3.Connection) -> LocalState:
    """Return the state of the line; the file must have an identity (`fact_log`)."""
    state = sql.execute("SELECT * FROM node_state").fetchone()
    rows = sql.execute(
        "SELECT * FROM logs ORDER BY incarnation = ?, parent_incarnation IS NOT NULL, incarnation",
        (state["incarnation"],),
    ).fetchall()
    return LocalState(
        node=state["node"],
        boot_no=state["boot_no"],
        epoch=Epoch(state["epoch"], bytes(state["epoch_token"])),
        down_cursor=state["down_cursor"],
        logs=tuple(_log_state(row) for row in rows),
        fence=bytes(state["fence"]),
        down_id=_command_at(sql, state["down_cursor"]),
    )


def _command_at(sql: sqlite3.Connection, seq: int) -> str:
    row = sql.execute("SELECT command_id FROM commands_received WHERE seq = ?", (seq,)).fetchone()
    return "" if row is None else str(row["command_id"])


def _log_state(row: sqlite3.Row) -> LogState:
    parent = None
    if row["parent_incarnation"] is not None:
        parent = LogMark(row["parent_incarnation"], row["parent_seq"], bytes(row["parent_hash"]))
    return LogState(
        incarnation=row["incarnation"],
        parent=parent,
        head=Mark(row["head_seq"], bytes(row["head_hash"])),
        acked=Mark(row["acked_seq"], bytes(row["acked_hash"])),
        stable_seq=row["stable_seq"],
    )


def raise_boot_no(sql: sqlite3.Connection, at_least: int) -> None:
    """Raise the boot number by one, to `at_least` or more."""
    sql.execute("UPDATE node_state SET boot_no = max(boot_no + 1, ?)", (at_least,))


def store_fence(sql: sqlite3.Connection, fence: bytes) -> None:
    """Keep the number of the welcome that this machine goes on under."""
    sql.execute("UPDATE node_state SET fence = ?", (fence,))


def store_ack(sql: sqlite3.Connection, incarnation: int, acked: Mark, stable_seq: int) -> None:
    """Note how far the hub has this log; an older note changes nothing."""
    sql.execute(
        "UPDATE logs SET acked_seq = ?, acked_hash = ? WHERE incarnation = ? AND acked_seq < ?"
        " AND head_seq >= ?",
        (acked.seq, acked.hash, incarnation, acked.seq, acked.seq),
    )
    sql.execute(
        "UPDATE logs SET stable_seq = ? WHERE incarnation = ? AND stable_seq < ?",
        (stable_seq, incarnation, stable_seq),
    )


def store_epoch(sql: sqlite3.Connection, epoch: Epoch, applied: tuple[LogMark, ...]) -> None:
    """Note the hub's new life and how far it has each log, which may be less than before.

    It may also have more of a log than this disk, which then knows all it has to be safe.
    """
    changed = sql.execute(
        "UPDATE node_state SET epoch = ?, epoch_token = ? WHERE epoch < ?",
        (epoch.ordinal, epoch.token, epoch.ordinal),
    )
    if changed.rowcount == 0:
        return
    known = {mark.incarnation: mark for mark in applied}
    for row in sql.execute("SELECT incarnation, head_seq, head_hash FROM logs").fetchall():
        mark = known.get(row["incarnation"], LogMark(row["incarnation"], 0, ZERO_HASH))
        if mark.seq > row["head_seq"]:
            mark = LogMark(row["incarnation"], row["head_seq"], bytes(row["head_hash"]))
        sql.execute(
            "UPDATE logs SET acked_seq = ?, acked_hash = ?, stable_seq = min(stable_seq, ?)"
            " WHERE incarnation = ?",
            (mark.seq, mark.hash, mark.seq, mark.incarnation),
        )


def waiting(sql: sqlite3.Connection) -> int:
    """Return how many facts are not known to be on the hub's disk."""
    row = sql.execute("SELECT sum(head_seq - acked_seq) AS facts FROM logs").fetchone()
    return int(row["facts"] or 0)


def down_cursor(sql: sqlite3.Connection) -> int:
    """Return the number of the last command that took effect."""
    return int(sql.execute("SELECT down_cursor FROM node_state").fetchone()["down_cursor"])


def was_done(sql: sqlite3.Connection, command_id: str) -> bool:
    """Say whether this command took effect, or was refused, under any number."""
    row = sql.execute(
        "SELECT 1 FROM commands_received WHERE command_id = ? AND outcome IN ('done', 'refused')",
        (command_id,),
    ).fetchone()
    return row is not None


def done_ahead(sql: sqlite3.Connection, record: CommandRecord, at_ms: int) -> None:
    """Note that a command took effect before its turn; the cursor stays.

    It is kept under a negative number, so that no other command that ever gets its number in the
    sequence (a restored hub may give it again) makes this node forget that it was done.
    """
    sql.execute(
        "INSERT INTO commands_received (seq, command_id, kind, version, outcome, at_ms) VALUES"
        " ((SELECT min(0, coalesce(min(seq), 0)) - 1 FROM commands_received), ?, ?, ?, 'done', ?)",
        (record.command_id, record.kind, record.version, at_ms),
    )


def was_received(sql: sqlite3.Connection, command_id: str) -> bool:
    """Say whether this command came before under any number, whatever became of it."""
    row = sql.execute(
        "SELECT 1 FROM commands_received WHERE command_id = ?", (command_id,)
    ).fetchone()
    return row is not None


def finish_command(
    sql: sqlite3.Connection, record: CommandRecord, outcome: Outcome, code: str, at_ms: int
) -> None:
    """Note what became of a command and move the cursor to it."""
    sql.execute(
        "INSERT OR REPLACE INTO commands_received"
        " (seq, command_id, kind, version, outcome, code, body, at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record.seq,
            record.command_id,
            record.kind,
            record.version,
            outcome,
            code,
            record.body if outcome == "unknown" else None,
            at_ms,
        ),
    )
    sql.execute("UPDATE node_state SET down_cursor = ?", (record.seq,))
