"""Waybill numbers lent to this warehouse: free, on a parcel, void, or given back.

A number is the key of its row, so it is never here twice; whoever takes one does so by a guarded
UPDATE in the transaction that orders the label, so two benches never take the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Number(NamedTuple):
    """One number; `place` is its place among all ever lent here for the courier, 0 for none."""

    number: str
    courier: str
    state: str
    place: int
    parcel_id: str


class Level(NamedTuple):
    """The numbers of one courier here; `waiting` parcels have none yet, `shelf` of them packed."""

    courier: str
    free: int
    used: int
    burnt: int
    low_water: int
    waiting: int
    shelf: int

    @property
    def low(self) -> bool:
        """Say whether a lead should know."""
        return self.free <= self.low_water


def get(sql: sqlite3.Connection, number: str) -> Number | None:
    """Return a number that was lent here or is void here."""
    row = sql.execute(
        "SELECT number, courier, state, place, parcel_id FROM waybill_numbers WHERE number = ?",
        (number,),
    ).fetchone()
    return Number(*row) if row else None


def lease(
    sql: sqlite3.Connection,
    courier: str,
    after: int,
    numbers: Sequence[str],
    *,
    low_water: int,
    at_ms: int,
) -> None:
    """Take numbers over. One that is known already stays as it is, unless it was given back before
    and is lent anew; one that a parcel has is that parcel's."""
    sql.executemany(
        "INSERT INTO waybill_numbers (number, courier, state, place, changed_ms)"
        " VALUES (:number, :courier, 'free', :place, :at_ms) ON CONFLICT (number) DO UPDATE"
        " SET state = 'free', place = excluded.place, changed_ms = excluded.changed_ms"
        " WHERE state = 'returned' AND place < excluded.place",
        [
            {"number": number, "courier": courier, "place": place, "at_ms": at_ms}
            for place, number in enumerate(numbers, after + 1)
        ],
    )
    sql.execute(
        "UPDATE waybill_numbers SET state = 'used', parcel_id ="
        " (SELECT parcel_id FROM parcels WHERE waybill = number)"
        " WHERE courier = ? AND state = 'free' AND place > ?"
        " AND EXISTS (SELECT 1 FROM parcels WHERE waybill = number)",
        (courier, after),
    )
    sql.execute(
        "INSERT INTO waybill_leases (courier, leased, low_water) VALUES (?, ?, ?)"
        " ON CONFLICT (courier) DO UPDATE SET leased = max(leased, excluded.leased),"
        " low_water = CASE WHEN excluded.leased > leased THEN excluded.low_water"
        " ELSE low_water END",
        (courier, after + len(numbers), low_water),
    )


def next_free(sql: sqlite3.Connection, courier: str) -> str | None:
    """Return the free number of a courier that was lent first."""
    row = sql.execute(
        "SELECT number FROM waybill_numbers WHERE courier = ? AND state = 'free'"
        " ORDER BY place LIMIT 1",
        (courier,),
    ).fetchone()
    return None if row is None else str(row[0])


def take(sql: sqlite3.Connection, number: str, parcel_id: str, at_ms: int) -> bool:
    """Give a free number to a parcel; False changes nothing."""
    done = sql.execute(
        "UPDATE waybill_numbers SET state = 'used', parcel_id = ?, changed_ms = ?"
        " WHERE number = ? AND state = 'free'",
        (parcel_id, at_ms, number),
    )
    return done.rowcount == 1


def free_again(sql: sqlite3.Connection, number: str, parcel_id: str, at_ms: int) -> bool:
    """Take a leased number off a parcel; False changes nothing."""
    done = sql.execute(
        "UPDATE waybill_numbers SET state = 'free', parcel_id = '', changed_ms = ?"
        " WHERE number = ? AND state = 'used' AND parcel_id = ? AND place > 0",
        (at_ms, number, parcel_id),
    )
    return done.rowcount == 1


