"""The change feed of a batch."""

from __future__ import annotations

from collections.abc import Callable

from hub.store.batch.sql import BatchSql, as_books
from hub.store.sqlite.journal import FeedLine, SqliteJournal


class BatchJournal(SqliteJournal):
    """See `hub.store.protocol_office.Journal`."""

    def __init__(
        self,
        sql: BatchSql,
        now_ms: int,
        actor: str,
        new_id: Callable[[], str],
        tell: Callable[[str], None],
    ) -> None:
        """Keep lines of the feed back until `sql` flushes."""
        super().__init__(as_books(sql), now_ms, actor, new_id, tell)
        self._plain = sql.plain
        self._exceptions = SqliteJournal(sql.plain, now_ms, actor, new_id, tell)
        self._kept: list[FeedLine] = []
        sql.keepers.append(self)

    def _add(self, line: FeedLine) -> None:
        self._kept.append(line)

    def solve(self, kind: str, warehouse: str, subject: str, note: str) -> None:
        """Close the open exception of this kind and subject; no exception is kept back."""
        self._exceptions.solve(kind, warehouse, subject, note)

    def write_out(self) -> None:
        """Write the lines in their order."""
        if self._kept:
            kept, self._kept = self._kept, []
            self.write_lines(self._plain, kept)

    def forget(self) -> None:
        """Nothing is remembered."""
