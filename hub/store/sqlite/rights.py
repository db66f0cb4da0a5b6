"""Rights on SQLite: the guard against overselling is one statement here.

`reserve` takes units out of the pool only if they are there, in the same transaction that records
the promise. Nothing reads a quantity first and writes it later.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from hub.domain.rows import Goods, RightsAccount, RightsRow
from hub.domain.sourcing import Offer, Point
from hub.store.sqlite import debts
from hub.store.sqlite.filters import marks

_FIELDS: Final = RightsRow.__struct_fields__
_COLUMNS: Final = ", ".join(_FIELDS)
MOVABLE: Final[tuple[RightsAccount, ...]] = ("pool", "held", "ordered", "shipped", "burnt")
ACCOUNTS: Final = frozenset(MOVABLE)


def _offers(rows: Iterable[Any]) -> list[Offer]:
    """Return what each warehouse offers, from (SKU, warehouse, units, latitude, longitude)."""
    places: dict[str, Point] = {}
    atp: dict[str, dict[str, int]] = {}
    for sku, warehouse, units, latitude, longitude in rows:
        if warehouse not in places:
            places[warehouse] = Point(latitude, longitude)
            atp[warehouse] = {}
        atp[warehouse][sku] = max(0, units)
    return [Offer(warehouse, places[warehouse], units) for warehouse, units in atp.items()]


class SqliteRights:
    """See `hub.store.protocol_trade.RightsBook`."""

    def __init__(self, sql: sqlite3.Connection, now_ms: int) -> None:
        """Work on the connection of one transaction."""
        self._sql = sql
        self._now_ms = now_ms

    def get(self, sku: str, warehouse: str) -> RightsRow | None:
        """Return the accounts of one SKU in one warehouse."""
        row = self._sql.execute(
            f"SELECT {_COLUMNS} FROM rights"  # noqa: S608  constant columns
            " WHERE sku = ? AND warehouse = ?",
            (sku, warehouse),
        ).fetchone()
        return None if row is None else RightsRow(**dict(zip(_FIELDS, row, strict=True)))

    def of_skus(self, skus: Iterable[str]) -> list[RightsRow]:
        """Return the accounts of these SKUs in all warehouses."""
        wanted = list(skus)
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM rights"  # noqa: S608  constant columns
            f" WHERE sku IN ({marks(len(wanted))}) ORDER BY sku, warehouse",
            wanted,
        )
        return [RightsRow(**dict(zip(_FIELDS, row, strict=True))) for row in rows]

    def in_warehouse(self, warehouse: str, skus: Sequence[str]) -> list[RightsRow]:
        """Return the accounts of these SKUs in one warehouse."""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM rights"  # noqa: S608  constant columns
            f" WHERE warehouse = ? AND sku IN ({marks(len(skus))})",
            (warehouse, *skus),
        )
        return [RightsRow(**dict(zip(_FIELDS, row, strict=True))) for row in rows]

    def owing(self, warehouse: str) -> frozenset[str]:
        """Return the SKUs of which rights are owed in one warehouse; see `debts`."""
        rows = self._sql.execute(
            "SELECT DISTINCT sku FROM rights_debts WHERE warehouse = ?", (warehouse,)
        )
        return frozenset(row["sku"] for row in rows)

    def owed(self, warehouse: str) -> dict[str, int]:
        """Return the units per SKU that are owed in one warehouse, to whomever; see `debts`."""
        rows = self._sql.execute(
            "SELECT sku, sum(units) AS units FROM rights_debts WHERE warehouse = ? GROUP BY sku"
            " ORDER BY sku",
            (warehouse,),
        )
        return {row["sku"]: int(row["units"]) for row in rows}

    def offers(self, skus: Iterable[str]) -> list[Offer]:
        """Return what each warehouse may still promise of these SKUs."""
        wanted = list(skus)
        rows = self._sql.execute(
            "SELECT r.sku, r.warehouse, r.pool - r.safety_stock AS atp,"  # noqa: S608  marks only
            " w.latitude_microdegrees, w.longitude_microdegrees"
            " FROM rights r JOIN warehouses w ON w.warehouse = r.warehouse"
            f" WHERE r.sku IN ({marks(len(wanted))})",
            wanted,
        )
        return _offers(rows)

    def goods(self, skus: Iterable[str]) -> Goods:
        """Return what a promise of these SKUs has to know, in one question."""
        wanted = list(skus)
        rows = self._sql.execute(
            "SELECT p.sku, r.warehouse, r.pool - r.safety_stock AS atp,"  # noqa: S608  marks only
            " w.latitude_microdegrees, w.longitude_microdegrees, p.unit_weight_grams,"
            " EXISTS (SELECT 1 FROM recovering) AS waits"
            " FROM products p LEFT JOIN rights r ON r.sku = p.sku"
            " LEFT JOIN warehouses w ON w.warehouse = r.warehouse"
            f" WHERE p.sku IN ({marks(len(wanted))})",
            wanted,
        ).fetchall()
        weights = {row[0]: int(row[5]) for row in rows}
        offers = _offers(tuple(row)[:5] for row in rows if row[1] is not None)
        return Goods(weights, tuple(offers), bool(rows and rows[0][6]))

    def mint(self, sku: str, warehouse: str, quantity: int, reference: str) -> None:
        """Make new rights in the pool, for units that came into being by a receipt or import."""
        self.mint_many({(sku, warehouse): quantity})
        self._journal(sku, warehouse, "mint", "pool", quantity, reference)
        debts.settle(self._sql, self._now_ms, sku, warehouse)

    def reserve(
        self, sku: str, warehouse: str, quantity: int, target: RightsAccount, reference: str
    ) -> bool:
        """Take units out of the pool above safety stock; False changes nothing."""
        if target not in ACCOUNTS:
            raise ValueError(target)
        done = self._sql.execute(
            f"UPDATE rights SET pool = pool - :n, {target} = {target} + :n"  # noqa: S608  checked
            " WHERE sku = :sku AND warehouse = :warehouse AND pool - safety_stock >= :n",
            {"n": quantity, "sku": sku, "warehouse": warehouse},
        )
        if done.rowcount != 1:
            return False
        self._journal(sku, warehouse, "pool", target, quantity, reference)
        return True

    def hold(self, wanted: Iterable[tuple[str, str, int, str]]) -> bool:
        """Hold units for many at once, guarded account by account; False: undo it all."""
        rows = list(wanted)
        sums: dict[tuple[str, str], int] = {}
        for sku, warehouse, units, _ in rows:
            sums[sku, warehouse] = sums.get((sku, warehouse), 0) + units
        accounts = [(sku, warehouse, units) for (sku, warehouse), units in sorted(sums.items())]
        return self._debit(accounts, rows) == len(accounts)

    def _debit(
        self, accounts: list[tuple[str, str, int]], entries: list[tuple[str, str, int, str]]
    ) -> int:
        """Hold units of each account if they are there, and journal it; return how many had."""
        self._sql.executemany(
            "INSERT INTO rights_journal (sku, warehouse, source, target, quantity, reference,"
            " at_ms) VALUES (?, ?, 'pool', 'held', ?, ?, ?)",
            [(*entry, self._now_ms) for entry in entries],
        )
        return self._sql.executemany(
            "UPDATE rights SET pool = pool - ?3, held = held + ?3"
            " WHERE sku = ?1 AND warehouse = ?2 AND pool - safety_stock >= ?3",
            accounts,
        ).rowcount

    def move(
        self,
        sku: str,
        warehouse: str,
        quantity: int,
        source: RightsAccount,
        target: RightsAccount,
        reference: str,
    ) -> bool:
        """Move units between two accounts; False changes nothing."""
        if source not in ACCOUNTS or target not in ACCOUNTS:
            raise ValueError(source, target)
        done = self._sql.execute(
            f"UPDATE rights SET {source} = {source} - :n, {target} = {target} + :n"  # noqa: S608
            f" WHERE sku = :sku AND warehouse = :warehouse AND {source} >= :n",
            {"n": quantity, "sku": sku, "warehouse": warehouse},
        )
        if done.rowcount != 1:
            return False
        self._journal(sku, warehouse, source, target, quantity, reference)
        if target == "pool":
            debts.settle(self._sql, self._now_ms, sku, warehouse)
        return True

    def burn(
        self, sku: str, warehouse: str, quantity: int, target: RightsAccount, reference: str
    ) -> int:
        """Take rights of units that are gone out of the pool; return how many are owed instead."""
        return debts.take_or_owe(
            self._sql, self._now_ms, sku=sku, warehouse=warehouse, units=quantity,
            account=target, reference=reference,
        )  # fmt: skip

    def mint_many(self, minted: Mapping[tuple[str, str], int]) -> None:
        """Mint units per (sku, warehouse) without a journal line; see `journal_many`."""
        self._sql.executemany(
            "INSERT INTO rights (sku, warehouse, minted, pool) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (sku, warehouse) DO UPDATE SET"
            " minted = rights.minted + excluded.minted, pool = rights.pool + excluded.pool",
            [(*key, units, units) for key, units in minted.items()],
        )

    def move_many(self, moved: Mapping[tuple[str, str], Mapping[str, int]]) -> None:
        """Change accounts per (sku, warehouse) without a journal line; see `journal_many`.

        The table's own checks refuse an account below zero and a unit made or lost.
        """
        self._sql.executemany(
            "UPDATE rights SET pool = pool + ?3, held = held + ?4, ordered = ordered + ?5,"
            " shipped = shipped + ?6, burnt = burnt + ?7 WHERE sku = ?1 AND warehouse = ?2",
            [(*key, *(change[account] for account in MOVABLE)) for key, change in moved.items()],
        )

    def journal_many(self, entries: Iterable[tuple[str, str, str, str, int, str]]) -> None:
        """Add (sku, warehouse, source, target, quantity, reference) to the journal, in order."""
        self._sql.executemany(
            "INSERT INTO rights_journal (sku, warehouse, source, target, quantity, reference,"
            " at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(*entry, self._now_ms) for entry in entries],
        )

    def set_safety_stock(self, sku: str, warehouse: str, quantity: int) -> None:
        """Keep `quantity` units unpromised, also of goods that are still to come."""
        self._sql.execute(
            "INSERT INTO rights (sku, warehouse, safety_stock) VALUES (?, ?, ?)"
            " ON CONFLICT (sku, warehouse) DO UPDATE SET safety_stock = excluded.safety_stock",
            (sku, warehouse, quantity),
        )

    def totals(self) -> dict[str, int]:
        """Return the sum of each account over all SKUs and warehouses."""
        row = self._sql.execute(
            "SELECT coalesce(sum(minted), 0) AS minted, coalesce(sum(pool), 0) AS pool,"
            " coalesce(sum(held), 0) AS held, coalesce(sum(ordered), 0) AS ordered,"
            " coalesce(sum(lent), 0) AS lent, coalesce(sum(shipped), 0) AS shipped,"
            " coalesce(sum(sold), 0) AS sold, coalesce(sum(burnt), 0) AS burnt FROM rights"
        ).fetchone()
        return dict(row)

    def note_arrival(self, sku: str) -> None:
        """Remember that the pool of `sku` grew, if anybody waits for it."""
        self.note_arrivals((sku,))

    def note_arrivals(self, skus: Iterable[str]) -> None:
        """Remember of each of `skus` that its pool grew, if anybody waits for it."""
        self._sql.executemany(
            "INSERT INTO arrivals (sku, after_order_id) SELECT :sku, '' WHERE EXISTS"
            " (SELECT 1 FROM order_lines INDEXED BY order_lines_missing"
            "  WHERE sku = :sku AND missing > 0)"
            " ON CONFLICT (sku) DO UPDATE SET after_order_id = ''",
            [{"sku": sku} for sku in skus],
        )

    def next_arrival(self) -> tuple[str, str] | None:
        """Return (SKU, id of the order tried last) of one arrival to work off."""
        row = self._sql.execute("SELECT sku, after_order_id FROM arrivals LIMIT 1").fetchone()
        return None if row is None else (row["sku"], row["after_order_id"])

    def arriving(self, sku: str) -> bool:
        """Say whether orders that wait for `sku` are still to be tried."""
        found = self._sql.execute("SELECT 1 FROM arrivals WHERE sku = ?", (sku,)).fetchone()
        return found is not None

    def move_arrival(self, sku: str, after_order_id: str | None) -> None:
        """Remember how far an arrival is worked off; None: it is done."""
        if after_order_id is None:
            self._sql.execute("DELETE FROM arrivals WHERE sku = ?", (sku,))
        else:
            self._sql.execute(
                "UPDATE arrivals SET after_order_id = ? WHERE sku = ?", (after_order_id, sku)
            )

    def _journal(
        self, sku: str, warehouse: str, source: str, target: str, quantity: int, reference: str
    ) -> None:
        debts.journal(self._sql, self._now_ms, sku, warehouse, source, target, quantity, reference)
