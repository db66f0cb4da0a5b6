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
from shared.runtime import file_check

WHAT_TO_DO: Final = (
    "Stop the hub and put its newest backup back: `bincard hub restore FILE`. The warehouses then "
    "send again what the backup does not hold."
)


def expect_sound(sql: sqlite3.Connection) -> None:
    """Look at the file at the start; raises BooksBroken that says what to do."""
    file_check.expect_sound(sql, fact_log.check_ends, WHAT_TO_DO)


def slices(sql: sqlite3.Connection) -> Iterator[list[str]]:
    """Check everything, a part at a time, and yield what is wrong with each part."""
    yield from file_check.table_slices(sql)
    for _ in fact_log.check_chains(sql):
        yield []


def examine_file(database: Path) -> str:
    """Read the whole file; return what is wrong with it first, "" when it is sound."""
    return file_check.run_through(database, slices)
