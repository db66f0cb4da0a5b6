"""The shops we sell in: adding one, looking at all, and pulling their orders.

A shop is pulled for changes since the last complete pull, with an overlap: platforms date a change
before they show it, and webhooks get lost. What was pulled twice is known by its mark.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

from hub.channels import CHANNELS
from hub.domain.backoff import wait_ms
from hub.domain.channel_order import Word, read_time_ms
from hub.domain.channel_rows import ShopMode, ShopRow
from hub.services.channel_tasks import TOPIC, need_shop
from hub.services.order_views import iso
from hub.services.shop_rights import take_back_unshown
from hub.store.protocol import Desk
from shared.domain.errors import BincardError, InvalidInput, NotFound

OVERLAP_MS: Final = 10 * 60_000
"""Each pull looks back this far behind the last one."""
FAILURES_TOLD: Final = 5
"""After so many failed pulls in a row a person is told; it is tried on."""
UNREACHABLE: Final = "shop_unreachable"
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]


class ShopRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A shop to add, or to change: the same channel and shop again replaces the rest.

    `url` is the shop's own address for self-hosted channels, the platform's gateway for others.
    `options` are platform ids (`location_id`, `courier_SF`). Secrets do not come this way.
    `pull_since` (RFC 3339) is where the first pull begins; empty: now.
    A `shared` shop shows units that others show too; a `strict` one sells from a quota of its own
    of at least `quota_min` units, dealt anew by the speed of sales. A shared shop sells a SKU by
    quota as well while no more than `strict_below` units are left in all.
    """

    channel: Word
    shop: Word
    url: Annotated[str, msgspec.Meta(min_length=8, max_length=512)]
    name: Annotated[str, msgspec.Meta(max_length=128)] = ""
    currency: Currency = "CNY"
    options: dict[str, Annotated[str, msgspec.Meta(max_length=256)]] = {}
    active: bool = True
    publish_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    publish_buffer: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    mode: ShopMode = "shared"
    strict_below: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    quota_min: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 1
    pull_since: Annotated[str, msgspec.Meta(max_length=40)] = ""


class ShopView(msgspec.Struct, frozen=True, kw_only=True):
    """One shop and how it stands. `secrets`: whether its keys are there; never the keys."""

    channel: str
    shop: str
    name: str
    url: str
    currency: str
    active: bool
    publish_percent: int
    publish_buffer: int
    mode: ShopMode
    strict_below: int
    quota_min: int
    swaps: bool
    secrets: bool
    pulled_until: str | None
    trouble: str
    tasks_waiting: int
    tasks_dead: int


def add_shop(desk: Desk, request: ShopRequest) -> ShopRow:
    """Add or change a shop. Raises NotFound `channel_unknown`, InvalidInput `shop_invalid`."""
    channel = CHANNELS.get(request.channel)
    if channel is None:
        raise NotFound(
            "channel_unknown",
            f"Failed to add a shop: expected a channel of {', '.join(sorted(CHANNELS))}, got "
            f"{request.channel!r}.",
        )
    _check(request)
    if request.mode == "strict" and not request.publish_percent:
        raise InvalidInput(
            "shop_invalid",
            "Failed to add a shop: a strict shop is told how many units it may show, but "
            "publish_percent is 0.",
            hint="Give publish_percent: the most of what is left to sell that its quota may be.",
        )
    if request.publish_percent and not channel.publishes:
        raise InvalidInput(
            "shop_invalid",
            f"Failed to add a shop: quantities are not pushed to {channel.name} yet.",
            hint="Leave publish_percent out.",
        )
    before = desk.channels.shop(request.channel, request.shop)
    since_ms = read_time_ms(request.pull_since, "pull_since")
    if since_ms is None:
        since_ms = desk.now_ms if before is None else before.pulled_until_ms
    row = ShopRow(
        channel=request.channel,
        shop=request.shop,
        name=request.name or request.shop,
        url=request.url,
        currency=request.currency,
        options=dict(request.options),
        active=request.active,
        publish_percent=request.publish_percent,
        publish_buffer=request.publish_buffer,
        mode=request.mode,
        strict_below=request.strict_below,
        quota_min=request.quota_min,
        pulled_until_ms=min(since_ms, desk.now_ms),
        made_ms=desk.now_ms if before is None else before.made_ms,
    )
    desk.channels.put_shop(row)
    desk.journal.audit("add_shop", row.label, "" if before is None else "changed")
    desk.tell(TOPIC)
    return row


