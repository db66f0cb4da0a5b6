"""Orders, parcels and rights of a batch.

What is overridden here is what counting facts asks for all the time. A row is kept back only when
it was read before in the same batch; anything else goes through to the database at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hub.domain.rows import (
    OrderLineRow,
    OrderRow,
    ParcelLineRow,
    ParcelRow,
    RightsAccount,
    RightsRow,
)
from hub.store.batch.sql import BatchSql, as_books
from hub.store.sqlite.orders import SqliteOrders
from hub.store.sqlite.parcels import SqliteParcels
from hub.store.sqlite.rights import ACCOUNTS, MOVABLE, SqliteRights

_Key = tuple[str, str]


class BatchOrders(SqliteOrders):
    """See `hub.store.protocol_trade.OrderBook`."""

    def __init__(self, sql: BatchSql) -> None:
        """Keep changes back until `sql` flushes."""
        super().__init__(as_books(sql))
        self._plain = SqliteOrders(sql.plain)
        self._rows: dict[str, OrderRow] = {}
        self._lines: dict[str, list[OrderLineRow]] = {}
        self._before: dict[str, OrderRow] = {}
        self._trusted: dict[_Key, None] = {}
        sql.keepers.append(self)

    def expect(self, order_ids: Sequence[str]) -> None:
        """Read what will be asked for."""
        self._rows |= {row.order_id: row for row in self._plain.get_many(order_ids)}
        self._lines |= self._plain.lines_of(order_ids)

    def get(self, order_id: str) -> OrderRow | None:
        """Return one order."""
        row = self._rows.get(order_id)
        if row is None:
            row = self._plain.get(order_id)
            if row is not None:
                self._rows[order_id] = row
        return row

    def put(self, order: OrderRow) -> None:
        """Replace an order that was read; insert or replace any other at once."""
        before = self._rows.get(order.order_id)
        if before is None:
            super().put(order)
            return
        self._before.setdefault(order.order_id, before)
        self._rows[order.order_id] = order

    def lines(self, order_id: str) -> list[OrderLineRow]:
        """Return the lines by number."""
        lines = self._lines.get(order_id)
        if lines is None:
            lines = self._lines[order_id] = self._plain.lines(order_id)
        return list(lines)

    def trust_again(self, sku: str, warehouse: str) -> None:
        """Stock of `sku` came in at `warehouse`: every order may have it from there again."""
        self._trusted[sku, warehouse] = None

    def write_out(self) -> None:
        """Write the orders that changed, and where stock came in."""
        if self._trusted:
            trusted, self._trusted = self._trusted, {}
            self._plain.trust_many_again(trusted)
        if self._before:
            before, self._before = self._before, {}
            self._plain.change_many((row, self._rows[key]) for key, row in before.items())

    def forget(self) -> None:
        """Read everything again from here on."""
        self._rows.clear()
        self._lines.clear()


class BatchParcels(SqliteParcels):
    """See `hub.store.protocol_trade.ParcelBook`."""

    def __init__(self, sql: BatchSql) -> None:
        """Keep changes back until `sql` flushes."""
        super().__init__(as_books(sql))
        self._plain = SqliteParcels(sql.plain)
        self._rows: dict[str, ParcelRow] = {}
        self._of_order: dict[str, list[str]] = {}
        self._lines: dict[str, dict[int, ParcelLineRow]] = {}
        self._before: dict[str, ParcelRow] = {}
        self._changed_lines: dict[tuple[str, int], ParcelLineRow] = {}
        sql.keepers.append(self)

    def expect(self, parcel_ids: Sequence[str]) -> list[str]:
        """Read what will be asked for; return the ids of the orders behind it."""
        for row in self._plain.with_siblings(parcel_ids):
            self._rows[row.parcel_id] = row
            self._of_order.setdefault(row.order_id, []).append(row.parcel_id)
        for parcel_id, lines in self._plain.lines_of(parcel_ids).items():
            self._lines[parcel_id] = {line.line_no: line for line in lines}
        return list(self._of_order)

    def get(self, parcel_id: str) -> ParcelRow | None:
        """Return one parcel."""
        row = self._rows.get(parcel_id)
        if row is None:
            row = self._plain.get(parcel_id)
            if row is not None:
                self._rows[parcel_id] = row
        return row

    def put(self, parcel: ParcelRow) -> None:
        """Replace a parcel that was read; insert or replace any other at once."""
        before = self._rows.get(parcel.parcel_id)
        if before is None:
            super().put(parcel)
            return
        self._before.setdefault(parcel.parcel_id, before)
        self._rows[parcel.parcel_id] = parcel

    def of_order(self, order_id: str) -> list[ParcelRow]:
        """Return the parcels of an order, oldest first."""
        ids = self._of_order.get(order_id)
        if ids is None:
            found = self._plain.of_order(order_id)
            for row in found:
                self._rows.setdefault(row.parcel_id, row)
            ids = self._of_order[order_id] = [row.parcel_id for row in found]
        return [self._rows[parcel_id] for parcel_id in ids]

    def lines(self, parcel_id: str) -> list[ParcelLineRow]:
        """Return the lines of a parcel by number."""
        lines = self._lines.get(parcel_id)
        if lines is None:
            lines = {line.line_no: line for line in self._plain.lines(parcel_id)}
            self._lines[parcel_id] = lines
        return list(lines.values())

    def put_lines(self, parcel_id: str, lines: Iterable[ParcelLineRow]) -> None:
        """Replace lines that were read; insert or replace any other at once."""
        given = list(lines)
        known = self._lines.get(parcel_id, {})
        if any(line.line_no not in known for line in given):
            super().put_lines(parcel_id, given)
            return
        for line in given:
            known[line.line_no] = self._changed_lines[parcel_id, line.line_no] = line

    def write_out(self) -> None:
        """Write the parcels and lines that changed."""
        if self._before:
            before, self._before = self._before, {}
            self._plain.change_many((row, self._rows[key]) for key, row in before.items())
        if self._changed_lines:
            lines, self._changed_lines = self._changed_lines, {}
            self._plain.put_lines_of((parcel_id, line) for (parcel_id, _), line in lines.items())

    def forget(self) -> None:
        """Read everything again from here on."""
        self._rows.clear()
        self._of_order.clear()
        self._lines.clear()


class BatchRights(SqliteRights):
    """See `hub.store.protocol_trade.RightsBook`.

    A balance is the row read in this transaction plus what the batch has moved since. The database
    checks every account again when it is written. Promises still go through its guarded statement
    one by one, and so does whatever touches a SKU of which rights are owed.
    """

    def __init__(self, sql: BatchSql, now_ms: int) -> None:
        """Keep changes back until `sql` flushes."""
        super().__init__(as_books(sql), now_ms)
        self._plain = SqliteRights(sql.plain, now_ms)
        self._read: dict[_Key, RightsRow] = {}
        self._owing: dict[str, frozenset[str]] = {}
        self._minted: dict[_Key, int] = {}
        self._moved: dict[_Key, dict[str, int]] = {}
        self._entries: list[tuple[str, str, str, str, int, str]] = []
        self._arrived: dict[str, None] = {}
        sql.keepers.append(self)

    def expect(self, warehouse: str, skus: Sequence[str]) -> None:
        """Read what will be asked for."""
        for row in self._plain.in_warehouse(warehouse, skus):
            self._read[row.sku, warehouse] = row

    def mint(self, sku: str, warehouse: str, quantity: int, reference: str) -> None:
        """Make new rights in the pool, for units that came into being by a receipt or import."""
        if sku in self._owing_in(warehouse):
            super().mint(sku, warehouse, quantity, reference)
            return
        key = (sku, warehouse)
        self._minted[key] = self._minted.get(key, 0) + quantity
        self._entries.append((sku, warehouse, "mint", "pool", quantity, reference))

    def move(
        self,
        sku: str,
        warehouse: str,
        quantity: int,
        source: RightsAccount,
        target: RightsAccount,
        reference: str,
    ) -> bool:
        """Move units between two accounts; False changes nothing."""
        if source not in ACCOUNTS or target not in ACCOUNTS:
            raise ValueError(source, target)
        if target == "pool" and sku in self._owing_in(warehouse):
            return super().move(sku, warehouse, quantity, source, target, reference)
        key = (sku, warehouse)
        read = self._read.get(key)
        if read is None:
            row = self._plain.get(sku, warehouse)
            if row is None:  # perhaps minted in this batch: have it written, then ask again
                return super().move(sku, warehouse, quantity, source, target, reference)
            read = self._read[key] = row
        moved = self._moved.setdefault(key, dict.fromkeys(MOVABLE, 0))
        there = int(getattr(read, source)) + moved[source]
        if source == "pool":
            there += self._minted.get(key, 0)
        if there < quantity:
            return False
        moved[source] -= quantity
        moved[target] += quantity
        self._entries.append((sku, warehouse, source, target, quantity, reference))
        return True

    def _owing_in(self, warehouse: str) -> frozenset[str]:
        owing = self._owing.get(warehouse)
        if owing is None:
            owing = self._owing[warehouse] = self._plain.owing(warehouse)
        return owing

    def note_arrival(self, sku: str) -> None:
        """Remember that the pool of `sku` grew, if anybody waits for it."""
        self._arrived[sku] = None

    def write_out(self) -> None:
        """Write what was minted, what was moved, and the journal of both."""
        if self._minted:
            minted, self._minted = self._minted, {}
            self._plain.mint_many(minted)
        if self._moved:
            moved, self._moved = self._moved, {}
            self._plain.move_many(moved)
        self._read.clear()
        if self._entries:
            entries, self._entries = self._entries, []
            self._plain.journal_many(entries)
        if self._arrived:
            arrived, self._arrived = self._arrived, {}
            self._plain.note_arrivals(arrived)

    def forget(self) -> None:
        """Read everything again from here on."""
        self._read.clear()
        self._owing.clear()
