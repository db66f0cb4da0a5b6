"""The simulated shop as Shopify: the few GraphQL operations we use, told apart by their names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from hub.channels.reading import rfc3339, rfc3339_ms
from hub.shops.simulated.shop import SimulatedShop, SoldOrder

PAGE: Final = 20
LOCATION: Final = "gid://shopify/Location/1"
_OPERATION: Final = re.compile(r"^\s*(?:query|mutation)\s+(\w+)")
_BOUND: Final = re.compile(r"updated_at:([<>])='([^']+)'")
Variables = dict[str, Any]


def operation(body: bytes) -> str:
    """Return the name of the operation in a call."""
    found = _OPERATION.match(str(msgspec.json.decode(body).get("query", "")))
    return "" if found is None else found[1]


def answer(shop: SimulatedShop, method: str, target: str, body: bytes) -> tuple[int, Any]:  # noqa: ARG001
    """Return status and content for one GraphQL call."""
    play = _OPERATIONS.get(operation(body))
    if play is None:
        return 200, {"errors": [{"extensions": {"code": "undefinedField"}}]}
    return 200, {"data": play(shop, msgspec.json.decode(body)["variables"])}


def _number(gid: str) -> int:
    return int(gid.rpartition("/")[2])


def _by_gid(shop: SimulatedShop, gid: str) -> SoldOrder | None:
    return next((one for one in shop.orders.values() if one.number == _number(gid)), None)


def _line_gid(order: SoldOrder, line_no: int) -> str:
    return f"gid://shopify/LineItem/{order.number * 1000 + line_no}"


def _money(order: SoldOrder) -> str:
    return {"open": "PAID", "closed": "PAID", "waiting": "PENDING", "cancelled": "VOIDED"}[
        order.state
    ]


def _shipped(order: SoldOrder) -> bool:
    return all(line.shipped >= line.quantity for line in order.lines)


def _node(order: SoldOrder) -> dict[str, Any]:
    cancelled = rfc3339(order.changed_ms) if order.state == "cancelled" else None
    to = order.address
    return {
        "id": f"gid://shopify/Order/{order.number}",
        "name": order.order_no,
        "createdAt": rfc3339(order.placed_ms),
        "updatedAt": rfc3339(order.changed_ms),
        "cancelledAt": cancelled,
        "currencyCode": "CNY",
        "note": None,
        "displayFinancialStatus": _money(order),
        "displayFulfillmentStatus": "FULFILLED" if _shipped(order) else "UNFULFILLED",
        "shippingAddress": {
            "name": order.buyer["name"],
            "phone": order.buyer["phone"],
            "countryCodeV2": to["country"],
            "province": to["province"],
            "city": to["city"],
            "address1": to["street"],
        },
        "lineItems": {
            "nodes": [
                {
                    "id": _line_gid(order, line.line_no),
                    "sku": line.sku,
                    "currentQuantity": line.quantity,
                    "originalUnitPriceSet": {"shopMoney": {"amount": "10.00"}},
                }
                for line in order.lines
            ]
        },
    }


def rest(order: SoldOrder) -> dict[str, Any]:
    """Return an order as Shopify's webhooks tell it."""
    node = _node(order)
    to = node["shippingAddress"]
    return {
        "id": order.number,
        "name": order.order_no,
        "created_at": node["createdAt"],
        "updated_at": node["updatedAt"],
        "cancelled_at": node["cancelledAt"],
        "currency": "CNY",
        "note": None,
        "financial_status": node["displayFinancialStatus"].lower(),
        "fulfillment_status": "fulfilled" if _shipped(order) else None,
        "shipping_address": {**to, "country_code": to["countryCodeV2"]},
        "line_items": [
            {
                "id": order.number * 1000 + line.line_no,
                "sku": line.sku,
                "quantity": line.quantity,
                "price": "10.00",
            }
            for line in order.lines
        ],
    }


