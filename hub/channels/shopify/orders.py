"""Shopify's orders, in GraphQL form from the query and in REST form from webhooks, as ours."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from hub.channels.base import Page, RemoteOrder, RemoteState, ShopAccess, Steps, Window
from hub.channels.reading import minor, open_order, rfc3339, rfc3339_ms, sort_out
from hub.channels.shopify.graphql import ask

NAME: Final = "shopify"
WHOLE_ORDER_TOPICS: Final = frozenset(
    {
        "orders/create",
        "orders/updated",
        "orders/paid",
        "orders/cancelled",
        "orders/fulfilled",
        "orders/partially_fulfilled",
    }
)
"""Topics whose body is the whole order; `orders/edited` and others only say that one changed."""
LINES_MAX: Final = 100
_PAID: Final = frozenset({"PAID", "PARTIALLY_REFUNDED"})
_GONE: Final = frozenset({"REFUNDED", "VOIDED", "EXPIRED"})
ORDERS: Final = """query BincardOrders($query: String!, $after: String) {
  orders(first: 50, after: $after, query: $query, sortKey: UPDATED_AT) {
    pageInfo { hasNextPage endCursor }
    nodes {
      id name createdAt updatedAt cancelledAt currencyCode note
      displayFinancialStatus displayFulfillmentStatus
      shippingAddress {
        name phone countryCodeV2 province city address1 address2 zip latitude longitude
      }
      lineItems(first: 100) {
        pageInfo { hasNextPage }
        nodes {
          id sku currentQuantity requiresShipping
          originalUnitPriceSet { shopMoney { amount } }
        }
      }
    }
  }
}"""


class _PageInfo(msgspec.Struct, rename="camel"):
    has_next_page: bool = False
    end_cursor: str | None = None


class _Money(msgspec.Struct):
    amount: str = "0"


class _MoneyBag(msgspec.Struct, rename="camel"):
    shop_money: _Money = msgspec.field(default_factory=_Money)


class _Line(msgspec.Struct, rename="camel"):
    id: str
    current_quantity: int
    sku: str | None = None
    requires_shipping: bool = True
    original_unit_price_set: _MoneyBag = msgspec.field(default_factory=_MoneyBag)


class _Lines(msgspec.Struct, rename="camel"):
    nodes: list[_Line]
    page_info: _PageInfo = msgspec.field(default_factory=_PageInfo)


class _Address(msgspec.Struct):
    name: str | None = None
    phone: str | None = None
    country_code: str | None = msgspec.field(name="countryCodeV2", default=None)
    province: str | None = None
    city: str | None = None
    address1: str | None = None
    address2: str | None = None
    zip: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class _Order(msgspec.Struct, rename="camel"):
    id: str
    name: str
    created_at: str
    updated_at: str
    line_items: _Lines
    cancelled_at: str | None = None
    currency_code: str = "USD"
    note: str | None = None
    display_financial_status: str | None = None
    display_fulfillment_status: str | None = None
    shipping_address: _Address | None = None


class _Connection(msgspec.Struct, rename="camel"):
    nodes: list[msgspec.Raw]
    page_info: _PageInfo


class _Data(msgspec.Struct):
    orders: _Connection


class _RestLine(msgspec.Struct):
    id: int
    quantity: int
    current_quantity: int | None = None
    sku: str | None = None
    price: str = "0"
    requires_shipping: bool = True


class _RestAddress(msgspec.Struct):
    name: str | None = None
    phone: str | None = None
    country_code: str | None = None
    province: str | None = None
    city: str | None = None
    address1: str | None = None
    address2: str | None = None
    zip: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class _RestOrder(msgspec.Struct):
    id: int
    name: str
    created_at: str
    updated_at: str
    line_items: list[_RestLine]
    cancelled_at: str | None = None
    currency: str = "USD"
    note: str | None = None
    financial_status: str | None = None
    fulfillment_status: str | None = None
    shipping_address: _RestAddress | None = None


def pull(shop: ShopAccess, window: Window) -> Steps[Page]:
    """Return one page of orders, oldest change first."""
    query = (
        f"updated_at:>='{rfc3339(window.since_ms)}' "
        f"AND updated_at:<='{rfc3339(window.until_ms + 999)}'"
    )
    variables = {"query": query, "after": window.page or None}
    data = yield from ask(shop, ORDERS, variables, _Data, "read orders")
    page = sort_out(data.orders.nodes, lambda item: from_query(shop, item), "name")
    info = data.orders.page_info
    return msgspec.structs.replace(page, next=(info.end_cursor or "") if info.has_next_page else "")


def raw(body: bytes) -> list[msgspec.Raw]:
    """Return a webhook's body as the one order it is."""
    return [msgspec.Raw(body)]


