"""One SQLite file, one writer, and commits in groups.

A scan is answered "yes" only after its row is on the disk. One fsync per scan is slow; one fsync
for every scan that is waiting is not. The writer thread therefore takes all waiting use cases, runs
each in its own savepoint (one that fails takes nobody else with it), commits once with
`synchronous=FULL`, and only then answers them all and runs what they asked to happen *after* the
commit.

The writer's connection is the only one that writes and the only one that checkpoints, which removes
the precondition of SQLite's WAL-reset bug (versions 3.7.0 to 3.51.2). Readers are `query_only`.
Source: https://sqlite.org/wal.html, https://sqlite.org/lang_savepoint.html.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from shared.domain.errors import TooMuch, Unavailable

T = TypeVar("T")

GROUP_MAX: Final = 64
"""Use cases per commit."""
WAITING_MAX: Final = 4_096
"""Use cases that may wait; beyond it a caller is told to come back."""
READERS_MAX: Final = 4
"""Reader threads, each with a connection of its own."""
BUSY_TIMEOUT_MS: Final = 5_000
CACHE_KIB: Final = 16_384


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
    else:
        sql.execute("PRAGMA wal_autocheckpoint=0")
        sql.execute("PRAGMA query_only=ON")
    return sql


class Database:
    """A SQLite file with its writer thread and its readers. Create the schema before opening."""

    def __init__(self, path: Path) -> None:
        """Open `path` and start the writer."""
        self.path = path
        self._sql = connect(path, writable=True)
        self._reader_connections: list[sqlite3.Connection] = []
        self._start()

    def _start(self) -> None:
        """Start the writer and the readers' pool; storage of another kind starts here too."""
        self._jobs: queue.Queue[_Job | None] = queue.Queue(maxsize=WAITING_MAX)
        self._broken: Exception | None = None
        self._local = threading.local()
        self._pool = ThreadPoolExecutor(max_workers=READERS_MAX, thread_name_prefix="reader")
        self._thread = threading.Thread(target=self._write_forever, name="writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Transaction], T]) -> Future[T]:
        """Queue `work`; the future resolves after its commit is on disk.

        Raises TooMuch when the queue is full and Unavailable when storage failed earlier.
        """
        if self._broken is not None:
            raise Unavailable(
                "storage_failed",
                "Nothing can be stored: the disk reported an error.",
                hint="Stop work on this node, replace its disk, then restore the last backup.",
            ) from self._broken
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
            sql = connect(self.path, writable=False)
            self._local.sql = sql
            self._reader_connections.append(sql)
        sql.execute("BEGIN")
        try:
            return query(sql)
        finally:
            sql.execute("ROLLBACK")

    def close(self) -> None:
        """Finish the queue, checkpoint and close. Readers close before the writer."""
        self._jobs.put(None)
        self._thread.join()
        self._pool.shutdown()
        for reader in self._reader_connections:
            reader.close()
        if self._broken is None:
            self._sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._sql.close()

    def _write_forever(self) -> None:
        while (job := self._jobs.get()) is not None:
            group = [job]
            stop = False
            while len(group) < GROUP_MAX:
                try:
                    more = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    stop = True
                    break
                group.append(more)
            self._commit_group(group)
            if stop:
                return

    def _commit_group(self, group: list[_Job]) -> None:
        """Run each use case in a savepoint, commit once, then answer all."""
        answers: list[tuple[Future[Any], Any, Transaction]] = []
        try:
            self._sql.execute("BEGIN IMMEDIATE")
            for work, future in group:
                transaction = Transaction(self._sql)
                self._sql.execute("SAVEPOINT use_case")
                try:
                    answer = work(transaction)
                except Exception as error:  # noqa: BLE001  the caller gets it, whatever it is
                    self._sql.execute("ROLLBACK TO use_case")
                    self._sql.execute("RELEASE use_case")
                    future.set_exception(error)
                else:
                    self._sql.execute("RELEASE use_case")
                    answers.append((future, answer, transaction))
            self._sql.execute("COMMIT")
        except sqlite3.Error as error:
            self._storage_failed(error, [future for _, future in group])
            return
        for future, answer, transaction in answers:
            transaction.run_afterwards()
            future.set_result(answer)

    def _storage_failed(self, error: sqlite3.Error, futures: list[Future[Any]]) -> None:
        """Stop writing for good: after a failed fsync the kernel may have dropped the pages.

        Source: Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020.
        """
        self._broken = error
        for future in futures:
            if not future.done():
                future.set_exception(error)
