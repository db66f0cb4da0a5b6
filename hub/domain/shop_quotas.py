"""How many units each shop may sell by itself, and how that follows what the shops really sell.

A strict shop sells from a quota of its own, so two shops can never sell the same unit. The price is
that a unit lent to a slow shop cannot be sold by a fast one. So quotas are dealt anew by the speed
of sales: every shop gets its least, the rest goes in proportion to what each sold lately.

Two things keep this calm. A quota moves only when some shop has fallen well below its share and the
pool cannot fill it up; and a shop that is above its share is lowered only then. Lowering a shop
takes two conversations with it, and it may sell meanwhile.

All numbers are whole units; what division leaves over goes to the largest remainders, then to the
first by name, so the same numbers always give the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

SPEED_UNIT: Final = 1_000_000
"""One unit sold a moment ago, in the whole numbers that speed is kept in."""
HALF_LIFE_MS: Final = 24 * 3_600_000
"""A sale counts half as much after this long."""
SPEED_MAX: Final = 10**15
SLACK_PARTS: Final = 5
"""A shop may lack a fifth of its share before anything is moved for it."""


class Claim(msgspec.Struct, frozen=True):
    """What one shop holds of a SKU now, how fast it sells, and between what its quota must lie."""

    shop: str
    units: int
    speed: int
    least: int
    most: int


def decayed(speed: int, elapsed_ms: int) -> int:
    """Return what is left of `speed` after a while: half per half-life, straight in between.

    >>> decayed(1_000, HALF_LIFE_MS), decayed(1_000, HALF_LIFE_MS // 2), decayed(1_000, -5)
    (500, 750, 1000)
    """
    halves, rest_ms = divmod(max(0, elapsed_ms), HALF_LIFE_MS)
    left = speed >> min(halves, 60)
    return left - left * rest_ms // (2 * HALF_LIFE_MS)


def sped_up(speed: int, elapsed_ms: int, units: int) -> int:
    """Return the speed after `units` were sold, `elapsed_ms` after it was last written down."""
    return min(SPEED_MAX, decayed(speed, elapsed_ms) + units * SPEED_UNIT)


def slack(share: int) -> int:
    """Return how many units a shop may lack of its share before it is filled up."""
    return share // SLACK_PARTS


def to_fill(target: int, units: int) -> int:
    """Return how many units a shop with `units` lacks of `target`; 0 while it has nearly all.

    >>> to_fill(10, 8), to_fill(10, 7), to_fill(1, 0)
    (0, 3, 1)
    """
    return target - units if units < target - slack(target) else 0


def plan(sellable: int, claims: Sequence[Claim]) -> dict[str, int]:
    """Return the quota each shop should have; together never more than `sellable`.

    `sellable` are the units in the pool and in the quotas of these shops, less what is owed.
    """
    shares = split(sellable, claims)
    lent = sum(one.units for one in claims)
    lacks = {one.shop: to_fill(shares[one.shop], one.units) for one in claims}
    calm = lent + sum(lacks.values()) <= sellable and all(one.units <= one.most for one in claims)
    if not calm:
        return shares
    return {one.shop: one.units + lacks[one.shop] for one in claims}


def split(sellable: int, claims: Sequence[Claim]) -> dict[str, int]:
    """Deal `sellable` units out: first the least of each, fastest first, then by speed."""
    left = max(0, sellable)
    shares: dict[str, int] = {}
    for one in sorted(claims, key=lambda claim: (-claim.speed, claim.shop)):
        shares[one.shop] = min(left, one.least, one.most)
        left -= shares[one.shop]
    wanting = [one for one in claims if shares[one.shop] < one.most]
    while left and wanting:
        dealt = _deal(left, wanting, shares)
        left -= dealt
        wanting = [one for one in wanting if shares[one.shop] < one.most]
    return shares


def _deal(left: int, wanting: Sequence[Claim], shares: dict[str, int]) -> int:
    """Deal up to `left` units by speed, nobody above its most; return how many were taken."""
    weights = {one.shop: one.speed for one in wanting}
    if not any(weights.values()):
        weights = dict.fromkeys(weights, 1)
    total = sum(weights.values())
    parts = {shop: divmod(left * weight, total) for shop, weight in weights.items()}
    over = left - sum(whole for whole, _ in parts.values())
    by_rest = sorted(parts, key=lambda shop: (-parts[shop][1], shop))
    extra = frozenset(by_rest[:over])
    taken = 0
    for one in wanting:
        part = min(parts[one.shop][0] + (one.shop in extra), one.most - shares[one.shop])
        shares[one.shop] += part
        taken += part
    if not taken:  # only shops without any sale are below their most
        return _deal(left, [msgspec.structs.replace(one, speed=1) for one in wanting], shares)
    return taken


def stays_strict(strict: bool, sellable: int, below: int) -> bool:
    """Say whether a shared SKU is sold by quota: from `below` units on, and until well above it.

    >>> [stays_strict(False, units, 4) for units in (4, 5)]
    [True, False]
    >>> [stays_strict(True, units, 4) for units in (6, 7)]
    [True, False]
    """
    if below <= 0:
        return False
    return sellable <= below + (max(1, below // 2) if strict else 0)
