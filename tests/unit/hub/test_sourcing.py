"""Choosing warehouses for a whole order. Method: small maps by hand, and random ones against brute
force over every subset and every split, with prices added up apart from the program's."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from itertools import combinations, product
from math import ceil, inf
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.domain.courier_choice import (
    DEFAULT_COURIERS,
    HOUR_MS,
    Load,
    Shipment,
    best_rate,
    choose_courier,
    goes_there,
    lane_of,
    zone_of,
)
from hub.domain.policy import CourierTable, Policy, Region, SourcingRules
from hub.domain.replanning import why_better
from hub.domain.sourcing import Need, Offer, Point, Sourcing, distance_m, source
from hub.domain.sourcing_split import Terms
from hub.domain.sourcing_why import Alternative
from hub.settings import load
from shared.domain.errors import InvalidInput

NOON_MS = 1_795_320_000_000  # 2026-11-22 12:00 at UTC+8

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


def terms(*, now_ms: int = NOON_MS, **other: Any) -> Terms:
    rules = SourcingRules(**other.pop("rules", {}))
    couriers = CourierTable(couriers=other.pop("couriers", DEFAULT_COURIERS))
    return Terms(policy=Policy(couriers=couriers, sourcing=rules), now_ms=now_ms, **other)


BOTH = [Offer("CAN", CANTON, {"A": 9, "B": 9}), Offer("SHA", SHANGHAI, {"A": 9, "B": 9})]
APART = [Offer("CAN", CANTON, {"A": 1}), Offer("SHA", SHANGHAI, {"B": 1})]
ONLY_SOUTH = msgspec.structs.replace(DEFAULT_COURIERS[0], covers=("广东",))


def test_every_runner_up_says_what_it_costs_and_why_it_was_not_taken() -> None:
    choice = source(need(("A", 1)), BOTH, TO_SUZHOU, terms())
    assert choice.explanation.chosen is not None
    assert (choice.explanation.chosen.warehouses, choice.explanation.chosen.cost_minor) == (
        ("SHA",),
        450,
    )
    assert [
        (one.warehouses, one.cost_minor, one.why_not) for one in choice.explanation.alternatives
    ] == [(("CAN",), 800, "it costs 350 minor units more")]
    assert choice.explanation.sentence == (
        "2 choices fill the whole order; SHA costs least (1 parcel)."
    )


def test_a_region_is_served_by_its_own_warehouse_first_and_by_others_when_that_is_empty() -> None:
    rules = {"regions": (Region(warehouses=("CAN",), provinces=("江苏",)),)}
    east = terms(rules=rules, province="江苏")
    assert list(plan(source(need(("A", 1)), BOTH, TO_SUZHOU, east))) == ["CAN"]
    elsewhere = terms(rules=rules, province="浙江")
    assert list(plan(source(need(("A", 1)), BOTH, TO_SUZHOU, elsewhere))) == ["SHA"]
    assert list(plan(source(need(("A", 1)), BOTH[1:], TO_SUZHOU, east))) == ["SHA"]


def test_a_full_floor_sends_a_day_later_so_a_far_one_is_taken_when_only_it_is_in_time() -> None:
    rules = {"capacity_parcels": {"SHA": 100, "CAN": 100}}
    tonight_ms = NOON_MS + 12 * HOUR_MS
    busy = {"SHA": 100, "CAN": 99}
    late = terms(rules=rules, ship_by_ms=tonight_ms, open_parcels=busy)
    choice = source(need(("A", 1)), BOTH, TO_SUZHOU, late)
    assert list(plan(choice)) == ["CAN"]
    assert choice.explanation.alternatives[0].why_not == "it would leave after the ship-by time"
    assert list(plan(source(need(("A", 1)), BOTH, TO_SUZHOU, terms(rules=rules)))) == ["SHA"]


def test_where_no_courier_goes_nothing_is_sent_from_while_another_can() -> None:
    south = terms(province="江苏", couriers=(ONLY_SOUTH,))
    choice = source(need(("A", 1)), BOTH, TO_SUZHOU, south)
    assert choice.explanation.chosen is not None
    assert choice.explanation.chosen.forced == 1


def test_two_boxes_leave_when_one_is_too_heavy_for_every_courier() -> None:
    light = msgspec.structs.replace(DEFAULT_COURIERS[0], weight_max_grams=500)
    choice = source(need(("A", 6)), BOTH, TO_SUZHOU, terms(couriers=(light,)))
    assert sorted(plan(choice)) == ["CAN", "SHA"]
    assert choice.explanation.chosen is not None
    assert choice.explanation.chosen.forced == 0


def test_a_part_worth_too_little_waits_while_it_can_and_leaves_when_it_cannot() -> None:
    needs = tuple(
        Need(line, sku, 1, 100, unit_value_minor=value)
        for line, (sku, value) in enumerate((("A", 50_000), ("B", 300)), 1)
    )
    rules = {"parcel_value_min_minor": 2_000}
    waits = source(needs, APART, TO_SUZHOU, terms(rules=rules, may_wait=True))
    assert (waits.parcels, waits.explanation.chosen) == ((), None)
    assert "worth less than 2000" in waits.explanation.sentence
    assert len(source(needs, APART, TO_SUZHOU, terms(rules=rules)).parcels) == 2
    # Where a split without such a part exists, units are moved rather than the order held up.
    needs = (Need(1, "A", 4, 100, unit_value_minor=1_000),)
    offers = [Offer("CAN", CANTON, {"A": 3}), Offer("SHA", SHANGHAI, {"A": 3})]
    split = source(needs, offers, TO_SUZHOU, terms(rules=rules, may_wait=True))
    assert [parcel.lines[0].quantity for parcel in split.parcels] == [2, 2]


def test_an_order_that_may_not_be_split_waits_for_stock_in_one_place() -> None:
    rules = {"parcels_per_order_max": 1}
    choice = source(need(("A", 1), ("B", 1)), APART, TO_SUZHOU, terms(rules=rules))
    assert choice.parcels == ()
    assert "may leave in 1 at most" in choice.explanation.sentence


def test_goods_go_where_a_box_to_the_same_buyer_waits() -> None:
    waiting = terms(boxes={"CAN": Load(300, 0, 0)})
    choice = source(need(("A", 1)), BOTH, TO_SUZHOU, waiting)
    assert list(plan(choice)) == ["CAN"]
    chosen = choice.explanation.chosen
    assert chosen is not None
    assert (chosen.parcels, chosen.cost_minor) == (0, 0)  # within the first kilogram
    assert choice.explanation.alternatives[0].why_not == "it makes 1 more parcels"


def test_the_rules_come_from_a_file_and_a_wrong_one_is_told_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "sourcing.json"
    file.write_text('{"regions": [{"warehouses": ["SHA"], "provinces": ["上海"]}]}')
    rules = load({"BINCARD_HUB_SOURCING": str(file)}).policy.sourcing
    assert [rules.serves(name, "上海") for name in ("SHA", "CAN")] == [True, False]
    file.write_text('{"region": []}')
    with pytest.raises(InvalidInput, match="cannot read the rules of sourcing"):
        load({"BINCARD_HUB_SOURCING": str(file)})


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({}, ""),
        ({"parcels": 1, "cost_minor": 9_000}, "it makes 1 parcels fewer"),
        ({"parcels": 3, "late": False}, ""),
        ({"late": False, "cost_minor": 9_000}, "it leaves in time"),
        ({"forced": 1, "late": False, "parcels": 1}, ""),
        ({"cost_minor": 900}, "it costs 100 minor units less"),
        ({"cost_minor": 901}, ""),
        ({"cost_minor": 100, "arrives_ms": 100 * HOUR_MS + 1}, ""),
        ({"cost_minor": 100, "foreign": 1}, ""),
        ({"arrives_ms": 88 * HOUR_MS}, "it arrives sooner"),
        ({"arrives_ms": 88 * HOUR_MS, "cost_minor": 1_001}, ""),
    ],
)
def test_a_plan_is_replaced_only_by_one_that_costs_the_buyer_nothing(
    other: dict[str, Any], why: str
) -> None:
    present = Alternative(
        warehouses=("A", "B"), parcels=2, cost_minor=1_000, late=True, arrives_ms=100 * HOUR_MS
    )
    assert why_better(present, msgspec.structs.replace(present, **other), 100) == why
    assert not why_better(msgspec.structs.replace(present, **other), present, 100) or not why


def random_case(dice: random.Random, skus: int, units: int) -> tuple[tuple[Need, ...], list[Offer]]:
    """Return an order of up to `skus` SKUs over 5 to 8 warehouses that have little of each."""
    wanted = [f"S{number}" for number in range(dice.randint(1, skus))]
    needs = tuple(
        Need(line, sku, dice.randint(1, units), dice.choice((80, 350, 900, 2_600)))
        for line, sku in enumerate(wanted, 1)
    )
    offers = [
        Offer(
            f"W{number}",
            Point(dice.randrange(20_000_000, 45_000_000), dice.randrange(80_000_000, 120_000_000)),
            {sku: dice.choice((0, 0, 1, 1, 2, 4)) for sku in wanted},
        )
        for number in range(dice.randint(5, 8))
    ]
    return needs, offers


def test_2000_random_orders_make_as_few_parcels_as_brute_force() -> None:
    dice = random.Random(20261126)
    filled = 0
    for _ in range(2_000):
        needs, offers = random_case(dice, 6, 5)
        choice = source(needs, offers, TO_SUZHOU, terms())
        fewest = _fewest(needs, offers)
        assert len(choice.parcels) == fewest
        filled += bool(fewest)
        sent: Counter[int] = Counter()
        for parcel in choice.parcels:
            atp = next(one.atp for one in offers if one.warehouse == parcel.warehouse)
            for line in parcel.lines:
                sent[line.line_no] += line.quantity
                assert line.quantity <= atp[line.sku]
        assert not fewest or sent == {n.line_no: n.quantity for n in needs}
    assert 1_000 < filled < 2_000


def _fewest(needs: tuple[Need, ...], offers: list[Offer]) -> int:
    """Return how many warehouses fill everything at least, 0 when all together cannot."""
    has = [[one.atp[n.sku] for n in needs] for one in offers]
    wanted = [n.quantity for n in needs]
    for size in range(1, len(has) + 1):
        for members in combinations(has, size):
            for units, column in zip(wanted, zip(*members, strict=True), strict=True):
                if sum(column) < units:
                    break
            else:
                return size
    return 0


def test_no_set_and_no_split_of_200_random_orders_costs_less() -> None:
    dice = random.Random(4)
    split = 0
    for _ in range(200):
        needs, offers = random_case(dice, 3, 4)
        choice = source(needs, offers, TO_SUZHOU, terms())
        if not choice.parcels:
            continue
        assert choice.explanation.chosen is not None
        best = min(_costs(needs, members) for members in combinations(offers, len(choice.parcels)))
        assert choice.explanation.chosen.cost_minor == best
        assert best == sum(
            _postage(offers, one.warehouse, one.weight_grams) for one in choice.parcels
        )
        split += len(choice.parcels) > 1
    assert split > 50


def _costs(needs: tuple[Need, ...], members: tuple[Offer, ...]) -> float:
    """Return the least postage of all ways to take every unit from one of `members`."""
    ways = [
        [
            way
            for way in product(*(range(min(n.quantity, one.atp[n.sku]) + 1) for one in members))
            if sum(way) == n.quantity
        ]
        for n in needs
    ]
    least = inf
    for split in product(*ways):
        grams = [
            sum(n.unit_weight_grams * way[place] for n, way in zip(needs, split, strict=True))
            for place in range(len(members))
        ]
        postage = sum(
            _postage(members, one.warehouse, weight)
            for one, weight in zip(members, grams, strict=True)
            if weight
        )
        least = min(least, postage)
    return least


def _postage(offers: Sequence[Offer], warehouse: str, goods_grams: int) -> int:
    """Return the cheapest courier's price, from the published table and nothing else."""
    place = next(one.place for one in offers if one.warehouse == warehouse)
    kilometres = distance_m(place, TO_SUZHOU) // 1000
    zone = sum(kilometres > limit for limit in (100, 500, 1_500))
    kilograms = ceil(max(0, goods_grams + 120 - 1_000) / 1_000)
    return min(
        one.first_kg_minor[zone] + kilograms * one.next_kg_minor[zone]
        for one in DEFAULT_COURIERS
        if goods_grams + 120 <= one.weight_max_grams
    )


