"""A full disk and a failing disk are two different troubles, and each needs its own answer.

A full disk said no *before* anything was written: the books are as they were, and when space comes
back the same request goes through. A failing disk said yes to a write and lost it: after a failed
fsync the kernel may have dropped the pages and reported the error only once, so a second try that
"succeeds" proves nothing. The first is waited out, the second ends all writing on that disk.

Source: Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020;
https://sqlite.org/rescode.html.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from shared.domain.errors import BincardError, BooksBroken, Unavailable

_FULL_CODES: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})
"""The second: the index beside the log is grown in memory-mapped steps, which need space too."""
_FAILING_CODES: Final = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CANTOPEN,
    }
)
_DAMAGED_CODES: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_BUSY_CODES: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_CAUSES_MAX: Final = 8


def is_full(error: sqlite3.Error) -> bool:
    """Say whether the disk had no room; nothing of the transaction was kept."""
    return _code(error) in _FULL_CODES


def is_failing(error: sqlite3.Error) -> bool:
    """Say whether the disk lost something, turned read-only or holds a damaged file."""
    return not is_full(error) and _code(error) & 0xFF in _FAILING_CODES


def is_damaged(error: sqlite3.Error) -> bool:
    """Say whether the file holds something else than was written into it."""
    return _code(error) & 0xFF in _DAMAGED_CODES


def is_busy(error: sqlite3.Error) -> bool:
    """Say whether another program held the file for longer than we wait."""
    return _code(error) & 0xFF in _BUSY_CODES


def behind(error: BaseException) -> sqlite3.Error | None:
    """Return the trouble of the disk that `error` is or came from, None when there is none."""
    one: BaseException | None = error
    for _ in range(_CAUSES_MAX):
        if isinstance(one, sqlite3.Error) and (is_full(one) or is_failing(one)):
            return one
        one = None if one is None else one.__cause__ or one.__context__
    return None


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", None) or 0


def storage_full() -> Unavailable:
    """Return what callers hear while there is no room; the same request goes through later."""
    return Unavailable(
        "storage_full",
        "Storage is full: nothing of this was recorded.",
        hint="Free space on this machine's disk; then the same request goes through by itself.",
    )


def no_new_work() -> Unavailable:
    """Return what a request for new work hears; work that was begun goes on."""
    return Unavailable(
        "storage_full",
        "Storage is full: no new work is taken, work that was begun goes on.",
        hint="Free space on this machine's disk; new work is taken again by itself.",
    )


def storage_failed() -> Unavailable:
    """Return what callers hear once the disk has failed; they keep what they have to tell.

    It counts as retryable: a handheld must go on holding its scans until the disk was replaced.
    """
    return Unavailable(
        "storage_failed",
        "Storage is failing: nothing more is written to this disk. What was recorded can be read.",
        hint="Replace the disk, restore the last backup onto the new one, then go on. Do not "
        "restart on this disk.",
    )


def books_damaged(error: Exception, what_to_do: str) -> BooksBroken:
    """Return what is said when the file itself does not hold what was written into it."""
    sentence = error.message if isinstance(error, BincardError) else f"{error}."
    return BooksBroken("books_damaged", f"The books are damaged: {sentence}", hint=what_to_do)


def books_busy() -> Unavailable:
    """Return what callers hear when another program keeps the file from being written."""
    return Unavailable(
        "books_busy",
        "Another program holds the books, so nothing of this was recorded.",
        hint="Close other programs that have the database open, then send the same request again.",
    )
