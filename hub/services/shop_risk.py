"""How many units could be sold that nobody has: the price of showing one unit in several shops.

Shops that share show the same units. If all of them sold everything they may still show within the
same moment, `held` less what is available would be too many; such orders wait as backordered, they
are never promised twice. A shop with a quota adds nothing, except what it may show beyond its quota
because somebody raised its number there, or it put a cancelled unit on sale again by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hub.domain.holders import shop_holder
from hub.store.protocol import Desk


class Risk(msgspec.Struct, frozen=True, kw_only=True):
    """The exposure of one SKU.

    `shared` units may be shown by shops that share `available` ones; `uncovered` units may be shown
    by strict shops beyond the quotas they were `lent`. `units` is the bound: so many at most could
    be sold beyond what there is.
    """

    available: int
    shared: int
    lent: int
    uncovered: int
    units: int


def risks(desk: Desk, skus: Sequence[str]) -> dict[str, Risk]:
    """Return the exposure of each of `skus`."""
    available = dict.fromkeys(skus, 0)
    for row in desk.rights.of_skus(skus):
        available[row.sku] += row.atp
    quotas = desk.quotas.shop_units(skus)
    shared, lent, uncovered = (dict.fromkeys(skus, 0) for _ in range(3))
    for one in desk.channels.listings_of(skus):
        quota = quotas.get((shop_holder(one.channel, one.shop), one.sku), 0)
        lent[one.sku] += quota
        if one.strict:
            uncovered[one.sku] += max(0, one.held - quota)
        else:
            shared[one.sku] += one.held
    return {
        sku: Risk(
            available=available[sku],
            shared=shared[sku],
            lent=lent[sku],
            uncovered=uncovered[sku],
            units=max(0, shared[sku] + uncovered[sku] - available[sku]),
        )
        for sku in available
    }
