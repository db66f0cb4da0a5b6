"""Which warehouses a restored hub still has to hear before it may promise what they hold.

A hub whose books were put back from a backup has forgotten what it promised and asked for since; a
hub that was founded anew because its books were lost has forgotten everything. Each warehouse
remembers. Until one has greeted and sent every line the hub lacks, its goods are not promised
again; commands given out meanwhile get numbers behind those it has already carried out.

An order that may be older than this life of the hub waits for *all* of them: it may have left from
a warehouse of which the backup does not know that it had the goods.
Source: reference protocol "WES-1", sections 4.5 and 4.9.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final, Literal

from hub.domain.rows import RecoveryRow
from shared.sync.protocol import Epoch, Hello

NEWER_HUB: Final = "*"
"""Stands for a hub of a later life that a warehouse has worked with."""
SKEW_MS: Final = 600_000
"""By how much a channel's clock may be ahead of the hub's."""


def begin(sql: sqlite3.Connection, kind: Literal["restored", "lost"], now_ms: int) -> None:
    """Wait for every warehouse that ever had an edge; after a loss, for every one there is."""
    known = "node_keys" if kind == "restored" else "nodes"
    sql.execute("DELETE FROM recovering_logs")
    sql.execute("DELETE FROM recovering WHERE node <> ?", (NEWER_HUB,))
    sql.execute(f"INSERT INTO recovering (node) SELECT DISTINCT node FROM {known}")  # noqa: S608
    sql.execute(
        "INSERT INTO recovery (only_row, kind, began_ms) VALUES (1, ?, ?) ON CONFLICT (only_row)"
        " DO UPDATE SET kind = excluded.kind, began_ms = excluded.began_ms, ended_ms = NULL",
        (kind, now_ms),
    )
    begin_roll_call(sql)


def begin_roll_call(sql: sqlite3.Connection) -> None:
    """Doubt every parcel that no floor has by these books: they may be older than their past.

    Nothing can be known before the warehouses were heard; see `hub.domain.roll_call`.
    """
    sql.execute(
        "INSERT INTO doubtful_parcels (parcel_id) SELECT parcel_id FROM parcels p"
        " WHERE p.state = 'reserved' AND NOT EXISTS"
        " (SELECT 1 FROM doubtful_parcels d WHERE d.parcel_id = p.parcel_id)"
    )


def end_roll_call(sql: sqlite3.Connection) -> None:
    """Everybody was heard: unless a recovery goes on, the books are as new as they seem."""
    sql.execute("DELETE FROM doubtful_parcels WHERE NOT EXISTS (SELECT 1 FROM recovering)")


def doubtful(sql: sqlite3.Connection, parcel_id: str) -> bool:
    """Say whether a floor may have this parcel although these books do not know it."""
    row = sql.execute("SELECT 1 FROM doubtful_parcels WHERE parcel_id = ?", (parcel_id,)).fetchone()
    return row is not None


def current(sql: sqlite3.Connection) -> RecoveryRow | None:
    """Return how this life began, None for the first life of these books."""
    row = sql.execute("SELECT kind, began_ms, ended_ms FROM recovery").fetchone()
    return None if row is None else RecoveryRow(row["kind"], row["began_ms"], row["ended_ms"])


def expect(sql: sqlite3.Connection, node: str) -> None:
    """Books that are being rebuilt wait for every warehouse that is made known meanwhile."""
    row = current(sql)
    if row is None or row.kind == "restored" or row.ended_ms is not None:
        return
    sql.execute(
        "INSERT INTO recovering (node) SELECT ? WHERE NOT EXISTS"
        " (SELECT 1 FROM nodes WHERE node = ?) ON CONFLICT DO NOTHING",
        (node, node),
    )


def came_from_backup(sql: sqlite3.Connection) -> bool:
    """Say whether this life of the hub began with a backup."""
    row = current(sql)
    return row is not None and row.kind == "restored"


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


def may_be_forgotten(sql: sqlite3.Connection, placed_ms: int) -> bool:
    """Say whether an order placed then may have been promised before this life of the hub.

    0 stands for a time that nobody told.
    """
    row = sql.execute(
        "SELECT began_ms FROM recovery WHERE EXISTS (SELECT 1 FROM recovering)"
    ).fetchone()
    return row is not None and placed_ms <= row["began_ms"] + SKEW_MS


def greeted(sql: sqlite3.Connection, hello: Hello) -> None:
    """Take in the first greeting of a warehouse that is waited for.

    One that was not waited for any more, or not yet, is waited for as well when it has lines from
    an earlier life of the hub that are not here.
    """
    row = sql.execute("SELECT reported FROM recovering WHERE node = ?", (hello.node,)).fetchone()
    if row is None:
        if not _has_untold_past(sql, hello):
            return
        sql.execute("INSERT INTO recovering (node) VALUES (?)", (hello.node,))
        sql.execute("UPDATE recovery SET ended_ms = NULL")
    if row is None or not row[0]:
        _renumber(sql, hello.node, hello.down_cursor)
    sql.execute("UPDATE recovering SET reported = 1 WHERE node = ?", (hello.node,))
    for head in hello.heads:
        sql.execute(
            "INSERT INTO recovering_logs (node, incarnation, head_seq) VALUES (?, ?, ?)"
            " ON CONFLICT (node, incarnation) DO UPDATE SET head_seq = excluded.head_seq",
            (hello.node, head.incarnation, head.seq),
        )


def _has_untold_past(sql: sqlite3.Connection, hello: Hello) -> bool:
    """Say whether an edge comes from another life of the hub with lines that are not here."""
    row = sql.execute("SELECT epoch, epoch_token FROM hub_identity").fetchone()
    if hello.hub_epoch_seen in (Epoch(), Epoch(row["epoch"], bytes(row["epoch_token"]))):
        return False
    logs = sql.execute(
        "SELECT incarnation, applied_seq FROM node_logs WHERE node = ?", (hello.node,)
    )
    applied = {log["incarnation"]: log["applied_seq"] for log in logs}
    return any(head.seq > applied.get(head.incarnation, 0) for head in hello.heads)


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


def end(sql: sqlite3.Connection, now_ms: int) -> None:
    """Note that every warehouse was heard or written off."""
    sql.execute("DELETE FROM doubtful_parcels")
    sql.execute("UPDATE recovery SET ended_ms = ? WHERE ended_ms IS NULL", (now_ms,))


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
