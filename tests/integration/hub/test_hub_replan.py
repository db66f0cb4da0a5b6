"""The open pool is planned again. Method: stock comes in by import, a clock that the test moves,
and random worlds whose late orders, parcels and postage are added up before and after each round.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from hub.domain.channel_order import Address
from hub.domain.csv_rows import parse_products, parse_warehouses
from hub.domain.policy import Policy, SourcingRules
from hub.services import imports
from hub.services.decide_order import cancel
from hub.services.merge_orders import choose_for
from hub.services.replan import OpenPool
from shared.domain.commands import AssignParcel, CancelParcel
from shared.domain.facts import CancelConfirmed, CommandRefused, PickingStarted
from tests.integration.hub.hand_clock import HandClock

MINUTE_MS = 60_000
MORE_PLACES = (
    "warehouse,name,latitude,longitude\nPEK,北京仓,39.9,116.4\nCTU,成都仓,30.6,104.1\n"
    "SZV,苏州仓,31.3,120.6\n"
)
MORE_GOODS = (
    "sku,gtin,name,unit_weight_grams,length_mm,width_mm,height_mm,serial_policy\n"
    "LAMP,,灯,1400,10,10,10,none\n"
)
TO_SHANGHAI = Address(
    province="上海", city="上海", street="人民路1号", latitude=31.2, longitude=121.4
)


@pytest.fixture
def clock(books: Any) -> HandClock:
    books.hub.clock = clock = HandClock()
    places, _, _ = parse_warehouses("w.csv", MORE_PLACES.encode())
    goods, _, _ = parse_products("p.csv", MORE_GOODS.encode())
    books.write(lambda desk: imports.import_warehouses(desk, places))
    books.write(lambda desk: imports.import_products(desk, goods))
    return clock


def plan_again(books: Any, *reachable: str) -> None:
    """Go round the whole pool once."""
    pool = OpenPool()
    while books.write(lambda desk: pool.turn(desk, reachable)):
        pass


def sent_from(books: Any, order_id: str) -> list[str]:
    return [
        one.warehouse for one in books.parcels(order_id) if one.state not in {"cancelled", "short"}
    ]


def changes(books: Any, order_id: str) -> list[str]:
    events = books.read(lambda desk: desk.journal.order_events(order_id, 100))
    return [one.kind for one in events if one.kind == "order_replanned"]


def test_two_parcels_become_one_when_stock_comes_in_and_the_order_says_why(
    books: Any, clock: HandClock
) -> None:
    books.stock("SHA,A1,CABLE,1,", "CAN,B1,LAMP,1,")
    order = books.order("A1", ("CABLE", 1), ("LAMP", 1))
    assert sent_from(books, order["order_id"]) == ["SHA", "CAN"]
    books.stock("PEK,C1,CABLE,1,", "PEK,C2,LAMP,1,", import_id="second")
    plan_again(books)
    assert sent_from(books, order["order_id"]) == ["PEK"]
    why = books.order_row(order["order_id"]).explanation
    assert b"Planned again, because it makes 1 parcels fewer." in bytes(why)
    assert b'"replaced":{"warehouses":["CAN","SHA"],"parcels":2' in bytes(why)
    plan_again(books)
    assert changes(books, order["order_id"]) == ["order_replanned"]
    assert books.verify().holds


def test_a_parcel_moves_to_where_it_costs_less_and_its_rights_with_it(
    books: Any, clock: HandClock
) -> None:
    books.stock("CAN,B1,CABLE,1,")
    order = books.order("A1", ("CABLE", 1), address=TO_SHANGHAI)
    books.stock("SHA,A1,CABLE,1,", import_id="second")
    plan_again(books)
    assert sent_from(books, order["order_id"]) == ["SHA"]
    assert (books.rights("CABLE", "CAN"), books.rights("CABLE", "SHA")) == (
        {"pool": 1},
        {"ordered": 1},
    )


def released_late(books: Any, clock: HandClock) -> tuple[str, AssignParcel]:
    """Release an order from a floor that is a day behind, with stock in another come in since."""
    books.stock("SHA,A1,CABLE,1,", "SHA,A2,LAMP,1,")
    tonight = "2026-11-22T23:00:00+08:00"
    order = books.order("A1", ("CABLE", 1), address=TO_SHANGHAI, ship_by=tonight)
    books.order("A0", ("LAMP", 1))
    books.release()
    books.stock("CAN,B1,CABLE,1,", import_id="second")
    rules = SourcingRules(capacity_parcels={"SHA": 1})
    books.hub.policy = Policy(sourcing=rules)
    boxes = [one for one in books.commands("SHA") if isinstance(one, AssignParcel)]
    return order["order_id"], boxes[0]


def recalls(books: Any) -> list[tuple[str, bool]]:
    return [
        (one.parcel_id, one.untouched_only)
        for one in books.commands("SHA")
        if isinstance(one, CancelParcel)
    ]


def test_a_floor_is_asked_for_what_it_has_not_begun_and_only_its_yes_moves_it(
    books: Any, floor: Any, clock: HandClock
) -> None:
    order_id, box = released_late(books, clock)
    plan_again(books)
    assert recalls(books) == []  # its line is down: nobody would answer
    plan_again(books, "SHA")
    plan_again(books, "SHA")
    assert recalls(books) == [(box.parcel_id, True)]
    assert sent_from(books, order_id) == ["SHA"]
    floor("SHA").tell(
        CancelConfirmed(command_id=f"replan-{box.parcel_id}", parcel_id=box.parcel_id)
    )
    assert (sent_from(books, order_id), books.order_row(order_id).status) == (["CAN"], "reserved")
    assert books.rights("CABLE", "SHA") == {"pool": 1}
    assert (books.exceptions(), books.verify().holds) == ([], True)


def test_a_floor_that_has_begun_says_no_and_nothing_happens_not_even_an_exception(
    books: Any, floor: Any, clock: HandClock
) -> None:
    order_id, box = released_late(books, clock)
    plan_again(books, "SHA")
    sha, command_id = floor("SHA"), f"replan-{box.parcel_id}"
    refusal = CommandRefused(command_id=command_id, code="picking_begun", sentence="It is planned.")
    sha.tell(refusal, refusal)
    plan_again(books, "SHA")
    assert books.order_row(order_id).status == "released"
    sha.tell(PickingStarted(parcel_ids=(box.parcel_id,), wave="W1"))
    assert books.order_row(order_id).status == "picking"
    assert sent_from(books, order_id) == ["SHA"]
    assert (books.exceptions(), books.verify().holds) == ([], True)


def test_a_cancel_while_a_floor_is_asked_for_a_better_plan_is_asked_as_well(
    books: Any, floor: Any, clock: HandClock
) -> None:
    order_id, box = released_late(books, clock)
    plan_again(books, "SHA")
    books.write(lambda desk: cancel(desk, order_id, "refund"))
    assert recalls(books) == [(box.parcel_id, True), (box.parcel_id, False)]
    sha = floor("SHA")
    sha.tell(
        CommandRefused(
            command_id=f"replan-{box.parcel_id}", code="picking_begun", sentence="It is picking."
        )
    )
    assert books.order_row(order_id).status == "cancel_pending"
    sha.tell(CancelConfirmed(command_id=f"cancel-{box.parcel_id}", parcel_id=box.parcel_id))
    assert books.order_row(order_id).status == "cancelled"
    assert (books.exceptions(), books.verify().holds) == ([], True)


def test_a_parcel_on_a_floor_is_asked_back_when_its_buyer_orders_more_and_leaves_in_one_box(
    books: Any, floor: Any, clock: HandClock
) -> None:
    books.hub.policy = Policy(sourcing=SourcingRules(merge_window_minutes=30))
    books.stock("SHA,A1,CABLE,9,")
    first = books.order("A1", ("CABLE", 1))["order_id"]
    clock.now_ms += 40 * MINUTE_MS
    books.release()
    second = books.order("A2", ("CABLE", 2))["order_id"]
    plan_again(books, "SHA")
    ((asked, untouched_only),) = recalls(books)
    assert untouched_only
    floor("SHA").tell(CancelConfirmed(command_id=f"replan-{asked}", parcel_id=asked))
    books.release()
    box = [one for one in books.commands("SHA") if isinstance(one, AssignParcel)][-1]
    assert sorted(part.order_no for part in box.parts) == ["A1", "A2"]
    assert [books.order_row(one).status for one in (first, second)] == ["released", "released"]
    plan_again(books, "SHA")
    assert len(recalls(books)) == 1
    assert (books.exceptions(), books.verify().holds) == ([], True)


def test_an_order_that_waited_for_one_parcel_leaves_in_two_when_its_time_is_over(
    books: Any, clock: HandClock
) -> None:
    books.hub.policy = Policy(
        sourcing=SourcingRules(parcel_value_min_minor=2_000, parcel_value_wait_minutes=60)
    )
    books.stock("SHA,A1,CABLE,1,", "CAN,B1,LAMP,1,")
    lines = books_lines(300, 9_000)
    order = books.order("A1", ("CABLE", 1), ("LAMP", 1), lines=lines)
    assert order["status"] == "backordered"
    assert "worth less than 2000" in order["explanation"]["sentence"]
    plan_again(books)
    assert books.order_row(order["order_id"]).status == "backordered"
    clock.now_ms += 60 * MINUTE_MS
    plan_again(books)
    assert sorted(sent_from(books, order["order_id"])) == ["CAN", "SHA"]


def books_lines(*prices: int) -> Any:
    from hub.domain.channel_order import ChannelLine

    return tuple(
        ChannelLine(line_no=number, sku=sku, quantity=1, unit_price_minor=price)
        for number, (sku, price) in enumerate(zip(("CABLE", "LAMP"), prices, strict=True), 1)
    )


def total(books: Any) -> tuple[int, int, int, int]:
    """Return units without a promise, late orders, parcels and postage over the whole pool."""

    def count(desk: Any) -> tuple[int, int, int, int]:
        missing = late = parcels = postage = 0
        for row in desk.orders.page({}, "", 1_000):
            missing += sum(line.missing for line in desk.orders.lines(row.order_id))
            alive = [one for one in desk.parcels.of_order(row.order_id) if one.state == "reserved"]
            choices = [choose_for(desk, [one], desk.policy.couriers) for one in alive]
            late += any(row.ship_by_ms and choice.cut_off_ms > row.ship_by_ms for choice in choices)
            parcels += len(alive)
            postage += sum(choice.price_minor for choice in choices)
        return missing, late, parcels, postage

    return books.read(count)


@pytest.mark.parametrize(
    ("store", "seed"),
    [*(("sqlite", seed) for seed in range(6)), ("postgres", 0), ("postgres", 1)],
    indirect=["store"],
)
def test_no_round_over_a_random_pool_makes_anything_worse(
    books: Any, clock: HandClock, seed: int
) -> None:
    dice = random.Random(seed)
    skus, places = ("CABLE", "SCALE", "LAMP"), ("SHA", "CAN", "PEK", "CTU", "SZV")
    number = changed = 0
    for delivery in range(6):
        rows = [
            f"{place},A{at},{sku},{dice.randint(1, 6)},"
            for place in places
            for at, sku in enumerate(skus)
            if dice.random() < 0.4
        ]
        if rows:
            books.stock(*rows, import_id=f"delivery-{delivery}")
        for _ in range(dice.randint(4, 9)):
            number += 1
            wanted = [(sku, dice.randint(1, 3)) for sku in dice.sample(skus, dice.randint(1, 3))]
            books.order(
                f"A{number}", *wanted, address=Address(
                    province="上海", city="上海", street=f"路{number}",
                    latitude=dice.uniform(22, 40), longitude=dice.uniform(100, 122),
                ),
                ship_by=dice.choice(("", "2026-11-22T20:00:00+08:00", "2026-11-24T20:00:00+08:00")),
            )  # fmt: skip
        clock.now_ms += dice.choice((0, 3, 9)) * 60 * MINUTE_MS
        before = total(books)
        for _ in range(3):
            plan_again(books)
            after = total(books)
            assert after <= before, seed
            changed += after != before
            before = after
        assert books.verify().holds
    assert changed
