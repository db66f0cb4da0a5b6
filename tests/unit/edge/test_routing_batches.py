"""Batches keep every order once, fit the cart, and walk far less than first come, first served."""

from __future__ import annotations

import itertools
import json
from random import Random

import pytest

from edge.domain.batching import Order, batch_orders
from edge.domain.routing import Layout, route
from edge.domain.walk_meter import WalkMeter
from edge.services.plan_batches import plan_batches
from shared.domain.errors import InvalidInput


def layout(*middle: int, depot_side: str = "bottom") -> Layout:
    return Layout(
        aisles=8, cells_per_aisle=30, aisle_pitch=5, cell_pitch=1, end_to_first_cell=1,
        depot_aisle=3, depot_side=depot_side, cross_aisle_after=middle,  # type: ignore[arg-type]
    )  # fmt: skip


def some_orders(rng: Random, count: int, picks_max: int) -> list[Order]:
    return [
        Order(tuple((rng.randrange(8), rng.randrange(30)) for _ in range(picks)), picks)
        for picks in (rng.randint(1, picks_max) for _ in range(count))
    ]


def tries(count: int) -> itertools.chain[bool]:
    """Say "go on" so many times, then stop: a time limit without a clock."""
    return itertools.chain(itertools.repeat(True, count), itertools.repeat(False))


@pytest.mark.parametrize("middle", [(), (15,), (10, 20)])
def test_the_meter_measures_what_the_route_walks(middle: tuple[int, ...]) -> None:
    rng = Random(f"meter {middle}")
    for depot_side in ("top", "bottom"):
        place = layout(*middle, depot_side=depot_side)
        meter = WalkMeter(place)
        for _ in range(100):
            cells = [(rng.randrange(8), rng.randrange(30)) for _ in range(rng.randint(0, 12))]
            assert meter.length(cells) == route(place, cells).length, cells


@pytest.mark.parametrize("seed", range(5))
def test_every_order_is_on_exactly_one_cart_that_holds_it(seed: int) -> None:
    rng = Random(seed)
    orders = some_orders(rng, 40, 6)
    batches, length = batch_orders(
        layout(), 12, orders, keep_going=tries(200).__next__, choose=rng.randrange
    )
    assert sorted(order for batch in batches for order in batch) == list(range(40))
    assert all(sum(orders[order].units for order in batch) <= 12 for batch in batches)
    walks = [
        route(layout(), [cell for order in batch for cell in orders[order].cells]).length
        for batch in batches
    ]
    assert sum(walks) == length


def test_single_unit_orders_walk_less_than_half_of_first_come_first_served() -> None:
    rng = Random(11)
    orders = some_orders(rng, 200, 1)
    meter = WalkMeter(layout())
    first_come = sum(
        meter.length(cell for order in orders[at : at + 20] for cell in order.cells)
        for at in range(0, 200, 20)
    )
    _, length = batch_orders(
        layout(), 20, orders, keep_going=tries(300).__next__, choose=rng.randrange
    )
    assert length < first_come / 2


def test_a_stop_at_once_still_gives_a_whole_plan_and_no_orders_need_no_cart() -> None:
    orders = some_orders(Random(3), 30, 4)
    batches, _ = batch_orders(
        layout(), 10, orders, keep_going=lambda: False, choose=Random(1).randrange
    )
    assert sorted(order for batch in batches for order in batch) == list(range(30))
    assert batch_orders(layout(), 10, [], keep_going=lambda: True, choose=Random(1).randrange) == (
        [],
        0,
    )


def test_the_request_answers_ids_and_names_what_is_wrong() -> None:
    place = {
        "aisles": 3, "cells_per_aisle": 10, "aisle_pitch": 3, "cell_pitch": 1,
        "end_to_first_cell": 1, "depot_aisle": 0, "depot_side": "top",
    }  # fmt: skip
    orders = [{"id": "a", "picks": [[0, 2, 1]]}, {"id": "b", "picks": [[0, 2, 2]]}]
    request = {"layout": place, "capacity": 3, "orders": orders, "time_limit_seconds": 0.05}
    answer = plan_batches(json.dumps(request).encode())
    assert (answer.batches, answer.length) == ([["a", "b"]], 6)
    for change, sentence in (
        ({"capacity": 1}, "order b: expected at most 1 units, got 2"),
        ({"orders": [{"id": 7, "picks": [[3, 0, 1]]}]}, "order 7: aisle 3, cell 0 lies outside"),
        ({"capacity": 0}, "Failed to read the orders"),
    ):
        with pytest.raises(InvalidInput, match=sentence):
            plan_batches(json.dumps(request | change).encode())
