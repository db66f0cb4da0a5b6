"""Waybill numbers on SQLite: one row each, and the row says who has it.

No number is issued twice because a number is the key of its row, a parcel's waybill is unique, and
a place in a warehouse's count of leased numbers is unique as well.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from hub.domain.backoff import still_to_come
from hub.domain.number_rows import LeaseRow, NumberRecord, WaybillRequest
from hub.store.sqlite.filters import marks

ASK_MAX: Final = 500
"""Numbers in one question."""
TOLD_MAX: Final = 20
_FIELDS: Final = ", ".join(NumberRecord.__struct_fields__)
_LEASE: Final = ", ".join(LeaseRow.__struct_fields__)
_WAITING: Final = (
    "p.waybill IS NULL AND p.released_ms IS NOT NULL AND p.joined_to IN ('', p.parcel_id)"
    " AND p.state IN ('released','picking','picked','packed')"
)


class SqliteNumbers:
    """See `hub.store.protocol_numbers.NumberBook`."""

    def __init__(self, sql: sqlite3.Connection, now_ms: int) -> None:
        """Work on the connection of one transaction."""
        self._sql = sql
        self._now_ms = now_ms

    def get(self, numbers: Sequence[str]) -> dict[str, NumberRecord]:
        """Return those of `numbers` that are known."""
        found: dict[str, NumberRecord] = {}
        for part in _parts(numbers):
            rows = self._sql.execute(
                f"SELECT {_FIELDS} FROM waybill_numbers"  # noqa: S608  constant columns
                f" WHERE number IN ({marks(len(part))})",
                part,
            )
            found.update({row["number"]: NumberRecord(**dict(row)) for row in rows})
        return found

    def put(self, records: Iterable[NumberRecord]) -> None:
        """Insert or replace numbers; a new one goes behind all others of its courier."""
        records = list(records)
        last: dict[str, int] = {}
        for courier in {record.courier for record in records if not record.position}:
            row = self._sql.execute(
                "SELECT coalesce(max(position), 0) AS last FROM waybill_numbers WHERE courier = ?",
                (courier,),
            ).fetchone()
            last[courier] = row["last"]
        values = []
        for record in records:
            placed = record
            if not record.position:
                last[record.courier] += 1
                placed = msgspec.structs.replace(record, position=last[record.courier])
            values.append((*msgspec.structs.astuple(placed), self._now_ms))
        self._sql.executemany(
            f"INSERT INTO waybill_numbers ({_FIELDS}, changed_ms)"  # noqa: S608  constant columns
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (number) DO UPDATE SET"
            " courier = excluded.courier, state = excluded.state, position = excluded.position,"
            " warehouse = excluded.warehouse, place = excluded.place,"
            " parcel_id = excluded.parcel_id, changed_ms = excluded.changed_ms",
            values,
        )

    def on_parcels(self, numbers: Sequence[str]) -> frozenset[str]:
        """Return those of `numbers` that are some parcel's waybill."""
        found: set[str] = set()
        for part in _parts(numbers):
            rows = self._sql.execute(
                f"SELECT waybill FROM parcels WHERE waybill IN ({marks(len(part))})",  # noqa: S608
                part,
            )
            found.update(row["waybill"] for row in rows)
        return frozenset(found)

    def free(self, courier: str, limit: int) -> list[str]:
        """Return free numbers of a courier in the order in which they are lent."""
        rows = self._sql.execute(
            "SELECT number FROM waybill_numbers WHERE courier = ? AND state = 'free'"
            " AND warehouse = '' ORDER BY position LIMIT ?",
            (courier, limit),
        )
        return [row["number"] for row in rows]

    def leased(self, warehouse: str) -> list[NumberRecord]:
        """Return the numbers a warehouse was lent and has not used."""
        rows = self._sql.execute(
            f"SELECT {_FIELDS} FROM waybill_numbers"  # noqa: S608  constant columns
            " WHERE state = 'leased' AND warehouse = ? ORDER BY courier, place",
            (warehouse,),
        )
        return [NumberRecord(**dict(row)) for row in rows]

    def counts(self) -> dict[tuple[str, str, str], int]:
        """Return how many numbers there are per (courier, state, warehouse)."""
        rows = self._sql.execute(
            "SELECT courier, state, warehouse, count(*) AS numbers FROM waybill_numbers"
            " GROUP BY courier, state, warehouse"
        )
        return {(row["courier"], row["state"], row["warehouse"]): row["numbers"] for row in rows}

    def used_since(self, since_ms: int) -> dict[tuple[str, str], int]:
        """Return how many leased numbers each (courier, warehouse) has used since then."""
        rows = self._sql.execute(
            "SELECT courier, warehouse, count(*) AS numbers FROM waybill_numbers"
            " WHERE state = 'used' AND changed_ms >= ? AND place > 0 GROUP BY courier, warehouse",
            (since_ms,),
        )
        return {(row["courier"], row["warehouse"]): row["numbers"] for row in rows}

    def waiting(self) -> dict[tuple[str, str], int]:
        """Return how many released parcels per (courier, warehouse) have no number yet."""
        rows = self._sql.execute(
            "SELECT p.courier, p.warehouse, count(*) AS parcels FROM parcels p"  # noqa: S608
            f" WHERE {_WAITING} GROUP BY p.courier, p.warehouse"
        )
        return {(row["courier"], row["warehouse"]): row["parcels"] for row in rows}

    def lease(self, warehouse: str, courier: str) -> LeaseRow:
        """Return what a warehouse was ever lent for a courier; all zero for nothing."""
        row = self._sql.execute(
            f"SELECT {_LEASE} FROM waybill_leases"  # noqa: S608  constant columns
            " WHERE warehouse = ? AND courier = ?",
            (warehouse, courier),
        ).fetchone()
        return LeaseRow(warehouse, courier) if row is None else LeaseRow(**dict(row))

    def leases(self) -> list[LeaseRow]:
        """Return every lease."""
        rows = self._sql.execute(
            f"SELECT {_LEASE} FROM waybill_leases ORDER BY courier, warehouse"  # noqa: S608
        )
        return [LeaseRow(**dict(row)) for row in rows]

    def put_lease(self, lease: LeaseRow) -> None:
        """Insert or replace a lease."""
        self._sql.execute(
            f"INSERT INTO waybill_leases ({_LEASE}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608
            " ON CONFLICT (warehouse, courier) DO UPDATE SET leased = excluded.leased,"
            " level = excluded.level, recall_id = excluded.recall_id, asked_ms = excluded.asked_ms",
            msgspec.structs.astuple(lease),
        )

    def edges(self) -> list[str]:
        """Return the warehouses that have an edge."""
        rows = self._sql.execute(
            "SELECT node FROM nodes WHERE enrolled_ms IS NOT NULL ORDER BY node"
        )
        return [row["node"] for row in rows]

    def due_requests(self, couriers: Sequence[str], limit: int) -> list[WaybillRequest]:
        """Return parcels that wait for a number these couriers issue when asked, and are due."""
        rows = self._sql.execute(
            "SELECT p.parcel_id, coalesce(r.tries, 0) AS tries,"  # noqa: S608  constant condition
            " coalesce(r.due_ms, 0) AS due_ms, coalesce(r.trouble, '') AS trouble,"
            " coalesce(r.given_up, 0) AS given_up FROM parcels p"
            " LEFT JOIN waybill_requests r ON r.parcel_id = p.parcel_id"
            f" WHERE {_WAITING} AND p.courier IN ({marks(len(couriers))})"
            " AND coalesce(r.given_up, 0) = 0 AND coalesce(r.due_ms, 0) NOT BETWEEN ? AND ?"
            " ORDER BY coalesce(r.due_ms, 0), p.parcel_id LIMIT ?",
            (*couriers, *still_to_come(self._now_ms), limit),
        )
        return [WaybillRequest(**{**dict(row), "given_up": False}) for row in rows]

    def request(self, parcel_id: str) -> WaybillRequest:
        """Return how often a parcel's number was asked for; untried when never."""
        row = self._sql.execute(
            "SELECT parcel_id, tries, due_ms, trouble, given_up FROM waybill_requests"
            " WHERE parcel_id = ?",
            (parcel_id,),
        ).fetchone()
        if row is None:
            return WaybillRequest(parcel_id=parcel_id)
        return WaybillRequest(**{**dict(row), "given_up": bool(row["given_up"])})

    def put_request(self, request: WaybillRequest) -> None:
        """Record how often a courier was asked for a parcel's number."""
        self._sql.execute(
            "INSERT INTO waybill_requests (parcel_id, tries, due_ms, trouble, given_up)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (parcel_id) DO UPDATE SET tries = excluded.tries,"
            " due_ms = excluded.due_ms, trouble = excluded.trouble, given_up = excluded.given_up",
            (*msgspec.structs.astuple(request)[:4], int(request.given_up)),
        )

    def drop_request(self, parcel_id: str) -> None:
        """The parcel waits for no number any more."""
        self._sql.execute("DELETE FROM waybill_requests WHERE parcel_id = ?", (parcel_id,))

    def revive_requests(self, courier: str) -> int:
        """Ask again for every parcel that was given up with a courier; return how many."""
        done = self._sql.execute(
            "UPDATE waybill_requests SET given_up = 0, tries = 0, due_ms = 0 WHERE given_up = 1"
            " AND parcel_id IN (SELECT parcel_id FROM parcels WHERE courier = ?)",
            (courier,),
        )
        return done.rowcount

    def troubles(self) -> list[str]:
        """Return a sentence for every number that is not where exactly one owner has it."""
        checks = {
            "is used by a parcel that has another one or none": (
                "SELECT n.number FROM waybill_numbers n LEFT JOIN parcels p"
                " ON p.parcel_id = n.parcel_id WHERE n.state = 'used'"
                " AND (p.waybill IS NULL OR p.waybill <> n.number)"
            ),
            "is on a parcel, but nobody took it for that parcel": (
                "SELECT n.number FROM waybill_numbers n JOIN parcels p ON p.waybill = n.number"
                " WHERE n.state <> 'used' OR n.parcel_id <> p.parcel_id"
            ),
            "was lent beyond what its warehouse was ever lent": (
                "SELECT n.number FROM waybill_numbers n LEFT JOIN waybill_leases l"
                " ON l.warehouse = n.warehouse AND l.courier = n.courier"
                " WHERE n.place > coalesce(l.leased, 0)"
            ),
        }
        return [
            f"Number {row['number']} {what}."
            for what, question in checks.items()
            for row in self._sql.execute(f"{question} ORDER BY n.number LIMIT ?", (TOLD_MAX,))
        ]


def _parts(numbers: Sequence[str]) -> Iterable[Sequence[str]]:
    for start in range(0, len(numbers), ASK_MAX):
        yield numbers[start : start + ASK_MAX]
