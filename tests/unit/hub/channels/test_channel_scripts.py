"""What each channel asks of a platform to set stock and to tell of a parcel, step by step."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from hub.channels import CHANNELS
from hub.channels.base import Publish, Published, Reply, Shipment, ShippedUnits, Window
from hub.channels.errors import ShopRefused, ShopSilent, ShopThrottled
from hub.channels.signing import hmac_base64, standard_webhook
from shared.domain.errors import Unauthorized
from tests.unit.hub.channels.talk import NOW_MS, SHOP, answer, fixture, form_of, talk

WISH = Publish(sku="PHONE", quantity=5, expected=7, listing_ref="", key="k-1")
SHIPMENT = Shipment(
    parcel_id="P-1",
    order_no="1001",
    remote_id="gid://shopify/Order/450789469",
    courier="SF",
    waybill="SF1234567890",
    shipped_ms=NOW_MS,
    whole=True,
    lines=(
        ShippedUnits(line_no=1, remote_line_id="L1", sku="PHONE", quantity=2),
        ShippedUnits(line_no=2, remote_line_id="L2", sku="CABLE", quantity=1),
    ),
)
ITEM = "gid://shopify/InventoryItem/9"
FOUND = {"productVariants": {"nodes": [{"sku": "PHONE", "inventoryItem": {"id": ITEM}}]}}


def graph(data: Any, **other: Any) -> Reply:
    return answer({"data": data, **other})


def level(quantity: int) -> Reply:
    shown = {"quantities": [{"name": "available", "quantity": quantity}]}
    return graph({"inventoryItem": {"inventoryLevel": shown}})


def set_answer(*errors: str) -> Reply:
    told = [{"code": code, "field": [], "message": "no"} for code in errors]
    return graph({"inventorySetQuantities": {"userErrors": told}})


def test_shopify_sets_stock_by_compare_and_swap() -> None:
    done, calls = talk(
        CHANNELS["shopify"].publish(SHOP, WISH, NOW_MS), [graph(FOUND), set_answer()]
    )
    assert done == Published(outcome="set", quantity=5, listing_ref=ITEM)
    sent = json.loads(calls[1].body)
    assert "inventorySetQuantities(input: $input) @idempotent(key: $key)" in sent["query"]
    assert sent["variables"] == {
        "key": "k-1",
        "input": {
            "name": "available",
            "reason": "correction",
            "quantities": [
                {
                    "inventoryItemId": ITEM,
                    "locationId": "gid://shopify/Location/1",
                    "quantity": 5,
                    "changeFromQuantity": 7,
                }
            ],
        },
    }
    assert ("x-shopify-access-token", "token") in calls[1].headers


def test_a_stale_expectation_is_answered_with_what_shopify_shows() -> None:
    wish = msgspec.structs.replace(WISH, listing_ref=ITEM)
    replies = [set_answer("CHANGE_FROM_QUANTITY_STALE"), level(6)]
    done, _ = talk(CHANNELS["shopify"].publish(SHOP, wish, NOW_MS), replies)
    assert done == Published(outcome="stale", quantity=6, listing_ref=ITEM)


PRODUCT = {"id": 9, "sku": "PHONE", "stock_quantity": 3}
LOOKS = {
    "generic": ("", answer({"quantity": 3})),
    "shopify": (ITEM, level(3)),
    "woocommerce": ("products/9", answer(PRODUCT)),
}


@pytest.mark.parametrize("channel", sorted(LOOKS))
def test_without_an_expectation_a_shop_is_only_looked_at(channel: str) -> None:
    ref, reply = LOOKS[channel]
    wish = msgspec.structs.replace(WISH, listing_ref=ref, expected=None)
    done, calls = talk(CHANNELS[channel].publish(SHOP, wish, NOW_MS), [reply])
    assert done == Published(outcome="stale", quantity=3, listing_ref=ref)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (answer({}, 429, retry_after="7"), ShopThrottled),
        (answer({}, 500), ShopSilent),
        (answer({}, 401), ShopRefused),
        (answer(b"<html>"), ShopSilent),
        (graph(None, errors=[{"extensions": {"code": "THROTTLED"}}]), ShopThrottled),
        (graph(None, errors=[{"extensions": {"code": "INTERNAL_SERVER_ERROR"}}]), ShopSilent),
        (graph(None, errors=[{"message": "no such field"}]), ShopRefused),
        (set_answer("INVALID_LOCATION"), ShopRefused),
    ],
)
def test_shopifys_ways_of_saying_no_are_told_apart(reply: Reply, error: type[Exception]) -> None:
    wish = msgspec.structs.replace(WISH, listing_ref=ITEM)
    with pytest.raises(error):
        talk(CHANNELS["shopify"].publish(SHOP, wish, NOW_MS), [reply])


def fulfilments(*numbers: str) -> Reply:
    def line(name: str, units: int) -> dict[str, Any]:
        return {"id": f"F{name}", "remainingQuantity": units, "lineItem": {"id": name}}

    parts = [
        {"id": "FO-0", "status": "CLOSED", "lineItems": {"nodes": [line("L1", 9)]}},
        {"id": "FO-1", "status": "OPEN", "lineItems": {"nodes": [line("L1", 1), line("L2", 3)]}},
        {"id": "FO-2", "status": "IN_PROGRESS", "lineItems": {"nodes": [line("L1", 4)]}},
    ]
    made = [{"status": "SUCCESS", "trackingInfo": [{"number": number}]} for number in numbers]
    return graph({"order": {"fulfillments": made, "fulfillmentOrders": {"nodes": parts}}})


def test_a_parcel_becomes_a_shopify_fulfilment_with_its_tracking_number() -> None:
    made = graph({"fulfillmentCreate": {"fulfillment": {"id": "F"}, "userErrors": []}})
    _, calls = talk(
        CHANNELS["shopify"].confirm(SHOP, SHIPMENT, NOW_MS), [fulfilments("other"), made]
    )
    assert json.loads(calls[1].body)["variables"] == {
        "fulfillment": {
            "lineItemsByFulfillmentOrder": [
                {
                    "fulfillmentOrderId": "FO-1",
                    "fulfillmentOrderLineItems": [
                        {"id": "FL1", "quantity": 1},
                        {"id": "FL2", "quantity": 1},
                    ],
                },
                {
                    "fulfillmentOrderId": "FO-2",
                    "fulfillmentOrderLineItems": [{"id": "FL1", "quantity": 1}],
                },
            ],
            "trackingInfo": {"number": "SF1234567890", "company": "SF"},
            "notifyCustomer": True,
        }
    }


def test_a_parcel_that_shopify_knows_already_is_not_told_again() -> None:
    _, calls = talk(
        CHANNELS["shopify"].confirm(SHOP, SHIPMENT, NOW_MS), [fulfilments("SF1234567890")]
    )
    assert len(calls) == 1


WOO_ORDER = {"status": "processing", "meta_data": [{"key": "_other", "value": "x"}]}
WOO_TOLD = {
    "status": "completed",
    "meta_data": [{"key": "bincard_parcels", "value": [{"parcel_id": "P-1"}]}],
}


def test_a_parcel_becomes_a_note_and_the_end_of_the_order_in_woocommerce() -> None:
    replies = [answer(WOO_ORDER), answer([]), answer({}, 201), answer(WOO_TOLD)]
    _, calls = talk(CHANNELS["woocommerce"].confirm(SHOP, SHIPMENT, NOW_MS), replies)
    assert [call.method for call in calls] == ["GET", "GET", "POST", "PUT"]
    assert "SF1234567890" in json.loads(calls[2].body)["note"]
    assert json.loads(calls[3].body) == {
        "status": "completed",
        "meta_data": [
            {
                "key": "bincard_parcels",
                "value": [{"parcel_id": "P-1", "courier": "SF", "waybill": "SF1234567890"}],
            }
        ],
    }


def test_after_a_lost_answer_woocommerce_gets_no_second_note() -> None:
    note = [{"note": "Shipped with SF, tracking number SF1234567890."}]
    replies = [answer(WOO_ORDER), answer(note), answer(WOO_TOLD)]
    _, calls = talk(CHANNELS["woocommerce"].confirm(SHOP, SHIPMENT, NOW_MS), replies)
    assert [call.method for call in calls] == ["GET", "GET", "PUT"]
    _, calls = talk(CHANNELS["woocommerce"].confirm(SHOP, SHIPMENT, NOW_MS), [answer(WOO_TOLD)])
    assert len(calls) == 1


def test_woocommerce_is_looked_at_before_it_is_set() -> None:
    product = {"id": 732, "sku": "PHONE", "parent_id": 22, "stock_quantity": 7}
    replies = [answer([product]), answer(product), answer({**product, "stock_quantity": 5})]
    done, calls = talk(CHANNELS["woocommerce"].publish(SHOP, WISH, NOW_MS), replies)
    assert done == Published(outcome="set", quantity=5, listing_ref="products/22/variations/732")
    assert json.loads(calls[2].body) == {"manage_stock": True, "stock_quantity": 5}
    stale = [answer({**product, "stock_quantity": 6})]
    wish = msgspec.structs.replace(WISH, listing_ref="products/22/variations/732")
    done, _ = talk(CHANNELS["woocommerce"].publish(SHOP, wish, NOW_MS), stale)
    assert (done.outcome, done.quantity) == ("stale", 6)


def test_a_generic_call_is_signed_over_method_target_and_body() -> None:
    _, calls = talk(CHANNELS["generic"].publish(SHOP, WISH, NOW_MS), [answer({"quantity": 5})])
    headers = dict(calls[0].headers)
    target = b"PUT /availability/PHONE\n" + calls[0].body
    assert headers["webhook-signature"] == standard_webhook(
        SHOP.secret("webhook_secret"), headers["webhook-id"], headers["webhook-timestamp"], target
    )


TOLD: dict[str, tuple[list[Any], dict[str, str], dict[str, str]]] = {
    "taobao": (
        [
            {"trade_fullinfo_get_response": {"trade": {"tid": 1, "orders": {"order": []}}}},
            {"logistics_offline_send_response": {"shipping": {"is_success": True}}},
        ],
        {"method": "taobao.logistics.offline.send", "tid": "1001", "out_sid": "SF1234567890",
         "company_code": "SF-CODE", "v": "2.0", "sign_method": "hmac-sha256"},
        {},
    ),
    "jd": (
        [
            {"jingdong_pop_order_get_responce": {"orderDetailInfo": {"orderInfo": {}}}},
            {"jingdong_pop_order_shipment_responce": {"code": "0"}},
        ],
        {"method": "jingdong.pop.order.shipment", "v": "2.0",
         "360buy_param_json":
             '{"logiCoprId":"SF-CODE","logiNo":"SF1234567890","orderId":"1001"}'},
        {},
    ),
    "douyin": (
        [
            {"code": 10000, "data": {"shop_order_detail": {"order_id": "1", "order_status": 2,
             "create_time": 1, "update_time": 1}}},
            {"code": 10000, "data": {}},
        ],
        {"company_code": "SF-CODE", "logistics_code": "SF1234567890", "order_id_list": ["1001"],
         "request_id": "P-1", "shipped_order_info": [
             {"shipped_order_id": "L1", "shipped_num": 2},
             {"shipped_order_id": "L2", "shipped_num": 1}]},
        {"method": "order.logisticsAddSinglePack", "v": "2", "sign_method": "hmac-sha256",
         "timestamp": "2026-09-10 16:06:40"},
    ),
    "pinduoduo": (
        [
            {"order_info_get_response": {"order_info": {"order_sn": "1", "order_status": 1,
             "updated_at": ""}}},
            {"logistics_online_send_response": {"is_success": True}},
        ],
        {"type": "pdd.logistics.online.send", "order_sn": "1001", "logistics_id": "SF-CODE",
         "tracking_number": "SF1234567890"},
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("channel", sorted(TOLD))
def test_a_parcel_is_told_to_a_chinese_platform_after_a_look(channel: str) -> None:
    replies, expected, query = TOLD[channel]
    _, calls = talk(
        CHANNELS[channel].confirm(SHOP, SHIPMENT, NOW_MS), [answer(reply) for reply in replies]
    )
    sent = json.loads(calls[1].body) if channel == "douyin" else form_of(calls[1])
    assert {name: sent[name] for name in expected} == expected
    asked = dict(calls[1].query)
    assert {name: asked[name] for name in query} == query


def jd_order(couriers: str, waybills: str) -> Reply:
    told = {"logisticsId": couriers, "waybill": waybills}
    return answer({"jingdong_pop_order_get_responce": {"orderDetailInfo": {"orderInfo": told}}})


@pytest.mark.parametrize(
    ("couriers", "waybills", "expected"),
    [
        ("SF-CODE", "SF1", ("SF-CODE", "SF1,SF1234567890")),
        ("2100", "A1", ("2100|SF-CODE", "A1|SF1234567890")),
        ("2100|SF-CODE", "A1,A2|SF1", ("2100|SF-CODE", "A1,A2|SF1,SF1234567890")),
    ],
)
def test_jd_is_told_a_further_parcel_beside_the_ones_it_knows(
    couriers: str, waybills: str, expected: tuple[str, str]
) -> None:
    replies = [jd_order(couriers, waybills), answer(TOLD["jd"][0][1])]
    _, calls = talk(CHANNELS["jd"].confirm(SHOP, SHIPMENT, NOW_MS), replies)
    sent = json.loads(form_of(calls[1])["360buy_param_json"])
    assert (sent["logiCoprId"], sent["logiNo"]) == expected


def test_jd_is_not_told_twice_and_not_told_a_guess() -> None:
    known = jd_order("2100|SF-CODE", "A1|SF1,SF1234567890")
    _, calls = talk(CHANNELS["jd"].confirm(SHOP, SHIPMENT, NOW_MS), [known])
    assert len(calls) == 1
    with pytest.raises(ShopRefused, match="one courier for each"):
        talk(CHANNELS["jd"].confirm(SHOP, SHIPMENT, NOW_MS), [jd_order("2100", "A1|B1")])


@pytest.mark.parametrize("channel", sorted(TOLD))
def test_a_courier_the_platform_has_no_code_for_is_refused_in_a_sentence(channel: str) -> None:
    shop = msgspec.structs.replace(SHOP, options={})
    with pytest.raises(ShopRefused, match="no code for courier SF"):
        talk(CHANNELS[channel].confirm(shop, SHIPMENT, NOW_MS), [answer(TOLD[channel][0][0])])


BUSY: dict[str, Any] = {
    "taobao": {"error_response": {"code": 7, "msg": "App Call Limited"}},
    "jd": {"error_response": {"code": "43", "zh_desc": "系统处理错误"}},
    "douyin": {"code": 80000, "msg": "busy"},
    "pinduoduo": {"error_response": {"error_code": 70031}},
}


@pytest.mark.parametrize("channel", sorted(BUSY))
def test_a_busy_platform_is_left_alone_for_a_while(channel: str) -> None:
    window = Window(since_ms=0, until_ms=NOW_MS)
    with pytest.raises(ShopThrottled):
        talk(CHANNELS[channel].pull(SHOP, window, NOW_MS), [answer(BUSY[channel])])


def test_webhooks_prove_their_sender() -> None:
    body = fixture("shopify_webhook.json")
    signed = hmac_base64(SHOP.secret("webhook_secret").encode(), body)
    headers = {"x-shopify-hmac-sha256": signed, "x-shopify-topic": "orders/create"}
    heard = CHANNELS["shopify"].heard(SHOP, headers, body, NOW_MS)
    assert [remote.order_no for remote in heard.orders] == ["#1001"]
    other = {**headers, "x-shopify-topic": "orders/edited"}
    assert CHANNELS["shopify"].heard(SHOP, other, body, NOW_MS).pull
    woo = {"x-wc-webhook-signature": signed, "x-wc-webhook-topic": "order.created"}
    assert CHANNELS["woocommerce"].heard(SHOP, woo, body, NOW_MS).bad


@pytest.mark.parametrize("channel", sorted(CHANNELS))
def test_an_unsigned_webhook_is_turned_away_also_when_no_secret_was_given(channel: str) -> None:
    body = b"{}"
    empty = hmac_base64(b"", body)
    headers = {"x-shopify-hmac-sha256": empty, "x-wc-webhook-signature": empty}
    for shop in (SHOP, msgspec.structs.replace(SHOP, secrets={})):
        with pytest.raises(Unauthorized):
            CHANNELS[channel].heard(shop, headers, body, NOW_MS)


def test_a_shops_secrets_are_not_in_its_text() -> None:
    assert "whsec" not in f"{SHOP!r} {SHOP}"
