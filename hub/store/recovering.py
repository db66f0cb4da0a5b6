"""Which warehouses a restored hub still has to hear before it may promise what they hold.

A hub whose books were put back from a backup has forgotten what it promised and asked for since.
Each warehouse remembers. Until one has greeted and sent every line the hub lacks, its goods are not
promised again; commands given out meanwhile get numbers behind those it has already carried out.
Source: reference protocol "WES-1", sections 4.5 and 4.9.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from shared.sync.protocol import Hello

NEWER_HUB: Final = "*"
"""Stands for a hub of a later life that a warehouse has worked with."""


def begin(sql: sqlite3.Connection) -> None:
    """Wait for every warehouse whose edge is enrolled."""
    sql.execute("DELETE FROM recovering_logs")
    sql.execute("DELETE FROM recovering WHERE node <> ?", (NEWER_HUB,))
    sql.execute(
        "INSERT INTO recovering (node) SELECT DISTINCT node FROM node_keys WHERE revoked_ms IS NULL"
    )


def stop_for_newer(sql: sqlite3.Connection) -> None:
    """Promise nothing any more: a newer hub runs."""
    sql.execute("INSERT INTO recovering (node) VALUES (?) ON CONFLICT DO NOTHING", (NEWER_HUB,))


def nodes(sql: sqlite3.Connection) -> list[str]:
    """Return the warehouses that are still waited for, in order."""
    return [row[0] for row in sql.execute("SELECT node FROM recovering ORDER BY node")]


def frozen(sql: sqlite3.Connection, skus: Iterable[str]) -> frozenset[str]:
    """Return those of `skus` that a warehouse still waited for may hold."""
    waited = nodes(sql)
    if not waited:
        return frozenset()
    if NEWER_HUB in waited:
        return frozenset(skus)
    held = sql.execute(
        "SELECT DISTINCT r.sku FROM rights r JOIN recovering w ON w.node = r.warehouse"
        " WHERE r.minted > 0"
    )
    return frozenset(row[0] for row in held) & frozenset(skus)


def greeted(sql: sqlite3.Connection, hello: Hello) -> None:
    """Take in the first greeting of a warehouse that is waited for."""
    row = sql.execute("SELECT reported FROM recovering WHERE node = ?", (hello.node,)).fetchone()
    if row is None:
        return
    if not row[0]:
        _renumber(sql, hello.node, hello.down_cursor)
    sql.execute("UPDATE recovering SET reported = 1 WHERE node = ?", (hello.node,))
    for head in hello.heads:
        sql.execute(
            "INSERT INTO recovering_logs (node, incarnation, head_seq) VALUES (?, ?, ?)"
            " ON CONFLICT (node, incarnation) DO UPDATE SET head_seq = excluded.head_seq",
            (hello.node, head.incarnation, head.seq),
        )


def _renumber(sql: sqlite3.Connection, node: str, down_cursor: int) -> None:
    """Put commands whose fate the hub does not know behind the last one the edge carried out.

    One that the edge did carry out under its old number is known there by its id and has no effect.
    """
    row = sql.execute("SELECT cacked_seq FROM command_heads WHERE node = ?", (node,)).fetchone()
    if row is None or down_cursor <= row[0]:
        return
    known, shift = row[0], down_cursor - row[0]
    # Through negative numbers, because two commands must never have the same one.
    sql.execute("UPDATE commands SET seq = -seq WHERE node = ? AND seq > ?", (node, known))
    sql.execute("UPDATE commands SET seq = ? - seq WHERE node = ? AND seq < 0", (shift, node))
    sql.execute(
        "UPDATE command_heads SET head_seq = head_seq + ?, cacked_seq = ? WHERE node = ?",
        (shift, down_cursor, node),
    )


def take_complete(sql: sqlite3.Connection) -> list[str]:
    """Return the warehouses that have told everything, and wait for them no longer."""
    rows = sql.execute(
        "SELECT w.node FROM recovering w WHERE w.reported = 1 AND NOT EXISTS ("
        " SELECT 1 FROM recovering_logs l LEFT JOIN node_logs n"
        " ON n.node = l.node AND n.incarnation = l.incarnation"
        " WHERE l.node = w.node AND coalesce(n.applied_seq, 0) < l.head_seq) ORDER BY w.node"
    ).fetchall()
    complete = [row[0] for row in rows]
    for node in complete:
        forget(sql, node)
    return complete


def wake_waiting(sql: sqlite3.Connection) -> None:
    """Have every backordered order tried again."""
    sql.execute(
        "INSERT INTO arrivals (sku, after_order_id)"
        " SELECT DISTINCT sku, '' FROM order_lines WHERE missing > 0"
        " ON CONFLICT (sku) DO UPDATE SET after_order_id = ''"
    )


def forget(sql: sqlite3.Connection, node: str) -> bool:
    """Wait no longer for `node`; return False when it was not waited for."""
    sql.execute("DELETE FROM recovering_logs WHERE node = ?", (node,))
    return bool(sql.execute("DELETE FROM recovering WHERE node = ?", (node,)).rowcount)
