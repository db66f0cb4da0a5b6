"""Strict shops: they sell what their page shows and nothing else, and are told numbers as in life.

The number on the page is the truth here. Buyers take units off it at once; the hub hears of them by
a webhook, late, twice or never, and then by its own pull. The hub tells a new number only against
the one it expects; its word may get lost before the shop or behind it. Such a shop does not put
units of a cancelled order on sale again by itself; head office does when it deals quotas.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from hub.channels.base import Publish, Published
from hub.domain.channel_order import ChannelLine, ChannelOrder
from hub.domain.channel_rows import Listing, ShopRow
from hub.services import channel_publish, shops
from hub.services.ingest_order import Ingested, ingest
from hub.services.shop_quota import ShopQuotaRequest, set_shop_quota
from hub.store.protocol import Desk
from shared.domain.errors import BincardError, Unavailable
from tests.simulation.shops import ADDRESS, BUYER, Entry, Shop

if TYPE_CHECKING:
    from tests.simulation.world import World

ROUND_MS = (700, 2_500)
ANSWER_MS = (5, 400)
LOOK_MS = 20_000
LATE_MS = 5_000
FIRST_MS = 500
QUOTAS_MS = (2_000, 40_000)


class Storefront(Shop):
    """One strict shop, and the hub's rounds to it."""

    def __init__(self, world: World, name: str) -> None:
        """Open with an empty page."""
        self.page: Counter[str] = Counter()
        """What the page shows: buyers can have that much at once."""
        self._life = self._open = 0
        """The hub's process that makes a round, and how much of it is still open."""
        super().__init__(world, name)
        world.hub.writer.write_now(lambda tx: self.join(world.hub.desk(tx, "office")))
        world.time.later(self.dice.randint(*ROUND_MS), f"{name} round", self._visit)
        for number in range(world.options.shop_quotas):
            world.time.later(self.dice.randint(*QUOTAS_MS), "shop quota", self._set_quota, number)

    def join(self, desk: Desk) -> None:
        """Make the hub serve this shop."""
        if desk.channels.shop("sim", self.name) is None:
            desk.channels.put_shop(
                ShopRow(
                    channel="sim", shop=self.name, name=self.name, url="https://sim.example",
                    currency="CNY", publish_percent=60, mode="strict", pulled_until_ms=0,
                    made_ms=0,
                )
            )  # fmt: skip
            for sku in self.world.goods.products:
                desk.channels.put_listing(Listing(channel="sim", shop=self.name, sku=sku))

    def untold(self) -> Counter[str]:
        """Return units that buyers have and the hub's books know nothing of."""
        rows = self.world.hub.sql.execute(
            "SELECT order_no FROM orders WHERE shop = ?", (self.name,)
        )
        known = {row["order_no"] for row in rows}
        counted: Counter[str] = Counter()
        for number, entry in self.book.items():
            if number not in known:
                counted.update({line.sku: line.quantity for line in entry.order.lines})
        return counted

    def _set_quota(self, number: int) -> None:
        """Head office wants a quota of its own for a SKU, or none of its own any more."""
        request = ShopQuotaRequest(
            sku=self.dice.choice(sorted(self.world.goods.products)),
            units=self.dice.choice((None, None, 0, 1, 3)),
        )
        self.world.office.ask(
            f"{self.name} quota {number}",
            partial(set_shop_quota, channel="sim", shop=self.name, request=request),
        )

    # Buyers

    def _sell(self) -> None:
        """A buyer comes and takes what the page shows, if it shows anything."""
        if self._left == 0 or not self.world.wild:
            return
        gap_ms = self.world.options.order_gap_ms
        self.world.time.later(self.dice.randint(gap_ms // 2, gap_ms * 2), "sell", self._sell)
        there = sorted(sku for sku, units in self.page.items() if units > 0)
        if not there:
            return
        self._left -= 1
        number = f"{self.name}-{self.world.options.orders - self._left:03d}"
        skus = self.dice.sample(there, k=min(len(there), self.dice.choice((1, 1, 2))))
        lines = tuple(
            ChannelLine(
                line_no=line_no, sku=sku, quantity=min(self.page[sku], self.dice.choice((1, 1, 2)))
            )
            for line_no, sku in enumerate(skus, start=1)
        )
        for line in lines:
            self.page[line.sku] -= line.quantity
        entry = Entry(
            ChannelOrder(
                channel="sim", shop=self.name, order_no=number, buyer=BUYER, address=ADDRESS,
                lines=lines,
            )
        )  # fmt: skip
        self.book[number] = entry
        if self.dice.random() < 0.6:  # else there is no webhook, and the next pull brings it
            self.world.time.later(self.dice.randint(0, 3_000), "webhook", self.post, entry)
        if self.dice.random() < self.world.options.cancels:
            self.world.time.later(
                self.dice.randint(500, self.world.options.cancel_ms), "want cancel",
                self._want_cancel, entry,
            )  # fmt: skip

    # The hub's rounds

    def _visit(self) -> None:
        """Pull, then tell; a round that a dead hub left unfinished is simply not finished."""
        self.world.time.later(self.dice.randint(*ROUND_MS), f"{self.name} round", self._visit)
        hub = self.world.hub
        if hub.life != self._life:
            self._life, self._open = hub.life, 0
        if not hub.up or hub.writer.broken or self._open:
            return
        row = hub.reading().channels.shop("sim", self.name)
        if row is None:
            return
        if self.world.wild and self.dice.random() < self.world.options.lost_answers:
            self.world.time.fault("pull_failed")
            self._tell(hub.life)
        else:
            self._pull(hub.life, row)

    def _pull(self, life: int, row: ShopRow) -> None:
        """Have every order of the page's book taken in, then record that the pull is complete."""
        started_ms = self.world.hub.clock.wall_ms()
        entries = [entry for entry in self.book.values() if not entry.answers]
        for entry in entries:
            entry.sent = True

        def work(desk: Desk) -> list[Ingested]:
            taken = [ingest(desk, entry.order) for entry in entries]
            shops.pulled(desk, row, started_ms, next_ms=0)
            return taken

        def done(answers: Any, error: Exception | None) -> None:
            self._open -= 1
            if error is not None:
                self.world.checks.told(f"pull of {self.name}", error)
                return
            for entry, answer in zip(entries, answers, strict=True):
                self.taken(entry, entry.order, answer)
            self._tell(life)

        self._open += 1
        self.world.hub.use(f"pull:{self.name}", work, done)

    def taken(self, entry: Entry, order: ChannelOrder, answer: Ingested) -> None:
        """What was sold within the numbers it was told is promised, whatever else goes wrong."""
        super().taken(entry, order, answer)
        status = msgspec.json.decode(answer.answer)["status"]
        if status == "backordered" and not self.world.options.drill:
            self.world.violation("I3", f"{order.label} was sold within its quota, yet must wait")

    def _tell(self, life: int) -> None:
        """Ask which numbers are due, and tell them."""
        desk = self.world.hub.reading()
        row = desk.channels.shop("sim", self.name)
        if row is None:
            return
        for sku in channel_publish.to_publish(desk, row, "", LOOK_MS).skus:
            self._open += 1
            self.world.hub.use(
                f"publish:{self.name}",
                partial(_ask, shop=self.name, sku=sku),
                partial(self._asked, life),
            )

    def _asked(self, life: int, wish: Publish | None, error: Exception | None) -> None:
        if error is None and wish is not None:
            self._heard(life, wish)
        else:
            self._open -= 1

    def _heard(self, life: int, wish: Publish) -> None:
        """The shop is told a number: it compares before it shows it. Words may get lost."""
        lost = self.world.wild and self.dice.random() < self.world.options.lost_answers
        result: Published | BincardError
        if lost and self.dice.random() < 0.5:
            result = Unavailable("shop_silent", "The shop did not hear it.")
        else:
            result = self._show(wish)
            if lost:
                result = Unavailable("shop_silent", "The shop was not heard.")
        if lost:
            self.world.time.fault("shop_silent")

        def settle() -> None:
            if not self.world.hub.up or self.world.hub.life != life:
                return
            self._open -= 1
            self.world.hub.use(
                f"publish:{self.name}",
                lambda desk: channel_publish.settle(
                    desk, "sim", self.name, wish, result, first_ms=FIRST_MS, late_ms=LATE_MS
                ),
            )

        self.world.time.later(self.dice.randint(*ANSWER_MS), "shop answers", settle)

    def _show(self, wish: Publish) -> Published:
        shown = self.page[wish.sku]
        if wish.expected != shown:
            return Published(outcome="stale", quantity=shown)
        self.page[wish.sku] = wish.quantity
        return Published(outcome="set", quantity=wish.quantity)


def _ask(desk: Desk, shop: str, sku: str) -> Publish | None:
    return channel_publish.ask(desk, "sim", shop, sku, LOOK_MS)
