"""Rights lent to counters and shops, as the services ask for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from hub.domain.rows import QuotaRow, Unbalanced


class QuotaBook(Protocol):
    """Who else may promise units: one account per (warehouse, holder, SKU).

    A holder is `edge` (the warehouse's own counter) or `shop:<channel>/<shop>`.
    """

    def get(self, warehouse: str, holder: str, sku: str) -> QuotaRow | None:
        """Return one holder's account for one SKU."""
        ...

    def of_warehouse(self, warehouse: str, holder: str) -> list[QuotaRow]:
        """Return what a holder was ever lent in a warehouse, by SKU."""
        ...

    def count(self, warehouse: str, holder: str) -> int:
        """Return for how many SKUs the holder has an account in the warehouse."""
        ...

    def accounts(self, holder: str, skus: Sequence[str]) -> dict[tuple[str, str], int]:
        """Return what a holder may still promise of these SKUs, by (SKU, warehouse)."""
        ...

    def shop_units(self, skus: Sequence[str]) -> dict[tuple[str, str], int]:
        """Return what each shop may still promise of these SKUs, by (holder, SKU)."""
        ...

    def owed(self, skus: Sequence[str]) -> dict[str, int]:
        """Return how many units of each SKU are gone or lent without a right that paid for them."""
        ...

    def set_target(self, warehouse: str, holder: str, sku: str, target: int) -> None:
        """Record how many unused rights the holder should have; the pump works towards it."""
        ...

    def unbalanced(self, holder: str, asked_before_ms: int, limit: int) -> list[Unbalanced]:
        """Return accounts that should hold more, and can, or less, and are not asked yet."""
        ...

    def lend(self, warehouse: str, holder: str, sku: str, units: int, reference: str) -> int | None:
        """Debit the pool for a holder; return the total ever granted, None when not there."""
        ...

    def take_back(self, warehouse: str, holder: str, sku: str, units: int, reference: str) -> int:
        """Credit the pool with rights that the holder gave up; return how many it never had."""
        ...

    def sell(self, warehouse: str, holder: str, sku: str, units: int, reference: str) -> int:
        """Burn rights the holder sold by itself; return how many it had no right to."""
        ...

    def promise(self, warehouse: str, holder: str, sku: str, units: int, reference: str) -> bool:
        """Let an order take over rights of the shop that accepted it; False changes nothing."""
        ...

    def learn(self, warehouse: str, holder: str, totals: Iterable[tuple[str, int]]) -> int:
        """Take over totals that the holder knows and these books forgot; return how many units."""
        ...

    def ask(self, warehouse: str, holder: str, sku: str, recall_id: str) -> None:
        """Note that the holder was asked to return rights."""
        ...

    def answered(self, warehouse: str, recall_id: str) -> None:
        """Note that a request to return rights was answered: whatever comes back is credited."""
        ...

    def refused(self, warehouse: str, recall_id: str) -> None:
        """Note that a request was refused; it is put again only after a while."""
        ...

    def write_off(self, warehouse: str) -> int:
        """Grant a lost edge nothing more; what it holds stays reserved. Return how many units."""
        ...
