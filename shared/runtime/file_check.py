"""Is the file itself in order? Quickly at the start, and bit by bit while people work.

SQLite reads a page when somebody needs it, so a page that rotted may be found months later, by a
picker. At the start the head of the file and as many references as fit into a short time are
looked at, so that a start takes no longer for a longer history. After that everything is walked
once an hour, one table at a time, on a connection of its own that nobody waits for.
Source: https://sqlite.org/pragma.html#pragma_integrity_check, #pragma_foreign_key_check.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from shared.domain.errors import BooksBroken
from shared.runtime import disk_trouble, logs
from shared.runtime.database import connect_read_only

QUICK_SECONDS: Final = 0.2
"""Time for references at the start; what does not fit is left to the hourly check."""
STEPS_BETWEEN_LOOKS: Final = 10_000
"""SQLite's steps between two looks at the clock."""
TROUBLES_MAX: Final = 5
FIRST_SECONDS: Final = 30.0
"""A node that starts has better things to do first."""
ROUND_SECONDS: Final = 3_600.0
SLICE_REST_SECONDS: Final = 0.2
"""Pause between two slices, so that people's requests have the disk in between."""

Slices = Callable[[sqlite3.Connection], Iterator[list[str]]]
"""Checks the next part whenever it is asked, and yields what is wrong with it."""

log = logs.get("file_check")


def tables(sql: sqlite3.Connection) -> list[str]:
    """Return the names of all tables, SQLite's own left out."""
    rows = sql.execute("PRAGMA table_list").fetchall()
    return sorted(
        row["name"]
        for row in rows
        if row["type"] == "table"
        and row["schema"] == "main"
        and not row["name"].startswith("sqlite")
    )


def quick(sql: sqlite3.Connection, seconds: float = QUICK_SECONDS) -> list[str]:
    """Return what is wrong with the head of the file and with references, within `seconds`."""
    until = time.monotonic() + seconds
    sql.set_progress_handler(lambda: int(time.monotonic() > until), STEPS_BETWEEN_LOOKS)
    troubles: list[str] = []
    try:
        for table in tables(sql):
            troubles += _references(sql, table)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
    finally:
        sql.set_progress_handler(None, 0)
    return troubles[:TROUBLES_MAX]


def expect_sound(
    sql: sqlite3.Connection, look_at_ends: Callable[[sqlite3.Connection], None], what_to_do: str
) -> None:
    """Look at the file as a node starts: its head, its references and, by `look_at_ends`, its log.

    The work does not grow with the history. Raises BooksBroken that ends with `what_to_do`.
    """
    try:
        troubles = quick(sql)
        look_at_ends(sql)
    except BooksBroken as error:
        raise disk_trouble.books_damaged(error, what_to_do) from error
    if troubles:
        raise disk_trouble.books_damaged(sqlite3.DatabaseError(troubles[0]), what_to_do)


def table_slices(sql: sqlite3.Connection) -> Iterator[list[str]]:
    """Check the pages, indexes and references of one table after the other."""
    for table in tables(sql):
        rows = sql.execute(f"PRAGMA integrity_check({_quoted(table)})").fetchmany(TROUBLES_MAX)
        yield [f"{table}: {row[0]}" for row in rows if row[0] != "ok"]
        yield _references(sql, table)


def run_through(path: Path, slices: Slices) -> str:
    """Check the whole file at `path`; return what is wrong first, "" when all is sound."""
    sql: sqlite3.Connection | None = None
    try:
        sql = connect_read_only(path)
        return next((troubles[0] for troubles in slices(sql) if troubles), "")
    except (sqlite3.DatabaseError, BooksBroken) as error:
        return str(error)
    finally:
        if sql is not None:
            sql.close()


def _references(sql: sqlite3.Connection, table: str) -> list[str]:
    rows = sql.execute(f"PRAGMA foreign_key_check({_quoted(table)})").fetchmany(TROUBLES_MAX)
    return [f"{row[0]}: row {row[1]} names a row of {row[2]} that is not there" for row in rows]


def _quoted(table: str) -> str:
    return '"' + table.replace('"', '""') + '"'


class HourlyCheck:
    """Walks the whole file once an hour, a slice at a time, on a thread of its own."""

    def __init__(
        self,
        path: Path,
        slices: Slices,
        damaged: Callable[[str], None],
        *,
        first_seconds: float = FIRST_SECONDS,
        round_seconds: float = ROUND_SECONDS,
        rest_seconds: float = SLICE_REST_SECONDS,
    ) -> None:
        """`damaged` is told the first thing that is wrong; then the check ends."""
        self._path = path
        self._slices = slices
        self._damaged = damaged
        self._first_seconds = first_seconds
        self._round_seconds = round_seconds
        self._rest_seconds = rest_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="file-check", daemon=True)
        self.rounds = 0
        """How often the whole file was found sound."""

    def start(self) -> None:
        """Begin; the first round starts a little later."""
        self._thread.start()

    def stop(self) -> None:
        """End between two slices. Call it before the database is closed."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        self._stopping.wait(self._first_seconds)
        while not self._stopping.is_set():
            wrong = run_through(self._path, self._unhurried)
            if wrong:
                self._damaged(wrong)
                return
            if not self._stopping.is_set():
                self.rounds += 1
                log.info("file_sound", rounds=self.rounds)
            self._stopping.wait(self._round_seconds)

    def _unhurried(self, sql: sqlite3.Connection) -> Iterator[list[str]]:
        for troubles in self._slices(sql):
            yield troubles
            if self._stopping.wait(self._rest_seconds):
                return
