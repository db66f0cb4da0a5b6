"""Choosing warehouses for a whole order. Method: small maps by hand, one rule of the house each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.domain.courier_choice import (
    DEFAULT_COURIERS,
    HOUR_MS,
    Load,
)
from hub.domain.depots import Terms
from hub.domain.policy import CourierTable, Policy, Region, SourcingRules
from hub.domain.replanning import why_better
from hub.domain.sourcing import Need, Offer, Point, Sourcing, distance_m, source
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


def test_what_expires_first_leaves_first_of_the_skus_that_ask_for_it() -> None:
    rules = {"sell_first": {"A": ("CAN", "SHA")}}
    milk = source(need(("A", 2)), BOTH, TO_SUZHOU, terms(rules=rules))
    assert list(plan(milk)) == ["CAN"]
    assert milk.explanation.alternatives[0].why_not == "it leaves goods behind that expire sooner"
    assert list(plan(source(need(("B", 2)), BOTH, TO_SUZHOU, terms(rules=rules)))) == ["SHA"]
    # Split in two anyway, so the older goods go as far as they reach; never more parcels for it.
    offers = [Offer("CAN", CANTON, {"A": 3, "B": 0}), Offer("SHA", SHANGHAI, {"A": 3, "B": 1})]
    split = source(need(("A", 4), ("B", 1)), offers, TO_SUZHOU, terms(rules=rules))
    assert plan(split) == {"SHA": [(1, "A", 1), (2, "B", 1)], "CAN": [(1, "A", 3)]}
    one = source(need(("A", 3), ("B", 1)), offers, TO_SUZHOU, terms(rules=rules))
    assert list(plan(one)) == ["SHA"]


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
        ({"cost_minor": 100, "fresher": 1}, ""),
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
