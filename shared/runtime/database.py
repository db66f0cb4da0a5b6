"""One SQLite file, one writer, and commits in groups.

A scan is answered "yes" only after its row is on the disk. One fsync per scan is slow; one fsync
for every scan that is waiting is not. The writer thread therefore takes all waiting use cases, runs
each in its own savepoint (one that fails takes nobody else with it), commits once with
`synchronous=FULL`, and only then answers them all and runs what they asked to happen *after* the
commit.

The writer's connection is the only one that writes and the only one that checkpoints, which removes
the precondition of SQLite's WAL-reset bug (versions 3.7.0 to 3.51.2). Readers are `query_only`.

A full disk costs the group in hand, whose callers are told to send again, and nothing else; a
failing disk ends all writing, and the books stay open for reading (see `disk_trouble`).
Source: https://sqlite.org/wal.html, https://sqlite.org/lang_savepoint.html.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import statistics
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from shared.domain.errors import TooMuch
from shared.runtime import disk_trouble, logs

T = TypeVar("T")

GROUP_MAX: Final = 64
"""Use cases per commit."""
WAITING_MAX: Final = 4_096
"""Use cases that may wait; beyond it a caller is told to come back."""
READERS_MAX: Final = 4
"""Reader threads, each with a connection of its own."""
BUSY_TIMEOUT_MS: Final = 5_000
CACHE_KIB: Final = 16_384
LOG_BYTES_KEPT: Final = 33_554_432
"""What the write-ahead log keeps of the disk after a checkpoint, however long it once was."""
COMMITS_TIMED: Final = 16
"""The newest commits, whose middle one says how slow the disk is."""


log = logs.get("database")


class Transaction:
    """What a use case holds while it runs: the connection, and a list of things for afterwards."""

    def __init__(self, sql: sqlite3.Connection) -> None:
        """Wrap the writer's connection, inside an open savepoint."""
        self.sql = sql
        self._afterwards: list[Callable[[], object]] = []

    def after_commit(self, action: Callable[[], object]) -> None:
        """Run `action` once the commit is on disk. It must be quick and must not raise."""
        self._afterwards.append(action)

    def run_afterwards(self) -> None:
        """Run what was asked for, in order. Only the writer calls this."""
        for action in self._afterwards:
            action()


Work = Callable[[Transaction], Any]
_Job = tuple[Work, "Future[Any]"]


class _Between(NamedTuple):
    """Something the writer does between two commits."""

    act: Callable[[], None]
    future: Future[None]


class _Answer(NamedTuple):
    """What a use case came to, told once its commit is on the disk."""

    future: Future[Any]
    value: Any
    error: Exception | None
    transaction: Transaction


class Guard(Protocol):
    """Who looks after the disk under a database; called on the writer's thread."""

    def make_room(self) -> bool:
        """Make room on a full disk; return whether there is some now."""
        ...

    def failed(self) -> None:
        """Hear that nothing more is written to this disk."""
        ...


class _Nobody:
    """Nobody looks after the disk."""

    def make_room(self) -> bool:
        """Find no room."""
        return False

    def failed(self) -> None:
        """Tell nobody."""


