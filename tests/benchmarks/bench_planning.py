"""S9 and S10: the shortest walk of one cart, and which orders share a cart.

Run `python tests/benchmarks/bench_planning.py [--seconds 10]`; it prints one JSON object. The
planner is the one of `bincard edge plan-routes` and `plan-batches`.

S9 times 200 lists of 30 picks in a building of 25 aisles with 30 cells each, one and two blocks.
That the walks are the shortest is checked beside it on shorter lists in the same building, against
Held and Karp's dynamic programme over all orders of visiting, which knows nothing of aisles.

S10 compares with what sites do today: carts filled first come, first served, and walked S-shape
(every aisle with a pick is walked through, the last one back out if their number is odd). The
building has one block of 10 aisles with 45 cells and the depot before the first aisle, a cart holds
45 units; orders have 1 to 10 lines of 1 to 3 units, or one unit each.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from itertools import combinations
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import msgspec

from edge.domain.routing import Cell, Layout, route
from edge.services.plan_batches import plan_batches

SEED = 20261126
LISTS = 200
PICKS = 30
CHECKED_LISTS = 25
CHECKED_PICKS = 10
CAPACITY = 45
ORDERS = (30, 60, 100)
SINGLE_ORDERS = 1_000
SINGLE_SECONDS = 5.0


def building(blocks: int) -> Layout:
    """Return 25 aisles with 30 cells, in one or two blocks."""
    return Layout(
        aisles=25, cells_per_aisle=30, aisle_pitch=5, cell_pitch=1, end_to_first_cell=1,
        depot_aisle=0, depot_side="bottom", cross_aisle_after=[15] if blocks == 2 else [],
        cross_aisle_gap=2,
    )  # fmt: skip


def some_cells(dice: random.Random, layout: Layout, count: int) -> list[Cell]:
    """Return different cells."""
    every = [(aisle, cell) for aisle in range(layout.aisles) for cell in range(30)]
    return dice.sample(every, count)


def s9(blocks: int) -> dict[str, Any]:
    """Time the routes of long lists and compare those of short lists with every order of visits."""
    dice = random.Random(SEED + blocks)
    layout = building(blocks)
    times = []
    for _ in range(LISTS):
        picks = some_cells(dice, layout, PICKS)
        start = time.perf_counter()
        route(layout, picks)
        times.append((time.perf_counter() - start) * 1000)
    optimal = 0
    for _ in range(CHECKED_LISTS):
        picks = some_cells(dice, layout, CHECKED_PICKS)
        optimal += route(layout, picks).length == held_karp(layout, picks)
    times.sort()
    return {
        "picks": PICKS,
        "p50_ms": round(times[LISTS // 2], 2),
        "p95_ms": round(times[LISTS * 95 // 100], 2),
        "max_ms": round(times[-1], 2),
        "optimal": f"{optimal} of {CHECKED_LISTS} with {CHECKED_PICKS} picks",
    }


def height(layout: Layout, cell: int) -> int:
    """Return how far a cell is from the top cross-aisle."""
    gap = layout.cross_aisle_gap or layout.cell_pitch
    crossings = sum(cell >= after for after in layout.cross_aisle_after)
    return int(
        layout.end_to_first_cell + cell * layout.cell_pitch
        + crossings * (2 * gap - layout.cell_pitch)
    )  # fmt: skip


def crosses(layout: Layout) -> list[int]:
    """Return how far each cross-aisle is from the top one."""
    gap = int(layout.cross_aisle_gap or layout.cell_pitch)
    middle = [height(layout, after) - gap for after in layout.cross_aisle_after]
    bottom = height(layout, layout.cells_per_aisle - 1) + int(layout.end_to_first_cell)
    return [0, *middle, bottom]


def distance(layout: Layout, one: tuple[int, int], other: tuple[int, int]) -> int:
    """Return the shortest way between (aisle, height) and another."""
    if one[0] == other[0]:
        return abs(one[1] - other[1])
    sideways = abs(one[0] - other[0]) * int(layout.aisle_pitch)
    return sideways + min(abs(one[1] - at) + abs(other[1] - at) for at in crosses(layout))


def held_karp(layout: Layout, picks: list[Cell]) -> int:
    """Return the length of the shortest closed walk over all orders of visiting `picks`."""
    depot = (layout.depot_aisle, crosses(layout)[-1 if layout.depot_side == "bottom" else 0])
    places = [depot, *((aisle, height(layout, cell)) for aisle, cell in picks)]
    away = [[distance(layout, one, other) for other in places] for one in places]
    count = len(picks)
    best = {(1 << last, last): away[0][last + 1] for last in range(count)}
    for size in range(2, count + 1):
        for members in combinations(range(count), size):
            visited = sum(1 << one for one in members)
            for last in members:
                before = visited ^ (1 << last)
                best[visited, last] = min(
                    best[before, one] + away[one + 1][last + 1] for one in members if one != last
                )
    everything = (1 << count) - 1
    return min(best[everything, last] + away[last + 1][0] for last in range(count))


def s_shape(layout: Layout, cells: list[Cell]) -> int:
    """Return the walk through every aisle with a pick, there and back again."""
    aisles = sorted({aisle for aisle, _ in cells})
    depth = crosses(layout)[-1]
    last = aisles[-1]
    sideways = (abs(layout.depot_aisle - aisles[0]) + last - aisles[0]) * layout.aisle_pitch
    sideways += abs(last - layout.depot_aisle) * layout.aisle_pitch
    through = len(aisles) - len(aisles) % 2
    length = int(sideways) + through * depth
    if len(aisles) % 2:
        farthest = min(height(layout, cell) for aisle, cell in cells if aisle == last)
        length += 2 * (depth - farthest)
    return length


Picks = list[tuple[int, int, int]]


def first_come(orders: list[Picks]) -> list[list[Picks]]:
    """Return carts filled in the order in which the orders came."""
    carts: list[list[Picks]] = []
    room = 0
    for order in orders:
        units = sum(quantity for *_, quantity in order)
        if units > room:
            carts.append([])
            room = CAPACITY
        carts[-1].append(order)
        room -= units
    return carts


def s10(count: int, seconds: float, *, single: bool) -> dict[str, Any]:
    """Plan `count` orders within `seconds` and compare the walking."""
    dice = random.Random(SEED + count)
    layout = Layout(
        aisles=10, cells_per_aisle=45, aisle_pitch=5, cell_pitch=1, end_to_first_cell=1,
        depot_aisle=0, depot_side="bottom",
    )  # fmt: skip
    orders: list[Picks] = [
        [
            (dice.randrange(10), dice.randrange(45), 1 if single else dice.randint(1, 3))
            for _ in range(1 if single else dice.randint(1, 10))
        ]
        for _ in range(count)
    ]
    carts = first_come(orders)
    cells = [[(aisle, cell) for order in cart for aisle, cell, _ in order] for cart in carts]
    today = sum(s_shape(layout, cart) for cart in cells)
    routed = sum(route(layout, cart).length for cart in cells)
    asked = {
        "layout": layout,
        "capacity": CAPACITY,
        "orders": [{"id": number, "picks": picks} for number, picks in enumerate(orders)],
        "time_limit_seconds": seconds,
    }
    start = time.perf_counter()
    planned = plan_batches(msgspec.json.encode(asked))
    took = time.perf_counter() - start
    return {
        "orders": count,
        "lines_mean": round(statistics.mean(len(order) for order in orders), 1),
        "seconds": round(took, 2),
        "first_come_s_shape": today,
        "routing_alone_saves_percent": round(100 * (1 - routed / today), 1),
        "saves_percent": round(100 * (1 - planned.length / today), 1),
        "carts": [len(carts), len(planned.batches)],
    }


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10.0)
    seconds = parser.parse_args().seconds
    found = {
        "seed": SEED,
        "S9": {"one_block": s9(1), "two_blocks": s9(2)},
        "S10": {
            "orders": [s10(count, seconds, single=False) for count in ORDERS],
            "single_unit": s10(SINGLE_ORDERS, min(SINGLE_SECONDS, seconds) * 0.95, single=True),
        },
    }
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
