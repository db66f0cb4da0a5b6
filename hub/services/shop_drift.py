"""Drift: where a shop shows another number than the books believe, and what explains it.

Three numbers can part: what we last set, what the shop itself showed when we last looked, and what
its orders explain. Sold units that we have not been told of yet explain a lower number until the
next pull; what is left after that pull is drift: somebody changed the number by hand, an order
never came, or the platform put units on sale again. The number is put right by itself; people are
told because the cause is not.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hub.domain.channel_rows import Listing, ShopRow
from hub.domain.holders import shop_holder
from hub.services.order_views import iso
from hub.services.shop_rights import quota_of
from hub.store.protocol import Desk

DRIFTS: Final = "shop_drifts"
DOUBT_MS: Final = 15 * 60_000
"""A number that is in doubt for longer is told to people."""
SKUS_PER_LOOK: Final = 500


class DriftView(msgspec.Struct, frozen=True, kw_only=True):
    """One SKU in one shop.

    `told`: the number set last whose answer is not known, null when none is under way. `confirmed`:
    what the books believe the shop shows, null in doubt. `seen`: what the shop itself showed last,
    `age_seconds` ago. `difference` is `seen` less what was believed then; of it
    `sold_not_ingested` units may still be explained by orders that the next pull brings.
    `uncovered`: units that a strict shop may sell beyond its quota.
    """

    sku: str
    mode: str
    quota: int
    told: int | None
    confirmed: int | None
    may_show: int
    seen: int | None
    seen_at: str | None
    age_seconds: int | None
    difference: int
    sold_not_ingested: int
    uncovered: int
    drifts: bool
    sentence: str


def drift_of(desk: Desk, shop: ShopRow, after_sku: str, limit: int) -> list[DriftView]:
    """Return how far each SKU of a shop is from the books, by SKU."""
    page = desk.channels.listings(shop.channel, shop.shop, after_sku, limit)
    return [_view(desk, shop, listing) for listing in page]


def _view(desk: Desk, shop: ShopRow, listing: Listing) -> DriftView:
    quota = quota_of(desk, listing)
    waits = listing.wait_pull_ms > shop.pulled_until_ms
    uncovered = max(0, listing.held - quota) if listing.strict else 0
    sentence = _sentence(desk, shop, listing, uncovered)
    return DriftView(
        sku=listing.sku,
        mode="strict" if listing.strict else "shared",
        quota=quota,
        told=listing.asked,
        confirmed=listing.shown,
        may_show=listing.held,
        seen=listing.seen,
        seen_at=iso(listing.seen_ms) if listing.seen_ms else None,
        age_seconds=(desk.now_ms - listing.seen_ms) // 1000 if listing.seen_ms else None,
        difference=listing.drift,
        sold_not_ingested=max(0, -listing.drift) if waits else 0,
        uncovered=uncovered,
        drifts=bool(sentence),
        sentence=sentence,
    )


def _sentence(desk: Desk, shop: ShopRow, listing: Listing, uncovered: int) -> str:
    """Say what is wrong with a listing, empty when nothing is."""
    if listing.drift and listing.wait_pull_ms <= shop.pulled_until_ms:
        more = "more" if listing.drift > 0 else "fewer"
        return (
            f"{shop.label} showed {abs(listing.drift)} units of {listing.sku} {more} than its "
            f"orders explain ({listing.seen} at {iso(listing.seen_ms)}). Ask who changed it there, "
            "or look for an order that never came."
        )
    if uncovered:
        return (
            f"{shop.label} may sell {uncovered} units of {listing.sku} beyond its quota; it is "
            "told a lower number."
        )
    if listing.shown is None and 0 < listing.settled_ms < desk.now_ms - DOUBT_MS:
        return (
            f"What {shop.label} shows of {listing.sku} is not known since "
            f"{iso(listing.settled_ms)}; {listing.held} units count as shown."
        )
    return ""


def check_drift(desk: Desk) -> int:
    """Open an exception per shop that drifts, close those that do no more; return 0: one look."""
    for shop in desk.channels.shops():
        if not shop.active or not shop.publish_percent:
            continue
        wrong = [view for view in _suspects(desk, shop) if view.drifts]
        if not wrong:
            desk.journal.solve(DRIFTS, "", shop.label, "shop and books agree again")
            continue
        more = f" {len(wrong) - 1} more SKUs drift." if len(wrong) > 1 else ""
        desk.journal.raise_exception(DRIFTS, "", shop.label, wrong[0].sentence + more)
    return 0


def _suspects(desk: Desk, shop: ShopRow) -> list[DriftView]:
    holder = shop_holder(shop.channel, shop.shop)
    rows = desk.channels.suspects(shop.channel, shop.shop, holder, SKUS_PER_LOOK)
    return [_view(desk, shop, listing) for listing in rows]
