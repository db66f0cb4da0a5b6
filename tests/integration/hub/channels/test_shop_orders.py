"""Orders of a shop that misbehaves: doubled, reordered, missed, changed too late, cancelled."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.hub.channels.town import ADDRESS, SECRET, ServedHub, Shop, until


def test_a_shop_is_added_by_the_command_line(
    served: ServedHub, make_shop: Callable[..., Shop]
) -> None:
    shop = make_shop()
    told = shop.join_by_command()
    assert SECRET not in told
    state = shop.state()
    assert (state["secrets"], state["active"], state["publish_percent"]) == (True, True, 100)
    shop.sell("N-1", 1, force=True)
    assert shop.order("N-1") is not None


def test_f53_a_doubled_webhook_makes_one_order(served: ServedHub, shop: Shop) -> None:
    shop.sell("A-1", 2, webhooks=3)
    assert shop.books["answers"] == [200, 200, 200]
    order = shop.order("A-1")
    assert order is not None
    assert (order["version"], order["status"]) == (1, "reserved")
    assert served.available(shop.sku) == 8


def test_f53_an_older_webhook_that_comes_late_changes_nothing(
    served: ServedHub, shop: Shop
) -> None:
    shop.sell("A-2", 1)
    shop.change("A-2", address={**ADDRESS, "street": "新街2号"})
    assert shop.tell("A-2", version=1) == 200
    order = shop.order("A-2")
    assert order is not None
    assert order["version"] == 2
    assert served.available(shop.sku) == 9


def test_f53_a_cancellation_that_comes_before_its_order_holds(
    served: ServedHub, shop: Shop
) -> None:
    url, shop.stage.webhook_url = shop.stage.webhook_url, ""
    shop.fault("GET /orders", "500", times=1_000)
    shop.sell("A-3", 1)
    shop.change("A-3", state="cancelled")
    shop.stage.webhook_url = url
    assert [shop.tell("A-3", version=2), shop.tell("A-3", version=1)] == [200, 200]
    assert shop.order("A-3") is None
    assert served.available(shop.sku) == 10


def test_f54_missed_webhooks_are_found_by_the_next_pull(served: ServedHub, shop: Shop) -> None:
    shop.sell("A-4", 3, webhooks=0)
    order = until("the pull brings the order", lambda: shop.order("A-4"))
    assert order["status"] == "reserved"
    shop.change("A-4", state="cancelled", webhooks=0)
    until("and its cancellation", lambda: (shop.order("A-4") or {})["status"] == "cancelled")
    assert served.available(shop.sku) == 10


def test_f54_more_missed_orders_than_fit_on_a_page_all_come(served: ServedHub, shop: Shop) -> None:
    for number in range(25):
        shop.sell(f"P-{number}", 1, webhooks=0, force=True)
    until("all are in", lambda: shop.order("P-24") and shop.order("P-0"))
    taken = [shop.order(f"P-{number}") for number in range(25)]
    states = [order["status"] for order in taken if order is not None]
    assert sorted(states) == ["backordered"] * 15 + ["reserved"] * 10
    assert served.available(shop.sku) == 0


def test_a_shop_learns_that_its_cancellation_stands(shop: Shop) -> None:
    shop.sell("A-5", 1)
    shop.change("A-5", state="cancelled")
    until("the yes arrives", lambda: shop.books["orders"]["A-5"]["cancel_answer"] is True)


def test_pulls_go_on_after_429_500_silence_and_nonsense(shop: Shop) -> None:
    for wrong in ("429", "500", "silent_before", "garbage"):
        shop.fault("GET /orders", wrong)
    shop.sell("A-6", 1, webhooks=0)
    until("the order comes in the end", lambda: shop.order("A-6"))
    until("no trouble is left", lambda: shop.state()["trouble"] == "")
    assert shop.books["faults_left"] == 0


def test_a_long_trouble_is_told_to_a_person_and_ends_by_itself(shop: Shop) -> None:
    shop.fault("GET /orders", "500", times=6)
    until("somebody is told", lambda: shop.exceptions("shop_unreachable"))
    until("it ends", lambda: not shop.exceptions("shop_unreachable"))


def test_a_bad_order_is_reported_and_does_not_block_the_others(shop: Shop) -> None:
    shop.sell("B-1", 1, sku="UNKNOWN", webhooks=0, force=True)
    shop.sell("B-2", 1, webhooks=0)
    until("the good one is in", lambda: shop.order("B-2"))
    told = until("the other is reported", lambda: shop.exceptions("channel_order_rejected"))
    assert told[0]["subject"].endswith("/B-1")
    assert "UNKNOWN" in told[0]["sentence"]
    assert shop.order("B-1") is None


def test_an_order_that_no_database_can_keep_is_reported_and_does_not_block(shop: Shop) -> None:
    shop.sell("Z-1", 1, sku="A\x00B", webhooks=1, force=True)
    shop.sell("Z-2", 1, sku="A\x00B", webhooks=0, force=True)
    shop.sell("Z-3", 1, webhooks=0)
    until("the good one is in", lambda: shop.order("Z-3"))
    until("the others are reported", lambda: len(shop.exceptions("channel_order_rejected")) == 2)
    assert shop.state()["trouble"] == ""


def test_a_change_after_the_end_is_told_to_a_person(served: ServedHub, shop: Shop) -> None:
    shop.sell("C-1", 1)
    order = shop.order("C-1")
    assert order is not None
    served.client.post(f"/api/v1/orders/{order['order_id']}/cancel", json={"reason": "test"})
    shop.change("C-1", address={**ADDRESS, "street": "新街2号"})
    assert shop.exceptions("channel_change_too_late")
    assert (shop.order("C-1") or {})["status"] == "cancelled"


@pytest.mark.parametrize(
    ("change", "status"), [("", 401), ("/other", 404), ("wrong-signature", 401)]
)
def test_a_webhook_that_proves_nothing_is_refused(shop: Shop, change: str, status: int) -> None:
    url = shop.stage.webhook_url
    if change == "/other":
        url = url.replace(shop.name, "other")
    headers = shop.stage.headers(b"another body") if change == "wrong-signature" else {}
    answer = shop.http.post(url, content=b'{"type": "order.updated", "data": {}}', headers=headers)
    assert answer.status_code == status
    assert answer.json()["hint" if status == 401 else "detail"]
