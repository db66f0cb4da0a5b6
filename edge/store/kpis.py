"""The figures a shift leader looks at: what is left against the cut-offs, and how fast it goes."""

from __future__ import annotations

import sqlite3
from typing import Any


def cut_offs(sql: sqlite3.Connection, *, since_ms: int) -> list[dict[str, Any]]:
    """Return per courier and cut-off how many parcels are in each stage, the next one first."""
    rows = sql.execute(
        "SELECT courier, cut_off_ms, COUNT(*) AS parcels, "
        "SUM(state = 'waiting') AS waiting, SUM(state = 'planned') AS planned, "
        "SUM(state = 'picking') AS picking, SUM(state IN ('picked', 'packing')) AS picked, "
        "SUM(state = 'packed') AS packed, SUM(state = 'shipped') AS shipped, "
        "SUM(state = 'short') AS short "
        "FROM parcels WHERE state <> 'cancelled' "
        "AND (state NOT IN ('shipped', 'short') OR changed_ms >= ?) "
        "GROUP BY courier, cut_off_ms ORDER BY cut_off_ms, courier",
        (since_ms,),
    )
    return [dict(row) for row in rows]


def totals(sql: sqlite3.Connection, *, since_ms: int) -> dict[str, int]:
    """Return counts since `since_ms` (today) and what is open now."""
    row = sql.execute(
        "SELECT "
        "(SELECT COUNT(*) FROM parcels WHERE shipped_ms >= :since) AS parcels_shipped, "
        "(SELECT COUNT(*) FROM parcels WHERE packed_ms >= :since) AS parcels_packed, "
        "(SELECT COUNT(*) FROM parcels WHERE state IN "
        " ('waiting', 'planned', 'picking', 'picked', 'packing', 'packed')) AS parcels_open, "
        "(SELECT COALESCE(SUM(quantity), 0) FROM movements "
        " WHERE at_ms >= :since AND target LIKE 'tote:%') AS units_picked, "
        "(SELECT COALESCE(SUM(quantity), 0) FROM movements "
        " WHERE at_ms >= :since AND source = 'supplier') AS units_received, "
        "(SELECT COALESCE(SUM(quantity), 0) FROM movements "
        " WHERE at_ms >= :since AND target = 'loss') AS units_lost, "
        "(SELECT COUNT(*) FROM exceptions WHERE solved_ms IS NULL) AS exceptions_open, "
        "(SELECT COUNT(*) FROM operations WHERE at_ms >= :since) AS scans, "
        "(SELECT COUNT(*) FROM operations WHERE at_ms >= :since AND accepted = 0) AS scans_refused",
        {"since": since_ms},
    ).fetchone()
    return {str(name): int(row[name]) for name in row.keys()}  # noqa: SIM118  a Row, not a dict
