"""Copies of the books that can be trusted: made while the hub works, checked before they count.

A restored file begins another life of the hub. Numbers given out after the backup was made must not
be given again, so counters jump ahead; and the epoch rises, so that every warehouse notices and
sends again what the hub forgot.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final, Literal, NamedTuple

from hub.store import fact_log, nodes, recovering
from hub.store.sqlite import channels
from shared.domain.errors import BooksBroken, Conflict, InvalidInput, Refused, Unavailable
from shared.domain.ports import Entropy
from shared.runtime import backups

COUNTER_JUMP: Final = 1_000_000
"""Numbers left out after a restore; more parcels than this never leave between two backups."""


class LogEnd(NamedTuple):
    """The last line of one warehouse's log."""

    node: str
    incarnation: int
    seq: int


class BackedUp(NamedTuple):
    """A proven copy: its size and how far each warehouse's log is in it."""

    size_bytes: int
    ends: list[LogEnd]


def back_up(sql: sqlite3.Connection, path: Path) -> BackedUp:
    """Copy the books behind `sql` into the new file `path` and prove the copy, every hash followed.

    Raises Conflict when the file exists, TooMuch and Unavailable when there is no room for it, and
    BooksBroken when the copy is not intact. Then there is no file.
    """
    if not isinstance(sql, sqlite3.Connection):
        raise Refused(
            "backup_by_server",
            "Failed to back up: these books are kept by a PostgreSQL server.",
            hint="Use pg_dump, or the base backups of your server, and `bincard hub prove-backup`.",
        )
    books = Path(sql.execute("PRAGMA database_list").fetchone()[2])
    with backups.growing(path, books) as partial:
        try:
            _copy(sql, partial)
        except sqlite3.Error as error:
            raise Unavailable(
                "backup_failed",
                f"Failed to back up: {error}.",
                hint="Free space there, or choose a folder on another disk. Nothing was left.",
            ) from error
        check_file(partial)
        ends = proven_marks(partial)
    return BackedUp(path.stat().st_size, ends)


def _copy(sql: sqlite3.Connection, partial: Path) -> None:
    copy = sqlite3.connect(partial)
    try:
        sql.backup(copy)
        seal(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    finally:
        copy.close()


def proven_marks(path: Path) -> list[LogEnd]:
    """Return how far each warehouse's log is in the backup `path`, every hash chain followed.

    Raises BooksBroken when a line of the copy does not follow from the one before.
    """
    copy = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    copy.row_factory = sqlite3.Row
    try:
        return log_ends(copy)
    finally:
        copy.close()


def log_ends(copy: sqlite3.Connection) -> list[LogEnd]:
    """Return the last line of each log in the open copy, every hash chain followed."""
    fact_log.verify_chains(copy)
    rows = copy.execute("SELECT node, incarnation, applied_seq FROM node_logs").fetchall()
    return [LogEnd(*row) for row in rows]


def seal(copy: sqlite3.Connection) -> None:
    """Let a copy say of itself that all it holds is in a backup: it is one.

    Edges drop lines that are in a backup, so a hub put back from it must know that they may have.
    """
    copy.execute("UPDATE node_logs SET stable_seq = applied_seq")
    copy.commit()


def advance_stable(sql: sqlite3.Connection, ends: list[LogEnd]) -> None:
    """Note that all lines up to `ends` are in a proven backup: edges need not keep them for us."""
    sql.executemany(
        "UPDATE node_logs SET stable_seq = ? WHERE node = ? AND incarnation = ?"
        " AND stable_seq < ? AND applied_seq >= ?",
        [(end.seq, end.node, end.incarnation, end.seq, end.seq) for end in ends],
    )


def check_file(path: Path) -> None:
    """Raise InvalidInput when `path` is no hub backup, BooksBroken when its pages are damaged."""
    if not path.is_file():
        raise InvalidInput("backup_missing", f"There is no backup file {path.name}.")
    sql = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        answer = sql.execute("PRAGMA integrity_check(1)").fetchone()[0]
        sql.execute("SELECT count(*) FROM hub_identity").fetchone()
        sql.execute("SELECT count(*) FROM rights").fetchone()
    except sqlite3.DatabaseError as error:
        raise InvalidInput(
            "backup_unreadable",
            f"Failed to read {path.name}: it is not a backup of a hub.",
            hint="Choose a file that `bincard hub backup` made.",
        ) from error
    finally:
        sql.close()
    if answer != "ok":
        raise BooksBroken("backup_damaged", f"The file {path.name} is damaged: {answer}.")


def begin_new_life(
    sql: sqlite3.Connection,
    entropy: Entropy,
    now_ms: int,
    *,
    kind: Literal["restored", "lost"] = "restored",
    above: int = 0,
) -> int:
    """Raise the epoch above `above`, jump over numbers given out since, wait for the warehouses.

    Return the epoch.
    """
    epoch = nodes.raise_epoch(sql, entropy, above=above, now_ms=now_ms).ordinal
    # `*` is where counters begin that these books do not have; after a loss nobody knows how far
    # they had come, but none gave a number in every second since 1970.
    first = now_ms // 1000 if kind == "lost" else 0
    sql.execute(
        "INSERT INTO counters (counter, value) VALUES ('*', ?) ON CONFLICT DO NOTHING", (first,)
    )
    sql.execute("UPDATE counters SET value = value + ?", (COUNTER_JUMP,))
    _jump_events(sql, epoch, now_ms)
    recovering.begin(sql, kind, now_ms)
    channels.look_back(sql)
    return epoch


def begin_rebuilding(sql: sqlite3.Connection, entropy: Entropy, now_ms: int) -> int:
    """Declare that these books replace lost ones; return the epoch.

    Raises Conflict when a warehouse has sent something already: then nothing was lost.
    """
    if sql.execute("SELECT 1 FROM facts LIMIT 1").fetchone() is not None:
        raise Conflict(
            "books_not_empty",
            "Failed to begin rebuilding: these books have facts of warehouses already.",
            hint="Use a new state directory; warehouses that were lost come back by enrolling.",
        )
    return begin_new_life(sql, entropy, now_ms, kind="lost")


def _jump_events(sql: sqlite3.Connection, epoch: int, now_ms: int) -> None:
    """Let the change feed go on at the clock's milliseconds.

    Whoever follows the feed has a number of the life that was forgotten and must not miss a line of
    this one; no hub tells a thousand lines in every second of its life.
    """
    last = sql.execute("SELECT coalesce(max(event_id), 0) FROM events").fetchone()[0]
    event_id = max(last + COUNTER_JUMP, now_ms)
    sql.execute(
        "INSERT INTO events (event_id, at_ms, kind, data) VALUES (?, ?, 'hub_new_life', ?)",
        (event_id, now_ms, f'{{"epoch":{epoch}}}'),
    )
    if not isinstance(sql, sqlite3.Connection):
        sql.execute("SELECT setval(pg_get_serial_sequence('events', 'event_id'), ?)", (event_id,))
