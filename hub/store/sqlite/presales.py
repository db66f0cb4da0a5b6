"""Presale quotas on SQLite: the guard against overselling a presale is one statement here."""

from __future__ import annotations

import sqlite3
from typing import Final

from hub.domain.presale_rows import PresalePromise, PresaleRow

_QUOTA: Final = ", ".join(PresaleRow.__struct_fields__)
_PROMISE: Final = ", ".join(PresalePromise.__struct_fields__)


class SqlitePresales:
    """See `hub.store.protocol_presales.PresaleBook`."""

    def __init__(self, sql: sqlite3.Connection) -> None:
        """Work on the connection of one transaction."""
        self._sql = sql

    def put(self, sku: str, ship_date: str, units: int) -> bool:
        """Set a quota; False changes nothing: more is sold already."""
        done = self._sql.execute(
            "INSERT INTO presales (sku, ship_date, units) VALUES (?, ?, ?)"
            " ON CONFLICT (sku, ship_date) DO UPDATE SET units = excluded.units"
            " WHERE presales.promised + presales.turned <= excluded.units",
            (sku, ship_date, units),
        )
        return done.rowcount == 1

    def quotas(self, sku: str) -> list[PresaleRow]:
        """Return the quotas of a SKU, earliest ship date first."""
        rows = self._sql.execute(
            f"SELECT {_QUOTA} FROM presales WHERE sku = ? ORDER BY ship_date",  # noqa: S608
            (sku,),
        )
        return [PresaleRow(**dict(row)) for row in rows]

    def page(self, after: tuple[str, str], limit: int) -> list[PresaleRow]:
        """Return quotas by (SKU, ship date), behind `after`."""
        rows = self._sql.execute(
            f"SELECT {_QUOTA} FROM presales"  # noqa: S608  constant columns
            " WHERE sku > ? OR (sku = ? AND ship_date > ?) ORDER BY sku, ship_date LIMIT ?",
            (after[0], after[0], after[1], limit),
        )
        return [PresaleRow(**dict(row)) for row in rows]

    def promise(self, promise: PresalePromise) -> bool:
        """Take units out of a quota for an order line; False changes nothing."""
        done = self._sql.execute(
            "UPDATE presales SET promised = promised + ?3"
            " WHERE sku = ?1 AND ship_date = ?2 AND units - promised - turned >= ?3",
            (promise.sku, promise.ship_date, promise.units),
        )
        if done.rowcount != 1:
            return False
        self._sql.execute(
            f"INSERT INTO presale_promises ({_PROMISE}) VALUES (?, ?, ?, ?, ?)",  # noqa: S608
            (
                promise.order_id, promise.line_no, promise.sku, promise.ship_date, promise.units,
            ),
        )  # fmt: skip
        return True

    def of_order(self, order_id: str) -> list[PresalePromise]:
        """Return what an order was promised, by line and ship date."""
        rows = self._sql.execute(
            f"SELECT {_PROMISE} FROM presale_promises"  # noqa: S608  constant columns
            " WHERE order_id = ? ORDER BY line_no, ship_date",
            (order_id,),
        )
        return [PresalePromise(**dict(row)) for row in rows]

    def end(self, order_id: str, *, turned: bool) -> None:
        """End an order's promises: they `turned` into stock, or may be sold again."""
        for one in self.of_order(order_id):
            self._sql.execute(
                "UPDATE presales SET promised = promised - ?3, turned = turned + ?4"
                " WHERE sku = ?1 AND ship_date = ?2",
                (one.sku, one.ship_date, one.units, one.units if turned else 0),
            )
        self._sql.execute("DELETE FROM presale_promises WHERE order_id = ?", (order_id,))

    def waiting(self, sku: str) -> int:
        """Return how many units are promised and wait for stock."""
        row = self._sql.execute(
            "SELECT coalesce(sum(units), 0) AS units FROM presale_promises WHERE sku = ?", (sku,)
        ).fetchone()
        return int(row["units"])
