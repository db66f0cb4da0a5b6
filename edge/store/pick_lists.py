"""Pick lists and their lines: where a cart goes and what goes into which tote."""

from __future__ import annotations

import sqlite3
from typing import Any, Final, NamedTuple

import msgspec

from edge.domain.picking import Stop

LISTS_MAX: Final = 500


class PickListRow(msgspec.Struct, frozen=True, kw_only=True):
    """One pick list. `state` is open, picking (a handheld has it) or done."""

    pick_list: str
    wave: str
    state: str
    cart: str | None
    station: str | None
    badge: str | None
    walk_mm: int
    started_ms: int | None
    done_ms: int | None


class PickLineRow(NamedTuple):
    """Take `quantity` of `sku` at a stop for one parcel line into tote slot `slot`."""

    pick_list: str
    stop_no: int
    bin: str
    sku: str
    parcel_id: str
    line_no: int
    slot: int
    quantity: int
    picked: int
    short: int

    @property
    def left(self) -> int:
        """Units still to pick here."""
        return self.quantity - self.picked - self.short


_LINE = "pick_list, stop_no, bin, sku, parcel_id, line_no, slot, quantity, picked, short"


def insert(sql: sqlite3.Connection, row: PickListRow, lines: list[PickLineRow]) -> None:
    """Store a new pick list with its lines."""
    sql.execute(
        "INSERT INTO pick_lists VALUES (:pick_list, :wave, :state, :cart, :station, :badge, "
        ":walk_mm, :started_ms, :done_ms)",
        msgspec.structs.asdict(row),
    )
    sql.executemany("INSERT INTO pick_lines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", lines)


def get(sql: sqlite3.Connection, pick_list: str) -> PickListRow | None:
    """Return the pick list, or None."""
    row = sql.execute("SELECT * FROM pick_lists WHERE pick_list = ?", (pick_list,)).fetchone()
    return PickListRow(**dict(row)) if row else None


def update(sql: sqlite3.Connection, row: PickListRow, **changes: Any) -> PickListRow:
    """Store any of state, cart, station, badge, started_ms, done_ms; return the list as it is."""
    after = msgspec.structs.replace(row, **changes)
    sql.execute(
        "UPDATE pick_lists SET state = :state, cart = :cart, station = :station, badge = :badge, "
        "started_ms = :started_ms, done_ms = :done_ms WHERE pick_list = :pick_list",
        msgspec.structs.asdict(after),
    )
    return after


def lines(sql: sqlite3.Connection, pick_list: str) -> list[PickLineRow]:
    """Return the lines in walking order, slots in order at each stop."""
    rows = sql.execute(
        f"SELECT {_LINE} FROM pick_lines WHERE pick_list = ? "  # noqa: S608  a constant
        "ORDER BY stop_no, slot, line_no",
        (pick_list,),
    )
    return [PickLineRow(*row) for row in rows]


def current_stop(sql: sqlite3.Connection, pick_list: str) -> Stop | None:
    """Return the first stop with units left and the tote that gets the next one, None at the end.

    `Stop.left` counts all units left at the stop, for every tote.
    """
    row = sql.execute(
        "SELECT stop_no, bin, sku, parcel_id, line_no, slot, "
        "(SELECT SUM(s.quantity - s.picked - s.short) FROM pick_lines s "
        " WHERE s.pick_list = l.pick_list AND s.stop_no = l.stop_no) "
        "FROM pick_lines l WHERE pick_list = ? AND picked + short < quantity "
        "ORDER BY stop_no, slot, line_no LIMIT 1",
        (pick_list,),
    ).fetchone()
    return Stop(*row) if row else None


def open_lines_at(sql: sqlite3.Connection, pick_list: str, stop_no: int) -> list[PickLineRow]:
    """Return the lines of one stop with units left, in slot order."""
    rows = sql.execute(
        f"SELECT {_LINE} FROM pick_lines WHERE pick_list = ? AND stop_no = ? "  # noqa: S608
        "AND picked + short < quantity ORDER BY slot, line_no",
        (pick_list, stop_no),
    )
    return [PickLineRow(*row) for row in rows]


def add_picked(sql: sqlite3.Connection, pick_list: str, stop: Stop, quantity: int) -> None:
    """Count units picked at a stop for the stop's parcel line."""
    sql.execute(
        "UPDATE pick_lines SET picked = picked + ? "
        "WHERE pick_list = ? AND stop_no = ? AND parcel_id = ? AND line_no = ?",
        (quantity, pick_list, stop.stop_no, stop.parcel_id, stop.line_no),
    )


def add_short(sql: sqlite3.Connection, line: PickLineRow, quantity: int) -> None:
    """Count units that were not in the bin."""
    sql.execute(
        "UPDATE pick_lines SET short = short + ? "
        "WHERE pick_list = ? AND stop_no = ? AND parcel_id = ? AND line_no = ?",
        (quantity, line.pick_list, line.stop_no, line.parcel_id, line.line_no),
    )


