"""The hub's HTTP interface against a real process: the fixed shapes, and everything nasty.

Method: one process serves all tests of the file; each uses SKUs and orders of its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from shared.runtime.curve import new_key_pair

DEADLINE_SECONDS = 20.0


@pytest.fixture(scope="module")
def hub(tmp_path_factory: Any, hub_process_class: Any, store: Any) -> Iterator[Any]:
    process = hub_process_class(tmp_path_factory.mktemp("hub") / "state", store())
    process.start()
    process.fill("SHA,A01,PHONE,2,SN001 SN002", "SHA,A02,CABLE,100,", "CAN,A02,CABLE,100,")
    yield process
    process.stop()


@pytest.fixture
def sku(hub: Any, request: pytest.FixtureRequest) -> str:
    # A product of this test alone, with ten units in Shanghai.
    name = request.node.name.split("[")[0].upper()[:60]
    head = "sku,gtin,name,unit_weight_grams,length_mm,width_mm,height_mm,serial_policy\n"
    text = f"{head}{name},,a,1,1,1,1,none\n".encode()
    hub.client.post("/api/v1/imports/products", content=text)
    add_stock(hub, name, 10)
    return name


def add_stock(hub: Any, sku: str, units: int, bin_code: str = "A01") -> dict[str, Any]:
    text = f"warehouse,bin,sku,quantity,serial_numbers\nSHA,{bin_code},{sku},{units},\n"
    answer = hub.client.post("/api/v1/imports/stock", content=text.encode())
    return dict(answer.json())


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"].startswith("application/problem+json")
    body = answer.json()
    assert body["detail"].endswith(".")
    assert body["status"] == answer.status_code
    return answer.status_code, body["code"]


def wait_for(what: Callable[[], Any]) -> Any:
    until = time.monotonic() + DEADLINE_SECONDS
    while not (found := what()):
        assert time.monotonic() < until
    return found


def test_an_order_is_answered_with_its_promise_and_why(hub: Any, as_json: Any) -> None:
    answer = hub.client.post("/api/v1/orders", json=as_json("why", ("CABLE", 3)))
    order = answer.json()
    assert (answer.status_code, order["status"]) == (201, "reserved")
    (line,) = order["lines"]
    assert (line["warehouse"], line["quantity"], line["sku"]) == ("SHA", 3, "CABLE")
    assert order["explanation"]["chosen"]["warehouses"] == ["SHA"]
    assert order["explanation"]["alternatives"][0]["warehouses"] == ["CAN"]


def test_a_repeat_is_the_first_answer_and_other_content_a_conflict(hub: Any, as_json: Any) -> None:
    body = as_json("repeat", ("CABLE", 1))
    first = hub.client.post("/api/v1/orders", json=body)
    again = hub.client.post("/api/v1/orders", json=body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.content == again.content
    changed = hub.client.post("/api/v1/orders", json=as_json("repeat", ("CABLE", 2)))
    assert problem(changed) == (409, "order_version_reused")


def test_a_higher_version_replaces_the_order_and_an_older_one_is_refused(
    hub: Any, as_json: Any, sku: str
) -> None:
    first = hub.client.post("/api/v1/orders", json=as_json("v", (sku, 9), version=2)).json()
    newer = as_json("v", (sku, 10), version=5)
    second = hub.client.post(f"/api/v1/orders/{first['order_id']}/amend", json=newer).json()
    assert (second["order_id"], second["status"]) == (first["order_id"], "reserved")
    assert [line["quantity"] for line in second["lines"]] == [10]
    older = hub.client.post("/api/v1/orders", json=as_json("v", (sku, 1), version=3))
    assert problem(older) == (409, "order_version_old")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"lines": []}, "order_invalid"),
        ({"lines": [{"line_no": 1, "sku": "CABLE", "quantity": 0}]}, "order_invalid"),
        ({"lines": [{"line_no": 1, "sku": "CABLE", "quantity": -1}]}, "order_invalid"),
        ({"lines": [{"line_no": 1, "sku": "CABLE", "quantity": 10**30}]}, "order_invalid"),
        ({"lines": [{"line_no": 1, "sku": "CABLE", "quantity": 1.5}]}, "order_invalid"),
        ({"lines": [{"line_no": 1, "sku": "CABLE", "quantity": 1}] * 2}, "line_repeated"),
        ({"lines": None}, "order_invalid"),
        ({"channel": ""}, "order_invalid"),
        ({"order_no": "x" * 65}, "order_invalid"),
        ({"order_no": "a\nb"}, "order_key"),
        ({"version": 0}, "order_invalid"),
        ({"placed_at": "yesterday"}, "time_invalid"),
        ({"placed_at": "0001-01-01T00:00:00+14:00"}, "time_invalid"),
        ({"address": {"latitude": 91}}, "order_invalid"),
        ({"buyer": "me"}, "order_invalid"),
    ],
)
def test_a_nasty_order_gets_a_plain_sentence(
    hub: Any, as_json: Any, change: dict[str, Any], code: str
) -> None:
    body = as_json("nasty", ("CABLE", 1)) | change
    assert problem(hub.client.post("/api/v1/orders", json=body)) == (400, code)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"channel": "a"}', b"NaN"]
)
def test_a_body_that_is_no_order_gets_a_plain_sentence(hub: Any, body: bytes) -> None:
    assert problem(hub.client.post("/api/v1/orders", content=body))[0] == 400


def test_a_body_of_ten_megabytes_is_turned_away_with_the_limit(hub: Any) -> None:
    answer = hub.client.post("/api/v1/orders", content=b"x" * 10_485_760)
    assert problem(answer) == (413, "body_too_large")
    assert "8388608" in answer.json()["detail"]


def test_an_unknown_sku_is_named_and_nothing_is_stored(hub: Any, as_json: Any) -> None:
    answer = hub.client.post("/api/v1/orders", json=as_json("ghost", ("CABLE", 1), ("NOPE", 1)))
    assert problem(answer) == (422, "sku_unknown")
    assert "NOPE" in answer.json()["detail"]
    assert answer.json()["hint"]
    assert hub.client.get("/api/v1/orders?order_no=ghost").json()["items"] == []


def test_a_held_order_waits_for_a_person_and_then_goes_on(hub: Any, as_json: Any) -> None:
    body = as_json("held", ("CABLE", 1), buyer_remark="请等通知再发")
    order = hub.client.post("/api/v1/orders", json=body).json()
    assert (order["status"], order["lines"][0]["warehouse"]) == ("held", None)
    assert order["held_because"][0]["rule_id"] == "remark_asks_to_wait"
    path = f"/api/v1/orders/{order['order_id']}/release-hold"
    assert hub.client.post(path, json={"reason": "called"}).json()["status"] == "reserved"
    assert problem(hub.client.post(path)) == (422, "order_state")


def test_an_order_without_coordinates_is_promised_all_the_same(hub: Any, as_json: Any) -> None:
    body = as_json("nowhere", ("CABLE", 1))
    body["address"] = body["address"] | {"latitude": None, "longitude": None}
    order = hub.client.post("/api/v1/orders", json=body).json()
    assert order["status"] == "reserved"
    assert "no coordinates" in order["explanation"]["sentence"]


def test_ndjson_answers_line_by_line_and_one_bad_line_blocks_nobody(
    hub: Any, as_json: Any, sku: str
) -> None:
    lines = [json.dumps(as_json(f"{sku}-{number}", (sku, 1))) for number in range(120)]
    lines[7] = "{broken"
    lines[8] = json.dumps(as_json("bad", ("NOPE", 1)))
    answer = hub.client.post(
        "/api/v1/orders",
        content="\n".join(lines).encode() + b"\n\n",
        headers={"content-type": "application/x-ndjson"},
    )
    results = [json.loads(line) for line in answer.text.splitlines()]
    assert [result["item"] for result in results] == list(range(1, 121))
    assert [result["code"] for result in results if result["result"] == "rejected"] == [
        "order_not_json",
        "sku_unknown",
    ]
    assert [result["status"] for result in results[:7]] == ["reserved"] * 7
    assert sum(result["status"] == "reserved" for result in results) == 10
    assert results[0]["order"]["lines"][0]["warehouse"] == "SHA"


def test_more_than_five_hundred_lines_are_refused_whole(hub: Any) -> None:
    answer = hub.client.post(
        "/api/v1/orders",
        content=b"{}\n" * 501,
        headers={"content-type": "application/x-ndjson"},
    )
    assert problem(answer) == (400, "orders_per_body")


def test_lists_come_in_pages_that_miss_and_repeat_nothing(hub: Any, as_json: Any, sku: str) -> None:
    sent = [
        hub.client.post("/api/v1/orders", json=as_json(f"{n}", (sku, 1), shop=sku)).json()
        for n in range(7)
    ]
    read: list[str] = []
    query: dict[str, Any] = {"shop": sku, "limit": 3}
    while True:
        page = hub.client.get("/api/v1/orders", params=query).json()
        read += [order["order_id"] for order in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert read == [order["order_id"] for order in reversed(sent)]
    assert problem(hub.client.get("/api/v1/orders?limit=201")) == (400, "limit_invalid")
    assert problem(hub.client.get("/api/v1/orders?status=lost")) == (400, "status_unknown")


def test_personal_data_is_masked_without_the_scope_and_audited_with_it(
    hub: Any, as_json: Any
) -> None:
    order = hub.client.post("/api/v1/orders", json=as_json("pii", ("CABLE", 1))).json()
    path = f"/api/v1/orders/{order['order_id']}"
    assert "张三丰" not in hub.client.get(path).text
    made = hub.client.post(
        "/api/v1/tokens", json={"name": "desk", "scopes": ["orders:read", "pii:read"]}
    ).json()
    seen = httpx.get(
        f"{hub.client.base_url}{path}?reason=call",
        headers={"Authorization": f"Bearer {made['token']}"},
    )
    assert seen.json()["recipient"]["name"] == "张三丰"
    entry = hub.client.get("/api/v1/audit?limit=1").json()["items"][0]
    assert (entry["actor"], entry["action"], entry["reason"]) == (
        "desk",
        "read_personal_data",
        "call",
    )


def test_tokens_open_only_what_their_scopes_say_until_revoked(hub: Any) -> None:
    made = hub.client.post("/api/v1/tokens", json={"name": "r", "scopes": ["stock:read"]}).json()
    with httpx.Client(
        base_url=hub.client.base_url, headers={"Authorization": f"Bearer {made['token']}"}
    ) as reader:
        assert reader.get("/api/v1/stock").status_code == 200
        assert problem(reader.post("/api/v1/orders", json={})) == (403, "scope_missing")
        hub.client.delete(f"/api/v1/tokens/{made['token_id']}")
        assert problem(reader.get("/api/v1/stock")) == (401, "token_unknown")
    assert problem(httpx.get(f"{hub.client.base_url}/api/v1/orders")) == (401, "token_missing")


def test_an_idempotency_key_repeats_its_answer_and_refuses_another_body(hub: Any, sku: str) -> None:
    body = {"lines": [{"sku": sku, "quantity": 4}]}
    key = {"Idempotency-Key": f"k-{sku}"}
    first = hub.client.post("/api/v1/reservations", json=body, headers=key)
    again = hub.client.post("/api/v1/reservations", json=body, headers=key)
    assert first.json() == again.json()
    other = hub.client.post("/api/v1/reservations", json=body | {"ttl_seconds": 5}, headers=key)
    assert problem(other) == (409, "idempotency_key_reused")
    (left,) = hub.client.get("/api/v1/availability", params={"sku": sku}).json()
    assert left["available"] == 6


def test_a_reservation_ends_by_delete_by_time_or_by_its_order(
    hub: Any, as_json: Any, sku: str
) -> None:
    def available() -> int:
        (left,) = hub.client.get("/api/v1/availability", params={"sku": sku}).json()
        return int(left["available"])

    def hold(name: str, units: int, ttl_seconds: int = 900) -> str:
        lines = [{"sku": sku, "quantity": units}]
        body = {"reservation_id": name, "lines": lines, "ttl_seconds": ttl_seconds}
        answer = hub.client.post("/api/v1/reservations", json=body)
        assert answer.status_code == 201
        return f"/api/v1/reservations/{name}"

    deleted, short, used = hold("r-del", 1), hold("r-time", 2, 1), hold("r-use", 7)
    assert available() == 0
    assert hub.client.post(f"{used}/confirm").json()["state"] == "confirmed"
    assert hub.client.delete(deleted).json()["state"] == "released"
    assert hub.client.delete(deleted).json()["state"] == "released"
    wait_for(lambda: hub.client.get(short).json()["state"] == "expired")
    assert available() == 3
    order = hub.client.post(
        "/api/v1/orders", json=as_json("r-use", (sku, 7), reservation_id="r-use")
    ).json()
    assert order["status"] == "reserved"
    assert hub.client.get(used).json()["state"] == "used"
    assert available() == 3
    assert problem(hub.client.post(f"{used}/confirm")) == (422, "reservation_over")


def test_a_backorder_is_promised_by_itself_when_stock_comes(
    hub: Any, as_json: Any, sku: str
) -> None:
    order = hub.client.post("/api/v1/orders", json=as_json("later", (sku, 12))).json()
    assert (order["status"], order["lines"][0]["backordered"]) == ("backordered", 12)
    add_stock(hub, sku, 5, "B01")
    path = f"/api/v1/orders/{order['order_id']}"
    wait_for(lambda: hub.client.get(path).json()["status"] == "reserved")
    kinds = [event["kind"] for event in hub.client.get(path).json()["history"]]
    assert kinds == ["order_received", "order_backordered", "order_reserved"]


def test_safety_stock_is_not_promised(hub: Any, as_json: Any, sku: str) -> None:
    hub.client.put("/api/v1/safety-stock", json={"sku": sku, "warehouse": "SHA", "quantity": 4})
    order = hub.client.post("/api/v1/orders", json=as_json("safe", (sku, 7))).json()
    assert order["status"] == "backordered"


def test_the_same_file_handed_over_twice_counts_once(hub: Any, sku: str) -> None:
    told = add_stock(hub, sku, 10)
    assert (told["accepted"], told["already_in"]) == (0, 1)
    (left,) = hub.client.get("/api/v1/availability", params={"sku": sku}).json()
    assert left["available"] == 10


def test_known_serial_numbers_and_wrong_counts_are_bad_rows(hub: Any) -> None:
    text = "warehouse,bin,sku,quantity,serial_numbers\n"
    text += "SHA,A01,PHONE,1,SN001\nSHA,A01,PHONE,2,SN100\nXXX,A01,PHONE,1,SN101\n"
    text += "SHA,A01,CABLE,1,SN102\nSHA,A01,GHOST,1,\nSHA,A01,PHONE,1,SN103\n"
    told = hub.client.post("/api/v1/imports/stock?file=bad.csv", content=text.encode()).json()
    assert [(error["file"], error["line"], error["column"]) for error in told["errors"]] == [
        ("bad.csv", 2, "serial_numbers"),
        ("bad.csv", 3, "serial_numbers"),
        ("bad.csv", 4, "warehouse"),
        ("bad.csv", 5, "serial_numbers"),
        ("bad.csv", 6, "sku"),
    ]
    assert (told["accepted"], told["rejected"]) == (1, 5)
    assert hub.client.get("/api/v1/serials/SN103").json()["place"] == "bin:A01"
    assert problem(hub.client.get("/api/v1/serials/SN100")) == (404, "serial_unknown")


def test_a_new_rule_version_holds_the_next_order(hub: Any, as_json: Any) -> None:
    rule = {"rule_id": "blacklist", "kind": "blacklist", "words": ["19900007777"]}
    assert hub.client.put("/api/v1/rules/blacklist", json=rule).json()["version"] == 2
    body = as_json("black", ("CABLE", 1)) | {"buyer": {"name": "李四", "phone": "+8619900007777"}}
    order = hub.client.post("/api/v1/orders", json=body).json()
    assert (order["status"], order["held_because"][0]["version"]) == ("held", 2)


def test_the_change_feed_and_its_stream_tell_the_same(hub: Any, as_json: Any) -> None:
    start = hub.client.get("/api/v1/events?limit=1").json()
    while start["items"]:
        start = hub.client.get(f"/api/v1/events?after={start['next']}&limit=200").json()
    after = start["next"]
    told: list[str] = []
    with hub.client.stream("GET", f"/api/v1/events/stream?after={after}") as stream:
        hub.client.post("/api/v1/orders", json=as_json("feed", ("CABLE", 1)))
        for line in stream.iter_lines():
            if line.startswith("event: order_"):
                told.append(line.removeprefix("event: "))
            if "order_reserved" in told:
                break
    assert told == ["order_received", "order_reserved"]
    feed = hub.client.get(f"/api/v1/events?after={after}").json()["items"]
    assert [event["kind"] for event in feed][:2] == told
    assert problem(hub.client.get("/api/v1/events?after=x")) == (400, "cursor_invalid")


def test_an_enrolled_warehouse_gets_its_parcels_with_unique_waybills(
    hub: Any, as_json: Any, sku: str
) -> None:
    code = hub.client.post("/api/v1/enrolment-codes", json={"warehouse": "SHA"}).json()["code"]
    key = new_key_pair().public_key
    enrolled = httpx.post(
        f"{hub.client.base_url}/api/v1/enrolments", json={"code": code, "public_key": key}
    )
    assert (enrolled.status_code, enrolled.json()["node"]) == (201, "SHA")
    orders = [
        hub.client.post("/api/v1/orders", json=as_json(f"rel-{n}", (sku, 1))).json()
        for n in range(5)
    ]

    def all_released() -> list[dict[str, Any]]:
        now = [hub.client.get(f"/api/v1/orders/{order['order_id']}").json() for order in orders]
        return now if all(order["status"] == "released" for order in now) else []

    parcels = [order["parcels"][0] for order in wait_for(all_released)]
    assert len({parcel["waybill"] for parcel in parcels}) == 5
    path = f"/api/v1/orders/{orders[0]['order_id']}/cancel"
    assert hub.client.post(path).json()["status"] == "cancel_pending"
    (shipment,) = hub.client.get(f"/api/v1/shipments?waybill={parcels[1]['waybill']}").json()[
        "items"
    ]
    assert shipment["order_id"] == orders[1]["order_id"]
    state = hub.client.get("/api/v1/warehouses/SHA").json()
    assert (state["enrolled"], state["link"]["up"]) == (True, False)


def test_the_interface_describes_itself(hub: Any) -> None:
    schema = httpx.get(f"{hub.client.base_url}/schema").json()
    assert schema["openapi"].startswith("3.1")
    names = [
        operation.get("operationId")
        for path in schema["paths"].values()
        for operation in path.values()
    ]
    assert None not in names
    assert len(set(names)) == len(names)
    assert httpx.get(f"{hub.client.base_url}/readyz").status_code == 200
    assert "bincard_hub_oversold_units 0.0" in httpx.get(f"{hub.client.base_url}/metrics").text


def test_the_books_hold_after_all_of_this(hub: Any) -> None:
    assert hub.client.get("/api/v1/verify").json()["holds"] is True
