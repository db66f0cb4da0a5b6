"""A hub with orders on its books, and what one warehouse does about them while nobody hears it.

The benchmarks of the line need a log as a floor writes it: carts leave, units are picked one scan
at a time, parcels are packed and labelled, couriers come four times a day, and goods arrive in
between. The orders are taken in, promised and released by the hub's own services; the facts have
the bodies and the order that the edge's services give them. The mix is in `MIX`, and the books at
the end must agree to the unit, which `check` proves.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from edge.store import fact_log as edge_log
from hub.services.apply_facts import project, project_all
from hub.services.verify_books import verify_books
from hub.store import fact_log as hub_log
from hub.store.sqlite.hub_store import SqliteHub
from shared.domain.commands import AssignParcel
from shared.domain.facts import (
    BooksDigested,
    Fact,
    GoodsReceived,
    LabelPrinted,
    ParcelPacked,
    ParcelShipped,
    PickingStarted,
    ShippedLine,
    StockLoaded,
    StockMoved,
    StockRow,
    UnitPicked,
    stock_digest,
)
from shared.runtime.database import Database
from tests.benchmarks.office_before import NODE, Office, policy

PARCELS_PER_CART = 20
QUARTERS = 14 * 4
"""Fourteen days, with couriers four times a day."""
FACTS_PER_DIGEST = 595
"""The edge digests its books once an hour while the line is down; this many facts lie between."""
APPEND_PER_COMMIT = 500
MIX = {
    "parcels": 0.124,
    "serial units received one by one": 0.24,
    "cases received": 0.06,
    "serial ranges received, 20 units each": 0.012,
    "moves": 0.06,
}
"""How many of each per fact of the log; a parcel makes 4.6 facts."""


class Floor:
    """What the floor does in fourteen days, as an endless-looking stream of facts."""

    def __init__(self, office: Office, facts: int) -> None:
        """`facts` is about how many the whole log will have."""
        self._office = office
        self._facts = facts
        self._dice = random.Random(11)
        self._on_hand: Counter[str] = Counter()
        self._free: dict[str, list[str]] = {}
        self._serials_on_hand = 0
        self._serial_no = 0
        self._picked: dict[str, dict[int, list[str]]] = {}
        self._full = {sku for sku in office.skus if policy(int(sku[-5:])) == "full"}

    def opening(self) -> Iterator[Fact]:
        """Yield the confirmations of the opening stock, from before the cut."""
        for load in self._office.opening:
            fact = StockLoaded(load_id=load.load_id, rows=load.rows)
            for row in load.rows:
                self._free.setdefault(row.sku, []).extend(row.serials)
            self._book(fact)
            yield fact

    def days(self) -> Iterator[Fact]:
        """Yield everything that happened while the line was down."""
        parcels = self._office.parcels
        written = 0
        for quarter in range(QUARTERS):
            start, end = (len(parcels) * (quarter + step) // QUARTERS for step in (0, 1))
            for fact in self._quarter(parcels[start:end]):
                self._book(fact)
                yield fact
                written += 1
                if written % FACTS_PER_DIGEST == 0:
                    yield self._digest()

    def _quarter(self, parcels: list[AssignParcel]) -> Iterator[Fact]:
        carts = [
            parcels[start : start + PARCELS_PER_CART]
            for start in range(0, len(parcels), PARCELS_PER_CART)
        ]
        share = self._facts / QUARTERS
        other = [kind for kind, rate in list(MIX.items())[1:] for _ in range(round(rate * share))]
        self._dice.shuffle(other)
        every = max(1, len(other) // max(1, len(carts)))
        for number, cart in enumerate(carts):
            work = [
                *self._pick(cart, f"WV-{number:05}"),
                *(fact for parcel in cart for fact in self._pack(parcel)),
            ]
            goods = [other.pop() for _ in range(min(every, len(other)))]
            yield from self._woven(work, goods)
        for kind in other:
            yield self._other(kind)
        for parcel in parcels:
            yield self._ship(parcel)

    def _woven(self, work: list[Fact], goods: list[str]) -> Iterator[Fact]:
        """Yield both in their own order, as two people on one floor write them."""
        while work or goods:
            if work and self._dice.random() < len(work) / (len(work) + len(goods)):
                yield work.pop(0)
            else:
                yield self._other(goods.pop()) if goods else work.pop(0)

    def _pick(self, cart: list[AssignParcel], wave: str) -> list[Fact]:
        facts: list[Fact] = [
            PickingStarted(parcel_ids=tuple(one.parcel_id for one in cart), wave=wave)
        ]
        for slot, parcel in enumerate(cart, 1):
            for line in parcel.lines:
                for _ in range(line.quantity):
                    serials = (self._free[line.sku].pop(),) if line.sku in self._full else ()
                    units = self._picked.setdefault(parcel.parcel_id, {})
                    units.setdefault(line.line_no, []).extend(serials)
                    row = StockRow(self._office.bin_of(line.sku), line.sku, 1, serials)
                    facts.append(
                        UnitPicked(
                            parcel_id=parcel.parcel_id,
                            line_no=line.line_no,
                            row=row,
                            tote=f"CART-07-{slot:02}",
                        )
                    )
        return facts

    def _lines(self, parcel: AssignParcel) -> tuple[ShippedLine, ...]:
        units = self._picked[parcel.parcel_id]
        for line in parcel.lines:
            if not units[line.line_no] and policy(int(line.sku[-5:])) == "ship":
                for _ in range(line.quantity):
                    self._serial_no += 1
                    units[line.line_no].append(f"OUT-{self._serial_no:09}")
        return tuple(
            ShippedLine(line.line_no, line.sku, line.quantity, tuple(units[line.line_no]))
            for line in parcel.lines
        )

    def _pack(self, parcel: AssignParcel) -> list[Fact]:
        lines = self._lines(parcel)
        return [
            ParcelPacked(parcel_id=parcel.parcel_id, weight_grams=720, lines=lines),
            LabelPrinted(parcel_id=parcel.parcel_id, waybill=parcel.waybill, copy_no=1),
        ]

    def _ship(self, parcel: AssignParcel) -> Fact:
        return ParcelShipped(
            parcel_id=parcel.parcel_id,
            waybill=parcel.waybill,
            manifest="MF-0001",
            lines=self._lines(parcel),
        )

    def _other(self, kind: str) -> Fact:
        full = kind.startswith("serial")
        sku = self._dice.choice(self._office.skus)
        while (sku in self._full) != full:
            sku = self._dice.choice(self._office.skus)
        bin_code = self._office.bin_of(sku)
        if kind == "moves":
            return StockMoved(row=StockRow("DOCK-1", sku, 6), to_bin=bin_code)
        units = 1 if "one by one" in kind else 20 if full else 12
        serials = []
        for _ in range(units if full else 0):
            self._serial_no += 1
            serials.append(f"{sku}-R{self._serial_no:08}")
        row = StockRow(bin_code, sku, units, tuple(serials))
        self._free.setdefault(sku, []).extend(serials)
        return GoodsReceived(receipt_id="ASN-2026-0001", row=row)

    def _book(self, fact: Fact) -> None:
        """Keep the floor's own count of units and serial numbers inside."""
        if isinstance(fact, StockLoaded | GoodsReceived):
            for row in fact.rows if isinstance(fact, StockLoaded) else (fact.row,):
                self._on_hand[row.sku] += row.quantity
                self._serials_on_hand += len(row.serials)
        elif isinstance(fact, ParcelPacked):
            for line in fact.lines:
                self._serials_on_hand += 0 if line.sku in self._full else len(line.serials)
        elif isinstance(fact, ParcelShipped):
            for line in fact.lines:
                self._on_hand[line.sku] -= line.quantity
                self._serials_on_hand -= len(line.serials)

    def _digest(self) -> Fact:
        return BooksDigested(
            digest=stock_digest(self._on_hand),
            units=sum(self._on_hand.values()),
            serials=self._serials_on_hand,
        )


