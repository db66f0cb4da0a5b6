"""A batch of facts is counted whole, with the very books that counting one by one gives.

Method: one long log with everything in it that floors write, also what does not fit, is counted by
two hubs with the same clock and the same entropy: fact by fact, and in batches of random lengths.
Then all tables of both are compared, row by row.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hub.services.apply_facts import project, project_all
from hub.store.open_books import open_books
from hub.store.sqlite.hub_store import SqliteHub
from hub.sync.apply import apply_batch
from shared.domain.facts import (
    ZERO_HASH,
    BooksDigested,
    CancelConfirmed,
    CommandAccepted,
    CommandRefused,
    Fact,
    FactRecord,
    GoodsReceived,
    LabelPrinted,
    ParcelPacked,
    ParcelShipped,
    PickingStarted,
    SerialDisputed,
    ShippedLine,
    ShortPicked,
    StockLoaded,
    StockMoved,
    StockRow,
    UnitPicked,
    chain_hash,
    encode_fact,
    kind_of,
    stock_digest,
)
from shared.domain.ports import Clock
from tests.benchmarks.office_before import Office

SEEDS = (1, 2, 3)
ORDERS = 40
SKUS = 60
LENGTHS = (2, 7, 60, 256)
LOG = 7


class StandingClock(Clock):
    """It is always the same moment, so that two hubs write the same."""

    def wall_ms(self) -> int:
        return 1_790_000_000_000

    def mono_ms(self) -> int:
        return 1


class Counted:
    """Bytes that look random and are the same in both hubs."""

    def __init__(self) -> None:
        self._dice = random.Random(5)

    def token_bytes(self, count: int) -> bytes:
        return self._dice.randbytes(count)


def story(office: Office, dice: random.Random) -> list[Fact]:
    """Return a log with ordinary work and with trouble of every kind, in a shuffled order."""
    facts: list[Fact] = [StockLoaded(load_id=one.load_id, rows=one.rows) for one in office.opening]
    free: dict[str, list[str]] = {}
    for load in office.opening:
        for row in load.rows:
            free.setdefault(row.sku, []).extend(row.serials)
    stories = [list(_parcel_story(office, parcel, free, dice)) for parcel in office.parcels]
    stories.append(list(_goods_story(office)))
    while stories:
        one = dice.choice(stories)
        facts.append(one.pop(0))
        if not one:
            stories.remove(one)
    return facts


def _parcel_story(
    office: Office, parcel: Any, free: dict[str, list[str]], dice: random.Random
) -> Iterator[Fact]:
    name, first = parcel.parcel_id, parcel.lines[0]
    if dice.random() < 0.1:
        yield CommandRefused(command_id=f"assign-{name}", code="no_room", sentence="No room.")
        return
    yield CommandAccepted(command_id=f"assign-{name}")
    yield PickingStarted(parcel_ids=(name,), wave="W1")
    if dice.random() < 0.2:
        yield ShortPicked(
            parcel_id=name, line_no=1, sku=first.sku, quantity=1, bin="A01", reason="missing"
        )
    if dice.random() < 0.1:
        yield CancelConfirmed(command_id=f"cancel-{name}", parcel_id=name)
        return
    lines = []
    for line in parcel.lines:
        serials = tuple(free[line.sku].pop() for _ in range(line.quantity) if free.get(line.sku))
        row = StockRow(office.bin_of(line.sku), line.sku, line.quantity, serials)
        yield UnitPicked(parcel_id=name, line_no=line.line_no, row=row, tote="C1-01")
        lines.append(ShippedLine(line.line_no, line.sku, line.quantity, serials))
    yield ParcelPacked(parcel_id=name, weight_grams=500, lines=tuple(lines))
    yield LabelPrinted(parcel_id=name, waybill=dice.choice((parcel.waybill, "X1")), copy_no=1)
    if dice.random() < 0.8:
        gone = tuple(lines if dice.random() < 0.8 else lines[:1])
        yield ParcelShipped(parcel_id=name, waybill=parcel.waybill, manifest="M", lines=gone)


def _goods_story(office: Office) -> Iterator[Fact]:
    for number in range(30):
        sku = office.skus[number]
        row = StockRow("DOCK", sku, 2, (f"N{number}-1", f"N{number}-2"))
        yield GoodsReceived(receipt_id="R1", row=row)
        yield StockMoved(row=StockRow("DOCK", sku, 1, (f"N{number}-1",)), to_bin="B1")
    yield GoodsReceived(receipt_id="R2", row=StockRow("DOCK", "NEVER-SEEN", 3))
    yield GoodsReceived(receipt_id="R2", row=StockRow("DOCK", "NEVER-SEEN", 3))
    yield GoodsReceived(receipt_id="R3", row=StockRow("DOCK", office.skus[0], 1, ("N1-1",)))
    yield SerialDisputed(sku=office.skus[0], serial="N2-1", sentence="Two of them.")
    stray = (ShippedLine(1, office.skus[3], 1),)
    yield ParcelShipped(parcel_id="STRAY", waybill="S1", manifest="M", lines=stray)
    yield StockLoaded(load_id="UNKNOWN", rows=(StockRow("B2", office.skus[4], 2),))
    yield BooksDigested(digest=stock_digest({"A": 1}), units=1, serials=0)
    yield BooksDigested(digest=stock_digest({"A": 2}), units=2, serials=0)


def chained(facts: list[Fact]) -> list[FactRecord]:
    """Return the lines of the log of `facts`; two of them are of a kind this hub does not know."""
    records = []
    before = ZERO_HASH
    for seq, fact in enumerate(facts, 1):
        body, kind = encode_fact(fact), kind_of(fact)
        if seq in {len(facts) // 2, len(facts) - 20}:
            body, kind = b'{"kind":"from_the_future"}', "from_the_future"
        digest = chain_hash(before, "SHA", LOG, seq, kind, 1, body)
        records.append(
            FactRecord("SHA", LOG, seq, before, digest, kind, 1, body, 5, 5, f"op-{seq}", "BDG")
        )
        before = digest
    return records


@contextmanager
def hub(path: Path, url: str) -> Iterator[tuple[SqliteHub, Office]]:
    books = open_books(path, url, StandingClock(), Counted())
    office = Office(books, ORDERS, skus=SKUS)
    books.database.write_sync(
        lambda tx: tx.sql.execute(
            "INSERT INTO node_logs (node, incarnation, applied_hash, first_seen_ms)"
            " VALUES ('SHA', ?, ?, 0)",
            (LOG, ZERO_HASH),
        )
    )
    yield books, office
    books.close()


def count(
    books: SqliteHub, records: list[FactRecord], dice: random.Random, lengths: tuple[int, ...]
) -> int:
    """Have `records` counted in batches of these lengths; return how many went to quarantine."""

    def one(tx: Any, record: FactRecord) -> None:
        project(books.desk(tx, "edge:SHA"), record)

    def many(tx: Any, batch: Any) -> None:
        desk = books.batch_desk(tx, "edge:SHA")
        project_all(desk, batch)
        desk.finish()

    at = quarantined = 0
    while at < len(records):
        batch = records[at : at + dice.choice(lengths)]
        at += len(batch)
        outcome = books.database.write_sync(
            lambda tx, batch=batch: apply_batch(  # type: ignore[misc]
                tx, "SHA", LOG, batch, one, wall_ms=1, project_all=many
            )
        )
        quarantined += outcome.quarantined
    return quarantined


def rows(books: SqliteHub) -> dict[str, list[Any]]:
    """Return every row of every table that a fact can change, without its random ids."""

    def dump(sql: Any) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for table, columns in TABLES.items():
            asked = f"SELECT {columns} FROM {table}"
            found[table] = sorted((tuple(row) for row in sql.execute(asked)), key=repr)
        return found

    return books.database.read_sync(dump)


TABLES = {
    "orders": "order_no, status, held, cancel_asked, changed_ms, reasons, explanation",
    "order_lines": "line_no, sku, quantity, missing",
    "parcels": "warehouse, state, waybill, manifest, weight_grams, labels, packed_ms, shipped_ms",
    "parcel_lines": "line_no, sku, quantity, picked, shorted, shipped, returned",
    "rights": "sku, minted, pool, held, ordered, shipped, burnt",
    "rights_journal": "sku, source, target, quantity, at_ms",
    "on_hand": "warehouse, sku, quantity, loading, unnamed_lost, set_aside",
    "serials": "serial, sku, state, warehouse, place, life, load_id IS NULL, changed_ms",
    "serial_history": "serial, life, event, state, place, source, actor, at_ms",
    "disputes": "serial, sku, first_warehouse, second_warehouse, second_state, sentence",
    "exceptions": "kind, warehouse, opened_ms, solved_ms",
    "events": "kind, warehouse, at_ms",
    "arrivals": "sku, after_order_id",
    "products": "sku, name",
    "stock_loads": "warehouse, state",
    "stock_load_units": "sku, quantity, loaded",
    "book_checks": "seq, hub_digest, hub_units, hub_serials, matches",
    "quarantine": "seq, kind, error, code",
    "facts": "seq, hash",
}


@pytest.mark.parametrize(
    ("store", "seed"),
    [*(("sqlite", seed) for seed in SEEDS), ("postgres", SEEDS[0])],
    indirect=["store"],
)
def test_a_log_counted_in_batches_gives_the_books_that_counting_one_by_one_gives(
    tmp_path: Path, store: Callable[[], str], seed: int
) -> None:
    found = []
    for name in ("single", "batched"):
        dice = random.Random(seed)
        with hub(tmp_path / f"{name}.db", store()) as (books, office):
            records = chained(story(office, dice))
            assert count(books, records, dice, (1,) if name == "single" else LENGTHS) == 2
            found.append(rows(books))
    single, batched = found
    assert batched == single
    assert single["disputes"]
    assert single["exceptions"]
    assert any(row[0] == "short_picked" for row in single["events"])


def test_what_a_batch_keeps_back_is_seen_by_a_statement_that_knows_nothing_of_it(
    tmp_path: Path, store: Callable[[], str]
) -> None:
    with hub(tmp_path / "hub.db", store()) as (books, office):

        def work(tx: Any) -> list[Any]:
            desk = books.batch_desk(tx, "test")
            parcel = desk.parcels.get(office.parcels[0].parcel_id)
            assert parcel is not None
            desk.stock.add("SHA", office.skus[0], 5)
            desk.rights.mint(office.skus[0], "SHA", 5, "test")
            seen = [desk.sql.execute("SELECT sum(minted) FROM rights").fetchone()[0]]
            desk.sql.execute("UPDATE parcels SET labels = 9")
            again = desk.parcels.get(parcel.parcel_id)
            assert again is not None
            seen.append(again.labels)
            desk.finish()
            return seen

        minted = len(office.skus) * 60
        assert books.database.write_sync(work) == [minted + 5, 9]
