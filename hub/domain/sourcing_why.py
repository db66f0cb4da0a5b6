"""Why an order leaves from where it does: the words and numbers that go with every decision.

A person who asks "why two parcels?" or "why not from here?" gets the same numbers that decided, and
for each runner-up the first of them in which it was worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from hub.domain.depots import Depot, Good, Terms

ALTERNATIVES_MAX: Final = 5
"""Runners-up that an explanation names."""
LACKS_MAX: Final = 10
"""Warehouses whose gaps an explanation lists."""
RULE: Final = "fewest_parcels_then_cost@2"


class Alternative(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A set of warehouses that could fill the order, with its numbers and why it was not taken.

    `parcels` counts boxes that would not leave anyway. `forced` are boxes that no courier takes,
    `small` those worth too little to leave alone, `foreign` those from outside their region.
    `fresher` counts, unit by unit, the warehouses that have goods which expire sooner.
    """

    warehouses: tuple[str, ...]
    parcels: int
    cost_minor: int
    late: bool = False
    forced: int = 0
    small: int = 0
    fresher: int = 0
    foreign: int = 0
    arrives_ms: int = 0
    load_permille: int = 0
    gram_kilometres: int = 0
    why_not: str = ""

    @property
    def worth(self) -> tuple[int, ...]:
        """What decides, the most important first; less is better."""
        return (
            self.forced,
            int(self.late),
            self.parcels,
            self.small,
            self.fresher,
            self.foreign,
            self.cost_minor,
            self.arrives_ms,
            self.load_permille,
            self.gram_kilometres,
        )


_WHY_NOT: Final = (
    ("no courier takes {} of its boxes", "has a courier for each box"),
    ("it would leave after the ship-by time", "leaves in time"),
    ("it makes {} more parcels", "makes fewer parcels"),
    ("{} of its parts are worth too little to leave alone", "has no part worth too little"),
    ("it leaves goods behind that expire sooner", "has the goods that expire first"),
    ("{} of its boxes come from outside the region", "is in the buyer's region"),
    ("it costs {} minor units more", "costs least"),
    ("it arrives later", "arrives first"),
    ("its floors are busier", "has the quieter floor"),
    ("it has more weight to carry farther", "has the least weight times distance"),
)
"""Per part of `Alternative.worth`: what is said of the loser, and of the winner."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why these warehouses: the rule, the numbers, the runners-up, and what others lacked.

    `exact` is about the set of warehouses; `every_split` says that the units inside the sets were
    split in every way that could cost less.
    """

    rule: str = RULE
    sentence: str
    exact: bool
    sets_tried: int
    every_split: bool = True
    chosen: Alternative | None = None
    replaced: Alternative | None = None
    """The plan that this one took the place of, when the open pool was planned again."""
    alternatives: tuple[Alternative, ...] = ()
    distances_m: dict[str, int | None] = {}
    available: dict[str, dict[str, int]] = {}
    lacks: dict[str, dict[str, int]] = {}
    missing: dict[str, int] = {}


def explain(
    goods: Sequence[Good],
    depots: Sequence[Depot],
    ranked: Sequence[Alternative],
    *,
    tried: int,
    exact: bool,
    every_split: bool,
) -> Explanation:
    """Return why the first of `ranked` was taken; `depots` are all that had something."""
    chosen, rivals = ranked[0], ranked[1:]
    sentence = sentence_of(chosen, rivals)
    if any(depot.distance_m is None for depot in depots):
        sentence += " The address has no coordinates, so distance did not count."
    return Explanation(
        sentence=sentence,
        exact=exact,
        sets_tried=tried,
        every_split=every_split,
        chosen=chosen,
        alternatives=tuple(
            msgspec.structs.replace(one, why_not=_why_not(chosen, one))
            for one in rivals[:ALTERNATIVES_MAX]
        ),
        distances_m={
            depot.warehouse: depot.distance_m
            for depot in depots
            if depot.warehouse in chosen.warehouses
        },
        available=_available(goods, depots),
        lacks=_lacks(goods, depots) if len(chosen.warehouses) > 1 else {},
    )


def _decided_by(chosen: Alternative, other: Alternative) -> tuple[int, int]:
    """Return which part of their worth decides between two, and by how much."""
    for part, (mine, theirs) in enumerate(zip(chosen.worth, other.worth, strict=True)):
        if mine != theirs:
            return part, theirs - mine
    return -1, 0


def _why_not(chosen: Alternative, other: Alternative) -> str:
    part, by = _decided_by(chosen, other)
    return "equal; its name comes later" if part < 0 else _WHY_NOT[part][0].format(by)


def sentence_of(chosen: Alternative, rivals: Sequence[Alternative]) -> str:
    """Return in one sentence why `chosen` was taken among `rivals`, the best of them first."""
    where = " and ".join(chosen.warehouses)
    count = len(chosen.warehouses)
    parcels = "1 parcel" if count == 1 else f"{count} parcels"
    if not rivals:
        return f"Only {where} can fill the whole order in {parcels}."
    part, _ = _decided_by(chosen, rivals[0])
    reason = "comes first by name" if part < 0 else _WHY_NOT[part][1]
    choices = f"{len(rivals) + 1} choices fill the whole order; "
    return f"{choices}{where} {reason} ({parcels})."


def why_wait(best: Alternative, terms: Terms | None) -> str | None:
    """Return why the order waits although the goods are there, None when it need not."""
    if terms is None:
        return None
    rules = terms.policy.sourcing
    if rules.parcels_per_order_max and best.parcels > rules.parcels_per_order_max:
        return (
            f"The order would leave in {best.parcels} parcels and may leave in "
            f"{rules.parcels_per_order_max} at most, so nothing was reserved; it waits for stock."
        )
    if best.small and terms.may_wait:
        return (
            f"{best.small} of its parts would be worth less than {rules.parcel_value_min_minor} "
            "minor units, so nothing was reserved yet; it waits for stock that makes fewer parcels."
        )
    return None


def _available(goods: Sequence[Good], depots: Sequence[Depot]) -> dict[str, dict[str, int]]:
    return {
        depot.warehouse: {good.sku: has for good, has in zip(goods, depot.atp, strict=True)}
        for depot in depots[:LACKS_MAX]
    }


def _lacks(goods: Sequence[Good], depots: Sequence[Depot]) -> dict[str, dict[str, int]]:
    return {
        depot.warehouse: {
            good.sku: good.units - has
            for good, has in zip(goods, depot.atp, strict=True)
            if has < good.units
        }
        for depot in depots[:LACKS_MAX]
    }


def explain_missing(
    goods: Sequence[Good], depots: Sequence[Depot], missing: dict[str, int]
) -> Explanation:
    """Return why nothing was reserved: all warehouses together lack `missing` units per SKU."""
    gaps = ", ".join(f"{units} of {sku}" for sku, units in sorted(missing.items()))
    return Explanation(
        sentence=f"All warehouses together lack {gaps}, so nothing was reserved.",
        exact=True,
        sets_tried=0,
        distances_m={depot.warehouse: depot.distance_m for depot in depots},
        available=_available(goods, depots),
        missing=missing,
    )