def add_stop_line(sql: sqlite3.Connection, line: PickLineRow, bin_code: str, quantity: int) -> None:
    """Send the picker to another bin for `quantity` units of `line`, as the last stop of the walk.

    A stop at that bin for the same SKU that is still to come is used; else a new one is added.
    """
    row = sql.execute(
        "SELECT MAX(stop_no), MAX(CASE WHEN bin = :bin AND sku = :sku "
        "AND picked + short < quantity THEN stop_no END) "
        "FROM pick_lines WHERE pick_list = :pick_list AND stop_no > :now",
        {"bin": bin_code, "sku": line.sku, "pick_list": line.pick_list, "now": line.stop_no},
    ).fetchone()
    stop_no = row[1] or max(row[0] or 0, line.stop_no) + 1
    sql.execute(
        "INSERT INTO pick_lines VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0) "
        "ON CONFLICT (pick_list, stop_no, parcel_id, line_no) "
        "DO UPDATE SET quantity = quantity + excluded.quantity",
        (
            line.pick_list,
            stop_no,
            bin_code,
            line.sku,
            line.parcel_id,
            line.line_no,
            line.slot,
            quantity,
        ),
    )


def free_lines(sql: sqlite3.Connection, parcel_id: str) -> list[str]:
    """Drop what is still to pick for a parcel; return the pick lists it was on, not yet done."""
    lists = [
        str(row[0])
        for row in sql.execute(
            "SELECT DISTINCT pick_list FROM pick_lines JOIN pick_lists USING (pick_list) "
            "WHERE parcel_id = ? AND state <> 'done'",
            (parcel_id,),
        )
    ]
    sql.execute("DELETE FROM pick_lines WHERE parcel_id = ? AND picked + short = 0", (parcel_id,))
    sql.execute("UPDATE pick_lines SET quantity = picked + short WHERE parcel_id = ?", (parcel_id,))
    return lists


def parcel_has_open_lines(sql: sqlite3.Connection, parcel_id: str) -> bool:
    """Return True while units of the parcel are still to be picked."""
    row = sql.execute(
        "SELECT EXISTS (SELECT 1 FROM pick_lines WHERE parcel_id = ? "
        "AND picked + short < quantity)",
        (parcel_id,),
    ).fetchone()
    return bool(row[0])


def parcels_of(sql: sqlite3.Connection, pick_list: str) -> list[tuple[str, int]]:
    """Return (parcel_id, slot) of the parcels on a list, in slot order."""
    rows = sql.execute(
        "SELECT DISTINCT parcel_id, slot FROM pick_lines WHERE pick_list = ? ORDER BY slot",
        (pick_list,),
    )
    return [(str(row[0]), int(row[1])) for row in rows]


def anything_picked(sql: sqlite3.Connection, pick_list: str) -> bool:
    """Return True when a unit of the list was picked or reported short."""
    row = sql.execute(
        "SELECT EXISTS (SELECT 1 FROM pick_lines WHERE pick_list = ? AND picked + short > 0)",
        (pick_list,),
    ).fetchone()
    return bool(row[0])


def next_open(sql: sqlite3.Connection) -> PickListRow | None:
    """Return the open list whose courier leaves first."""
    row = sql.execute(
        "SELECT p.* FROM pick_lists p JOIN waves w USING (wave) WHERE p.state = 'open' "
        "ORDER BY w.cut_off_ms, p.pick_list LIMIT 1"
    ).fetchone()
    return PickListRow(**dict(row)) if row else None


def cart_taken(sql: sqlite3.Connection, cart: str) -> bool:
    """Return True when a list in work uses `cart`."""
    row = sql.execute(
        "SELECT EXISTS (SELECT 1 FROM pick_lists WHERE state = 'picking' AND cart = ?)", (cart,)
    ).fetchone()
    return bool(row[0])


def skus_ahead(sql: sqlite3.Connection, pick_list: str, sku: str) -> str | None:
    """Return the bin of a later stop of the list that wants `sku`, or None."""
    row = sql.execute(
        "SELECT bin FROM pick_lines WHERE pick_list = ? AND sku = ? AND picked + short < quantity "
        "ORDER BY stop_no LIMIT 1",
        (pick_list, sku),
    ).fetchone()
    return str(row[0]) if row else None


class ListSummary(NamedTuple):
    """A pick list as people choose it."""

    pick_list: str
    wave: str
    state: str
    cart: str | None
    station: str | None
    badge: str | None
    courier: str
    cut_off_ms: int
    walk_mm: int
    orders: int
    units: int
    units_picked: int
    units_short: int
    bins: int
    started_ms: int | None
    done_ms: int | None


def summaries(
    sql: sqlite3.Connection, *, state: str = "", pick_list: str = "", limit: int = LISTS_MAX
) -> list[ListSummary]:
    """Return pick lists in the order their couriers leave."""
    rows = sql.execute(
        "SELECT p.pick_list, p.wave, p.state, p.cart, p.station, p.badge, w.courier, "
        "w.cut_off_ms, p.walk_mm, COUNT(DISTINCT l.parcel_id), COALESCE(SUM(l.quantity), 0), "
        "COALESCE(SUM(l.picked), 0), COALESCE(SUM(l.short), 0), COUNT(DISTINCT l.bin), "
        "p.started_ms, p.done_ms "
        "FROM pick_lists p JOIN waves w USING (wave) LEFT JOIN pick_lines l USING (pick_list) "
        "WHERE (:state = '' OR p.state = :state) "
        "AND (:pick_list = '' OR p.pick_list = :pick_list) "
        "GROUP BY p.pick_list ORDER BY w.cut_off_ms, p.pick_list LIMIT :limit",
        {"state": state, "pick_list": pick_list, "limit": limit},
    )
    return [ListSummary(*row) for row in rows]
