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
from shared.domain.errors import BooksBroken, Conflict, NotFound
from shared.domain.ports import Entropy
from shared.runtime.database import connect
from shared.runtime.migrate import migrate

MIGRATIONS: Final = "edge.store.migrations"
MIGRATION_SET: Final = "edge"


class Copied(msgspec.Struct, frozen=True):
    """A proven copy of the books."""

    path: str
    bytes: int
    facts: int


def backup(database: Path, target: Path) -> Copied:
    """Copy the books in `database` to the new file `target` and prove the copy.

    The node may go on working meanwhile. Raises NotFound, Conflict when `target` exists, and
    BooksBroken when the copy does not hold what the books promise.
    """
    _expect_file(database)
    if target.exists():
        raise Conflict(
            "backup_exists",
            f"Failed to back up: {target.name} exists already.",
            hint="Name a new file; old backups are never overwritten.",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with closing(connect(database, writable=False)) as sql:
        # Only the copy is written; SQLite refuses even that on a query-only connection.
        sql.execute("PRAGMA query_only=OFF")
        copies.copy_into(sql, target)
    return _proven(target)


def restore(source: Path, database: Path, entropy: Entropy) -> Copied:
    """Put the backup `source` in the place of `database`, which is kept beside it.

    The node must be stopped. The log begins a new incarnation. Raises NotFound, BooksBroken.
    """
    _expect_file(source)
    _proven(source)
    database.parent.mkdir(parents=True, exist_ok=True)
    fresh = database.with_name(database.name + ".restored")
    fresh.unlink(missing_ok=True)
    with closing(connect(source, writable=False)) as sql:
        sql.execute("PRAGMA query_only=OFF")
        copies.copy_into(sql, fresh)
    migrate(fresh, MIGRATION_SET, MIGRATIONS)
    with closing(connect(fresh, writable=True)) as sql:
        sql.execute("BEGIN IMMEDIATE")
        copies.branch_log(sql, entropy)
        sql.execute("COMMIT")
        sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if database.exists():
        database.replace(database.with_name(database.name + ".before-restore"))
    for leftover in ("-wal", "-shm"):
        database.with_name(database.name + leftover).unlink(missing_ok=True)
    fresh.replace(database)
    return _proven(database)


def check_file(database: Path) -> Verification:
    """Verify the books in `database` without changing them."""
    _expect_file(database)
    with closing(connect(database, writable=False)) as sql:
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
