"""Which lines of the warehouses are in a backup that the server's own tools made.

The hub cannot look into a dump or a base backup. So somebody restores it into an empty database, as
on the bad day, and the hub opens that: every hash chain is followed there, and only what it ends
with, and what these books have word for word, counts as backed up. Then edges may let go of it.
"""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

import psycopg

from hub.store import fact_log
from hub.store.backup import LogEnd, advance_stable, log_ends
from hub.store.postgres.database import unavailable
from hub.store.postgres.hub_store import PostgresProofs
from hub.store.postgres.sql import PostgresSql, as_books, connect
from shared.domain.errors import BooksBroken, Conflict, InvalidInput

_RESTORE: Final = "Restore the backup into an empty database of its own and name that one."


class CopyEnd(NamedTuple):
    """The last line of one warehouse's log in a copy."""

    end: LogEnd
    hash: bytes


class Copy(NamedTuple):
    """What a restored copy was found to hold, and which running database it is."""

    place: tuple[str, ...]
    ends: list[CopyEnd]


def open_copy(url: str) -> Copy:
    """Prove the restored copy at `url`: rules, indexes, and every hash of every log.

    Raises Unavailable when it cannot be reached, InvalidInput when it holds no books of a hub,
    Conflict for a replica (it repeats every mistake), and BooksBroken when it is not intact.
    """
    try:
        sql = connect(url, name="proof", writable=False)
        try:
            sql.script("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            return _examine(sql)
        finally:
            sql.connection.close()
    except psycopg.errors.UndefinedTable as error:
        raise InvalidInput(
            "backup_unreadable", "This database holds no books of a hub.", hint=_RESTORE
        ) from error
    except psycopg.OperationalError as error:
        raise unavailable(error) from error


def _examine(sql: PostgresSql) -> Copy:
    row = sql.execute("SELECT pg_is_in_recovery()").fetchone()
    if row is not None and row[0]:
        raise Conflict(
            "backup_is_replica",
            "This server is a replica: what is deleted by mistake is deleted there as well.",
            hint=_RESTORE,
        )
    books = as_books(sql)
    broken = PostgresProofs(books).file_intact()
    if broken:
        raise BooksBroken("backup_damaged", f"The copy is damaged: {broken[0]}")
    ends = log_ends(books)
    found = [CopyEnd(end, fact_log.hash_at(books, *end) or b"") for end in ends]
    return Copy(place(books), found)


def place(sql: sqlite3.Connection) -> tuple[str, ...]:
    """Return which running database and schema `sql` speaks to."""
    row = sql.execute(
        "SELECT pg_postmaster_start_time()::text, current_database()::text, current_schema()::text"
    ).fetchone()
    return tuple(row)


def count_as_backed_up(sql: sqlite3.Connection, copy: Copy) -> list[LogEnd]:
    """Note in these books that all that `copy` holds is in a proven backup; return how far.

    Raises Conflict when the copy is these books themselves, or has a line that they do not have.
    """
    if place(sql) == copy.place:
        raise Conflict(
            "backup_is_books", "This is the hub's own database, not a copy of it.", hint=_RESTORE
        )
    ends = [one.end for one in copy.ends if one.end.seq and one.hash]
    for one in copy.ends:
        if one.hash and fact_log.hash_at(sql, *one.end) != one.hash:
            raise Conflict(
                "backup_of_other_books",
                f"The copy has line {one.end.seq} of {one.end.node}, these books do not: it is of "
                "another hub, or these books are older than the copy.",
                hint="Nothing was noted. Look at `bincard hub recovery`.",
            )
    advance_stable(sql, ends)
    return ends
