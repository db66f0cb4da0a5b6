"""Stock, serial numbers, the catalogue and the proofs of all, as the services ask for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from hub.domain.review import Rule
from hub.domain.rows import (
    BookCheck,
    Dispute,
    LoadRow,
    SerialEntry,
    SerialRow,
    Warehouse,
    WarehouseState,
)
from shared.domain.catalogue import Product


class StockBook(Protocol):
    """The mirror of what stands in each warehouse, and the imports on their way to it."""

    def add(self, warehouse: str, sku: str, quantity: int, loading: int = 0) -> None:
        """Change units on hand and units still loading."""
        ...

    def set_aside(self, warehouse: str, sku: str, quantity: int) -> None:
        """Change units that are on hand but not good; they are among the units on hand."""
        ...

    def confirmed(self, warehouse: str) -> dict[str, int]:
        """Return units per SKU that the warehouse's own facts account for."""
        ...

    def page(
        self, filters: dict[str, str], after: tuple[str, str], limit: int
    ) -> list[tuple[str, str, int, int, int]]:
        """Return (warehouse, sku, quantity, loading, set aside), after the pair `after`."""
        ...

    def load(self, load_id: str) -> LoadRow | None:
        """Return one import command with its units per SKU."""
        ...

    def put_load(self, load: LoadRow) -> None:
        """Record an import command."""
        ...

    def confirm_units(self, load_id: str, sku: str, quantity: int) -> None:
        """Note units of an import that the floor has booked."""
        ...

    def end_load(self, load_id: str, state: str) -> None:
        """Tick an import command off as loaded or refused."""
        ...

    def lose_unnamed(self, warehouse: str, sku: str, quantity: int) -> None:
        """Note serial-numbered units that are missing without anybody knowing which."""
        ...

    def row_is_new(self, import_id: str, row_key: str) -> bool:
        """Remember a row of a file; False when it went in before."""
        ...

    def forget_row(self, import_id: str, row_key: str) -> None:
        """Forget a row that turned out to be bad after all."""
        ...

    def put_check(self, check: BookCheck) -> None:
        """Keep the outcome of comparing books."""
        ...

    def last_check(self, warehouse: str) -> BookCheck | None:
        """Return the newest comparison of books with a warehouse."""
        ...


class SerialBook(Protocol):
    """One place per serial number, every life of it, and open disputes."""

    def get(self, serial: str) -> SerialRow | None:
        """Return where a serial number is."""
        ...

    def known(self, serials: Iterable[str]) -> list[SerialRow]:
        """Return those of `serials` that the books know."""
        ...

    def put(self, row: SerialRow, entry: SerialEntry) -> None:
        """Record where a serial number is now, and the history line that says why."""
        ...

    def note(self, serial: str, entry: SerialEntry) -> None:
        """Add a history line without moving the serial number."""
        ...

    def history(self, serial: str) -> list[SerialEntry]:
        """Return every line of a serial number's history, oldest first."""
        ...

    def confirm_load(self, load_id: str, serials: Iterable[str]) -> int:
        """Mark those of `serials` that came with an import as confirmed; return how many."""
        ...

    def of_load(self, load_id: str) -> list[SerialRow]:
        """Return the serial numbers of an import that is not confirmed."""
        ...

    def confirmed_on_hand(self, warehouse: str) -> int:
        """Return how many serial numbers the warehouse's own facts place inside it."""
        ...

    def open_dispute(self, serial: str, second_warehouse: str) -> Dispute | None:
        """Return the dispute that a warehouse opened over a serial number, if nobody settled it."""
        ...

    def put_dispute(self, dispute: Dispute) -> None:
        """Open a dispute, or note what the second warehouse says now."""
        ...

    def disputes(self, serial: str) -> list[Dispute]:
        """Return all disputes over a serial number."""
        ...


class CatalogueBook(Protocol):
    """Goods, warehouses and review rules."""

    def product(self, sku: str) -> Product | None:
        """Return one product."""
        ...

    def products(self, skus: Iterable[str]) -> dict[str, Product]:
        """Return those of `skus` that the catalogue knows."""
        ...

    def put_product(self, product: Product) -> bool:
        """Insert or replace a product; False when it was the same already."""
        ...

    def product_page(self, after: str, limit: int) -> list[Product]:
        """Return products by SKU, after `after`."""
        ...

    def warehouse(self, warehouse: str) -> Warehouse | None:
        """Return one warehouse."""
        ...

    def warehouses(self) -> list[Warehouse]:
        """Return all warehouses by code."""
        ...

    def put_warehouse(self, warehouse: Warehouse) -> bool:
        """Insert or replace a warehouse; False when it was the same already."""
        ...

    def states(self) -> list[WarehouseState]:
        """Return how every warehouse stands with the hub."""
        ...

    def rules(self) -> tuple[Rule, ...]:
        """Return the newest version of every review rule."""
        ...

    def put_rule(self, rule: Rule) -> None:
        """Add a version of a rule; older versions stay, because held orders name them."""
        ...


class ProofBook(Protocol):
    """Sums made again from journals and logs; each check returns sentences, none when it holds."""

    def file_intact(self) -> list[str]:
        """Check the pages and indexes of the file, and every reference between tables."""
        ...

    def chains(self) -> int:
        """Check every line of every log against its hash; return how many were checked.

        Raises BooksBroken at the first line that does not fit.
        """
        ...

    def quarantined(self) -> list[str]:
        """Return the facts that wait in quarantine, one sentence each."""
        ...

    def rights_against_journal(self) -> list[str]:
        """Add the rights journal up again and compare it with every account."""
        ...

    def rights_conserved(self) -> list[str]:
        """Check that no account is negative, none of the rights vanished, none was sold twice."""
        ...

    def rights_covered(self) -> list[str]:
        """Check that every right that is alive has a unit on hand, or is owed."""
        ...

    def promises(self) -> list[str]:
        """Compare promised rights with the open parcels and reservations behind them."""
        ...

    def orders_add_up(self) -> list[str]:
        """Check that each line's units are promised, missing or shipped, and each status right."""
        ...

    def presales(self) -> list[str]:
        """Check that no presale sold more than its quota, and that stock for it is waited for."""
        ...

    def waybills_unique(self) -> list[str]:
        """Check that no waybill is on two parcels."""
        ...

    def serials_single(self) -> list[str]:
        """Check that no life of a serial number left twice, and none is where no unit is."""
        ...

    def on_hand(self) -> dict[tuple[str, str], int]:
        """Return the mirror: units per (warehouse, sku)."""
        ...

    def unconfirmed_loads(self) -> dict[tuple[str, str], int]:
        """Return units per (warehouse, sku) of imports that no floor has booked yet."""
        ...

    def checks(self) -> list[BookCheck]:
        """Return the newest comparison of books with each warehouse."""
        ...
