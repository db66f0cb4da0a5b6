"""Queries that compare two ways of knowing the same thing; an empty answer is a kept promise.

Each returns how many things were compared and a sentence for each that does not agree.
"""

from __future__ import annotations

import sqlite3

Finding = tuple[int, list[str]]


def _run(sql: sqlite3.Connection, count: str, wrong: str) -> Finding:
    checked = int(sql.execute(count).fetchone()[0])
    return checked, [str(row[0]) for row in sql.execute(wrong)]


def integrity(sql: sqlite3.Connection) -> list[str]:
    """Return what SQLite finds wrong with the file."""
    rows = [str(row[0]) for row in sql.execute("PRAGMA integrity_check")]
    broken = [
        f"{row[0]} row {row[1]} points at nothing"
        for row in sql.execute("PRAGMA foreign_key_check")
    ]
    return [row for row in rows if row != "ok"] + broken


def serial_places(sql: sqlite3.Connection) -> Finding:
    """Each unit stands where its last movement put it."""
    return _run(
        sql,
        "SELECT COUNT(*) FROM serials",
        "SELECT s.serial || ': kept in ' || s.account || ', moved to ' "
        "|| COALESCE(m.target, 'nowhere') FROM serials s LEFT JOIN movements m "
        "ON m.movement_id = (SELECT MAX(movement_id) FROM movements WHERE serial = s.serial) "
        "WHERE m.target IS NOT s.account",
    )


def serial_states(sql: sqlite3.Connection) -> Finding:
    """Each unit's state fits the kind of place it is in, and its last line of history."""
    return _run(
        sql,
        "SELECT COUNT(*) FROM serials",
        "SELECT s.serial || ': ' || s.state || ' in ' || s.account FROM serials s "
        "WHERE NOT CASE s.state "
        "WHEN 'in_stock' THEN s.account LIKE 'bin:%' OR s.account LIKE 'dock:%' "
        "WHEN 'picked' THEN s.account LIKE 'tote:%' OR s.account LIKE 'parcel:%' "
        "WHEN 'packed' THEN s.account LIKE 'parcel:%' "
        "WHEN 'shipped' THEN s.account = 'customer' "
        "WHEN 'quarantined' THEN s.account LIKE 'aside:%' "
        "WHEN 'in_repair' THEN s.account LIKE 'aside:%' "
        "WHEN 'lost' THEN s.account = 'loss' "
        "WHEN 'scrapped' THEN s.account = 'loss' ELSE 1 END "
        "UNION ALL "
        "SELECT s.serial || ': ' || s.state || ', its history says ' "
        "|| COALESCE(h.state, 'nothing') FROM serials s LEFT JOIN serial_history h "
        "ON h.history_id = (SELECT MAX(history_id) FROM serial_history WHERE serial = s.serial) "
        "WHERE h.state IS NOT s.state",
    )


def serial_counts(sql: sqlite3.Connection) -> Finding:
    """In bins, numbered SKUs have as many units as serial numbers."""
    return _run(
        sql,
        "SELECT COUNT(*) FROM balances b JOIN products p USING (sku) "
        "WHERE p.serial_policy = 'full' AND b.account LIKE 'bin:%'",
        "SELECT b.account || ' ' || b.sku || ': ' || b.quantity || ' units, ' || COUNT(s.serial) "
        "|| ' serial numbers' FROM balances b JOIN products p USING (sku) "
        "LEFT JOIN serials s ON s.account = b.account AND s.sku = b.sku "
        "WHERE p.serial_policy = 'full' AND b.account LIKE 'bin:%' "
        "GROUP BY b.account, b.sku HAVING COUNT(s.serial) <> b.quantity",
    )


def units_aside(sql: sqlite3.Connection) -> Finding:
    """On the shelves aside lies exactly what came back and waits for another look."""
    return _run(
        sql,
        "SELECT COUNT(*) FROM returns",
        "WITH lies AS (SELECT account, sku, quantity FROM balances "
        "WHERE account >= 'aside:' AND account < 'aside;' AND quantity > 0), "
        "told AS (SELECT 'aside:' || place AS account, sku, COUNT(*) AS quantity FROM returns "
        "WHERE grade IN ('quarantine', 'repair') GROUP BY place, sku) "
        "SELECT account || ' ' || sku || ': ' || quantity || ' by the ledger' FROM "
        "(SELECT * FROM lies EXCEPT SELECT * FROM told) "
        "UNION ALL SELECT account || ' ' || sku || ': ' || quantity || ' by the returns' FROM "
        "(SELECT * FROM told EXCEPT SELECT * FROM lies)",
    )


