"""The shortest walk of a picker through the aisles, exactly.

A warehouse block is a ladder: parallel aisles, joined at both ends by cross-aisles. A picker starts
at the depot, visits every bin on the list and comes back. Rules of thumb such as "snake through
every aisle that has a pick" walk about a third too far. The shortest walk can be found exactly,
because only two things matter about the aisles already decided: whether an odd or an even number of
path pieces meets at each junction of the last one, and which of its junctions hang together. There
are only a handful of such states, so the aisles are swept from left to right and the cheapest way
into every state is kept. The chosen pieces form one connected figure with an even number of pieces
at every junction; Euler's theorem turns it into a walk.

Sources: Ratliff & Rosenthal, Operations Research 31(3), 1983 (one block); Roodbergen & de Koster,
EJOR 133(1), 2001 (a middle cross-aisle). The sweep is written for any number of cross-aisles.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, Literal, cast

import msgspec

from edge.domain.walk_states import (
    Distance,
    Option,
    State,
    Ways,
    after_aisle,
    after_cross,
    largest_gap,
    options_of,
    with_depot,
)
from shared.domain.errors import InvalidInput

AISLES_MAX: Final = 1_000
CELLS_MAX: Final = 10_000
PICKS_MAX: Final = 5_000
MIDDLE_CROSS_AISLES_MAX: Final = 3
"""More would be exact too, but the number of states grows about fivefold with each."""

Cell = tuple[int, int]
"""(aisle, cell), both counted from 0; cell 0 lies next to the top cross-aisle."""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Geometry of one picking area, all lengths in one unit.

    `cross_aisle_after` lists the numbers of cells after which a middle cross-aisle lies,
    `cross_aisle_gap` (None: one cell pitch) away from the next cell on either side.
    """

    aisles: int
    cells_per_aisle: int
    aisle_pitch: Distance
    cell_pitch: Distance
    end_to_first_cell: Distance
    depot_aisle: int
    depot_side: Literal["top", "bottom"] = "bottom"
    cross_aisle_after: tuple[int, ...] = ()
    cross_aisle_gap: Distance | None = None

    def cell_position(self, cell: int) -> Distance:
        """Return how far below the top cross-aisle the middle of `cell` lies."""
        gap = self.cell_pitch if self.cross_aisle_gap is None else self.cross_aisle_gap
        crossed = sum(1 for after in self.cross_aisle_after if after <= cell)
        widening = crossed * (2 * gap - self.cell_pitch)
        return self.end_to_first_cell + cell * self.cell_pitch + widening

    def cross_aisles(self) -> tuple[Distance, ...]:
        """Return the positions of all cross-aisles, the top one (0) first."""
        gap = self.cell_pitch if self.cross_aisle_gap is None else self.cross_aisle_gap
        middle = (self.cell_position(after) - gap for after in sorted(self.cross_aisle_after))
        bottom = self.cell_position(self.cells_per_aisle - 1) + self.end_to_first_cell
        return (0, *middle, bottom)


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A closed walk from the depot over every pick.

    `sequence` names the picks in the order the picker comes to them. `path` is the same walk with
    its turning points, for drawing: cell -1 is the top cross-aisle, `cells_per_aisle` the bottom
    one, and a middle cross-aisle carries the number of the cell just below it.
    """

    length: Distance
    sequence: tuple[Cell, ...]
    path: tuple[Cell, ...]


def check_layout(layout: Layout) -> None:
    """Raise InvalidInput, naming the field, when `layout` is no warehouse."""
    cells = layout.cells_per_aisle
    gap = layout.cell_pitch if layout.cross_aisle_gap is None else layout.cross_aisle_gap
    lengths = (layout.aisle_pitch, layout.cell_pitch, layout.end_to_first_cell, gap)
    after = layout.cross_aisle_after
    expectations = (
        (1 <= layout.aisles <= AISLES_MAX, "aisles", f"1 to {AISLES_MAX}", layout.aisles),
        (1 <= cells <= CELLS_MAX, "cells_per_aisle", f"1 to {CELLS_MAX}", cells),
        (0 <= layout.depot_aisle < layout.aisles, "depot_aisle", f"0 to {layout.aisles - 1}",
         layout.depot_aisle),
        (all(0 <= length < 1e9 for length in lengths), "pitches and gaps",
         "lengths from 0 to 1e9", lengths),
        (len(after) <= MIDDLE_CROSS_AISLES_MAX, "cross_aisle_after",
         f"at most {MIDDLE_CROSS_AISLES_MAX} entries", len(after)),
        (all(0 < cell < cells for cell in after) and len(set(after)) == len(after),
         "cross_aisle_after", f"different cells from 1 to {cells - 1}", list(after)),
    )  # fmt: skip
    for holds, field, expected, got in expectations:
        if not holds:
            raise InvalidInput(
                "layout",
                f"Failed to read the layout: expected {field} to be {expected}, got {got}.",
                hint="Correct the layout and send it again.",
            )


def route(layout: Layout, picks: list[Cell]) -> Route:
    """Return the shortest closed walk from the depot over `picks` (exact, never an estimate).

    Bins that occur twice in `picks` occur twice in the sequence. Raises InvalidInput for a layout
    or a pick outside it.
    """
    check_layout(layout)
    _check_picks(layout, picks)
    if not picks:
        return Route(length=0, sequence=(), path=())
    stops = _stops_by_aisle(layout, picks)
    length, pieces = _cheapest_pieces(layout, stops)
    walk = _closed_walk(pieces, _depot(layout))
    return _as_route(layout, picks, length, walk)


def _check_picks(layout: Layout, picks: list[Cell]) -> None:
    if len(picks) > PICKS_MAX:
        raise InvalidInput(
            "too_many_picks",
            f"Failed to route the list: expected at most {PICKS_MAX} picks, got {len(picks)}.",
            hint="Split the list.",
        )
    for aisle, cell in picks:
        if not (0 <= aisle < layout.aisles and 0 <= cell < layout.cells_per_aisle):
            raise InvalidInput(
                "pick_outside",
                f"Failed to route the list: expected aisle 0 to {layout.aisles - 1} and cell 0 to "
                f"{layout.cells_per_aisle - 1}, got aisle {aisle}, cell {cell}.",
                hint="Correct the pick or the layout.",
            )


Node = tuple[int, Distance]
"""(aisle, position below the top cross-aisle)."""
Piece = tuple[Node, Node]


def _depot(layout: Layout) -> Node:
    cross = layout.cross_aisles()
    return layout.depot_aisle, cross[0] if layout.depot_side == "top" else cross[-1]


def _stops_by_aisle(layout: Layout, picks: list[Cell]) -> dict[int, list[Distance]]:
    """Return the sorted, different pick positions of each aisle that has any."""
    stops: dict[int, set[Distance]] = {}
    for aisle, cell in picks:
        stops.setdefault(aisle, set()).add(layout.cell_position(cell))
    return {aisle: sorted(positions) for aisle, positions in stops.items()}


Step = dict[State, tuple[Distance, State, Option | Ways]]
"""Cheapest way into each state: its length so far, the state before, what was walked."""


def _cheapest_pieces(
    layout: Layout, stops: dict[int, list[Distance]]
) -> tuple[Distance, list[Piece]]:
    """Sweep the aisles between the outermost stops and the depot; return length and pieces."""
    cross = layout.cross_aisles()
    depot_aisle, depot_position = _depot(layout)
    first, last = min(depot_aisle, *stops), max(depot_aisle, *stops)
    steps: list[Step] = [{(0,) * len(cross): (0, (), "skip")}]
    for aisle in range(first, last + 1):
        if aisle == depot_aisle:
            steps.append(_start_here(steps[-1], cross.index(depot_position)))
        for upper in range(len(cross) - 1):
            inside = _between(stops.get(aisle, []), cross, upper)
            options = options_of(cross[upper], cross[upper + 1], inside)
            steps.append(_walk_aisle(steps[-1], upper, options))
        if aisle < last:
            steps.append(_walk_cross(steps[-1], layout.aisle_pitch))
    ends = steps[-1]
    final = min((state for state in ends if set(state) <= {0, 2}), key=lambda s: ends[s][0])
    return ends[final][0], _pieces(layout, stops, first, last, _choices(steps, final))


def _between(stops: list[Distance], cross: tuple[Distance, ...], upper: int) -> list[Distance]:
    """Return the stops on the aisle piece below cross-aisle `upper`."""
    top, bottom = cross[upper], cross[upper + 1]
    is_last = upper == len(cross) - 2
    return [at for at in stops if top <= at and (at < bottom or is_last)]


def _keep_cheaper(
    step: Step, after: State, cost: Distance, before: State, choice: Option | Ways
) -> None:
    known = step.get(after)
    if known is None or cost < known[0]:
        step[after] = (cost, before, choice)


def _start_here(before: Step, junction: int) -> Step:
    step: Step = {}
    for state, (cost, _, _) in before.items():
        _keep_cheaper(step, with_depot(state, junction), cost, state, "skip")
    return step


def _walk_aisle(before: Step, upper: int, options: dict[Option, Distance]) -> Step:
    step: Step = {}
    for state, (cost, _, _) in before.items():
        for option, length in options.items():
            _keep_cheaper(step, after_aisle(state, upper, option), cost + length, state, option)
    return step


def _walk_cross(before: Step, pitch: Distance) -> Step:
    step: Step = {}
    for state, (cost, _, _) in before.items():
        for after, way, pieces in after_cross(state):
            _keep_cheaper(step, after, cost + pieces * pitch, state, way)
    return step


def _choices(steps: list[Step], final: State) -> list[Option | Ways]:
    """Follow the cheapest ways back from `final`; return what was walked, first step first."""
    choices: list[Option | Ways] = []
    state = final
    for step in reversed(steps[1:]):
        _, state, choice = step[state]
        choices.append(choice)
    return choices[::-1]


def _pieces(
    layout: Layout,
    stops: dict[int, list[Distance]],
    first: int,
    last: int,
    choices: list[Option | Ways],
) -> list[Piece]:
    """Return the path pieces that `choices` stand for; a piece walked twice is there twice."""
    cross = layout.cross_aisles()
    pieces: list[Piece] = []
    left = iter(choices)
    for aisle in range(first, last + 1):
        if aisle == layout.depot_aisle:
            next(left)
        for upper in range(len(cross) - 1):
            inside = _between(stops.get(aisle, []), cross, upper)
            option = next(left)
            nodes = [(aisle, p) for p in (cross[upper], *inside, cross[upper + 1])]
            chain = list(pairwise(nodes))
            if option == "gap":
                del chain[largest_gap(inside)[1] + 1]
            elif option in {"upper", "lower"}:
                chain = chain[:-1] if option == "upper" else chain[1:]
            elif option == "skip":
                chain = []
            pieces += chain if option == "pass" else chain * 2
        if aisle < last:
            for position, count in zip(cross, cast("Ways", next(left)), strict=True):
                pieces += [((aisle, position), (aisle + 1, position))] * count
    return pieces


def _closed_walk(pieces: list[Piece], start: Node) -> list[Node]:
    """Return a walk from `start` back to it that uses every piece once (Hierholzer 1873)."""
    at: dict[Node, list[tuple[Node, int]]] = {start: []}
    for number, (one, other) in enumerate(pieces):
        at.setdefault(one, []).append((other, number))
        at.setdefault(other, []).append((one, number))
    used = [False] * len(pieces)
    stack = [start]
    walk: list[Node] = []
    while stack:
        ways = at[stack[-1]]
        while ways and used[ways[-1][1]]:
            ways.pop()
        if ways:
            node, number = ways.pop()
            used[number] = True
            stack.append(node)
        else:
            walk.append(stack.pop())
    return walk


def _as_route(layout: Layout, picks: list[Cell], length: Distance, walk: list[Node]) -> Route:
    cross = layout.cross_aisles()
    turns = (-1, *sorted(layout.cross_aisle_after), layout.cells_per_aisle)
    cell_at: dict[Distance, int] = dict(zip(cross, turns, strict=True))
    waiting: dict[Node, list[Cell]] = {}
    for pick in picks:
        node = (pick[0], layout.cell_position(pick[1]))
        cell_at[node[1]] = pick[1]
        waiting.setdefault(node, []).append((pick[0], pick[1]))
    sequence: list[Cell] = []
    for node in walk:
        sequence += waiting.pop(node, [])
    path = tuple((aisle, cell_at[position]) for aisle, position in walk)
    return Route(length=length, sequence=tuple(sequence), path=path)
