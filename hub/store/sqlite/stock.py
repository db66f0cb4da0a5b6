"""The mirror of what stands in the warehouses, on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from hub.domain.rows import BookCheck, LoadRow
from hub.store.sqlite.filters import where

_CHECK_FIELDS: Final = BookCheck.__struct_fields__


class SqliteStock:
    """See `hub.store.protocol_goods.StockBook`."""

    def __init__(self, sql: sqlite3.Connection, now_ms: int) -> None:
        """Work on the connection of one transaction."""
        self._sql = sql
        self._now_ms = now_ms

    def add(self, warehouse: str, sku: str, quantity: int, loading: int = 0) -> None:
        """Change units on hand and units still loading."""
        self.add_many(((warehouse, sku, quantity, loading),))

    def add_many(self, changes: Iterable[tuple[str, str, int, int]]) -> None:
        """Change many: (warehouse, sku, units on hand, units still loading), each at most once."""
        self._sql.executemany(
            "INSERT INTO on_hand (warehouse, sku, quantity, loading) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (warehouse, sku) DO UPDATE SET"
            " quantity = on_hand.quantity + excluded.quantity,"
            " loading = on_hand.loading + excluded.loading",
            changes,
        )

    def set_aside(self, warehouse: str, sku: str, quantity: int) -> None:
        """Change units that are on hand but not good; they are among the units on hand."""
        self._sql.execute(
            "UPDATE on_hand SET set_aside = set_aside + ? WHERE warehouse = ? AND sku = ?",
            (quantity, warehouse, sku),
        )

    def confirmed(self, warehouse: str) -> dict[str, int]:
        """Return units per SKU that the warehouse's own facts account for."""
        rows = self._sql.execute(
            "SELECT sku, quantity - loading AS units FROM on_hand"
            " WHERE warehouse = ? AND quantity <> loading",
            (warehouse,),
        )
        return dict(tuple(row) for row in rows)

    def page(
        self, filters: dict[str, str], after: tuple[str, str], limit: int
    ) -> list[tuple[str, str, int, int, int]]:
        """Return (warehouse, sku, quantity, loading, set aside), after the pair `after`."""
        clause, values = where(filters, ("warehouse", "sku"))
        rows = self._sql.execute(
            "SELECT warehouse, sku, quantity, loading, set_aside FROM on_hand"  # noqa: S608  constant
            f" WHERE {clause} AND (warehouse, sku) > (?, ?)"
            " ORDER BY warehouse, sku LIMIT ?",
            (*values, *after, limit),
        )
        return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]

    def load(self, load_id: str) -> LoadRow | None:
        """Return one import command with its units per SKU."""
        row = self._sql.execute(
            "SELECT load_id, warehouse, import_id, state FROM stock_loads WHERE load_id = ?",
            (load_id,),
        ).fetchone()
        if row is None:
            return None
        units = self._sql.execute(
            "SELECT sku, quantity - loaded AS units FROM stock_load_units WHERE load_id = ?"
            " AND quantity > loaded",
            (load_id,),
        )
        return LoadRow(**dict(row), units={line["sku"]: line["units"] for line in units})

    def put_load(self, load: LoadRow) -> None:
        """Record an import command."""
        self._sql.execute(
            "INSERT INTO stock_loads (load_id, warehouse, import_id, state, at_ms)"
            " VALUES (?, ?, ?, ?, ?)",
            (load.load_id, load.warehouse, load.import_id, load.state, self._now_ms),
        )
        self._sql.executemany(
            "INSERT INTO stock_load_units (load_id, sku, quantity) VALUES (?, ?, ?)",
            [(load.load_id, sku, units) for sku, units in load.units.items()],
        )

    def confirm_units(self, load_id: str, sku: str, quantity: int) -> None:
        """Note units of an import that the floor has booked."""
        self._sql.execute(
            "UPDATE stock_load_units SET loaded = loaded + ? WHERE load_id = ? AND sku = ?",
            (quantity, load_id, sku),
        )

    def end_load(self, load_id: str, state: str) -> None:
        """Tick an import command off as loaded or refused."""
        self._sql.execute("UPDATE stock_loads SET state = ? WHERE load_id = ?", (state, load_id))

    def lose_unnamed(self, warehouse: str, sku: str, quantity: int) -> None:
        """Note serial-numbered units that are missing without anybody knowing which."""
        self._sql.execute(
            "UPDATE on_hand SET unnamed_lost = unnamed_lost + ? WHERE warehouse = ? AND sku = ?",
            (quantity, warehouse, sku),
        )

    def row_is_new(self, import_id: str, row_key: str) -> bool:
        """Remember a row of a file; False when it went in before."""
        done = self._sql.execute(
            "INSERT INTO imported_rows (import_id, row_key) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (import_id, row_key),
        )
        return done.rowcount == 1

    def forget_row(self, import_id: str, row_key: str) -> None:
        """Forget a row that turned out to be bad after all."""
        self._sql.execute(
            "DELETE FROM imported_rows WHERE import_id = ? AND row_key = ?", (import_id, row_key)
        )

    def put_check(self, check: BookCheck) -> None:
        """Keep the outcome of comparing books."""
        columns = ", ".join((*_CHECK_FIELDS, "matches"))
        values = [getattr(check, field) for field in _CHECK_FIELDS]
        self._sql.execute(
            f"INSERT INTO book_checks ({columns})"  # noqa: S608  constant columns
            f" VALUES ({','.join('?' * (len(values) + 1))})"
            " ON CONFLICT (warehouse, incarnation, seq) DO NOTHING",
            (*values, check.matches),
        )

    def last_check(self, warehouse: str) -> BookCheck | None:
        """Return the newest comparison of books with a warehouse."""
        row = self._sql.execute(
            f"SELECT {', '.join(_CHECK_FIELDS)} FROM book_checks"  # noqa: S608  constant columns
            " WHERE warehouse = ? ORDER BY at_ms DESC, seq DESC LIMIT 1",
            (warehouse,),
        ).fetchone()
        return None if row is None else BookCheck(**dict(row))
