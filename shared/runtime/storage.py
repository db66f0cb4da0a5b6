"""How much room is left for the books, how healthy their disk is, and what follows from it.

A warehouse that cannot write must not take orders, but the parcel that is on the bench has to get
out of the door. So there are steps: at 80 % a word to whoever looks, at 90 % everything goes that
can be had again, at 95 % no *new* work is taken (waves, notices, commands) while work that was
begun goes on, in the space that the ballast gives back. Nothing that happened is ever dropped.

A percentage alone would call a large disk full with a hundred gigabytes left, so each step also has
a number of bytes: with that much free it is not reached. A failing disk is a step of its own, and
the last one (see `disk_trouble`).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import msgspec

from shared.domain.errors import BincardError, Unavailable
from shared.runtime import disk_trouble, logs
from shared.runtime.ballast import DEFAULT_BYTES, Ballast
from shared.runtime.database import Database

WATCH_SECONDS: Final = 2.0
"""How often the disk is measured."""
SLOW_COMMIT_MS: Final = 250
"""A disk whose commits take this long holds people up."""
PROBE_BYTES: Final = 262_144
"""After a write found no room, so much must fit before the disk counts as free again."""
PROBE_FILE: Final = "storage.probe"
RETURN_PERCENT: Final = 1
"""A step is left only when so much more of the disk is free than where it began."""
MIB: Final = 1 << 20
GIB: Final = 1 << 30
T = TypeVar("T")

log = logs.get("storage")


class Step(NamedTuple):
    """A step is reached when the disk is that full and no more than that is free."""

    name: str
    used_percent: int
    free_bytes_max: int


STEPS: Final = (
    Step("full", 95, 2 * GIB),
    Step("tight", 90, 5 * GIB),
    Step("low", 80, 10 * GIB),
)


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about the disk. `level` is ok, low, tight, full or failing."""

    level: str = "ok"
    slow: bool = False
    free_bytes: int = 0
    size_bytes: int = 0
    used_percent: int = 0
    ballast_bytes: int = 0
    commit_ms: int = 0
    found: str = ""
    """After a failure: whether what can be read is whole, in one sentence."""

    @property
    def code(self) -> str:
        """Name of the sentence people read, "" when there is nothing to say."""
        if self.level != "ok":
            return f"storage_{self.level}"
        return "storage_slow" if self.slow else ""

    @property
    def sentence(self) -> str:
        """What is wrong and what to do, for people who read English; "" when all is well."""
        free_mib = self.free_bytes // MIB
        return {
            "storage_low": f"Storage is filling up: {free_mib} MiB are left. Free some space.",
            "storage_tight": f"Storage is nearly full: {free_mib} MiB are left. Free space now.",
            "storage_full": "Storage is full: no new work is taken, work that was begun goes on. "
            "It resumes by itself once space is free.",
            "storage_failing": "Storage is failing: nothing more is written. Replace the disk and "
            "restore the last backup.",
            "storage_slow": f"Storage is slow: each commit takes {self.commit_ms} ms. Have the "
            "disk checked.",
        }.get(self.code, "")


def level_of(free_bytes: int, size_bytes: int, before: str = "ok") -> str:
    """Return the step for a disk of `size_bytes` with `free_bytes` left; `before` holds on a bit.

    Without that a disk at the edge of a step would take and refuse work by turns.
    """
    if size_bytes <= 0:
        return "ok"
    free_percent = 100 * free_bytes / size_bytes
    for step in STEPS:
        slack = RETURN_PERCENT if step.name == before else 0
        if free_percent < 100 - step.used_percent + slack and free_bytes < step.free_bytes_max:
            return step.name
    return "ok"


Examine = Callable[[], str]
"""Reads the whole file and returns "" when it is whole, else what is wrong."""


def open_with_room(path: Path, open_file: Callable[[], T], what_to_do: str) -> T:
    """Open the books at `path`; on a full disk the ballast makes the room that takes.

    Raises Unavailable for a full or failing disk and BooksBroken, with `what_to_do`, for a damaged
    file.
    """
    try:
        return open_file()
    except (sqlite3.DatabaseError, Unavailable) as error:
        trouble = disk_trouble.behind(error)
        if trouble is None:
            raise
        if not disk_trouble.is_full(trouble):
            raise _not_opened(trouble, what_to_do) from error
        if not Ballast(path.parent).release():
            raise disk_trouble.storage_full() from error
    return open_file()


def _not_opened(trouble: sqlite3.Error, what_to_do: str) -> BincardError:
    if disk_trouble.is_damaged(trouble):
        return disk_trouble.books_damaged(trouble, what_to_do)
    return disk_trouble.storage_failed()


