"""Bugs in quotas of shops: the ways in which two shops come to sell the same unit."""

from __future__ import annotations

from typing import Any, Final

from tests.simulation.mutants import Mutant

WORLD: Final[dict[str, Any]] = {"strict_shops": 2, "shop_quotas": 6, "lost_answers": 0.15}
"""Two strict shops whose quotas people change, and answers that get lost."""

SHOPS: Final = (
    Mutant(
        "a shop's number is raised without a debit",
        "hub.services.channel_publish:ask",
        'quota += lend(desk, listing, max(0, number - quota), "published")',
        "quota = max(quota, number)",
        world=WORLD,
    ),
    Mutant(
        "a lower number counts before the shop has confirmed it",
        "hub.domain.publishing:asked",
        "held=max(listing.held, quantity)",
        "held=quantity",
        world=WORLD,
    ),
    Mutant(
        "a shop that does not answer shows the lower number",
        "hub.domain.publishing:in_doubt",
        "listing, shown=None, due_ms=due_ms",
        "listing, shown=listing.asked, asked=None, due_ms=due_ms",
        world=WORLD,
    ),
    Mutant(
        "a shop is told a number while it has sold what nobody pulled",
        "hub.domain.publishing:needs_push",
        "not is_due(listing.due_ms, now_ms) or listing.wait_pull_ms > pulled_until_ms",
        "not is_due(listing.due_ms, now_ms)",
        world=WORLD,
    ),
    Mutant(
        "an order of a strict shop takes from the pool and leaves the quota as it was",
        "hub.services.shop_rights:follow_sale",
        "                sold_strict[sku] = change\n",
        "                sold_strict[sku] = 0\n",
        world=WORLD,
    ),
    Mutant(
        "a change whose answer was never heard is told again against the number from before",
        "hub.domain.publishing:needs_look",
        "listing.shown is None or listing.asked is not None",
        "listing.shown is None",
        world={**WORLD, "hub_crash": 0.03, "order_gap_ms": 200},
    ),
    Mutant(
        "a restored hub leaves the right to a sale it forgot in the shop's quota",
        "hub.services.shop_rights:sold_before",
        "        if units:\n",
        "        if False:\n",
        drills=True,
        drill="hub_old",
        world={**WORLD, "units_per_bin": 5, "order_gap_ms": 200},
    ),
)
