"""What can be proved from the file alone: each check returns sentences, none when it holds.

The tables keep running sums because a scan cannot wait for an addition. These checks add everything
up again from the journals and logs and compare.
"""

from __future__ import annotations

import sqlite3
from typing import ClassVar, Final

from hub.domain.holders import PRESALE
from hub.domain.orders import order_status
from hub.domain.rows import BookCheck
from hub.store import fact_log

TOLD_MAX: Final = 20
"""Sentences per check; more would not be read."""


class SqliteProofs:
    """See `hub.store.protocol_goods.ProofBook`."""

    JOINED_STATES: ClassVar = "group_concat(state)"
    HELD_UNITS: ClassVar = (
        "SELECT json_extract(a.value, '$[0]') AS sku,"
        " json_extract(a.value, '$[1]') AS warehouse,"
        " sum(json_extract(a.value, '$[2]')) AS units"
        " FROM reservations r, json_each(r.allocations) a"
        " WHERE r.state IN ('open', 'confirmed') GROUP BY 1, 2"
    )
    """The two places where databases speak differently."""

    def __init__(self, sql: sqlite3.Connection) -> None:
        """Work on the connection of one snapshot."""
        self._sql = sql

    def file_intact(self) -> list[str]:
        """Check the pages and indexes of the file, and every reference between tables."""
        found = [str(row[0]) for row in self._sql.execute("PRAGMA integrity_check(20)")]
        broken = [text for text in found if text != "ok"]
        strangers = self._sql.execute("PRAGMA foreign_key_check").fetchmany(TOLD_MAX)
        return broken + [f"Table {row[0]} refers to a row of {row[2]} that is not there."
                         for row in strangers]  # fmt: skip

    def chains(self) -> int:
        """Check every line of every log against its hash; return how many were checked.

        Raises BooksBroken at the first line that does not fit.
        """
        return fact_log.verify_chains(self._sql)

    def quarantined(self) -> list[str]:
        """Return the facts that wait in quarantine, one sentence each."""
        return [
            f"Line {row['seq']} of {row['node']} ({row['kind']}): {row['code']}."
            for row in fact_log.quarantined(self._sql)
        ]

    def rights_against_journal(self) -> list[str]:
        """Add the rights journal up again and compare it with every account."""
        rows = self._sql.execute(
            "WITH entries AS ("
            " SELECT sku, warehouse, target AS account, quantity FROM rights_journal"
            " UNION ALL SELECT sku, warehouse, source, -quantity FROM rights_journal),"
            " sums AS (SELECT sku, warehouse, account, sum(quantity) AS units FROM entries"
            "  GROUP BY sku, warehouse, account),"
            " accounts AS ("
            " SELECT sku, warehouse, 'mint' AS account, -minted AS units FROM rights"
            " UNION ALL SELECT sku, warehouse, 'pool', pool FROM rights"
            " UNION ALL SELECT sku, warehouse, 'held', held FROM rights"
            " UNION ALL SELECT sku, warehouse, 'ordered', ordered FROM rights"
            " UNION ALL SELECT sku, warehouse, holder, units FROM quotas"
            " UNION ALL SELECT sku, warehouse, 'shipped', shipped FROM rights"
            " UNION ALL SELECT sku, warehouse, 'sold', sold FROM rights"
            " UNION ALL SELECT sku, warehouse, 'burnt', burnt FROM rights)"
            " SELECT a.sku, a.warehouse, a.account, a.units, coalesce(s.units, 0) AS journal"
            " FROM accounts a LEFT JOIN sums s USING (sku, warehouse, account)"
            " WHERE a.units <> coalesce(s.units, 0) LIMIT ?",
            (TOLD_MAX,),
        )
        return [
            f"Rights {row['account']} of {row['sku']} in {row['warehouse']} are {row['units']}, "
            f"the journal says {row['journal']}."
            for row in rows
        ]

    def rights_conserved(self) -> list[str]:
        """Check that no account is negative, none of the rights vanished, none was sold twice.

        What is lent is the sum of the holders' accounts, and nothing is owed beside a full pool.
        """
        rows = self._sql.execute(
            "SELECT r.sku, r.warehouse FROM rights r WHERE pool < 0 OR held < 0 OR ordered < 0"
            " OR lent < 0 OR shipped < 0 OR sold < 0 OR burnt < 0"
            " OR minted <> pool + held + ordered + lent + shipped + sold + burnt"
            " OR held + ordered + lent + shipped + sold > minted - burnt"
            " OR lent <> (SELECT coalesce(sum(q.units), 0) FROM quotas q"
            "  WHERE q.sku = r.sku AND q.warehouse = r.warehouse)"
            " OR (pool > 0 AND EXISTS (SELECT 1 FROM rights_debts d"
            "  WHERE d.sku = r.sku AND d.warehouse = r.warehouse)) LIMIT ?",
            (TOLD_MAX,),
        )
        return [
            f"The rights to {row['sku']} in {row['warehouse']} do not add up to what was minted."
            for row in rows
        ]

    def rights_covered(self) -> list[str]:
        """Check that every right that is alive has a unit on hand, or is owed because it has none.

        Debts to a holder are left out: those units are still there.
        """
        rows = self._sql.execute(
            "SELECT * FROM (SELECT r.sku, r.warehouse, r.pool + r.held + r.ordered + r.lent"
            " AS rights, coalesce(h.quantity - h.set_aside, 0) AS units,"
            " (SELECT coalesce(sum(d.units), 0) FROM rights_debts d WHERE d.sku = r.sku"
            "  AND d.warehouse = r.warehouse"
            "  AND d.account IN ('burnt', 'shipped', 'sold')) AS owed FROM rights r"
            " LEFT JOIN on_hand h ON h.sku = r.sku AND h.warehouse = r.warehouse) AS one"
            " WHERE rights - owed <> units LIMIT ?",
            (TOLD_MAX,),
        )
        return [
            f"{row['rights']} rights to {row['sku']} in {row['warehouse']} are alive and "
            f"{row['owed']} of them owed, but {row['units']} good units are on hand."
            for row in rows
        ]

    def promises(self) -> list[str]:
        """Compare promised rights with the open parcels and reservations behind them."""
        rows = self._sql.execute(
            "WITH open_parcels AS ("  # noqa: S608  constant of the class
            " SELECT l.sku, p.warehouse, sum(l.quantity - l.shorted - l.shipped) AS units"
            " FROM parcels p JOIN parcel_lines l ON l.parcel_id = p.parcel_id"
            " WHERE p.state NOT IN ('shipped', 'cancelled', 'short')"
            " GROUP BY l.sku, p.warehouse),"
            f" open_reservations AS ({self.HELD_UNITS})"
            " SELECT r.sku, r.warehouse, r.ordered, r.held, coalesce(p.units, 0) AS parcels,"
            "  coalesce(h.units, 0) AS reservations FROM rights r"
            " LEFT JOIN open_parcels p ON p.sku = r.sku AND p.warehouse = r.warehouse"
            " LEFT JOIN open_reservations h ON h.sku = r.sku AND h.warehouse = r.warehouse"
            " WHERE r.ordered <> coalesce(p.units, 0) OR r.held <> coalesce(h.units, 0) LIMIT ?",
            (TOLD_MAX,),
        )
        return [
            f"{row['sku']} in {row['warehouse']}: {row['ordered']} rights for orders and "
            f"{row['held']} held, but parcels promise {row['parcels']} and reservations "
            f"{row['reservations']}."
            for row in rows
        ]

    def orders_add_up(self) -> list[str]:
        """Check that each line's units are promised, missing or shipped, and each status right.

        An order may be in more parcels than it needs until they are called back, where floors
        told of them or one left that had been given up; units that left twice have an exception.
        An order that only floors know (version 0) wants what they have.
        """
        rows = self._sql.execute(
            "SELECT o.order_id, o.status, o.held, o.cancel_asked,"  # noqa: S608  constant
            " (SELECT coalesce(sum(missing), 0) FROM order_lines l WHERE l.order_id = o.order_id)"
            "  AS missing,"
            f" (SELECT coalesce({self.JOINED_STATES}, '') FROM parcels p"
            "  WHERE p.order_id = o.order_id) AS states FROM orders o"
        )
        wrong = []
        for row in rows:
            states = row["states"].split(",") if row["states"] else []
            status = order_status(
                held=bool(row["held"]),
                cancel_asked=bool(row["cancel_asked"]),
                missing=row["missing"],
                parcels=states,
            )
            if status != row["status"]:
                wrong.append(
                    f"Order {row['order_id']} says {row['status']}, its parcels say {status}."
                )
        lines = self._sql.execute(
            "SELECT order_id, line_no FROM ("
            " SELECT l.order_id, l.line_no, l.quantity - l.missing AS expected, ("
            "  SELECT coalesce(sum(c.quantity - c.shorted), 0) FROM parcels p"
            "  JOIN parcel_lines c ON c.parcel_id = p.parcel_id AND c.line_no = l.line_no"
            "   AND c.sku = l.sku WHERE p.order_id = l.order_id AND p.state <> 'cancelled'"
            "  ) AS carried, (SELECT coalesce(sum(c.shipped), 0) FROM parcels p"
            "  JOIN parcel_lines c ON c.parcel_id = p.parcel_id AND c.line_no = l.line_no"
            "   AND c.sku = l.sku WHERE p.order_id = l.order_id) AS gone"
            "  FROM order_lines l JOIN orders o ON o.order_id = l.order_id"
            "  WHERE o.cancel_asked = 0 AND o.version > 0) AS counted"
            " WHERE carried < expected OR carried > expected AND carried > gone AND NOT EXISTS"
            "  (SELECT 1 FROM learnt_parcels k WHERE k.order_id = counted.order_id)"
            "  AND NOT EXISTS (SELECT 1 FROM parcels p WHERE p.order_id = counted.order_id"
            "  AND p.state = 'cancel_pending') LIMIT ?",
            (TOLD_MAX,),
        )
        wrong += [
            f"Line {row['line_no']} of order {row['order_id']} is neither promised nor missing."
            for row in lines
        ]
        return wrong[:TOLD_MAX]

    def presales(self) -> list[str]:
        """Check that no presale sold more than its quota, and that stock for it is waited for."""
        rows = self._sql.execute(
            "SELECT s.sku, s.ship_date FROM presales s WHERE s.promised + s.turned > s.units"
            " OR s.promised <> (SELECT coalesce(sum(p.units), 0) FROM presale_promises p"
            "  WHERE p.sku = s.sku AND p.ship_date = s.ship_date) LIMIT ?",
            (TOLD_MAX,),
        ).fetchall()
        idle = self._sql.execute(
            "SELECT q.sku, sum(q.units) AS units FROM quotas q WHERE q.holder = ? GROUP BY q.sku"
            " HAVING sum(q.units) > (SELECT coalesce(sum(p.units), 0) FROM presale_promises p"
            "  WHERE p.sku = q.sku) LIMIT ?",
            (PRESALE, TOLD_MAX),
        )
        return [
            f"The presale of {row['sku']} for {row['ship_date']} does not add up to its orders."
            for row in rows
        ] + [
            f"{row['units']} units of {row['sku']} are kept for presale orders that do not wait."
            for row in idle
        ]

    def waybills_unique(self) -> list[str]:
        """Check that no waybill is on two parcels."""
        rows = self._sql.execute(
            "SELECT waybill FROM parcels WHERE waybill IS NOT NULL"
            " GROUP BY waybill HAVING count(*) > 1 LIMIT ?",
            (TOLD_MAX,),
        )
        return [f"Waybill {row['waybill']} is on two parcels." for row in rows]

    def serials_single(self) -> list[str]:
        """Check that no life of a serial number left twice, and none is where no unit is."""
        twice = self._sql.execute(
            "SELECT h.serial FROM serial_history h WHERE h.event IN ('ship', 'sell')"
            " AND h.state = 'shipped' AND NOT EXISTS (SELECT 1 FROM disputes d"
            "  WHERE d.serial = h.serial) GROUP BY h.serial, h.life HAVING count(*) > 1 LIMIT ?",
            (TOLD_MAX,),
        )
        sentences = [f"Serial number {row['serial']} left twice in one life." for row in twice]
        crowds = self._sql.execute(
            "SELECT s.warehouse, s.sku, count(*) AS serials, max(h.quantity + h.unnamed_lost)"
            " AS units FROM serials s JOIN products p ON p.sku = s.sku"
            " AND p.serial_policy = 'full' LEFT JOIN on_hand h"
            " ON h.warehouse = s.warehouse AND h.sku = s.sku"
            " WHERE s.state IN ('in_stock', 'picked', 'packed', 'returned', 'quarantined',"
            "  'in_repair') GROUP BY s.warehouse, s.sku"
            " HAVING count(*) <> coalesce(max(h.quantity + h.unnamed_lost), 0) LIMIT ?",
            (TOLD_MAX,),
        )
        return sentences + [
            f"{row['serials']} serial numbers of {row['sku']} are in {row['warehouse']}, but "
            f"{row['units']} units."
            for row in crowds
        ]

    def on_hand(self) -> dict[tuple[str, str], int]:
        """Return the mirror: units per (warehouse, sku)."""
        rows = self._sql.execute("SELECT warehouse, sku, quantity FROM on_hand")
        return {(row["warehouse"], row["sku"]): row["quantity"] for row in rows}

    def unconfirmed_loads(self) -> dict[tuple[str, str], int]:
        """Return units per (warehouse, sku) of imports that no floor has booked yet."""
        rows = self._sql.execute(
            "SELECT o.warehouse, u.sku, sum(u.quantity - u.loaded) AS units"
            " FROM stock_loads o JOIN stock_load_units u ON u.load_id = o.load_id"
            " WHERE o.state = 'sent' GROUP BY o.warehouse, u.sku"
        )
        return {(row["warehouse"], row["sku"]): row["units"] for row in rows}

    def checks(self) -> list[BookCheck]:
        """Return the newest comparison of books with each warehouse."""
        columns = ", ".join(BookCheck.__struct_fields__)
        rows = self._sql.execute(
            f"SELECT {columns} FROM (SELECT *, row_number() OVER"  # noqa: S608  constant columns
            " (PARTITION BY warehouse ORDER BY at_ms DESC, seq DESC) AS place FROM book_checks)"
            " AS ranked"
            " WHERE place = 1 ORDER BY warehouse"
        )
        return [BookCheck(**dict(row)) for row in rows]
