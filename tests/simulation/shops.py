"""Shops: they sell, cancel and change their mind, and keep order books of their own.

A shop knows what it sent and what it was answered, nothing else. When an answer does not come it
sends the same order again, as channels do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from hub.domain.channel_order import Address, Buyer, ChannelLine, ChannelOrder
from hub.services.decide_order import cancel
from hub.services.ingest_order import Ingested, ingest
from hub.services.reservations import (
    ReservationLine,
    ReservationRequest,
    release_reservation,
    reserve,
)
from shared.domain.errors import BincardError, Refused

if TYPE_CHECKING:
    from tests.simulation.world import World

PATIENCE_MS = 4_000
CANCEL_MS_MIN = 500
ADDRESS = Address(
    country="CN", province="Guangdong", city="Shenzhen", district="Nanshan",
    street="Keyuan Road 15, building 3", postcode="518000",
)  # fmt: skip
BUYER = Buyer(name="Buyer", phone="13700002206")


class Entry(msgspec.Struct):
    """One order in a shop's own book."""

    order: ChannelOrder
    before: ChannelOrder | None = None
    """The version before an amendment, should the hub refuse it."""
    answers: dict[int, bytes] = {}
    """First answer per version."""
    order_id: str = ""
    sent: bool = False
    cancel_wanted: bool = False
    cancel_taken: bool = False
    refused: str = ""

    @property
    def settled(self) -> bool:
        """Whether the shop heard of everything it asked."""
        heard = self.order.version in self.answers or bool(self.refused)
        return heard and (not self.cancel_wanted or self.cancel_taken)


