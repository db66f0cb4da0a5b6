"""Which machine speaks for a warehouse: the numbers that welcomes give out, and who showed them.

A disk can be copied, a number that was given out a moment ago cannot be on the copy. So there is
one line of succession, whatever is cloned or put back; a person may pass it on to another machine.
Source: reference protocol "WES-1", sections 4.4 and 4.9.
"""

from __future__ import annotations

import sqlite3

from hub.sync.core_hello import Fence
from shared.domain.ports import Entropy
from shared.sync.protocol import NO_FENCE, Hello


def load(sql: sqlite3.Connection, node: str) -> Fence:
    """Return what is known of a warehouse's fence; nothing yet means it is open."""
    row = sql.execute(
        "SELECT given, confirmed, offered, machine, branch_first FROM fences WHERE node = ?",
        (node,),
    ).fetchone()
    if row is None:
        return Fence()
    return Fence(
        count=row["given"],
        confirmed=None if row["confirmed"] is None else bytes(row["confirmed"]),
        offered=None if row["offered"] is None else bytes(row["offered"]),
        machine=row["machine"],
        branch_first=bool(row["branch_first"]),
    )


def valid(sql: sqlite3.Connection) -> dict[str, frozenset[bytes]]:
    """Return for each warehouse the numbers under which a machine may go on."""
    rows = sql.execute(
        "SELECT node, confirmed, offered FROM fences WHERE confirmed IS NOT NULL"
    ).fetchall()
    return {
        row["node"]: frozenset(
            bytes(fence) for fence in (row["confirmed"], row["offered"]) if fence is not None
        )
        for row in rows
    }


def offer(sql: sqlite3.Connection, hello: Hello, entropy: Entropy) -> bytes:
    """Give an accepted greeting its number; the number it showed is confirmed by showing it."""
    if hello.fence is None:
        return NO_FENCE
    before = load(sql, hello.node)
    count = before.count + 1
    fence = count.to_bytes(4, "big") + entropy.token_bytes(4)
    confirmed = hello.fence if hello.fence == before.offered else before.confirmed
    sql.execute(
        "INSERT INTO fences (node, given, confirmed, offered, machine) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (node) DO UPDATE SET given = excluded.given, confirmed = excluded.confirmed,"
        " offered = excluded.offered, machine = excluded.machine, branch_first = 0",
        (hello.node, count, confirmed, fence, hello.machine or before.machine),
    )
    return fence


def confirm(sql: sqlite3.Connection, node: str, fence: bytes) -> None:
    """Note that the machine which was offered `fence` has it on its disk: no other may come."""
    sql.execute(
        "UPDATE fences SET confirmed = offered, offered = NULL WHERE node = ? AND offered = ?",
        (node, fence),
    )


def turned_away(sql: sqlite3.Connection, hello: Hello) -> None:
    """Remember what a refused machine showed, so that it can be adopted."""
    sql.execute(
        "UPDATE fences SET refused = ?, refused_machine = ? WHERE node = ?",
        (hello.fence, hello.machine, hello.node),
    )


def open_for(sql: sqlite3.Connection, node: str) -> None:
    """Let the next machine in, whichever it is: an operator has given it a key."""
    sql.execute(
        "UPDATE fences SET confirmed = NULL, offered = NULL, machine = '', refused = NULL"
        " WHERE node = ?",
        (node,),
    )


def open_all(sql: sqlite3.Connection) -> None:
    """Let every warehouse in again: a hub put back from a backup knows old numbers only."""
    sql.execute("UPDATE fences SET confirmed = NULL, offered = NULL, machine = '', refused = NULL")


def adopt(sql: sqlite3.Connection, node: str) -> bool:
    """Make the machine that was turned away last the warehouse's; False when none was.

    It begins a log of its own, because the other one may have gone on under the one they share.
    """
    changed = sql.execute(
        "UPDATE fences SET confirmed = refused, offered = NULL, machine = refused_machine,"
        " refused = NULL, branch_first = 1 WHERE node = ? AND refused IS NOT NULL",
        (node,),
    )
    return changed.rowcount > 0
