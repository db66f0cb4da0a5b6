"""Quotas of strict shops follow their sales; a shared SKU goes by quota when few units are left.

A round looks at every SKU that some shop sells by quota, or may have to, a page per transaction. It
decides who sells by quota and how many units each shop should have; nothing is lent or asked back
here except what a shop shows already. The publishing does the rest: it fills a quota up before it
shows more, and lowers what a shop shows before anything comes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from hub.domain.channel_rows import Listing, ShopRow
from hub.domain.holders import shop_holder
from hub.domain.publishing import wanted_quantity
from hub.domain.shop_quotas import Claim, decayed, plan, stays_strict
from hub.services.channel_tasks import TOPIC
from hub.services.shop_rights import cover, quota_of, switch
from hub.store.protocol import Desk

SKUS_PER_COMMIT: Final = 50
RULE: Final = "by_speed_of_sales@1"


class ShopBalancer:
    """Makes the rounds; it remembers only where it is."""

    def __init__(self) -> None:
        """Begin with the first SKU."""
        self._after_sku = ""

    def __call__(self, desk: Desk) -> int:
        """Look at the next page; return how many SKUs are to be followed by more, 0 at the end."""
        skus = desk.channels.sold_by_quota(self._after_sku, SKUS_PER_COMMIT)
        if skus:
            balance_shops(desk, skus)
        more = len(skus) == SKUS_PER_COMMIT
        self._after_sku = skus[-1] if more else ""
        return len(skus) if more else 0


def balance_shops(desk: Desk, skus: Sequence[str]) -> None:
    """Decide for these SKUs which shops sell by quota, and how much each should have."""
    shops = {(row.channel, row.shop): row for row in desk.channels.shops()}
    frozen = desk.nodes.frozen(skus)
    atp = dict.fromkeys(skus, 0)
    for row in desk.rights.of_skus(skus):
        atp[row.sku] += row.atp
    owed, units = desk.quotas.owed(skus), desk.quotas.shop_units(skus)
    listings: dict[str, list[Listing]] = {}
    for listing in desk.channels.listings_of(skus):
        listings.setdefault(listing.sku, []).append(listing)
    for sku, found in listings.items():
        if sku not in frozen:
            sides = [_side(one, shops[one.channel, one.shop], units) for one in found]
            _balance(desk, sku, sides, atp[sku] - owed.get(sku, 0))


class _Side(msgspec.Struct, frozen=True):
    """One shop that shows the SKU, and the units it was lent."""

    holder: str
    listing: Listing
    shop: ShopRow
    units: int

    @property
    def served(self) -> bool:
        """Whether we tell this shop how many units it may show."""
        return self.shop.active and self.shop.publish_percent > 0


def _side(listing: Listing, shop: ShopRow, units: dict[tuple[str, str], int]) -> _Side:
    holder = shop_holder(shop.channel, shop.shop)
    return _Side(holder, listing, shop, units.get((holder, listing.sku), 0))


def _balance(desk: Desk, sku: str, sides: list[_Side], in_pool: int) -> None:
    sellable = in_pool + sum(side.units for side in sides if side.served)
    strict = [after for side in sides if (after := _switched(desk, side, sellable)).listing.strict]
    claims = [_claim(desk, side, sellable) for side in strict if side.served]
    quotas = plan(sellable, claims)
    changed = [
        side for side in strict if side.served and side.listing.target != quotas[side.holder]
    ]
    for side in changed:
        desk.channels.put_listing(replace(side.listing, target=quotas[side.holder]))
    if changed:
        desk.journal.event(
            "shop_quotas_dealt",
            data={
                "rule": RULE,
                "sku": sku,
                "sellable": sellable,
                "quotas": quotas,
                "units": {one.shop: one.units for one in claims},
                "speed": {one.shop: one.speed for one in claims},
            },
        )
        desk.tell(TOPIC)


def _switched(desk: Desk, side: _Side, sellable: int) -> _Side:
    """Return the shop as it sells the SKU from now on, with what it may show covered."""
    wanted = _sells_by_quota(side, sellable)
    listing, units = side.listing, side.units
    if wanted != listing.strict:
        listing = switch(desk, listing, wanted)
        units = quota_of(desk, listing)
    elif wanted and listing.held > units:
        cover(desk, listing)
        units = quota_of(desk, listing)
    return replace(side, listing=listing, units=units)


def _sells_by_quota(side: _Side, sellable: int) -> bool:
    """Say whether a shop should sell this SKU by quota; what a paused shop was lent stays lent."""
    listing, shop = side.listing, side.shop
    mode = listing.mode or shop.mode
    if not side.served:
        return listing.strict and mode == "strict"
    return mode == "strict" or (
        not listing.mode and stays_strict(listing.strict, sellable, shop.strict_below)
    )


def _claim(desk: Desk, side: _Side, sellable: int) -> Claim:
    listing, shop = side.listing, side.shop
    most = wanted_quantity(sellable, shop.publish_percent, shop.publish_buffer)
    least = shop.quota_min
    if listing.fixed is not None:
        least = most = min(listing.fixed, max(0, sellable))
    speed = decayed(listing.speed, desk.now_ms - listing.speed_ms)
    return Claim(side.holder, side.units, speed, min(least, most), most)