class Shop:
    """One shop of one channel."""

    def __init__(self, world: World, name: str) -> None:
        """Its orders come one after another, for the whole safety phase."""
        self.world = world
        self.name = name
        self.dice = world.time.stream(f"shop/{name}")
        self.book: dict[str, Entry] = {}
        self._left = world.options.orders
        world.time.later(self.dice.randint(1, 3_000), f"{name} open", self._sell)

    def _sell(self) -> None:
        """A buyer comes."""
        if self._left == 0 or not self.world.wild:
            return
        self._left -= 1
        gap_ms = self.world.options.order_gap_ms
        self.world.time.later(self.dice.randint(gap_ms // 2, gap_ms * 2), "sell", self._sell)
        number = f"{self.name}-{self.world.options.orders - self._left:03d}"
        entry = Entry(self._order(number, 1))
        self.book[number] = entry
        if self.dice.random() < self.world.options.reservations:
            self._reserve_first(entry)
        else:
            self.post(entry)
        if self.dice.random() < self.world.options.cancels:
            delay_ms = self.dice.randint(CANCEL_MS_MIN, self.world.options.cancel_ms)
            self.world.time.later(delay_ms, "want cancel", self._want_cancel, entry)
        elif self.dice.random() < self.world.options.amends:
            self.world.time.later(self.dice.randint(100, 5_000), "amend", self._amend, entry)

    def _order(self, number: str, version: int) -> ChannelOrder:
        skus = sorted(self.world.goods.products)
        chosen = self.dice.sample(skus, k=min(len(skus), self.dice.choice((1, 1, 1, 2))))
        lines = tuple(
            ChannelLine(line_no=line_no, sku=sku, quantity=self.dice.choice((1, 1, 1, 2)))
            for line_no, sku in enumerate(chosen, start=1)
        )
        remark = "please call me" if self.dice.random() < 0.03 else ""
        return ChannelOrder(
            channel="sim", shop=self.name, order_no=number, version=version, buyer=BUYER,
            address=ADDRESS, lines=lines, buyer_remark=remark,
        )  # fmt: skip

    # Asking the hub, again and again until it answers

    def _ask(
        self,
        label: str,
        work: Callable[[Any], Any],
        heard: Callable[[Any, Exception | None], None],
        done: Callable[[], bool],
    ) -> None:
        """Ask; when no answer comes, ask the same again. `done` says that it is answered."""
        if done():
            return
        hub = self.world.hub
        again = self.dice.randint(PATIENCE_MS // 2, PATIENCE_MS)
        self.world.time.later(again, f"{label} again", self._ask, label, work, heard, done)
        if not hub.up or hub.writer.broken:
            return

        def answered(answer: Any, error: Exception | None) -> None:
            if self.world.wild and self.dice.random() < self.world.options.lost_answers:
                self.world.time.fault("answer_lost")
            elif error is None or (isinstance(error, BincardError) and not error.retryable):
                heard(answer, error)

        copies = 2 if self.world.wild and self.dice.random() < self.world.options.duplicate else 1
        for _ in range(copies):
            hub.use(f"shop:{self.name}", work, answered)

    def post(self, entry: Entry) -> None:
        """Send an order, or its newest version."""
        order = entry.order
        entry.sent = True

        def heard(answer: Ingested | None, error: Exception | None) -> None:
            if answer is None:
                self._refused(entry, order, error)
            else:
                self.taken(entry, order, answer)

        def done() -> bool:
            return order.version in entry.answers or bool(entry.refused) or entry.order is not order

        def work(desk: Any) -> Ingested:
            answer = ingest(desk, order)
            self.world.checks.promised(desk, order.order_no)
            return answer

        self._ask(f"post {order.order_no}", work, heard, done)

    def taken(self, entry: Entry, order: ChannelOrder, answer: Ingested) -> None:
        """The hub has answered an order; it must be the first answer again if there was one."""
        first = entry.answers.setdefault(order.version, bytes(answer.answer))
        if first != bytes(answer.answer):
            self.world.violation("I13", f"{order.label}: a repeat got another answer")
        entry.order_id = msgspec.json.decode(first)["order_id"]
        self.world.hub.acked[order.order_no] = entry.order_id

    def forgotten(self, entry: Entry) -> None:
        """The hub went back in time: send the order, and its cancellation, once more.

        One whose buyer is still at the checkout is sent when the checkout is done.
        """
        if not entry.sent:
            return
        entry.answers.clear()
        entry.refused = ""
        entry.cancel_taken = False
        self.post(entry)
        if entry.cancel_wanted:
            self.ask_cancel(entry)

    def _refused(self, entry: Entry, order: ChannelOrder, error: Exception | None) -> None:
        self.world.checks.told(f"order {order.order_no}", error)
        if order is not entry.order:
            return  # a late copy of what the shop has put differently since
        code = error.code if isinstance(error, BincardError) else ""
        if order.version > 1 and code in {"order_state", "order_version_old"}:
            entry.order = entry.before or order
            self.post(entry)
        elif order.reservation_id and code.startswith("reservation"):
            entry.order = msgspec.structs.replace(order, reservation_id="")
            self.post(entry)
        else:
            entry.refused = code
            self.world.violation("I20", f"order {order.order_no} refused: {code}")

    def _want_cancel(self, entry: Entry) -> None:
        if not self.world.wild:
            return
        entry.cancel_wanted = True
        self.ask_cancel(entry)

    def ask_cancel(self, entry: Entry) -> None:
        """Ask the hub to cancel, once the order is known to be there."""

        def work(desk: Any) -> Any:
            return cancel(desk, entry.order_id, "changed my mind")

        def heard(_answer: Any, error: Exception | None) -> None:
            entry.cancel_taken = True
            if error is not None:
                self.world.checks.told(f"cancel {entry.order_id}", error)

        if not entry.order_id:
            if not entry.refused:
                self.world.time.later(500, "cancel later", self.ask_cancel, entry)
            return
        self._ask(f"cancel {entry.order.order_no}", work, heard, lambda: entry.cancel_taken)

    def _amend(self, entry: Entry) -> None:
        if not self.world.wild or not entry.settled or entry.refused:
            return
        entry.before = entry.order
        entry.order = self._order(entry.order.order_no, entry.order.version + 1)
        self.post(entry)

    # Reservations

    def _reserve_first(self, entry: Entry) -> None:
        """Hold the units for a checkout, then order, or leave."""
        name = f"res-{entry.order.order_no}"
        request = ReservationRequest(
            lines=tuple(
                ReservationLine(sku=line.sku, quantity=line.quantity) for line in entry.order.lines
            ),
            ttl_seconds=self.dice.choice((3, 30)),
            reservation_id=name,
        )
        state = {"done": False}

        def heard(_answer: Any, error: Exception | None) -> None:
            if state["done"]:
                return
            state["done"] = True
            if error is None and self.dice.random() < 0.2:
                self._leave(entry, name)
                return
            if error is None:
                entry.order = msgspec.structs.replace(entry.order, reservation_id=name)
            delay_ms = self.dice.randint(50, 5_000)
            self.world.time.later(delay_ms, "checkout", self.post, entry)

        self._ask(name, lambda desk: reserve(desk, request), heard, lambda: state["done"])

    def _leave(self, entry: Entry, name: str) -> None:
        del self.book[entry.order.order_no]
        state = {"done": False}

        def heard(_answer: Any, error: Exception | None) -> None:
            state["done"] = True
            if error is not None and not isinstance(error, Refused):
                self.world.checks.told(f"leave {name}", error)

        def work(desk: Any) -> Any:
            return release_reservation(desk, name)

        self._ask(f"leave {name}", work, heard, lambda: state["done"])
