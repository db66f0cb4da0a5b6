"""A shop without a wire: it shows a number per SKU, compares before it changes it, and sells.

It asks the hub's services directly, as the rounds do, so that a test decides what gets lost.
"""

from __future__ import annotations

from typing import Any

from hub.channels.base import Publish, Published, RemoteOrder
from hub.domain.channel_rows import Listing, ShopRow
from hub.domain.holders import shop_holder
from hub.services import channel_publish, shops
from hub.services.balance_shops import ShopBalancer
from hub.services.channel_intake import take_in
from hub.services.shop_quota import ShopQuotaRequest, set_shop_quota
from hub.services.shops import ShopRequest, add_shop
from shared.domain.errors import Unavailable

LOOK_MS = 86_400_000


class Showcase:
    """One shop that sells cables."""

    def __init__(self, books: Any, name: str, **fields: Any) -> None:
        self.books, self.name = books, name
        self.shown = 0
        self.untold: list[tuple[str, int]] = []
        self.change(**fields)
        books.write(lambda desk: channel_publish.list_skus(desk, "generic", self.name, ("CABLE",)))

    def change(self, **fields: Any) -> None:
        """Join, or join with other settings."""
        given: dict[str, Any] = {"publish_percent": 100, "mode": "strict", **fields}
        request = ShopRequest(
            channel="generic", shop=self.name, url="https://shop.example", **given
        )
        self.books.write(lambda desk: add_shop(desk, request))

    @property
    def row(self) -> ShopRow:
        found = self.books.read(lambda desk: desk.channels.shop("generic", self.name))
        assert isinstance(found, ShopRow)
        return found

    @property
    def listing(self) -> Listing:
        found = self.books.read(lambda desk: desk.channels.listing("generic", self.name, "CABLE"))
        assert isinstance(found, Listing)
        return found

    @property
    def quota(self) -> int:
        holder = shop_holder("generic", self.name)
        return sum(self.books.read(lambda desk: desk.quotas.accounts(holder, ("CABLE",))).values())

    def fix(self, units: int | None, mode: str = "") -> None:
        request = ShopQuotaRequest(sku="CABLE", units=units, mode=mode)  # type: ignore[arg-type]
        self.books.write(lambda desk: set_shop_quota(desk, "generic", self.name, request))

    def sell(self, order_no: str, units: int = 1) -> None:
        """A buyer takes units; the hub is told with the next pull."""
        assert units <= self.shown, "it does not sell what it does not show"
        self.shown -= units
        self.untold.append((order_no, units))

    def cancel(self, order_no: str) -> None:
        """The buyer cancels there."""
        row = self.row
        gone = RemoteOrder(order_no=order_no, mark=2, state="cancelled")
        self.books.write(lambda desk: take_in(desk, row, [gone], pulled=True))

    def ask(self) -> Publish | None:
        wish: Publish | None = self.books.write(
            lambda desk: channel_publish.ask(desk, "generic", self.name, "CABLE", LOOK_MS)
        )
        return wish

    def answer(self, wish: Publish, *, lost: bool = False) -> None:
        """Show the number if what it replaces fits, and say so."""
        result: Published | Unavailable
        if wish.expected == self.shown:
            self.shown = wish.quantity
            result = Published(outcome="set", quantity=self.shown)
        else:
            result = Published(outcome="stale", quantity=self.shown)
        if lost:
            result = Unavailable("shop_silent", "It did not answer.")
        self.books.write(
            lambda desk: channel_publish.settle(
                desk, "generic", self.name, wish, result, first_ms=0, late_ms=0
            )
        )

    def pull(self) -> None:
        """Have all orders taken in, as a pull does; what was confirmed before counts now."""
        until_ms = self.books.read(lambda desk: desk.now_ms)
        row = self.row
        while self.untold:
            order_no, units = self.untold.pop(0)
            self.books.order(order_no, ("CABLE", units), channel="generic", shop=self.name)
        self.books.write(lambda desk: shops.pulled(desk, row, until_ms, next_ms=0))

    def visit(self) -> None:
        """Make rounds until nothing is to be told."""
        for _ in range(8):
            self.books.write(ShopBalancer())
            self.pull()
            wish = self.ask()
            if wish is None:
                return
            self.answer(wish)
        raise AssertionError("the shop is told one number after the other")
