"""Rights lent to a warehouse's counter or to a shop, on SQLite.

Safe side first: rights leave the pool in the transaction that writes the command, long before the
holder can learn of them, and come back only when the holder has said that it gave them up. What is
sent is the total ever granted, so a command that is lost, doubled or late changes nothing.
Source: reference protocol "WES-1", section 4.8.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from hub.domain.holders import EDGE, SHOP_PREFIX
from hub.domain.rows import QuotaRow, Unbalanced
from hub.store.sqlite import debts
from hub.store.sqlite.filters import marks

_COLUMNS: Final = (
    "warehouse, holder, sku, target, granted, returned, used, units, recall_id, written_off_ms"
)
_ONE: Final = "WHERE warehouse = :warehouse AND holder = :holder AND sku = :sku"


class SqliteQuotas:
    """See `hub.store.protocol_quotas.QuotaBook`."""

    def __init__(self, sql: sqlite3.Connection, now_ms: int) -> None:
        """Work on the connection of one transaction."""
        self._sql = sql
        self._now_ms = now_ms

    def get(self, warehouse: str, holder: str, sku: str) -> QuotaRow | None:
        """Return one holder's account for one SKU."""
        row = self._sql.execute(
            f"SELECT {_COLUMNS} FROM quotas {_ONE}",  # noqa: S608  constant columns
            {"warehouse": warehouse, "holder": holder, "sku": sku},
        ).fetchone()
        return None if row is None else QuotaRow(**dict(row))

    def of_warehouse(self, warehouse: str, holder: str) -> list[QuotaRow]:
        """Return what a holder was ever lent in a warehouse, by SKU."""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM quotas"  # noqa: S608  constant columns
            " WHERE warehouse = ? AND holder = ? ORDER BY sku",
            (warehouse, holder),
        )
        return [QuotaRow(**dict(row)) for row in rows]

    def accounts(self, holder: str, skus: Sequence[str]) -> dict[tuple[str, str], int]:
        """Return what a holder may still promise of these SKUs, by (SKU, warehouse)."""
        rows = self._sql.execute(
            "SELECT sku, warehouse, units FROM quotas"  # noqa: S608  marks only
            f" WHERE holder = ? AND units > 0 AND sku IN ({marks(len(skus))})"
            " ORDER BY sku, warehouse",
            (holder, *skus),
        )
        return {(row["sku"], row["warehouse"]): row["units"] for row in rows}

    def shop_units(self, skus: Sequence[str]) -> dict[tuple[str, str], int]:
        """Return what each shop may still promise of these SKUs, by (holder, SKU)."""
        rows = self._sql.execute(
            "SELECT holder, sku, sum(units) AS units FROM quotas"  # noqa: S608  marks only
            f" WHERE sku IN ({marks(len(skus))}) AND holder LIKE '{SHOP_PREFIX}%'"
            " GROUP BY holder, sku",
            list(skus),
        )
        return {(row["holder"], row["sku"]): row["units"] for row in rows}

    def owed(self, skus: Sequence[str]) -> dict[str, int]:
        """Return how many units of each SKU are gone or lent without a right that paid for them."""
        rows = self._sql.execute(
            "SELECT sku, sum(units) AS units FROM rights_debts"  # noqa: S608  marks only
            f" WHERE sku IN ({marks(len(skus))}) GROUP BY sku",
            list(skus),
        )
        return {row["sku"]: row["units"] for row in rows}

    def set_target(self, warehouse: str, holder: str, sku: str, target: int) -> None:
        """Record how many unused rights the holder should have; the pump works towards it."""
        self._sql.execute(
            "INSERT INTO quotas (warehouse, holder, sku, target) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (warehouse, holder, sku) DO UPDATE SET target = excluded.target,"
            " asked_ms = 0, written_off_ms = NULL",
            (warehouse, holder, sku, target),
        )

    def unbalanced(self, holder: str, asked_before_ms: int, limit: int) -> list[Unbalanced]:
        """Return accounts that should hold more, and can, or less, and are not asked yet.

        A holder may know of more rights than there are units for, since a restored hub had to learn
        of them: those that nothing covers are asked back too.
        """
        rows = self._sql.execute(
            "SELECT * FROM (SELECT q.warehouse, q.sku, q.target, q.units, q.asked_ms,"
            " coalesce(r.pool - r.safety_stock, 0) AS atp, (SELECT coalesce(sum(d.units), 0)"
            "  FROM rights_debts d WHERE d.sku = q.sku AND d.warehouse = q.warehouse"
            "  AND d.account <> q.holder) AS owed, (SELECT coalesce(sum(d.units), 0)"
            "  FROM rights_debts d WHERE d.sku = q.sku AND d.warehouse = q.warehouse"
            "  AND d.account = q.holder) AS uncovered,"
            " (SELECT count(*) FROM order_lines l WHERE l.sku = q.sku AND l.missing > 0) AS waiting"
            " FROM quotas q LEFT JOIN rights r ON r.sku = q.sku AND r.warehouse = q.warehouse"
            " WHERE q.holder = ? AND q.recall_id = '') AS one"
            " WHERE (units < target AND atp > 0 AND waiting = 0 AND owed + uncovered = 0)"
            " OR ((units > 0 AND (units > target OR owed > 0) OR uncovered > 0) AND asked_ms <= ?)"
            " ORDER BY warehouse, sku LIMIT ?",
            (holder, asked_before_ms, limit),
        )
        return [
            Unbalanced(
                warehouse=row["warehouse"],
                sku=row["sku"],
                grant=max(0, min(row["target"] - row["units"], row["atp"]))
                if not row["owed"] + row["uncovered"]
                else 0,
                keep=max(0, min(row["target"], row["units"] - row["owed"])),
                units=row["units"],
            )
            for row in rows
        ]

    def lend(self, warehouse: str, holder: str, sku: str, units: int, reference: str) -> int | None:
        """Debit the pool above safety stock; return the total ever granted, None when not there.

        The caller queues the command behind it, in the same transaction.
        """
        done = self._sql.execute(
            "UPDATE rights SET pool = pool - :n, lent = lent + :n"
            " WHERE sku = :sku AND warehouse = :warehouse AND pool - safety_stock >= :n",
            {"n": units, "sku": sku, "warehouse": warehouse},
        )
        if done.rowcount != 1:
            return None
        debts.journal(self._sql, self._now_ms, sku, warehouse, "pool", holder, units, reference)
        row = self._sql.execute(
            "INSERT INTO quotas (warehouse, holder, sku, granted, units) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (warehouse, holder, sku) DO UPDATE SET"
            " granted = quotas.granted + excluded.granted, units = quotas.units + excluded.units"
            " RETURNING granted",
            (warehouse, holder, sku, units, units),
        ).fetchone()
        return int(row["granted"])

    def take_back(self, warehouse: str, holder: str, sku: str, units: int, reference: str) -> int:
        """Credit the pool with rights that the holder gave up; return how many it never had."""
        covered = self._spend(warehouse, holder, sku, units, "pool", reference, "returned")
        self._sql.execute(
            f"UPDATE quotas SET asked_ms = 0 {_ONE}",  # noqa: S608  constant
            {"warehouse": warehouse, "holder": holder, "sku": sku},
        )
        # What was owed to the holder it has just given up: forgiven before the pool pays anybody.
        rest = units - covered
        rest -= debts.forgive(self._sql, sku, warehouse, holder, rest)
        debts.settle(self._sql, self._now_ms, sku, warehouse)
        return rest

    def sell(self, warehouse: str, holder: str, sku: str, units: int, reference: str) -> int:
        """Burn rights the holder sold by itself; return how many it had no right to.

        Those are taken from the pool, or owed: they left, whoever was to have them.
        """
        covered = self._spend(warehouse, holder, sku, units, "sold", reference, "used")
        rest = units - covered
        if not rest:
            return 0
        beyond = rest - debts.forgive(self._sql, sku, warehouse, holder, rest)
        debts.take_or_owe(
            self._sql, self._now_ms, sku=sku, warehouse=warehouse, units=rest, account="sold",
            reference=reference,
        )  # fmt: skip
        return beyond

    def promise(self, warehouse: str, holder: str, sku: str, units: int, reference: str) -> bool:
        """Let an order take over rights of the shop that accepted it; False changes nothing."""
        key = {"n": units, "warehouse": warehouse, "holder": holder, "sku": sku}
        done = self._sql.execute(
            "UPDATE quotas SET units = units - :n, used = used + :n"  # noqa: S608  constant
            f" {_ONE} AND units >= :n",
            key,
        )
        if done.rowcount != 1:
            return False
        self._sql.execute(
            "UPDATE rights SET lent = lent - :n, ordered = ordered + :n"
            " WHERE sku = :sku AND warehouse = :warehouse",
            {"n": units, "sku": sku, "warehouse": warehouse},
        )
        debts.journal(self._sql, self._now_ms, sku, warehouse, holder, "ordered", units, reference)
        return True

    def _spend(
        self,
        warehouse: str,
        holder: str,
        sku: str,
        units: int,
        target: str,
        reference: str,
        counter: str,
    ) -> int:
        """Move up to `units` out of a holder's account and count them; return how many moved."""
        known = self.get(warehouse, holder, sku)
        covered = 0 if known is None else min(units, known.units)
        self._sql.execute(
            f"INSERT INTO quotas (warehouse, holder, sku, {counter}) VALUES (?, ?, ?, ?)"  # noqa: S608
            f" ON CONFLICT (warehouse, holder, sku) DO UPDATE SET"
            f" {counter} = quotas.{counter} + excluded.{counter}",
            (warehouse, holder, sku, units),
        )
        if covered:
            key = {"n": covered, "warehouse": warehouse, "holder": holder, "sku": sku}
            self._sql.execute(f"UPDATE quotas SET units = units - :n {_ONE}", key)  # noqa: S608
            del key["holder"]
            self._sql.execute(
                f"UPDATE rights SET lent = lent - :n, {target} = {target} + :n"  # noqa: S608
                " WHERE sku = :sku AND warehouse = :warehouse",
                key,
            )
            debts.journal(
                self._sql, self._now_ms, sku, warehouse, holder, target, covered, reference
            )
        return covered

    def learn(self, warehouse: str, holder: str, totals: Iterable[tuple[str, int]]) -> int:
        """Take over totals that the holder knows and these books forgot; return how many units.

        The larger total counts. What is newly learnt leaves the pool now, as it did when it was
        granted; what the pool no longer has is owed until the forgotten facts have come back.
        """
        learnt = 0
        for sku, total in totals:
            known = self.get(warehouse, holder, sku)
            new = total - (0 if known is None else known.granted)
            if new <= 0:
                continue
            self._sql.execute(
                "INSERT INTO quotas (warehouse, holder, sku, granted) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (warehouse, holder, sku) DO UPDATE SET granted = excluded.granted",
                (warehouse, holder, sku, total),
            )
            debts.take_or_owe(
                self._sql, self._now_ms, sku=sku, warehouse=warehouse, units=new, account=holder,
                reference="learnt",
            )  # fmt: skip
            learnt += new
        return learnt

    def ask(self, warehouse: str, holder: str, sku: str, recall_id: str) -> None:
        """Note that the holder was asked to return rights."""
        self._sql.execute(
            f"UPDATE quotas SET recall_id = :recall_id, asked_ms = :now_ms {_ONE}",  # noqa: S608
            {
                "recall_id": recall_id,
                "now_ms": self._now_ms,
                "warehouse": warehouse,
                "holder": holder,
                "sku": sku,
            },
        )

    def answered(self, warehouse: str, recall_id: str) -> None:
        """Note that a request to return rights was answered: whatever comes back is credited.

        A holder that returned nothing has nothing: it is asked again only after a while.
        """
        self._sql.execute(
            "UPDATE quotas SET recall_id = '' WHERE warehouse = ? AND recall_id = ?",
            (warehouse, recall_id),
        )

    def refused(self, warehouse: str, recall_id: str) -> None:
        """Note that a request was refused; it is put again only after a while."""
        self._sql.execute(
            "UPDATE quotas SET recall_id = '' WHERE warehouse = ? AND recall_id = ?",
            (warehouse, recall_id),
        )

    def write_off(self, warehouse: str) -> int:
        """Grant a lost edge nothing more; what it holds stays reserved. Return how many units."""
        self._sql.execute(
            "UPDATE quotas SET target = 0, written_off_ms = ? WHERE warehouse = ? AND holder = ?",
            (self._now_ms, warehouse, EDGE),
        )
        row = self._sql.execute(
            "SELECT coalesce(sum(units), 0) AS units FROM quotas"
            " WHERE warehouse = ? AND holder = ?",
            (warehouse, EDGE),
        ).fetchone()
        return int(row["units"])

    def count(self, warehouse: str, holder: str) -> int:
        """Return for how many SKUs the holder has an account in the warehouse."""
        row = self._sql.execute(
            "SELECT count(*) AS skus FROM quotas WHERE warehouse = ? AND holder = ?",
            (warehouse, holder),
        ).fetchone()
        return int(row["skus"])