def write_log(database: Database, facts: Iterator[Fact]) -> int:
    """Append `facts` to an edge's log as its services do; return how many there were."""
    count = 0
    while True:
        part = list(islice(facts, APPEND_PER_COMMIT))
        if not part:
            return count

        def work(tx: Any, part: list[Fact] = part, first: int = count) -> None:
            for number, fact in enumerate(part, first):
                edge_log.append(
                    tx.sql, fact, op_id=f"0192f1c2-7e1b-7a43-9c1e-{number:012}",
                    actor="BDG-0007", wall_ms=1_790_000_000_000 + number * 6_000, mono_ms=number,
                )  # fmt: skip

        database.write_sync(work)
        count += len(part)


def counting(books: SqliteHub) -> Any:
    """Return what counts a fact in `books`, as the hub's node does."""

    def count(transaction: Any, record: Any) -> None:
        project(books.desk(transaction, f"edge:{record.node}"), record)

    return count


def counting_all(books: SqliteHub) -> Any:
    """Return what counts a batch of facts in `books`, as the hub's node does."""

    def count(transaction: Any, records: Any) -> None:
        desk = books.batch_desk(transaction, f"edge:{records[0].node}")
        project_all(desk, records)
        desk.finish()

    return count


def check(books: SqliteHub, node: str = NODE) -> dict[str, Any]:
    """Return the proofs, what waits for a person, and whether the books equal the floor's."""
    report = books.read_sync(verify_books)
    asked = {"open": "yes"}
    exceptions = books.read_sync(lambda desk: desk.journal.exceptions(asked, "", 1_000))
    checks = books.database.read_sync(
        lambda sql: sql.execute(
            "SELECT count(*), sum(matches) FROM book_checks WHERE warehouse = ?", (node,)
        ).fetchone()
    )
    return {
        "verified": all(one.holds for one in report.checks),
        "broken": [one.promise for one in report.checks if not one.holds],
        "exceptions": dict(Counter(one.kind for one in exceptions)),
        "quarantined": len(books.database.read_sync(hub_log.quarantined)),
        "digests": checks[0],
        "digests_equal": checks[1],
    }


def size_of(path: Path) -> int:
    """Return the bytes of a database file with its log."""
    return sum(part.stat().st_size for part in path.parent.glob(path.name + "*"))


def mix_of(database: Database) -> dict[str, int]:
    """Return how many facts of each kind a log has."""
    return {
        row[0]: row[1]
        for row in database.read_sync(
            lambda sql: sql.execute("SELECT kind, count(*) FROM facts GROUP BY kind").fetchall()
        )
    }


class Sizes(msgspec.Struct, frozen=True):
    """How large the run is."""

    facts: int

    @property
    def orders(self) -> int:
        """Orders that the floor works off in it."""
        return round(self.facts * MIX["parcels"])
