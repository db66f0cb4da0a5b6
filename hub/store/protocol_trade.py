"""Orders, parcels, rights and reservations, as the services ask for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from hub.domain.conditions import History
from hub.domain.order_keys import OrderKeys
from hub.domain.rows import (
    Goods,
    OrderLineRow,
    OrderRow,
    ParcelLineRow,
    ParcelRow,
    Person,
    Reservation,
    RightsAccount,
    RightsRow,
)
from hub.domain.sourcing import Offer


class OrderBook(Protocol):
    """Orders, their lines, their versions and, apart, the people behind them."""

    def get(self, order_id: str) -> OrderRow | None:
        """Return one order."""
        ...

    def by_key(self, channel: str, shop: str, order_no: str) -> OrderRow | None:
        """Return the order that a channel calls `order_no`."""
        ...

    def put(self, order: OrderRow) -> None:
        """Insert or replace one order."""
        ...

    def person(self, order_id: str) -> Person:
        """Return who gets the order; blank once erased."""
        ...

    def put_person(self, order_id: str, person: Person) -> None:
        """Insert or replace the person behind an order."""
        ...

    def lines(self, order_id: str) -> list[OrderLineRow]:
        """Return the lines by number."""
        ...

    def replace_lines(self, order_id: str, lines: Iterable[OrderLineRow]) -> None:
        """Make `lines` the lines of the order."""
        ...

    def set_missing(self, order_id: str, line_no: int, missing: int) -> None:
        """Record how many units of a line nobody has promised."""
        ...

    def version(self, order_id: str, version: int) -> tuple[str, bytes] | None:
        """Return (digest, first answer) of a version that came before."""
        ...

    def put_version(self, order_id: str, version: int, digest: str, answer: bytes) -> None:
        """Record what a version said and what it was answered."""
        ...

    def put_keys(self, order_id: str, keys: OrderKeys) -> None:
        """Record by what the order's buyer, door and lines are recognised."""
        ...

    def flags(self, order_id: str) -> tuple[str, ...]:
        """Return the marks on an order, such as `vip`."""
        ...

    def history(
        self, keys: OrderKeys, *, since_ms: int, until_ms: int, but_order_id: str
    ) -> History:
        """Return what the same buyer did from `since_ms` to `until_ms`, one order left out."""
        ...

    def avoid(self, order_id: str, sku: str, warehouse: str) -> None:
        """Do not promise `sku` to the order from `warehouse` until stock comes in there."""
        ...

    def avoided(self, order_id: str) -> set[tuple[str, str]]:
        """Return (sku, warehouse) that must not serve the order now."""
        ...

    def trust_again(self, sku: str, warehouse: str) -> None:
        """Stock of `sku` came in at `warehouse`: every order may have it from there again."""
        ...

    def waiting_for(self, sku: str, after_order_id: str, limit: int) -> list[str]:
        """Return ids of orders that lack units of `sku`, oldest first."""
        ...

    def open_pool(self, after_order_id: str, limit: int) -> list[str]:
        """Return ids of orders whose picking has not begun, oldest first."""
        ...

    def page(self, filters: dict[str, str], before: str, limit: int) -> list[OrderRow]:
        """Return orders, newest first, older than the order `before` (empty: from the newest)."""
        ...

    def count_by_status(self) -> dict[str, int]:
        """Return how many orders stand where."""
        ...


class ParcelBook(Protocol):
    """Parcels, their lines, and the numbers of waybills given out."""

    def get(self, parcel_id: str) -> ParcelRow | None:
        """Return one parcel."""
        ...

    def put(self, parcel: ParcelRow) -> None:
        """Insert or replace one parcel."""
        ...

    def of_order(self, order_id: str) -> list[ParcelRow]:
        """Return the parcels of an order, oldest first."""
        ...

    def lines(self, parcel_id: str) -> list[ParcelLineRow]:
        """Return the lines of a parcel by number."""
        ...

    def put_lines(self, parcel_id: str, lines: Iterable[ParcelLineRow]) -> None:
        """Insert or replace lines of a parcel."""
        ...

    def releasable(self, now_ms: int, limit: int) -> list[ParcelRow]:
        """Return reserved parcels of enrolled warehouses that wait for company no longer."""
        ...

    def to_same_door(self, order_id: str, limit: int) -> list[ParcelRow]:
        """Return reserved parcels of any warehouse to the order's buyer and door, oldest first."""
        ...

    def in_box(self, joined_to: str) -> list[ParcelRow]:
        """Return the parcels in one box: the one whose waybill is on it first, then by age."""
        ...

    def page(self, filters: dict[str, str], before: str, limit: int) -> list[ParcelRow]:
        """Return parcels, newest first, older than `before` (empty: from the newest)."""
        ...

    def count_by_state(self) -> dict[str, int]:
        """Return how many parcels stand where."""
        ...

    def open_by_warehouse(self) -> dict[str, int]:
        """Return how many parcels each floor has, or will have, to work off."""
        ...

    def totals(self) -> dict[str, int]:
        """Return units shipped, units short, and labels printed over all parcels."""
        ...

    def next_number(self, counter: str) -> int:
        """Return the next number of a counter; no number is given twice."""
        ...

    def number_given(self, counter: str, number: int) -> None:
        """Take note of a number that an earlier life of the hub has given."""
        ...

    def reserved_with(self, sku: str, warehouse: str) -> list[ParcelRow]:
        """Return parcels of a warehouse that no floor has and that want `sku`, newest first."""
        ...


