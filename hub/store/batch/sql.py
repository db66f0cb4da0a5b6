"""A connection that lets books keep changes back until somebody has to see them.

When a warehouse comes back after days, hundreds of its facts are counted in one transaction, and
most of them touch the same parcels, orders and accounts again and again. A book of a batch
remembers the rows it has read and the changes it was asked for; they are written together at the
end. Any other statement on the connection, whoever runs it, first has everything written that was
kept back, and any statement that changes something makes the books forget what they have read. So a
book that knows nothing of batches works beside them, and nobody sees a world that never was.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from typing import Any, Final, Protocol, cast

REMEMBERED: Final = frozenset(
    {"orders", "order_lines", "parcels", "parcel_lines", "rights", "serials", "products"}
    | {"rights_debts", "warehouses"}
)
"""Tables of which books of a batch remember rows."""
_CHANGED: Final = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)")


class Keeper(Protocol):
    """A book that keeps changes back."""

    def write_out(self) -> None:
        """Write every change that was kept back, with the plain connection."""
        ...

    def forget(self) -> None:
        """Forget every row that was read; nothing is kept back at that moment."""
        ...


class BatchSql:
    """The connection of one batch; `plain` is the same connection without the memory."""

    def __init__(self, plain: sqlite3.Connection) -> None:
        """Work inside the transaction that is open on `plain`."""
        self.plain = plain
        self.keepers: list[Keeper] = []

    def flush(self) -> None:
        """Write everything that was kept back."""
        for keeper in self.keepers:
            keeper.write_out()

    def execute(self, statement: str, parameters: Any = ()) -> sqlite3.Cursor:
        """Run one statement over everything that happened so far."""
        self._before(statement)
        return self.plain.execute(statement, parameters)

    def executemany(self, statement: str, parameters: Iterable[Any]) -> sqlite3.Cursor:
        """Run one statement for every set of parameters."""
        self._before(statement)
        return self.plain.executemany(statement, parameters)

    def _before(self, statement: str) -> None:
        self.flush()
        if statement.startswith("SELECT"):
            return
        found = _CHANGED.match(statement)
        if found is None or found[1] in REMEMBERED:
            for keeper in self.keepers:
                keeper.forget()


def as_books(sql: BatchSql) -> sqlite3.Connection:
    """Return `sql` for the books, which ask for nothing that it does not have."""
    return cast("sqlite3.Connection", sql)
