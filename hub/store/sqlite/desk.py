"""One use case in progress: all books of the hub on one connection; see `hub.store.protocol`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from hub.domain.policy import Policy
from hub.store.protocol import Expected
from hub.store.protocol_channels import ChannelBook
from hub.store.protocol_goods import CatalogueBook, ProofBook, SerialBook, StockBook
from hub.store.protocol_numbers import NumberBook
from hub.store.protocol_office import AccessBook, Journal, NodeBook
from hub.store.protocol_presales import PresaleBook
from hub.store.protocol_quotas import QuotaBook
from hub.store.protocol_trade import OrderBook, ParcelBook, ReservationBook, RightsBook
from hub.store.protocol_webhooks import WebhookBook
from hub.store.sqlite.access import SqliteAccess, SqliteReservations
from hub.store.sqlite.catalogue import SqliteCatalogue
from hub.store.sqlite.channels import SqliteChannels
from hub.store.sqlite.journal import SqliteJournal
from hub.store.sqlite.nodes import SqliteNodes
from hub.store.sqlite.numbers import SqliteNumbers
from hub.store.sqlite.ordered_ids import OrderedIds
from hub.store.sqlite.orders import SqliteOrders
from hub.store.sqlite.parcels import SqliteParcels
from hub.store.sqlite.presales import SqlitePresales
from hub.store.sqlite.proofs import SqliteProofs
from hub.store.sqlite.quotas import SqliteQuotas
from hub.store.sqlite.rights import SqliteRights
from hub.store.sqlite.serials import SqliteSerials
from hub.store.sqlite.stock import SqliteStock
from hub.store.sqlite.webhooks import SqliteWebhooks
from shared.runtime.attempt import undoable

T = TypeVar("T")


class SqliteDesk:
    """One use case in progress; see `hub.store.protocol.Desk`."""

    policy = Policy()
    """The house's choices; whoever opens a desk may put others in their place."""

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
        self.sql = sql
        self.now_ms = now_ms
        self.actor = actor
        self._ids = ids
        self._tell = tell
        self.orders: OrderBook = SqliteOrders(sql)
        self.parcels: ParcelBook = SqliteParcels(sql)
        self.rights: RightsBook = SqliteRights(sql, now_ms)
        self.quotas: QuotaBook = SqliteQuotas(sql, now_ms)
        self.presales: PresaleBook = SqlitePresales(sql)
        self.stock: StockBook = SqliteStock(sql, now_ms)
        self.serials: SerialBook = SqliteSerials(sql)
        self.catalogue: CatalogueBook = SqliteCatalogue(sql)
        self.journal: Journal = SqliteJournal(sql, now_ms, actor, self.new_id, tell)
        self.reservations: ReservationBook = SqliteReservations(sql)
        self.access: AccessBook = SqliteAccess(sql, now_ms)
        self.nodes: NodeBook = SqliteNodes(sql)
        self.proofs: ProofBook = SqliteProofs(sql)
        self.channels: ChannelBook = SqliteChannels(sql, now_ms)
        self.webhooks: WebhookBook = SqliteWebhooks(sql)
        self.numbers: NumberBook = SqliteNumbers(sql, now_ms)

    def new_id(self) -> str:
        """Return a new time-ordered id."""
        return self._ids.new_id(self.now_ms)

    def attempt(self, work: Callable[[], T]) -> T:
        """Run `work` in a savepoint; its failure undoes only what it did."""
        with undoable(self.sql):
            return work()

    def expect(self, expected: Expected) -> None:
        """Each row is read when it is asked for."""

    def tell(self, topic: str) -> None:
        """Wake whoever waits for `topic`, after the commit."""
        self._tell(topic)

    def finish(self) -> None:
        """Write what was kept back, before the commit; nothing is kept back on this desk."""
