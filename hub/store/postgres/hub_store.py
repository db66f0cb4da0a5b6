"""All books of the hub on a PostgreSQL server; see `hub.store.protocol`.

The books themselves are the ones of `hub.store.sqlite`: their SQL is common to both databases, so
what one promises the other keeps. What differs is here: how transactions run, how a process hears
of another's commits, and three statements of the proofs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import psycopg

from hub.domain.rows import Reservation
from hub.store.batch.desk import BatchDesk
from hub.store.batch.trade import BatchRights
from hub.store.postgres.database import PostgresDatabase, unavailable
from hub.store.postgres.migrate import migrate
from hub.store.postgres.neighbours import Neighbours
from hub.store.postgres.sql import connect
from hub.store.protocol_goods import ProofBook
from hub.store.protocol_trade import ReservationBook, RightsBook
from hub.store.sqlite.access import (
    RESERVATION_COLUMNS,
    SqliteReservations,
    reservation_values,
)
from hub.store.sqlite.desk import SqliteDesk
from hub.store.sqlite.hub_store import SqliteHub
from hub.store.sqlite.ordered_ids import OrderedIds
from hub.store.sqlite.proofs import TOLD_MAX, SqliteProofs
from hub.store.sqlite.rights import SqliteRights
from shared.domain.errors import Conflict
from shared.domain.ports import Clock, Entropy


class PostgresProofs(SqliteProofs):
    """See `hub.store.protocol_goods.ProofBook`."""

    JOINED_STATES: ClassVar = "string_agg(state, ',')"
    HELD_UNITS: ClassVar = (
        "SELECT a.value ->> 0 AS sku, a.value ->> 1 AS warehouse,"
        " sum((a.value ->> 2)::bigint) AS units"
        " FROM reservations r CROSS JOIN jsonb_array_elements(r.allocations::jsonb) a"
        " WHERE r.state IN ('open', 'confirmed') GROUP BY 1, 2"
    )

    def file_intact(self) -> list[str]:
        """Check that every rule between tables is enforced and every index valid.

        The pages themselves are the server's to check (data checksums, `pg_amcheck`).
        """
        rows = self._sql.execute(
            "SELECT conrelid::regclass::text AS place, conname FROM pg_constraint c"
            " JOIN pg_namespace n ON n.oid = c.connamespace"
            " WHERE n.nspname = current_schema() AND NOT convalidated LIMIT ?",
            (TOLD_MAX,),
        )
        found = [f"Rule {row['conname']} of table {row['place']} is not checked." for row in rows]
        broken = self._sql.execute(
            "SELECT i.indexrelid::regclass::text AS place FROM pg_index i"
            " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = current_schema() AND NOT i.indisvalid LIMIT ?",
            (TOLD_MAX,),
        )
        return found + [f"Index {row['place']} is not valid." for row in broken]


class PostgresRights(SqliteRights):
    """See `hub.store.protocol_trade.RightsBook`."""

    def _debit(
        self, accounts: list[tuple[str, str, int]], entries: list[tuple[str, str, int, str]]
    ) -> int:
        """Hold and journal everything by one guarded statement; return how many accounts had."""
        row = self._sql.execute(
            "WITH debited AS (UPDATE rights r SET pool = pool - w.units, held = held + w.units"
            "  FROM unnest(?::text[], ?::text[], ?::bigint[]) AS w (sku, warehouse, units)"
            "  WHERE r.sku = w.sku AND r.warehouse = w.warehouse"
            "  AND r.pool - r.safety_stock >= w.units RETURNING 1),"
            " entries AS (INSERT INTO rights_journal (sku, warehouse, source, target, quantity,"
            "  reference, at_ms) SELECT e.sku, e.warehouse, 'pool', 'held', e.units, e.reference,"
            "  ?::bigint FROM unnest(?::text[], ?::text[], ?::bigint[], ?::text[])"
            "  AS e (sku, warehouse, units, reference))"
            " SELECT count(*) FROM debited",
            (*_columns(accounts), self._now_ms, *_columns(entries)),
        ).fetchone()
        return int(row[0])


class PostgresReservations(SqliteReservations):
    """See `hub.store.protocol_trade.ReservationBook`."""

    def add(self, reservations: Iterable[Reservation]) -> None:
        """Insert reservations that are new by one statement."""
        columns = _columns([tuple(reservation_values(one)) for one in reservations])
        self._sql.execute(
            f"INSERT INTO reservations ({RESERVATION_COLUMNS})"  # noqa: S608  constant columns
            " SELECT * FROM unnest("
            "?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::bigint[], ?::bigint[],"
            " ?::bigint[])",
            columns,
        )


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Return the columns of `rows`, each as a list."""
    return [list(column) for column in zip(*rows, strict=True)]


