"""What the services ask of the books, whatever database keeps them.

A use case gets a `Desk`: head office's table with all books open, inside one transaction. It either
finishes and everything is on disk, or fails and nothing is. SQLite implements this today; anything
that can run one guarded statement in the transaction that records a promise can take its place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import msgspec

from hub.domain.policy import Policy
from hub.store.protocol_channels import ChannelBook
from hub.store.protocol_goods import CatalogueBook, ProofBook, SerialBook, StockBook
from hub.store.protocol_numbers import NumberBook
from hub.store.protocol_office import AccessBook, Journal, NodeBook
from hub.store.protocol_presales import PresaleBook
from hub.store.protocol_quotas import QuotaBook
from hub.store.protocol_trade import OrderBook, ParcelBook, ReservationBook, RightsBook
from hub.store.protocol_webhooks import WebhookBook

T = TypeVar("T")


class Expected(msgspec.Struct, frozen=True):
    """What somebody is about to ask a desk for; see `Desk.expect`."""

    warehouse: str
    parcel_ids: tuple[str, ...] = ()
    serials: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()


class Desk(Protocol):
    """Head office's table: all books, inside one transaction."""

    now_ms: int
    actor: str
    policy: Policy
    orders: OrderBook
    parcels: ParcelBook
    rights: RightsBook
    quotas: QuotaBook
    presales: PresaleBook
    stock: StockBook
    serials: SerialBook
    catalogue: CatalogueBook
    journal: Journal
    reservations: ReservationBook
    access: AccessBook
    nodes: NodeBook
    proofs: ProofBook
    channels: ChannelBook
    webhooks: WebhookBook
    numbers: NumberBook

    def new_id(self) -> str:
        """Return a new time-ordered id."""
        ...

    def attempt(self, work: Callable[[], T]) -> T:
        """Run `work` so that its failure undoes only what it did, and raise what it raised."""
        ...

    def expect(self, expected: Expected) -> None:
        """Say what will be asked for, so that a desk that can do so reads it all at once."""
        ...

    def tell(self, topic: str) -> None:
        """Wake whoever waits for `topic`, after the commit."""
        ...


class HubStore(Protocol):
    """A database that keeps the books."""

    def write(self, work: Callable[[Desk], T], *, actor: str) -> Awaitable[T]:
        """Run `work` as one transaction; awaits the commit."""
        ...

    def read(self, query: Callable[[Desk], T]) -> Awaitable[T]:
        """Run `query` on a consistent snapshot; it cannot write."""
        ...
