"""Shops, their orders as last seen, what they are owed and what they show, for the services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hub.domain.channel_rows import Listing, Reject, SeenOrder, ShopRow, Task, TaskState


class ChannelBook(Protocol):
    """Everything about sales channels, inside one transaction."""

    def shop(self, channel: str, shop: str) -> ShopRow | None:
        """Return one shop."""
        ...

    def shops(self) -> list[ShopRow]:
        """Return all shops by channel and name."""
        ...

    def put_shop(self, row: ShopRow) -> None:
        """Insert or replace a shop."""
        ...

    def seen(self, channel: str, shop: str, order_no: str) -> SeenOrder | None:
        """Return the newest copy of an order that the shop showed us."""
        ...

    def put_seen(self, order: SeenOrder) -> None:
        """Remember the newest copy of an order."""
        ...

    def put_reject(self, reject: Reject) -> None:
        """Keep an order that could not be taken, to try it again."""
        ...

    def drop_reject(self, channel: str, shop: str, order_no: str) -> None:
        """Forget an order that waited, if it did."""
        ...

    def due_rejects(self, now_ms: int, limit: int) -> list[Reject]:
        """Return orders to try again now."""
        ...

    def task(self, task_id: str) -> Task | None:
        """Return one debt."""
        ...

    def add_task(self, task: Task) -> None:
        """Owe a shop something, unless it is owed or paid already."""
        ...

    def put_task(self, task: Task) -> None:
        """Replace a task."""
        ...

    def due_tasks(self, channel: str, shop: str, now_ms: int, limit: int) -> list[Task]:
        """Return what the shop must be told now, what waits longest first."""
        ...

    def count_tasks(self, channel: str, shop: str, state: TaskState) -> int:
        """Return how many tasks of a shop are in `state`."""
        ...

    def forget_tasks(self, before_ms: int, limit: int) -> int:
        """Forget tasks done before `before_ms`, at most `limit`; return how many."""
        ...

    def revive_tasks(self, channel: str, shop: str, now_ms: int) -> int:
        """Try everything again that was given up; return how many."""
        ...

    def listing(self, channel: str, shop: str, sku: str) -> Listing | None:
        """Return what a shop shows of a SKU."""
        ...

    def put_listing(self, listing: Listing) -> None:
        """Insert or replace a listing."""
        ...

    def listings(self, channel: str, shop: str, after_sku: str, limit: int) -> list[Listing]:
        """Return listings by SKU, behind `after_sku`."""
        ...

    def settle_held(self, channel: str, shop: str, until_ms: int) -> None:
        """Let held fall to shown where the shop has settled before `until_ms`."""
        ...

    def listings_of(self, skus: Sequence[str]) -> list[Listing]:
        """Return what each shop shows of these SKUs."""
        ...

    def sold_by_quota(self, after_sku: str, limit: int) -> list[str]:
        """Return SKUs that a shop sells by quota, or may have to soon, behind `after_sku`."""
        ...

    def beyond_held(self, channel: str, shop: str, holder: str) -> list[str]:
        """Return SKUs of which a shop's quota is more than it may still show."""
        ...

    def suspects(self, channel: str, shop: str, holder: str, limit: int) -> list[Listing]:
        """Return listings of a shop that drift, are in doubt, or go beyond its quota, by SKU."""
        ...
