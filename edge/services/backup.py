"""Saving the books and putting them back.

A backup is worth what its last restore drill was worth: each one is opened, checked page by page,
and its chain of facts followed to the end before it is called a backup.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from edge.services.verify import Verification, verify
from edge.store import copies
from shared.domain.errors import BooksBroken, NotFound, Unavailable
from shared.domain.ports import Entropy
from shared.runtime import backups, disk_trouble
from shared.runtime.database import connect, connect_read_only
from shared.runtime.migrate import migrate

MIGRATIONS: Final = "edge.store.migrations"
MIGRATION_SET: Final = "edge"


class Copied(msgspec.Struct, frozen=True):
    """A proven copy of the books."""

    path: str
    bytes: int
    facts: int


class Restored(msgspec.Struct, frozen=True):
    """What now stands in the place of the books, and where the replaced ones are kept."""

    path: str
    bytes: int
    facts: int
    kept: str | None


def backup(database: Path, target: Path) -> Copied:
    """Copy the books in `database` to the new file `target` and prove the copy.

    The node may go on working meanwhile. Raises NotFound, Conflict when `target` exists, and
    BooksBroken when the copy does not hold what the books promise.
    """
    _expect_file(database)
    with (
        backups.growing(target, database) as partial,
        closing(connect(database, writable=False)) as sql,
    ):
        # Only the copy is written; SQLite refuses even that on a query-only connection.
        sql.execute("PRAGMA query_only=OFF")
        try:
            copies.copy_into(sql, partial)
        except sqlite3.Error as error:
            raise _not_copied(error) from error
        proven = _proven(partial)
    return msgspec.structs.replace(proven, path=str(target))


def _not_copied(error: sqlite3.Error) -> Unavailable:
    full = disk_trouble.is_full(error)
    return Unavailable(
        "backup_failed",
        f"Failed to back up: {'the disk there is full' if full else error}.",
        hint="Free space there, or choose a folder on another disk. Nothing was left behind.",
    )


def restore(source: Path, database: Path, entropy: Entropy, now_ms: int) -> Restored:
    """Put the backup `source` in the place of `database`, which is kept beside it.

    The node must be stopped. The log begins a new incarnation. Until the last step, which is one
    renaming, the old books are untouched. Raises NotFound, BooksBroken.
    """
    _expect_file(source)
    _proven(source)
    database.parent.mkdir(parents=True, exist_ok=True)
    fresh = database.with_name(database.name + backups.FRESH_ENDING)
    fresh.unlink(missing_ok=True)
    with closing(connect(source, writable=False)) as sql:
        sql.execute("PRAGMA query_only=OFF")
        try:
            copies.copy_into(sql, fresh)
        except sqlite3.Error as error:
            fresh.unlink(missing_ok=True)
            raise _not_copied(error) from error
    migrate(fresh, MIGRATION_SET, MIGRATIONS)
    with closing(connect(fresh, writable=True)) as sql:
        sql.execute("BEGIN IMMEDIATE")
        copies.branch_log(sql, entropy)
        sql.execute("COMMIT")
        sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    proven = _proven(fresh)
    kept = backups.swap_in(fresh, database, now_ms)
    return Restored(str(database), proven.bytes, proven.facts, str(kept) if kept else None)


def check_file(database: Path) -> Verification:
    """Verify the books in `database` without changing them."""
    _expect_file(database)
    with closing(connect_read_only(database)) as sql:
        return verify(sql)


def _proven(path: Path) -> Copied:
    """Open a copy and check it; raises BooksBroken naming the first promise that does not hold."""
    with closing(connect(path, writable=False)) as sql:
        result = _verify_quietly(sql, path)
    for check in result.checks:
        if check.wrong:
            raise BooksBroken(
                "backup_broken",
                f"The copy {path.name} fails the check {check.name}: {check.examples[0]}.",
                hint="Keep the original, take another backup and call support.",
            )
    facts = next(check.checked for check in result.checks if check.name == "chain")
    return Copied(str(path), path.stat().st_size, facts)


def _verify_quietly(sql: sqlite3.Connection, path: Path) -> Verification:
    try:
        return verify(sql)
    except sqlite3.DatabaseError:
        raise BooksBroken(
            "backup_unreadable",
            f"The file {path.name} is not a readable copy of the books.",
            hint="Choose another backup.",
        ) from None


def _expect_file(path: Path) -> None:
    if not path.is_file():
        raise NotFound(
            "no_database",
            f"Failed to open {path.name}: there is no such file.",
            hint="Check BINCARD_EDGE_STATE_DIR or the path given.",
        )
