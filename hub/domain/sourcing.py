"""Sourcing: from which warehouses a whole order leaves.

A buyer wants one box, soon. Choosing a warehouse line by line makes a third more parcels than
looking at the whole order, so the choice here is made over sets of warehouses. The best set has, in
this order: a courier for each box; all boxes gone by the ship-by time; fewest parcels; no part too
small to leave alone; what expires first; warehouses of the buyer's own region; least cost; earliest
arrival; the quieter floors; the shorter way. Money and time are those of the courier that would be
chosen.

All sets of one size are tried before the next size, and a larger set is tried only where it can
mend what no smaller one can, so for up to ten warehouses the answer is exact; beyond `SUBSETS_MAX`
sets a greedy cover is taken and the explanation says so. When the whole order cannot be filled,
nothing is reserved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from math import asin, cos, radians, sin, sqrt
from typing import Final

import msgspec

from hub.domain.courier_choice import Rate
from hub.domain.depots import Depot, Good, Terms
from hub.domain.sourcing_split import Split, Splitter
from hub.domain.sourcing_why import (
    Alternative,
    Explanation,
    explain,
    explain_missing,
    sentence_of,
    why_wait,
)

SUBSETS_MAX: Final = 20_000
"""Sets of warehouses tried before the choice falls back to a greedy cover."""
SETS_PRICED_MAX: Final = 500
"""Sets that are split and priced in one decision; there are 252 of five out of ten."""
EARTH_RADIUS_M: Final = 6_371_000


class Need(msgspec.Struct, frozen=True):
    """Units of one order line that nobody has promised yet; weight, volume, value are of one."""

    line_no: int
    sku: str
    quantity: int
    unit_weight_grams: int
    unit_volume_mm3: int = 0
    unit_value_minor: int = 0


class Point(msgspec.Struct, frozen=True):
    """A place on earth, in millionths of a degree."""

    latitude_microdegrees: int
    longitude_microdegrees: int


class Offer(msgspec.Struct, frozen=True):
    """What one warehouse may still promise: available to promise (ATP) per SKU."""

    warehouse: str
    place: Point
    atp: Mapping[str, int]


class PlannedLine(msgspec.Struct, frozen=True):
    """Units of one order line that one parcel carries."""

    line_no: int
    sku: str
    quantity: int


class PlannedParcel(msgspec.Struct, frozen=True):
    """One parcel of the plan; `distance_m` is None when the destination has no coordinates.

    `cut_off_ms` is when its courier would leave, 0 when nobody said where the goods go.
    """

    warehouse: str
    distance_m: int | None
    weight_grams: int
    lines: tuple[PlannedLine, ...]
    cut_off_ms: int = 0


class Sourcing(msgspec.Struct, frozen=True):
    """The choice; `parcels` is empty when the whole order cannot be filled."""

    parcels: tuple[PlannedParcel, ...]
    explanation: Explanation


class _Plan(msgspec.Struct, frozen=True):
    members: tuple[Depot, ...]
    split: Split
    numbers: Alternative


def distance_m(one: Point, other: Point) -> int:
    """Return the great-circle distance in metres (haversine).

    >>> distance_m(Point(31_230_000, 121_470_000), Point(39_900_000, 116_400_000)) // 1000
    1067
    """
    latitude_1 = radians(one.latitude_microdegrees / 1e6)
    latitude_2 = radians(other.latitude_microdegrees / 1e6)
    half_latitude = (latitude_2 - latitude_1) / 2
    half_longitude = radians((other.longitude_microdegrees - one.longitude_microdegrees) / 1e6) / 2
    chord = sin(half_latitude) ** 2 + cos(latitude_1) * cos(latitude_2) * sin(half_longitude) ** 2
    return round(2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(chord))))


def source(
    needs: tuple[Need, ...],
    offers: Iterable[Offer],
    to: Point | None,
    terms: Terms | None = None,
) -> Sourcing:
    """Choose warehouses for all of `needs` together, or none when they cannot all be filled.

    Without `terms` nobody knows yet where the goods go (a checkout), and only parcels count.
    """
    goods = _goods(needs)
    if terms is None and (only := _only_one_has_all(goods, offers := tuple(offers))) is not None:
        return _from_only(needs, goods, only)
    depots = [
        Depot(
            offer.warehouse,
            offer.atp,
            None if to is None else distance_m(offer.place, to),
            goods,
            terms,
        )
        for offer in sorted(offers, key=lambda offer: offer.warehouse)
        if any(offer.atp.get(good.sku, 0) > 0 for good in goods)
    ]
    missing = {
        good.sku: good.units - available
        for place, good in enumerate(goods)
        if (available := sum(depot.atp[place] for depot in depots)) < good.units
    }
    if missing:
        return Sourcing((), explain_missing(goods, depots, missing))
    splitter = Splitter(goods, _value_min(goods, terms))
    plans, tried, exact = _plans(splitter, depots, terms)
    explanation = explain(
        goods,
        depots,
        [plan.numbers for plan in plans],
        tried=tried,
        exact=exact,
        every_split=all(plan.split.proven for plan in plans),
    )
    if (why := why_wait(plans[0].numbers, terms)) is not None:
        waits = msgspec.structs.replace(explanation, sentence=why, chosen=None)
        return Sourcing((), waits)
    return Sourcing(_parcels(needs, goods, plans[0]), explanation)


def numbers_of(
    sent: Sequence[tuple[Offer, tuple[Need, ...]]], to: Point | None, terms: Terms
) -> Alternative:
    """Return the numbers of a plan that is booked: for each parcel its warehouse and its goods."""
    parts = []
    for offer, needs in sent:
        goods = _goods(needs)
        atp = {good.sku: good.units for good in goods}
        metres = None if to is None else distance_m(offer.place, to)
        depot = Depot(offer.warehouse, atp, metres, goods, terms)
        parts.append(_plan((depot,), Splitter(goods, 0)).numbers)
    return Alternative(
        warehouses=tuple(sorted(name for part in parts for name in part.warehouses)),
        parcels=sum(part.parcels for part in parts),
        cost_minor=sum(part.cost_minor for part in parts),
        late=any(part.late for part in parts),
        forced=sum(part.forced for part in parts),
        fresher=sum(part.fresher for part in parts),
        foreign=sum(part.foreign for part in parts),
        arrives_ms=max(part.arrives_ms for part in parts),
        load_permille=max(part.load_permille for part in parts),
        gram_kilometres=sum(part.gram_kilometres for part in parts),
    )


def _only_one_has_all(goods: list[Good], offers: Sequence[Offer]) -> Offer | None:
    """Return the warehouse that has all goods while no other has any, None when it is not so."""
    useful = [one for one in offers if any(one.atp.get(good.sku, 0) > 0 for good in goods)]
    if len(useful) != 1 or any(useful[0].atp.get(good.sku, 0) < good.units for good in goods):
        return None
    return useful[0]


def _from_only(needs: tuple[Need, ...], goods: list[Good], offer: Offer) -> Sourcing:
    """Return the choice of a checkout when there is none, which most often is the case."""
    chosen = Alternative(warehouses=(offer.warehouse,), parcels=1, cost_minor=0)
    explanation = Explanation(
        sentence=sentence_of(chosen, ()),
        exact=True,
        sets_tried=1,
        chosen=chosen,
        available={offer.warehouse: {good.sku: offer.atp[good.sku] for good in goods}},
    )
    lines = tuple(PlannedLine(need.line_no, need.sku, need.quantity) for need in needs)
    grams = sum(need.quantity * need.unit_weight_grams for need in needs)
    return Sourcing((PlannedParcel(offer.warehouse, None, grams, lines),), explanation)


def _goods(needs: tuple[Need, ...]) -> list[Good]:
    """Sum lines of one SKU; lines of different prices share their mean, rounded down."""
    goods: dict[str, Good] = {}
    for need in needs:
        value = need.quantity * need.unit_value_minor
        before = goods.get(need.sku)
        units = need.quantity
        if before is not None:
            value += before.units * before.value_minor
            units += before.units
        goods[need.sku] = Good(
            need.sku, units, max(1, need.unit_weight_grams), need.unit_volume_mm3, value // units
        )
    return list(goods.values())


def _plans(
    splitter: Splitter, depots: list[Depot], terms: Terms | None
) -> tuple[list[_Plan], int, bool]:
    """Return plans, the best first, how many sets were tried, and if the choice is exact."""
    boxes = 0 if terms is None else sum(depot.joins for depot in depots)
    plans: list[_Plan] = []
    tried = 0
    for size in range(1, len(depots) + 1):
        among = depots if not plans else _worth_more_parcels(depots, plans, size, boxes)
        for members in combinations(among, size):
            tried += 1
            if tried > SUBSETS_MAX or len(plans) > SETS_PRICED_MAX:
                plans = plans or [_plan(_greedy_cover(splitter.goods, depots), splitter)]
                return _refined(plans, splitter), tried, False
            if splitter.fills(members):
                plan = _plan(members, splitter)
                if not _all_send(plan):
                    plan = _refine(plan, splitter)
                plans += [plan] if _all_send(plan) else []
        plans.sort(key=_order)
    return _refined(plans, splitter), tried, True


def _refined(plans: list[_Plan], splitter: Splitter) -> list[_Plan]:
    """Search the splits of the best sets as far as this decision may look; the best plan first."""
    plans.sort(key=_order)
    return sorted((_refine(plan, splitter) for plan in plans), key=_order)


def _refine(plan: _Plan, splitter: Splitter) -> _Plan:
    if plan.split.proven or splitter.nodes_left <= 0:
        return plan
    split = splitter.refine(plan.members, plan.split)
    return _Plan(plan.members, split, _numbers(plan.members, split, splitter.goods))


def _all_send(plan: _Plan) -> bool:
    """Say whether each member sends something; else a smaller set does as well."""
    return all(map(any, plan.split.units))


def _order(plan: _Plan) -> tuple[tuple[int, ...], tuple[str, ...]]:
    return plan.numbers.worth, plan.numbers.warehouses


def _value_min(goods: list[Good], terms: Terms | None) -> int:
    """Return the least worth of a part; 0 when the shop told no prices."""
    if terms is None or not any(good.value_minor for good in goods):
        return 0
    return terms.policy.sourcing.parcel_value_min_minor


def _worth_more_parcels(
    depots: list[Depot], plans: list[_Plan], size: int, boxes: int
) -> list[Depot]:
    """Return among which warehouses a set of `size` could still be better than the best so far.

    It could where the best is late or no courier takes it, or where it adds to boxes that leave
    anyway. A set with a warehouse that is late by itself mends nothing.
    """
    best = plans[0].numbers
    if best.forced or best.late:
        return [depot for depot in depots if depot.timely]
    return depots if size - boxes < best.parcels else []


def _plan(members: tuple[Depot, ...], splitter: Splitter) -> _Plan:
    near_first = tuple(sorted(members, key=lambda depot: (depot.distance_m or 0, depot.warehouse)))
    split = splitter.split(near_first)
    return _Plan(near_first, split, _numbers(near_first, split, splitter.goods))


def _numbers(members: tuple[Depot, ...], split: Split, goods: Sequence[Good]) -> Alternative:
    forced, late, small, fresher, cost_minor = split.worth
    return Alternative(
        warehouses=tuple(sorted(depot.warehouse for depot in members)),
        parcels=sum(not depot.joins for depot in members),
        cost_minor=cost_minor,
        late=bool(late),
        forced=forced,
        small=small,
        fresher=fresher,
        foreign=sum(depot.foreign for depot in members),
        arrives_ms=max(rate.arrives_ms for rate in split.rates),
        load_permille=max(depot.load_permille for depot in members),
        gram_kilometres=sum(
            units * good.weight_grams * (depot.distance_m or 0)
            for depot, share in zip(members, split.units, strict=True)
            for good, units in zip(goods, share, strict=True)
        )
        // 1000,
    )


def _greedy_cover(goods: Sequence[Good], depots: list[Depot]) -> tuple[Depot, ...]:
    """Return a set that fills the order by taking the most useful warehouse again and again."""
    left = [good.units for good in goods]
    rest = list(depots)
    chosen: list[Depot] = []
    while any(left):
        best = max(rest, key=lambda depot: sum(map(min, left, depot.atp)))
        rest.remove(best)
        chosen.append(best)
        left = [max(0, units - has) for units, has in zip(left, best.atp, strict=True)]
    return tuple(chosen)


def _parcels(needs: tuple[Need, ...], goods: list[Good], plan: _Plan) -> tuple[PlannedParcel, ...]:
    """Give each line its units from the members' shares, nearest member first."""
    skus = [good.sku for good in goods]
    left = [dict(zip(skus, share, strict=True)) for share in plan.split.units]
    lines: list[list[PlannedLine]] = [[] for _ in left]
    grams = [0] * len(left)
    for need in needs:
        wanted = need.quantity
        for place, share in enumerate(left):
            take = min(wanted, share[need.sku])
            if take:
                share[need.sku] -= take
                wanted -= take
                lines[place].append(PlannedLine(need.line_no, need.sku, take))
                grams[place] += take * need.unit_weight_grams
    rates: tuple[Rate, ...] = plan.split.rates
    return tuple(
        PlannedParcel(
            depot.warehouse, depot.distance_m, grams[place], tuple(lines[place]), rate.cut_off_ms
        )
        for place, (depot, rate) in enumerate(zip(plan.members, rates, strict=True))
    )
