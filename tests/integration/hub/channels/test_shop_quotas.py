"""Strict shops: what each may sell is debited before it may show it, and back only when it shows
less. Method: the hub's services on both databases and shops whose answers the test decides."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from hub.services.shop_drift import DriftView, check_drift, drift_of
from hub.services.shop_risk import Risk, risks
from tests.integration.hub.channels.showcase import Showcase


@pytest.fixture
def town(books: Any) -> Any:
    """Books with 20 cables in Shanghai and 10 in Canton."""
    books.stock("SHA,A01,CABLE,20,", "CAN,A01,CABLE,10,")
    yield books
    proof = books.verify()
    assert (proof.holds, proof.oversold_units) == (True, 0), proof


def shop(town: Any, name: str, **fields: Any) -> Showcase:
    made = Showcase(town, name, **fields)
    made.visit()
    return made


def rounds(*shops: Showcase) -> None:
    """Visit all shops, twice: what one gives back the other may have."""
    for one in (*shops, *shops):
        one.visit()


def available(town: Any) -> int:
    return sum(row.atp for row in town.read(lambda desk: desk.rights.of_skus(("CABLE",))))


def risk(town: Any) -> Risk:
    found: Risk = town.read(lambda desk: risks(desk, ("CABLE",)))["CABLE"]
    return found


def test_a_strict_shop_shows_its_quota_which_nobody_else_can_sell(town: Any) -> None:
    one = shop(town, "one", publish_percent=50)
    assert (one.shown, one.quota, one.listing.held, available(town)) == (15, 15, 15, 15)
    assert town.order("o-1", ("CABLE", 16))["status"] == "backordered"
    assert town.order("o-2", ("CABLE", 15))["status"] == "reserved"
    one.sell("s-1", 15)
    one.pull()
    assert (one.quota, one.listing.held) == (0, 0)
    assert risk(town) == Risk(available=0, shared=0, lent=0, uncovered=0, units=0)
    assert town.exceptions() == []


def test_rights_of_a_lower_number_come_back_after_the_answer_and_the_orders_before_it(
    town: Any,
) -> None:
    one = shop(town, "one")
    assert (one.shown, available(town)) == (30, 0)
    one.fix(4)
    wish = one.ask()
    assert wish is not None
    assert (wish.quantity, wish.expected, one.quota) == (4, 30, 30)
    one.answer(wish, lost=True)
    one.pull()
    assert (one.shown, one.quota) == (4, 30), "silence means: maybe still higher"
    one.sell("s-1", 3)
    look = one.ask()
    assert look is not None
    one.answer(look)
    assert one.quota == 30, "it may have sold what we do not know yet"
    one.pull()
    assert (one.quota, one.listing.held, available(town)) == (1, 1, 26)
    one.visit()
    assert (one.shown, one.quota, available(town)) == (4, 4, 23)


def test_an_order_leaves_from_the_best_place_wherever_its_shops_rights_lie(town: Any) -> None:
    one = shop(town, "one", publish_percent=10)
    assert town.rights("CABLE", "SHA") == {"pool": 17, "lent": 3}
    assert town.order("o-1", ("CABLE", 17))["status"] == "reserved"
    one.sell("s-1", 1)
    one.pull()  # Shanghai is nearer, and has nothing but the shop's own
    assert town.rights("CABLE", "SHA") == {"ordered": 18, "lent": 2}
    assert town.order("o-2", ("CABLE", 8))["status"] == "reserved"
    one.sell("s-2", 2)
    one.pull()
    assert (one.quota, available(town)) == (0, 2)


def test_quotas_follow_the_speed_of_sales(town: Any) -> None:
    fast, slow = shop(town, "fast"), shop(town, "slow")
    rounds(fast, slow)
    assert (fast.shown, slow.shown) == (15, 15)
    fast.sell("f-1", 13)
    slow.sell("s-1", 1)
    rounds(fast, slow)
    assert (fast.shown, slow.shown, available(town)) == (14, 2, 0)
    before = (fast.listing.pushes, slow.listing.pushes)
    rounds(fast, slow)
    assert (fast.listing.pushes, slow.listing.pushes) == before, "nothing changed: nobody is told"


def test_the_last_units_of_a_shared_sku_are_sold_by_quota(town: Any) -> None:
    first = shop(town, "first", mode="shared", strict_below=6)
    other = shop(town, "other", mode="shared", strict_below=6)
    assert (first.shown, other.shown) == (30, 30)
    assert risk(town) == Risk(available=30, shared=60, lent=0, uncovered=0, units=30)
    assert town.order("o-1", ("CABLE", 25))["status"] == "reserved"
    rounds(first, other)
    assert (first.shown + other.shown, available(town)) == (5, 0)
    assert risk(town) == Risk(available=0, shared=0, lent=5, uncovered=0, units=0)
    town.stock("SHA,A02,CABLE,40,", import_id="second")
    rounds(first, other)
    assert (first.shown, other.shown, first.quota + other.quota) == (45, 45, 0)


def test_a_shop_that_sells_beyond_its_quota_takes_from_the_pool_and_people_are_told(
    town: Any,
) -> None:
    one = shop(town, "one", publish_percent=10)
    one.shown = 9  # somebody raised it there by hand
    one.sell("s-1", 5)
    one.pull()
    assert town.exceptions() == ["shop_sold_beyond_quota"]
    assert available(town) == 25
    one.sell("s-2", 4)
    assert town.order("o-1", ("CABLE", 25))["status"] == "reserved"
    one.pull()
    (order,) = town.read(lambda desk: desk.orders.page({"order_no": "s-2"}, "", 1))
    assert order.status == "backordered"


def test_units_that_a_shop_puts_on_sale_again_are_covered_as_soon_as_they_can_be(
    town: Any,
) -> None:
    one = shop(town, "one")
    one.sell("s-1", 4)
    one.pull()
    one.shown += 4
    one.cancel("s-1")
    assert (one.quota, one.listing.held, one.listing.shown) == (30, 30, None)
    one.visit()
    assert (one.shown, one.quota, available(town)) == (30, 30, 0)


def test_the_drift_report_says_what_orders_do_not_explain(town: Any) -> None:
    one = shop(town, "one", publish_percent=50)
    one.shown -= 2  # two orders that never come
    one.sell("s-1", 3)
    listing = long_ago(one)
    town.write(lambda desk: desk.channels.put_listing(listing))
    look = one.ask()
    assert look is not None
    one.answer(look)
    before = drift(one)
    assert (before.difference, before.sold_not_ingested, before.drifts) == (-5, 5, False)
    one.pull()
    after = drift(one)
    assert (after.difference, after.seen, after.drifts) == (-2, 10, True)
    town.write(check_drift)
    assert town.exceptions() == ["shop_drifts"]
    one.visit()
    town.write(check_drift)
    assert town.exceptions() == []


def drift(one: Showcase) -> DriftView:
    row = one.row
    (view,) = one.books.read(lambda desk: drift_of(desk, row, "", 9))
    assert isinstance(view, DriftView)
    return view


def long_ago(one: Showcase) -> Any:
    """The listing as it is a day after its last answer: it is looked at again."""
    return replace(one.listing, settled_ms=1)
