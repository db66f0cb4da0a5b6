"""Commands down to the edges and the logs they sent up, on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator

from hub.domain.rows import MissingLines, RecoveryCounts, RecoveryRow, WaitedFor
from hub.store import fact_log, fences, learnt, recovering
from hub.store.sqlite.filters import marks
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
        recovering.expect(self._sql, warehouse)
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

    def recovery(self) -> RecoveryRow | None:
        """Return how this life of the hub began, None for the first."""
        return recovering.current(self._sql)

    def recovery_counts(self) -> RecoveryCounts:
        """Return what a recovery has brought so far."""
        return learnt.counts(self._sql)

    def waited_for(self) -> list[WaitedFor]:
        """Return the warehouses that are waited for and how much of each is still to come."""
        return learnt.waited_for(self._sql)

    def missing_lines(self) -> list[MissingLines]:
        """Return the lines that no warehouse keeps any more."""
        return learnt.missing_lines(self._sql)

    def may_be_forgotten(self, placed_ms: int) -> bool:
        """Say whether an order placed then (0: unknown) may have left before this life began."""
        return recovering.may_be_forgotten(self._sql, placed_ms)

    def begin_roll_call(self) -> None:
        """Doubt every parcel that no floor has by these books, until the warehouses were heard."""
        recovering.begin_roll_call(self._sql)

    def end_roll_call(self) -> None:
        """Note that everybody was heard."""
        recovering.end_roll_call(self._sql)

    def doubtful(self, parcel_id: str) -> bool:
        """Say whether a floor may have this parcel although these books do not know it."""
        return recovering.doubtful(self._sql, parcel_id)

    def end_recovery(self, now_ms: int) -> None:
        """Note that every warehouse was heard or written off."""
        recovering.end(self._sql, now_ms)

    def learn_parcel(self, parcel_id: str, order_id: str, order_version: int) -> None:
        """Remember that a floor told of this parcel; its order has to be settled."""
        learnt.note(self._sql, parcel_id, order_id, order_version)

    def learnt_version(self, order_id: str) -> int | None:
        """Return the newest version that a learnt parcel of the order was made for, if any."""
        return learnt.version_of(self._sql, order_id)

    def unsettled_orders(self, limit: int) -> list[str]:
        """Return orders of learnt parcels that were not compared with what their shop wants."""
        return learnt.unsettled_orders(self._sql, limit)

    def order_settled(self, order_id: str) -> None:
        """Note that the order of learnt parcels is what its shop wants."""
        learnt.settled(self._sql, order_id)

    def note_uncovered(self, parcel_id: str, line_no: int, units: int) -> None:
        """Remember units of a learnt parcel to which no right was left."""
        learnt.uncovered(self._sql, parcel_id, line_no, units)

    def take_uncovered(self, warehouse: str) -> list[tuple[str, int, int]]:
        """Return and forget (parcel, line, units) without a right in a warehouse's parcels."""
        return learnt.take_uncovered(self._sql, warehouse)

    def adopt_machine(self, warehouse: str) -> bool:
        """Make the machine turned away last the warehouse's; return False when none was."""
        return fences.adopt(self._sql, warehouse)

    def facts(self, kinds: Collection[str] = ()) -> Iterator[FactRecord]:
        """Yield every fact (of `kinds` only) of every log that was counted, in its log's order."""
        chosen = f" AND kind IN ({marks(len(kinds))})" if kinds else ""
        rows = self._sql.execute(
            "SELECT node, incarnation, seq, prev_hash, hash, kind, version, body, wall_ms,"  # noqa: S608
            " mono_ms, op_id, actor FROM facts f WHERE NOT EXISTS (SELECT 1 FROM quarantine q"
            " WHERE q.node = f.node AND q.incarnation = f.incarnation AND q.seq = f.seq"
            " AND q.solved_ms IS NULL) AND NOT EXISTS (SELECT 1 FROM retold t"
            " WHERE t.node = f.node AND t.incarnation = f.incarnation AND t.seq = f.seq)"
            f"{chosen} ORDER BY node, incarnation, seq",
            tuple(kinds),
        )
        for row in rows:
            yield FactRecord(*row)
