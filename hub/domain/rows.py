"""What head office's books hold, one frozen struct per kind of line.

Services read and write these; how a database keeps them is the store's business. Times are
milliseconds since 1970 UTC, quantities are units, weights grams, distances metres.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from hub.domain.channel_order import Address, Buyer
from hub.domain.orders import OrderStatus, ParcelState
from hub.domain.review import Hit
from hub.domain.sourcing import Offer
from shared.domain.catalogue import Recipient
from shared.domain.serial import SerialState

RightsAccount = Literal["pool", "held", "ordered", "shipped", "burnt"]
ReservationState = Literal["open", "confirmed", "released", "expired", "used"]


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets an order and where. Personal data, kept apart so that it can be erased."""

    buyer: Buyer
    address: Address
    buyer_remark: str = ""

    def recipient(self) -> Recipient:
        """Return what a courier and a label need of it."""
        address = self.address
        return Recipient(
            name=self.buyer.name,
            phone=self.buyer.phone,
            country=address.country,
            province=address.province,
            city=address.city,
            district=address.district,
            street=address.street,
            postcode=address.postcode,
        )


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """One order; `explanation` is the JSON of the last sourcing decision."""

    order_id: str
    channel: str
    shop: str
    order_no: str
    version: int
    status: OrderStatus
    held: bool
    cancel_asked: bool
    placed_ms: int
    ship_by_ms: int
    received_ms: int
    changed_ms: int
    reasons: tuple[Hit, ...] = ()
    explanation: msgspec.Raw = msgspec.Raw(b"{}")


class OrderLineRow(msgspec.Struct, frozen=True, kw_only=True):
    """One order line; `missing` units are promised to nobody yet."""

    line_no: int
    sku: str
    quantity: int
    unit_price_minor: int
    currency: str
    missing: int


class ParcelRow(msgspec.Struct, frozen=True, kw_only=True):
    """The part of an order that leaves one warehouse in one box.

    Parcels of several orders that leave in the same box have the same `joined_to`: the parcel whose
    waybill is on the box. It is given to no floor before `release_after_ms`.
    """

    parcel_id: str
    order_id: str
    warehouse: str
    state: ParcelState
    distance_m: int | None = None
    courier: str = ""
    waybill: str | None = None
    sort_code: str = ""
    cut_off_ms: int | None = None
    manifest: str = ""
    weight_grams: int | None = None
    labels: int = 0
    explanation: msgspec.Raw = msgspec.Raw(b"{}")
    cancel_command_id: str | None = None
    created_ms: int = 0
    changed_ms: int = 0
    released_ms: int | None = None
    packed_ms: int | None = None
    shipped_ms: int | None = None
    joined_to: str = ""
    release_after_ms: int = 0


