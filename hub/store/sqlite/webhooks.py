"""Subscriptions and their deliveries on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from hub.domain.backoff import still_to_come
from hub.domain.webhooks import DeliveryRow, WebhookRow

_FIELDS: Final = WebhookRow.__struct_fields__
_COLUMNS: Final = ", ".join(_FIELDS)
_DELIVERY_FIELDS: Final = DeliveryRow.__struct_fields__
_DELIVERY_COLUMNS: Final = ", ".join(_DELIVERY_FIELDS)


def _webhook(row: sqlite3.Row) -> WebhookRow:
    values = dict(zip(_FIELDS, row, strict=True))
    values["kinds"] = tuple(msgspec.json.decode(values["kinds"]))
    values["active"] = bool(values["active"])
    return WebhookRow(**values)


def _delivery(row: Any) -> DeliveryRow:
    return DeliveryRow(**dict(zip(_DELIVERY_FIELDS, row, strict=True)))


class SqliteWebhooks:
    """See `hub.store.protocol_webhooks.WebhookBook`."""

    def __init__(self, sql: sqlite3.Connection) -> None:
        """Work on the connection of one transaction."""
        self._sql = sql

    def get(self, webhook_id: str) -> WebhookRow | None:
        """Return one subscription."""
        row = self._sql.execute(
            f"SELECT {_COLUMNS} FROM webhooks WHERE webhook_id = ?",  # noqa: S608  constant columns
            (webhook_id,),
        ).fetchone()
        return None if row is None else _webhook(row)

    def all(self) -> list[WebhookRow]:
        """Return every subscription, oldest first."""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM webhooks ORDER BY webhook_id"  # noqa: S608  constant columns
        )
        return [_webhook(row) for row in rows]

    def put(self, row: WebhookRow) -> None:
        """Insert or replace a subscription."""
        values = msgspec.structs.asdict(row)
        values["kinds"] = msgspec.json.encode(row.kinds).decode()
        values["active"] = int(row.active)
        changes = ", ".join(f"{name} = excluded.{name}" for name in _FIELDS[1:])
        self._sql.execute(
            f"INSERT INTO webhooks ({_COLUMNS})"  # noqa: S608  constant columns
            f" VALUES ({','.join('?' * len(_FIELDS))})"
            f" ON CONFLICT (webhook_id) DO UPDATE SET {changes}",
            [values[name] for name in _FIELDS],
        )

    def remove(self, webhook_id: str) -> bool:
        """Forget a subscription and everything on its way to it; False when there is none."""
        done = self._sql.execute("DELETE FROM webhooks WHERE webhook_id = ?", (webhook_id,))
        return done.rowcount == 1

    def add(self, deliveries: Iterable[DeliveryRow]) -> None:
        """Put events on their way."""
        self._sql.executemany(
            f"INSERT INTO webhook_deliveries ({_DELIVERY_COLUMNS})"  # noqa: S608  constant columns
            f" VALUES ({','.join('?' * len(_DELIVERY_FIELDS))}) ON CONFLICT DO NOTHING",
            [msgspec.structs.astuple(one) for one in deliveries],
        )

    def waiting(self, webhook_id: str) -> int:
        """Return how many events are on their way to a subscription."""
        row = self._sql.execute(
            "SELECT count(*) FROM webhook_deliveries WHERE webhook_id = ? AND state = 'waiting'",
            (webhook_id,),
        ).fetchone()
        return int(row[0])

    def due(self, webhook_id: str, now_ms: int, limit: int) -> list[DeliveryRow]:
        """Return what may be sent now, oldest first; nothing while somebody else is sending."""
        rows = self._sql.execute(
            f"SELECT {_DELIVERY_COLUMNS} FROM webhook_deliveries"  # noqa: S608  constant columns
            " WHERE webhook_id = ? AND state = 'waiting' AND next_ms NOT BETWEEN ? AND ?"
            " AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.webhook_id = ?"
            "  AND d.state = 'waiting' AND d.leased_ms BETWEEN ? AND ?) ORDER BY event_id LIMIT ?",
            (
                webhook_id,
                *still_to_come(now_ms),
                webhook_id,
                *still_to_come(now_ms),
                limit,
            ),
        )
        return [_delivery(row) for row in rows]

    def delivery(self, webhook_id: str, event_id: int) -> DeliveryRow | None:
        """Return one event on its way."""
        row = self._sql.execute(
            f"SELECT {_DELIVERY_COLUMNS} FROM webhook_deliveries"  # noqa: S608  constant columns
            " WHERE webhook_id = ? AND event_id = ?",
            (webhook_id, event_id),
        ).fetchone()
        return None if row is None else _delivery(row)

    def put_delivery(self, row: DeliveryRow) -> None:
        """Replace one event on its way."""
        self._sql.execute(
            "UPDATE webhook_deliveries SET state = ?, tries = ?, next_ms = ?, leased_ms = ?,"
            " answer = ?, changed_ms = ? WHERE webhook_id = ? AND event_id = ?",
            (
                row.state, row.tries, row.next_ms, row.leased_ms, row.answer, row.changed_ms,
                row.webhook_id, row.event_id,
            ),
        )  # fmt: skip

    def log(self, webhook_id: str, before: int, limit: int) -> list[DeliveryRow]:
        """Return what was and will be told, newest first, below event `before` (0: the top)."""
        rows = self._sql.execute(
            f"SELECT {_DELIVERY_COLUMNS} FROM webhook_deliveries"  # noqa: S608  constant columns
            " WHERE webhook_id = ? AND event_id < ? ORDER BY event_id DESC LIMIT ?",
            (webhook_id, before or 2**62, limit),
        )
        return [_delivery(row) for row in rows]

    def forget(self, before_ms: int, limit: int) -> int:
        """Drop settled deliveries from before a time; return how many."""
        done = self._sql.execute(
            "DELETE FROM webhook_deliveries WHERE (webhook_id, event_id) IN (SELECT webhook_id,"
            " event_id FROM webhook_deliveries WHERE state <> 'waiting' AND changed_ms < ?"
            " LIMIT ?)",
            (before_ms, limit),
        )
        return done.rowcount
