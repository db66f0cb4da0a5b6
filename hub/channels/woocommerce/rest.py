"""One call to a WooCommerce store, signed in with the store's consumer key."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hub.channels.base import Call, ShopAccess

BASE: Final = "wp-json/wc/v3"


def call(
    shop: ShopAccess,
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    body: Any = None,
) -> Call:
    """Return a call to `path` under the store's API."""
    pair = f"{shop.secret('consumer_key')}:{shop.secret('consumer_secret')}"
    headers = [("authorization", "Basic " + base64.b64encode(pair.encode()).decode())]
    if body is not None:
        headers.append(("content-type", "application/json"))
    return Call(
        method=method,
        url=f"{shop.url.rstrip('/')}/{BASE}/{path}",
        query=tuple((query or {}).items()),
        headers=tuple(headers),
        body=b"" if body is None else msgspec.json.encode(body),
    )
