"""WooCommerce's stock: looked at first, set only when it shows what we expect."""

from __future__ import annotations

import msgspec

from hub.channels.base import Publish, Published, ShopAccess, Steps
from hub.channels.errors import ShopRefused
from hub.channels.reading import check, decode
from hub.channels.woocommerce.rest import call


class _Product(msgspec.Struct):
    id: int
    sku: str = ""
    parent_id: int = 0
    stock_quantity: int | None = None


def publish(shop: ShopAccess, wish: Publish) -> Steps[Published]:
    """Set the quantity of the product or variation with this SKU."""
    path = wish.listing_ref or (yield from _find(shop, wish.sku))
    reply = yield call(shop, "GET", path)
    before = decode(check(reply, "read a quantity").body, _Product, "read a quantity")
    shown = before.stock_quantity or 0
    if shown != wish.expected:
        return Published(outcome="stale", quantity=shown, listing_ref=path)
    body = {"manage_stock": True, "stock_quantity": wish.quantity}
    reply = yield call(shop, "PUT", path, body=body)
    after = decode(check(reply, "set a quantity").body, _Product, "set a quantity")
    return Published(outcome="set", quantity=after.stock_quantity or 0, listing_ref=path)


def _find(shop: ShopAccess, sku: str) -> Steps[str]:
    reply = yield call(shop, "GET", "products", query={"sku": sku, "per_page": "10"})
    found = decode(check(reply, "find a listing").body, list[_Product], "find a listing")
    paths = {
        f"products/{one.parent_id}/variations/{one.id}" if one.parent_id else f"products/{one.id}"
        for one in found
        if one.sku == sku
    }
    if len(paths) != 1:
        raise ShopRefused(
            "listing_unknown",
            f"Expected one product with this SKU in the shop, found {len(paths)}.",
            hint="Give the SKU to exactly one product or variation in WooCommerce.",
        )
    return paths.pop()
