"""Choosing warehouses for a whole order. Method: small maps by hand, and random ones against brute
force over every subset and every split."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from hub.domain.sourcing import Need, Offer, Point, Sourcing, distance_m, source

SHANGHAI, BEIJING, CANTON = (
    Point(31_230_000, 121_470_000),
    Point(39_900_000, 116_400_000),
    Point(23_130_000, 113_260_000),
)
TO_SUZHOU = Point(31_300_000, 120_580_000)


def need(*wanted: tuple[str, int]) -> tuple[Need, ...]:
    return tuple(Need(line, sku, units, 100) for line, (sku, units) in enumerate(wanted, 1))


def plan(choice: Sourcing) -> dict[str, list[tuple[int, str, int]]]:
    return {
        parcel.warehouse: [(line.line_no, line.sku, line.quantity) for line in parcel.lines]
        for parcel in choice.parcels
    }


def test_the_nearest_warehouse_that_has_everything_is_taken() -> None:
    offers = [Offer("PEK", BEIJING, {"A": 9, "B": 9}), Offer("SHA", SHANGHAI, {"A": 9, "B": 9})]
    choice = source(need(("A", 1), ("B", 2)), offers, TO_SUZHOU)
    assert plan(choice) == {"SHA": [(1, "A", 1), (2, "B", 2)]}
    explained = choice.explanation
    assert explained.chosen is not None
    assert [one.warehouses for one in explained.alternatives] == [("PEK",)]
    assert explained.alternatives[0].gram_kilometres > explained.chosen.gram_kilometres


def test_one_far_parcel_beats_two_near_ones() -> None:
    offers = [
        Offer("SHA", SHANGHAI, {"A": 1}),
        Offer("HGH", SHANGHAI, {"B": 1}),
        Offer("CAN", CANTON, {"A": 1, "B": 1}),
    ]
    choice = source(need(("A", 1), ("B", 1)), offers, TO_SUZHOU)
    assert plan(choice) == {"CAN": [(1, "A", 1), (2, "B", 1)]}


def test_a_line_is_split_when_no_warehouse_has_all_of_it_nearest_first() -> None:
    offers = [Offer("CAN", CANTON, {"A": 3}), Offer("SHA", SHANGHAI, {"A": 2})]
    choice = source(need(("A", 4)), offers, TO_SUZHOU)
    assert plan(choice) == {"SHA": [(1, "A", 2)], "CAN": [(1, "A", 2)]}
    assert choice.explanation.lacks == {"CAN": {"A": 1}, "SHA": {"A": 2}}


def test_two_lines_of_one_sku_never_take_a_unit_twice() -> None:
    choice = source(need(("A", 2), ("A", 2)), [Offer("SHA", SHANGHAI, {"A": 3})], None)
    assert choice.parcels == ()
    assert choice.explanation.missing == {"A": 1}


def test_an_order_that_cannot_be_filled_takes_nothing_and_says_what_lacks() -> None:
    offers = [Offer("SHA", SHANGHAI, {"A": 5}), Offer("CAN", CANTON, {"A": 1, "B": 0})]
    choice = source(need(("A", 2), ("B", 1)), offers, TO_SUZHOU)
    assert choice.parcels == ()
    assert choice.explanation.missing == {"B": 1}
    assert "1 of B" in choice.explanation.sentence


def test_equal_choices_fall_to_the_first_by_name_whatever_the_order_they_came_in() -> None:
    offers = [Offer(name, SHANGHAI, {"A": 1}) for name in ("W3", "W1", "W2")]
    chosen = {
        tuple(plan(source(need(("A", 1)), shuffled, None)))
        for shuffled in (offers, offers[::-1], offers[1:] + offers[:1])
    }
    assert chosen == {("W1",)}


def test_distance_is_right_to_a_kilometre() -> None:
    assert distance_m(SHANGHAI, BEIJING) // 1000 == 1067
    assert distance_m(SHANGHAI, SHANGHAI) == 0


def test_many_warehouses_still_find_a_full_cover() -> None:
    offers = [Offer(f"W{number:02}", SHANGHAI, {f"S{number}": 1}) for number in range(25)]
    choice = source(need(*((f"S{number}", 1) for number in range(25))), offers, TO_SUZHOU)
    assert len(choice.parcels) == 25
    assert not choice.explanation.exact


@pytest.mark.parametrize("seed", range(60))
def test_the_choice_equals_brute_force(seed: int) -> None:
    dice = random.Random(seed)
    skus = ["A", "B", "C"]
    offers = [
        Offer(
            f"W{number}",
            Point(dice.randrange(20_000_000, 45_000_000), dice.randrange(80_000_000, 120_000_000)),
            {sku: dice.randrange(4) for sku in skus},
        )
        for number in range(dice.randrange(1, 7))
    ]
    needs = need(*((sku, dice.randrange(1, 5)) for sku in skus))
    choice = source(needs, offers, TO_SUZHOU)
    best = _brute_force(needs, offers)
    if best is None:
        assert choice.parcels == ()
        return
    taken = choice.explanation.chosen
    assert taken is not None
    assert (taken.parcels, taken.gram_kilometres) == best
    for each in needs:
        sent = sum(
            line.quantity
            for parcel in choice.parcels
            for line in parcel.lines
            if line.line_no == each.line_no
        )
        assert sent == each.quantity


def _brute_force(needs: tuple[Need, ...], offers: list[Offer]) -> tuple[int, int] | None:
    """Return (parcels, gram-kilometres) of the best set, tried from single warehouses upwards."""
    for size in range(1, len(offers) + 1):
        costs = []
        for members in combinations(offers, size):
            near = sorted(members, key=lambda one: distance_m(one.place, TO_SUZHOU))
            cost, short = 0, False
            for each in needs:
                left = each.quantity
                for one in near:
                    take = min(left, one.atp[each.sku])
                    cost += take * each.unit_weight_grams * distance_m(one.place, TO_SUZHOU)
                    left -= take
                short = short or left > 0
            if not short:
                costs.append(cost // 1000)
        if costs:
            return size, min(costs)
    return None
