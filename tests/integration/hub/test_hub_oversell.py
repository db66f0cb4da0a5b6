"""No oversell, over real HTTP, against the guard itself: many buyers, few units, cancels between.

Method: 16 clients run at once against a real process; afterwards the books are verified.
"""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

BUYERS = 200
UNITS = 50
CLIENTS = 16


def test_fifty_units_two_hundred_buyers_exactly_fifty_sold(hub_process: Any, as_json: Any) -> None:
    hub_process.start()
    hub_process.fill(f"SHA,A01,CABLE,{UNITS - 20},", "CAN,A01,CABLE,20,")

    def buy(number: int) -> tuple[int, str]:
        answer = hub_process.client.post("/api/v1/orders", json=as_json(f"{number}", ("CABLE", 1)))
        return answer.status_code, answer.json()["status"]

    with ThreadPoolExecutor(CLIENTS) as clients:
        told = Counter(clients.map(buy, range(BUYERS)))
    assert told == {(201, "reserved"): UNITS, (201, "backordered"): BUYERS - UNITS}
    (left,) = hub_process.client.get("/api/v1/availability?sku=CABLE").json()
    assert left["available"] == 0
    assert sum(one["ordered"] for one in left["warehouses"]) == UNITS
    assert hub_process.client.get("/api/v1/verify").json()["holds"] is True


@pytest.mark.parametrize("seed", [20261122])
def test_cancels_in_the_crowd_free_units_for_those_who_wait_and_for_nobody_twice(
    hub_process: Any, as_json: Any, seed: int
) -> None:
    hub_process.start()
    hub_process.fill(f"SHA,A01,CABLE,{UNITS},")
    dice = random.Random(seed)
    gives_up = {number for number in range(BUYERS) if dice.random() < 0.3}

    def buy(number: int) -> None:
        units = 1 + number % 3
        order = hub_process.client.post(
            "/api/v1/orders", json=as_json(f"{number}", ("CABLE", units))
        ).json()
        if number in gives_up:
            path = f"/api/v1/orders/{order['order_id']}/cancel"
            assert hub_process.client.post(path).json()["status"] == "cancelled"

    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(buy, range(BUYERS)))
    proof = hub_process.client.get("/api/v1/verify").json()
    assert (proof["holds"], proof["oversold_units"]) == (True, 0)
    assert proof["totals"]["ordered"] + proof["totals"]["pool"] == UNITS
    counts = hub_process.client.get("/api/v1/kpis").json()["orders_by_status"]
    assert counts["cancelled"] == len(gives_up)


def test_the_last_unit_goes_to_one_of_two_checkouts_and_one_order(
    hub_process: Any, as_json: Any
) -> None:
    hub_process.start()
    hub_process.fill("SHA,A01,CABLE,1,")

    def hold(number: int) -> int:
        body = {"reservation_id": f"cart-{number}", "lines": [{"sku": "CABLE", "quantity": 1}]}
        return int(hub_process.client.post("/api/v1/reservations", json=body).status_code)

    with ThreadPoolExecutor(CLIENTS) as clients:
        told = Counter(clients.map(hold, range(CLIENTS)))
    assert told == {201: 1, 422: CLIENTS - 1}
    order = hub_process.client.post("/api/v1/orders", json=as_json("1", ("CABLE", 1))).json()
    assert order["status"] == "backordered"


def test_the_same_order_from_many_tabs_takes_its_units_once(hub_process: Any, as_json: Any) -> None:
    hub_process.start()
    hub_process.fill("SHA,A01,CABLE,10,")
    body = as_json("1", ("CABLE", 2))

    def post(_: int) -> tuple[int, bytes]:
        answer = hub_process.client.post("/api/v1/orders", json=body)
        return answer.status_code, answer.content

    with ThreadPoolExecutor(CLIENTS) as clients:
        told = list(clients.map(post, range(CLIENTS)))
    assert Counter(status for status, _ in told) == {201: 1, 200: CLIENTS - 1}
    assert len({content for _, content in told}) == 1
    (left,) = hub_process.client.get("/api/v1/availability?sku=CABLE").json()
    assert left["available"] == 8
