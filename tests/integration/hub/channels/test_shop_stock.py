"""What a shop shows follows what is available, through every way in which telling it can fail."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from hub.shops.simulated.faults import Faults
from tests.integration.hub.channels.town import ServedHub, Shop, until


@pytest.fixture
def listed(shop: Shop) -> Shop:
    """A shop whose one SKU is kept: ten are available, ten are shown."""
    shop.list_sku()
    until("the listing is known", lambda: settled(shop, 10))
    return shop


def settled(shop: Shop, units: int) -> bool:
    """Say whether shop and hub agree on `units`."""
    row = shop.listing()
    return shop.shown == units and row == {
        "sku": shop.sku, "wanted": units, "shown": units, "held": units,
        "in_doubt": False, "trouble": "", "mode": "shared", "quota": 0, "target": 0, "risk": 0,
    }  # fmt: skip


def order_elsewhere(hub: ServedHub, shop: Shop, units: int) -> None:
    """Promise units through the API, so that the shop must show less."""
    order = {
        "channel": "phone", "shop": "desk", "order_no": f"T-{shop.name}-{units}",
        "address": {"country": "CN", "province": "上海", "city": "上海", "street": "路1号"},
        "buyer": {"name": "李四", "phone": "13600000000"},
        "lines": [{"line_no": 1, "sku": shop.sku, "quantity": units}],
    }  # fmt: skip
    answer = hub.client.post("/api/v1/orders", json=order)
    assert answer.json()["status"] == "reserved", answer.text


def test_a_shop_shows_what_is_available_not_what_is_on_hand_woocommerce_fusion_170(
    served: ServedHub, listed: Shop
) -> None:
    order_elsewhere(served, listed, 4)
    until("the shop shows less", lambda: settled(listed, 6))
    stock = served.get(f"/api/v1/stock?sku={listed.sku}")["items"][0]
    assert (stock["on_hand"], stock["available"]) == (10, 6)


def test_a_sale_is_taken_off_once(listed: Shop) -> None:
    listed.sell("S-1", 3)
    until("both agree", lambda: settled(listed, 7))
    assert [push for push in listed.books["pushes"] if push[1] > 7] == []


def test_a_sale_nobody_told_us_of_is_pulled_before_the_number_changes(
    served: ServedHub, listed: Shop
) -> None:
    listed.fault("GET /orders", "500", times=4)
    listed.sell("S-2", 2, webhooks=0)
    order_elsewhere(served, listed, 1)
    until("the order is in", lambda: listed.order("S-2"))
    until("both agree", lambda: settled(listed, 7))
    assert listed.books["sold"][listed.sku] + served.available(listed.sku) == 9


@pytest.mark.parametrize(
    ("wrong", "times"),
    [("429", 2), ("500", 2), ("silent_before", 2), ("silent_after", 1), ("garbage", 1)],
)
def test_f58_a_number_that_is_refused_lost_or_applied_in_silence_arrives(
    served: ServedHub, listed: Shop, wrong: str, times: int
) -> None:
    listed.fault("PUT /availability", wrong, times)
    order_elsewhere(served, listed, 4)
    until("both agree", lambda: settled(listed, 6))
    assert listed.books["faults_left"] == 0


def test_f58_the_old_number_counts_as_held_until_the_lower_one_is_confirmed(
    served: ServedHub, listed: Shop
) -> None:
    listed.fault("PUT /availability", "500", times=200)
    order_elsewhere(served, listed, 4)
    row = until("the doubt is shown", lambda: doubted(listed))
    assert (row["wanted"], row["held"], row["risk"]) == (6, 10, 4)


def doubted(shop: Shop) -> dict[str, int] | None:
    row = shop.listing()
    return row if row["in_doubt"] else None


def test_f58_a_change_that_arrives_late_is_refused_by_the_comparison(
    served: ServedHub, listed: Shop
) -> None:
    listed.fault("PUT /availability", "late")
    order_elsewhere(served, listed, 4)
    until("both agree in spite of it", lambda: settled(listed, 6))
    assert listed.catch_up() == [409]
    assert listed.shown == 6


def test_f58_long_trouble_with_stock_is_told_and_ends_by_itself(
    served: ServedHub, listed: Shop
) -> None:
    listed.fault("PUT /availability", "429", times=6)
    order_elsewhere(served, listed, 4)
    until("somebody is told", lambda: listed.exceptions("availability_in_doubt"))
    until("both agree", lambda: settled(listed, 6))
    assert not listed.exceptions("availability_in_doubt")


def test_a_share_with_a_buffer_is_shown(served: ServedHub, make_shop: Callable[..., Shop]) -> None:
    shop = make_shop()
    shop.join(publish_percent=50, publish_buffer=3)
    shop.stage.shop.shown[shop.sku] = 0
    shop.list_sku()
    until("its share is shown", lambda: shop.shown == 3)


@pytest.mark.parametrize("face", ["shopify", "woocommerce"])
def test_other_platforms_show_what_is_available(
    served: ServedHub, make_shop: Callable[..., Shop], face: str
) -> None:
    shop = make_shop(face)
    shop.stage.shop.shown[shop.sku] = 10
    shop.join()
    shop.sell("#1001", 2)
    order = shop.order("#1001")
    assert order is not None
    assert order["status"] == "reserved"
    until("the listing is known", lambda: settled(shop, 8))
    shop.fault("POST BincardSet" if face == "shopify" else "PUT /wp-json", "silent_after")
    shop.sell("#1002", 1, webhooks=0)
    order_elsewhere(served, shop, 3)
    until("both agree", lambda: settled(shop, 4))


def test_a_number_changed_by_hand_is_found_and_put_right(listed: Shop) -> None:
    listed.stage.shop.shown[listed.sku] = 99
    until("it is put right", lambda: settled(listed, 10))


def test_the_last_unit_sold_in_two_shops_at_once_is_promised_once(
    served: ServedHub, make_shop: Callable[..., Shop]
) -> None:
    first, second = make_shop(units=1), make_shop()
    second.sku = first.sku
    for one in (first, second):
        one.stage.shop.shown[first.sku] = 1
        one.join()
        one.list_sku()
    until("both show it", lambda: first.shown == second.shown == 1)
    until("the risk is shown", lambda: first.listing()["risk"] == 1)
    first.sell("L-1", 1, webhooks=0)
    second.sell("L-2", 1, webhooks=0)
    orders = until("both orders are in", lambda: both(first.order("L-1"), second.order("L-2")))
    assert sorted(order["status"] for order in orders) == ["backordered", "reserved"]
    assert served.available(first.sku) == 0


def both(*found: object) -> tuple[object, ...] | None:
    return found if all(found) else None


def test_a_shop_that_sells_through_every_kind_of_trouble_is_never_oversold(
    served: ServedHub, make_shop: Callable[..., Shop]
) -> None:
    dice = random.Random(7)
    shop = make_shop(units=30)
    shop.stage.shop.shown[shop.sku] = 0
    shop.join()
    shop.list_sku()
    until("it shows all", lambda: shop.shown == 30)
    sold = 0
    for number in range(45):
        if dice.random() < 0.4:
            on = dice.choice(["GET /orders", "GET /availability", "PUT /availability"])
            shop.fault(on, dice.choice(["429", "500", "silent_after", "silent_before", "late"]))
        if dice.random() < 0.2:
            shop.catch_up()
        body = {
            "order_no": f"X-{number}", "lines": [(shop.sku, 1)], "webhooks": dice.choice([0, 1, 2])
        }  # fmt: skip
        answer = shop.http.post("/shop/sell", json=body)
        assert answer.status_code in {200, 422}, answer.text
        sold += answer.status_code == 200
    shop.stage.faults = Faults()
    shop.catch_up()
    until("both agree", lambda: settled(shop, 30 - sold))
    assert sold >= 10
    assert served.available(shop.sku) == 30 - sold
    query = {"channel": shop.channel, "shop": shop.name, "limit": 200}
    orders = served.client.get("/api/v1/orders", params=query).json()["items"]
    assert [order["status"] for order in orders] == ["reserved"] * sold
    assert served.get("/api/v1/verify")["holds"] is True


def test_two_strict_shops_sell_everything_and_nothing_twice(
    served: ServedHub, make_shop: Callable[..., Shop]
) -> None:
    first, second = make_shop(units=12), make_shop()
    second.sku = first.sku
    for one in (first, second):
        one.stage.shop.shown[first.sku] = 0
        one.join(mode="strict")
        one.list_sku()
    until("both have a share", lambda: first.shown == second.shown == 6)
    assert served.available(first.sku) == 0
    answers = [first.http.post("/shop/sell", json=sale("Q", number, first.sku))
               for number in range(6)]  # fmt: skip
    assert {answer.status_code for answer in answers} == {200}
    until("the faster one got more", lambda: (first.shown, second.shown) == (5, 1))
    (left,) = served.get(f"/api/v1/availability?sku={first.sku}")
    assert (left["risk"]["lent"], left["risk"]["units"]) == (6, 0)
    query = {"channel": first.channel, "shop": first.name, "limit": 200}
    orders = served.client.get("/api/v1/orders", params=query).json()["items"]
    assert [order["status"] for order in orders] == ["reserved"] * 6
    drift = served.get(f"{second.path}/drift")["items"]
    assert [(one["drifts"], one["uncovered"], one["seen"]) for one in drift] == [(False, 0, 1)]
    first.stage.shop.shown[first.sku] = 99
    until("it is put right", lambda: first.shown == 5)
    assert served.get("/api/v1/verify")["holds"] is True


def sale(name: str, number: int, sku: str) -> dict[str, object]:
    return {"order_no": f"{name}-{number}", "lines": [(sku, 1)], "webhooks": 1}


def test_presale_and_risk_are_shown_beside_what_is_available(served: ServedHub, shop: Shop) -> None:
    quota = {"sku": shop.sku, "ship_date": "2026-12-24", "units": 20}
    made = served.client.put("/api/v1/presales", json=quota).json()
    assert made == {**quota, "promised": 0, "turned": 0, "left": 20}
    order = {
        "channel": "phone", "shop": "desk", "order_no": "P-1", "flags": ["presale"],
        "buyer": {"name": "李四", "phone": "13600000000"},
        "address": {"country": "CN", "province": "上海", "city": "上海", "street": "路1号"},
        "lines": [{"line_no": 1, "sku": shop.sku, "quantity": 12}],
    }  # fmt: skip
    (line,) = served.client.post("/api/v1/orders", json=order).json()["lines"]
    assert (line["presale"], line["expected_ship_date"]) == (12, "2026-12-24")
    (left,) = served.get(f"/api/v1/availability?sku={shop.sku}")
    risk = {"available": 10, "shared": 0, "lent": 0, "uncovered": 0, "units": 0}
    assert (left["available"], left["presale"], left["risk"]) == (10, 8, risk)
    refused = served.client.put("/api/v1/presales", json={**quota, "units": 11})
    assert (refused.status_code, refused.json()["code"]) == (422, "presale_sold")
    page = served.get("/api/v1/presales?limit=200")["items"]
    assert {**quota, "promised": 12, "turned": 0, "left": 8} in page
