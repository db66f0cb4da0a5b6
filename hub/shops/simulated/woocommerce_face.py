"""The simulated shop as WooCommerce: orders, notes and products of REST v3."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from hub.channels.reading import rfc3339, rfc3339_ms
from hub.shops.simulated.shop import SimulatedShop, SoldOrder

BASE: Final = "/wp-json/wc/v3/"
_STATUS: Final = {
    "open": "processing",
    "waiting": "on-hold",
    "closed": "completed",
    "cancelled": "cancelled",
}


def order_json(order: SoldOrder) -> dict[str, Any]:
    """Return an order as answers and webhooks tell it."""
    to = order.address
    return {
        "id": order.number,
        "number": order.order_no,
        "status": _STATUS[order.state],
        "currency": "CNY",
        "date_created_gmt": rfc3339(order.placed_ms).removesuffix("Z"),
        "date_modified_gmt": rfc3339(order.changed_ms).removesuffix("Z"),
        "billing": {"phone": order.buyer["phone"]},
        "shipping": {
            "last_name": order.buyer["name"],
            "address_1": to["street"],
            "city": to["city"],
            "state": to["province"],
            "country": to["country"],
        },
        "line_items": [
            {"id": line.line_no, "sku": line.sku, "quantity": line.quantity, "price": 10}
            for line in order.lines
        ],
        "meta_data": [{"key": key, "value": value} for key, value in order.meta.items()],
    }


def answer(shop: SimulatedShop, method: str, target: str, body: bytes) -> tuple[int, Any]:
    """Return status and content for one call."""
    parts = urlsplit(target)
    words = parts.path.removeprefix(BASE).strip("/").split("/")
    query = dict(parse_qsl(parts.query))
    given = msgspec.json.decode(body) if body else {}
    match method, words:
        case "GET", ["orders"]:
            found = shop.changed(
                rfc3339_ms(query["modified_after"]) + 1_000,
                rfc3339_ms(query["modified_before"]) - 1,
            )
            return 200, [order_json(one) for one in found]
        case _, ["orders", number, *rest]:
            return _order(shop, method, int(number), rest, given)
        case "GET", ["products"]:
            listed = sorted(shop.shown)
            sku = query["sku"]
            return 200, [_product(shop, listed.index(sku))] if sku in listed else []
        case _, ["products", number]:
            if method == "PUT":
                shop.set_shown(sorted(shop.shown)[int(number)], given["stock_quantity"], None)
            return 200, _product(shop, int(number))
    return 404, {}


def _product(shop: SimulatedShop, number: int) -> dict[str, Any]:
    sku = sorted(shop.shown)[number]
    return {"id": number, "sku": sku, "parent_id": 0, "stock_quantity": shop.shown[sku]}


def _order(
    shop: SimulatedShop, method: str, number: int, rest: list[str], given: Any
) -> tuple[int, Any]:
    order = next((one for one in shop.orders.values() if one.number == number), None)
    if order is None:
        return 404, {}
    if rest == ["notes"]:
        if method == "POST":
            order.notes = [*order.notes, given["note"]]
            return 201, {"note": given["note"]}
        return 200, [{"note": note} for note in order.notes]
    if method == "PUT":
        for meta in given.get("meta_data", ()):
            order.meta = {**order.meta, meta["key"]: meta["value"]}
            for parcel in meta["value"]:
                shop.ship(parcel["parcel_id"], order.order_no, parcel["courier"], parcel["waybill"])
        if given.get("status") == "completed":
            order.state = "closed"
    return 200, order_json(order)
