"""Commands down to the edges and the logs they sent up, on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from hub.store import fact_log, recovering
from shared.domain.commands import Command
from shared.domain.facts import FactRecord


class SqliteNodes:
    """See `hub.store.protocol_office.NodeBook`. A node's name is its warehouse code."""

    def __init__(self, sql: sqlite3.Connection) -> None:
        """Work on the connection of one transaction."""
        self._sql = sql

    def queue(self, warehouse: str, command: Command, command_id: str) -> None:
        """Add a command to what a warehouse must do."""
        fact_log.queue_command(self._sql, warehouse, command, command_id=command_id)

    def make_known(self, warehouse: str, name: str) -> None:
        """Make a warehouse's edge known, so that it can be enrolled."""
        fact_log.ensure_node(self._sql, warehouse, name)

    def facts_count(self) -> int:
        """Return how many facts of all warehouses are on the books."""
        row = self._sql.execute("SELECT coalesce(sum(applied_seq), 0) FROM node_logs").fetchone()
        return int(row[0])

    def recovering(self) -> list[str]:
        """Return the warehouses that a restored hub still waits for, `*` for a newer hub."""
        return recovering.nodes(self._sql)

    def frozen(self, skus: Iterable[str]) -> frozenset[str]:
        """Return those of `skus` that cannot be promised before more warehouses have reported."""
        return recovering.frozen(self._sql, skus)

    def take_recovered(self) -> list[str]:
        """Return the warehouses that have told everything, and wait for them no longer."""
        return recovering.take_complete(self._sql)

    def stop_waiting(self, warehouse: str) -> bool:
        """Wait no longer for a warehouse; return False when it was not waited for."""
        return recovering.forget(self._sql, warehouse)

    def wake_waiting(self) -> None:
        """Have every backordered order tried again."""
        recovering.wake_waiting(self._sql)

    def facts(self) -> Iterator[FactRecord]:
        """Yield every fact of every log that was counted, in the order of its log."""
        rows = self._sql.execute(
            "SELECT node, incarnation, seq, prev_hash, hash, kind, version, body, wall_ms,"
            " mono_ms, op_id, actor FROM facts f WHERE NOT EXISTS (SELECT 1 FROM quarantine q"
            " WHERE q.node = f.node AND q.incarnation = f.incarnation AND q.seq = f.seq"
            " AND q.solved_ms IS NULL) ORDER BY node, incarnation, seq"
        )
        for row in rows:
            yield FactRecord(*row)
