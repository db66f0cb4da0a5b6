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
    sql: sqlite3.Connection, entropy: Entropy, expected_seq: int = 0
) -> fact_log.LogHead:
    """Start a new incarnation that names the old log as its parent; return its empty head.

    `expected_seq` is a line the old log is known to have reached, 0 when nobody knows.
    """
    old = fact_log.head(sql)
    incarnation = fact_log.new_incarnation(entropy)
    sql.execute(
        "INSERT INTO logs (incarnation, parent_incarnation, parent_seq, parent_hash, base_hash, "
        "head_hash, acked_hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (incarnation, old.incarnation, old.seq, old.hash, ZERO_HASH, ZERO_HASH, ZERO_HASH),
    )
    sql.execute("UPDATE node_state SET incarnation = ?", (incarnation,))
    recoveries.begin(sql, old.incarnation, old.seq, expected_seq)
    return fact_log.head(sql)
