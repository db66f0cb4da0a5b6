"""Waybill numbers in the pool, on loan and on parcels, as the services ask for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from hub.domain.number_rows import LeaseRow, NumberRecord, WaybillRequest


class NumberBook(Protocol):
    """Every number couriers handed out in advance, and what each warehouse was lent."""

    def get(self, numbers: Sequence[str]) -> dict[str, NumberRecord]:
        """Return those of `numbers` that are known."""
        ...

    def put(self, records: Iterable[NumberRecord]) -> None:
        """Insert or replace numbers; a new one goes behind all others of its courier."""
        ...

    def on_parcels(self, numbers: Sequence[str]) -> frozenset[str]:
        """Return those of `numbers` that are some parcel's waybill."""
        ...

    def free(self, courier: str, limit: int) -> list[str]:
        """Return free numbers of a courier in the order in which they are lent."""
        ...

    def leased(self, warehouse: str) -> list[NumberRecord]:
        """Return the numbers a warehouse was lent and has not used."""
        ...

    def counts(self) -> dict[tuple[str, str, str], int]:
        """Return how many numbers there are per (courier, state, warehouse)."""
        ...

    def used_since(self, since_ms: int) -> dict[tuple[str, str], int]:
        """Return how many leased numbers each (courier, warehouse) has used since then."""
        ...

    def waiting(self) -> dict[tuple[str, str], int]:
        """Return how many released parcels per (courier, warehouse) have no number yet."""
        ...

    def lease(self, warehouse: str, courier: str) -> LeaseRow:
        """Return what a warehouse was ever lent for a courier; all zero for nothing."""
        ...

    def leases(self) -> list[LeaseRow]:
        """Return every lease."""
        ...

    def put_lease(self, lease: LeaseRow) -> None:
        """Insert or replace a lease."""
        ...

    def edges(self) -> list[str]:
        """Return the warehouses that have an edge."""
        ...

    def due_requests(self, couriers: Sequence[str], limit: int) -> list[WaybillRequest]:
        """Return parcels that wait for a number these couriers issue when asked, and are due."""
        ...

    def request(self, parcel_id: str) -> WaybillRequest:
        """Return how often a parcel's number was asked for; untried when never."""
        ...

    def put_request(self, request: WaybillRequest) -> None:
        """Record how often a courier was asked for a parcel's number."""
        ...

    def drop_request(self, parcel_id: str) -> None:
        """The parcel waits for no number any more."""
        ...

    def revive_requests(self, courier: str) -> int:
        """Ask again for every parcel that was given up with a courier; return how many."""
        ...

    def troubles(self) -> list[str]:
        """Return a sentence for every number that is not where exactly one owner has it."""
        ...
