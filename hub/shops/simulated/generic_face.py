"""The simulated shop as a generic signed shop; see `hub.channels.generic` for its interface."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from hub.channels.reading import rfc3339, rfc3339_ms
from hub.shops.simulated.shop import SimulatedShop, SoldOrder

PAGE: int = 20
Answer = tuple[int, Any]


def item(order: SoldOrder) -> dict[str, Any]:
    """Return an order as the generic channel tells it."""
    return {
        "state": order.state,
        "order": {
            "channel": "generic",
            "shop": "simulated",
            "order_no": order.order_no,
            "version": order.version,
            "placed_at": rfc3339(order.placed_ms),
            "buyer": order.buyer,
            "address": order.address,
            "lines": [
                {"line_no": one.line_no, "sku": one.sku, "quantity": one.quantity}
                for one in order.lines
            ],
        },
    }


def answer(shop: SimulatedShop, method: str, target: str, body: bytes) -> Answer:
    """Return status and content for one call to the shop."""
    parts = urlsplit(target)
    words = [unquote(word) for word in parts.path.strip("/").split("/")]
    given = msgspec.json.decode(body) if body else {}
    match method, words:
        case "GET", ["orders"]:
            return 200, _orders(shop, dict(parse_qsl(parts.query)))
        case "GET", ["availability", sku]:
            return 200, {"quantity": shop.shown.get(sku, 0)}
        case "PUT", ["availability", sku]:
            other = shop.set_shown(sku, given["quantity"], given["expected"])
            if other is not None:
                return 409, {"quantity": other}
            return 200, {"quantity": given["quantity"]}
        case "GET", ["shipments", parcel_id]:
            known = shop.parcels.get(parcel_id)
            return (404, {}) if known is None else (200, {"waybill": known.waybill})
        case "PUT", ["shipments", parcel_id]:
            shop.ship(parcel_id, given["order_no"], given["courier"], given["waybill"])
            return 200, {}
        case "PUT", ["orders", order_no, "cancel-answer"]:
            shop.need(order_no).cancel_answer = given["accepted"]
            return 200, {}
    return 404, {}


def _orders(shop: SimulatedShop, query: dict[str, str]) -> dict[str, Any]:
    found = shop.changed(rfc3339_ms(query["updated_since"]), rfc3339_ms(query["updated_until"]))
    start = int(query.get("page") or "0")
    more = start + PAGE < len(found)
    return {
        "orders": [item(order) for order in found[start : start + PAGE]],
        "next": str(start + PAGE) if more else "",
    }
