"""Parcels that head office assigned to this warehouse, their lines and the units that fill them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from shared.domain.commands import AssignParcel

MAYBE_SENT: Final = "parcel_maybe_sent"
"""Code of the task to find out whether a parcel left in lines that are gone; it waits till then."""


class ParcelRow(msgspec.Struct, frozen=True, kw_only=True):
    """One parcel; `recipient` is JSON and personal: never logged, masked on screens.

    `waybill` is empty while it waits for its number. A packed parcel with a `tote` stands in it on
    the waiting shelf.
    """

    parcel_id: str
    command_id: str
    order_id: str
    channel: str
    shop: str
    order_no: str
    courier: str
    cut_off_ms: int
    waybill: str
    sort_code: str
    recipient: str
    buyer_remark: str
    state: str
    wave: str | None
    tote: str | None
    bench: str | None
    weight_grams: int | None
    manifest: str | None
    cancel_command_id: str | None
    assigned_ms: int
    packed_ms: int | None
    shipped_ms: int | None
    changed_ms: int


class ParcelLineRow(NamedTuple):
    """One line of a parcel: wanted, picked, packed and short units."""

    parcel_id: str
    line_no: int
    sku: str
    quantity: int
    picked: int
    packed: int
    short: int


class ParcelSerialRow(NamedTuple):
    """One serial number that fills a parcel line."""

    line_no: int
    serial: str
    packed: int


def _parcel(row: sqlite3.Row) -> ParcelRow:
    return ParcelRow(**{**dict(row), "waybill": row["waybill"] or ""})


def get(sql: sqlite3.Connection, parcel_id: str) -> ParcelRow | None:
    """Return the parcel, or None."""
    row = sql.execute("SELECT * FROM parcels WHERE parcel_id = ?", (parcel_id,)).fetchone()
    return _parcel(row) if row else None


def by_waybill(sql: sqlite3.Connection, waybill: str) -> ParcelRow | None:
    """Return the parcel with this waybill number, or None."""
    row = sql.execute("SELECT * FROM parcels WHERE waybill = ?", (waybill,)).fetchone()
    return _parcel(row) if row else None


def by_tote(sql: sqlite3.Connection, tote: str) -> ParcelRow | None:
    """Return the parcel whose units stand in `tote` now, or None when the tote is free."""
    row = sql.execute(
        "SELECT * FROM parcels WHERE tote = ? "
        "AND state IN ('picking', 'picked', 'packing', 'packed')",
        (tote,),
    ).fetchone()
    return _parcel(row) if row else None


def lines(sql: sqlite3.Connection, parcel_id: str) -> list[ParcelLineRow]:
    """Return the parcel's lines in line order."""
    rows = sql.execute(
        "SELECT parcel_id, line_no, sku, quantity, picked, packed, short FROM parcel_lines "
        "WHERE parcel_id = ? ORDER BY line_no",
        (parcel_id,),
    )
    return [ParcelLineRow(*row) for row in rows]


def serials_of(sql: sqlite3.Connection, parcel_id: str) -> list[ParcelSerialRow]:
    """Return the serial numbers in the parcel, by line and number."""
    rows = sql.execute(
        "SELECT line_no, serial, packed FROM parcel_serials WHERE parcel_id = ? "
        "ORDER BY line_no, serial",
        (parcel_id,),
    )
    return [ParcelSerialRow(*row) for row in rows]


def insert(sql: sqlite3.Connection, command: AssignParcel, *, command_id: str, at_ms: int) -> None:
    """Store a parcel that waits to be planned."""
    sql.execute(
        "INSERT INTO parcels (parcel_id, command_id, order_id, channel, shop, order_no, courier, "
        "cut_off_ms, waybill, sort_code, recipient, buyer_remark, state, assigned_ms, changed_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?)",
        (
            command.parcel_id,
            command_id,
            command.order_id,
            command.channel,
            command.shop,
            command.order_no,
            command.courier,
            command.cut_off_ms,
            command.waybill or None,
            command.sort_code,
            msgspec.json.encode(command.recipient).decode(),
            command.buyer_remark,
            at_ms,
            at_ms,
        ),
    )
    sql.executemany(
        "INSERT INTO parcel_lines (parcel_id, line_no, sku, quantity) VALUES (?, ?, ?, ?)",
        [(command.parcel_id, line.line_no, line.sku, line.quantity) for line in command.lines],
    )


