"""Review rules as data: conditions over lines, worth, door, remark and the buyer's past."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hub.domain.channel_order import Address, Buyer, ChannelLine, ChannelOrder, digest_of
from hub.domain.conditions import Condition, History
from hub.domain.order_keys import keys_of
from hub.domain.review import DEFAULT_RULES, Rule, check_rule, review, windows
from shared.domain.errors import InvalidInput

ORDER = ChannelOrder(
    channel="taobao",
    shop="main",
    order_no="1",
    buyer=Buyer(name="张三丰", phone="+86 137-1234-2206"),
    address=Address(country="CN", province="上海", city="上海", street="人民路1号 2单元"),
    lines=(
        ChannelLine(line_no=1, sku="A", quantity=3, unit_price_minor=1_000),
        ChannelLine(line_no=2, sku="B", quantity=1, unit_price_minor=500),
    ),
)


def rule(*conditions: Condition, **other: Any) -> Rule:
    return Rule(rule_id="tried", kind="conditions", conditions=conditions, **other)


def asks(field: str, test: str, *values: str, limit: int = 0) -> Condition:
    plain = {"field": field, "test": test, "values": values, "limit": limit}
    return msgspec.convert(plain, Condition)


@pytest.mark.parametrize(
    ("condition", "hit"),
    [
        (asks("total_minor", "at_least", limit=3_500), True),
        (asks("total_minor", "at_least", limit=3_501), False),
        (asks("units", "at_most", limit=4), True),
        (asks("line_quantity_max", "at_least", limit=4), False),
        (asks("sku", "is_one_of", "b"), True),
        (asks("sku", "is_none_of", "C"), True),
        (asks("province", "is_none_of", "上海"), False),
        (asks("channel", "starts_with", "tao"), True),
        (asks("remark", "contains", "hold"), False),
        (asks("flag", "is_one_of", "vip"), False),
    ],
)
def test_a_condition_reads_the_order(condition: Condition, hit: bool) -> None:
    assert bool(review(ORDER, (rule(condition),)).hits) is hit


def test_a_rule_is_hit_only_when_all_its_conditions_hold() -> None:
    cheap = asks("total_minor", "at_most", limit=3_499)
    here = asks("city", "is_one_of", "上海")
    assert review(ORDER, (rule(here, cheap),)).hits == ()
    (hit,) = review(ORDER, (rule(here, asks("units", "at_least", limit=2)),)).hits
    assert hit.sentence == "Rule tried: city is one of the rule's list; units is 4, at least 2."


def test_a_rule_with_a_flag_marks_the_order_and_holds_nothing() -> None:
    marked = review(ORDER, (rule(asks("units", "at_least", limit=2), flag="vip"),))
    assert (marked.hits, marked.flags) == ((), ("vip",))
    order = msgspec.structs.replace(ORDER, flags=("presale",))
    assert keys_of(order, marked.flags).flags == ("presale", "vip")


def test_conditions_on_the_past_see_the_window_of_their_rule() -> None:
    twice = rule(asks("same_orders", "at_least", limit=1), window_hours=48)
    assert windows((twice, *DEFAULT_RULES)) == {48}
    assert review(ORDER, (twice,), {48: History(same_orders=1)}).hits
    assert not review(ORDER, (twice,), {24: History(same_orders=1)}).hits


@pytest.mark.parametrize(
    "condition",
    [asks("units", "contains", "1"), asks("sku", "at_least", limit=1), asks("city", "contains")],
)
def test_a_test_that_does_not_fit_its_field_is_refused_with_a_sentence(
    condition: Condition,
) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_rule(rule(condition))
    assert refused.value.code == "rule_condition"


def test_a_rule_of_conditions_needs_some_and_other_kinds_take_none() -> None:
    for wrong in (
        rule(),
        Rule(rule_id="r", kind="blacklist", conditions=(asks("units", "at_least"),)),
    ):
        with pytest.raises(InvalidInput) as refused:
            check_rule(wrong)
        assert refused.value.code == "rule_empty"


def test_the_rules_shipped_are_sound() -> None:
    for shipped in DEFAULT_RULES:
        check_rule(shipped)


def test_the_same_buyer_and_door_are_recognised_however_they_are_written() -> None:
    other = msgspec.structs.replace(
        ORDER,
        order_no="2",
        buyer=Buyer(name="张 三丰", phone="13712342206"),
        address=Address(country="cn", province="上海", city="上海", street="人民路1号２单元"),
        lines=ORDER.lines[::-1],
    )
    assert keys_of(other) == keys_of(ORDER)
    assert "张" not in str(keys_of(ORDER))
    assert keys_of(msgspec.structs.replace(ORDER, buyer=Buyer())).buyer == ""


def test_an_order_of_a_version_without_flags_keeps_its_digest() -> None:
    assert digest_of(ORDER) == "16cf559b3979f377e6689acc71bf897ddcf78435618623fb1a38aa616564e980"
    assert digest_of(msgspec.structs.replace(ORDER, flags=("vip",))) != digest_of(ORDER)
