"""Parcels this hub learnt of from a floor, because it had forgotten them or never known them."""

from __future__ import annotations

import sqlite3

from hub.domain.rows import MissingLines, RecoveryCounts, WaitedFor


def note(sql: sqlite3.Connection, parcel_id: str, order_id: str, order_version: int) -> None:
    """Remember that a floor told of this parcel; its order has to be settled."""
    sql.execute(
        "INSERT INTO learnt_parcels (parcel_id, order_id, order_version) VALUES (?, ?, ?)"
        " ON CONFLICT (parcel_id) DO UPDATE SET settled = 0",
        (parcel_id, order_id, order_version),
    )


def unsettled_orders(sql: sqlite3.Connection, limit: int) -> list[str]:
    """Return orders of learnt parcels that were not compared with what their shop wants."""
    rows = sql.execute(
        "SELECT DISTINCT l.order_id FROM learnt_parcels l JOIN orders o ON o.order_id = l.order_id"
        " WHERE l.settled = 0 AND (o.version > 0 OR o.cancel_asked = 1)"
        " ORDER BY l.order_id LIMIT ?",
        (limit,),
    )
    return [row["order_id"] for row in rows]


def settled(sql: sqlite3.Connection, order_id: str) -> None:
    """Note that the order of learnt parcels is what its shop wants."""
    sql.execute("UPDATE learnt_parcels SET settled = 1 WHERE order_id = ?", (order_id,))


def version_of(sql: sqlite3.Connection, order_id: str) -> int | None:
    """Return the newest version of an order that a learnt parcel was made for, None without one."""
    row = sql.execute(
        "SELECT max(order_version) AS version FROM learnt_parcels WHERE order_id = ?", (order_id,)
    ).fetchone()
    return None if row["version"] is None else int(row["version"])


def uncovered(sql: sqlite3.Connection, parcel_id: str, line_no: int, units: int) -> None:
    """Remember units of a learnt parcel to which no right was left."""
    sql.execute(
        "INSERT INTO uncovered_units (parcel_id, line_no, units) VALUES (?, ?, ?)",
        (parcel_id, line_no, units),
    )


def take_uncovered(sql: sqlite3.Connection, node: str) -> list[tuple[str, int, int]]:
    """Return and forget (parcel, line, units) without a right in the parcels of a warehouse."""
    rows = sql.execute(
        "SELECT u.parcel_id, u.line_no, u.units FROM uncovered_units u"
        " JOIN parcels p ON p.parcel_id = u.parcel_id WHERE p.warehouse = ?"
        " ORDER BY u.parcel_id, u.line_no",
        (node,),
    ).fetchall()
    sql.execute(
        "DELETE FROM uncovered_units WHERE parcel_id IN"
        " (SELECT parcel_id FROM parcels WHERE warehouse = ?)",
        (node,),
    )
    return [(row["parcel_id"], row["line_no"], row["units"]) for row in rows]


def counts(sql: sqlite3.Connection) -> RecoveryCounts:
    """Return what a recovery has brought so far."""
    row = sql.execute(
        "SELECT (SELECT epoch FROM hub_identity) AS epoch,"
        " (SELECT count(*) FROM orders WHERE version = 0) AS orders_without_address,"
        " (SELECT count(DISTINCT order_id) FROM learnt_parcels WHERE settled = 0)"
        "  AS orders_to_settle,"
        " (SELECT count(*) FROM learnt_parcels) AS parcels_learnt,"
        " (SELECT count(*) FROM quarantine WHERE solved_ms IS NULL) AS facts_in_quarantine,"
        " (SELECT coalesce(sum(units), 0) FROM uncovered_units) AS units_without_a_right"
    ).fetchone()
    return RecoveryCounts(**{name: row[name] for name in RecoveryCounts.__struct_fields__})


def waited_for(sql: sqlite3.Connection) -> list[WaitedFor]:
    """Return the warehouses that are waited for and how much of each is still to come."""
    rows = sql.execute(
        "SELECT w.node, w.reported, (SELECT coalesce(sum(max(0, l.head_seq -"
        "  coalesce(n.applied_seq, 0))), 0) FROM recovering_logs l LEFT JOIN node_logs n"
        "  ON n.node = l.node AND n.incarnation = l.incarnation WHERE l.node = w.node) AS missing"
        " FROM recovering w ORDER BY w.node"
    )
    return [
        WaitedFor(
            warehouse=row["node"], greeted=bool(row["reported"]), lines_missing=row["missing"]
        )
        for row in rows
    ]


def missing_lines(sql: sqlite3.Connection) -> list[MissingLines]:
    """Return the lines that no warehouse keeps any more."""
    rows = sql.execute(
        "SELECT node, incarnation, after_seq, to_seq FROM log_skips"
        " ORDER BY node, incarnation, after_seq"
    )
    return [
        MissingLines(
            warehouse=row["node"],
            incarnation=row["incarnation"],
            first_line=row["after_seq"] + 1,
            last_line=row["to_seq"],
        )
        for row in rows
    ]
