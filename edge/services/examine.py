"""Is what this warehouse wrote down still what the disk gives back?

At the start the end of the log and the head of the file are looked at, because a start must be
quick; an hour later at most every page and every line of the log has been read again, so that a
disk that forgets is found out before the paper that could replace it is thrown away.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge.store import fact_log
from shared.runtime import file_check

WHAT_TO_DO: Final = (
    "Stop this edge and put its newest backup back: `bincard edge restore FILE`. Without a backup, "
    "move the database file away and start the edge: head office sends back what it has, and what "
    "is missing is counted."
)


def expect_sound(sql: sqlite3.Connection) -> None:
    """Look at the file at the start; raises BooksBroken that says what to do."""
    file_check.expect_sound(sql, fact_log.check_end, WHAT_TO_DO)


def slices(sql: sqlite3.Connection) -> Iterator[list[str]]:
    """Check everything, a part at a time, and yield what is wrong with each part."""
    yield from file_check.table_slices(sql)
    for _ in fact_log.check_chain(sql):
        yield []


def examine_file(database: Path) -> str:
    """Read the whole file; return what is wrong with it first, "" when it is sound."""
    return file_check.run_through(database, slices)
