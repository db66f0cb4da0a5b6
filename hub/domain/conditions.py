"""What a review rule may ask about an order: its lines, its worth, its door, its buyer's past.

A rule is a list of conditions that must all hold. Each names a field, a test and what to compare
with, so that head office writes rules as data and can try them on past orders before they count.
Texts are compared without regard to case. A field with several values (`sku`, `flag`) passes a test
when one of them does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, Literal

import msgspec

from hub.domain.channel_order import ChannelOrder
from shared.domain.errors import InvalidInput

NumberField = Literal[
    "total_minor",
    "units",
    "line_count",
    "line_quantity_max",
    "street_characters",
    "buyer_orders",
    "buyer_cancelled",
    "same_orders",
]
TextField = Literal[
    "channel",
    "shop",
    "country",
    "province",
    "city",
    "district",
    "postcode",
    "remark",
    "currency",
    "sku",
    "flag",
]
NumberTest = Literal["at_least", "at_most"]
TextTest = Literal["is_one_of", "is_none_of", "contains", "starts_with"]

CONDITIONS_MAX: Final = 20
"""Conditions in one rule."""
VALUES_MAX: Final = 1_000
"""Values in one condition."""
HISTORY_FIELDS: Final = frozenset({"buyer_orders", "buyer_cancelled", "same_orders"})
"""Fields that look back over the rule's window."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What the books know of the same buyer within a window before an order, the order left out.

    `same_orders` counts orders with the same buyer, the same door and the same lines that were not
    cancelled.
    """

    buyer_orders: int = 0
    buyer_cancelled: int = 0
    same_orders: int = 0


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One test: `values` for texts, `limit` for numbers. Money is in minor units."""

    field: NumberField | TextField
    test: NumberTest | TextTest
    values: Annotated[tuple[str, ...], msgspec.Meta(max_length=VALUES_MAX)] = ()
    limit: Annotated[int, msgspec.Meta(ge=0, le=10**15)] = 0


def check(condition: Condition) -> None:
    """Raise InvalidInput `rule_condition` for a test that does not fit its field."""
    number = condition.field in _NUMBERS
    if number != (condition.test in ("at_least", "at_most")):
        kind, tests = ("number", "at_least or at_most") if number else ("text", _TEXT_TESTS_TOLD)
        raise InvalidInput(
            "rule_condition",
            f"Failed to read a condition: {condition.field} is a {kind}, expected the test "
            f"{tests}, got {condition.test}.",
            hint="Correct the test and send the rule again.",
        )
    if not number and not any(value.strip() for value in condition.values):
        raise InvalidInput(
            "rule_condition",
            f"Failed to read a condition: the test {condition.test} of {condition.field} needs "
            "values, got none.",
            hint="Name the texts to compare with in `values`.",
        )


def holds(condition: Condition, order: ChannelOrder, history: History) -> bool:
    """Say whether `order` passes the test."""
    number = _NUMBERS.get(condition.field)
    if number is not None:
        value = number(order, history)
        return (
            value >= condition.limit if condition.test == "at_least" else value <= condition.limit
        )
    listed = [value.strip().casefold() for value in condition.values]
    words = tuple(word for word in listed if word)
    found = [text.strip().casefold() for text in _TEXTS[condition.field](order)]
    match condition.test:
        case "is_one_of":
            return any(text in listed for text in found)
        case "is_none_of":
            return not any(text in listed for text in found)
        case "starts_with":
            return any(text.startswith(words) for text in found)
        case _:
            return any(word in text for text in found for word in words)


def told(condition: Condition, order: ChannelOrder, history: History) -> str:
    """Return the condition as part of a sentence; texts of the order itself are never repeated."""
    number = _NUMBERS.get(condition.field)
    name = condition.field.replace("_", " ")
    if number is None:
        return f"{name} {condition.test.replace('_', ' ')} the rule's list"
    side = "at least" if condition.test == "at_least" else "at most"
    return f"{name} is {number(order, history)}, {side} {condition.limit}"


def total_minor(order: ChannelOrder) -> int:
    """Return what the order is worth, in minor units of its currency."""
    return sum(line.quantity * line.unit_price_minor for line in order.lines)


_TEXT_TESTS_TOLD: Final = "is_one_of, is_none_of, contains or starts_with"
_NUMBERS: Final[dict[str, Callable[[ChannelOrder, History], int]]] = {
    "total_minor": lambda order, _: total_minor(order),
    "units": lambda order, _: sum(line.quantity for line in order.lines),
    "line_count": lambda order, _: len(order.lines),
    "line_quantity_max": lambda order, _: max(line.quantity for line in order.lines),
    "street_characters": lambda order, _: len(order.address.street.strip()),
    "buyer_orders": lambda _, history: history.buyer_orders,
    "buyer_cancelled": lambda _, history: history.buyer_cancelled,
    "same_orders": lambda _, history: history.same_orders,
}
_TEXTS: Final[dict[str, Callable[[ChannelOrder], tuple[str, ...]]]] = {
    "channel": lambda order: (order.channel,),
    "shop": lambda order: (order.shop,),
    "country": lambda order: (order.address.country,),
    "province": lambda order: (order.address.province,),
    "city": lambda order: (order.address.city,),
    "district": lambda order: (order.address.district,),
    "postcode": lambda order: (order.address.postcode,),
    "remark": lambda order: (order.buyer_remark,),
    "currency": lambda order: tuple(line.currency for line in order.lines),
    "sku": lambda order: tuple(line.sku for line in order.lines),
    "flag": lambda order: order.flags,
}