def connect(path: Path, *, writable: bool) -> sqlite3.Connection:
    """Open `path` under the house rules; rows come as `sqlite3.Row`."""
    sql = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    sql.row_factory = sqlite3.Row
    sql.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    sql.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    sql.execute("PRAGMA foreign_keys=ON")
    if writable:
        sql.execute("PRAGMA journal_mode=WAL")
        sql.execute("PRAGMA synchronous=FULL")
        # A savepoint's undo pages otherwise spill into the system's temporary folder: a third of
        # all bytes written, and a second disk that may be full. https://sqlite.org/tempfiles.html
        sql.execute("PRAGMA temp_store=MEMORY")
        sql.execute(f"PRAGMA journal_size_limit={LOG_BYTES_KEPT}")
    else:
        sql.execute("PRAGMA wal_autocheckpoint=0")
        sql.execute("PRAGMA query_only=ON")
    return sql


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Open `path` so that nothing, not even closing it, writes to the disk.

    A file whose log is gone lies still on a disk that cannot be written, and SQLite must be told.
    """
    log = path.with_name(path.name + "-wal")
    still = not log.exists() and not os.access(path.parent, os.W_OK)
    sql = sqlite3.connect(
        f"{path.absolute().as_uri()}?{'immutable=1' if still else 'mode=ro'}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )
    sql.row_factory = sqlite3.Row
    sql.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    return sql


class Database:
    """A SQLite file with its writer thread and its readers. Create the schema before opening."""

    def __init__(self, path: Path, *pragmas: str) -> None:
        """Open `path` and start the writer, whose own connection is tuned by `pragmas`."""
        self.path = path
        self._sql = connect(path, writable=True)
        for pragma in pragmas:
            self._sql.execute(f"PRAGMA {pragma}")
        self._reader_connections: list[sqlite3.Connection] = []
        self._start()

    def _start(self) -> None:
        """Start the writer and the readers' pool; storage of another kind starts here too."""
        self._jobs: queue.Queue[_Job | _Between | None] = queue.Queue(maxsize=WAITING_MAX)
        self._broken: Exception | None = None
        self._last_open: sqlite3.Connection | None = None
        self.guard: Guard = _Nobody()
        self._commit_seconds: deque[float] = deque(maxlen=COMMITS_TIMED)
        self._local = threading.local()
        self._pool = ThreadPoolExecutor(max_workers=READERS_MAX, thread_name_prefix="reader")
        self._thread = threading.Thread(target=self._write_forever, name="writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Transaction], T]) -> Future[T]:
        """Queue `work`; the future resolves after its commit is on disk.

        Raises TooMuch when the queue is full and Unavailable when storage failed earlier.
        """
        if self._broken is not None:
            raise disk_trouble.storage_failed() from self._broken
        future: Future[T] = Future()
        try:
            self._jobs.put_nowait((work, future))
        except queue.Full:
            raise TooMuch(
                "writer_busy",
                f"{WAITING_MAX} writes already wait.",
                hint="Wait a second and send the same request again.",
            ) from None
        return future

    @property
    def failing(self) -> bool:
        """Whether the disk has failed, so that the books can only be read."""
        return self._broken is not None

    def commit_ms(self) -> int:
        """Return how long the middle one of the newest commits took, 0 before the first."""
        times = list(self._commit_seconds)
        return round(statistics.median(times) * 1_000) if times else 0

    def shorten_log(self) -> Awaitable[None]:
        """Move the write-ahead log into the file and give its space back to the disk."""
        return asyncio.wrap_future(self._between(self._checkpoint))

    def stop_writing(self, error: Exception) -> Future[None]:
        """Write nothing more to this file, in which somebody has found `error`."""
        return self._between(lambda: self._stop_writing(error))

    def _between(self, act: Callable[[], None]) -> Future[None]:
        """Let the writer do `act` between two commits."""
        future: Future[None] = Future()
        self._jobs.put(_Between(act, future))
        return future

    def write(self, work: Callable[[Transaction], T]) -> Awaitable[T]:
        """Run `work` in a transaction; awaits the commit."""
        return asyncio.wrap_future(self.submit(work))

    def write_sync(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction from a thread that is not an event loop."""
        return self.submit(work).result()

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run `query` on a reader thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self.read_sync, query)

    def read_sync(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run `query` on this thread's own read-only connection, over one snapshot of the books.

        Without the transaction a commit between two of its statements would show a world that
        never was, such as a parcel that is packed at a bench that still weighs it.
        """
        sql: sqlite3.Connection | None = getattr(self._local, "sql", None)
        if sql is None:
            sql = self._open_reader()
            self._local.sql = sql
            self._reader_connections.append(sql)
        sql.execute("BEGIN")
        try:
            return query(sql)
        finally:
            sql.execute("ROLLBACK")

    def _open_reader(self) -> sqlite3.Connection:
        return connect_read_only(self.path) if self.failing else connect(self.path, writable=False)

    def close(self) -> None:
        """Finish the queue, checkpoint and close. Readers close before the writer."""
        self._jobs.put(None)
        self._thread.join()
        self._pool.shutdown()
        for reader in self._reader_connections:
            reader.close()
        if self._broken is None:
            # A full or failing disk only keeps the log; the next start reads it.
            with suppress(sqlite3.Error):
                self._sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._sql.close()
        elif self._last_open is not None:
            self._last_open.close()

    def _write_forever(self) -> None:
        while (job := self._jobs.get()) is not None:
            group: list[_Job] = []
            while job is not None:
                if isinstance(job, _Between):
                    self._commit_group(group)
                    group = []
                    self._do_between(job)
                elif job[1].set_running_or_notify_cancel():
                    group.append(job)
                if len(group) == GROUP_MAX or self._jobs.empty():
                    break
                job = self._jobs.get()
            self._commit_group(group)
            if job is None:
                return

    def _do_between(self, job: _Between) -> None:
        try:
            job.act()
        except Exception as error:  # noqa: BLE001  whoever asked gets it, whatever it is
            job.future.set_exception(error)
        else:
            job.future.set_result(None)

    def _checkpoint(self) -> None:
        if self._broken is None:
            self._sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _commit_group(self, group: list[_Job]) -> None:
        """Run each use case in a savepoint, commit once, then answer all.

        On a full disk the guard may make room, and the same use cases run once more: everything
        they did was undone, so nothing happens twice.
        """
        if not group:
            return
        try:
            try:
                answers = self._run_together(group)
            except sqlite3.Error as error:
                self._undo()
                if not (disk_trouble.is_full(error) and self.guard.make_room()):
                    raise
                answers = self._run_together(group)
        except sqlite3.Error as error:
            self._refuse(group, error)
            return
        for answer in answers:
            if answer.error is not None:
                answer.future.set_exception(answer.error)
            else:
                try:
                    answer.transaction.run_afterwards()
                except Exception as error:  # it is on the disk; a page not told must not stop us
                    log.exception("after_commit_failed", kind=type(error).__name__)
                answer.future.set_result(answer.value)

    def _run_together(self, group: list[_Job]) -> list[_Answer]:
        """Run and commit; raises sqlite3.Error when the whole group was undone."""
        sql = self._sql
        if self._broken is not None:
            raise sqlite3.OperationalError from self._broken
        sql.execute("BEGIN IMMEDIATE")
        before = sql.total_changes
        answers = [self._run(work, future) for work, future in group]
        started = time.monotonic()
        sql.execute("COMMIT")
        if sql.total_changes != before:
            self._commit_seconds.append(time.monotonic() - started)
        return answers

    def _run(self, work: Work, future: Future[Any]) -> _Answer:
        """Run one use case in its savepoint; its own errors are its answer, the disk's are not."""
        sql = self._sql
        transaction = Transaction(sql)
        sql.execute("SAVEPOINT use_case")
        try:
            answer = _Answer(future, work(transaction), None, transaction)
        except Exception as error:
            trouble = disk_trouble.behind(error)
            if trouble is not None:
                raise trouble from error
            if not sql.in_transaction:
                raise sqlite3.OperationalError("SQLite ended the transaction") from error
            sql.execute("ROLLBACK TO use_case")
            answer = _Answer(future, None, error, transaction)
        sql.execute("RELEASE use_case")
        return answer

    def _undo(self) -> None:
        if self._broken is None and self._sql.in_transaction:
            self._sql.execute("ROLLBACK")

    def _refuse(self, group: list[_Job], error: sqlite3.Error) -> None:
        """Tell everybody in the group why nothing of it is on the disk."""
        try:
            self._undo()
        except sqlite3.Error as undoing:
            error = undoing
        if self._broken is not None or disk_trouble.is_failing(error):
            self._stop_writing(error)
            told = disk_trouble.storage_failed()
        elif disk_trouble.is_full(error):
            told = disk_trouble.storage_full()
        elif disk_trouble.is_busy(error):
            told = disk_trouble.books_busy()
        elif len(group) > 1:
            for job in group:
                self._commit_group([job])
            return
        else:
            group[0][1].set_exception(error)
            return
        told.__cause__ = error
        for _, future in group:
            future.set_exception(told)

    def _stop_writing(self, error: Exception) -> None:
        """Close the file for writing and keep it open for reading.

        The connection for reading is opened first: the last one that closes would move the log into
        the file, and this disk is not to be written again. If even that fails, the writer's
        connection stays open and unused for the same reason.
        """
        if self._broken is not None:
            return
        self._broken = error
        with suppress(sqlite3.Error):
            self._last_open = connect_read_only(self.path)
            self._last_open.execute("PRAGMA schema_version").fetchone()
            self._sql.close()
        self.guard.failed()
