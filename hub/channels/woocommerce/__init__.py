"""WooCommerce through its REST API v3.

WooCommerce has no compare-and-swap: between our look at a quantity and our change of it a buyer can
come first. The window is one round trip; the drift report and the next pull show what happened.
A parcel becomes a note to the customer and a line in the order's meta data; the last parcel
completes the order. Source: https://woocommerce.github.io/woocommerce-rest-api-docs/ (orders,
order notes, products, product variations, webhooks).

Secrets: `consumer_key`, `consumer_secret`, `webhook_secret`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hub.channels.base import (
    Heard,
    Page,
    Publish,
    Published,
    Shipment,
    ShopAccess,
    Steps,
    Window,
)
from hub.channels.errors import ShopRefused
from hub.channels.reading import sort_out
from hub.channels.signing import hmac_base64, refusal, same
from hub.channels.woocommerce import orders, shipping, stock


class WooCommerce:
    """See `hub.channels.base.Channel`."""

    name = orders.NAME
    swaps = False
    publishes = True
    answers_cancels = False
    window_ms_max = 30 * 86_400_000

    def pull(self, shop: ShopAccess, window: Window, now_ms: int) -> Steps[Page]:  # noqa: ARG002
        """Return one page of orders that changed within `window`."""
        return (yield from orders.pull(shop, window))

    def heard(
        self, shop: ShopAccess, headers: Mapping[str, str], body: bytes, now_ms: int  # noqa: ARG002
    ) -> Heard:  # fmt: skip
        """Return what a webhook says, after proving who sent it."""
        secret = shop.secret("webhook_secret")
        expected = hmac_base64(secret.encode(), body)
        if not secret or not same(expected, headers.get("x-wc-webhook-signature", "")):
            raise refusal("X-WC-Webhook-Signature does not fit")
        topic = headers.get("x-wc-webhook-topic", "")
        if topic not in {"order.created", "order.updated", "order.restored"}:
            return Heard(pull=True)
        page = sort_out([msgspec.Raw(body)], lambda item: orders.remote(shop, item), "number")
        return Heard(orders=page.orders, bad=page.bad)

    def publish(self, shop: ShopAccess, wish: Publish, now_ms: int) -> Steps[Published]:  # noqa: ARG002
        """Set the quantity a shop shows, if it showed what we expect a moment before."""
        return (yield from stock.publish(shop, wish))

    def confirm(self, shop: ShopAccess, shipment: Shipment, now_ms: int) -> Steps[None]:  # noqa: ARG002
        """Write the tracking number into notes and meta data, unless it is there."""
        yield from shipping.confirm(shop, shipment)

    def answer_cancel(
        self, shop: ShopAccess, order_no: str, accepted: bool, now_ms: int  # noqa: ARG002
    ) -> Steps[None]:  # fmt: skip
        """WooCommerce's cancellations stand by themselves; nobody waits for an answer."""
        raise ShopRefused("cancel_answer", "WooCommerce waits for no answer to a cancellation.")
        yield  # a generator like its sisters
