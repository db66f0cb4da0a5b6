"""Parcels on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from hub.domain.rows import ParcelLineRow, ParcelRow
from hub.store.sqlite.changes import updates
from hub.store.sqlite.filters import marks, where

FILTERS: Final = ("state", "warehouse", "courier", "waybill", "order_id")
_FIELDS: Final = ParcelRow.__struct_fields__
_COLUMNS: Final = ", ".join(_FIELDS)
_EXPLANATION: Final = _FIELDS.index("explanation")
_CHANGING: Final = tuple(field for field in _FIELDS if field not in {"parcel_id", "order_id"})
_LINE_FIELDS: Final = ParcelLineRow.__struct_fields__
_UPDATES: Final = ", ".join(f"{field} = excluded.{field}" for field in _CHANGING)


def _row(row: sqlite3.Row) -> ParcelRow:
    values = dict(zip(_FIELDS, row, strict=True))
    values["explanation"] = msgspec.Raw(values["explanation"].encode())
    return ParcelRow(**values)


def _stored(field: str, value: Any) -> Any:
    return bytes(value).decode() if field == "explanation" else value


def _values(parcel: ParcelRow) -> list[object]:
    values = list(msgspec.structs.astuple(parcel))
    values[_EXPLANATION] = bytes(parcel.explanation).decode()
    return values


class SqliteParcels:
    """See `hub.store.protocol_trade.ParcelBook`."""

    def __init__(self, sql: sqlite3.Connection) -> None:
        """Work on the connection of one transaction."""
        self._sql = sql

    def get(self, parcel_id: str) -> ParcelRow | None:
        """Return one parcel."""
        row = self._sql.execute(
            f"SELECT {_COLUMNS} FROM parcels WHERE parcel_id = ?",  # noqa: S608  constant columns
            (parcel_id,),
        ).fetchone()
        return None if row is None else _row(row)

    def put(self, parcel: ParcelRow) -> None:
        """Insert or replace one parcel."""
        self.put_many((parcel,))

    def put_many(self, parcels: Iterable[ParcelRow]) -> None:
        """Insert or replace parcels, one statement for all."""
        self._sql.executemany(
            f"INSERT INTO parcels ({_COLUMNS}) VALUES"  # noqa: S608  constant columns
            f" ({','.join('?' * len(_FIELDS))}) ON CONFLICT (parcel_id) DO UPDATE SET {_UPDATES}",
            [_values(parcel) for parcel in parcels],
        )

    def change_many(self, pairs: Iterable[tuple[ParcelRow, ParcelRow]]) -> None:
        """Write what differs between parcels as they were read and as they are now."""
        for statement, rows in updates("parcels", "parcel_id", _CHANGING, pairs, _stored):
            self._sql.executemany(statement, rows)

    def with_siblings(self, parcel_ids: Sequence[str]) -> list[ParcelRow]:
        """Return these parcels and all others of their orders, oldest first."""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM parcels"  # noqa: S608  constant columns
            " WHERE order_id IN (SELECT order_id FROM parcels"
            f" WHERE parcel_id IN ({marks(len(parcel_ids))})) ORDER BY parcel_id",
            parcel_ids,
        )
        return [_row(row) for row in rows]

    def lines_of(self, parcel_ids: Sequence[str]) -> dict[str, list[ParcelLineRow]]:
        """Return the lines of each of these parcels by number."""
        found: dict[str, list[ParcelLineRow]] = {parcel_id: [] for parcel_id in parcel_ids}
        rows = self._sql.execute(
            "SELECT parcel_id, line_no, sku, quantity, picked, shorted, shipped,"  # noqa: S608
            f" returned FROM parcel_lines WHERE parcel_id IN ({marks(len(parcel_ids))})"
            " ORDER BY parcel_id, line_no",
            parcel_ids,
        )
        for parcel_id, *values in rows:
            found[parcel_id].append(ParcelLineRow(**dict(zip(_LINE_FIELDS, values, strict=True))))
        return found

    def of_order(self, order_id: str) -> list[ParcelRow]:
        """Return the parcels of an order, oldest first."""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM parcels"  # noqa: S608  constant columns
            " WHERE order_id = ? ORDER BY parcel_id",
            (order_id,),
        )
        return [_row(row) for row in rows]

    def lines(self, parcel_id: str) -> list[ParcelLineRow]:
        """Return the lines of a parcel by number."""
        rows = self._sql.execute(
            "SELECT line_no, sku, quantity, picked, shorted, shipped, returned FROM parcel_lines"
            " WHERE parcel_id = ? ORDER BY line_no",
            (parcel_id,),
        )
        return [ParcelLineRow(**dict(row)) for row in rows]

    def put_lines(self, parcel_id: str, lines: Iterable[ParcelLineRow]) -> None:
        """Insert or replace lines of a parcel."""
        self.put_lines_of((parcel_id, line) for line in lines)

    def put_lines_of(self, lines: Iterable[tuple[str, ParcelLineRow]]) -> None:
        """Insert or replace lines, each with its parcel's id."""
        self._sql.executemany(
            "INSERT INTO parcel_lines (parcel_id, line_no, sku, quantity, picked, shorted,"
            " shipped, returned) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (parcel_id, line_no) DO UPDATE"
            " SET picked = excluded.picked, shorted = excluded.shorted,"
            " shipped = excluded.shipped, returned = excluded.returned",
            [(parcel_id, *msgspec.structs.astuple(line)) for parcel_id, line in lines],
        )

    def releasable(self, now_ms: int, limit: int) -> list[ParcelRow]:
        """Return reserved parcels that may go: their warehouse is enrolled and was heard."""
        columns = ", ".join(f"p.{field}" for field in _FIELDS)
        rows = self._sql.execute(
            f"SELECT {columns} FROM nodes n CROSS JOIN parcels p"  # noqa: S608  constant columns
            " INDEXED BY parcels_to_release WHERE p.warehouse = n.node AND p.state = 'reserved'"
            " AND n.enrolled_ms IS NOT NULL AND NOT EXISTS (SELECT 1 FROM recovering w"
            " WHERE w.node = n.node OR w.node = '*')"
            " AND NOT EXISTS (SELECT 1 FROM doubtful_parcels d WHERE d.parcel_id = p.parcel_id)"
            # A clock that went back since must not keep a parcel for as long as it had been ahead.
            " AND (p.release_after_ms <= ? OR p.created_ms > ?)"
            " ORDER BY n.node, p.parcel_id LIMIT ?",
            (now_ms, now_ms, limit),
        )
        return [_row(row) for row in rows]

    def to_same_door(self, order_id: str, limit: int) -> list[ParcelRow]:
        """Return reserved parcels of any warehouse to the order's buyer and door, oldest first."""
        columns = ", ".join(f"p.{field}" for field in _FIELDS)
        rows = self._sql.execute(
            f"SELECT {columns} FROM order_keys mine"  # noqa: S608  constant columns
            " JOIN order_keys k ON k.buyer = mine.buyer AND k.door = mine.door"
            " JOIN parcels p ON p.order_id = k.order_id"
            " WHERE mine.order_id = ? AND mine.buyer <> '' AND k.buyer <> '' AND mine.door <> ''"
            " AND p.state = 'reserved'"
            " AND NOT EXISTS (SELECT 1 FROM doubtful_parcels d WHERE d.parcel_id = p.parcel_id)"
            " ORDER BY p.parcel_id LIMIT ?",
            (order_id, limit),
        )
        return [_row(row) for row in rows]

    def in_box(self, joined_to: str) -> list[ParcelRow]:
        """Return the parcels in one box: the one whose waybill is on it first, then by age."""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM parcels"  # noqa: S608  constant columns
            " WHERE joined_to = ? AND joined_to <> '' ORDER BY parcel_id",
            (joined_to,),
        )
        return sorted((_row(row) for row in rows), key=lambda one: one.parcel_id != joined_to)

    def page(self, filters: dict[str, str], before: str, limit: int) -> list[ParcelRow]:
        """Return parcels, newest first, older than `before` (empty: from the newest)."""
        clause, values = where(filters, FILTERS)
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM parcels WHERE {clause}"  # noqa: S608  constant columns
            " AND (? = '' OR parcel_id < ?) ORDER BY parcel_id DESC LIMIT ?",
            (*values, before, before, limit),
        )
        return [_row(row) for row in rows]

    def count_by_state(self) -> dict[str, int]:
        """Return how many parcels stand where."""
        rows = self._sql.execute("SELECT state, count(*) AS parcels FROM parcels GROUP BY state")
        return {row["state"]: row["parcels"] for row in rows}

    def open_by_warehouse(self) -> dict[str, int]:
        """Return how many parcels each floor has, or will have, to work off."""
        rows = self._sql.execute(
            "SELECT warehouse, count(*) AS parcels FROM parcels"
            " WHERE state IN ('reserved', 'released', 'picking', 'picked') GROUP BY warehouse"
        )
        return {row["warehouse"]: row["parcels"] for row in rows}

    def totals(self) -> dict[str, int]:
        """Return units shipped, units short, and labels printed over all parcels."""
        row = self._sql.execute(
            "SELECT coalesce(sum(shipped), 0) AS units_shipped,"
            " coalesce(sum(shorted), 0) AS units_short FROM parcel_lines"
        ).fetchone()
        labels = self._sql.execute(
            "SELECT coalesce(sum(labels), 0) AS labels_printed FROM parcels"
        ).fetchone()
        return dict(row) | dict(labels)

    def next_number(self, counter: str) -> int:
        """Return the next number of a counter; no number is given twice."""
        row = self._sql.execute(
            "INSERT INTO counters (counter, value) VALUES (?, 1 + coalesce("
            "  (SELECT value FROM counters WHERE counter = '*'), 0))"
            " ON CONFLICT (counter) DO UPDATE SET value = counters.value + 1 RETURNING value",
            (counter,),
        ).fetchone()
        return int(row["value"])

    def number_given(self, counter: str, number: int) -> None:
        """Take note of a number that an earlier life of the hub has given."""
        self._sql.execute(
            "INSERT INTO counters (counter, value) VALUES (?, ?) ON CONFLICT (counter)"
            " DO UPDATE SET value = max(counters.value, excluded.value)",
            (counter, number),
        )

    def reserved_with(self, sku: str, warehouse: str) -> list[ParcelRow]:
        """Return parcels of a warehouse that no floor has and that want `sku`, newest first."""
        columns = ", ".join(f"p.{field}" for field in _FIELDS)
        rows = self._sql.execute(
            f"SELECT {columns} FROM parcels p JOIN parcel_lines l"  # noqa: S608  constant columns
            " ON l.parcel_id = p.parcel_id WHERE p.warehouse = ? AND p.state = 'reserved'"
            " AND l.sku = ? ORDER BY p.parcel_id DESC",
            (warehouse, sku),
        )
        return [_row(row) for row in rows]