def set_state(
    sql: sqlite3.Connection, parcel: ParcelRow, state: str, at_ms: int, **changes: Any
) -> ParcelRow:
    """Store a new state and any of wave, tote, bench, weight_grams, manifest,
    cancel_command_id, packed_ms, shipped_ms; return the parcel as it is now."""
    after = msgspec.structs.replace(parcel, state=state, changed_ms=at_ms, **changes)
    sql.execute(
        "UPDATE parcels SET state = :state, wave = :wave, tote = :tote, bench = :bench, "
        "weight_grams = :weight_grams, manifest = :manifest, "
        "cancel_command_id = :cancel_command_id, packed_ms = :packed_ms, "
        "shipped_ms = :shipped_ms, changed_ms = :changed_ms WHERE parcel_id = :parcel_id",
        msgspec.structs.asdict(after),
    )
    return after


def set_waybill(
    sql: sqlite3.Connection,
    parcel_id: str,
    waybill: str,
    *,
    courier: str,
    sort_code: str,
    at_ms: int,
) -> None:
    """Give a parcel its number and the courier it is for."""
    sql.execute(
        "UPDATE parcels SET waybill = ?, courier = ?, sort_code = ?, changed_ms = ? "
        "WHERE parcel_id = ?",
        (waybill, courier, sort_code, at_ms, parcel_id),
    )


def drop_waybill(sql: sqlite3.Connection, parcel_id: str) -> None:
    """Take the number off a parcel that will not leave."""
    sql.execute("UPDATE parcels SET waybill = NULL WHERE parcel_id = ?", (parcel_id,))


def keep_tote(sql: sqlite3.Connection, parcel_id: str, tote: str | None) -> None:
    """Let a closed box stand in its tote, or free the tote (None)."""
    sql.execute("UPDATE parcels SET tote = ? WHERE parcel_id = ?", (tote, parcel_id))


def on_shelf(sql: sqlite3.Connection, courier: str, *, limit: int) -> list[ParcelRow]:
    """Return closed boxes without a number on the waiting shelf, longest waiting first."""
    rows = sql.execute(
        "SELECT * FROM parcels WHERE state = 'packed' AND tote IS NOT NULL AND waybill IS NULL "
        "AND courier = ? AND cancel_command_id IS NULL ORDER BY packed_ms, parcel_id LIMIT ?",
        (courier, limit),
    )
    return [_parcel(row) for row in rows]


def ready_on_shelf(sql: sqlite3.Connection) -> str | None:
    """Return the tote of the box on the waiting shelf that could have its label for longest."""
    row = sql.execute(
        "SELECT tote FROM parcels p WHERE state = 'packed' AND tote IS NOT NULL "
        "AND cancel_command_id IS NULL AND (waybill IS NOT NULL OR EXISTS (SELECT 1 "
        "FROM waybill_numbers n WHERE n.courier = p.courier AND n.state = 'free')) "
        "ORDER BY packed_ms, parcel_id LIMIT 1"
    ).fetchone()
    return None if row is None else str(row[0])


def add_picked(
    sql: sqlite3.Connection, parcel_id: str, line_no: int, quantity: int, serial: str | None
) -> None:
    """Count units into a line; a negative quantity takes them out again."""
    sql.execute(
        "UPDATE parcel_lines SET picked = picked + ? WHERE parcel_id = ? AND line_no = ?",
        (quantity, parcel_id, line_no),
    )
    if serial is not None and quantity > 0:
        sql.execute(
            "INSERT INTO parcel_serials (parcel_id, line_no, serial) VALUES (?, ?, ?)",
            (parcel_id, line_no, serial),
        )
    elif serial is not None:
        sql.execute(
            "DELETE FROM parcel_serials WHERE parcel_id = ? AND line_no = ? AND serial = ?",
            (parcel_id, line_no, serial),
        )


def add_short(sql: sqlite3.Connection, parcel_id: str, line_no: int, quantity: int) -> None:
    """Count units of a line that this warehouse cannot deliver."""
    sql.execute(
        "UPDATE parcel_lines SET short = short + ? WHERE parcel_id = ? AND line_no = ?",
        (quantity, parcel_id, line_no),
    )