class PostgresDesk(SqliteDesk):
    """One use case in progress on the server; see `hub.store.protocol.Desk`."""

    def __init__(
        self,
        sql: sqlite3.Connection,
        *,
        now_ms: int,
        actor: str,
        ids: OrderedIds,
        tell: Callable[[str], None],
    ) -> None:
        """Open all books on `sql`, which must be inside a transaction."""
        super().__init__(sql, now_ms=now_ms, actor=actor, ids=ids, tell=tell)
        self.proofs: ProofBook = PostgresProofs(sql)
        self.rights: RightsBook = PostgresRights(sql, now_ms)
        self.reservations: ReservationBook = PostgresReservations(sql)


class PostgresBatchRights(BatchRights, PostgresRights):
    """See `hub.store.protocol_trade.RightsBook`."""


class PostgresBatchDesk(BatchDesk):
    """The desk on which a whole batch of facts is counted on the server."""

    proofs_class: ClassVar[type[SqliteProofs]] = PostgresProofs
    rights_class: ClassVar[type[BatchRights]] = PostgresBatchRights


class PostgresHub(SqliteHub):
    """The hub's books on a server. Create it on a migrated schema; see `open_hub`."""

    desk_class: ClassVar[type[SqliteDesk]] = PostgresDesk
    batch_class: ClassVar[type[BatchDesk]] = PostgresBatchDesk

    def __init__(self, database: PostgresDatabase, clock: Clock, entropy: Entropy) -> None:
        """Keep the books in `database`."""
        super().__init__(database, clock, entropy)
        self.neighbours = Neighbours(database.url, super().publish)

    def publish(self, topic: str) -> None:
        """Call every listener with `topic`, here and in the other processes."""
        super().publish(topic)
        self.neighbours.say(topic)

    def lead(self, led: Callable[[bool], None]) -> bool:
        """Return whether this process leads; `led` hears, from another thread, when that changes.

        Only the leader runs pumps and listens for warehouses.
        """
        leads = self.neighbours.start()
        self.neighbours.led = led
        return leads

    def own_key(self, public_key: str) -> None:
        """Record which key the warehouses know, or raise Conflict when it is another one."""

        def check(sql: sqlite3.Connection) -> None:
            row = sql.execute(
                "INSERT INTO sync_key (only_row, public_key) VALUES (1, ?)"
                " ON CONFLICT (only_row) DO UPDATE SET public_key = sync_key.public_key"
                " RETURNING public_key",
                (public_key,),
            ).fetchone()
            if row[0] != public_key:
                raise Conflict(
                    "sync_key_differs",
                    "This hub has another sync.key than the warehouses know.",
                    hint="Copy sync.key from the state directory of the first hub process.",
                )

        self.database.write_sync(lambda tx: check(tx.sql))

    def close(self) -> None:
        """Give up the lead and close the connections."""
        self.neighbours.stop()
        super().close()


def open_hub(url: str, clock: Clock, entropy: Entropy) -> PostgresHub:
    """Bring the books at `url` up to date and open them. Raises Unavailable."""
    try:
        sql = connect(url, name="migrate")
        try:
            migrate(sql)
        finally:
            sql.connection.close()
        return PostgresHub(PostgresDatabase(url), clock, entropy)
    except psycopg.OperationalError as error:
        raise unavailable(error) from error
