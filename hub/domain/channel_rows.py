"""What the books hold about sales channels: shops, their orders as last seen, debts, listings.

Times are milliseconds since 1970 UTC. `trouble` is the code of the last failure, empty when the
last call went well.
"""

from __future__ import annotations

from typing import Literal

import msgspec

TaskKind = Literal["confirm_shipment", "accept_cancel", "refuse_cancel"]
TaskState = Literal["waiting", "done", "dead"]
ShopMode = Literal["shared", "strict"]


class ShopRow(msgspec.Struct, frozen=True, kw_only=True):
    """One account on one channel. Its secrets are elsewhere.

    It shows `publish_percent` of what is available beyond `publish_buffer` units; 0 percent means
    that its quantities are none of our business.

    A `shared` shop shows units that others show too. A `strict` one sells from a quota of its own,
    at least `quota_min` units while there are any. A shared shop sells a SKU by quota as well when
    no more than `strict_below` units are left to sell in all.
    """

    channel: str
    shop: str
    name: str
    url: str
    currency: str
    options: dict[str, str] = {}
    active: bool = True
    publish_percent: int = 0
    publish_buffer: int = 0
    mode: ShopMode = "shared"
    strict_below: int = 0
    quota_min: int = 1
    pulled_until_ms: int
    pull_due_ms: int = 0
    pull_failures: int = 0
    trouble: str = ""
    made_ms: int

    @property
    def label(self) -> str:
        """How sentences name it: `shopify/main`."""
        return f"{self.channel}/{self.shop}"


class SeenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The newest copy of an order that a shop showed us."""

    channel: str
    shop: str
    order_no: str
    remote_id: str
    mark: int
    state: Literal["open", "waiting", "cancelled", "closed"]
    digest: str
    line_ids: dict[int, str] = {}


class Reject(msgspec.Struct, frozen=True, kw_only=True):
    """An order that waits for what it lacked; `content` is the remote order as JSON."""

    channel: str
    shop: str
    order_no: str
    code: str
    content: bytes
    due_ms: int


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Something a shop must be told; `subject` is a parcel or an order."""

    task_id: str
    channel: str
    shop: str
    kind: TaskKind
    subject: str
    state: TaskState = "waiting"
    tries: int = 0
    due_ms: int
    trouble: str = ""
    made_ms: int
    changed_ms: int


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What a shop shows of a SKU; see `hub.domain.publishing` for its life.

    `mode` is empty where the shop's holds. While it is `strict`, the shop sells from a quota that
    should be `target` units; `fixed` is one that a person set. `speed` (as of `speed_ms`) is how
    fast it sells, see `hub.domain.shop_quotas`. `seen` is what the shop itself last showed, at
    `seen_ms`, and `drift` how much that differed from what its orders explain.
    """

    channel: str
    shop: str
    sku: str
    listing_ref: str = ""
    shown: int | None = None
    held: int = 0
    asked: int | None = None
    pushes: int = 0
    settled_ms: int = 0
    wait_pull_ms: int = 0
    due_ms: int = 0
    tries: int = 0
    trouble: str = ""
    mode: Literal["", "shared", "strict"] = ""
    strict: bool = False
    target: int = 0
    fixed: int | None = None
    speed: int = 0
    speed_ms: int = 0
    seen: int | None = None
    seen_ms: int = 0
    drift: int = 0
