"""Presale quotas and the promises made from them, as the services ask for them."""

from __future__ import annotations

from typing import Protocol

from hub.domain.presale_rows import PresalePromise, PresaleRow


class PresaleBook(Protocol):
    """Units sold before they are there: a quota per (SKU, ship date), a promise per order line."""

    def put(self, sku: str, ship_date: str, units: int) -> bool:
        """Set a quota; False changes nothing: more is sold already."""
        ...

    def quotas(self, sku: str) -> list[PresaleRow]:
        """Return the quotas of a SKU, earliest ship date first."""
        ...

    def page(self, after: tuple[str, str], limit: int) -> list[PresaleRow]:
        """Return quotas by (SKU, ship date), behind `after`."""
        ...

    def promise(self, promise: PresalePromise) -> bool:
        """Take units out of a quota for an order line; False changes nothing."""
        ...

    def of_order(self, order_id: str) -> list[PresalePromise]:
        """Return what an order was promised, by line and ship date."""
        ...

    def end(self, order_id: str, *, turned: bool) -> None:
        """End an order's promises: they `turned` into stock, or may be sold again."""
        ...

    def waiting(self, sku: str) -> int:
        """Return how many units are promised and wait for stock."""
        ...
