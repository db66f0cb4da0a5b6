"""Shops over HTTP: add and see them, what they show, and the door for their webhooks.

A webhook proves itself by its channel's own signature, so no token is asked there. Its orders are
promised or refused before the answer; the same webhook again changes nothing.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from hub.channels import CHANNELS
from hub.services.channel_intake import Intake, take_in
from hub.services.channel_publish import ListingView, list_skus, view_listings
from hub.services.channel_tasks import need_shop, pull_soon, retry_debts
from hub.services.shop_drift import DriftView, drift_of
from hub.services.shop_quota import ShopQuotaRequest, set_shop_quota
from hub.services.shops import ShopRequest, ShopView, add_shop, view_shop, view_shops
from hub.store.protocol import Desk
from hub.web.requests import (
    AnyRequest,
    Page,
    node_of,
    page_of,
    page_size,
    principal_of,
)
from shared.domain.errors import NotFound


class Skus(msgspec.Struct, frozen=True, kw_only=True):
    """SKUs whose quantities a shop is to show."""

    skus: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


@get("/api/v1/shops", operation_id="listShops", opt={"scope": "orders:read"})
async def list_shops(request: AnyRequest) -> list[ShopView]:
    """List the shops with their state; `trouble` is the code of the last failure."""
    node = node_of(request)
    return await node.books.read(lambda desk: view_shops(desk, node.vault.known))


def _shown(request: AnyRequest, desk: Desk, channel: str, shop: str) -> ShopView:
    row = need_shop(desk, channel, shop)
    return view_shop(desk, row, node_of(request).vault.known(channel, shop))


@get(
    "/api/v1/shops/{channel:str}/{shop:str}",
    operation_id="getShop",
    opt={"scope": "orders:read"},
)
async def get_shop(request: AnyRequest, channel: FromPath[str], shop: FromPath[str]) -> ShopView:
    """Return one shop with its state."""
    return await node_of(request).books.read(lambda desk: _shown(request, desk, channel, shop))


@post("/api/v1/shops", operation_id="postShop", opt={"scope": "admin"}, status_code=200)
async def post_shop(request: AnyRequest, data: JSONBody[ShopRequest]) -> ShopView:
    """Add or change a shop. Its keys come by file: `bincard hub add-shop --secret-file`."""
    node = node_of(request)

    def work(desk: Desk) -> ShopView:
        row = add_shop(desk, data)
        return view_shop(desk, row, node.vault.known(row.channel, row.shop))

    return await node.books.write(work, actor=principal_of(request).name)


@get(
    "/api/v1/shops/{channel:str}/{shop:str}/listings",
    operation_id="listListings",
    opt={"scope": "stock:read"},
)
async def list_listings(
    request: AnyRequest,
    channel: FromPath[str],
    shop: FromPath[str],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
) -> Page[ListingView]:
    """Report what a shop should show against what it shows, by SKU."""
    size = page_size(limit)

    def query(desk: Desk) -> Page[ListingView]:
        row = need_shop(desk, channel, shop)
        found, after = page_of(
            view_listings(desk, row, cursor or "", size + 1), size, lambda one: one.sku
        )
        return Page(found, after)

    return await node_of(request).books.read(query)


@post(
    "/api/v1/shops/{channel:str}/{shop:str}/listings",
    operation_id="postListings",
    opt={"scope": "stock:write"},
    status_code=200,
)
async def post_listings(
    request: AnyRequest, channel: FromPath[str], shop: FromPath[str], data: JSONBody[Skus]
) -> dict[str, int]:
    """Have the shop's quantities of these SKUs kept from now on."""
    added = await node_of(request).books.write(
        lambda desk: list_skus(desk, channel, shop, data.skus), actor=principal_of(request).name
    )
    return {"added": added}


@post(
    "/api/v1/shops/{channel:str}/{shop:str}/quotas",
    operation_id="setShopQuota",
    opt={"scope": "stock:write"},
    status_code=200,
)
async def post_shop_quota(
    request: AnyRequest,
    channel: FromPath[str],
    shop: FromPath[str],
    data: JSONBody[ShopQuotaRequest],
) -> ListingView:
    """Set how a shop sells one SKU: by quota or shared, and a quota that stays, if you want one.

    Rights are lent before the shop is told more, and come back only after it has confirmed less and
    its orders have been pulled.
    """
    return await node_of(request).books.write(
        lambda desk: set_shop_quota(desk, channel, shop, data), actor=principal_of(request).name
    )


@get(
    "/api/v1/shops/{channel:str}/{shop:str}/drift",
    operation_id="getDrift",
    opt={"scope": "stock:read"},
)
async def get_drift(
    request: AnyRequest,
    channel: FromPath[str],
    shop: FromPath[str],
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
) -> Page[DriftView]:
    """Report how far what a shop shows is from what the books believe, by SKU."""
    size = page_size(limit)

    def query(desk: Desk) -> Page[DriftView]:
        row = need_shop(desk, channel, shop)
        found, after = page_of(
            drift_of(desk, row, cursor or "", size + 1), size, lambda one: one.sku
        )
        return Page(found, after)

    return await node_of(request).books.read(query)


@post(
    "/api/v1/shops/{channel:str}/{shop:str}/retry",
    operation_id="retryShop",
    opt={"scope": "admin"},
    status_code=200,
)
async def retry_shop(
    request: AnyRequest, channel: FromPath[str], shop: FromPath[str]
) -> dict[str, int]:
    """Try again what was given up for a shop."""
    count = await node_of(request).books.write(
        lambda desk: retry_debts(desk, channel, shop), actor=principal_of(request).name
    )
    return {"retried": count}


@post(
    "/api/v1/channels/{channel:str}/{shop:str}/webhook",
    operation_id="postWebhook",
    opt={"scope": "public"},
    status_code=200,
    security=[{}],
)
async def post_webhook(
    request: AnyRequest, channel: FromPath[str], shop: FromPath[str]
) -> Response[Intake]:
    """Take a webhook in, signed as its channel documents. Answers what became of its orders."""
    node = node_of(request)
    row = await node.books.read(lambda desk: desk.channels.shop(channel, shop))
    if row is None or not row.active or channel not in CHANNELS:
        raise NotFound("shop_unknown", "Failed to take a webhook: no such shop is served here.")
    headers = {name.lower(): value for name, value in request.headers.items()}
    body = await request.body()
    heard = CHANNELS[channel].heard(node.vault.access(row), headers, body, node.clock.wall_ms())

    def work(desk: Desk) -> Intake:
        current = need_shop(desk, channel, shop)
        taken = take_in(desk, current, heard.orders, heard.bad, pulled=False)
        if heard.pull:
            pull_soon(desk, channel, shop)
        return taken

    return Response(await node.books.write(work, actor=f"channel:{row.label}"))


handlers: list[ControllerRouterHandler] = [
    list_shops,
    get_shop,
    post_shop,
    list_listings,
    post_listings,
    post_shop_quota,
    get_drift,
    retry_shop,
    post_webhook,
]
