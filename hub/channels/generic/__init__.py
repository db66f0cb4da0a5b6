"""The generic channel: a signed HTTP interface for anybody's shop, in both directions.

For a shop system without a connector of its own, or one behind a bridge. Webhooks to us are
Standard Webhooks; our calls carry the same three headers, where the signed body is
`METHOD TARGET`, a line feed, and the body, so that a signature fits one call only. TARGET is
the path with its query. The shop offers, under its address:

- `GET orders?updated_since=T&updated_until=T&page=P` -> `{"orders": [ITEM...], "next": P}`
- `PUT availability/SKU` `{"quantity": 5, "expected": 7}` -> 200 `{"quantity": 5}`, or 409
  `{"quantity": 6}` when it does not show the expected number (compare and swap)
- `GET availability/SKU` -> `{"quantity": 5}`
- `GET shipments/PARCEL` -> 200 or 404; `PUT shipments/PARCEL` tells one, again does no harm
- `PUT orders/NUMBER/cancel-answer` `{"accepted": true}`

ITEM is `{"state": "open|waiting|cancelled|closed", "order": {...}}` with an order as in
`POST /api/v1/orders`; its `version` grows with each change. A webhook is
`{"type": "order.updated", "data": ITEM}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from hub.channels.base import (
    BadOrder,
    Call,
    Heard,
    Page,
    Publish,
    Published,
    RemoteOrder,
    RemoteState,
    Shipment,
    ShopAccess,
    Steps,
    Window,
)
from hub.channels.errors import ShopRefused, ShopSilent
from hub.channels.reading import check, decode, rfc3339, sort_out
from hub.channels.signing import check_standard_webhook, refusal, standard_webhook
from hub.domain.channel_order import ChannelOrder

NAME: Final = "generic"


class _Item(msgspec.Struct):
    order: ChannelOrder
    state: RemoteState = "open"


class _Orders(msgspec.Struct):
    orders: list[msgspec.Raw]
    next: str = ""


class _Event(msgspec.Struct):
    type: str
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Shown(msgspec.Struct):
    quantity: int


class Generic:
    """See `hub.channels.base.Channel`."""

    name = NAME
    swaps = True
    publishes = True
    answers_cancels = True
    window_ms_max = 7 * 86_400_000

    def pull(self, shop: ShopAccess, window: Window, now_ms: int) -> Steps[Page]:
        """Return one page of orders that changed within `window`."""
        query = {
            "updated_since": rfc3339(window.since_ms),
            "updated_until": rfc3339(window.until_ms + 999),
            "page": window.page,
        }
        reply = yield call(shop, "GET", "orders?" + urlencode(query), None, now_ms)
        answer = decode(check(reply, "read orders").body, _Orders, "read orders")
        page = sort_out(answer.orders, lambda item: _remote(shop, item), "order.order_no")
        return msgspec.structs.replace(page, next=answer.next)

    def heard(
        self, shop: ShopAccess, headers: Mapping[str, str], body: bytes, now_ms: int
    ) -> Heard:
        """Return what a webhook says, after proving who sent it."""
        secrets = shop.secret("webhook_secret").split()
        try:
            check_standard_webhook(secrets, headers, body, now_ms)
        except ValueError as error:
            raise refusal("the secret kept for this shop is not base64") from error
        try:
            event = decode(body, _Event, "read a webhook")
        except ShopSilent:
            reason = "The webhook is no JSON object with `type` and `data`."
            return Heard(bad=(BadOrder(order_no="", reason=reason),))
        if not event.type.startswith("order."):
            return Heard(pull=True)
        page = sort_out([event.data], lambda item: _remote(shop, item), "order.order_no")
        return Heard(orders=page.orders, bad=page.bad)

    def publish(self, shop: ShopAccess, wish: Publish, now_ms: int) -> Steps[Published]:
        """Set the quantity a shop shows, if it shows what we expect."""
        path = f"availability/{quote(wish.sku, safe='')}"
        if wish.expected is None:
            reply = yield call(shop, "GET", path, None, now_ms)
            answer = decode(check(reply, "read a quantity").body, _Shown, "read a quantity")
            return Published(outcome="stale", quantity=answer.quantity)
        body = {"quantity": wish.quantity, "expected": wish.expected}
        reply = yield call(shop, "PUT", path, body, now_ms)
        stale = reply.status == 409
        content = reply.body if stale else check(reply, "set a quantity").body
        shown = decode(content, _Shown, "set a quantity").quantity
        return Published(outcome="stale" if stale else "set", quantity=shown)

    def confirm(self, shop: ShopAccess, shipment: Shipment, now_ms: int) -> Steps[None]:
        """Tell the shop that a parcel left, unless it knows already."""
        path = f"shipments/{quote(shipment.parcel_id, safe='')}"
        reply = yield call(shop, "GET", path, None, now_ms)
        if reply.status == 200:
            return
        if reply.status != 404:
            check(reply, "read a shipment")
        body = {
            "order_no": shipment.order_no,
            "courier": shipment.courier,
            "waybill": shipment.waybill,
            "shipped_at": rfc3339(shipment.shipped_ms),
            "last": shipment.whole,
            "lines": [
                {"line_no": line.line_no, "sku": line.sku, "quantity": line.quantity}
                for line in shipment.lines
            ],
        }
        reply = yield call(shop, "PUT", path, body, now_ms)
        check(reply, "confirm a shipment")

    def answer_cancel(
        self, shop: ShopAccess, order_no: str, accepted: bool, now_ms: int
    ) -> Steps[None]:
        """Tell the shop whether an order will not leave."""
        path = f"orders/{quote(order_no, safe='')}/cancel-answer"
        reply = yield call(shop, "PUT", path, {"accepted": accepted}, now_ms)
        check(reply, "answer a cancellation")


def call(shop: ShopAccess, method: str, path: str, body: Any, now_ms: int) -> Call:
    """Return a signed call to `path` under the shop's address."""
    url = f"{shop.url.rstrip('/')}/{path}"
    content = b"" if body is None else msgspec.json.encode(body)
    stamp = str(now_ms // 1000)
    target = urlsplit(url)
    signed = f"{method} {target.path}{'?' + target.query if target.query else ''}\n".encode()
    message_id = f"bincard-{now_ms}"
    secret = (shop.secret("webhook_secret").split() or [""])[0]
    try:
        signature = standard_webhook(secret, message_id, stamp, signed + content)
    except ValueError as error:
        raise ShopRefused(
            "shop_secret", "The secret kept for this shop is not base64.",
            hint="Give it again with `bincard hub add-shop`.",
        ) from error  # fmt: skip
    headers = [
        ("webhook-id", message_id),
        ("webhook-timestamp", stamp),
        ("webhook-signature", signature),
    ]
    if body is not None:
        headers.append(("content-type", "application/json"))
    return Call(method=method, url=url, headers=tuple(headers), body=content)


def _remote(shop: ShopAccess, content: bytes) -> RemoteOrder:
    item = msgspec.json.decode(content, type=_Item)
    order = msgspec.structs.replace(item.order, channel=NAME, shop=shop.shop)
    return RemoteOrder(
        order_no=order.order_no,
        mark=order.version,
        state=item.state,
        remote_id=order.order_no,
        order=order if item.state == "open" else None,
        line_ids={line.line_no: str(line.line_no) for line in order.lines},
    )