def _check(request: ShopRequest) -> None:
    parts = urlsplit(request.url)
    if any("/" in word or not word.isprintable() for word in (request.channel, request.shop)):
        raise InvalidInput(
            "shop_invalid", "Failed to add a shop: its name must not hold a slash or controls."
        )
    secure = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))
    if not secure or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise InvalidInput(
            "shop_invalid",
            "Failed to add a shop: expected an address such as https://shop.example, got another "
            "form.",
            hint="Use https, without user name, query or fragment; keys go into the secret file.",
        )


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def view_shops(desk: Desk, has_secrets: Callable[[str, str], bool]) -> list[ShopView]:
    """Return all shops with their state."""
    rows = desk.channels.shops()
    return [view_shop(desk, row, has_secrets(row.channel, row.shop)) for row in rows]


def view_shop(desk: Desk, row: ShopRow, secrets: bool) -> ShopView:
    """Return one shop with its state."""
    return ShopView(
        channel=row.channel,
        shop=row.shop,
        name=row.name,
        url=row.url,
        currency=row.currency,
        active=row.active,
        publish_percent=row.publish_percent,
        publish_buffer=row.publish_buffer,
        mode=row.mode,
        strict_below=row.strict_below,
        quota_min=row.quota_min,
        swaps=CHANNELS[row.channel].swaps,
        secrets=secrets,
        pulled_until=iso(row.pulled_until_ms),
        trouble=row.trouble,
        tasks_waiting=desk.channels.count_tasks(row.channel, row.shop, "waiting"),
        tasks_dead=desk.channels.count_tasks(row.channel, row.shop, "dead"),
    )


def pulled(desk: Desk, before: ShopRow, until_ms: int, *, next_ms: int) -> ShopRow:
    """Record that all changes up to `until_ms` are in; the next pull is due at `next_ms`.

    `before` is the shop as the pull found it. If somebody asked meanwhile for an earlier start, the
    pull says nothing about that time, and the next one begins there; if somebody asked for a pull
    soon, it stays soon. Returns the shop as it is now.
    """
    row = need_shop(desk, before.channel, before.shop)
    if row.pulled_until_ms < before.pulled_until_ms:
        return row
    after = msgspec.structs.replace(
        row,
        pulled_until_ms=max(row.pulled_until_ms, until_ms),
        pull_due_ms=next_ms if row.pull_due_ms == before.pull_due_ms else row.pull_due_ms,
        pull_failures=0,
        trouble="",
    )
    desk.channels.put_shop(after)
    desk.channels.settle_held(row.channel, row.shop, until_ms)
    take_back_unshown(desk, row)
    if row.pull_failures:
        desk.journal.solve(UNREACHABLE, "", row.label, "the shop answers again")
    return after


def pull_failed(
    desk: Desk, channel: str, shop: str, error: BincardError, *, first_ms: int, asked_ms: int
) -> None:
    """Record a failed pull; after a few a person is told."""
    row = need_shop(desk, channel, shop)
    failures = row.pull_failures + 1
    desk.channels.put_shop(
        msgspec.structs.replace(
            row,
            pull_failures=failures,
            pull_due_ms=desk.now_ms + wait_ms(failures, first_ms, asked_ms),
            trouble=error.code,
        )
    )
    if failures >= FAILURES_TOLD:
        desk.journal.raise_exception(
            UNREACHABLE,
            "",
            row.label,
            f"{row.label} has not been pulled since {iso(row.pulled_until_ms)}: {error.message} "
            "Its orders wait there; it is tried on.",
        )