def mark_planned(sql: sqlite3.Connection, parcel_ids: Sequence[str], wave: str, at_ms: int) -> None:
    """Put waiting parcels into a wave."""
    sql.executemany(
        "UPDATE parcels SET state = 'planned', wave = ?, changed_ms = ? WHERE parcel_id = ?",
        [(wave, at_ms, parcel_id) for parcel_id in parcel_ids],
    )


def plan_again(sql: sqlite3.Connection, at_ms: int) -> None:
    """Let parcels wait again of which no unit was picked and that are on no list to pick."""
    sql.execute(
        "UPDATE parcels SET state = 'waiting', wave = NULL, tote = NULL, changed_ms = ? "
        "WHERE state IN ('planned', 'picking') AND NOT EXISTS (SELECT 1 FROM pick_lines l "
        "WHERE l.parcel_id = parcels.parcel_id AND l.picked + l.short < l.quantity) "
        "AND NOT EXISTS (SELECT 1 FROM parcel_lines l "
        "WHERE l.parcel_id = parcels.parcel_id AND l.picked > 0)",
        (at_ms,),
    )


def unpicked(sql: sqlite3.Connection, down_target: int) -> list[ParcelRow]:
    """Return open parcels without a picked unit that came with command `down_target` or before."""
    rows = sql.execute(
        "SELECT * FROM parcels p WHERE state IN ('waiting', 'planned', 'picking') "
        "AND NOT EXISTS (SELECT 1 FROM parcel_lines l "
        "WHERE l.parcel_id = p.parcel_id AND l.picked > 0) "
        "AND coalesce((SELECT min(c.seq) FROM commands_received c "
        "WHERE c.command_id = p.command_id), 0) <= ? ORDER BY parcel_id",
        (down_target,),
    )
    return [_parcel(row) for row in rows]


def in_work(sql: sqlite3.Connection) -> list[ParcelRow]:
    """Return the parcels whose units are off the shelf and not with a courier, in id order."""
    rows = sql.execute(
        "SELECT * FROM parcels WHERE state IN ('picking', 'picked', 'packing', 'packed') "
        "ORDER BY parcel_id"
    )
    return [_parcel(row) for row in rows]


def totes_in_use(sql: sqlite3.Connection, cart: str) -> bool:
    """Return True when a parcel stands in a tote of `cart`."""
    row = sql.execute(
        "SELECT EXISTS (SELECT 1 FROM parcels WHERE tote >= :cart || '-' AND tote < :cart || '.' "
        "AND state IN ('picking', 'picked', 'packing', 'packed'))",
        {"cart": cart},
    ).fetchone()
    return bool(row[0])


def count_states(sql: sqlite3.Connection) -> dict[str, int]:
    """Return the number of parcels per state."""
    rows = sql.execute("SELECT state, COUNT(*) FROM parcels GROUP BY state")
    return {str(state): int(count) for state, count in rows}


class ParcelSummary(NamedTuple):
    """A parcel as lists show it, without personal data."""

    parcel_id: str
    order_no: str
    channel: str
    shop: str
    courier: str
    cut_off_ms: int
    waybill: str
    state: str
    wave: str | None
    tote: str | None
    bench: str | None
    manifest: str | None
    cancel_requested: int
    units: int
    units_picked: int
    units_short: int
    changed_ms: int


def summaries(
    sql: sqlite3.Connection, *, state: str = "", text: str = "", after: str = "", limit: int = 100
) -> list[ParcelSummary]:
    """Return parcels in id order behind `after`; `text` finds an order, waybill, tote or id."""
    rows = sql.execute(
        "SELECT p.parcel_id, p.order_no, p.channel, p.shop, p.courier, p.cut_off_ms, "
        "COALESCE(p.waybill, ''), p.state, p.wave, p.tote, p.bench, p.manifest, "
        "p.cancel_command_id IS NOT NULL, "
        "SUM(l.quantity), SUM(l.picked), SUM(l.short), p.changed_ms "
        "FROM parcels p JOIN parcel_lines l USING (parcel_id) "
        "WHERE p.parcel_id > :after AND (:state = '' OR p.state = :state) "
        "AND (:text = '' OR p.order_no = :text OR p.waybill = :text OR p.tote = :text "
        "OR p.parcel_id = :text OR p.wave = :text) "
        "GROUP BY p.parcel_id ORDER BY p.parcel_id LIMIT :limit",
        {"state": state, "text": text, "after": after, "limit": limit},
    )
    return [ParcelSummary(*row) for row in rows]
