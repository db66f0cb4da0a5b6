"""Which parts of its own past this node has lost, and how far it has won them back.

A disk that was put back from an old copy, or a new disk, knows less than head office does. Each log
that is shorter here than there has a row here until its lines are back and their effects are
entered into the books again. Source: reference protocol "WES-1", sections 4.4 and 4.9.
"""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from shared.domain.commands import CommandRecord
from shared.domain.facts import ZERO_HASH
from shared.sync.protocol import LogMark

NUMBERS_LEFT_OUT: Final = 10_000
"""Wave, list and manifest numbers skipped, because papers with the next ones may be in use."""
RESULTS: Final = (
    "command_accepted",
    "command_refused",
    "stock_loaded",
    "cancel_confirmed",
    "cancel_too_late",
)
"""Kinds of facts that say what became of a command."""


class Recovery(NamedTuple):
    """One log on its way back."""

    incarnation: int
    from_seq: int
    expected_seq: int
    told_seq: int | None
    down_target: int | None
    replayed_seq: int
    conflicts: int


def begin(sql: sqlite3.Connection, incarnation: int, from_seq: int, expected_seq: int = 0) -> None:
    """Note that lines of this log after `from_seq` are lost here, up to `expected_seq` or more.

    What an old copy still wants to print may have been printed: a person has to look.
    """
    sql.execute(
        "INSERT INTO recoveries (incarnation, position, from_seq, expected_seq, replayed_seq) "
        "VALUES (:incarnation, (SELECT COUNT(*) FROM recoveries), :seq, :expected, :seq) "
        "ON CONFLICT (incarnation) DO UPDATE SET ended = 0, told_seq = NULL, "
        "from_seq = :seq, expected_seq = :expected, replayed_seq = :seq",
        {"incarnation": incarnation, "seq": from_seq, "expected": expected_seq},
    )
    sql.execute("UPDATE counters SET value = value + ?", (NUMBERS_LEFT_OUT,))
    sql.execute(
        "UPDATE print_jobs SET state = 'unknown' WHERE state IN ('queued', 'sending', 'sent')"
    )


def tell(sql: sqlite3.Connection, marks: tuple[LogMark, ...], down_head: int) -> None:
    """Note how far the hub has each log of this node, also those this disk never heard of."""
    known = {row[0] for row in sql.execute("SELECT incarnation FROM logs")}
    for mark in marks:
        if mark.incarnation not in known:
            sql.execute(
                "INSERT INTO logs (incarnation, base_hash, head_hash, acked_hash) "
                "VALUES (?, ?, ?, ?)",
                (mark.incarnation, ZERO_HASH, ZERO_HASH, ZERO_HASH),
            )
            begin(sql, mark.incarnation, 0)
        sql.execute(
            "UPDATE recoveries SET told_seq = ?, down_target = ? "
            "WHERE incarnation = ? AND NOT ended AND told_seq IS NULL",
            (mark.seq, down_head, mark.incarnation),
        )


def gap_told(sql: sqlite3.Connection, incarnation: int, last_seq: int) -> bool:
    """Say whether the log has a line that declares this gap."""
    row = sql.execute(
        "SELECT EXISTS (SELECT 1 FROM facts WHERE kind = 'log_gap' AND op_id = ?)",
        (f"gap-{incarnation}-{last_seq}",),
    ).fetchone()
    return bool(row[0])


def running(sql: sqlite3.Connection) -> bool:
    """Return True while a part of this node's past is not back in its books."""
    row = sql.execute("SELECT EXISTS (SELECT 1 FROM recoveries WHERE NOT ended)").fetchone()
    return bool(row[0])


def current(sql: sqlite3.Connection) -> Recovery | None:
    """Return the oldest recovery that has not ended."""
    row = sql.execute(
        "SELECT incarnation, from_seq, expected_seq, told_seq, down_target, replayed_seq, "
        "conflicts FROM recoveries WHERE NOT ended ORDER BY position LIMIT 1"
    ).fetchone()
    return None if row is None else Recovery(*row)


def log_end(sql: sqlite3.Connection, incarnation: int) -> int:
    """Return the last line of a log that this disk has."""
    row = sql.execute("SELECT head_seq FROM logs WHERE incarnation = ?", (incarnation,)).fetchone()
    return int(row[0])


def replayed(sql: sqlite3.Connection, incarnation: int, seq: int, conflicts: int) -> None:
    """Note that the effects of all lines up to `seq` are in the books again."""
    sql.execute(
        "UPDATE recoveries SET replayed_seq = ?, conflicts = conflicts + ? WHERE incarnation = ?",
        (seq, conflicts, incarnation),
    )


def end(sql: sqlite3.Connection, incarnation: int) -> None:
    """The log is whole again and so are the books."""
    sql.execute("UPDATE recoveries SET ended = 1 WHERE incarnation = ?", (incarnation,))


def results_of(sql: sqlite3.Connection, command_id: str) -> frozenset[str]:
    """Return the kinds of result facts that came back for a command carried out before."""
    rows = sql.execute(
        "SELECT DISTINCT f.kind FROM facts f JOIN recoveries r USING (incarnation) "
        "WHERE f.op_id = ? AND f.seq > r.from_seq AND NOT r.ended",
        (command_id,),
    )
    return frozenset(row[0] for row in rows) & frozenset(RESULTS)


def cancel_ended(sql: sqlite3.Connection, command_id: str) -> bool:
    """Return True when a line that came back ends this request to call a parcel back."""
    row = sql.execute(
        "SELECT EXISTS (SELECT 1 FROM facts f JOIN recoveries r USING (incarnation) "
        "WHERE f.kind IN ('cancel_confirmed', 'cancel_too_late') AND f.seq > r.from_seq "
        "AND json_extract(CAST(f.body AS TEXT), '$.command_id') = ?)",
        (command_id,),
    ).fetchone()
    return bool(row[0])


def cancelled_with(sql: sqlite3.Connection, op_id: str) -> str | None:
    """Return the parcel that ended in the same operation, None when none did."""
    row = sql.execute(
        "SELECT json_extract(CAST(body AS TEXT), '$.parcel_id') FROM facts "
        "WHERE op_id = ? AND kind = 'cancel_confirmed'",
        (op_id,),
    ).fetchone()
    return None if row is None else str(row[0])


def hold(sql: sqlite3.Connection, record: CommandRecord) -> None:
    """Keep a command until the recovery has ended."""
    sql.execute(
        "INSERT OR REPLACE INTO held_commands VALUES (?, ?, ?, ?, ?)",
        (record.seq, record.command_id, record.kind, record.version, record.body),
    )


def take_held(sql: sqlite3.Connection) -> list[CommandRecord]:
    """Return the commands that were kept, oldest first, and keep them no longer."""
    rows = sql.execute("SELECT * FROM held_commands ORDER BY seq").fetchall()
    sql.execute("DELETE FROM held_commands")
    return [CommandRecord(*row) for row in rows]