def from_query(shop: ShopAccess, content: bytes) -> RemoteOrder:
    """Return one order of the GraphQL answer."""
    return _remote(shop, msgspec.json.decode(content, type=_Order))


def from_webhook(shop: ShopAccess, content: bytes) -> RemoteOrder:
    """Return the order of a webhook, read into the same form first so that both mean the same."""
    rest = msgspec.json.decode(content, type=_RestOrder)
    address = rest.shipping_address
    return _remote(
        shop,
        _Order(
            id=f"gid://shopify/Order/{rest.id}",
            name=rest.name,
            created_at=rest.created_at,
            updated_at=rest.updated_at,
            cancelled_at=rest.cancelled_at,
            currency_code=rest.currency,
            note=rest.note,
            display_financial_status=(rest.financial_status or "").upper(),
            display_fulfillment_status=(rest.fulfillment_status or "unfulfilled").upper(),
            shipping_address=None
            if address is None
            else _Address(
                **{name: getattr(address, name) for name in _RestAddress.__struct_fields__}
            ),
            line_items=_Lines(
                nodes=[
                    _Line(
                        id=f"gid://shopify/LineItem/{line.id}",
                        sku=line.sku,
                        current_quantity=line.quantity
                        if line.current_quantity is None
                        else line.current_quantity,
                        requires_shipping=line.requires_shipping,
                        original_unit_price_set=_MoneyBag(shop_money=_Money(amount=line.price)),
                    )
                    for line in rest.line_items
                ]
            ),
        ),
    )


def _state(order: _Order, wanted: list[_Line]) -> RemoteState:
    paid = (order.display_financial_status or "").upper()
    if order.cancelled_at or paid in _GONE or not wanted:
        return "cancelled"
    if (order.display_fulfillment_status or "") == "FULFILLED":
        return "closed"
    return "open" if paid in _PAID else "waiting"


def _remote(shop: ShopAccess, order: _Order) -> RemoteOrder:
    if order.line_items.page_info.has_next_page:
        raise ValueError(f"more than {LINES_MAX} lines")
    wanted = sorted(
        (
            line
            for line in order.line_items.nodes
            if line.current_quantity > 0 and line.requires_shipping
        ),
        key=lambda line: (len(line.id), line.id),
    )
    state = _state(order, wanted)
    found = None
    if state == "open":
        found = open_order(
            NAME, shop.shop, order.name, _fields(order), _lines(order.currency_code, wanted)
        )
    return RemoteOrder(
        order_no=order.name,
        mark=rfc3339_ms(order.updated_at),
        state=state,
        remote_id=order.id,
        order=found,
        line_ids={number: line.id for number, line in enumerate(wanted, 1)},
    )


def _fields(order: _Order) -> dict[str, Any]:
    address = order.shipping_address or _Address()
    street = " ".join(part for part in (address.address1, address.address2) if part)
    return {
        "placed_at": rfc3339(rfc3339_ms(order.created_at)),
        "buyer": {"name": address.name or "", "phone": address.phone or ""},
        "address": {
            "country": address.country_code or "",
            "province": address.province or "",
            "city": address.city or "",
            "street": street,
            "postcode": address.zip or "",
            "latitude": address.latitude,
            "longitude": address.longitude,
        },
        "buyer_remark": (order.note or "")[:2_000],
    }


def _lines(currency: str, wanted: list[_Line]) -> list[dict[str, Any]]:
    return [
        {
            "line_no": number,
            "sku": (line.sku or "").strip(),
            "quantity": line.current_quantity,
            "unit_price_minor": minor(line.original_unit_price_set.shop_money.amount, currency),
            "currency": currency,
        }
        for number, line in enumerate(wanted, 1)
    ]
