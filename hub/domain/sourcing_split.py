"""How the units of an order are split over the warehouses of one set.

A parcel's price is known only once its weight, volume and value are, so a set of warehouses has no
price before its units are split. Units that only one member of the set can send are laid there
first. Each set is priced with one member after the other taking what it can; the best sets are then
searched through, and a branch is left as soon as what lies in the boxes already costs as much as
the best split found. `NODES_MAX` bounds the search of one decision; the explanation says when it
was reached.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from hub.domain.courier_choice import Rate
from hub.domain.depots import NO_RATE, Depot, Good, Triple

NODES_MAX: Final = 48
"""Partial splits that one decision looks at beyond those in which one member goes first."""
WAYS_UNITS_MAX: Final = 8
"""Units of one SKU that are split in every way; more of them go to one member as far as it has."""
Worth = tuple[int, int, int, int, int]


class Split(msgspec.Struct, frozen=True):
    """Units of each good from each member of a set, with the price of each member's box.

    `worth` orders splits of one set, the best first: boxes that no courier takes, late or not,
    boxes too small to leave alone, goods that could have been older, money. `proven`: no split of
    this set is better.
    """

    worth: Worth
    units: tuple[tuple[int, ...], ...]
    rates: tuple[Rate, ...]
    proven: bool


class Splitter:
    """Splits the goods of one order over sets of warehouses; `members` come nearest first."""

    def __init__(self, goods: Sequence[Good], value_min_minor: int) -> None:
        """A part worth less than `value_min_minor` is too small to leave alone."""
        self.goods = goods
        self.value_min_minor = value_min_minor
        self.nodes_left = NODES_MAX

    def fills(self, members: Sequence[Depot]) -> bool:
        """Say whether these warehouses have all goods together."""
        have = zip(*(depot.has for depot in members), strict=True)
        return all(sum(has) >= good.units for has, good in zip(have, self.goods, strict=True))

    def split(self, members: Sequence[Depot]) -> Split:
        """Return the best of a few splits of a set that fills: in each, one member goes first.

        It is proven when nothing is left to choose, or when what has no choice costs as much alone.
        """
        if len(members) == 1:
            return self.judge(members, (tuple(good.units for good in self.goods),), proven=True)
        must, free = self._must(members)
        least = self.bound(members, [_load(self.goods, units) for units in must])
        best: Split | None = None
        for first in range(len(members)) if any(free) else (0,):
            places = (first, *(place for place in range(len(members)) if place != first))
            units = self._greedy(members, must, free, places)
            found = self.judge(members, units, proven=not any(free))
            if best is None or found.worth < best.worth:
                best = found
            if all(map(any, units)) and best.worth <= least:
                return msgspec.structs.replace(best, proven=True)
        if best is None:
            raise AssertionError(members)
        return best

    def refine(self, members: Sequence[Depot], known: Split) -> Split:
        """Return the best split of a set, or the best within the tries this decision has left."""
        must, free = self._must(members)
        search = _Search(self, members, must, free, known)
        search.look(0, [_load(self.goods, units) for units in must])
        return msgspec.structs.replace(search.best, proven=search.complete)

    def _must(self, members: Sequence[Depot]) -> tuple[list[list[int]], list[int]]:
        """Return what only one member can send, per member and good, and what can be chosen."""
        must: list[list[int]] = [[] for _ in members]
        free = []
        for place, good in enumerate(self.goods):
            has = [depot.has[place] for depot in members]
            over = sum(has) - good.units
            left = good.units
            for mine, laid in zip(has, must, strict=True):
                laid.append(max(0, mine - over))
                left -= laid[-1]
            free.append(left)
        return must, free

    def _greedy(
        self,
        members: Sequence[Depot],
        must: Sequence[Sequence[int]],
        free: Sequence[int],
        places: Sequence[int],
    ) -> tuple[tuple[int, ...], ...]:
        """Take what can be chosen from the first of `places` that has it, then from the next."""
        units = [list(laid) for laid in must]
        for number, choice in enumerate(free):
            left = choice
            for place in self._oldest_first(members, number, places):
                take = min(left, members[place].has[number] - must[place][number])
                units[place][number] += take
                left -= take
        return tuple(map(tuple, units))

    def _oldest_first(
        self, members: Sequence[Depot], number: int, places: Sequence[int]
    ) -> Sequence[int]:
        """Return `places` with those first whose goods expire first; most goods do not expire."""
        if not members[0].spoils:
            return places
        return sorted(places, key=lambda place: members[place].fresher[number])

    def bound(self, members: Sequence[Depot], loads: Sequence[Triple]) -> Worth:
        """Return what these loads are worth at least, whatever else is laid into the boxes."""
        rates = [depot.rate(load) for depot, load in zip(members, loads, strict=True) if load[0]]
        return (
            sum(rate.forced for rate in rates),
            int(any(rate.late for rate in rates)),
            0,
            0,
            sum(rate.price_minor for rate in rates),
        )

    def judge(
        self, members: Sequence[Depot], units: tuple[tuple[int, ...], ...], *, proven: bool
    ) -> Split:
        """Return the split that gives these units, per member and good, with its prices."""
        loads = [_load(self.goods, share) for share in units]
        rates = tuple(
            depot.rate(load) if load[0] else NO_RATE
            for depot, load in zip(members, loads, strict=True)
        )
        small = 0
        if self.value_min_minor and len(members) > 1:
            small = sum(
                load[2] + depot.box.value_minor < self.value_min_minor
                for depot, load in zip(members, loads, strict=True)
            )
        worth = (
            sum(rate.forced for rate in rates),
            int(any(rate.late for rate in rates)),
            small,
            _fresher(members, units) if members[0].spoils else 0,
            sum(rate.price_minor for rate in rates),
        )
        return Split(worth, units, rates, proven)


class _Search:
    """Depth first over goods, each spread over the members in every way that is left."""

    def __init__(
        self,
        splitter: Splitter,
        members: Sequence[Depot],
        must: Sequence[Sequence[int]],
        free: Sequence[int],
        known: Split,
    ) -> None:
        self.splitter = splitter
        self.members = members
        self.must = must
        self.best = known
        self.complete = True
        self.choices = [number for number, units in enumerate(free) if units]
        self.free = free
        self.path: list[tuple[int, ...]] = []

    def look(self, depth: int, loads: list[Triple]) -> None:
        """Spread the goods from `depth` on; `loads` lie in the boxes already."""
        splitter = self.splitter
        splitter.nodes_left -= 1
        if splitter.nodes_left < 0:
            self.complete = False
            return
        if splitter.bound(self.members, loads) >= self.best.worth:
            return
        if depth == len(self.choices):
            self._take()
            return
        number = self.choices[depth]
        good = splitter.goods[number]
        for way in self._ways(number):
            after = [
                load if not units else _add(load, good, units)
                for load, units in zip(loads, way, strict=True)
            ]
            self.path.append(way)
            self.look(depth + 1, after)
            self.path.pop()

    def _ways(self, number: int) -> Iterator[tuple[int, ...]]:
        spare = [
            depot.has[number] - laid[number]
            for depot, laid in zip(self.members, self.must, strict=True)
        ]
        if self.free[number] > WAYS_UNITS_MAX:
            self.complete = False
            return _far_ways(self.free[number], spare)
        return _every_way(self.free[number], spare)

    def _take(self) -> None:
        units = [list(laid) for laid in self.must]
        for number, way in zip(self.choices, self.path, strict=True):
            for place, more in enumerate(way):
                units[place][number] += more
        if all(map(any, units)):
            found = self.splitter.judge(self.members, tuple(map(tuple, units)), proven=False)
            self.best = min(self.best, found, key=lambda split: split.worth)


def _fresher(members: Sequence[Depot], units: Sequence[Sequence[int]]) -> int:
    return sum(
        count * fresher
        for depot, share in zip(members, units, strict=True)
        for count, fresher in zip(share, depot.fresher, strict=True)
    )


def _load(goods: Sequence[Good], units: Sequence[int]) -> Triple:
    grams = volume = value = 0
    for good, count in zip(goods, units, strict=True):
        if count:
            grams += count * good.weight_grams
            volume += count * good.volume_mm3
            value += count * good.value_minor
    return grams, volume, value


def _add(load: Triple, good: Good, units: int) -> Triple:
    return (
        load[0] + units * good.weight_grams,
        load[1] + units * good.volume_mm3,
        load[2] + units * good.value_minor,
    )


def _far_ways(units: int, spare: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield, for each member, the way that takes as many as it can spare from it."""
    for first in range(len(spare)):
        way, left = [0] * len(spare), units
        for place in (first, *(place for place in range(len(spare)) if place != first)):
            way[place] = min(left, spare[place])
            left -= way[place]
        yield tuple(way)


def _every_way(units: int, spare: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield every way to take `units` from members that can spare so many, the first's first."""
    if len(spare) == 1:
        yield (units,)
        return
    rest = sum(spare[1:])
    for mine in range(min(units, spare[0]), max(0, units - rest) - 1, -1):
        for others in _every_way(units - mine, spare[1:]):
            yield (mine, *others)
