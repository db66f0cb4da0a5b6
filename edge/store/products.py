"""The catalogue of this warehouse, as head office last sent it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from shared.domain.catalogue import Product


def _product(row: sqlite3.Row) -> Product:
    return msgspec.convert(dict(row), Product)


def by_sku(sql: sqlite3.Connection, sku: str) -> Product | None:
    """Return the product called `sku`, or None."""
    row = sql.execute("SELECT * FROM products WHERE sku = ?", (sku,)).fetchone()
    return _product(row) if row else None


def by_gtin(sql: sqlite3.Connection, gtin: str) -> Product | None:
    """Return the product with this GTIN; 8, 12, 13 and 14 digit forms mean the same number."""
    bare = gtin.lstrip("0")
    if not bare.isdigit():
        return None
    forms = (gtin, bare, bare.zfill(8), bare.zfill(12), bare.zfill(13), bare.zfill(14))
    row = sql.execute(
        "SELECT * FROM products WHERE gtin IN (?, ?, ?, ?, ?, ?) ORDER BY sku LIMIT 1", forms
    ).fetchone()
    return _product(row) if row else None


def put(sql: sqlite3.Connection, products: Iterable[Product]) -> None:
    """Add or replace products."""
    sql.executemany(
        "INSERT INTO products (sku, gtin, name, unit_weight_grams, length_mm, width_mm, "
        "height_mm, serial_policy) VALUES (:sku, :gtin, :name, :unit_weight_grams, :length_mm, "
        ":width_mm, :height_mm, :serial_policy) "
        "ON CONFLICT (sku) DO UPDATE SET gtin = excluded.gtin, name = excluded.name, "
        "unit_weight_grams = excluded.unit_weight_grams, length_mm = excluded.length_mm, "
        "width_mm = excluded.width_mm, height_mm = excluded.height_mm, "
        "serial_policy = excluded.serial_policy",
        [msgspec.structs.asdict(product) for product in products],
    )
