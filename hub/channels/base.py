"""The one small interface that every channel has, and the words that cross it.

A channel script is a generator: it yields a `Call`, is sent the `Reply`, and returns its result.
Whoever runs it does the input and output, keeps the time, and decides about trying again.

Platforms date each change of an order; we call that its *mark*. A copy of an order with an older
mark than one we have seen is old news, whichever way it came.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Literal, Protocol, TypeVar

import msgspec

from hub.domain.channel_order import ChannelOrder

T = TypeVar("T")

RemoteState = Literal["open", "waiting", "cancelled", "closed"]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request to make. `query` and `headers` may hold secrets: never log them."""

    method: str
    url: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a call; header names in lower case."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


Steps = Generator[Call, Reply, T]
"""A conversation with a shop that ends in a `T`."""


class ShopAccess(msgspec.Struct, frozen=True, kw_only=True):
    """One account on one channel. `options` are the platform's ids; `secrets` its keys."""

    shop: str
    url: str
    currency: str = "CNY"
    options: Mapping[str, str] = {}
    secrets: Mapping[str, str] = {}

    def __repr__(self) -> str:
        """Name the shop only, so that no log ever shows a secret."""
        return f"ShopAccess({self.shop!r})"

    def secret(self, name: str) -> str:
        """Return a secret; empty when it was never given."""
        return self.secrets.get(name, "")


class RemoteOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the platform shows it. `order` is None unless it is `open`.

    `waiting`: not paid yet, not ours to ship. `closed`: over without us. `line_ids` maps our line
    numbers to the platform's own names of the lines.
    """

    order_no: str
    mark: int
    state: RemoteState
    remote_id: str = ""
    order: ChannelOrder | None = None
    line_ids: dict[int, str] = {}


class BadOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that cannot be read; `reason` is a sentence without personal data."""

    order_no: str
    reason: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some orders. `next` asks for the following page; empty at the end."""

    orders: tuple[RemoteOrder, ...] = ()
    bad: tuple[BadOrder, ...] = ()
    next: str = ""


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What a webhook told. `pull`: it told only that something happened, so pull soon."""

    orders: tuple[RemoteOrder, ...] = ()
    bad: tuple[BadOrder, ...] = ()
    pull: bool = False


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Changes of orders between two moments; `page` is a `Page.next`, empty for the first."""

    since_ms: int
    until_ms: int
    page: str = ""


class ShippedUnits(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one line in a parcel; `remote_line_id` is empty when the platform has none."""

    line_no: int
    remote_line_id: str
    sku: str
    quantity: int


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel that left. `whole`: with it nothing of the order is still to come."""

    parcel_id: str
    order_no: str
    remote_id: str
    courier: str
    waybill: str
    shipped_ms: int
    whole: bool
    lines: tuple[ShippedUnits, ...]


class Publish(msgspec.Struct, frozen=True, kw_only=True):
    """Show `quantity` units of a SKU, if the shop still shows `expected`.

    Without an expectation (None) the shop is only looked at and answers `stale`: to set a number
    without knowing what it replaces would undo sales that nobody has told us of yet.
    `listing_ref` is the platform's own name for the SKU, empty before the first time.
    `key` names this attempt, for platforms that take idempotency keys.
    """

    sku: str
    quantity: int
    expected: int | None
    listing_ref: str
    key: str


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """`set`: it shows `quantity` now. `stale`: it shows `quantity`, not what was expected."""

    outcome: Literal["set", "stale"]
    quantity: int
    listing_ref: str = ""


class Channel(Protocol):
    """One kind of platform.

    Scripts raise `ShopThrottled`, `ShopSilent` and `ShopRefused`; `heard` raises Unauthorized for a
    signature that does not fit.
    """

    name: str
    swaps: bool
    """The platform itself compares before it sets a quantity (compare and swap)."""
    publishes: bool
    """Quantities can be set at all."""
    answers_cancels: bool
    """The platform waits for a yes or no before a cancellation stands."""
    window_ms_max: int
    """Longest window the platform answers for in one question."""

    def pull(self, shop: ShopAccess, window: Window, now_ms: int) -> Steps[Page]:
        """Return one page of orders that changed within `window`."""
        ...

    def heard(
        self, shop: ShopAccess, headers: Mapping[str, str], body: bytes, now_ms: int
    ) -> Heard:
        """Return what a webhook says, after proving who sent it; header names in lower case."""
        ...

    def publish(self, shop: ShopAccess, wish: Publish, now_ms: int) -> Steps[Published]:
        """Set the quantity a shop shows."""
        ...

    def confirm(self, shop: ShopAccess, shipment: Shipment, now_ms: int) -> Steps[None]:
        """Tell the shop that a parcel left, unless it knows already."""
        ...

    def answer_cancel(
        self, shop: ShopAccess, order_no: str, accepted: bool, now_ms: int
    ) -> Steps[None]:
        """Tell the shop whether an order will not leave (True) or has left (False)."""
        ...
