"""Promises about strict shops: what their pages show is theirs, and nobody else has it too.

The page of a shop and what its buyers took are the truth of the world; the hub only knows what it
was told. So these compare what can still be sold out there with what head office set aside for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hub.domain.holders import shop_holder
from tests.simulation.invariants_quota import outside_the_pool

if TYPE_CHECKING:
    from tests.simulation.world import World


def i3_shops_covered(world: World) -> Iterator[str]:
    """A shop never shows, and never sold unheard, more than it was lent before."""
    for shop in world.storefronts:
        rows = world.hub.sql.execute(
            "SELECT sku, sum(units) AS units FROM quotas WHERE holder = ? GROUP BY sku",
            (shop_holder("sim", shop.name),),
        )
        lent = {row["sku"]: row["units"] for row in rows}
        for sku, units in (shop.page + shop.untold()).items():
            if units > lent.get(sku, 0):
                yield f"{shop.name} may sell {units} of {sku}, {lent.get(sku, 0)} were lent to it"


def i3_shops_no_oversell(world: World) -> Iterator[str]:
    """Units promised, sold and shown by strict shops never exceed those that ever came in."""
    if not world.storefronts:
        return
    units: Counter[str] = Counter()
    for shop in world.storefronts:
        units += shop.page + shop.untold()
    for (_, sku), count in outside_the_pool(world).items():
        units[sku] += count
    there: Counter[str] = Counter()
    for (_, sku), count in world.goods.came_in.items():
        there[sku] += count
    for pallets in world.goods.deliveries.values():
        there.update(unit.sku for pallet in pallets for unit in pallet.units)
    for (_, sku), count in world.drills.owed().items():
        there[sku] += count
    promised = world.hub.sql.execute(
        "SELECT r.sku, sum(r.burnt) AS burnt, sum(r.held) + coalesce((SELECT"
        " sum(CASE WHEN p.state IN ('cancelled', 'short') THEN l.shipped"
        " ELSE l.quantity - l.shorted END) FROM parcels p JOIN parcel_lines l USING (parcel_id)"
        " WHERE l.sku = r.sku), 0) AS units FROM rights r GROUP BY r.sku"
    )
    for row in promised:
        total = row["units"] + units[row["sku"]]
        left = there[row["sku"]] - row["burnt"]
        if total > left:
            yield f"{total} units of {row['sku']} are promised, shown or gone; {left} are there"
