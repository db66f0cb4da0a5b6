"""Sales channels: how each platform says "order", "stock" and "shipped", and proves who spoke.

One folder per channel. Everything here is pure: a channel never opens a connection. It yields the
calls it wants made and is handed the replies (`base.Steps`), so the same code runs against a real
platform, a simulated shop, and bytes written down from a platform's documentation.
"""

from __future__ import annotations

from typing import Final

from hub.channels.base import Channel
from hub.channels.douyin import Douyin
from hub.channels.generic import Generic
from hub.channels.jd import Jd
from hub.channels.pinduoduo import Pinduoduo
from hub.channels.shopify import Shopify
from hub.channels.taobao import Taobao
from hub.channels.woocommerce import WooCommerce

CHANNELS: Final[dict[str, Channel]] = {
    channel.name: channel
    for channel in (
        Generic(),
        Shopify(),
        WooCommerce(),
        Taobao(),
        Jd(),
        Douyin(),
        Pinduoduo(),
    )
}
"""Every channel by the name that orders and shops carry."""
