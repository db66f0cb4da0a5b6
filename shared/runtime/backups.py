"""Copies of the books on disk: whole or not there, taken by the clock, the oldest let go.

Whoever looks into the folder on a bad day must be able to trust each name in it. A copy therefore
grows under another name, is brought to the disk and proven there, and only then gets its own name;
a process that dies on the way, or a disk that fills up, leaves no backup rather than half of one.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from shared.domain.errors import BooksBroken, Conflict, TooMuch
from shared.runtime.settings import Environment

ENDING: Final = ".part"
FRESH_ENDING: Final = ".restored"
"""A restored file has this name until it takes the place of the books."""
SPARE_PERCENT: Final = 20
"""Room wanted beyond the size of the books before a copy is begun."""
MINUTES: Final = 60
KEEP: Final = 24
CHECK_SECONDS: Final = 30.0
"""How often the clock is looked at; a failed backup is tried again this soon."""


class BackupPlan(msgspec.Struct, frozen=True):
    """Where copies go, how often one is taken and how many are kept; no folder, no copies."""

    folder: Path | None = None
    minutes: int = MINUTES
    keep: int = KEEP


def plan_in(env: Environment) -> BackupPlan:
    """Read `BACKUP_DIR`, `BACKUP_MINUTES` and `BACKUP_KEEP`."""
    folder = env.text("BACKUP_DIR", "")
    return BackupPlan(
        folder=Path(folder).expanduser() if folder else None,
        minutes=env.number("BACKUP_MINUTES", MINUTES, low=1, high=100_000),
        keep=env.number("BACKUP_KEEP", KEEP, low=1, high=10_000),
    )


@contextmanager
def growing(target: Path, books: Path) -> Iterator[Path]:
    """Give the name under which the copy of `books` grows; `target` appears when all went well.

    Raises Conflict when `target` exists and TooMuch when its disk has no room for a copy.
    """
    if target.exists():
        raise Conflict(
            "backup_exists",
            f"Failed to back up: {target.name} exists already.",
            hint="Name a new file; old backups are never overwritten.",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ENDING)
    _remove(partial)
    _expect_room(target.parent, books)
    try:
        yield partial
        _sync(partial)
        partial.replace(target)
        _sync(target.parent)
    finally:
        _remove(partial)


def _expect_room(folder: Path, books: Path) -> None:
    """A copy that cannot end would only fill the disk that people's work needs."""
    log = books.with_name(books.name + "-wal")
    size_bytes = sum(file.stat().st_size for file in (books, log) if file.exists())
    need_bytes = size_bytes * (100 + SPARE_PERCENT) // 100
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < need_bytes:
        raise TooMuch(
            "backup_no_room",
            f"Failed to back up: expected {need_bytes >> 10} KiB free in {folder.name}, got "
            f"{free_bytes >> 10}.",
            hint="Free space there, or choose a folder on another disk.",
        )


def _remove(partial: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        partial.with_name(partial.name + ending).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def finished(folder: Path, node: str) -> list[Path]:
    """Return the copies of `node` that the clock had taken, oldest first."""
    ours = re.compile(rf"{re.escape(node)}-\d{{8}}T\d{{9}}Z\.db")
    try:
        return sorted(path for path in folder.iterdir() if ours.fullmatch(path.name))
    except OSError:
        return []


def next_due(plan: BackupPlan, node: str, now_ms: int) -> Path | None:
    """Return the name of the next copy when it is time for it, else None."""
    if plan.folder is None:
        return None
    taken = finished(plan.folder, node)
    # A clock that was set back must not put off the next copy by a year, hence the distance.
    if taken and abs(now_ms - _mtime_ms(taken[-1])) < plan.minutes * 60_000:
        return None
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now_ms // 1_000))
    return plan.folder / f"{node}-{stamp}{now_ms % 1_000:03d}Z.db"


def let_go(plan: BackupPlan, node: str) -> int:
    """Delete the oldest copies beyond those to keep, and what a killed process left; say how many.

    Copies that people named themselves are left alone.
    """
    if plan.folder is None:
        return 0
    taken = finished(plan.folder, node)
    old = taken[: max(0, len(taken) - plan.keep)]
    for path in old:
        path.unlink(missing_ok=True)
    for partial in plan.folder.glob(f"{node}-*.db{ENDING}"):
        _remove(partial)
    return len(old)


def last_ms(plan: BackupPlan, node: str) -> int | None:
    """Return when the newest copy was finished, None when there is none."""
    taken = finished(plan.folder, node) if plan.folder is not None else []
    return _mtime_ms(taken[-1]) if taken else None


def _mtime_ms(path: Path) -> int:
    return path.stat().st_mtime_ns // 1_000_000


def expect_no_half_restore(database: Path) -> None:
    """Raise BooksBroken when a restore was cut off between its last two steps.

    A node that started now would take the missing file for a new beginning.
    """
    fresh = database.with_name(database.name + FRESH_ENDING)
    if fresh.exists() and not database.exists():
        raise BooksBroken(
            "restore_unfinished",
            f"A restore was cut off: {fresh.name} is here, but {database.name} is not.",
            hint="Run the same restore command again; the replaced books are kept beside it.",
        )


def swap_in(fresh: Path, database: Path, now_ms: int) -> Path | None:
    """Put the finished file `fresh` in the place of `database`; return where the old one is kept.

    The old log goes first: beside another file its pages would be taken for that file's own.
    """
    kept: Path | None = None
    if database.exists():
        kept = database.with_name(f"{database.name}.before-restore-{now_ms}")
        for ending in ("-wal", "-shm", ""):
            part = database.with_name(database.name + ending)
            if part.exists():
                part.replace(kept.with_name(kept.name + ending))
    _sync(fresh)
    fresh.replace(database)
    _sync(database.parent)
    return kept
