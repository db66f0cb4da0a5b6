"""Goods, warehouses and review rules on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec

from hub.domain.review import Rule
from hub.domain.rows import BookCheck, Warehouse, WarehouseState
from hub.store.sqlite.filters import marks
from shared.domain.catalogue import Product

_FIELDS: Final = Product.__struct_fields__
_COLUMNS: Final = ", ".join(_FIELDS)
_CHECK_COLUMNS: Final = ", ".join(BookCheck.__struct_fields__)
_rules: msgspec.json.Decoder[Rule] = msgspec.json.Decoder(Rule)
_encode = msgspec.json.Encoder().encode


class SqliteCatalogue:
    """See `hub.store.protocol_goods.CatalogueBook`."""

    def __init__(self, sql: sqlite3.Connection) -> None:
        """Work on the connection of one transaction."""
        self._sql = sql

    def product(self, sku: str) -> Product | None:
        """Return one product."""
        return self.products((sku,)).get(sku)

    def products(self, skus: Iterable[str]) -> dict[str, Product]:
        """Return those of `skus` that the catalogue knows."""
        wanted = list(skus)
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM products"  # noqa: S608  constant columns
            f" WHERE sku IN ({marks(len(wanted))})",
            wanted,
        )
        return {row[0]: Product(**dict(zip(_FIELDS, row, strict=True))) for row in rows}

    def put_product(self, product: Product) -> bool:
        """Insert or replace a product; False when it was the same already."""
        if self.product(product.sku) == product:
            return False
        updates = ", ".join(f"{field} = excluded.{field}" for field in _FIELDS[1:])
        self._sql.execute(
            f"INSERT INTO products ({_COLUMNS}) VALUES"  # noqa: S608  constant columns
            f" (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sku) DO UPDATE SET {updates}",
            [getattr(product, field) for field in _FIELDS],
        )
        return True

    def product_page(self, after: str, limit: int) -> list[Product]:
        """Return products by SKU, after `after`."""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM products"  # noqa: S608  constant columns
            " WHERE sku > ? ORDER BY sku LIMIT ?",
            (after, limit),
        )
        return [Product(**dict(row)) for row in rows]

    def warehouse(self, warehouse: str) -> Warehouse | None:
        """Return one warehouse."""
        row = self._sql.execute(
            "SELECT warehouse, name, latitude_microdegrees, longitude_microdegrees"
            " FROM warehouses WHERE warehouse = ?",
            (warehouse,),
        ).fetchone()
        return None if row is None else Warehouse(**dict(row))

    def warehouses(self) -> list[Warehouse]:
        """Return all warehouses by code."""
        rows = self._sql.execute(
            "SELECT warehouse, name, latitude_microdegrees, longitude_microdegrees"
            " FROM warehouses ORDER BY warehouse"
        )
        return [Warehouse(**dict(row)) for row in rows]

    def put_warehouse(self, warehouse: Warehouse) -> bool:
        """Insert or replace a warehouse; False when it was the same already."""
        if self.warehouse(warehouse.warehouse) == warehouse:
            return False
        self._sql.execute(
            "INSERT INTO warehouses (warehouse, name, latitude_microdegrees,"
            " longitude_microdegrees) VALUES (?, ?, ?, ?) ON CONFLICT (warehouse) DO UPDATE SET"
            " name = excluded.name, latitude_microdegrees = excluded.latitude_microdegrees,"
            " longitude_microdegrees = excluded.longitude_microdegrees",
            (
                warehouse.warehouse,
                warehouse.name,
                warehouse.latitude_microdegrees,
                warehouse.longitude_microdegrees,
            ),
        )
        return True

    def states(self) -> list[WarehouseState]:
        """Return how every warehouse stands with the hub."""
        units = {
            row["warehouse"]: (row["units"], row["loading"])
            for row in self._sql.execute(
                "SELECT warehouse, sum(quantity) AS units, sum(loading) AS loading"
                " FROM on_hand GROUP BY warehouse"
            )
        }
        return [
            self._state(warehouse, *units.get(warehouse.warehouse, (0, 0)))
            for warehouse in self.warehouses()
        ]

    def _state(self, warehouse: Warehouse, units: int, loading: int) -> WarehouseState:
        code = warehouse.warehouse
        node = self._sql.execute("SELECT enrolled_ms FROM nodes WHERE node = ?", (code,)).fetchone()
        log = self._sql.execute(
            "SELECT applied_seq FROM node_logs WHERE node = ? ORDER BY first_seen_ms DESC LIMIT 1",
            (code,),
        ).fetchone()
        waiting = self._sql.execute(
            "SELECT head_seq - cacked_seq AS waiting FROM command_heads WHERE node = ?", (code,)
        ).fetchone()
        disputes = self._sql.execute(
            "SELECT count(*) FROM disputes WHERE settled_ms IS NULL"
            " AND (first_warehouse = :w OR second_warehouse = :w)",
            {"w": code},
        ).fetchone()
        check = self._sql.execute(
            f"SELECT {_CHECK_COLUMNS} FROM book_checks"  # noqa: S608  constant columns
            " WHERE warehouse = ? ORDER BY at_ms DESC, seq DESC LIMIT 1",
            (code,),
        ).fetchone()
        return WarehouseState(
            warehouse=warehouse,
            enrolled=node is not None and node["enrolled_ms"] is not None,
            applied_seq=0 if log is None else log["applied_seq"],
            commands_waiting=0 if waiting is None else waiting["waiting"],
            units_on_hand=units,
            units_loading=loading,
            disputes=disputes[0],
            last_check=None if check is None else BookCheck(**dict(check)),
        )

    def rules(self) -> tuple[Rule, ...]:
        """Return the newest version of every review rule."""
        rows = self._sql.execute(
            "SELECT rule FROM review_rules r WHERE version = (SELECT max(version) FROM review_rules"
            " WHERE rule_id = r.rule_id) ORDER BY rule_id"
        )
        return tuple(_rules.decode(row["rule"]) for row in rows)

    def put_rule(self, rule: Rule) -> None:
        """Add a version of a rule; older versions stay, because held orders name them."""
        self._sql.execute(
            "INSERT INTO review_rules (rule_id, version, rule) VALUES (?, ?, ?)",
            (rule.rule_id, rule.version, _encode(rule).decode()),
        )
