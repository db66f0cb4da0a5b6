"""Letting go of what head office keeps for good, so that a small box lasts for years.

Head office keeps every line of every log. This node keeps its own lines until head office has
them in a backup that was opened and proven (`stable`), and then for the retention on top, so that
even an older backup can be put back there without a hole. What is dropped leaves three things
behind: the number and hash at which the kept part of the log begins, how many lines of each kind
there were, and an anchor that ties both together. With them the chain and the books are still
proven whole.
Source: reference protocol "WES-1", sections 4.9 and 4.11 (I11).
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from typing import Final

import msgspec

from edge.store import recoveries

SCANS_KEPT: Final = 1_000
"""Latest scans of each station that are kept whatever the clock says: a clock set wrong by a year
must not make a scan count twice."""


def drop_lines(sql: sqlite3.Connection, *, before_ms: int, lines_max: int) -> int:
    """Drop at most `lines_max` of the oldest lines; return how many were dropped.

    Only lines written before `before_ms` that are in a proven backup of the hub; never the last
    line of a log, and nothing while a part of this node's past is still on its way back.
    """
    if recoveries.running(sql):
        return 0
    for log in sql.execute(
        "SELECT incarnation, base_seq, min(stable_seq, head_seq - 1) AS last_seq FROM logs "
        "WHERE base_seq < min(stable_seq, head_seq - 1) ORDER BY incarnation"
    ).fetchall():
        rows = sql.execute(
            "SELECT seq, hash, kind, wall_ms FROM facts "
            "WHERE incarnation = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
            (log["incarnation"], log["base_seq"], log["last_seq"], lines_max),
        ).fetchall()
        count = next((n for n, row in enumerate(rows) if row["wall_ms"] >= before_ms), len(rows))
        if count:
            _drop(sql, log["incarnation"], rows[:count])
            return count
    return 0


def _drop(sql: sqlite3.Connection, incarnation: int, rows: list[sqlite3.Row]) -> None:
    last = rows[-1]
    sql.execute("DELETE FROM facts WHERE incarnation = ? AND seq <= ?", (incarnation, last["seq"]))
    sql.executemany(
        "INSERT INTO dropped_facts VALUES (?, ?, ?) "
        "ON CONFLICT (incarnation, kind) DO UPDATE SET facts = facts + excluded.facts",
        [(incarnation, kind, n) for kind, n in Counter(row["kind"] for row in rows).items()],
    )
    set_base(sql, incarnation, last["seq"], bytes(last["hash"]))


def set_base(sql: sqlite3.Connection, incarnation: int, seq: int, digest: bytes) -> None:
    """Note that the kept part of a log follows line `seq`; its dropped lines are counted before."""
    anchor = _anchor(incarnation, seq, digest, _dropped(sql, incarnation))
    sql.execute(
        "UPDATE logs SET base_seq = ?, base_hash = ?, base_anchor = ? WHERE incarnation = ?",
        (seq, digest, anchor, incarnation),
    )


def _dropped(sql: sqlite3.Connection, incarnation: int) -> list[tuple[str, int]]:
    rows = sql.execute(
        "SELECT kind, facts FROM dropped_facts WHERE incarnation = ? ORDER BY kind", (incarnation,)
    )
    return [(row["kind"], row["facts"]) for row in rows]


def _anchor(incarnation: int, seq: int, digest: bytes, counts: list[tuple[str, int]]) -> bytes:
    return hashlib.sha256(digest + msgspec.msgpack.encode((incarnation, seq, counts))).digest()


def bases(sql: sqlite3.Connection) -> tuple[int, list[str]]:
    """Compare each log's base with the counts of its dropped lines; return (logs, what differs)."""
    logs = sql.execute("SELECT incarnation, base_seq, base_hash, base_anchor FROM logs").fetchall()
    wrong: list[str] = []
    for log in logs:
        incarnation, seq = log["incarnation"], log["base_seq"]
        counts = _dropped(sql, incarnation)
        total = sum(facts for _, facts in counts)
        if total != seq:
            wrong.append(f"log {incarnation}: {seq} lines were dropped, {total} are counted")
        elif seq and bytes(log["base_anchor"]) != _anchor(
            incarnation, seq, bytes(log["base_hash"]), counts
        ):
            wrong.append(f"log {incarnation}: the counts of dropped lines were changed")
    return len(logs), wrong


def drop_scans(sql: sqlite3.Connection, *, before_ms: int, scans_max: int) -> int:
    """Forget at most `scans_max` answers given before `before_ms`; return how many.

    The latest SCANS_KEPT of each station stay.
    """
    dropped = 0
    for (station,) in sql.execute("SELECT DISTINCT station FROM operations").fetchall():
        dropped += sql.execute(
            "DELETE FROM operations WHERE op_id IN (SELECT op_id FROM operations "
            "WHERE station = :station AND at_ms < min(:before_ms, coalesce((SELECT at_ms "
            "FROM operations WHERE station = :station ORDER BY at_ms DESC LIMIT 1 OFFSET :kept), "
            "0)) ORDER BY at_ms LIMIT :room)",
            {
                "station": station,
                "before_ms": before_ms,
                "kept": SCANS_KEPT - 1,
                "room": scans_max - dropped,
            },
        ).rowcount
        if dropped >= scans_max:
            break
    return dropped


def drop_recoveries(sql: sqlite3.Connection) -> int:
    """Forget recoveries that ended and whose log is whole in a proven backup; return how many."""
    if recoveries.running(sql):
        return 0
    return sql.execute(
        "DELETE FROM recoveries WHERE ended AND incarnation IN "
        "(SELECT incarnation FROM logs WHERE stable_seq >= head_seq)"
    ).rowcount
