"""Are head office's books still what was written into them?

At the start the head of the file and the last lines of every warehouse's log are looked at; once an
hour every page and every line is read again (see `shared.runtime.file_check`). A PostgreSQL server
looks after its own pages.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hub.store import fact_log
from shared.domain.errors import BooksBroken
from shared.runtime import disk_trouble, file_check

WHAT_TO_DO: Final = (
    "Stop the hub and put its newest backup back: `bincard hub restore FILE`. The warehouses then "
    "send again what the backup does not hold."
)


def expect_sound(sql: sqlite3.Connection) -> None:
    """Look at the file as the hub starts; raises BooksBroken that says what to do.

    The work does not grow with the history.
    """
    try:
        troubles = file_check.quick(sql)
        fact_log.check_ends(sql)
    except BooksBroken as error:
        raise disk_trouble.books_damaged(error, WHAT_TO_DO) from error
    if troubles:
        raise disk_trouble.books_damaged(sqlite3.DatabaseError(troubles[0]), WHAT_TO_DO)


def slices(sql: sqlite3.Connection) -> Iterator[list[str]]:
    """Check everything, a part at a time, and yield what is wrong with each part."""
    yield from file_check.table_slices(sql)
    for _ in fact_log.check_chains(sql):
        yield []


def examine_file(database: Path) -> str:
    """Read the whole file; return what is wrong with it first, "" when it is sound."""
    return file_check.run_through(database, slices)
