"""One writer per hub process, commits in groups, and one group at a time over all processes.

The use cases that wait are run together in one transaction, each in its own savepoint, and the
server flushes its log once for all of them. The transaction begins by taking BOOKS (see `locks`),
so several hub processes take turns group by group. A server that restarts costs the group in hand,
whose callers are told to send again; requests carry ids, so a repeat counts once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from hub.store.postgres import locks
from hub.store.postgres.locks import Lock
from hub.store.postgres.sql import PostgresSql, as_books, connect
from shared.domain.errors import BincardError, InvalidInput, Unavailable
from shared.runtime.attempt import is_disk_trouble
from shared.runtime.database import Database, Transaction, Work

T = TypeVar("T")
_Answer = tuple["Future[Any]", Any, Transaction]


def unavailable(error: BaseException) -> Unavailable:
    """Return what callers are told when the server cannot be reached or gave up."""
    told = Unavailable(
        "database_unavailable",
        "The database server did not finish the work, so nothing is known to be stored.",
        hint="Send the same request again in a few seconds; it counts once.",
    )
    told.__cause__ = error
    return told


class PostgresDatabase(Database):
    """Books on a server. Create the schema before opening."""

    def __init__(self, url: str) -> None:
        """Connect to `url` and start the writer. Raises psycopg.OperationalError."""
        self.path = Path("postgresql")
        self.url = url
        self._writer: PostgresSql | None = connect(url, name="writer")
        self._readers: list[PostgresSql] = []
        self._books_lock = locks.numbers(self._writer, Lock.BOOKS)
        self._start()

    def read_sync(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run `query` on this thread's own read-only connection, over one snapshot."""
        sql: PostgresSql | None = getattr(self._local, "sql", None)
        if sql is None or sql.connection.closed:
            try:
                sql = connect(self.url, name="reader", writable=False)
            except psycopg.OperationalError as error:
                raise unavailable(error) from error
            self._local.sql = sql
            self._readers.append(sql)
        try:
            sql.script("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                return query(as_books(sql))
            finally:
                sql.script("ROLLBACK")
        except psycopg.Error as error:
            if sql.connection.closed or sql.connection.broken:
                self._readers.remove(sql)
                self._local.sql = None
            raise told_to_callers(error) from error

    def close(self) -> None:
        """Finish the queue and close. Readers close before the writer."""
        self._jobs.put(None)
        self._thread.join()
        self._pool.shutdown()
        for reader in self._readers:
            reader.connection.close()
        if self._writer is not None:
            self._writer.connection.close()

    def _commit_group(self, group: list[tuple[Work, Future[Any]]]) -> None:
        """Run each use case in a savepoint, commit once, then answer all."""
        try:
            answers = self._run_group(group)
        except psycopg.Error as error:
            self._drop_writer()
            for _, future in group:
                if not future.done():
                    future.set_exception(unavailable(error))
            return
        for future, answer, transaction in answers:
            transaction.run_afterwards()
            future.set_result(answer)

    def _run_group(self, group: list[tuple[Work, Future[Any]]]) -> list[_Answer]:
        sql = self._open_writer()
        answers: list[_Answer] = []
        one, other = self._books_lock
        sql.script(f"BEGIN; SELECT pg_advisory_xact_lock({one}, {other}); SAVEPOINT use_case")
        for number, (work, future) in enumerate(group):
            if number:
                sql.script("RELEASE use_case; SAVEPOINT use_case")
            transaction = Transaction(as_books(sql))
            try:
                answer = work(transaction)
            except Exception as error:
                if sql.connection.closed or is_disk_trouble(error):
                    raise
                sql.script("ROLLBACK TO use_case")
                future.set_exception(told_to_callers(error))
            else:
                answers.append((future, answer, transaction))
        sql.script("COMMIT")
        return answers

    def _open_writer(self) -> PostgresSql:
        if self._writer is None:
            self._writer = connect(self.url, name="writer")
        return self._writer

    def _drop_writer(self) -> None:
        """Forget a connection whose transaction failed; the server rolls it back."""
        if self._writer is not None:
            self._writer.connection.close()
            self._writer = None


def told_to_callers(error: Exception) -> Exception:
    """Return `error` as a caller should hear it."""
    if isinstance(error, BincardError) or not isinstance(error, psycopg.Error):
        return error
    if isinstance(error, psycopg.DataError):
        return InvalidInput(
            "not_storable",
            "Failed to store a value: expected text without NUL and numbers of 64 bits.",
            hint="Correct the value and send it again.",
        )
    if isinstance(error, psycopg.OperationalError):
        return unavailable(error)
    return error
