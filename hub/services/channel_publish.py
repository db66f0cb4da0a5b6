"""Telling shops how many units they may show: what is available, never what is on hand.

Two steps around each call. `ask` decides the number in the transaction that records that the shop
may show it from now on; `settle` records the answer. Between the two a process may die: the number
then stays in doubt, counts as held, and is read back.

A shop that sells by quota shows its quota: `ask` fills it up first, so the rights are debited in
the transaction before the number is sent. They come back where `held` falls, in `shops.pulled`,
after the shop has confirmed and its orders have been pulled; see `hub.services.shop_rights`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hub.channels.base import Publish, Published
from hub.domain import publishing
from hub.domain.backoff import wait_ms
from hub.domain.channel_rows import Listing, ShopRow
from hub.services.channel_tasks import TOPIC, need_shop, pull_soon
from hub.services.shop_rights import cover, lend, lendable, quota_of
from hub.services.shop_risk import risks
from hub.services.stock_views import SKUS_PER_QUESTION_MAX, availability
from hub.store.protocol import Desk
from shared.domain.errors import BincardError, InvalidInput, NotFound

LISTINGS_PER_REQUEST_MAX: Final = 1_000
TRIES_TOLD: Final = 5
"""After so many failures in a row a person is told; it is tried on."""
DOUBT: Final = "availability_in_doubt"


class ListingView(msgspec.Struct, frozen=True, kw_only=True):
    """What a shop should show, shows, and may show; null where it is in doubt.

    `quota` are units lent to this shop alone, `target` how many it should have; both count only
    while `mode` is strict. `risk` are units that all shops together may sell beyond what there is;
    see `hub.services.shop_risk`.
    """

    sku: str
    wanted: int
    shown: int | None
    held: int
    in_doubt: bool
    trouble: str
    mode: str
    quota: int
    target: int
    risk: int


class ListingPage(msgspec.Struct, frozen=True, kw_only=True):
    """Listings that need a push, and where to go on; empty `after_sku`: from the start."""

    skus: tuple[str, ...]
    after_sku: str


def list_skus(desk: Desk, channel: str, shop: str, skus: tuple[str, ...]) -> int:
    """Have a shop's quantities of `skus` kept; return how many are new.

    Raises NotFound (`shop_unknown`, `sku_unknown`) and InvalidInput.
    """
    if not 1 <= len(skus) <= LISTINGS_PER_REQUEST_MAX:
        raise InvalidInput(
            "listings_per_request",
            f"Failed to list SKUs: expected 1 to {LISTINGS_PER_REQUEST_MAX}, got {len(skus)}.",
        )
    need_shop(desk, channel, shop)
    unknown = sorted(set(skus) - desk.catalogue.products(set(skus)).keys())
    if unknown:
        raise NotFound(
            "sku_unknown",
            f"Failed to list SKUs: {unknown[0][:64]!r} is not in the catalogue.",
            hint="Import the products first.",
        )
    new = [sku for sku in set(skus) if desk.channels.listing(channel, shop, sku) is None]
    for sku in new:
        desk.channels.put_listing(Listing(channel=channel, shop=shop, sku=sku))
    desk.tell(TOPIC)
    return len(new)


def to_publish(desk: Desk, shop: ShopRow, after_sku: str, look_ms: int) -> ListingPage:
    """Return which of the next listings need a push."""
    page = desk.channels.listings(shop.channel, shop.shop, after_sku, SKUS_PER_QUESTION_MAX)
    wanted = _wanted(desk, shop, page)
    due = tuple(
        listing.sku
        for listing in page
        if (number := wanted.get(listing.sku)) is not None
        and _due(desk, shop, listing, number, look_ms)
    )
    more = len(page) == SKUS_PER_QUESTION_MAX
    return ListingPage(skus=due, after_sku=page[-1].sku if more else "")


def _due(desk: Desk, shop: ShopRow, listing: Listing, wanted: int, look_ms: int) -> bool:
    push = publishing.needs_push(
        listing, wanted, pulled_until_ms=shop.pulled_until_ms, now_ms=desk.now_ms
    )
    return push or publishing.needs_look(listing, look_ms=look_ms, now_ms=desk.now_ms)


def _wanted(desk: Desk, shop: ShopRow, page: list[Listing]) -> dict[str, int]:
    """Return what the shop should show per SKU; frozen SKUs are never raised, so left out."""
    if not page:
        return {}
    frozen = desk.nodes.frozen(listing.sku for listing in page)
    available = availability(desk, [listing.sku for listing in page])
    found = {
        one.sku: publishing.wanted_quantity(
            one.available, shop.publish_percent, shop.publish_buffer
        )
        for one in available
    }
    for listing in page:
        if listing.strict:
            quota, more = quota_of(desk, listing), lendable(desk, listing.sku)
            found[listing.sku] = publishing.strict_quantity(listing.target, quota, more)
        if listing.sku in frozen:
            if listing.shown is None:
                del found[listing.sku]
            else:
                found[listing.sku] = min(found[listing.sku], listing.shown)
    return found


def ask(desk: Desk, channel: str, shop: str, sku: str, look_ms: int) -> Publish | None:
    """Decide the number for a shop and record that it may show it; None: nothing to tell."""
    row = desk.channels.shop(channel, shop)
    listing = desk.channels.listing(channel, shop, sku)
    if row is None or listing is None or not row.active:
        return None
    number = _wanted(desk, row, [listing]).get(sku)
    if number is None or not _due(desk, row, listing, number, look_ms):
        return None
    look = publishing.needs_look(listing, look_ms=look_ms, now_ms=desk.now_ms)
    if listing.strict and not look:
        quota = quota_of(desk, listing)
        quota += lend(desk, listing, max(0, number - quota), "published")
        number = min(number, quota)
    after = publishing.looked_at(listing) if look else publishing.asked(listing, number)
    desk.channels.put_listing(after)
    return Publish(
        sku=sku,
        quantity=number,
        expected=None if look else listing.shown,
        listing_ref=listing.listing_ref,
        key=f"bincard-{channel}-{shop}-{sku}-{after.pushes}",
    )


def settle(
    desk: Desk,
    channel: str,
    shop: str,
    wish: Publish,
    result: Published | BincardError,
    *,
    first_ms: int,
    late_ms: int,
    asked_ms: int = 0,
) -> None:
    """Record what the shop answered to `wish`, or how it failed to.

    After silence the shop is looked at only when `late_ms` have passed, so that a change which is
    still on its way cannot arrive behind our look.
    """
    listing = desk.channels.listing(channel, shop, wish.sku)
    if listing is None:
        return
    subject = f"{channel}/{shop}/{wish.sku}"
    if isinstance(result, Published):
        step = publishing.confirmed if result.outcome == "set" else publishing.stale
        after = step(listing, result.quantity, result.listing_ref, desk.now_ms)
        desk.journal.solve(DOUBT, "", subject, "the shop has answered")
        if result.outcome == "stale":
            _note_drift(desk, subject, listing, result.quantity)
            pull_soon(desk, channel, shop)
        desk.channels.put_listing(after)
        cover(desk, after)
        desk.tell(TOPIC)
        return
    due_ms = desk.now_ms + wait_ms(listing.tries + 1, first_ms, asked_ms)
    if result.status == 503:
        due_ms = max(due_ms, desk.now_ms + late_ms)
        after = publishing.in_doubt(listing, result.code, due_ms)
    else:
        after = publishing.refused(listing, result.code, due_ms, desk.now_ms)
    desk.channels.put_listing(after)
    if after.tries == TRIES_TOLD:
        desk.journal.raise_exception(
            DOUBT,
            "",
            subject,
            f"{channel}/{shop} was told {wish.quantity} units of {wish.sku}, but: {result.message} "
            f"It may still show {after.held}; that many count as held until it confirms less.",
        )


def _note_drift(desk: Desk, subject: str, listing: Listing, seen: int) -> None:
    """Keep it on record when a shop shows another number than the one it had confirmed."""
    if listing.shown is not None and listing.shown != seen:
        desk.journal.event(
            "listing_drifted", data={"listing": subject, "believed": listing.shown, "seen": seen}
        )


def view_listings(desk: Desk, shop: ShopRow, after_sku: str, limit: int) -> list[ListingView]:
    """Return what a shop should show against what it shows."""
    return _views(desk, shop, desk.channels.listings(shop.channel, shop.shop, after_sku, limit))


def view_listing(desk: Desk, shop: ShopRow, sku: str) -> ListingView:
    """Return what a shop should show of one SKU that is listed there."""
    listing = desk.channels.listing(shop.channel, shop.shop, sku)
    return _views(desk, shop, [listing or Listing(channel=shop.channel, shop=shop.shop, sku=sku)])[
        0
    ]


def _views(desk: Desk, shop: ShopRow, page: list[Listing]) -> list[ListingView]:
    if not page:
        return []
    wanted = _wanted(desk, shop, page)
    risk = risks(desk, [one.sku for one in page])
    return [
        ListingView(
            sku=one.sku,
            wanted=wanted.get(one.sku, 0),
            shown=one.shown,
            held=one.held,
            in_doubt=one.asked is not None or one.shown is None,
            trouble=one.trouble,
            mode="strict" if one.strict else "shared",
            quota=quota_of(desk, one),
            target=one.target,
            risk=risk[one.sku].units,
        )
        for one in page
    ]
