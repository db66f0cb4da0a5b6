"""Review: which orders a person looks at before they are promised.

Rules are data, so that head office changes them without a release. Each hit names the rule, its
version and a sentence, because a held order costs a buyer's patience and somebody has to explain
it. Sentences never repeat personal data: they say which field and which rule, not what is in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec

from hub.domain.channel_order import ChannelOrder
from hub.domain.conditions import (
    CONDITIONS_MAX,
    HISTORY_FIELDS,
    Condition,
    History,
    check,
    holds,
    told,
)
from shared.domain.errors import InvalidInput

RuleKind = Literal["required_fields", "short_street", "remark_words", "blacklist", "conditions"]

WORDS_MAX: Final = 1_000
"""Words or fragments in one rule."""


HOUR_MS: Final = 3_600_000


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. `words` are field names, hold words or blacklisted fragments, by `kind`.

    A rule of kind `conditions` is hit when all its conditions hold; those about the buyer's past
    look back over `window_hours`. A hit holds the order, or only marks it when the rule has a
    `flag`.
    """

    rule_id: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{1,63}$")]
    version: Annotated[int, msgspec.Meta(ge=1)] = 1
    kind: RuleKind
    active: bool = True
    words: Annotated[tuple[str, ...], msgspec.Meta(max_length=WORDS_MAX)] = ()
    limit: Annotated[int, msgspec.Meta(ge=0)] = 0
    conditions: Annotated[tuple[Condition, ...], msgspec.Meta(max_length=CONDITIONS_MAX)] = ()
    window_hours: Annotated[int, msgspec.Meta(ge=1, le=8_760)] = 24
    flag: Annotated[str, msgspec.Meta(pattern="^([a-z][a-z0-9_]{1,31})?$")] = ""


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """Why an order is held."""

    rule_id: str
    version: int
    sentence: str


DEFAULT_RULES: Final = (
    Rule(
        rule_id="address_incomplete",
        kind="required_fields",
        words=("name", "phone", "city", "street"),
    ),
    Rule(rule_id="street_too_short", kind="short_street", limit=3),
    Rule(
        rule_id="remark_asks_to_wait",
        kind="remark_words",
        words=(
            "暂不发货", "先别发", "先不发", "不要发货", "别发货", "等通知", "改地址", "换地址",
            "地址有误", "取消订单", "hold", "do not ship", "don't ship", "wait for",
            "change address", "wrong address", "cancel",
        ),
    ),
    Rule(rule_id="blacklist", kind="blacklist"),
    Rule(
        rule_id="duplicate_order",
        kind="conditions",
        active=False,
        conditions=(Condition(field="same_orders", test="at_least", limit=1),),
    ),
    Rule(
        rule_id="value_limit",
        kind="conditions",
        active=False,
        conditions=(
            Condition(field="currency", test="is_one_of", values=("CNY",)),
            Condition(field="total_minor", test="at_least", limit=5_000_000),
        ),
    ),
    Rule(
        rule_id="quantity_limit",
        kind="conditions",
        active=False,
        conditions=(Condition(field="line_quantity_max", test="at_least", limit=100),),
    ),
    Rule(
        rule_id="out_of_area",
        kind="conditions",
        active=False,
        conditions=(Condition(field="country", test="is_none_of", values=("CN", "中国", "")),),
    ),
)  # fmt: skip


class Review(msgspec.Struct, frozen=True):
    """What the rules say: why to hold the order, and how to mark it."""

    hits: tuple[Hit, ...]
    flags: tuple[str, ...]


def check_rule(rule: Rule) -> None:
    """Raise InvalidInput (`rule_empty`, `rule_condition`) for a rule that can never be meant so."""
    if (rule.kind == "conditions") != bool(rule.conditions):
        raise InvalidInput(
            "rule_empty",
            f"Failed to read rule {rule.rule_id}: expected conditions with kind `conditions` and "
            f"with no other, got kind {rule.kind} with {len(rule.conditions)}.",
            hint="Add conditions, or choose another kind.",
        )
    for condition in rule.conditions:
        check(condition)


def windows(rules: tuple[Rule, ...]) -> frozenset[int]:
    """Return the windows, in hours, over which the active rules look at the buyer's past."""
    return frozenset(
        rule.window_hours
        for rule in rules
        if rule.active and any(one.field in HISTORY_FIELDS for one in rule.conditions)
    )


def review(
    order: ChannelOrder, rules: tuple[Rule, ...], past: Mapping[int, History] | None = None
) -> Review:
    """Return what `rules` say of `order`, in their order; `past` is its history by window."""
    hits: list[Hit] = []
    flags: list[str] = []
    for rule in rules:
        if not rule.active:
            continue
        history = (past or {}).get(rule.window_hours, History())
        if rule.kind == "conditions":
            sentence = _conditions(order, rule, history)
        else:
            sentence = _CHECKS[rule.kind](order, rule)
        if sentence and rule.flag:
            flags.append(rule.flag)
        elif sentence:
            hits.append(Hit(rule_id=rule.rule_id, version=rule.version, sentence=sentence))
    return Review(tuple(hits), tuple(flags))


def _conditions(order: ChannelOrder, rule: Rule, history: History) -> str:
    if not all(holds(condition, order, history) for condition in rule.conditions):
        return ""
    reasons = "; ".join(told(condition, order, history) for condition in rule.conditions)
    return f"Rule {rule.rule_id}: {reasons}."


def _fields(order: ChannelOrder) -> dict[str, str]:
    address = order.address
    return {
        "name": order.buyer.name,
        "phone": order.buyer.phone,
        "country": address.country,
        "province": address.province,
        "city": address.city,
        "district": address.district,
        "street": address.street,
        "postcode": address.postcode,
    }


def _required_fields(order: ChannelOrder, rule: Rule) -> str:
    fields = _fields(order)
    empty = [word for word in rule.words if not fields.get(word, "").strip()]
    if not empty:
        return ""
    return f"The address is incomplete: expected {', '.join(empty)}, got nothing."


def _short_street(order: ChannelOrder, rule: Rule) -> str:
    length = len(order.address.street.strip())
    if length == 0 or length >= rule.limit:
        return ""
    return (
        f"The street is too short to deliver to: expected at least {rule.limit} characters, "
        f"got {length}."
    )


def _remark_words(order: ChannelOrder, rule: Rule) -> str:
    remark = order.buyer_remark.casefold()
    for word in rule.words:
        wanted = word.casefold()
        found = (
            re.search(rf"\b{re.escape(wanted)}\b", remark) if wanted.isascii() else wanted in remark
        )
        if found:
            return f"The buyer's remark contains the hold word {word!r}."
    return ""


def _blacklist(order: ChannelOrder, rule: Rule) -> str:
    fields = _fields(order)
    phone = _digits(fields["phone"])
    texts = {
        "buyer": fields["name"].casefold(),
        "address": "".join(
            fields[key] for key in ("country", "province", "city", "district", "street")
        ).casefold(),
    }
    for position, word in enumerate(rule.words, start=1):
        fragment = word.strip().casefold()
        if not fragment:
            continue
        number = re.sub(r"[-+ ().]", "", fragment)
        if number.isdigit() and number in phone:
            return f"The phone matches blacklist entry {position}."
        for field, text in texts.items():
            if fragment in text:
                return f"The {field} matches blacklist entry {position}."
    return ""


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


_CHECKS: Final = {
    "required_fields": _required_fields,
    "short_street": _short_street,
    "remark_words": _remark_words,
    "blacklist": _blacklist,
}