def void(sql: sqlite3.Connection, number: str, *, courier: str, parcel_id: str, at_ms: int) -> None:
    """Make a number void for ever, wherever it came from."""
    sql.execute(
        "INSERT INTO waybill_numbers (number, courier, state, parcel_id, changed_ms)"
        " VALUES (?, ?, 'burnt', ?, ?) ON CONFLICT (number) DO UPDATE SET state = 'burnt',"
        " parcel_id = excluded.parcel_id, changed_ms = excluded.changed_ms",
        (number, courier, parcel_id, at_ms),
    )


def void_free(sql: sqlite3.Connection, at_ms: int) -> dict[str, list[str]]:
    """Make every free number void; return them by courier."""
    rows = sql.execute(
        "SELECT courier, number FROM waybill_numbers WHERE state = 'free' ORDER BY courier, place"
    ).fetchall()
    sql.execute(
        "UPDATE waybill_numbers SET state = 'burnt', changed_ms = ? WHERE state = 'free'", (at_ms,)
    )
    found: dict[str, list[str]] = {}
    for courier, number in rows:
        found.setdefault(courier, []).append(number)
    return found


def give_back(
    sql: sqlite3.Connection, courier: str, *, keep: int, limit: int, at_ms: int
) -> list[str]:
    """Give free numbers up, those lent last first, until `keep` are left; return up to `limit`."""
    rows = sql.execute(
        "SELECT number FROM waybill_numbers WHERE courier = :courier AND state = 'free'"
        " ORDER BY place DESC LIMIT max(0, min(:limit, (SELECT count(*) FROM waybill_numbers"
        " WHERE courier = :courier AND state = 'free') - :keep))",
        {"courier": courier, "keep": keep, "limit": limit},
    ).fetchall()
    back = [str(row[0]) for row in rows]
    set_state(sql, back, "returned", at_ms)
    return back


def set_state(sql: sqlite3.Connection, numbers: Iterable[str], state: str, at_ms: int) -> None:
    """Note that free numbers were given back, or are void."""
    sql.executemany(
        "UPDATE waybill_numbers SET state = ?, changed_ms = ? WHERE number = ? AND state = 'free'",
        [(state, at_ms, number) for number in numbers],
    )


def levels(sql: sqlite3.Connection) -> list[Level]:
    """Return how the numbers of every courier stand that lends some or keeps parcels waiting."""
    rows = sql.execute(
        "WITH counts AS (SELECT courier, sum(state = 'free') AS free, sum(state = 'used') AS used,"
        "  sum(state = 'burnt') AS burnt FROM waybill_numbers GROUP BY courier),"
        " waits AS (SELECT courier, count(*) AS waiting, sum(state = 'packed') AS shelf"
        "  FROM parcels WHERE waybill IS NULL AND state IN"
        "  ('waiting', 'planned', 'picking', 'picked', 'packing', 'packed') GROUP BY courier),"
        " couriers AS (SELECT courier FROM waybill_leases UNION SELECT courier FROM waits)"
        " SELECT courier, coalesce(free, 0), coalesce(used, 0), coalesce(burnt, 0),"
        " coalesce(low_water, -1), coalesce(waiting, 0), coalesce(shelf, 0) FROM couriers"
        " LEFT JOIN counts USING (courier) LEFT JOIN waits USING (courier)"
        " LEFT JOIN waybill_leases USING (courier) ORDER BY courier"
    )
    return [Level(*row) for row in rows]


def free_count(sql: sqlite3.Connection, courier: str) -> tuple[int, int]:
    """Return how many numbers of a courier are free, and how many are few (-1: none are lent)."""
    row = sql.execute(
        "SELECT (SELECT count(*) FROM waybill_numbers WHERE courier = :courier"
        " AND state = 'free'), coalesce((SELECT low_water FROM waybill_leases"
        " WHERE courier = :courier), -1)",
        {"courier": courier},
    ).fetchone()
    return int(row[0]), int(row[1])
