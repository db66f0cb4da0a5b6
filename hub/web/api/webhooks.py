"""Webhooks out over HTTP: subscribe, change, rotate the secret, try it, and see what was told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
from litestar import delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from hub.services import webhooks
from hub.services.webhooks import (
    DeliveryView,
    WebhookMade,
    WebhookRequest,
    WebhookView,
    view_delivery,
    view_webhook,
)
from hub.store.protocol import Desk
from hub.web.requests import (
    AnyRequest,
    Page,
    cursor_number,
    node_of,
    page_of,
    page_size,
    principal_of,
    unless_changed,
)

T = TypeVar("T")
SCOPE = "webhooks:write"


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription that has ended."""

    webhook_id: str
    state: str = "deleted"


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A test event is on its way."""

    webhook_id: str
    state: str = "sending"


def _shown(desk: Desk, webhook_id: str) -> WebhookView:
    return view_webhook(desk, webhooks.need_webhook(desk, webhook_id))


async def _edit(request: AnyRequest, webhook_id: str, work: Callable[[Desk], T]) -> T:
    """Do `work` on a subscription, unless it is another one than the caller has seen."""
    return await node_of(request).books.write(
        unless_changed(request, lambda desk: _shown(desk, webhook_id), work),
        actor=principal_of(request).name,
    )


@post("/api/v1/webhooks", operation_id="subscribeWebhook", opt={"scope": SCOPE})
async def subscribe_webhook(request: AnyRequest, data: JSONBody[WebhookRequest]) -> WebhookMade:
    """Subscribe an address to events; `secret` is in this answer and nowhere else.

    Calls are signed as Standard Webhooks does: `webhook-id`, `webhook-timestamp` and
    `webhook-signature` (v1, HMAC-SHA256). Answer 2xx within ten seconds; the same `webhook-id` may
    come again.
    """
    node = node_of(request)
    allowed = node.settings.webhook_hosts
    return await node.books.write(
        lambda desk: webhooks.subscribe(desk, data, allowed, node.entropy),
        actor=principal_of(request).name,
    )


@get("/api/v1/webhooks", operation_id="listWebhooks", opt={"scope": SCOPE})
async def list_webhooks(request: AnyRequest) -> list[WebhookView]:
    """List subscriptions without their secrets."""
    return await node_of(request).books.read(
        lambda desk: [view_webhook(desk, row) for row in desk.webhooks.all()]
    )


@get("/api/v1/webhooks/{webhook_id:str}", operation_id="getWebhook", opt={"scope": SCOPE})
async def get_webhook(request: AnyRequest, webhook_id: FromPath[str]) -> WebhookView:
    """Return one subscription."""
    return await node_of(request).books.read(lambda desk: _shown(desk, webhook_id))


@put("/api/v1/webhooks/{webhook_id:str}", operation_id="putWebhook", opt={"scope": SCOPE})
async def put_webhook(
    request: AnyRequest, webhook_id: FromPath[str], data: JSONBody[WebhookRequest]
) -> WebhookView:
    """Change, pause or activate a subscription; it goes on with what was left to tell."""
    node = node_of(request)

    def work(desk: Desk) -> WebhookView:
        return webhooks.change(desk, webhook_id, data, node.settings.webhook_hosts)

    return await _edit(request, webhook_id, work)


@delete(
    "/api/v1/webhooks/{webhook_id:str}",
    operation_id="deleteWebhook",
    opt={"scope": SCOPE},
    status_code=200,
)
async def delete_webhook(request: AnyRequest, webhook_id: FromPath[str]) -> Gone:
    """End a subscription; what was on its way to it is dropped."""

    def work(desk: Desk) -> None:
        webhooks.remove(desk, webhook_id)

    await _edit(request, webhook_id, work)
    return Gone(webhook_id=webhook_id)


@post(
    "/api/v1/webhooks/{webhook_id:str}/rotate-secret",
    operation_id="rotateWebhookSecret",
    opt={"scope": SCOPE},
    status_code=200,
)
async def rotate_secret(request: AnyRequest, webhook_id: FromPath[str]) -> WebhookMade:
    """Give a subscription a new secret; for a day calls carry signatures of both."""
    node = node_of(request)

    def work(desk: Desk) -> WebhookMade:
        return webhooks.rotate(desk, webhook_id, node.entropy)

    return await _edit(request, webhook_id, work)


@post(
    "/api/v1/webhooks/{webhook_id:str}/test",
    operation_id="testWebhook",
    opt={"scope": SCOPE},
    status_code=200,
)
async def test_webhook(request: AnyRequest, webhook_id: FromPath[str]) -> Tried:
    """Send the event `webhook_test` to this subscription alone; see its log for the outcome."""
    await node_of(request).books.write(
        lambda desk: webhooks.test(desk, webhook_id), actor=principal_of(request).name
    )
    return Tried(webhook_id=webhook_id)


@get(
    "/api/v1/webhooks/{webhook_id:str}/deliveries",
    operation_id="listWebhookDeliveries",
    opt={"scope": SCOPE},
)
async def list_deliveries(
    request: AnyRequest,
    webhook_id: FromPath[str],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
) -> Page[DeliveryView]:
    """List what a subscription was told and will be told, newest first, for seven days."""
    size, before = page_size(limit), cursor_number(cursor)

    def query(desk: Desk) -> Page[DeliveryView]:
        webhooks.need_webhook(desk, webhook_id)
        rows, after = page_of(
            desk.webhooks.log(webhook_id, before, size + 1), size, lambda row: str(row.event_id)
        )
        return Page([view_delivery(row) for row in rows], after)

    return await node_of(request).books.read(query)


@post(
    "/api/v1/webhooks/{webhook_id:str}/deliveries/{event_id:str}/redeliver",
    operation_id="redeliverWebhook",
    opt={"scope": SCOPE},
    status_code=200,
)
async def redeliver(
    request: AnyRequest, webhook_id: FromPath[str], event_id: FromPath[str]
) -> DeliveryView:
    """Tell an event once more, whatever came of it before."""
    number = cursor_number(event_id)
    return await node_of(request).books.write(
        lambda desk: webhooks.redeliver(desk, webhook_id, number),
        actor=principal_of(request).name,
    )


handlers: list[ControllerRouterHandler] = [
    subscribe_webhook,
    list_webhooks,
    get_webhook,
    put_webhook,
    delete_webhook,
    rotate_secret,
    test_webhook,
    list_deliveries,
    redeliver,
]
