"""WooCommerce's orders as ours. Answer and webhook have the same form."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from hub.channels.base import Page, RemoteOrder, RemoteState, ShopAccess, Steps, Window
from hub.channels.reading import check, decode, minor, open_order, rfc3339, rfc3339_ms, sort_out
from hub.channels.woocommerce.rest import call

NAME: Final = "woocommerce"
PER_PAGE: Final = 50
_STATES: Final[dict[str, RemoteState]] = {
    "processing": "open",
    "pending": "waiting",
    "on-hold": "waiting",
    "checkout-draft": "waiting",
    "auto-draft": "waiting",
    "completed": "closed",
    "cancelled": "cancelled",
    "refunded": "cancelled",
    "failed": "cancelled",
    "trash": "cancelled",
}


class _Address(msgspec.Struct):
    first_name: str = ""
    last_name: str = ""
    company: str = ""
    address_1: str = ""
    address_2: str = ""
    city: str = ""
    state: str = ""
    postcode: str = ""
    country: str = ""
    phone: str = ""


class _Line(msgspec.Struct):
    id: int
    quantity: int
    sku: str | None = None
    price: float | str = 0


class _Order(msgspec.Struct):
    id: int
    number: str
    status: str
    currency: str
    date_created_gmt: str
    line_items: list[_Line]
    date_modified_gmt: str | None = None
    billing: _Address = msgspec.field(default_factory=_Address)
    shipping: _Address = msgspec.field(default_factory=_Address)
    customer_note: str = ""


def pull(shop: ShopAccess, window: Window) -> Steps[Page]:
    """Return one page of orders, oldest change first."""
    number = int(window.page or "1")
    reply = yield call(
        shop,
        "GET",
        "orders",
        query={
            "modified_after": rfc3339(window.since_ms - 1_000),  # the bound itself is left out
            "modified_before": rfc3339(window.until_ms + 1_000),
            "dates_are_gmt": "true",
            "orderby": "modified",
            "order": "asc",
            "status": "any",
            "per_page": str(PER_PAGE),
            "page": str(number),
        },
    )
    items = decode(check(reply, "read orders").body, list[msgspec.Raw], "read orders")
    page = sort_out(items, lambda item: remote(shop, item), "number")
    pages = reply.headers.get("x-wp-totalpages", "1")
    more = pages.isascii() and pages.isdigit() and number < int(pages)
    return msgspec.structs.replace(page, next=str(number + 1) if more else "")


def remote(shop: ShopAccess, content: bytes) -> RemoteOrder:
    """Return one order."""
    order = msgspec.json.decode(content, type=_Order)
    wanted = sorted((one for one in order.line_items if one.quantity > 0), key=lambda one: one.id)
    state = _STATES.get(order.status, "waiting")
    found = None
    if state == "open":
        found = open_order(NAME, shop.shop, order.number, _fields(order), _lines(order, wanted))
    changed = order.date_modified_gmt or order.date_created_gmt
    return RemoteOrder(
        order_no=order.number,
        mark=rfc3339_ms(changed),
        state=state,
        remote_id=str(order.id),
        order=found,
        line_ids={number: str(line.id) for number, line in enumerate(wanted, 1)},
    )


def _fields(order: _Order) -> dict[str, Any]:
    to = order.shipping if order.shipping.address_1 else order.billing
    street = " ".join(part for part in (to.company, to.address_1, to.address_2) if part)
    return {
        "placed_at": rfc3339(rfc3339_ms(order.date_created_gmt)),
        "buyer": {
            "name": f"{to.first_name} {to.last_name}".strip(),
            "phone": to.phone or order.billing.phone,
        },
        "address": {
            "country": to.country,
            "province": to.state,
            "city": to.city,
            "street": street,
            "postcode": to.postcode,
        },
        "buyer_remark": order.customer_note[:2_000],
    }


def _lines(order: _Order, wanted: list[_Line]) -> list[dict[str, Any]]:
    return [
        {
            "line_no": number,
            "sku": (line.sku or "").strip(),
            "quantity": line.quantity,
            "unit_price_minor": minor(line.price, order.currency),
            "currency": order.currency,
        }
        for number, line in enumerate(wanted, 1)
    ]
