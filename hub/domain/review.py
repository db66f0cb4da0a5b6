"""Review: which orders a person looks at before they are promised.

Rules are data, so that head office changes them without a release. Each hit names the rule, its
version and a sentence, because a held order costs a buyer's patience and somebody has to explain
it. Sentences never repeat personal data: they say which field and which rule, not what is in it.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

import msgspec

from hub.domain.channel_order import ChannelOrder

RuleKind = Literal["required_fields", "short_street", "remark_words", "blacklist"]

WORDS_MAX: Final = 1_000
"""Words or fragments in one rule."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. `words` are field names, hold words or blacklisted fragments, by `kind`."""

    rule_id: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{1,63}$")]
    version: Annotated[int, msgspec.Meta(ge=1)] = 1
    kind: RuleKind
    active: bool = True
    words: Annotated[tuple[str, ...], msgspec.Meta(max_length=WORDS_MAX)] = ()
    limit: Annotated[int, msgspec.Meta(ge=0)] = 0


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
)  # fmt: skip


def review(order: ChannelOrder, rules: tuple[Rule, ...]) -> tuple[Hit, ...]:
    """Return every rule that `order` hits, in the order of the rules."""
    hits = []
    for rule in rules:
        sentence = _CHECKS[rule.kind](order, rule) if rule.active else ""
        if sentence:
            hits.append(Hit(rule_id=rule.rule_id, version=rule.version, sentence=sentence))
    return tuple(hits)


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
