"""Sourcing: from which warehouses a whole order leaves.

A buyer wants one box, soon. Choosing a warehouse line by line makes a third more parcels than
looking at the whole order, so the choice here is made over sets of warehouses: the smallest set
that can fill everything wins, among those the one with the least gram-kilometres, among those the
first by name. All sets of one size are tried before the next size, so for up to ten warehouses the
answer is exact; beyond `SUBSETS_MAX` sets a greedy cover is taken and the explanation says so.

Inside a set each SKU is filled from the nearest warehouse first, which is optimal because the cost
of a unit depends only on its warehouse. When the whole order cannot be filled, nothing is reserved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from math import asin, cos, radians, sin, sqrt
from typing import Final

import msgspec

SUBSETS_MAX: Final = 20_000
"""Sets of warehouses tried before the choice falls back to a greedy cover."""
ALTERNATIVES_MAX: Final = 5
"""Runners-up that an explanation names."""
LACKS_MAX: Final = 10
"""Warehouses whose gaps an explanation lists."""
EARTH_RADIUS_M: Final = 6_371_000
RULE: Final = "fewest_parcels_then_gram_kilometres@1"


class Need(msgspec.Struct, frozen=True):
    """Units of one order line that nobody has promised yet."""

    line_no: int
    sku: str
    quantity: int
    unit_weight_grams: int


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
    """One parcel of the plan; `distance_m` is None when the destination has no coordinates."""

    warehouse: str
    distance_m: int | None
    weight_grams: int
    lines: tuple[PlannedLine, ...]


class Alternative(msgspec.Struct, frozen=True):
    """A set of warehouses that could fill the order too, with its numbers."""

    warehouses: tuple[str, ...]
    parcels: int
    gram_kilometres: int


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why these warehouses: the rule, the numbers, the runners-up, and what others lacked."""

    rule: str = RULE
    sentence: str
    exact: bool
    sets_tried: int
    chosen: Alternative | None = None
    alternatives: tuple[Alternative, ...] = ()
    distances_m: dict[str, int | None] = {}
    available: dict[str, dict[str, int]] = {}
    lacks: dict[str, dict[str, int]] = {}
    missing: dict[str, int] = {}


class Sourcing(msgspec.Struct, frozen=True):
    """The choice; `parcels` is empty when the whole order cannot be filled."""

    parcels: tuple[PlannedParcel, ...]
    explanation: Explanation


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


def source(needs: tuple[Need, ...], offers: Iterable[Offer], to: Point | None) -> Sourcing:
    """Choose warehouses for all of `needs` together, or none when they cannot all be filled."""
    totals = _totals(needs)
    useful = sorted(
        (offer for offer in offers if any(offer.atp.get(sku, 0) > 0 for sku in totals)),
        key=lambda offer: offer.warehouse,
    )
    distances = {
        offer.warehouse: None if to is None else distance_m(offer.place, to) for offer in useful
    }
    missing = {
        sku: units - available
        for sku, units in totals.items()
        if (available := sum(max(0, offer.atp.get(sku, 0)) for offer in useful)) < units
    }
    if missing:
        return Sourcing((), _backorder(totals, useful, distances, missing))
    if len(useful) == 1:
        return _from_only(needs, totals, useful[0], distances)
    chosen_sets, tried, exact = _smallest_sets(totals, useful)
    weights = {need.sku: max(1, need.unit_weight_grams) for need in needs}
    ranked = sorted(
        (_cost(members, totals, weights, distances), _names(members), members)
        for members in chosen_sets
    )
    cost, names, members = ranked[0]
    explanation = Explanation(
        sentence=_sentence(names, len(ranked), to),
        exact=exact,
        sets_tried=tried,
        chosen=Alternative(names, len(names), cost),
        alternatives=tuple(
            Alternative(other, len(other), other_cost)
            for other_cost, other, _ in ranked[1 : 1 + ALTERNATIVES_MAX]
        ),
        distances_m={name: distances[name] for name in names},
        available=_available(totals, useful),
        lacks=_lacks(totals, useful) if len(names) > 1 else {},
    )
    return Sourcing(_parcels(needs, _near_first(members, distances), distances), explanation)