class ParcelLineRow(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one order line in one parcel, and what became of them."""

    line_no: int
    sku: str
    quantity: int
    picked: int = 0
    shorted: int = 0
    shipped: int = 0
    returned: int = 0

    @property
    def open_units(self) -> int:
        """Units whose right still stands in the account `ordered`."""
        return self.quantity - self.shorted - self.shipped


class RightsRow(msgspec.Struct, frozen=True, kw_only=True):
    """The accounts of one (SKU, warehouse). Their sum is `minted`, always."""

    sku: str
    warehouse: str
    minted: int
    pool: int
    held: int
    ordered: int
    lent: int
    shipped: int
    sold: int
    burnt: int
    safety_stock: int

    @property
    def atp(self) -> int:
        """Units available to promise."""
        return max(0, self.pool - self.safety_stock)


class QuotaRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one holder (`edge`, or `shop:<channel>/<shop>`) may promise of one SKU by itself.

    `granted`, `returned` and `used` are totals that only grow; `units` is what is left to use.
    """

    warehouse: str
    holder: str
    sku: str
    target: int
    granted: int
    returned: int
    used: int
    units: int
    recall_id: str
    written_off_ms: int | None


class Unbalanced(msgspec.Struct, frozen=True, kw_only=True):
    """An account away from its target: `grant` units more, or ask its holder to `keep` fewer."""

    warehouse: str
    sku: str
    units: int
    grant: int
    keep: int


class Goods(msgspec.Struct, frozen=True):
    """What a promise of some SKUs has to know.

    `weights` are grams of one unit of each SKU the catalogue knows; `waits` says that the hub was
    restored and may not promise everything yet.
    """

    weights: dict[str, int]
    offers: tuple[Offer, ...]
    waits: bool


class Warehouse(msgspec.Struct, frozen=True, kw_only=True):
    """One warehouse and where it stands."""

    warehouse: str
    name: str
    latitude_microdegrees: int
    longitude_microdegrees: int


class SerialRow(msgspec.Struct, frozen=True, kw_only=True):
    """Where one serial number is. `load_id` names an import that its floor has not confirmed."""

    serial: str
    sku: str
    state: SerialState
    warehouse: str
    place: str
    life: int = 1
    parcel_id: str | None = None
    load_id: str | None = None
    changed_ms: int = 0


class SerialEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a serial number's history; `source` names the fact or import it came from."""

    life: int
    event: str
    state: str
    warehouse: str
    place: str
    parcel_id: str | None
    source: str
    actor: str
    at_ms: int


class Dispute(msgspec.Struct, frozen=True, kw_only=True):
    """One serial number that two places claim; a person decides.

    The books keep following the first warehouse; `second_state` is what the second one says, empty
    when it only reports a doubt about a number of its own.
    """

    dispute_id: str
    serial: str
    sku: str
    first_warehouse: str
    second_warehouse: str
    second_state: str
    sentence: str
    opened_ms: int
    settled_ms: int | None = None


class LoadRow(msgspec.Struct, frozen=True, kw_only=True):
    """One command's worth of imported stock: where it went and whether the floor confirmed it."""

    load_id: str
    warehouse: str
    import_id: str
    state: Literal["sent", "loaded", "refused"]
    units: dict[str, int] = {}
    """Units per SKU that the floor has not confirmed."""


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """Units promised to a checkout; `allocations` are (sku, warehouse, quantity)."""

    reservation_id: str
    state: ReservationState
    digest: str
    allocations: tuple[tuple[str, str, int], ...]
    explanation: msgspec.Raw
    made_ms: int
    expires_ms: int
    changed_ms: int


class BookCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What a warehouse's books add up to against the hub's mirror, at one point of its log."""

    warehouse: str
    incarnation: int
    seq: int
    at_ms: int
    edge_digest: str
    hub_digest: str
    edge_units: int
    hub_units: int
    edge_serials: int
    hub_serials: int

    @property
    def matches(self) -> bool:
        """True when both sides say the same."""
        return self.edge_digest == self.hub_digest and self.edge_serials == self.hub_serials


class HubException(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person must look at, in one sentence."""

    exception_id: str
    kind: str
    warehouse: str
    subject: str
    sentence: str
    opened_ms: int
    solved_ms: int | None = None
    solved_by: str | None = None
    note: str = ""


class RecoveryRow(msgspec.Struct, frozen=True):
    """How a later life of the hub began; `ended_ms` once no warehouse is waited for."""

    kind: Literal["restored", "lost"]
    began_ms: int
    ended_ms: int | None


class WaitedFor(msgspec.Struct, frozen=True, kw_only=True):
    """A warehouse that a restored hub waits for. `lines_missing` is known once it has greeted."""

    warehouse: str
    greeted: bool
    lines_missing: int


class MissingLines(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of a warehouse's log that are gone for good."""

    warehouse: str
    incarnation: int
    first_line: int
    last_line: int


class RecoveryCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What a recovery has brought so far."""

    epoch: int
    orders_without_address: int
    orders_to_settle: int
    parcels_learnt: int
    facts_in_quarantine: int
    units_without_a_right: int


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the change feed. No personal data."""

    event_id: int
    at_ms: int
    kind: str
    order_id: str | None
    parcel_id: str | None
    warehouse: str | None
    data: msgspec.Raw


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """An API token; only the hash of its secret is kept."""

    token_id: str
    name: str
    scopes: tuple[str, ...]
    made_ms: int
    revoked_ms: int | None = None


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to what, and why."""

    audit_id: int
    at_ms: int
    actor: str
    action: str
    subject: str
    reason: str


class WarehouseState(msgspec.Struct, frozen=True, kw_only=True):
    """How one warehouse stands with the hub."""

    warehouse: Warehouse
    enrolled: bool
    applied_seq: int
    commands_waiting: int
    units_on_hand: int
    units_loading: int
    disputes: int
    last_check: BookCheck | None