class StorageWatch:
    """Looks after the disk of one node: the `Guard` of its database."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        *,
        ballast_bytes: int = DEFAULT_BYTES,
        examine: Examine | None = None,
        on_change: Callable[[Storage], None] | None = None,
    ) -> None:
        """`folder` lies on the disk to watch; `on_change` is called when the level changes."""
        self._database = database
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._ballast = Ballast(folder, ballast_bytes)
        self._examine = examine
        self._on_change = on_change
        self._lock = threading.Lock()
        self._no_room = False
        self._damage = ""
        self._now = Storage()
        database.guard = self
        self.look()

    @property
    def now(self) -> Storage:
        """The state as last seen; from any thread."""
        return self._now

    @property
    def takes_new_work(self) -> bool:
        """Whether new waves, notices and commands are taken."""
        return self._now.level not in {"full", "failing"}

    def expect_room(self) -> None:
        """Raise Unavailable when no new work is taken."""
        if self._now.level == "failing":
            raise disk_trouble.storage_failed()
        if self._now.level == "full":
            raise disk_trouble.no_new_work()

    def look(self) -> Storage:
        """Measure, act on it, and return the new state. From any thread but the writer's."""
        with self._lock:
            if self._no_room and self._probe():
                self._no_room = False
            return self._judge()

    def make_room(self) -> bool:
        """Throw the ballast overboard; a commit has found no room. On the writer's thread."""
        with self._lock:
            self._no_room = True
            released = self._ballast.release()
            log.error("storage_full", released_bytes=self._ballast.size_bytes if released else 0)
            self._judge()
            return released

    def failed(self) -> None:
        """Say so, then find out in the background how much of the books can still be read."""
        with self._lock:
            log.error("storage_failing")
            self._judge()
        threading.Thread(target=self._look_through, name="examine", daemon=True).start()

    def damaged(self, sentence: str) -> None:
        """Stop writing, because a check found `sentence` to be wrong with the file."""
        self._damage = sentence
        log.error("storage_damaged", sentence=sentence)
        self._database.stop_writing(sqlite3.DatabaseError(sentence))

    def _judge(self) -> Storage:
        before = self._now
        try:
            status = os.statvfs(self._folder)
        except OSError:
            free_bytes, size_bytes = before.free_bytes, before.size_bytes
        else:
            free_bytes = status.f_bavail * status.f_frsize
            # Blocks kept for root are not ours, so they do not count as part of the disk.
            size_bytes = free_bytes + (status.f_blocks - status.f_bfree) * status.f_frsize
        # As if the ballast lay there: otherwise throwing it out would look like new space.
        left_bytes = max(0, free_bytes - self._ballast.missing_bytes())
        level = self._level(left_bytes, size_bytes)
        if level == "full":
            self._ballast.release()
        elif level in {"ok", "low"}:
            self._ballast.make()
        commit_ms = self._database.commit_ms()
        self._now = Storage(
            level=level,
            slow=commit_ms >= SLOW_COMMIT_MS,
            free_bytes=free_bytes,
            size_bytes=size_bytes,
            used_percent=round(100 - 100 * free_bytes / size_bytes) if size_bytes else 0,
            ballast_bytes=self._ballast.kept_bytes(),
            commit_ms=commit_ms,
            found=self._damage or before.found,
        )
        self._tell(before)
        return self._now

    def _level(self, left_bytes: int, size_bytes: int) -> str:
        if self._database.failing:
            return "failing"
        if self._no_room:
            return "full"
        return level_of(left_bytes, size_bytes, self._now.level)

    def _tell(self, before: Storage) -> None:
        now = self._now
        if (now.level, now.slow, now.found) == (before.level, before.slow, before.found):
            return
        log.warning(
            "storage", step=now.level, slow=now.slow, free=now.free_bytes, commit_ms=now.commit_ms
        )
        if self._on_change is not None:
            self._on_change(now)

    def _probe(self) -> bool:
        """Say whether something of a useful size can be written again."""
        path = self._folder / PROBE_FILE
        try:
            with path.open("wb") as file:
                file.write(bytes(PROBE_BYTES))
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            return False
        finally:
            path.unlink(missing_ok=True)
        return True

    def _look_through(self) -> None:
        if self._damage or self._examine is None:
            return
        try:
            wrong = self._examine()
        except (sqlite3.Error, BincardError, OSError) as error:
            wrong = str(error)
        with self._lock:
            before = self._now
            found = wrong or "What was recorded can be read and is whole."
            self._now = msgspec.structs.replace(before, found=found)
            self._tell(before)
