"""A node's file and its writer, without threads and without a real disk.

The file is a real SQLite database in memory. It commits exactly as `shared.runtime.database` does:
use cases that wait together run each in its own savepoint, one commit makes them all true, and only
then are they answered and run what they asked for afterwards. A crash leaves what the last commit
left, which is what `synchronous=FULL` promises for a power cut.

Points at which a process may die have names: `before_commit`, `after_commit` (the books know, the
caller does not) and `after_answers`.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections import deque
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from shared.runtime import disk_trouble
from shared.runtime.database import GROUP_MAX, Transaction, Work
from shared.runtime.migrate import migrate

Done = Callable[[Any, Exception | None], None]
"""Called with (answer, None) or (None, error) after the commit."""
STATEMENTS_KEPT = 512


class Crash(Exception):
    """The process ends here."""


@cache
def empty_image(name: str, package: str) -> bytes:
    """Return a migrated, empty database file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        migrate(path, name, package)
        sql = sqlite3.connect(path)
        try:
            return sql.serialize()
        finally:
            sql.close()


class Disk:
    """One file. It outlives every process that opens it; `note` lies beside it on the same disk."""

    def __init__(self, image: bytes) -> None:
        """Begin with the content `image`."""
        self.note: Any = None
        self.sql = _open(image)

    def image(self) -> bytes:
        """Return a copy of the file as the last commit left it."""
        return self.sql.serialize()

    def put_back(self, image: bytes) -> None:
        """Replace the file by an older copy, another machine's, or an empty one."""
        self.sql.close()
        self.sql = _open(image)

    def ended(self, dice: Random) -> str:  # noqa: ARG002
        """Leave what the last commit left; say what else happened to the disk, which is nothing."""
        return ""

    def close(self) -> None:
        """The world ends."""
        self.sql.close()


def _open(image: bytes) -> sqlite3.Connection:
    sql = sqlite3.connect(":memory:", isolation_level=None, cached_statements=STATEMENTS_KEPT)
    sql.row_factory = sqlite3.Row
    sql.deserialize(image)
    sql.execute("PRAGMA foreign_keys=ON")
    sql.execute("PRAGMA synchronous=OFF")  # memory has nothing to synchronise
    return sql


class Writer:
    """The one writer of a file. `wake` schedules `commit`; `point` may raise `Crash`."""

    def __init__(self, disk: Disk, wake: Callable[[], None], point: Callable[[str], None]) -> None:
        """Nothing waits yet."""
        self._disk = disk
        self._wake = wake
        self._point = point
        self._waiting: deque[tuple[Work, Done]] = deque()
        self.broken = False
        self.fail_next = False
        self.full_left = 0
        """Commits for which there will be no room."""

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be written."""
        return not self._waiting

    def submit(self, work: Work, done: Done) -> None:
        """Queue a use case; `done` hears of it after the commit, never if the process dies."""
        if not self._waiting:
            self._wake()
        self._waiting.append((work, done))

    def write_now(self, work: Work) -> Any:
        """Run a use case at once, as setting up a world needs it; for that there is room."""
        self.full_left = 0
        answers = self._run([(work, _ignore)])
        _, answer, error, transaction = answers[0]
        if error is not None:
            raise error
        transaction.run_afterwards()
        return answer

    def commit(self) -> None:
        """Take what waits, at most one group, and make it true together."""
        group = [self._waiting.popleft() for _ in range(min(GROUP_MAX, len(self._waiting)))]
        if self._waiting:
            self._wake()
        if self.broken:
            for _, done in group:
                done(None, disk_trouble.storage_failed())
            return
        try:
            answers = self._run(group)
        except sqlite3.Error as error:
            full = disk_trouble.is_full(error)
            self.broken = not full
            told = disk_trouble.storage_full() if full else disk_trouble.storage_failed()
            for _, done in group:
                done(None, told)
            return
        self._point("after_commit")
        for done, answer, error, transaction in answers:
            if error is None:
                transaction.run_afterwards()
            done(answer, error)
        self._point("after_answers")

    def _maybe_fail(self) -> None:
        if self.fail_next:
            self.fail_next = False
            raise sqlite3.OperationalError("disk I/O error")
        if self.full_left:
            self.full_left -= 1
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

    def _run(self, group: list[tuple[Work, Done]]) -> list[tuple[Done, Any, Any, Transaction]]:
        sql = self._disk.sql
        answers: list[tuple[Done, Any, Any, Transaction]] = []
        sql.execute("BEGIN IMMEDIATE")
        try:
            for work, done in group:
                transaction = Transaction(sql)
                sql.execute("SAVEPOINT use_case")
                try:
                    answers.append((done, work(transaction), None, transaction))
                except Exception as error:
                    if trouble := disk_trouble.behind(error):
                        raise trouble from error
                    sql.execute("ROLLBACK TO use_case")
                    answers.append((done, None, error, transaction))
                sql.execute("RELEASE use_case")
            self._point("before_commit")
            self._maybe_fail()
            sql.execute("COMMIT")
        except BaseException:
            if sql.in_transaction:
                sql.execute("ROLLBACK")
            raise
        return answers


def _ignore(_answer: Any, _error: Exception | None) -> None:
    """Nobody waits for this."""
