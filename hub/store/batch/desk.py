"""The desk on which a whole batch of facts is counted."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from hub.store.batch.goods import BatchCatalogue, BatchSerials, BatchStock
from hub.store.batch.office import BatchJournal
from hub.store.batch.sql import BatchSql, as_books
from hub.store.batch.trade import BatchOrders, BatchParcels, BatchRights
from hub.store.protocol import Expected
from hub.store.sqlite.channels import SqliteChannels
from hub.store.sqlite.desk import SqliteDesk
from hub.store.sqlite.numbers import SqliteNumbers
from hub.store.sqlite.ordered_ids import OrderedIds
from hub.store.sqlite.presales import SqlitePresales
from hub.store.sqlite.proofs import SqliteProofs
from hub.store.sqlite.serials import ASK_MAX


class BatchDesk(SqliteDesk):
    """See `hub.store.protocol.Desk`. Whoever opened it calls `finish` before the commit."""

    proofs_class: ClassVar[type[SqliteProofs]] = SqliteProofs
    rights_class: ClassVar[type[BatchRights]] = BatchRights

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
        self._batch = BatchSql(sql)
        self._told: dict[str, None] = {}
        super().__init__(as_books(self._batch), now_ms=now_ms, actor=actor, ids=ids, tell=tell)
        self._orders = self.orders = BatchOrders(self._batch)
        self._parcels = self.parcels = BatchParcels(self._batch)
        self._rights = self.rights = self.rights_class(self._batch, now_ms)
        self._serials = self.serials = BatchSerials(self._batch)
        self._catalogue = self.catalogue = BatchCatalogue(self._batch)
        self.stock = BatchStock(self._batch, now_ms)
        self.journal = BatchJournal(self._batch, now_ms, actor, self.new_id, self.tell)
        self.proofs = self.proofs_class(as_books(self._batch))
        # Nothing of what shops are owed is kept back, and nothing kept back concerns it; the same
        # goes for what is sold in presale.
        self.channels = SqliteChannels(self._batch.plain, now_ms)
        # Facts ask for numbers and leases by name only, and nobody keeps those back.
        self.numbers = SqliteNumbers(self._batch.plain, now_ms)
        self.presales = SqlitePresales(self._batch.plain)

    def expect(self, expected: Expected) -> None:
        """Read together what will be asked for."""
        for parcel_ids in _parts(expected.parcel_ids):
            for order_ids in _parts(self._parcels.expect(parcel_ids)):
                self._orders.expect(order_ids)
        for serials in _parts(expected.serials):
            self._serials.expect(serials)
        for skus in _parts(expected.skus):
            self._catalogue.expect(skus)
            self._rights.expect(expected.warehouse, skus)

    def tell(self, topic: str) -> None:
        """Wake whoever waits for `topic`, once, after the commit."""
        if topic not in self._told:
            self._told[topic] = None
            self._tell(topic)

    def finish(self) -> None:
        """Write everything that was kept back."""
        self._batch.flush()


def _parts(wanted: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield `wanted` in pieces that one question may name."""
    for start in range(0, len(wanted), ASK_MAX):
        yield wanted[start : start + ASK_MAX]
