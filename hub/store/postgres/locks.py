"""Every lock that hub processes take on shared books, in one place and one order.

A use case never locks rows in an order of its own: whoever writes holds BOOKS, and BOOKS is held
by one process at a time for one group of use cases. So there is nothing to deadlock over, and what
a use case has read stays true until its commit, exactly as in the file with its one writer. The
order is the order of the numbers; a process that holds one lock may only ask for a higher one.
Source: https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS.
"""

from __future__ import annotations

import zlib
from enum import IntEnum

from hub.store.postgres.sql import PostgresSql

_HOUSE = 0x42_43


class Lock(IntEnum):
    """What is locked. LEAD is held for a process's life, the others for one transaction."""

    LEAD = 1
    """Runs the pumps and listens for warehouses."""
    SCHEMA = 2
    """Changes the schema."""
    BOOKS = 3
    """Writes the books."""


def numbers(sql: PostgresSql, lock: Lock) -> tuple[int, int]:
    """Return the two numbers that name `lock` on the books in the connection's schema."""
    row = sql.execute("SELECT coalesce(current_schema(), '')").fetchone()
    schema = "" if row is None else str(row[0])
    return _HOUSE << 4 | lock, zlib.crc32(schema.encode()) - 2**31


def wait_for(sql: PostgresSql, lock: Lock) -> None:
    """Take `lock` until the transaction ends. Raises psycopg.errors.LockNotAvailable in time."""
    sql.execute("SELECT pg_advisory_xact_lock(?, ?)", numbers(sql, lock))


def try_to_lead(sql: PostgresSql) -> bool:
    """Take LEAD for as long as the connection lives; False when another process has it."""
    row = sql.execute("SELECT pg_try_advisory_lock(?, ?)", numbers(sql, Lock.LEAD)).fetchone()
    return row is not None and bool(row[0])