def parcel_units(sql: sqlite3.Connection) -> Finding:
    """Totes, parcels and customers hold exactly the units that parcel lines count as picked."""
    return _run(
        sql,
        "SELECT COUNT(*) FROM parcel_lines",
        "WITH held AS (SELECT p.parcel_id, p.state, l.sku, SUM(l.picked) AS picked, "
        "CASE WHEN p.state IN ('picking', 'picked', 'packing') THEN 'tote:' || p.tote "
        "ELSE 'parcel:' || p.parcel_id END AS place "
        "FROM parcels p JOIN parcel_lines l USING (parcel_id) "
        "WHERE p.state IN ('picking', 'picked', 'packing', 'packed') "
        "GROUP BY p.parcel_id, l.sku) "
        "SELECT h.parcel_id || ' ' || h.sku || ': ' || h.picked || ' picked, ' "
        "|| COALESCE(b.quantity, 0) || ' in ' || h.place FROM held h "
        "LEFT JOIN balances b ON b.account = h.place AND b.sku = h.sku "
        "WHERE h.picked <> COALESCE(b.quantity, 0) "
        "UNION ALL "
        "SELECT p.parcel_id || ' ' || l.sku || ': ' || SUM(l.packed) || ' packed, ' "
        "|| COALESCE(m.units, 0) || ' left' FROM parcels p JOIN parcel_lines l USING (parcel_id) "
        "LEFT JOIN (SELECT source, sku, SUM(quantity) AS units FROM movements "
        "           WHERE target = 'customer' GROUP BY source, sku) m "
        "ON m.source = 'parcel:' || p.parcel_id AND m.sku = l.sku "
        "WHERE p.state = 'shipped' GROUP BY p.parcel_id, l.sku "
        "HAVING SUM(l.packed) <> COALESCE(m.units, 0)",
    )


def parcel_serials(sql: sqlite3.Connection) -> Finding:
    """Each numbered unit in a parcel belongs to it, and to no other open parcel."""
    return _run(
        sql,
        "SELECT COUNT(*) FROM parcel_serials",
        "SELECT x.serial || ': in parcel ' || x.parcel_id || ', its record says ' "
        "|| COALESCE(s.parcel_id, 'none') FROM parcel_serials x "
        "JOIN parcels p USING (parcel_id) LEFT JOIN serials s USING (serial) "
        "WHERE p.state IN ('packed', 'shipped') AND s.parcel_id IS NOT x.parcel_id "
        "AND NOT EXISTS (SELECT 1 FROM serials r WHERE r.serial = x.serial AND r.life > 1) "
        "UNION ALL "
        "SELECT serial || ': in ' || COUNT(*) || ' open parcels' FROM parcel_serials "
        "JOIN parcels p USING (parcel_id) WHERE p.state NOT IN ('shipped', 'cancelled') "
        "GROUP BY serial HAVING COUNT(*) > 1",
    )


def picked_facts(sql: sqlite3.Connection) -> Finding:
    """What the log says was loaded, received, lost and shipped equals the ledger."""
    return _run(
        sql,
        "SELECT COALESCE(SUM(facts), 0) FROM fact_counts "
        "WHERE kind IN ('unit_picked', 'parcel_shipped')",
        "WITH told AS (SELECT COALESCE(SUM(facts), 0) AS n FROM fact_counts "
        "              WHERE kind = 'unit_picked'), "
        "moved AS (SELECT COALESCE(SUM(quantity), 0) AS n FROM movements "
        "          WHERE source LIKE 'bin:%' AND target LIKE 'tote:%') "
        "SELECT told.n || ' units picked by the log, ' || moved.n || ' by the ledger' "
        "FROM told, moved WHERE told.n <> moved.n "
        "UNION ALL "
        "SELECT f.n || ' parcels shipped by the log, ' || p.n || ' by the floor' FROM "
        "(SELECT COALESCE(SUM(facts), 0) AS n FROM fact_counts WHERE kind = 'parcel_shipped') f, "
        "(SELECT COUNT(*) AS n FROM parcels WHERE state = 'shipped') p WHERE f.n <> p.n",
    )


