"""Review rules and courier choice: data in, explained decision out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hub.domain.channel_order import Address, Buyer, ChannelLine, ChannelOrder
from hub.domain.courier_choice import (
    DAY_MS,
    DEFAULT_COURIERS,
    Courier,
    CourierChoice,
    Shipment,
    choose_courier,
    next_cut_off_ms,
    price_minor,
    sort_code,
    waybill_number,
)
from hub.domain.review import DEFAULT_RULES, Rule, review

ORDER = ChannelOrder(
    channel="taobao",
    shop="main",
    order_no="1",
    buyer=Buyer(name="张三丰", phone="137-1234-2206"),
    address=Address(country="CN", province="上海", city="上海", street="人民路1号"),
    lines=(ChannelLine(line_no=1, sku="A", quantity=1),),
)
NOON_MS = 1_795_320_000_000  # 2026-11-22 12:00 at UTC+8


def hits(order: ChannelOrder, *rules: Rule) -> list[str]:
    return [hit.rule_id for hit in review(order, rules or DEFAULT_RULES).hits]


def test_a_complete_order_without_odd_words_passes() -> None:
    assert hits(ORDER) == []


@pytest.mark.parametrize("remark", ["请暂不发货", "HOLD this please", "Please change address."])
def test_a_hold_word_in_the_remark_holds(remark: str) -> None:
    assert hits(msgspec.structs.replace(ORDER, buyer_remark=remark)) == ["remark_asks_to_wait"]


@pytest.mark.parametrize("remark", ["household items", "小心轻放", "for my uncancelled order"])
def test_a_word_that_only_contains_a_hold_word_does_not(remark: str) -> None:
    assert hits(msgspec.structs.replace(ORDER, buyer_remark=remark)) == []


def test_an_incomplete_address_names_the_fields_but_never_the_person() -> None:
    order = msgspec.structs.replace(ORDER, buyer=Buyer(name="张三丰"), address=Address(street="x"))
    found = review(order, DEFAULT_RULES).hits
    assert [hit.rule_id for hit in found] == ["address_incomplete", "street_too_short"]
    assert "phone, city" in found[0].sentence
    assert "张三丰" not in str(found)


@pytest.mark.parametrize("fragment", ["13712342206", "12342206", "+137 1234", "张三", "人民路1"])
def test_the_blacklist_finds_phone_buyer_and_address_fragments(fragment: str) -> None:
    rule = Rule(rule_id="blacklist", version=3, kind="blacklist", words=("nobody", fragment))
    (hit,) = review(ORDER, (rule,)).hits
    assert (hit.version, "entry 2" in hit.sentence) == (3, True)
    assert fragment not in hit.sentence


def test_a_rule_that_is_not_active_holds_nothing() -> None:
    rule = Rule(rule_id="blacklist", kind="blacklist", words=("张三",), active=False)
    assert hits(ORDER, rule) == []


def test_the_cheapest_courier_that_leaves_in_time_is_taken() -> None:
    choice = choose_courier(
        DEFAULT_COURIERS,
        Shipment(weight_grams=900, distance_m=50_000),
        now_ms=NOON_MS,
        ship_by_ms=0,
        utc_offset_minutes=480,
    )
    assert (choice.courier, choice.price_minor, choice.zone) == ("YTO", 450, "local")
    assert len(choice.quotes) == 4


def choose(*couriers: Courier, **shipment: Any) -> CourierChoice:
    return choose_courier(
        couriers or DEFAULT_COURIERS,
        Shipment(**{"weight_grams": 900, **shipment}),
        now_ms=NOON_MS,
        ship_by_ms=0,
        utc_offset_minutes=480,
    )


SMALL = msgspec.structs.replace(
    DEFAULT_COURIERS[1],
    courier="SMALL",
    first_kg_minor=(1, 1, 1, 1),
    volume_divisor=6_000,
    value_max_minor=100_000,
    insurance_basis_points=30,
    covers=("上海", "江苏/苏州"),
    covers_not=("上海/崇明",),
)


def test_a_light_large_parcel_is_charged_by_its_volume_and_its_value() -> None:
    pillow = Shipment(weight_grams=900, volume_mm3=30_000_000, value_minor=10_001)
    # 30 l at 6000 cm3/kg are 5 kg: four steps beyond the first, and 0.3 % of the value begun.
    assert price_minor(SMALL, pillow, 0) == 1 + 4 * 100 + 31
    assert price_minor(DEFAULT_COURIERS[1], pillow, 0) == 500


@pytest.mark.parametrize(
    ("shipment", "why"),
    [
        ({"province": "广东"}, "does not go there"),
        ({"province": "江苏", "city": "南京"}, "does not go there"),
        ({"province": "上海", "city": "崇明"}, "does not go there"),
        ({"province": "上海", "value_minor": 100_001}, "takes goods worth at most 100000"),
        ({"province": "上海", "weight_grams": 50_001}, "carries at most 50000 g"),
        ({"province": "江苏", "city": "苏州"}, ""),
        ({}, ""),
    ],
)
def test_a_courier_that_cannot_take_it_is_left_out_and_says_why(
    shipment: dict[str, Any], why: str
) -> None:
    choice = choose(SMALL, DEFAULT_COURIERS[0], **shipment)
    assert choice.courier == ("SF" if why else "SMALL")
    assert choice.unable.get("SMALL", "").startswith(why)


def test_an_order_marked_for_speed_takes_the_courier_that_arrives_first() -> None:
    fast = msgspec.structs.replace(
        DEFAULT_COURIERS[0], courier="AIR", transit_hours=(12, 12, 24, 24)
    )
    assert choose(fast, *DEFAULT_COURIERS, fastest=True).courier == "AIR"
    assert choose(fast, *DEFAULT_COURIERS).courier != "AIR"


def test_when_nobody_can_take_it_the_choice_says_so() -> None:
    choice = choose(SMALL, province="广东")
    assert (choice.courier, choice.forced) == ("SMALL", True)
    assert choice.sentence == "No courier can take it; SMALL carries most. A person has to look."


def test_a_late_order_takes_the_courier_that_still_comes_today() -> None:
    evening_ms = NOON_MS + 7 * 3_600_000  # 19:00: ZTO and YTO have gone
    choice = choose_courier(
        DEFAULT_COURIERS,
        Shipment(weight_grams=900),
        now_ms=evening_ms,
        ship_by_ms=evening_ms + 3 * 3_600_000,
        utc_offset_minutes=480,
    )
    assert choice.courier == "JD"
    assert choice.zone == "far"


def test_a_cut_off_that_the_floor_cannot_reach_is_tomorrows() -> None:
    yto = DEFAULT_COURIERS[2]
    cut_off = next_cut_off_ms(yto, NOON_MS, 480)
    assert next_cut_off_ms(yto, cut_off - 31 * 60_000, 480) == cut_off
    assert next_cut_off_ms(yto, cut_off - 29 * 60_000, 480) == cut_off + DAY_MS


def test_waybills_differ_and_carry_a_check_digit() -> None:
    numbers = [waybill_number(DEFAULT_COURIERS[0], number) for number in range(1, 200)]
    assert len(set(numbers)) == len(numbers)
    for number in numbers:
        digits = [int(digit) for digit in number[2:]]
        assert sum(d * (3 if place % 2 else 1) for place, d in enumerate(digits[::-1])) % 10 == 0


def test_the_sort_code_is_stable_for_a_place() -> None:
    code = sort_code("广东", "广州", "天河")
    assert code == sort_code("广东", "广州", "天河")
    assert len(code.split("-")) == 3