def test_a_rate_is_what_the_courier_choice_would_take() -> None:
    dice = random.Random(7)
    couriers = (
        *DEFAULT_COURIERS,
        msgspec.structs.replace(
            DEFAULT_COURIERS[1], courier="SMALL", first_kg_minor=(9, 9, 9, 9), volume_divisor=6_000,
            value_max_minor=40_000, insurance_basis_points=30, covers=("上海",),
        ),
    )  # fmt: skip
    for _ in range(500):
        load = Load(dice.randrange(120_000), dice.randrange(10**8), dice.randrange(90_000))
        province, metres = dice.choice(("上海", "广东", "")), dice.randrange(3_000_000)
        clock = {
            "now_ms": NOON_MS + dice.randrange(24) * HOUR_MS,
            "ship_by_ms": dice.choice((0, NOON_MS + dice.randrange(48) * HOUR_MS)),
            "utc_offset_minutes": 480,
        }
        fastest = dice.random() < 0.3
        choice = choose_courier(
            couriers,
            Shipment(
                weight_grams=load.weight_grams, volume_mm3=load.volume_mm3,
                value_minor=load.value_minor, distance_m=metres, province=province,
                fastest=fastest,
            ),
            **clock,
        )  # fmt: skip
        lanes = [
            lane_of(one, zone_of(metres), **clock)
            for one in couriers
            if goes_there(one, province, "")
        ]
        rate = best_rate(lanes, load, fastest=fastest)
        assert (rate is None) == choice.forced
        if rate is not None:
            assert (rate.price_minor, rate.cut_off_ms) == (choice.price_minor, choice.cut_off_ms)
