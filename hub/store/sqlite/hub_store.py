"""All books of the hub in one SQLite file; see `hub.store.protocol`."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ClassVar, Final, TypeVar

from hub.domain.policy import Policy
from hub.store.batch.desk import BatchDesk
from hub.store.protocol import Desk
from hub.store.sqlite.desk import SqliteDesk
from hub.store.sqlite.ordered_ids import OrderedIds
from shared.domain.ports import Clock, Entropy
from shared.runtime.database import Database, Transaction
from shared.runtime.migrate import migrate

T = TypeVar("T")
D = TypeVar("D", bound=SqliteDesk)
WRITER: Final = ("cache_size=-65536", "wal_autocheckpoint=8000")
"""A warehouse that comes back after days changes many pages, most of them again and again: the
writer keeps 64 MiB of them at hand, and moves 32 MiB of log into the file at a time."""
MIGRATIONS = ("hub", "hub.store.migrations")
"""Name and package of the schema's numbered files."""


class SqliteHub:
    """The hub's books in one file. Create it on a migrated file; see `open_hub`."""

    desk_class: ClassVar[type[SqliteDesk]] = SqliteDesk
    batch_class: ClassVar[type[BatchDesk]] = BatchDesk

    def __init__(self, database: Database, clock: Clock, entropy: Entropy) -> None:
        """Keep the books in `database`."""
        self.database = database
        self.clock = clock
        self.entropy = entropy
        self._ids = OrderedIds(entropy)
        self.policy = Policy()
        self.listeners: list[Callable[[str], None]] = []

    def desk(self, transaction: Transaction, actor: str) -> SqliteDesk:
        """Return the desk of a running transaction."""
        return self._desk(self.desk_class, transaction, actor)

    def batch_desk(self, transaction: Transaction, actor: str) -> BatchDesk:
        """Return a desk that writes together what many facts change; `finish` it at the end."""
        return self._desk(self.batch_class, transaction, actor)

    def _desk(self, kind: type[D], transaction: Transaction, actor: str) -> D:
        desk = kind(
            transaction.sql,
            now_ms=self.clock.wall_ms(),
            actor=actor,
            ids=self._ids,
            tell=lambda topic: transaction.after_commit(lambda: self.publish(topic)),
        )
        desk.policy = self.policy
        return desk

    def publish(self, topic: str) -> None:
        """Call every listener with `topic`; they must be quick and must not raise."""
        for listener in self.listeners:
            listener(topic)

    def write(self, work: Callable[[Desk], T], *, actor: str) -> Awaitable[T]:
        """Run `work` as one transaction; awaits the commit."""
        return self.database.write(lambda transaction: work(self.desk(transaction, actor)))

    def write_sync(self, work: Callable[[Desk], T], *, actor: str) -> T:
        """Run `work` as one transaction from a thread that is not an event loop."""
        return self.database.write_sync(lambda transaction: work(self.desk(transaction, actor)))

    def read(self, query: Callable[[Desk], T]) -> Awaitable[T]:
        """Run `query` on a consistent snapshot; it cannot write."""
        return self.database.read(lambda sql: query(self._reading(sql)))

    def read_sync(self, query: Callable[[Desk], T]) -> T:
        """Run `query` on a consistent snapshot from a thread that is not an event loop."""
        return self.database.read_sync(lambda sql: query(self._reading(sql)))

    def own_key(self, public_key: str) -> None:
        """Record which key the warehouses know; a file has one hub, so nothing to compare."""

    def lead(self, led: Callable[[bool], None]) -> bool:  # noqa: ARG002
        """Return whether this process runs pumps and the port for warehouses; it always does."""
        return True

    def close(self) -> None:
        """Finish what waits and close the books."""
        self.database.close()

    def _reading(self, sql: sqlite3.Connection) -> SqliteDesk:
        """Return a desk on the snapshot that `Database.read` has opened on `sql`."""
        return self.desk_class(
            sql, now_ms=self.clock.wall_ms(), actor="reader", ids=self._ids, tell=_nobody
        )


def _nobody(_: str) -> None:
    """Reading tells nobody anything."""


def open_hub(path: Path, clock: Clock, entropy: Entropy) -> SqliteHub:
    """Bring the file at `path` up to date and open the books in it."""
    migrate(path, *MIGRATIONS)
    return SqliteHub(Database(path, *WRITER), clock, entropy)
