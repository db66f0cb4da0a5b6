"""Review with the books at hand: what the buyer did before, and what a rule would have done.

The rules themselves are pure (`hub.domain.review`). Here they meet the past: the history a rule
asks for is read in the transaction that takes the order in, and a dry run shows what changed rules
would have held among orders that are long decided, without touching one of them.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Final

import msgspec

from hub.domain.channel_order import ChannelLine, ChannelOrder
from hub.domain.conditions import History
from hub.domain.order_keys import OrderKeys, keys_of
from hub.domain.review import HOUR_MS, Hit, Review, Rule, check_rule, review, windows
from hub.domain.rows import OrderRow
from hub.store.protocol import Desk

DRY_RUN_ORDERS_MAX: Final = 5_000
"""Past orders one dry run looks at."""
DRY_RUN_RULES_MAX: Final = 100
DRY_RUN_PAGE: Final = 200
EXAMPLES_MAX: Final = 20
"""Order ids shown per rule."""


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """Rules to try, and over how many of the newest orders."""

    rules: Annotated[tuple[Rule, ...], msgspec.Meta(min_length=1, max_length=DRY_RUN_RULES_MAX)]
    orders: Annotated[int, msgspec.Meta(ge=1, le=DRY_RUN_ORDERS_MAX)] = 1_000


class RuleTrial(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule would have done; `examples` are order ids, newest first."""

    rule_id: str
    hits: int
    examples: tuple[str, ...]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules would have done. `held_now` orders met a rule when they came in."""

    orders: int
    held: int
    held_now: int
    newly_held: int
    no_longer_held: int
    rules: tuple[RuleTrial, ...]


def look_over(desk: Desk, order_id: str, order: ChannelOrder) -> tuple[Hit, ...]:
    """Review an order that is being taken in, mark it, and return why it must be held."""
    rules = desk.catalogue.rules()
    found = _review(desk, rules, order, order_id, desk.now_ms)
    desk.orders.put_keys(order_id, keys_of(order, found.flags))
    return found.hits


def dry_run(desk: Desk, request: DryRun) -> Trial:
    """Try rules on the newest orders as they came in; nothing is changed.

    Raises InvalidInput for a rule that contradicts itself.
    """
    for rule in request.rules:
        check_rule(rule)
    examples: dict[str, list[str]] = {rule.rule_id: [] for rule in request.rules}
    counts: Counter[str] = Counter()
    before = ""
    while counts["orders"] < request.orders:
        page = desk.orders.page({}, before, min(DRY_RUN_PAGE, request.orders - counts["orders"]))
        if not page:
            break
        before = page[-1].order_id
        for row in page:
            _try_one(desk, request.rules, row, counts, examples)
    return Trial(
        orders=counts["orders"],
        held=counts["held"],
        held_now=counts["held_now"],
        newly_held=counts["newly_held"],
        no_longer_held=counts["no_longer_held"],
        rules=tuple(
            RuleTrial(
                rule_id=name, hits=counts[f"rule:{name}"], examples=tuple(found[:EXAMPLES_MAX])
            )
            for name, found in examples.items()
        ),
    )


def _try_one(
    desk: Desk,
    rules: tuple[Rule, ...],
    row: OrderRow,
    counts: Counter[str],
    examples: dict[str, list[str]],
) -> None:
    found = _review(desk, rules, _as_sent(desk, row), row.order_id, row.received_ms)
    held, held_now = bool(found.hits), bool(row.reasons)
    counts["orders"] += 1
    counts["held"] += held
    counts["held_now"] += held_now
    counts["newly_held"] += held and not held_now
    counts["no_longer_held"] += held_now and not held
    for hit in found.hits:
        counts[f"rule:{hit.rule_id}"] += 1
        if len(examples[hit.rule_id]) < EXAMPLES_MAX:
            examples[hit.rule_id].append(row.order_id)


def _review(
    desk: Desk, rules: tuple[Rule, ...], order: ChannelOrder, order_id: str, at_ms: int
) -> Review:
    keys = keys_of(order)
    past = {hours: _history(desk, keys, hours, order_id, at_ms) for hours in windows(rules)}
    return review(order, rules, past)


def _history(desk: Desk, keys: OrderKeys, hours: int, order_id: str, at_ms: int) -> History:
    return desk.orders.history(
        keys, since_ms=at_ms - hours * HOUR_MS, until_ms=at_ms, but_order_id=order_id
    )


def _as_sent(desk: Desk, row: OrderRow) -> ChannelOrder:
    """Return a stored order in the shape rules read; an erased person reads as blank."""
    person = desk.orders.person(row.order_id)
    return ChannelOrder(
        channel=row.channel,
        shop=row.shop,
        order_no=row.order_no,
        version=row.version,
        buyer=person.buyer,
        address=person.address,
        buyer_remark=person.buyer_remark,
        flags=desk.orders.flags(row.order_id),
        lines=tuple(
            ChannelLine(
                line_no=line.line_no,
                sku=line.sku,
                quantity=line.quantity,
                unit_price_minor=line.unit_price_minor,
                currency=line.currency,
            )
            for line in desk.orders.lines(row.order_id)
        ),
    )
