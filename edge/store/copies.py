"""Copies of the books: taken while people work, proven before they count, and put back.

A copy of a file in use is no backup; `VACUUM INTO` is one consistent moment. It counts only after
it was opened again and found whole. A restored file starts a new incarnation of its log, so that no
sequence number the hub already knows is ever given to another fact.
Source: https://sqlite.org/lang_vacuum.html, reference protocol "WES-1" section 4.4.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from edge.store import fact_log, recoveries
from shared.domain.facts import ZERO_HASH
from shared.domain.ports import Entropy


def copy_into(sql: sqlite3.Connection, target: Path) -> None:
    """Write one consistent moment of the books into the new file `target`."""
    sql.execute("VACUUM INTO ?", (str(target),))


def branch_log(
    sql: sqlite3.Connection,
    entropy: Entropy,
    *,
    expected_seq: int = 0,
    incarnation: int | None = None,
    cut_seq: int | None = None,
) -> fact_log.LogHead:
    """Start a new incarnation that names a log as its parent; return the head of the current log.

    The old log (the current one unless `incarnation` names another) ends at `cut_seq`, by default
    at the last line the hub is known to have: a twin, or a forgotten past, may own the numbers
    behind. Its lines from there on happened here, so they open the new log, word for word.
    `expected_seq` is a line the old log is known to have reached, 0 when nobody knows.
    """
    current = fact_log.head(sql).incarnation
    old = fact_log.log_row(sql, current if incarnation is None else incarnation)
    cut = old["acked_seq"] if cut_seq is None else cut_seq
    cut = max(old["base_seq"], min(cut, old["head_seq"]))
    new = fact_log.new_incarnation(entropy)
    sql.execute(
        "INSERT INTO logs (incarnation, parent_incarnation, parent_seq, parent_hash, base_hash, "
        "head_hash, acked_hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            new,
            old["incarnation"],
            cut,
            fact_log.hash_at(sql, old["incarnation"], cut),
            ZERO_HASH,
            ZERO_HASH,
            ZERO_HASH,
        ),
    )
    fact_log.move_lines(sql, old["incarnation"], cut, new)
    if old["incarnation"] == current:
        sql.execute("UPDATE node_state SET incarnation = ?", (new,))
    recoveries.begin(sql, old["incarnation"], cut, expected_seq, had_seq=old["head_seq"])
    return fact_log.head(sql)
