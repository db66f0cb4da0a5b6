"""The change feed, exceptions for people, and the audit log, on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from hub.domain.rows import AuditEntry, Event, HubException
from hub.store.sqlite.filters import where

_EVENT_COLUMNS: Final = "event_id, at_ms, kind, order_id, parcel_id, warehouse, data"
_EXCEPTION_COLUMNS: Final = ", ".join(HubException.__struct_fields__)
FeedLine = tuple[int, str, str | None, str | None, str | None, str]
"""Time, kind, order, parcel, warehouse and data of one line of the change feed."""
_encode = msgspec.json.Encoder().encode


def _event(row: sqlite3.Row) -> Event:
    values = dict(row)
    values["data"] = msgspec.Raw(values["data"].encode())
    return Event(**values)


class SqliteJournal:
    """See `hub.store.protocol_office.Journal`."""

    def __init__(
        self,
        sql: sqlite3.Connection,
        now_ms: int,
        actor: str,
        new_id: Callable[[], str],
        tell: Callable[[str], None],
    ) -> None:
        """Work on the connection of one transaction; the first event tells `events`."""
        self._tell = tell
        self._told = False
        self._sql = sql
        self._now_ms = now_ms
        self._actor = actor
        self._new_id = new_id

    def event(
        self,
        kind: str,
        *,
        order_id: str | None = None,
        parcel_id: str | None = None,
        warehouse: str | None = None,
        data: object = None,
    ) -> None:
        """Add a line to the change feed; `data` must not carry personal data."""
        told = "{}" if data is None else _encode(data).decode()
        self._add((self._now_ms, kind, order_id, parcel_id, warehouse, told))
        if not self._told:
            self._told = True
            self._tell("events")

    def _add(self, line: FeedLine) -> None:
        self.write_lines(self._sql, (line,))

    @staticmethod
    def write_lines(sql: sqlite3.Connection, lines: Iterable[FeedLine]) -> None:
        """Write lines of the change feed in their order."""
        sql.executemany(
            "INSERT INTO events (at_ms, kind, order_id, parcel_id, warehouse, data)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            lines,
        )

    def events(self, after: int, limit: int) -> list[Event]:
        """Return the change feed after line `after`, oldest first."""
        rows = self._sql.execute(
            f"SELECT {_EVENT_COLUMNS} FROM events"  # noqa: S608  constant columns
            " WHERE event_id > ? ORDER BY event_id LIMIT ?",
            (after, limit),
        )
        return [_event(row) for row in rows]

    def order_events(self, order_id: str, limit: int) -> list[Event]:
        """Return what happened to one order, oldest first."""
        rows = self._sql.execute(
            f"SELECT {_EVENT_COLUMNS} FROM events"  # noqa: S608  constant columns
            " WHERE order_id = ? ORDER BY event_id LIMIT ?",
            (order_id, limit),
        )
        return [_event(row) for row in rows]

    def last_event_id(self) -> int:
        """Return the newest line of the change feed."""
        row = self._sql.execute("SELECT coalesce(max(event_id), 0) FROM events").fetchone()
        return int(row[0])

    def raise_exception(self, kind: str, warehouse: str, subject: str, sentence: str) -> None:
        """Open an exception unless the same one is open already."""
        known = self._sql.execute(
            "SELECT 1 FROM exceptions WHERE kind = ? AND warehouse = ? AND subject = ?"
            " AND solved_ms IS NULL",
            (kind, warehouse, subject),
        ).fetchone()
        if known is not None:
            return
        self._sql.execute(
            "INSERT INTO exceptions (exception_id, kind, warehouse, subject, sentence, opened_ms)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (self._new_id(), kind, warehouse, subject, sentence, self._now_ms),
        )
        self.event("exception_opened", warehouse=warehouse, data={"kind": kind, "subject": subject})

    def solve(self, kind: str, warehouse: str, subject: str, note: str) -> None:
        """Close the open exception of this kind and subject, if there is one."""
        self._sql.execute(
            "UPDATE exceptions SET solved_ms = ?, solved_by = ?, note = ?"
            " WHERE kind = ? AND warehouse = ? AND subject = ? AND solved_ms IS NULL",
            (self._now_ms, self._actor, note, kind, warehouse, subject),
        )

    def solve_by_id(self, exception_id: str, note: str) -> bool:
        """Close an open exception; False when there is none of that id."""
        done = self._sql.execute(
            "UPDATE exceptions SET solved_ms = ?, solved_by = ?, note = ?"
            " WHERE exception_id = ? AND solved_ms IS NULL",
            (self._now_ms, self._actor, note, exception_id),
        )
        return done.rowcount == 1

    def exceptions(self, filters: dict[str, str], before: str, limit: int) -> list[HubException]:
        """Return exceptions, newest first; filter `open=yes|no`, `kind`, `warehouse`."""
        clause, values = where(filters, ("kind", "warehouse"))
        state = {"yes": " AND solved_ms IS NULL", "no": " AND solved_ms IS NOT NULL"}
        rows = self._sql.execute(
            f"SELECT {_EXCEPTION_COLUMNS} FROM exceptions"  # noqa: S608  constant columns
            f" WHERE {clause}{state.get(filters.get('open', ''), '')}"
            " AND (? = '' OR exception_id < ?) ORDER BY exception_id DESC LIMIT ?",
            (*values, before, before, limit),
        )
        return [HubException(**dict(row)) for row in rows]

    def count_open_exceptions(self) -> int:
        """Return how many exceptions wait for a person."""
        row = self._sql.execute(
            "SELECT count(*) FROM exceptions WHERE solved_ms IS NULL"
        ).fetchone()
        return int(row[0])

    def audit(self, action: str, subject: str, reason: str = "") -> None:
        """Record who did what to what."""
        self._sql.execute(
            "INSERT INTO audit (at_ms, actor, action, subject, reason) VALUES (?, ?, ?, ?, ?)",
            (self._now_ms, self._actor, action, subject, reason),
        )

    def audit_page(self, before: int, limit: int) -> list[AuditEntry]:
        """Return the audit log, newest first, older than line `before` (0: from the newest)."""
        rows = self._sql.execute(
            "SELECT audit_id, at_ms, actor, action, subject, reason FROM audit"
            " WHERE (? = 0 OR audit_id < ?) ORDER BY audit_id DESC LIMIT ?",
            (before, before, limit),
        )
        return [AuditEntry(**dict(row)) for row in rows]
