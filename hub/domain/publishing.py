"""How many units a shop shows, and how many it may still show.

Telling a shop a number takes a moment, and the answer can get lost. Until it is known, the shop may
show the old number or the new one, so the larger of both counts as *held* by the shop. Held falls
only after two things: the shop has confirmed the lower number, and the orders it took before that
have been pulled. A time-out therefore means "maybe still higher", never "lower".

A shop takes sold units off its number by itself; we do the same when the order comes in. When both
disagree, it has sold what we do not know yet: pull first, then tell it a number again.

Each function returns the listing after one thing happened. Source of the rule: channels hold rights
like a cut-off warehouse does (demarcation protocol, Barbara and Garcia-Molina 1994).
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from hub.domain.backoff import is_due
from hub.domain.channel_rows import Listing
from hub.domain.shop_quotas import to_fill

QUANTITY_MAX: Final = 999_999
"""More than this no shop needs to show."""


def wanted_quantity(available: int, percent: int, buffer: int) -> int:
    """Return what a shop should show of `available` units; never below 0."""
    return min(QUANTITY_MAX, max(0, available - buffer) * percent // 100)


def strict_quantity(target: int, quota: int, lendable: int) -> int:
    """Return what a shop with a quota should show, once that is filled up from what may be lent.

    >>> strict_quantity(10, 3, 100), strict_quantity(10, 3, 2), strict_quantity(4, 9, 0)
    (10, 5, 4)
    """
    return min(QUANTITY_MAX, target, quota + min(to_fill(target, quota), lendable))


def needs_push(listing: Listing, wanted: int, *, pulled_until_ms: int, now_ms: int) -> bool:
    """Say whether the shop must be told `wanted` now."""
    if not is_due(listing.due_ms, now_ms) or listing.wait_pull_ms > pulled_until_ms:
        return False
    return listing.asked is not None or listing.shown != wanted


def needs_look(listing: Listing, *, look_ms: int, now_ms: int) -> bool:
    """Say whether the shop must be asked what it shows: we do not know, or knew it long ago.

    A change whose answer was never heard, because the hub died, may have been made and sold from
    since: the number from before could fit again by chance and hide those sales.
    """
    if not is_due(listing.due_ms, now_ms):
        return False
    unheard = listing.shown is None or listing.asked is not None
    return unheard or now_ms - listing.settled_ms >= look_ms


def looked_at(listing: Listing) -> Listing:
    """Return the listing before the shop is asked what it shows."""
    return replace(listing, pushes=listing.pushes + 1)


def asked(listing: Listing, quantity: int) -> Listing:
    """Return the listing before a number is sent: from now on the shop may show it."""
    return replace(
        listing, asked=quantity, held=max(listing.held, quantity), pushes=listing.pushes + 1
    )


def confirmed(listing: Listing, quantity: int, listing_ref: str, now_ms: int) -> Listing:
    """Return the listing after the shop said that it shows `quantity`."""
    return replace(
        listing,
        listing_ref=listing_ref or listing.listing_ref,
        shown=quantity,
        asked=None,
        held=max(listing.held, quantity),
        settled_ms=now_ms,
        due_ms=0,
        tries=0,
        trouble="",
        seen=quantity,
        seen_ms=now_ms,
        drift=0,
    )


def stale(listing: Listing, seen: int, listing_ref: str, now_ms: int) -> Listing:
    """Return the listing after the shop refused because it shows `seen`: pull, then try again."""
    after = confirmed(listing, seen, listing_ref, now_ms)
    drift = 0 if listing.shown is None else seen - listing.shown
    return replace(after, wait_pull_ms=now_ms, drift=drift)


def in_doubt(listing: Listing, trouble: str, due_ms: int) -> Listing:
    """Return the listing after a call without an answer: it may show the old or the new number."""
    return replace(listing, shown=None, due_ms=due_ms, tries=listing.tries + 1, trouble=trouble)


def refused(listing: Listing, trouble: str, due_ms: int, now_ms: int) -> Listing:
    """Return the listing after a clear no: the shop shows what it showed before."""
    known = listing.shown is not None
    return replace(
        listing,
        asked=None if known else listing.asked,
        settled_ms=now_ms if known else listing.settled_ms,
        due_ms=due_ms,
        tries=listing.tries + 1,
        trouble=trouble,
    )


def pulled(listing: Listing, until_ms: int) -> Listing:
    """Return the listing after all orders up to `until_ms` are in: held falls to what is shown."""
    if listing.asked is not None or listing.shown is None or listing.settled_ms > until_ms:
        return listing
    return replace(listing, held=listing.shown)


def sold(listing: Listing, units: int, *, pulled_until_ms: int) -> Listing:
    """Return the listing after an order of the shop came in for `units`.

    A listing that waits for a pull was looked at after those orders: its number knows of them, and
    they explain so much of its drift.
    """
    held = max(0, listing.held - units)
    if listing.wait_pull_ms > pulled_until_ms:
        return replace(listing, held=held, drift=listing.drift + units)
    shown = None if listing.shown is None else max(0, listing.shown - units)
    return replace(listing, shown=shown, held=held)


def given_back(listing: Listing, units: int) -> Listing:
    """Return the listing after an order of the shop was cancelled or changed: it may show more."""
    return replace(listing, shown=None, held=listing.held + units)
