"""Keeping the box small: old lines, old answers and ended recoveries go, a little at a time.

The promise behind it: a scan that a device sends again within SCAN_RETENTION_DAYS gets its first
answer again, word for word. Later than that it is judged anew, and the books themselves refuse what
cannot be (a unit that left cannot be picked). Head office keeps every line for ever.
"""

from __future__ import annotations

from typing import Final

from edge.store import pruning
from shared.runtime.database import Transaction

DAY_MS: Final = 86_400_000
FACT_RETENTION_DAYS: Final = 30
"""Default age at which a line that is in a proven backup of the hub may go."""
SCAN_RETENTION_DAYS: Final = 30
"""A device's repeat within this gets the first answer again."""
ROWS_PER_STEP: Final = 200
"""Rows dropped in one transaction: scans that wait behind it wait a few milliseconds."""


def prune(tx: Transaction, *, now_ms: int, fact_retention_ms: int) -> int:
    """Drop one portion of what is old enough; return how many rows went, 0 when all is done."""
    sql = tx.sql
    return (
        pruning.drop_lines(sql, before_ms=now_ms - fact_retention_ms, lines_max=ROWS_PER_STEP)
        or pruning.drop_scans(
            sql, before_ms=now_ms - SCAN_RETENTION_DAYS * DAY_MS, scans_max=ROWS_PER_STEP
        )
        or pruning.drop_recoveries(sql)
    )
