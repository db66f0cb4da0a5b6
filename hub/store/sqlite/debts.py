"""Rights that are owed: units gone or lent while nothing was left in the pool to cover them.

No account is ever negative. What the pool cannot give at once is written down here, apart from the
accounts, and paid by whatever enters the pool next (an arrival, a cancelled order, rights that a
holder returns) before anybody else may have it. So while something is owed, the pool is empty.
"""

from __future__ import annotations

import sqlite3

from hub.domain.holders import is_holder


def column_of(account: str) -> str:
    """Return the column of `rights` in which an account counts. Raises ValueError."""
    if is_holder(account):
        return "lent"
    if account not in {"shipped", "sold", "burnt"}:
        raise ValueError(account)
    return account


def take(
    sql: sqlite3.Connection,
    now_ms: int,
    *,
    sku: str,
    warehouse: str,
    units: int,
    account: str,
    reference: str,
) -> int:
    """Move up to `units` from the pool, safety stock too, into `account`; return how many."""
    row = sql.execute(
        "SELECT pool FROM rights WHERE sku = ? AND warehouse = ?", (sku, warehouse)
    ).fetchone()
    taken = 0 if row is None else min(units, int(row["pool"]))
    if taken <= 0:
        return 0
    column = column_of(account)
    sql.execute(
        f"UPDATE rights SET pool = pool - :n, {column} = {column} + :n"  # noqa: S608  checked
        " WHERE sku = :sku AND warehouse = :warehouse",
        {"n": taken, "sku": sku, "warehouse": warehouse},
    )
    if is_holder(account):
        sql.execute(
            "UPDATE quotas SET units = units + ? WHERE warehouse = ? AND holder = ? AND sku = ?",
            (taken, warehouse, account, sku),
        )
    journal(sql, now_ms, sku, warehouse, "pool", account, taken, reference)
    return taken


def take_or_owe(
    sql: sqlite3.Connection,
    now_ms: int,
    *,
    sku: str,
    warehouse: str,
    units: int,
    account: str,
    reference: str,
) -> int:
    """Move `units` from the pool into `account` and owe the rest; return how many are owed."""
    taken = take(
        sql, now_ms, sku=sku, warehouse=warehouse, units=units, account=account,
        reference=reference,
    )  # fmt: skip
    owed = units - taken
    if owed:
        sql.execute(
            "INSERT INTO rights_debts (sku, warehouse, account, units) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (sku, warehouse, account) DO UPDATE"
            " SET units = rights_debts.units + excluded.units",
            (sku, warehouse, account, owed),
        )
    return owed


def settle(sql: sqlite3.Connection, now_ms: int, sku: str, warehouse: str) -> None:
    """Pay what is owed from what the pool holds now; call it whenever a pool has grown."""
    for row in sql.execute(
        "SELECT account, units FROM rights_debts WHERE sku = ? AND warehouse = ? ORDER BY account",
        (sku, warehouse),
    ).fetchall():
        paid = take(
            sql, now_ms, sku=sku, warehouse=warehouse, units=row["units"],
            account=row["account"], reference="debt",
        )  # fmt: skip
        forgive(sql, sku, warehouse, row["account"], paid)


def forgive(sql: sqlite3.Connection, sku: str, warehouse: str, account: str, units: int) -> int:
    """Owe up to `units` less to an account; return how many were owed and are no longer."""
    row = sql.execute(
        "SELECT units FROM rights_debts WHERE sku = ? AND warehouse = ? AND account = ?",
        (sku, warehouse, account),
    ).fetchone()
    gone = 0 if row is None else min(units, int(row["units"]))
    if gone and gone == row["units"]:
        sql.execute(
            "DELETE FROM rights_debts WHERE sku = ? AND warehouse = ? AND account = ?",
            (sku, warehouse, account),
        )
    elif gone:
        sql.execute(
            "UPDATE rights_debts SET units = units - ?"
            " WHERE sku = ? AND warehouse = ? AND account = ?",
            (gone, sku, warehouse, account),
        )
    return gone


def journal(
    sql: sqlite3.Connection,
    now_ms: int,
    sku: str,
    warehouse: str,
    source: str,
    target: str,
    quantity: int,
    reference: str,
) -> None:
    """Write one line of the rights journal."""
    sql.execute(
        "INSERT INTO rights_journal (sku, warehouse, source, target, quantity, reference,"
        " at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (sku, warehouse, source, target, quantity, reference, now_ms),
    )
