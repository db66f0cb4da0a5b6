"""Nobody overwrites what they have not seen: tags on answers, and writes that name them."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_who_has_the_newest_state_is_told_so_and_who_has_an_older_one_is_refused(
    hub_process: Any, as_json: Any
) -> None:
    hub_process.start()
    hub_process.fill("SHA,A01,CABLE,10,")
    client = hub_process.client
    order_id = client.post("/api/v1/orders", json=as_json("1", ("CABLE", 1))).json()["order_id"]
    order = f"/api/v1/orders/{order_id}"
    seen = client.get(order).headers["etag"]
    same = client.get(order, headers={"if-none-match": f'"other", W/{seen}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", seen)
    amended = as_json("1", ("CABLE", 2), version=2)
    assert client.post(f"{order}/amend", json=amended, headers={"if-match": seen}).is_success
    late = client.post(f"{order}/cancel", headers={"if-match": seen})
    assert (late.status_code, late.json()["code"]) == (412, "changed_meanwhile")
    assert client.get(order, headers={"if-none-match": seen}).json()["status"] == "reserved"
    newest = client.get(order).headers["etag"]
    assert client.post(f"{order}/cancel", headers={"if-match": newest}).is_success

    rule_id = client.get("/api/v1/rules").json()[0]["rule_id"]
    rule = client.get(f"/api/v1/rules/{rule_id}")
    put = f"/api/v1/rules/{rule_id}"
    for status in (200, 412):
        answer = client.put(put, json=rule.json(), headers={"if-match": rule.headers["etag"]})
        assert answer.status_code == status

    shop = {"channel": "generic", "shop": "main", "name": "Main", "url": "https://shop.example.com"}
    assert client.post("/api/v1/shops", json=shop).is_success
    assert client.get("/api/v1/shops/generic/main").json()["name"] == "Main"

    hook = {"url": "https://erp.example.com/bincard"}
    made = client.post("/api/v1/webhooks", json=hook).json()["webhook"]
    assert "secret" not in made
    address = f"/api/v1/webhooks/{made['webhook_id']}"
    tag = client.get(address).headers["etag"]
    assert client.put(address, json=hook | {"active": False}, headers={"if-match": tag}).is_success
    assert client.delete(address, headers={"if-match": tag}).status_code == 412
    assert client.delete(address, headers={"if-match": "*"}).is_success
    inside = client.post("/api/v1/webhooks", json={"url": "https://169.254.169.254/"})
    assert (inside.status_code, inside.json()["code"]) == (422, "webhook_url")
    operations = client.get("/schema").json()["paths"]
    assert "412" in operations["/api/v1/orders/{order_id}/cancel"]["post"]["responses"]