def waybills(sql: sqlite3.Connection) -> Finding:
    """One parcel, one waybill, and no parcel left without one."""
    return _run(
        sql,
        "SELECT COUNT(*) FROM parcels",
        "SELECT 'waybill ' || waybill || ' is on ' || COUNT(*) || ' parcels' FROM parcels "
        "WHERE waybill IS NOT NULL GROUP BY waybill HAVING COUNT(*) > 1 "
        "UNION ALL SELECT parcel_id || ' left without a waybill' FROM parcels "
        "WHERE waybill IS NULL AND state = 'shipped'",
    )


def numbers(sql: sqlite3.Connection) -> Finding:
    """Each waybill number has one owner, and none that a printer may know is free."""
    return _run(
        sql,
        "SELECT COUNT(*) FROM waybill_numbers",
        "SELECT n.number || ' is used by ' || n.parcel_id || ', which has ' "
        "|| COALESCE(p.waybill, 'none') FROM waybill_numbers n "
        "LEFT JOIN parcels p USING (parcel_id) "
        "WHERE n.state = 'used' AND p.waybill IS NOT n.number "
        "UNION ALL SELECT n.number || ' is ' || n.state || ', and on ' || p.parcel_id "
        "FROM waybill_numbers n JOIN parcels p ON p.waybill = n.number "
        "WHERE n.state <> 'used' OR n.parcel_id <> p.parcel_id "
        "UNION ALL SELECT n.number || ' is ' || n.state || ', and on a label of ' "
        "|| j.document_id FROM waybill_numbers n JOIN print_jobs j ON j.waybill = n.number "
        "WHERE n.state IN ('free', 'returned') "
        "AND j.state NOT IN ('queued', 'cancelled', 'failed_before_send') "
        "UNION ALL SELECT 'number ' || waybill || ' is on labels of ' "
        "|| COUNT(DISTINCT document_id) || ' parcels' FROM print_jobs WHERE waybill <> '' "
        "AND state NOT IN ('queued', 'cancelled', 'failed_before_send') "
        "GROUP BY waybill HAVING COUNT(DISTINCT document_id) > 1 "
        "UNION ALL SELECT n.number || ' was lent beyond ' || COALESCE(l.leased, 0) "
        "FROM waybill_numbers n LEFT JOIN waybill_leases l USING (courier) "
        "WHERE n.place > COALESCE(l.leased, 0)",
    )


def labels(sql: sqlite3.Connection) -> Finding:
    """Every shipped parcel has a proven label; every proven label was told and has its parcel."""
    return _run(
        sql,
        "SELECT COUNT(*) FROM print_jobs WHERE kind = 'waybill'",
        "SELECT p.parcel_id || ' was shipped without a proven label' FROM parcels p "
        "WHERE p.state = 'shipped' AND NOT EXISTS (SELECT 1 FROM print_jobs j "
        "WHERE j.kind = 'waybill' AND j.document_id = p.parcel_id AND j.state = 'confirmed' "
        "AND j.waybill = p.waybill) "
        "UNION ALL "
        "SELECT j.job_id || ' printed a label for a parcel that is ' "
        "|| COALESCE(p.state, 'unknown') FROM print_jobs j "
        "LEFT JOIN parcels p ON p.parcel_id = j.document_id "
        "WHERE j.kind = 'waybill' AND j.state = 'confirmed' "
        "AND COALESCE(p.state, '') NOT IN ('packed', 'shipped', 'cancelled') "
        "UNION ALL "
        "SELECT j.n || ' labels printed by the bench, ' || f.n || ' by the log' FROM "
        "(SELECT COUNT(*) AS n FROM print_jobs WHERE kind = 'waybill' AND state = 'confirmed') j, "
        "(SELECT COALESCE(SUM(facts), 0) AS n FROM fact_counts WHERE kind = 'label_printed') f "
        "WHERE j.n <> f.n",
    )
