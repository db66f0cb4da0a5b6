"""A parcel as a Shopify fulfilment: read what is there, create only what is missing."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from hub.channels.base import Shipment, ShopAccess, Steps
from hub.channels.errors import ShopRefused
from hub.channels.reading import refused
from hub.channels.shopify.graphql import UserError, ask

_OPEN: Final = frozenset({"OPEN", "IN_PROGRESS", "SCHEDULED"})
READ: Final = """query BincardFulfilment($id: ID!) {
  order(id: $id) {
    fulfillments(first: 100) { status trackingInfo(first: 10) { number } }
    fulfillmentOrders(first: 50) {
      nodes {
        id status
        lineItems(first: 100) { nodes { id remainingQuantity lineItem { id } } }
      }
    }
  }
}"""
CREATE: Final = """mutation BincardFulfil($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id }
    userErrors { field message }
  }
}"""


class _Tracking(msgspec.Struct):
    number: str | None = None


class _Fulfilment(msgspec.Struct, rename="camel"):
    status: str = ""
    tracking_info: list[_Tracking] = msgspec.field(default_factory=list)


class _Ref(msgspec.Struct):
    id: str


class _Line(msgspec.Struct, rename="camel"):
    id: str
    remaining_quantity: int
    line_item: _Ref


class _Lines(msgspec.Struct):
    nodes: list[_Line]


class _Part(msgspec.Struct, rename="camel"):
    id: str
    status: str
    line_items: _Lines


class _Parts(msgspec.Struct):
    nodes: list[_Part]


class _Order(msgspec.Struct, rename="camel"):
    fulfillments: list[_Fulfilment]
    fulfillment_orders: _Parts


class _Read(msgspec.Struct):
    order: _Order | None = None


class _Answer(msgspec.Struct, rename="camel"):
    user_errors: list[UserError] = msgspec.field(default_factory=list)


class _Created(msgspec.Struct, rename="camel"):
    fulfillment_create: _Answer


def confirm(shop: ShopAccess, shipment: Shipment) -> Steps[None]:
    """Make a fulfilment with the tracking number, unless one carries it already."""
    read = yield from ask(shop, READ, {"id": shipment.remote_id}, _Read, "read a shipment")
    if read.order is None:
        raise ShopRefused(
            "order_unknown", "The shop does not know this order any more.",
            hint="Look for the order on the platform.",
        )  # fmt: skip
    if _knows(read.order, shipment.waybill):
        return
    parts = _take(read.order, shipment)
    variables = {
        "fulfillment": {
            "lineItemsByFulfillmentOrder": parts,
            "trackingInfo": {"number": shipment.waybill, "company": shipment.courier},
            "notifyCustomer": True,
        }
    }
    data = yield from ask(shop, CREATE, variables, _Created, "confirm a shipment")
    errors = data.fulfillment_create.user_errors
    if errors:
        raise refused("confirm a shipment", errors[0].code or "user_error")


def _knows(order: _Order, waybill: str) -> bool:
    return any(
        tracking.number == waybill
        for fulfilment in order.fulfillments
        if fulfilment.status not in {"CANCELLED", "FAILURE", "ERROR"}
        for tracking in fulfilment.tracking_info
    )


def _take(order: _Order, shipment: Shipment) -> list[dict[str, Any]]:
    """Return which units of which fulfilment orders the parcel covers."""
    missing = {line.remote_line_id: line.quantity for line in shipment.lines}
    parts: list[dict[str, Any]] = []
    for part in order.fulfillment_orders.nodes:
        if part.status not in _OPEN:
            continue
        taken = []
        for line in part.line_items.nodes:
            units = min(line.remaining_quantity, missing.get(line.line_item.id, 0))
            if units > 0:
                missing[line.line_item.id] -= units
                taken.append({"id": line.id, "quantity": units})
        if taken:
            parts.append({"fulfillmentOrderId": part.id, "fulfillmentOrderLineItems": taken})
    if not parts:
        raise ShopRefused(
            "nothing_to_fulfil",
            "The shop has no open units of this parcel's lines.",
            hint="Somebody fulfilled or removed them there; compare the order by hand.",
        )
    return parts
