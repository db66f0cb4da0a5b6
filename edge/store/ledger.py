"""The stock ledger on disk: each movement is one row, both balances follow in the same breath.

`post` is the only way stock changes. The guard against a place below zero is the UPDATE itself, not
a check made before it, so two scans can never take the same last unit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from shared.domain import ledger as rules
from shared.domain.errors import Refused
from shared.domain.ledger import Movement, is_place, place_name


class Shelf(NamedTuple):
    """Units of one SKU in one bin."""

    bin: str
    sku: str
    quantity: int


_INSERT = (
    "INSERT INTO movements (op_id, sku, serial, quantity, source, target, actor, at_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_ADD = (
    "INSERT INTO balances (account, sku, quantity) VALUES (?, ?, ?) "
    "ON CONFLICT (account, sku) DO UPDATE SET quantity = quantity + excluded.quantity"
)
_TAKE = (
    "UPDATE balances SET quantity = quantity - ? WHERE account = ? AND sku = ? AND quantity >= ?"
)


def post(
    sql: sqlite3.Connection, *, op_id: str, actor: str, at_ms: int, movement: Movement
) -> None:
    """Append `movement` and update both balances.

    Raises Refused `not_enough` when a place would fall below zero, `movement_empty` or
    `movement_serial` when the movement is malformed.
    """
    rules.check(movement)
    one = movement
    _transfer(sql, one.sku, one.quantity, one.source, one.target)
    sql.execute(
        _INSERT,
        (op_id, one.sku, one.serial, one.quantity, one.source, one.target, actor, at_ms),
    )


def post_serials(
    sql: sqlite3.Connection,
    *,
    op_id: str,
    actor: str,
    at_ms: int,
    sku: str,
    serials: Sequence[str],
    source: str,
    target: str,
) -> None:
    """Move many serial-numbered units of one SKU at once: a row each, one change per balance.

    Raises Refused `not_enough` when the source place holds fewer.
    """
    if not serials:
        return
    _transfer(sql, sku, len(serials), source, target)
    sql.executemany(
        _INSERT, [(op_id, sku, serial, 1, source, target, actor, at_ms) for serial in serials]
    )


def _transfer(sql: sqlite3.Connection, sku: str, quantity: int, source: str, target: str) -> None:
    if is_place(source):
        taken = sql.execute(_TAKE, (quantity, source, sku, quantity)).rowcount
        if not taken:
            raise Refused(
                "not_enough",
                f"Failed to take {quantity} of {sku} from {place_name(source)}: "
                f"the record holds {balance(sql, source, sku)}.",
                hint="Count the place and tell your lead.",
            )
    else:
        sql.execute(_ADD, (source, sku, -quantity))
    sql.execute(_ADD, (target, sku, quantity))


def balance(sql: sqlite3.Connection, account: str, sku: str) -> int:
    """Return the units of `sku` in `account`, 0 when it never held any."""
    row = sql.execute(
        "SELECT quantity FROM balances WHERE account = ? AND sku = ?", (account, sku)
    ).fetchone()
    return int(row[0]) if row else 0


def on_hand(sql: sqlite3.Connection) -> dict[str, int]:
    """Return the units per SKU inside the warehouse: the sum over all places."""
    rows = sql.execute(
        "SELECT sku, SUM(quantity) FROM balances WHERE account LIKE '%:%' "
        "GROUP BY sku HAVING SUM(quantity) > 0"
    )
    return {str(sku): int(units) for sku, units in rows}


def contents(sql: sqlite3.Connection, account: str) -> dict[str, int]:
    """Return the units per SKU in one account, empty SKUs left out."""
    rows = sql.execute(
        "SELECT sku, quantity FROM balances WHERE account = ? AND quantity > 0 ORDER BY sku",
        (account,),
    )
    return {str(sku): int(units) for sku, units in rows}


def bin_known(sql: sqlite3.Connection, code: str) -> bool:
    """Return True for a bin that ever held stock or waits for goods on an ASN."""
    row = sql.execute(
        "SELECT EXISTS (SELECT 1 FROM balances WHERE account = 'bin:' || :code) "
        "OR EXISTS (SELECT 1 FROM receipt_lines WHERE bin = :code)",
        {"code": code},
    ).fetchone()
    return bool(row[0])


def bins(sql: sqlite3.Connection) -> list[str]:
    """Return the codes of all bins that ever held stock, sorted."""
    rows = sql.execute(
        "SELECT DISTINCT substr(account, 5) FROM balances "
        "WHERE account >= 'bin:' AND account < 'bin;' ORDER BY 1"
    )
    return [str(row[0]) for row in rows]


def shelves(
    sql: sqlite3.Connection, *, sku: str = "", bin_code: str = "", limit: int = 1_000
) -> list[Shelf]:
    """Return bins with stock, of one SKU or one bin when given, in bin order."""
    rows = sql.execute(
        "SELECT substr(account, 5) AS bin, sku, quantity FROM balances "
        "WHERE account >= 'bin:' AND account < 'bin;' AND quantity > 0 "
        "AND (:sku = '' OR sku = :sku) AND (:bin = '' OR account = 'bin:' || :bin) "
        "ORDER BY account, sku LIMIT :limit",
        {"sku": sku, "bin": bin_code, "limit": limit},
    )
    return [Shelf(*row) for row in rows]


def prefix_empty(sql: sqlite3.Connection, prefix: str) -> bool:
    """Return True when no account whose name starts with `prefix` holds a unit."""
    row = sql.execute(
        "SELECT EXISTS (SELECT 1 FROM balances "
        "WHERE account >= :low AND account < :low || char(1114111) AND quantity > 0)",
        {"low": prefix},
    ).fetchone()
    return not row[0]


def movements(sql: sqlite3.Connection) -> Iterator[Movement]:
    """Yield every movement in the order it was posted."""
    rows = sql.execute(
        "SELECT movement_id, sku, serial, quantity, source, target FROM movements "
        "ORDER BY movement_id"
    )
    for number, sku, serial, quantity, source, target in rows:
        yield Movement(
            movement_id=str(number),
            sku=sku,
            serial=serial,
            quantity=quantity,
            source=source,
            target=target,
        )


def balances(sql: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """Return every balance that is not zero."""
    rows = sql.execute("SELECT account, sku, quantity FROM balances WHERE quantity <> 0")
    return {(str(account), str(sku)): int(units) for account, sku, units in rows}
