"""One GraphQL call to Shopify, and what its three ways of saying no mean."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from hub.channels.base import Call, Reply, ShopAccess, Steps
from hub.channels.errors import ShopSilent, ShopThrottled
from hub.channels.reading import check, decode, refused

T = TypeVar("T")

VERSION: Final = "2026-01"
_COST_WAIT_MS: Final = 2_000
"""Shopify refills 100 cost points a second; a page of ours costs less than 200."""


class _Extensions(msgspec.Struct):
    code: str = ""


class _Error(msgspec.Struct):
    extensions: _Extensions = msgspec.field(default_factory=_Extensions)


class _Answer(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: list[_Error] = msgspec.field(default_factory=list)


class UserError(msgspec.Struct):
    """Shopify's "your input is wrong": a code and a message we do not repeat."""

    code: str | None = None


def ask(
    shop: ShopAccess, query: str, variables: dict[str, Any], kind: type[T], what: str
) -> Steps[T]:
    """Run one operation and return its `data`; `what` names it in errors."""
    body = msgspec.json.encode({"query": query, "variables": variables})
    reply: Reply = yield Call(
        method="POST",
        url=f"{shop.url.rstrip('/')}/admin/api/{VERSION}/graphql.json",
        headers=(
            ("content-type", "application/json"),
            ("x-shopify-access-token", shop.secret("access_token")),
        ),
        body=body,
    )
    answer = decode(check(reply, what).body, _Answer, what)
    codes = [error.extensions.code for error in answer.errors]
    if "THROTTLED" in codes:
        raise ShopThrottled(
            f"Failed to {what}: the shop's query budget is used up.", retry_after_ms=_COST_WAIT_MS
        )
    if "INTERNAL_SERVER_ERROR" in codes:
        raise ShopSilent("shop_broken", f"Failed to {what}: Shopify had an internal error.")
    if codes:
        raise refused(what, codes[0])
    return decode(bytes(answer.data), kind, what)
