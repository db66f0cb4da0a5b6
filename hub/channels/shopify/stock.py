"""Shopify's stock: found by SKU once, then set with compare-and-swap."""

from __future__ import annotations

from typing import Final

import msgspec

from hub.channels.base import Publish, Published, ShopAccess, Steps
from hub.channels.errors import ShopRefused
from hub.channels.reading import refused
from hub.channels.shopify.graphql import UserError, ask

STALE: Final = "CHANGE_FROM_QUANTITY_STALE"
FIND: Final = """query BincardVariant($query: String!) {
  productVariants(first: 5, query: $query) { nodes { sku inventoryItem { id } } }
}"""
LEVEL: Final = """query BincardLevel($item: ID!, $location: ID!) {
  inventoryItem(id: $item) {
    inventoryLevel(locationId: $location) { quantities(names: ["available"]) { name quantity } }
  }
}"""
SET: Final = """mutation BincardSet($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id }
    userErrors { code field message }
  }
}"""


class _Item(msgspec.Struct):
    id: str


class _Variant(msgspec.Struct, rename="camel"):
    inventory_item: _Item
    sku: str | None = None


class _Variants(msgspec.Struct):
    nodes: list[_Variant]


class _Found(msgspec.Struct, rename="camel"):
    product_variants: _Variants


class _Quantity(msgspec.Struct):
    quantity: int
    name: str = ""


class _Level(msgspec.Struct):
    quantities: list[_Quantity]


class _Stocked(msgspec.Struct, rename="camel"):
    inventory_level: _Level | None = None


class _Levels(msgspec.Struct, rename="camel"):
    inventory_item: _Stocked | None = None


class _Answer(msgspec.Struct, rename="camel"):
    user_errors: list[UserError] = msgspec.field(default_factory=list)


class _Set(msgspec.Struct, rename="camel"):
    inventory_set_quantities: _Answer


def publish(shop: ShopAccess, wish: Publish) -> Steps[Published]:
    """Set the quantity at the shop's location; a stale expectation is answered, not forced."""
    item = wish.listing_ref or (yield from _find(shop, wish.sku))
    if wish.expected is None:
        found = yield from shown(shop, item)
        return Published(outcome="stale", quantity=found, listing_ref=item)
    variables = {
        "key": wish.key,
        "input": {
            "name": "available",
            "reason": "correction",
            "quantities": [
                {
                    "inventoryItemId": item,
                    "locationId": shop.options.get("location_id", ""),
                    "quantity": wish.quantity,
                    "changeFromQuantity": wish.expected,
                }
            ],
        },
    }
    data = yield from ask(shop, SET, variables, _Set, "set a quantity")
    codes = [error.code or "no code" for error in data.inventory_set_quantities.user_errors]
    if STALE in codes:
        now_shown = yield from shown(shop, item)
        return Published(outcome="stale", quantity=now_shown, listing_ref=item)
    if codes:
        raise refused("set a quantity", codes[0])
    return Published(outcome="set", quantity=wish.quantity, listing_ref=item)


def shown(shop: ShopAccess, item: str) -> Steps[int]:
    """Return how many units the shop shows at its location."""
    variables = {"item": item, "location": shop.options.get("location_id", "")}
    data = yield from ask(shop, LEVEL, variables, _Levels, "read a quantity")
    level = None if data.inventory_item is None else data.inventory_item.inventory_level
    if level is None or not level.quantities:
        raise ShopRefused(
            "listing_unknown",
            "The shop does not stock this SKU at its location.",
            hint="Activate the item at the location in Shopify, or correct location_id.",
        )
    return level.quantities[0].quantity


def _find(shop: ShopAccess, sku: str) -> Steps[str]:
    quoted = sku.replace("\\", "\\\\").replace("'", "\\'")
    data = yield from ask(shop, FIND, {"query": f"sku:'{quoted}'"}, _Found, "find a listing")
    items = {one.inventory_item.id for one in data.product_variants.nodes if one.sku == sku}
    if len(items) != 1:
        raise ShopRefused(
            "listing_unknown",
            f"Expected one listing with this SKU in the shop, found {len(items)}.",
            hint="Give the SKU to exactly one variant in Shopify.",
        )
    return items.pop()
