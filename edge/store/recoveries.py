"""Which parts of its own past this node has lost, and how far it has won them back.

A disk that was put back from an old copy, or a new disk, knows less than head office does. Each log
that is shorter here than there has a row here until its lines are back and their effects are
entered into the books again. Source: reference protocol "WES-1", sections 4.4 and 4.9.
"""

from __future__ import annotations

import sqlite3
from typing import Final, Literal, NamedTuple

from shared.domain.commands import CommandRecord
from shared.domain.facts import ZERO_HASH, FactRecord
from shared.sync.protocol import LogMark

Why = Literal["retold", "misfit"]
NUMBERS_LEFT_OUT: Final = 10_000
"""Wave, list and manifest numbers skipped, because papers with the next ones may be in use."""
NUMBERED: Final = ("wave", "pick_list", "manifest")
STEPS_PAUSED_MAX: Final = 600
"""Steps in which nothing came from the hub (half a second each) after which people work on."""
PAST_MISSING: Final = "past_missing"
"""Code of the answer to a scan that has to wait until the past is back."""
OTHER_MACHINE: Final = "other_machine"
"""Code of the task of a machine that was turned away because another one speaks for the house."""
COUNT_ALL: Final = "count_all"
"""Code of the task to count the whole house, after lines are gone here and at head office."""
IN_DOUBT: Final = "parcel_in_doubt"
"""Code of the task to look where a parcel stands after the disk went back in time."""
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
    had_seq: int


def begin(
    sql: sqlite3.Connection,
    incarnation: int,
    from_seq: int,
    expected_seq: int = 0,
    *,
    had_seq: int = 0,
) -> None:
    """Note that lines of this log after `from_seq` are lost here, up to `expected_seq` or more.

    Lines up to `had_seq` are not: they live on in another log. What an old copy still wants to
    print may have been printed: a person has to look.
    """
    sql.execute(
        "INSERT INTO recoveries (incarnation, position, from_seq, expected_seq, replayed_seq, "
        "had_seq) VALUES (:incarnation, (SELECT COUNT(*) FROM recoveries), :seq, :expected, :seq, "
        ":had) ON CONFLICT (incarnation) DO UPDATE SET ended = 0, told_seq = NULL, "
        "from_seq = :seq, expected_seq = :expected, replayed_seq = :seq, had_seq = :had, "
        "waited = 0",
        {
            "incarnation": incarnation,
            "seq": from_seq,
            "expected": expected_seq,
            "had": max(from_seq, had_seq),
        },
    )
    sql.execute(
        "DELETE FROM passed_over WHERE incarnation = ? AND seq > ?", (incarnation, from_seq)
    )
    sql.executemany(
        "INSERT INTO counters (name, value) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        [(name, NUMBERS_LEFT_OUT) for name in NUMBERED],
    )
    sql.execute(
        "UPDATE print_jobs SET state = 'unknown' WHERE state IN ('queued', 'sending', 'sent')"
    )


def tell(sql: sqlite3.Connection, marks: tuple[LogMark, ...], down_head: int) -> None:
    """Note how far the hub has each earlier log of this node, also those this disk never heard of.

    A log that is longer there than here, though nobody knew that anything was missing, has to be
    won back as well: another machine has written it since.
    """
    heads = {row[0]: row[1] for row in sql.execute("SELECT incarnation, head_seq FROM logs")}
    open_ = {row[0] for row in sql.execute("SELECT incarnation FROM recoveries WHERE NOT ended")}
    for mark in marks:
        if mark.incarnation not in heads:
            sql.execute(
                "INSERT INTO logs (incarnation, base_hash, head_hash, acked_hash) "
                "VALUES (?, ?, ?, ?)",
                (mark.incarnation, ZERO_HASH, ZERO_HASH, ZERO_HASH),
            )
        head = heads.get(mark.incarnation, -1)
        if mark.incarnation not in open_ and mark.seq > head:
            begin(sql, mark.incarnation, max(0, head))
        sql.execute(
            "UPDATE recoveries SET told_seq = ?, down_target = ? "
            "WHERE incarnation = ? AND NOT ended",
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


def paused(sql: sqlite3.Connection) -> bool:
    """Return True while nobody should pick, pack or hand over: what waits here may have left.

    Not for ever: without a hub the floor goes on with the books it has.
    """
    row = sql.execute(
        "SELECT EXISTS (SELECT 1 FROM recoveries WHERE NOT ended AND waited < ?1) "
        "OR EXISTS (SELECT 1 FROM contest WHERE waited < ?1)",
        (STEPS_PAUSED_MAX,),
    ).fetchone()
    return bool(row[0])


def steps_wait(sql: sqlite3.Connection) -> bool:
    """Return True while steps towards normal days have to be taken, or counted."""
    return running(sql) or paused(sql)


def turned_away(sql: sqlite3.Connection) -> None:
    """Note that another machine speaks for this warehouse: this disk may be an old copy."""
    sql.execute("INSERT INTO contest (only_row) VALUES (1) ON CONFLICT DO NOTHING")


def let_in(sql: sqlite3.Connection) -> None:
    """Note that this machine speaks for the warehouse (again)."""
    sql.execute("DELETE FROM contest")


def turned_away_waits(sql: sqlite3.Connection) -> bool:
    """Count a step in which another machine spoke; return True while people should still wait."""
    return bool(
        sql.execute(
            "UPDATE contest SET waited = waited + 1 WHERE waited < ?", (STEPS_PAUSED_MAX,)
        ).rowcount
    )


def waited(sql: sqlite3.Connection, incarnation: int) -> None:
    """Count a step in which the hub sent nothing that was needed."""
    sql.execute("UPDATE recoveries SET waited = waited + 1 WHERE incarnation = ?", (incarnation,))


def current(sql: sqlite3.Connection) -> Recovery | None:
    """Return the oldest recovery that has not ended."""
    row = sql.execute(
        "SELECT incarnation, from_seq, expected_seq, told_seq, down_target, replayed_seq, "
        "conflicts, had_seq FROM recoveries WHERE NOT ended ORDER BY position LIMIT 1"
    ).fetchone()
    return None if row is None else Recovery(*row)


def replaying(sql: sqlite3.Connection, incarnation: int) -> bool:
    """Return True while lines of this log are here whose effects are not in the books yet."""
    row = sql.execute(
        "SELECT EXISTS (SELECT 1 FROM recoveries r JOIN logs l USING (incarnation) "
        "WHERE r.incarnation = ? AND NOT r.ended AND r.replayed_seq < l.head_seq)",
        (incarnation,),
    ).fetchone()
    return bool(row[0])


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


def pass_over(sql: sqlite3.Connection, record: FactRecord, why: Why) -> None:
    """Note that the effects of one line are not entered, and why."""
    sql.execute(
        "INSERT INTO passed_over VALUES (?, ?, ?, ?)",
        (record.incarnation, record.seq, record.kind, why),
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
