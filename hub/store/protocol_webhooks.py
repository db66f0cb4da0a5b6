"""Subscriptions and what is on its way to them, as the services ask for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from hub.domain.webhooks import DeliveryRow, WebhookRow


class WebhookBook(Protocol):
    """Who is told of what happens, and what they were told."""

    def get(self, webhook_id: str) -> WebhookRow | None:
        """Return one subscription."""
        ...

    def all(self) -> list[WebhookRow]:
        """Return every subscription, oldest first."""
        ...

    def put(self, row: WebhookRow) -> None:
        """Insert or replace a subscription."""
        ...

    def remove(self, webhook_id: str) -> bool:
        """Forget a subscription and everything on its way to it; False when there is none."""
        ...

    def add(self, deliveries: Iterable[DeliveryRow]) -> None:
        """Put events on their way."""
        ...

    def waiting(self, webhook_id: str) -> int:
        """Return how many events are on their way to a subscription."""
        ...

    def due(self, webhook_id: str, now_ms: int, limit: int) -> list[DeliveryRow]:
        """Return what may be sent now, oldest first; nothing while somebody else is sending."""
        ...

    def delivery(self, webhook_id: str, event_id: int) -> DeliveryRow | None:
        """Return one event on its way."""
        ...

    def put_delivery(self, row: DeliveryRow) -> None:
        """Replace one event on its way."""
        ...

    def log(self, webhook_id: str, before: int, limit: int) -> list[DeliveryRow]:
        """Return what was and will be told, newest first, below event `before` (0: the top)."""
        ...

    def forget(self, before_ms: int, limit: int) -> int:
        """Drop settled deliveries from before a time; return how many."""
        ...
