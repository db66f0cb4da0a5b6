"""One thing at a time for the lead: a parcel, a SKU, a bin, a serial number, and how to find it.

Read only, by index, with limits; longer lists are paged by the last row shown, because an offset
into a live table skips and repeats.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

PAGE: Final = 50
SERIALS_SHOWN: Final = 200
HISTORY_MAX: Final = 500

STATES: Final = (
    "waiting", "planned", "picking", "picked", "packing", "packed", "shipped", "short", "cancelled",
)  # fmt: skip


class ParcelHead(NamedTuple):
    """A parcel in a list; `refund` is 1 when head office asked to cancel it."""

    row: int
    parcel_id: str
    channel: str
    order_no: str
    courier: str
    cut_off_ms: int
    waybill: str
    state: str
    wave: str | None
    tote: str | None
    units: int
    changed_ms: int
    refund: int


_HEAD: Final = (
    "p.rowid, p.parcel_id, p.channel, p.order_no, p.courier, p.cut_off_ms, "
    "COALESCE(p.waybill, ''), p.state, p.wave, p.tote, "
    "(SELECT COALESCE(SUM(quantity), 0) FROM parcel_lines l "
    "WHERE l.parcel_id = p.parcel_id), p.changed_ms, p.cancel_command_id IS NOT NULL"
)


def parcels(
    sql: sqlite3.Connection,
    *,
    state: str = "",
    courier: str = "",
    after: tuple[int, int] = (-1, -1),
    limit: int = PAGE,
) -> list[ParcelHead]:
    """Return parcels of one state (all when empty) by cut-off; `after` is (cut_off_ms, row)."""
    where = "p.state = :state AND" if state else ""
    rows = sql.execute(
        f"SELECT {_HEAD} FROM parcels p WHERE {where} (:courier = '' OR p.courier = :courier) "  # noqa: S608
        "AND p.cut_off_ms >= :cut_off AND (p.cut_off_ms > :cut_off OR p.rowid > :row) "
        "ORDER BY p.cut_off_ms, p.rowid LIMIT :limit",
        {"state": state, "courier": courier, "cut_off": after[0], "row": after[1], "limit": limit},
    )
    return [ParcelHead(*row) for row in rows]


def parcels_of_wave(sql: sqlite3.Connection, wave: str, limit: int = PAGE * 4) -> list[ParcelHead]:
    """Return the parcels of a wave, by tote."""
    rows = sql.execute(
        f"SELECT {_HEAD} FROM parcels p WHERE p.wave = ? ORDER BY p.tote, p.parcel_id LIMIT ?",  # noqa: S608
        (wave, limit),
    )
    return [ParcelHead(*row) for row in rows]


def parcels_of_order(sql: sqlite3.Connection, order_no: str) -> list[ParcelHead]:
    """Return the parcels of an order of a channel."""
    rows = sql.execute(
        f"SELECT {_HEAD} FROM parcels p WHERE p.order_no = ? ORDER BY p.parcel_id LIMIT ?",  # noqa: S608
        (order_no, PAGE),
    )
    return [ParcelHead(*row) for row in rows]


class Event(NamedTuple):
    """Something that happened to a parcel: a code for the sentence and what belongs into it."""

    at_ms: int
    code: str
    text: str = ""
    number: int = 0
    person: str | None = None


def parcel_events(sql: sqlite3.Connection, parcel_id: str) -> list[Event]:
    """Return what happened to a parcel, oldest first.

    Texts: the wave, the pick list with its cart, the printer, the exception's code, the manifest;
    numbers: grams or the copy of a label.
    """
    rows = sql.execute(
        "SELECT assigned_ms, 'assigned', order_no, 0, NULL FROM parcels WHERE parcel_id = :id "
        "UNION ALL SELECT w.created_ms, 'planned', w.wave, 0, NULL FROM parcels p "
        "  JOIN waves w ON w.wave = p.wave WHERE p.parcel_id = :id "
        "UNION ALL SELECT DISTINCT k.started_ms, 'picking', "
        "  k.pick_list || ' ' || COALESCE(k.cart, ''), 0, COALESCE(m.name, k.badge) "
        "  FROM pick_lines l JOIN pick_lists k USING (pick_list) LEFT JOIN people m USING (badge) "
        "  WHERE l.parcel_id = :id AND k.started_ms IS NOT NULL "
        "UNION ALL SELECT at_ms, CASE accepted WHEN 1 THEN 'weighed' ELSE 'weight_stop' END, "
        "  station, grams, NULL FROM weighings WHERE parcel_id = :id "
        "UNION ALL SELECT packed_ms, 'packed', COALESCE(bench, ''), 0, NULL FROM parcels "
        "  WHERE parcel_id = :id AND packed_ms IS NOT NULL "
        "UNION ALL SELECT j.changed_ms, 'print_' || j.state, j.printer, j.copy_no, NULL "
        "  FROM print_jobs j WHERE j.kind = 'waybill' AND j.document_id = :id "
        "UNION ALL SELECT e.opened_ms, 'stopped', e.code, 0, NULL FROM exceptions e "
        "  WHERE e.subject = :id "
        "UNION ALL SELECT e.solved_ms, 'solved', e.code, 0, COALESCE(m.name, e.solved_by) "
        "  FROM exceptions e LEFT JOIN people m ON m.badge = e.solved_by "
        "  WHERE e.subject = :id AND e.solved_ms IS NOT NULL "
        "UNION ALL SELECT shipped_ms, 'shipped', COALESCE(manifest, ''), 0, NULL FROM parcels "
        "  WHERE parcel_id = :id AND shipped_ms IS NOT NULL "
        "ORDER BY 1 LIMIT :limit",
        {"id": parcel_id, "limit": HISTORY_MAX},
    )
    return [Event(*row) for row in rows]


class StockRow(NamedTuple):
    """A SKU with its units by kind of place."""

    sku: str
    name: str
    gtin: str
    serial_policy: str
    in_bins: int
    in_totes: int
    in_parcels: int
    bins: int


def stock(
    sql: sqlite3.Connection, *, q: str = "", after: str = "", limit: int = PAGE
) -> list[StockRow]:
    """Return SKUs by name of the SKU; `q` narrows to codes and names that contain it."""
    rows = sql.execute(
        "SELECT d.sku, d.name, d.gtin, d.serial_policy, "
        "TOTAL(b.quantity * (b.account >= 'bin:' AND b.account < 'bin;')), "
        "TOTAL(b.quantity * (b.account >= 'tote:' AND b.account < 'tote;')), "
        "TOTAL(b.quantity * (b.account >= 'parcel:' AND b.account < 'parcel;')), "
        "TOTAL(b.account >= 'bin:' AND b.account < 'bin;') "
        "FROM (SELECT * FROM products WHERE sku > :after AND (:q = '' "
        "  OR instr(upper(sku), upper(:q)) OR instr(name, :q) "
        "  OR ltrim(gtin, '0') = ltrim(:q, '0')) ORDER BY sku LIMIT :limit) d "
        "LEFT JOIN balances b ON b.sku = d.sku AND b.quantity > 0 GROUP BY d.sku ORDER BY d.sku",
        {"q": q, "after": after, "limit": limit},
    )
    return [StockRow(*row[:4], *(int(units) for units in row[4:])) for row in rows]


class Shelf(NamedTuple):
    """Units of one SKU at one place, and how many of them an open pick list will take."""

    account: str
    sku: str
    name: str
    serial_policy: str
    quantity: int
    to_pick: int


def places_of(sql: sqlite3.Connection, sku: str, limit: int = PAGE * 4) -> list[Shelf]:
    """Return where units of `sku` are: bins first, the fullest first."""
    return _shelves(
        sql,
        "b.sku = :name",
        "substr(b.account, 1, 4) <> 'bin:', b.quantity DESC, b.account",
        sku,
        limit,
    )


def contents_of(sql: sqlite3.Connection, place: str, limit: int = PAGE * 4) -> list[Shelf]:
    """Return what stands at the account `place`."""
    return _shelves(sql, "b.account = :name", "b.sku", place, limit)


def _shelves(sql: sqlite3.Connection, where: str, order: str, name: str, limit: int) -> list[Shelf]:
    rows = sql.execute(
        "SELECT b.account, b.sku, d.name, d.serial_policy, b.quantity, COALESCE((SELECT "  # noqa: S608
        "  SUM(l.quantity - l.picked - l.short) FROM pick_lines l JOIN pick_lists k "
        "  USING (pick_list) WHERE l.bin = substr(b.account, 5) AND l.sku = b.sku "
        "  AND k.state <> 'done'), 0) "
        f"FROM balances b JOIN products d USING (sku) WHERE {where} AND b.quantity > 0 "
        f"ORDER BY {order} LIMIT :limit",
        {"name": name, "limit": limit},
    )
    return [Shelf(*row) for row in rows]


def serials_at(sql: sqlite3.Connection, place: str, sku: str = "") -> list[tuple[str, str]]:
    """Return (serial, sku) of the units at the account `place`, as many as a page shows."""
    rows = sql.execute(
        "SELECT serial, sku FROM serials WHERE account = :place AND (:sku = '' OR sku = :sku) "
        "ORDER BY sku, serial LIMIT :limit",
        {"place": place, "sku": sku, "limit": SERIALS_SHOWN},
    )
    return [(str(row[0]), str(row[1])) for row in rows]


class LifeEvent(NamedTuple):
    """One change in the life of a serial number."""

    life: int
    event: str
    state: str
    account: str
    person: str
    at_ms: int


def life_of(sql: sqlite3.Connection, serial: str) -> list[LifeEvent]:
    """Return what happened to a serial number, oldest first."""
    rows = sql.execute(
        "SELECT h.life, h.event, h.state, h.account, COALESCE(m.name, h.actor), h.at_ms "
        "FROM serial_history h LEFT JOIN people m ON m.badge = h.actor WHERE h.serial = ? "
        "ORDER BY h.history_id LIMIT ?",
        (serial, HISTORY_MAX),
    )
    return [LifeEvent(*row) for row in rows]


def waybills_of(sql: sqlite3.Connection, accounts: Iterable[str]) -> dict[str, str]:
    """Return the waybill of each account that is a parcel."""
    parcels = [name for name in accounts if name.startswith("parcel:")]
    rows = sql.execute(
        "SELECT 'parcel:' || parcel_id, waybill FROM json_each(?) "
        "JOIN parcels ON parcel_id = substr(value, 8) WHERE waybill IS NOT NULL",
        (msgspec.json.encode(parcels).decode(),),
    )
    return {str(row[0]): str(row[1]) for row in rows}


_FINDERS: Final = (
    ("serial", "SELECT serial FROM serials WHERE serial = :q"),
    ("parcel", "SELECT parcel_id FROM parcels WHERE waybill = :up OR parcel_id = :q LIMIT 1"),
    ("order", "SELECT order_no FROM parcels WHERE order_no = :q LIMIT 1"),
    ("bin", "SELECT substr(account, 5) FROM balances WHERE account = 'bin:' || :up LIMIT 1"),
    ("sku", "SELECT sku FROM products WHERE sku = :q OR sku = :up LIMIT 1"),
    ("sku", "SELECT sku FROM products WHERE gtin <> '' AND ltrim(gtin, '0') = :bare LIMIT 1"),
    ("wave", "SELECT wave FROM waves WHERE wave = :up"),
    ("wave", "SELECT wave FROM pick_lists WHERE pick_list = :up"),
    (
        "parcel",
        "SELECT parcel_id FROM parcels WHERE tote = :up ORDER BY changed_ms DESC LIMIT 1",
    ),
    ("stock", "SELECT :q FROM products WHERE instr(upper(sku), :up) OR instr(name, :q) LIMIT 1"),
)  # fmt: skip


def find(sql: sqlite3.Connection, text: str) -> tuple[str, str] | None:
    """Return (kind, name) of the thing called `text`, the most exact meaning first."""
    words = {"q": text, "up": text.upper(), "bare": text.lstrip("0")}
    for kind, query in _FINDERS:
        row = sql.execute(query, words).fetchone()
        if row is not None:
            return kind, str(row[0])
    return None
