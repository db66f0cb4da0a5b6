"""Review with the books at hand, on both stores: the past of a buyer, marks, and dry runs."""

from __future__ import annotations

from typing import Any

import msgspec

from hub.domain.channel_order import Address, Buyer
from hub.domain.conditions import Condition
from hub.domain.review import Rule
from hub.services.review_order import DryRun, dry_run
from tests.integration.hub.conftest import Books

SAME = Rule(
    rule_id="duplicate_order",
    kind="conditions",
    conditions=(Condition(field="same_orders", test="at_least", limit=1),),
)
MANY = Rule(
    rule_id="many_units",
    kind="conditions",
    conditions=(Condition(field="units", test="at_least", limit=5),),
)
VIP = Rule(
    rule_id="vip_shop",
    kind="conditions",
    conditions=(Condition(field="shop", test="is_one_of", values=("main",)),),
    flag="vip",
)


def put(books: Books, rule: Rule) -> None:
    books.write(lambda desk: desk.catalogue.put_rule(rule))


def test_the_same_order_under_another_number_is_held_and_one_to_another_door_is_not(
    books: Books,
) -> None:
    books.stock("SHA,A01,CABLE,100,")
    put(books, msgspec.structs.replace(SAME, version=9))
    assert books.order("1", ("CABLE", 1))["status"] == "reserved"
    again = books.order("2", ("CABLE", 1))
    assert (again["status"], again["held_because"][0]["rule_id"]) == ("held", "duplicate_order")
    door = Address(country="CN", province="上海", city="上海", street="淮海路99号")
    assert books.order("3", ("CABLE", 1), address=door)["status"] == "reserved"
    assert (
        books.order("4", ("CABLE", 1), buyer=Buyer(name="李四", phone="13900000000"))["status"]
        == "reserved"
    )


def test_a_marking_rule_shows_on_the_order(books: Books) -> None:
    books.stock("SHA,A01,CABLE,100,")
    put(books, VIP)
    shown = books.order("1", ("CABLE", 1), flags=("presale",))
    assert (shown["flags"], shown["status"]) == (["presale", "vip"], "reserved")


def test_a_dry_run_says_what_rules_would_have_held_and_changes_nothing(books: Books) -> None:
    books.stock("SHA,A01,CABLE,100,")
    for number, units in (("1", 1), ("2", 6), ("3", 1)):
        books.order(number, ("CABLE", units))
    held = books.order("4", ("CABLE", 1), buyer_remark="请暂不发货")
    trial = books.read(lambda desk: dry_run(desk, DryRun(rules=(SAME, MANY))))
    assert (trial.orders, trial.held, trial.held_now) == (4, 3, 1)
    assert (trial.newly_held, trial.no_longer_held) == (2, 0)
    assert {one.rule_id: one.hits for one in trial.rules} == {"duplicate_order": 2, "many_units": 1}
    assert held["order_id"] in trial.rules[0].examples
    assert books.order_row(held["order_id"]).status == "held"


def test_rules_are_tried_over_http_before_they_count(hub_process: Any, as_json: Any) -> None:
    hub_process.start()
    hub_process.fill("SHA,A02,CABLE,100,")
    client = hub_process.client
    client.post("/api/v1/orders", json=as_json("tried", ("CABLE", 6)))
    rule = msgspec.to_builtins(MANY)
    trial = client.post("/api/v1/rules/dry-run", json={"rules": [rule], "orders": 1}).json()
    assert (trial["orders"], trial["held"], trial["rules"][0]["hits"]) == (1, 1, 1)
    assert "many_units" not in {one["rule_id"] for one in client.get("/api/v1/rules").json()}
    assert client.put("/api/v1/rules/many_units", json=rule).json()["version"] == 1
    rule["conditions"][0]["test"] = "contains"
    refused = client.put("/api/v1/rules/many_units", json=rule)
    assert (refused.status_code, refused.json()["code"]) == (400, "rule_condition")
