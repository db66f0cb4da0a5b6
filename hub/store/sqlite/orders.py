"""Orders on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from hub.domain.conditions import History
from hub.domain.order_keys import OrderKeys
from hub.domain.review import Hit
from hub.domain.rows import OrderLineRow, OrderRow, Person
from hub.store.sqlite.changes import updates
from hub.store.sqlite.filters import marks, where

FILTERS: Final = ("status", "channel", "shop", "order_no")
_COLUMNS: Final = (
    "order_id, channel, shop, order_no, version, status, held, cancel_asked, placed_ms,"
    " ship_by_ms, received_ms, changed_ms, reasons, explanation"
)
_CHANGING: Final = (
    "version",
    "status",
    "held",
    "cancel_asked",
    "placed_ms",
    "ship_by_ms",
    "changed_ms",
    "reasons",
    "explanation",
)
_LINE_FIELDS: Final = OrderLineRow.__struct_fields__
_persons: msgspec.json.Decoder[Person] = msgspec.json.Decoder(Person)
_hits: msgspec.json.Decoder[tuple[Hit, ...]] = msgspec.json.Decoder(tuple[Hit, ...])
_encode = msgspec.json.Encoder().encode


def _row(row: sqlite3.Row) -> OrderRow:
    return OrderRow(
        order_id=row["order_id"],
        channel=row["channel"],
        shop=row["shop"],
        order_no=row["order_no"],
        version=row["version"],
        status=row["status"],
        held=bool(row["held"]),
        cancel_asked=bool(row["cancel_asked"]),
        placed_ms=row["placed_ms"],
        ship_by_ms=row["ship_by_ms"],
        received_ms=row["received_ms"],
        changed_ms=row["changed_ms"],
        reasons=_hits.decode(row["reasons"]),
        explanation=msgspec.Raw(row["explanation"].encode()),
    )


def _stored(field: str, value: Any) -> Any:
    if field == "reasons":
        return _encode(value).decode()
    return bytes(value).decode() if field == "explanation" else value


class SqliteOrders:
    """See `hub.store.protocol_trade.OrderBook`."""

    def __init__(self, sql: sqlite3.Connection) -> None:
        """Work on the connection of one transaction."""
        self._sql = sql

    def get(self, order_id: str) -> OrderRow | None:
        """Return one order."""
        row = self._sql.execute(
            f"SELECT {_COLUMNS} FROM orders WHERE order_id = ?",  # noqa: S608  constant columns
            (order_id,),
        ).fetchone()
        return None if row is None else _row(row)

    def by_key(self, channel: str, shop: str, order_no: str) -> OrderRow | None:
        """Return the order that a channel calls `order_no`."""
        row = self._sql.execute(
            f"SELECT {_COLUMNS} FROM orders"  # noqa: S608  constant columns
            " WHERE channel = ? AND shop = ? AND order_no = ?",
            (channel, shop, order_no),
        ).fetchone()
        return None if row is None else _row(row)

    def put(self, order: OrderRow) -> None:
        """Insert or replace one order."""
        self.put_many((order,))

    def put_many(self, orders: Iterable[OrderRow]) -> None:
        """Insert or replace orders, one statement for all."""
        self._sql.executemany(
            f"INSERT INTO orders ({_COLUMNS}) VALUES"  # noqa: S608  constant columns
            " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (order_id) DO UPDATE SET"
            " version = excluded.version, status = excluded.status, held = excluded.held,"
            " cancel_asked = excluded.cancel_asked, placed_ms = excluded.placed_ms,"
            " ship_by_ms = excluded.ship_by_ms, changed_ms = excluded.changed_ms,"
            " reasons = excluded.reasons, explanation = excluded.explanation",
            [
                (
                    order.order_id,
                    order.channel,
                    order.shop,
                    order.order_no,
                    order.version,
                    order.status,
                    order.held,
                    order.cancel_asked,
                    order.placed_ms,
                    order.ship_by_ms,
                    order.received_ms,
                    order.changed_ms,
                    _encode(order.reasons).decode(),
                    bytes(order.explanation).decode(),
                )
                for order in orders
            ],
        )

    def change_many(self, pairs: Iterable[tuple[OrderRow, OrderRow]]) -> None:
        """Write what differs between orders as they were read and as they are now."""
        for statement, rows in updates("orders", "order_id", _CHANGING, pairs, _stored):
            self._sql.executemany(statement, rows)

    def get_many(self, order_ids: Sequence[str]) -> list[OrderRow]:
        """Return those of `order_ids` that exist."""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM orders"  # noqa: S608  constant columns
            f" WHERE order_id IN ({marks(len(order_ids))})",
            order_ids,
        )
        return [_row(row) for row in rows]

    def lines_of(self, order_ids: Sequence[str]) -> dict[str, list[OrderLineRow]]:
        """Return the lines of each of these orders by number."""
        found: dict[str, list[OrderLineRow]] = {order_id: [] for order_id in order_ids}
        rows = self._sql.execute(
            "SELECT order_id, line_no, sku, quantity, unit_price_minor, currency,"  # noqa: S608
            f" missing FROM order_lines WHERE order_id IN ({marks(len(order_ids))})"
            " ORDER BY order_id, line_no",
            order_ids,
        )
        for order_id, *values in rows:
            found[order_id].append(OrderLineRow(**dict(zip(_LINE_FIELDS, values, strict=True))))
        return found

    def person(self, order_id: str) -> Person:
        """Return who gets the order; blank once erased."""
        row = self._sql.execute(
            "SELECT person FROM order_people WHERE order_id = ?", (order_id,)
        ).fetchone()
        return _persons.decode(row["person"] if row is not None else b'{"buyer":{},"address":{}}')

    def put_person(self, order_id: str, person: Person) -> None:
        """Insert or replace the person behind an order."""
        self._sql.execute(
            "INSERT INTO order_people (order_id, person) VALUES (?, ?)"
            " ON CONFLICT (order_id) DO UPDATE SET person = excluded.person",
            (order_id, _encode(person)),
        )

    def lines(self, order_id: str) -> list[OrderLineRow]:
        """Return the lines by number."""
        rows = self._sql.execute(
            "SELECT line_no, sku, quantity, unit_price_minor, currency, missing FROM order_lines"
            " WHERE order_id = ? ORDER BY line_no",
            (order_id,),
        )
        return [OrderLineRow(**dict(row)) for row in rows]

    def replace_lines(self, order_id: str, lines: Iterable[OrderLineRow]) -> None:
        """Make `lines` the lines of the order."""
        self._sql.execute("DELETE FROM order_lines WHERE order_id = ?", (order_id,))
        self._sql.executemany(
            "INSERT INTO order_lines (order_id, line_no, sku, quantity, unit_price_minor,"
            " currency, missing) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    order_id,
                    line.line_no,
                    line.sku,
                    line.quantity,
                    line.unit_price_minor,
                    line.currency,
                    line.missing,
                )
                for line in lines
            ],
        )

    def set_missing(self, order_id: str, line_no: int, missing: int) -> None:
        """Record how many units of a line nobody has promised."""
        self._sql.execute(
            "UPDATE order_lines SET missing = ? WHERE order_id = ? AND line_no = ?",
            (missing, order_id, line_no),
        )

    def version(self, order_id: str, version: int) -> tuple[str, bytes] | None:
        """Return (digest, first answer) of a version that came before."""
        row = self._sql.execute(
            "SELECT digest, answer FROM order_versions WHERE order_id = ? AND version = ?",
            (order_id, version),
        ).fetchone()
        return None if row is None else (row["digest"], bytes(row["answer"]))

    def put_version(self, order_id: str, version: int, digest: str, answer: bytes) -> None:
        """Record what a version said and what it was answered."""
        self._sql.execute(
            "INSERT INTO order_versions (order_id, version, digest, answer) VALUES (?, ?, ?, ?)",
            (order_id, version, digest, answer),
        )

    def put_keys(self, order_id: str, keys: OrderKeys) -> None:
        """Record by what the order's buyer, door and lines are recognised."""
        self._sql.execute(
            "INSERT INTO order_keys (order_id, buyer, door, line_key, total_minor, flags)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (order_id) DO UPDATE SET"
            " buyer = excluded.buyer, door = excluded.door, line_key = excluded.line_key,"
            " total_minor = excluded.total_minor, flags = excluded.flags",
            (order_id, keys.buyer, keys.door, keys.lines, keys.total_minor, " ".join(keys.flags)),
        )

    def flags(self, order_id: str) -> tuple[str, ...]:
        """Return the marks on an order, such as `vip`."""
        row = self._sql.execute(
            "SELECT flags FROM order_keys WHERE order_id = ?", (order_id,)
        ).fetchone()
        return () if row is None else tuple(row["flags"].split())

    def history(
        self, keys: OrderKeys, *, since_ms: int, until_ms: int, but_order_id: str
    ) -> History:
        """Return what the same buyer did from `since_ms` to `until_ms`, one order left out."""
        if not keys.buyer:
            return History()
        row = self._sql.execute(
            "SELECT count(*) AS orders,"
            " coalesce(sum(CASE WHEN o.status = 'cancelled' THEN 1 ELSE 0 END), 0) AS cancelled,"
            " coalesce(sum(CASE WHEN o.status <> 'cancelled' AND k.door = ? AND k.line_key = ?"
            " THEN 1 ELSE 0 END), 0) AS same"
            " FROM order_keys k JOIN orders o ON o.order_id = k.order_id"
            " WHERE k.buyer = ? AND o.received_ms >= ? AND o.received_ms <= ?"
            " AND k.order_id <> ?",
            (keys.door, keys.lines, keys.buyer, since_ms, until_ms, but_order_id),
        ).fetchone()
        return History(
            buyer_orders=row["orders"],
            buyer_cancelled=int(row["cancelled"]),
            same_orders=int(row["same"]),
        )

    def waiting_for(self, sku: str, after_order_id: str, limit: int) -> list[str]:
        """Return ids of orders that lack units of `sku`, oldest first."""
        rows = self._sql.execute(
            "SELECT DISTINCT order_id FROM order_lines INDEXED BY order_lines_missing"
            " WHERE sku = ? AND missing > 0 AND order_id > ? ORDER BY order_id LIMIT ?",
            (sku, after_order_id, limit),
        )
        return [row["order_id"] for row in rows]

    def avoid(self, order_id: str, sku: str, warehouse: str) -> None:
        """Do not promise `sku` to the order from `warehouse` until stock comes in there."""
        self._sql.execute(
            "INSERT INTO avoided_stock (order_id, sku, warehouse) VALUES (?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (order_id, sku, warehouse),
        )

    def avoided(self, order_id: str) -> set[tuple[str, str]]:
        """Return (sku, warehouse) that must not serve the order now."""
        rows = self._sql.execute(
            "SELECT sku, warehouse FROM avoided_stock WHERE order_id = ?", (order_id,)
        )
        return {(row["sku"], row["warehouse"]) for row in rows}

    def trust_again(self, sku: str, warehouse: str) -> None:
        """Stock of `sku` came in at `warehouse`: every order may have it from there again."""
        self.trust_many_again(((sku, warehouse),))

    def trust_many_again(self, arrived: Iterable[tuple[str, str]]) -> None:
        """Stock came in of every (SKU, warehouse); mostly there is nothing to forget."""
        if self._sql.execute("SELECT 1 FROM avoided_stock LIMIT 1").fetchone() is not None:
            self._sql.executemany(
                "DELETE FROM avoided_stock WHERE sku = ? AND warehouse = ?", list(arrived)
            )

    def open_pool(self, after_order_id: str, limit: int) -> list[str]:
        """Return ids of orders whose picking has not begun, oldest first."""
        found: list[str] = []
        for status in ("reserved", "released", "backordered"):
            rows = self._sql.execute(
                "SELECT order_id FROM orders WHERE status = ? AND order_id > ?"
                " ORDER BY order_id LIMIT ?",
                (status, after_order_id, limit),
            )
            found += [row["order_id"] for row in rows]
        return sorted(found)[:limit]

    def page(self, filters: dict[str, str], before: str, limit: int) -> list[OrderRow]:
        """Return orders, newest first, older than the order `before` (empty: from the newest)."""
        clause, values = where(filters, FILTERS)
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM orders WHERE {clause}"  # noqa: S608  constant columns
            " AND (? = '' OR order_id < ?) ORDER BY order_id DESC LIMIT ?",
            (*values, before, before, limit),
        )
        return [_row(row) for row in rows]

    def count_by_status(self) -> dict[str, int]:
        """Return how many orders stand where."""
        rows = self._sql.execute("SELECT status, count(*) AS orders FROM orders GROUP BY status")
        return {row["status"]: row["orders"] for row in rows}