def _from_only(
    needs: tuple[Need, ...],
    totals: Mapping[str, int],
    offer: Offer,
    distances: Mapping[str, int | None],
) -> Sourcing:
    """Return the choice when one warehouse has the goods at all, which most often is the case."""
    name = offer.warehouse
    metres = distances[name]
    weights = {need.sku: max(1, need.unit_weight_grams) for need in needs}
    gram_metres = sum(units * weights[sku] for sku, units in totals.items()) * (metres or 0)
    explanation = Explanation(
        sentence=_sentence((name,), 1, None),
        exact=True,
        sets_tried=1,
        chosen=Alternative((name,), 1, gram_metres // 1000),
        distances_m={name: metres},
        available={name: {sku: offer.atp[sku] for sku in totals}},
    )
    lines = tuple(PlannedLine(need.line_no, need.sku, need.quantity) for need in needs)
    grams = sum(need.quantity * need.unit_weight_grams for need in needs)
    return Sourcing((PlannedParcel(name, metres, grams, lines),), explanation)


def _totals(needs: tuple[Need, ...]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for need in needs:
        totals[need.sku] = totals.get(need.sku, 0) + need.quantity
    return totals


def _fills(members: Iterable[Offer], totals: Mapping[str, int]) -> bool:
    chosen = tuple(members)
    return all(
        sum(max(0, offer.atp.get(sku, 0)) for offer in chosen) >= units
        for sku, units in totals.items()
    )


def _smallest_sets(
    totals: Mapping[str, int], useful: list[Offer]
) -> tuple[list[tuple[Offer, ...]], int, bool]:
    """Return every smallest set that fills the order, how many were tried, and if that is exact."""
    tried = 0
    for size in range(1, len(useful) + 1):
        found: list[tuple[Offer, ...]] = []
        for members in combinations(useful, size):
            tried += 1
            if tried > SUBSETS_MAX:
                return (found or [_greedy_cover(totals, useful)]), tried, False
            if _fills(members, totals):
                found.append(members)
        if found:
            return found, tried, True
    return [tuple(useful)], tried, True


def _greedy_cover(totals: Mapping[str, int], useful: list[Offer]) -> tuple[Offer, ...]:
    """Return a set that fills the order by taking the most useful warehouse again and again."""
    left = dict(totals)
    rest = list(useful)
    chosen: list[Offer] = []
    while any(units > 0 for units in left.values()):
        best = max(
            rest,
            key=lambda offer: sum(
                min(units, max(0, offer.atp.get(sku, 0))) for sku, units in left.items()
            ),
        )
        rest.remove(best)
        chosen.append(best)
        left = {sku: max(0, units - max(0, best.atp.get(sku, 0))) for sku, units in left.items()}
    return tuple(chosen)


def _near_first(members: Iterable[Offer], distances: Mapping[str, int | None]) -> tuple[Offer, ...]:
    return tuple(
        sorted(members, key=lambda offer: (distances[offer.warehouse] or 0, offer.warehouse))
    )


def _cost(
    members: tuple[Offer, ...],
    totals: Mapping[str, int],
    weights: Mapping[str, int],
    distances: Mapping[str, int | None],
) -> int:
    """Return gram-kilometres of the best split inside `members`."""
    gram_metres = 0
    ordered = _near_first(members, distances)
    for sku, units in totals.items():
        left = units
        for offer in ordered:
            take = min(left, max(0, offer.atp.get(sku, 0)))
            gram_metres += take * weights[sku] * (distances[offer.warehouse] or 0)
            left -= take
    return gram_metres // 1000


def _parcels(
    needs: tuple[Need, ...], ordered: tuple[Offer, ...], distances: Mapping[str, int | None]
) -> tuple[PlannedParcel, ...]:
    skus = {need.sku for need in needs}
    left = {offer.warehouse: {sku: offer.atp.get(sku, 0) for sku in skus} for offer in ordered}
    lines: dict[str, list[PlannedLine]] = {offer.warehouse: [] for offer in ordered}
    grams = dict.fromkeys(lines, 0)
    for need in needs:
        wanted = need.quantity
        for warehouse, atp in left.items():
            take = min(wanted, max(0, atp[need.sku]))
            if take:
                atp[need.sku] -= take
                wanted -= take
                lines[warehouse].append(PlannedLine(need.line_no, need.sku, take))
                grams[warehouse] += take * need.unit_weight_grams
    return tuple(
        PlannedParcel(warehouse, distances[warehouse], grams[warehouse], tuple(chosen))
        for warehouse, chosen in lines.items()
        if chosen
    )


def _names(members: Iterable[Offer]) -> tuple[str, ...]:
    return tuple(sorted(offer.warehouse for offer in members))


def _available(totals: Mapping[str, int], useful: list[Offer]) -> dict[str, dict[str, int]]:
    return {
        offer.warehouse: {sku: max(0, offer.atp.get(sku, 0)) for sku in totals}
        for offer in useful[:LACKS_MAX]
    }


def _lacks(totals: Mapping[str, int], useful: list[Offer]) -> dict[str, dict[str, int]]:
    return {
        offer.warehouse: {
            sku: units - max(0, offer.atp.get(sku, 0))
            for sku, units in totals.items()
            if max(0, offer.atp.get(sku, 0)) < units
        }
        for offer in useful[:LACKS_MAX]
    }


def _sentence(names: tuple[str, ...], rivals: int, to: Point | None) -> str:
    where = " and ".join(names)
    parcels = "1 parcel" if len(names) == 1 else f"{len(names)} parcels"
    if rivals == 1:
        return f"Only {where} can fill the whole order in {parcels}."
    if to is None:
        return (
            f"{rivals} choices fill the whole order in {parcels}; the address has no coordinates, "
            f"so the first by name was taken: {where}."
        )
    return (
        f"{rivals} choices fill the whole order in {parcels}; {where} has the least weight times "
        "distance."
    )


def _backorder(
    totals: Mapping[str, int],
    useful: list[Offer],
    distances: Mapping[str, int | None],
    missing: dict[str, int],
) -> Explanation:
    gaps = ", ".join(f"{units} of {sku}" for sku, units in sorted(missing.items()))
    return Explanation(
        sentence=f"All warehouses together lack {gaps}, so nothing was reserved.",
        exact=True,
        sets_tried=0,
        distances_m=dict(distances),
        available=_available(totals, useful),
        missing=missing,
    )
