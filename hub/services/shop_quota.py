"""What head office says about one SKU in one shop: sold by quota or shared, and how big the quota.

Without a word here the shop's own mode holds and the quota follows its sales. A quota that a person
set stays as it is; it is filled up when there are units, and never beyond what there is.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from hub.domain.channel_rows import Listing
from hub.services.balance_shops import balance_shops
from hub.services.channel_publish import ListingView, list_skus, view_listing
from hub.services.channel_tasks import TOPIC, need_shop
from hub.store.protocol import Desk
from shared.domain.catalogue import Sku
from shared.domain.errors import Refused


class ShopQuotaRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How a shop sells one SKU. `mode` empty: as the shop does. `units` null: by speed of sales."""

    sku: Sku
    mode: Literal["", "shared", "strict"] = ""
    units: Annotated[int, msgspec.Meta(ge=0, le=999_999)] | None = None


def set_shop_quota(desk: Desk, channel: str, shop: str, request: ShopQuotaRequest) -> ListingView:
    """Set how a shop sells one SKU; it is listed there from now on. The same again changes nothing.

    Raises NotFound (`shop_unknown`, `sku_unknown`) and Refused `shop_publishes_nothing`.
    """
    row = need_shop(desk, channel, shop)
    if not row.publish_percent:
        raise Refused(
            "shop_publishes_nothing",
            f"Failed to set a quota: {row.label} is not told how many units it may show.",
            hint="Give the shop a publish_percent first.",
        )
    list_skus(desk, channel, shop, (request.sku,))
    before = desk.channels.listing(channel, shop, request.sku)
    listing = before or Listing(channel=channel, shop=shop, sku=request.sku)
    desk.channels.put_listing(
        msgspec.structs.replace(listing, mode=request.mode, fixed=request.units)
    )
    desk.journal.audit(
        "set_shop_quota", f"{row.label}/{request.sku}", f"{request.mode} {request.units}".strip()
    )
    balance_shops(desk, (request.sku,))
    desk.tell(TOPIC)
    return view_listing(desk, row, request.sku)
