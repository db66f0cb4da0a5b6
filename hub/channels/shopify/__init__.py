"""Shopify through its Admin GraphQL API, version 2026-01.

Orders are read by time of change; stock is set with Shopify's own compare-and-swap
(`changeFromQuantity`, refused as CHANGE_FROM_QUANTITY_STALE); a parcel becomes a fulfilment with
its tracking number. Webhooks carry the REST form of an order.
Sources: https://shopify.dev/docs/api/admin-graphql/2026-01/mutations/inventorySetQuantities,
.../mutations/fulfillmentCreate, .../queries/orders, and
https://shopify.dev/docs/apps/build/webhooks/subscribe/https#step-2-validate-the-origin-of-your-webhook.

Secrets: `access_token`, `webhook_secret` (the app's client secret). Options: `location_id`.
"""

from __future__ import annotations

from collections.abc import Mapping

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
from hub.channels.shopify import orders, shipping, stock
from hub.channels.signing import hmac_base64, refusal, same


class Shopify:
    """See `hub.channels.base.Channel`."""

    name = orders.NAME
    swaps = True
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
        if not secret or not same(expected, headers.get("x-shopify-hmac-sha256", "")):
            raise refusal("X-Shopify-Hmac-Sha256 does not fit")
        if headers.get("x-shopify-topic", "") not in orders.WHOLE_ORDER_TOPICS:
            return Heard(pull=True)
        page = sort_out(orders.raw(body), lambda item: orders.from_webhook(shop, item), "name")
        return Heard(orders=page.orders, bad=page.bad)

    def publish(self, shop: ShopAccess, wish: Publish, now_ms: int) -> Steps[Published]:  # noqa: ARG002
        """Set the quantity a shop shows, if it shows what we expect."""
        return (yield from stock.publish(shop, wish))

    def confirm(self, shop: ShopAccess, shipment: Shipment, now_ms: int) -> Steps[None]:  # noqa: ARG002
        """Make a fulfilment with the tracking number, unless there is one."""
        yield from shipping.confirm(shop, shipment)

    def answer_cancel(
        self, shop: ShopAccess, order_no: str, accepted: bool, now_ms: int  # noqa: ARG002
    ) -> Steps[None]:  # fmt: skip
        """Shopify's cancellations stand by themselves; nobody waits for an answer."""
        raise ShopRefused("cancel_answer", "Shopify does not wait for an answer to a cancellation.")
        yield  # a generator like its sisters
