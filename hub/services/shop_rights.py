"""Rights lent to shops: debited before a shop may show a unit, back only after it shows it no more.

A strict shop's quota is the sum of its accounts over all warehouses. It is never less than what
the shop may still sell (`held` of its listing), unless the shop showed or sold what nobody lent it;
then the pool covers it if it can, and people are told. Rights come back when the shop has confirmed
a lower number *and* its orders up to that moment have been pulled; no time gives them back.

A paused shop keeps what it was lent, for its page may still be open; make it shared to take that
back.
Source: reference protocol "WES-1", section 4.8, rule 4.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from msgspec.structs import replace

from hub.domain import publishing, shop_quotas
from hub.domain.channel_order import ChannelOrder
from hub.domain.channel_rows import Listing, ShopRow
from hub.domain.holders import shop_holder
from hub.services import own_rights
from hub.services.channel_tasks import TOPIC
from hub.services.own_rights import OwnRights
from hub.store.protocol import Desk
from shared.domain.facts import AssignedParcel

BEYOND: Final = "shop_sold_beyond_quota"


def quota_of(desk: Desk, listing: Listing) -> int:
    """Return how many units of its SKU the shop may sell by itself."""
    holder = shop_holder(listing.channel, listing.shop)
    return sum(desk.quotas.accounts(holder, (listing.sku,)).values())


def lendable(desk: Desk, sku: str) -> int:
    """Return how many units may be lent now: none while somebody else waits for this SKU first."""
    if desk.nodes.frozen((sku,)) or desk.rights.arriving(sku):
        return 0
    return sum(row.atp for row in desk.rights.of_skus((sku,)))


def lend(desk: Desk, listing: Listing, units: int, reference: str) -> int:
    """Lend a shop up to `units`; return how many there were."""
    holder = shop_holder(listing.channel, listing.shop)
    return own_rights.lend(desk, holder, listing.sku, units, reference)


def take_back(desk: Desk, listing: Listing, units: int, reference: str) -> None:
    """Return `units` of a shop's quota to the pools, largest accounts first."""
    holder = shop_holder(listing.channel, listing.shop)
    OwnRights(desk, holder, {listing.sku: units}).give_up(desk, reference)


def cover(desk: Desk, listing: Listing) -> None:
    """Lend a strict shop what it may show beyond its quota, as far as the pool goes."""
    if not listing.strict or desk.nodes.frozen((listing.sku,)):
        return
    lacks = listing.held - quota_of(desk, listing)
    if lacks > 0:
        lend(desk, listing, lacks, "shown")


def take_back_unshown(desk: Desk, shop: ShopRow) -> None:
    """Return what a shop can no longer sell: it has confirmed, and its orders are in."""
    holder = shop_holder(shop.channel, shop.shop)
    for sku in desk.channels.beyond_held(shop.channel, shop.shop, holder):
        listing = desk.channels.listing(shop.channel, shop.shop, sku)
        if listing is not None:
            take_back(desk, listing, quota_of(desk, listing) - listing.held, "confirmed")
            desk.tell(TOPIC)


def switch(desk: Desk, listing: Listing, strict: bool) -> Listing:
    """Sell a SKU by quota from now on, or share it again. Returns the listing as it is then."""
    after = replace(listing, strict=strict)
    desk.channels.put_listing(after)
    if strict:
        cover(desk, after)
    else:
        take_back(desk, after, quota_of(desk, after), "shared")
    return after


def units_ordered(desk: Desk, order_id: str | None) -> Counter[str]:
    """Return the units per SKU of an order as the books have it."""
    counts: Counter[str] = Counter()
    for line in desk.orders.lines(order_id) if order_id else ():
        counts[line.sku] += line.quantity
    return counts


def follow_sale(desk: Desk, order: ChannelOrder, before: Counter[str]) -> OwnRights:
    """Take sold units off what the shop shows, as it did itself; return the rights they bring.

    `before`: units of the version before. The caller promises the order from these rights and gives
    up the rest, in this transaction.
    """
    holder = shop_holder(order.channel, order.shop)
    shop = desk.channels.shop(order.channel, order.shop)
    if shop is None or not shop.publish_percent:
        return OwnRights(desk, holder, {})
    now: Counter[str] = Counter()
    for line in order.lines:
        now[line.sku] += line.quantity
    sold_strict: dict[str, int] = {}
    for sku in sorted(now | before):
        change = now[sku] - before[sku]
        listing = desk.channels.listing(shop.channel, shop.shop, sku)
        if listing is None:
            desk.channels.put_listing(Listing(channel=shop.channel, shop=shop.shop, sku=sku))
        elif change > 0:
            _sold(desk, shop, listing, change)
            if listing.strict:
                sold_strict[sku] = change
        elif change < 0:
            shown_again(desk, listing, -change)
    desk.tell(TOPIC)
    own = OwnRights(desk, holder, sold_strict)
    if not order.reservation_id:
        for sku, units in sold_strict.items():
            _check_within(desk, order, sku, units, own.units(sku))
    return own


def sold_before(desk: Desk, node: str, told: AssignedParcel) -> None:
    """A floor has a sale that these books forgot: its right may still stand in the shop's quota.

    It goes to the pool of that floor, from which the parcel is covered next.
    """
    holder = shop_holder(told.channel, told.shop)
    lent = desk.quotas.accounts(holder, tuple(line.sku for line in told.lines))
    for line in told.lines:
        units = min(line.quantity, lent.get((line.sku, node), 0))
        if units:
            lent[line.sku, node] -= units
            desk.quotas.take_back(node, holder, line.sku, units, told.parcel_id)


def make_way(desk: Desk, node: str, sku: str, units: int) -> None:
    """Return up to `units` that shops were lent in one warehouse: its floor has a parcel of them.

    Only books that were put back can be so wrong: a quota of theirs was spent or returned since. A
    shop that still shows such units is looked at and told a lower number.
    """
    for holder, _ in sorted(desk.quotas.shop_units((sku,))):
        there = desk.quotas.accounts(holder, (sku,)).get((sku, node), 0)
        part = min(units, there)
        if part > 0:
            desk.quotas.take_back(node, holder, sku, part, "restored")
            units -= part


def _sold(desk: Desk, shop: ShopRow, listing: Listing, units: int) -> None:
    after = publishing.sold(listing, units, pulled_until_ms=shop.pulled_until_ms)
    speed = shop_quotas.sped_up(listing.speed, desk.now_ms - listing.speed_ms, units)
    desk.channels.put_listing(replace(after, speed=speed, speed_ms=desk.now_ms))


def shown_again(desk: Desk, listing: Listing, units: int) -> None:
    """An order was cancelled or made smaller: its shop may sell those units again by itself."""
    after = publishing.given_back(listing, units)
    desk.channels.put_listing(after)
    cover(desk, after)


def _check_within(desk: Desk, order: ChannelOrder, sku: str, units: int, covered: int) -> None:
    if units > covered:
        desk.journal.raise_exception(
            BEYOND,
            "",
            f"{order.channel}/{order.shop}/{sku}",
            f"Order {order.order_no} of {order.channel}/{order.shop} has {units} units of {sku}, "
            f"but of the shop's quota only {covered} were left. The others come from the pool, or "
            "the order waits. See what the shop shows in its drift report.",
        )
