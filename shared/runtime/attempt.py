"""Try something inside a transaction, and undo only that when it fails.

One thing that cannot be digested must not take the rest of the work with it, but a failing disk is
not "one thing": it must stop the whole node.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_DISK_CODES: Final = frozenset(
    {
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_NOTADB,
    }
)
"""Source: https://sqlite.org/rescode.html (primary codes)."""
_SERVER_CLASSES: Final = frozenset({"08", "40", "53", "55", "57", "58"})
"""Connection, rollback, resources, locks, shut-down, system: the first two characters of SQLSTATE.
Source: https://www.postgresql.org/docs/current/errcodes-appendix.html."""


@contextmanager
def undoable(sql: sqlite3.Connection) -> Iterator[None]:
    """Undo everything done inside when it raises; the transaction around it goes on."""
    sql.execute("SAVEPOINT attempt")
    try:
        yield
    except BaseException:
        sql.execute("ROLLBACK TO attempt")
        sql.execute("RELEASE attempt")
        raise
    sql.execute("RELEASE attempt")


def is_disk_trouble(error: Exception) -> bool:
    """Say whether `error` is the storage failing rather than the data being wrong."""
    state = getattr(error, "sqlstate", None)
    if state is not None:
        return str(state)[:2] in _SERVER_CLASSES
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.Error) and code is not None and code & 0xFF in _DISK_CODES
