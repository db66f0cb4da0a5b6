"""How long is the shortest walk over these bins? Asked thousands of times, answered in a blink.

Batching orders onto carts tries out a great many combinations and needs only the length of each
walk, not the walk. The meter does the same sweep as `routing` over the same states, but the states
of one layout are numbered beforehand, so that a step is a look into a table.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, get_args

from edge.domain.routing import Cell, Layout
from edge.domain.walk_states import (
    Distance,
    Option,
    State,
    after_aisle,
    after_cross,
    options_of,
    with_depot,
)

OPTIONS: Final[tuple[Option, ...]] = get_args(Option)


class WalkMeter:
    """Measures walks in one layout."""

    def __init__(self, layout: Layout) -> None:
        """Number the states that can occur in `layout`, which must have passed `check_layout`."""
        self._layout = layout
        self._cross = layout.cross_aisles()
        self._positions = [layout.cell_position(cell) for cell in range(layout.cells_per_aisle)]
        self._pieces = [self._piece_of(position) for position in self._positions]
        self._depot_junction = 0 if layout.depot_side == "top" else len(self._cross) - 1
        states = _reachable(len(self._cross))
        number = {state: index for index, state in enumerate(states)}
        self._begin = number[(0,) * len(self._cross)]
        self._final = [n for state, n in number.items() if any(state) and set(state) <= {0, 2}]
        self._at_depot = [number[with_depot(state, self._depot_junction)] for state in states]
        self._walked: list[dict[Option, list[int]]] = [
            {
                option: [number[after_aisle(state, upper, option)] for state in states]
                for option in OPTIONS
            }
            for upper in range(len(self._cross) - 1)
        ]
        self._crossed = [
            [(number[after], pieces) for after, _, pieces in after_cross(state)] for state in states
        ]

    def length(self, cells: Iterable[Cell]) -> Distance:
        """Return the length of the shortest closed walk from the depot over `cells`."""
        stops: dict[int, list[list[Distance]]] = {}
        for aisle, cell in sorted(set(cells)):
            if aisle not in stops:
                stops[aisle] = [[] for _ in range(len(self._cross) - 1)]
            stops[aisle][self._pieces[cell]].append(self._positions[cell])
        if not stops:
            return 0
        depot_aisle = self._layout.depot_aisle
        last = max(depot_aisle, *stops)
        costs: dict[int, Distance] = {self._begin: 0}
        for aisle in range(min(depot_aisle, *stops), last + 1):
            if aisle == depot_aisle:
                costs = self._start_here(costs)
            costs = self._walk_aisle(costs, stops.get(aisle))
            if aisle < last:
                costs = self._walk_cross(costs)
        return min(costs[index] for index in self._final if index in costs)

    def _piece_of(self, position: Distance) -> int:
        """Return which piece of an aisle a position lies on, counted from the top."""
        inner = self._cross[1:-1]
        return sum(1 for cross in inner if cross <= position)

    def _start_here(self, costs: dict[int, Distance]) -> dict[int, Distance]:
        after: dict[int, Distance] = {}
        for state, cost in costs.items():
            there = self._at_depot[state]
            after[there] = min(cost, after.get(there, cost))
        return after

    def _walk_aisle(
        self, costs: dict[int, Distance], stops: list[list[Distance]] | None
    ) -> dict[int, Distance]:
        for upper, tables in enumerate(self._walked):
            inside = stops[upper] if stops else []
            options = options_of(self._cross[upper], self._cross[upper + 1], inside)
            after: dict[int, Distance] = {}
            for option, length in options.items():
                table = tables[option]
                for state, cost in costs.items():
                    there = table[state]
                    total = cost + length
                    if there not in after or total < after[there]:
                        after[there] = total
            costs = after
        return costs

    def _walk_cross(self, costs: dict[int, Distance]) -> dict[int, Distance]:
        pitch = self._layout.aisle_pitch
        after: dict[int, Distance] = {}
        for state, cost in costs.items():
            for there, pieces in self._crossed[state]:
                total = cost + pieces * pitch
                if there not in after or total < after[there]:
                    after[there] = total
        return after


def _reachable(junctions: int) -> list[State]:
    """Return every state that any walk through aisles with so many junctions can be in."""
    found: dict[State, None] = {(0,) * junctions: None}
    waiting = list(found)
    while waiting:
        state = waiting.pop()
        following = [with_depot(state, junction) for junction in (0, junctions - 1)]
        following += [
            after_aisle(state, upper, option)
            for upper in range(junctions - 1)
            for option in OPTIONS
        ]
        following += [after for after, _, _ in after_cross(state)]
        for after in following:
            if after not in found:
                found[after] = None
                waiting.append(after)
    return list(found)