def _orders(shop: SimulatedShop, given: Variables) -> Any:
    bounds = {sign: rfc3339_ms(text) for sign, text in _BOUND.findall(given["query"])}
    found = shop.changed(bounds[">"], bounds["<"] + 999)
    start = int(given["after"] or "0")
    more = start + PAGE < len(found)
    return {
        "orders": {
            "pageInfo": {"hasNextPage": more, "endCursor": str(start + PAGE)},
            "nodes": [_node(order) for order in found[start : start + PAGE]],
        }
    }


def _variant(shop: SimulatedShop, given: Variables) -> Any:
    sku = given["query"].removeprefix("sku:'").removesuffix("'")
    listed = sorted(shop.shown)
    nodes = [
        {"sku": sku, "inventoryItem": {"id": f"gid://shopify/InventoryItem/{listed.index(sku)}"}}
    ] if sku in listed else []  # fmt: skip
    return {"productVariants": {"nodes": nodes}}


def _sku(shop: SimulatedShop, gid: str) -> str:
    return sorted(shop.shown)[_number(gid)]


def _level(shop: SimulatedShop, given: Variables) -> Any:
    shown = {"name": "available", "quantity": shop.shown[_sku(shop, given["item"])]}
    return {"inventoryItem": {"inventoryLevel": {"quantities": [shown]}}}


def _set(shop: SimulatedShop, given: Variables) -> Any:
    wish = given["input"]["quantities"][0]
    sku = _sku(shop, wish["inventoryItemId"])
    other = shop.set_shown(sku, wish["quantity"], wish["changeFromQuantity"])
    errors = [] if other is None else [{"code": "CHANGE_FROM_QUANTITY_STALE", "message": "stale"}]
    return {"inventorySetQuantities": {"userErrors": errors}}


def _fulfilment(shop: SimulatedShop, given: Variables) -> Any:
    order = _by_gid(shop, given["id"])
    if order is None:
        return {"order": None}
    made = [
        {"status": "SUCCESS", "trackingInfo": [{"number": parcel.waybill}]}
        for parcel in shop.parcels.values()
        if parcel.order_no == order.order_no
    ]
    lines = [
        {
            "id": f"gid://shopify/FulfillmentOrderLineItem/{order.number * 1000 + line.line_no}",
            "remainingQuantity": line.quantity - line.shipped,
            "lineItem": {"id": _line_gid(order, line.line_no)},
        }
        for line in order.lines
    ]
    part = {
        "id": f"gid://shopify/FulfillmentOrder/{order.number}",
        "status": "CLOSED" if _shipped(order) else "OPEN",
        "lineItems": {"nodes": lines},
    }
    return {"order": {"fulfillments": made, "fulfillmentOrders": {"nodes": [part]}}}


def _fulfil(shop: SimulatedShop, given: Variables) -> Any:
    wish = given["fulfillment"]
    tracking = wish["trackingInfo"]
    for part in wish["lineItemsByFulfillmentOrder"]:
        order = _by_gid(shop, part["fulfillmentOrderId"])
        if order is None:
            return {"fulfillmentCreate": {"userErrors": [{"message": "unknown"}]}}
        for item in part["fulfillmentOrderLineItems"]:
            line = order.lines[_number(item["id"]) % 1000 - 1]
            if line.shipped + item["quantity"] > line.quantity:
                return {"fulfillmentCreate": {"userErrors": [{"message": "too many"}]}}
            line.shipped += item["quantity"]
        shop.ship(tracking["number"], order.order_no, tracking["company"], tracking["number"])
    return {"fulfillmentCreate": {"fulfillment": {"id": "F"}, "userErrors": []}}


_OPERATIONS: Final[dict[str, Callable[[SimulatedShop, Variables], Any]]] = {
    "BincardOrders": _orders,
    "BincardVariant": _variant,
    "BincardLevel": _level,
    "BincardSet": _set,
    "BincardFulfilment": _fulfilment,
    "BincardFulfil": _fulfil,
}
