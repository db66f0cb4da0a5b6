"""Serial numbers, stock and goods of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from hub.domain.rows import BookCheck, LoadRow, SerialEntry, SerialRow, Warehouse
from hub.store.batch.sql import BatchSql, as_books
from hub.store.sqlite.catalogue import SqliteCatalogue
from hub.store.sqlite.serials import SqliteSerials
from hub.store.sqlite.stock import SqliteStock
from shared.domain.catalogue import Product

_by_serial = attrgetter("serial")


class BatchSerials(SqliteSerials):
    """See `hub.store.protocol_goods.SerialBook`."""

    def __init__(self, sql: BatchSql) -> None:
        """Keep changes back until `sql` flushes."""
        super().__init__(as_books(sql))
        self._plain = SqliteSerials(sql.plain)
        self._rows: dict[str, SerialRow | None] = {}
        self._before: dict[str, SerialRow | None] = {}
        self._entries: list[tuple[str, SerialEntry]] = []
        sql.keepers.append(self)

    def expect(self, serials: Sequence[str]) -> None:
        """Read what will be asked for."""
        self._rows |= dict.fromkeys(serials)
        self._rows |= {row.serial: row for row in self._plain.known(serials)}

    def get(self, serial: str) -> SerialRow | None:
        """Return where a serial number is."""
        if serial in self._rows:
            return self._rows[serial]
        row = self._rows[serial] = self._plain.get(serial)
        return row

    def put(self, row: SerialRow, entry: SerialEntry) -> None:
        """Record where a serial number is now, and the history line that says why."""
        if row.serial not in self._before:
            self._before[row.serial] = self.get(row.serial)
        self._rows[row.serial] = row
        self._entries.append((row.serial, entry))

    def note(self, serial: str, entry: SerialEntry) -> None:
        """Add a history line without moving the serial number."""
        self._entries.append((serial, entry))

    def confirmed_on_hand(self, warehouse: str) -> int:
        """Return how many serial numbers the warehouse's own facts place inside it."""
        self.write_out()
        return self._plain.confirmed_on_hand(warehouse)

    def write_out(self) -> None:
        """Write the places that changed and every history line."""
        if self._before:
            known: list[tuple[SerialRow, SerialRow]] = []
            new: list[SerialRow] = []
            for serial, before in self._before.items():
                after = self._rows[serial]
                if before is None and after is not None:
                    new.append(after)
                elif before is not None and after is not None:
                    known.append((before, after))
            self._before = {}
            self._plain.put_many(sorted(new, key=_by_serial))
            self._plain.change_many(known)
        if self._entries:
            entries, self._entries = self._entries, []
            self._plain.note_many(entries)

    def forget(self) -> None:
        """Read everything again from here on."""
        self._rows.clear()


class BatchStock(SqliteStock):
    """See `hub.store.protocol_goods.StockBook`."""

    def __init__(self, sql: BatchSql, now_ms: int) -> None:
        """Keep changes back until `sql` flushes."""
        super().__init__(as_books(sql), now_ms)
        self._plain = SqliteStock(sql.plain, now_ms)
        self._added: dict[tuple[str, str], tuple[int, int]] = {}
        sql.keepers.append(self)

    def add(self, warehouse: str, sku: str, quantity: int, loading: int = 0) -> None:
        """Change units on hand and units still loading."""
        before = self._added.get((warehouse, sku), (0, 0))
        self._added[warehouse, sku] = (before[0] + quantity, before[1] + loading)

    # Nobody keeps anything back of what the next four are about.

    def load(self, load_id: str) -> LoadRow | None:
        """Return one import command with its units per SKU."""
        return self._plain.load(load_id)

    def confirm_units(self, load_id: str, sku: str, quantity: int) -> None:
        """Note units of an import that the floor has booked."""
        self._plain.confirm_units(load_id, sku, quantity)

    def end_load(self, load_id: str, state: str) -> None:
        """Tick an import command off as loaded or refused."""
        self._plain.end_load(load_id, state)

    def put_check(self, check: BookCheck) -> None:
        """Keep the outcome of comparing books."""
        self._plain.put_check(check)

    def confirmed(self, warehouse: str) -> dict[str, int]:
        """Return units per SKU that the warehouse's own facts account for."""
        self.write_out()
        return self._plain.confirmed(warehouse)

    def write_out(self) -> None:
        """Write the changes of every SKU."""
        if self._added:
            added, self._added = self._added, {}
            self._plain.add_many((*key, *change) for key, change in added.items())

    def forget(self) -> None:
        """Nothing is remembered."""


class BatchCatalogue(SqliteCatalogue):
    """See `hub.store.protocol_goods.CatalogueBook`."""

    def __init__(self, sql: BatchSql) -> None:
        """Remember what was read; changes are written at once."""
        super().__init__(as_books(sql))
        self._plain = SqliteCatalogue(sql.plain)
        self._products: dict[str, Product | None] = {}
        self._warehouses: dict[str, Warehouse | None] = {}
        sql.keepers.append(self)

    def expect(self, skus: Sequence[str]) -> None:
        """Read what will be asked for."""
        self._products |= dict.fromkeys(skus) | self._plain.products(skus)

    def product(self, sku: str) -> Product | None:
        """Return one product."""
        if sku not in self._products:
            self._products[sku] = self._plain.product(sku)
        return self._products[sku]

    def warehouse(self, warehouse: str) -> Warehouse | None:
        """Return one warehouse."""
        if warehouse not in self._warehouses:
            self._warehouses[warehouse] = self._plain.warehouse(warehouse)
        return self._warehouses[warehouse]

    def write_out(self) -> None:
        """Nothing is kept back."""

    def forget(self) -> None:
        """Read everything again from here on."""
        self._products.clear()
        self._warehouses.clear()
