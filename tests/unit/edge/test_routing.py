"""The walk is the shortest one, and it is a real walk over every pick."""

from __future__ import annotations

import itertools
import random

import pytest

from edge.domain.routing import Cell, Distance, Layout, Route, route
from shared.domain.errors import InvalidInput

Node = tuple[int, Distance]


def distance(layout: Layout, one: Node, other: Node) -> Distance:
    """Shortest way between two nodes: along the aisle, or over the best cross-aisle."""
    if one[0] == other[0]:
        return abs(one[1] - other[1])
    sideways = abs(one[0] - other[0]) * layout.aisle_pitch
    return sideways + min(
        abs(one[1] - cross) + abs(other[1] - cross) for cross in layout.cross_aisles()
    )


def walked(layout: Layout, nodes: list[Node]) -> Distance:
    return sum(distance(layout, one, other) for one, other in itertools.pairwise(nodes))


def depot(layout: Layout) -> Node:
    cross = layout.cross_aisles()
    return layout.depot_aisle, cross[0] if layout.depot_side == "top" else cross[-1]


def node(layout: Layout, pick: Cell) -> Node:
    return pick[0], layout.cell_position(pick[1])


def shortest_by_trying_all(layout: Layout, picks: list[Cell]) -> Distance:
    """Held and Karp's exact tour, which knows nothing of aisles."""
    places = [node(layout, pick) for pick in dict.fromkeys(picks)]
    start = depot(layout)
    best = {(1 << i, i): distance(layout, start, place) for i, place in enumerate(places)}
    for _ in range(len(places) - 1):
        longer: dict[tuple[int, int], Distance] = {}
        for (seen, last), length in best.items():
            for i, place in enumerate(places):
                if not seen >> i & 1:
                    key = (seen | 1 << i, i)
                    total = length + distance(layout, places[last], place)
                    longer[key] = min(total, longer.get(key, total))
        best = longer
    return min(length + distance(layout, places[last], start) for (_, last), length in best.items())


def random_case(rng: random.Random, middle: int) -> tuple[Layout, list[Cell]]:
    aisles, cells = rng.randint(1, 6), rng.randint(middle + 1, 14)
    layout = Layout(
        aisles=aisles,
        cells_per_aisle=cells,
        aisle_pitch=rng.choice([0, 1, 3, 7]),
        cell_pitch=rng.choice([1, 2]),
        end_to_first_cell=rng.choice([0, 1, 4]),
        depot_aisle=rng.randrange(aisles),
        depot_side=rng.choice(["top", "bottom"]),
        cross_aisle_after=tuple(rng.sample(range(1, cells), middle)),
        cross_aisle_gap=rng.choice([None, 0, 1, 3]),
    )
    picks = [(rng.randrange(aisles), rng.randrange(cells)) for _ in range(rng.randint(1, 7))]
    return layout, picks


@pytest.mark.parametrize("middle", [0, 1, 2])
def test_no_tour_is_shorter_than_the_route(middle: int) -> None:
    for seed in range(300):
        layout, picks = random_case(random.Random(f"{middle}-{seed}"), middle)
        found = route(layout, picks)
        assert found.length == shortest_by_trying_all(layout, picks), (middle, seed)


@pytest.mark.parametrize("middle", [0, 1, 2])
def test_walking_the_sequence_and_walking_the_path_both_take_exactly_the_promised_length(
    middle: int,
) -> None:
    for seed in range(300):
        layout, picks = random_case(random.Random(f"walk-{middle}-{seed}"), middle)
        found = route(layout, picks)
        start = depot(layout)
        stops = [start, *(node(layout, pick) for pick in found.sequence), start]
        assert walked(layout, stops) == found.length, (middle, seed)
        assert sorted(found.sequence) == sorted(picks), (middle, seed)
        if layout.cross_aisle_gap != 0:  # else two cells share one place and the path names one
            assert set(picks) <= set(found.path), (middle, seed)


def test_fewer_picks_or_a_shortcut_never_make_the_walk_longer() -> None:
    rng = random.Random(25_30)
    layout = Layout(
        aisles=25, cells_per_aisle=90, aisle_pitch=3, cell_pitch=1, end_to_first_cell=1,
        depot_aisle=12, cross_aisle_after=(45,),
    )  # fmt: skip
    one_block = Layout(
        aisles=25, cells_per_aisle=90, aisle_pitch=3, cell_pitch=1, end_to_first_cell=1,
        depot_aisle=12,
    )  # fmt: skip
    for _ in range(20):
        picks = [(rng.randrange(25), rng.randrange(90)) for _ in range(30)]
        whole = route(layout, picks)
        part = route(layout, picks[:20])
        assert part.length <= whole.length
        # Crossing the middle costs one extra step, at most twice per aisle, and else only saves.
        assert whole.length <= route(one_block, picks).length + 2 * 25


def test_a_bin_wanted_twice_is_named_twice_and_an_empty_list_needs_no_walk() -> None:
    layout = Layout(
        aisles=3, cells_per_aisle=10, aisle_pitch=3, cell_pitch=1, end_to_first_cell=1,
        depot_aisle=0, depot_side="top",
    )  # fmt: skip
    assert route(layout, [(0, 2), (0, 2)]) == Route(
        length=6, sequence=((0, 2), (0, 2)), path=((0, -1), (0, 2), (0, -1))
    )
    assert route(layout, []) == Route(length=0, sequence=(), path=())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"depot_aisle": 3}, "expected depot_aisle to be 0 to 2, got 3"),
        ({"cells_per_aisle": 0}, "expected cells_per_aisle to be 1 to 10000, got 0"),
        ({"cell_pitch": -1}, "lengths from 0"),
        ({"cross_aisle_after": (10,)}, "different cells from 1 to 9"),
        ({"cross_aisle_after": (1, 2, 3, 4)}, "at most 3 entries"),
    ],
)
def test_a_layout_that_is_no_warehouse_is_named_by_its_field(
    change: dict[str, object], sentence: str
) -> None:
    fields: dict[str, object] = {
        "aisles": 3, "cells_per_aisle": 10, "aisle_pitch": 3, "cell_pitch": 1,
        "end_to_first_cell": 1, "depot_aisle": 0,
    }  # fmt: skip
    layout = Layout(**(fields | change))  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match=sentence):
        route(layout, [(0, 0)])


def test_a_pick_outside_the_layout_is_named() -> None:
    layout = Layout(
        aisles=3, cells_per_aisle=10, aisle_pitch=3, cell_pitch=1, end_to_first_cell=1,
        depot_aisle=0,
    )  # fmt: skip
    with pytest.raises(InvalidInput, match="got aisle 1, cell 10"):
        route(layout, [(1, 10)])