class RightsBook(Protocol):
    """Who may promise a unit: double entry per (SKU, warehouse) with a journal."""

    def get(self, sku: str, warehouse: str) -> RightsRow | None:
        """Return the accounts of one SKU in one warehouse."""
        ...

    def of_skus(self, skus: Iterable[str]) -> list[RightsRow]:
        """Return the accounts of these SKUs in all warehouses."""
        ...

    def goods(self, skus: Iterable[str]) -> Goods:
        """Return what a promise of these SKUs has to know, in one question."""
        ...

    def owed(self, warehouse: str) -> dict[str, int]:
        """Return the units per SKU that are owed in one warehouse: promised, and not there."""
        ...

    def offers(self, skus: Iterable[str]) -> list[Offer]:
        """Return what each warehouse may still promise of these SKUs."""
        ...

    def mint(self, sku: str, warehouse: str, quantity: int, reference: str) -> None:
        """Make new rights in the pool, for units that came into being by a receipt or import."""
        ...

    def reserve(
        self, sku: str, warehouse: str, quantity: int, target: RightsAccount, reference: str
    ) -> bool:
        """Take units out of the pool above safety stock, or change nothing and return False."""
        ...

    def hold(self, wanted: Iterable[tuple[str, str, int, str]]) -> bool:
        """Hold units for many at once: (sku, warehouse, quantity, reference) each.

        False: not everything was there, and the caller must undo what was held.
        """
        ...

    def move(
        self,
        sku: str,
        warehouse: str,
        quantity: int,
        source: RightsAccount,
        target: RightsAccount,
        reference: str,
    ) -> bool:
        """Move units between two accounts, or change nothing and return False."""
        ...

    def burn(
        self, sku: str, warehouse: str, quantity: int, target: RightsAccount, reference: str
    ) -> int:
        """Take rights of units that are gone out of the pool; return how many are owed instead.

        What is owed is paid by the next rights that enter the pool, before anybody gets them.
        """
        ...

    def set_safety_stock(self, sku: str, warehouse: str, quantity: int) -> None:
        """Keep `quantity` units unpromised, also of goods that are still to come."""
        ...

    def totals(self) -> dict[str, int]:
        """Return the sum of each account over all SKUs and warehouses."""
        ...

    def next_arrival(self) -> tuple[str, str] | None:
        """Return (SKU, id of the order tried last) of one arrival to work off."""
        ...

    def note_arrival(self, sku: str) -> None:
        """Remember that the pool of `sku` grew, if anybody waits for it."""
        ...

    def arriving(self, sku: str) -> bool:
        """Say whether orders that wait for `sku` are still to be tried."""
        ...

    def move_arrival(self, sku: str, after_order_id: str | None) -> None:
        """Remember how far an arrival is worked off; None: it is done."""
        ...


class ReservationBook(Protocol):
    """Units promised to checkouts."""

    def get(self, reservation_id: str) -> Reservation | None:
        """Return one reservation."""
        ...

    def put(self, reservation: Reservation) -> None:
        """Insert or replace a reservation."""
        ...

    def known(self, reservation_ids: Iterable[str]) -> dict[str, Reservation]:
        """Return those of `reservation_ids` that exist, by id."""
        ...

    def add(self, reservations: Iterable[Reservation]) -> None:
        """Insert reservations that are new, all at once."""
        ...

    def holding(self, sku: str, warehouse: str) -> list[Reservation]:
        """Return open and confirmed reservations of these units, the first to expire first."""
        ...

    def expired(self, now_ms: int, limit: int) -> list[Reservation]:
        """Return open reservations whose time is over."""
        ...
