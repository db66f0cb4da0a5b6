"""What a restored hub learns from floors: parcels, rights, imports; an order never leaves twice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.services.decide_order import cancel
from hub.services.recover import settle_recovery
from hub.services.recovery_report import report_recovery
from hub.store import backup, nodes, recovering
from shared.domain.errors import BincardError, Unavailable
from shared.domain.facts import (
    ZERO_HASH,
    AssignedLine,
    AssignedParcel,
    CommandAccepted,
    ParcelShipped,
    ShippedLine,
    StockLoaded,
    StockRow,
)
from shared.runtime.clock import SystemClock, SystemEntropy
from shared.sync.protocol import Epoch, Hello, LogMark

CLOCK = SystemClock()


def began(books: Any, kind: Any = "restored") -> int:
    """Let the hub begin another life, with both warehouses enrolled."""

    def work(tx: Any) -> int:
        for warehouse in ("SHA", "CAN"):
            if nodes.owner_of(tx.sql, f"key-{warehouse}") is None:
                nodes.add_key(tx.sql, warehouse, f"key-{warehouse}", 1)
        return backup.begin_new_life(tx.sql, SystemEntropy(), CLOCK.wall_ms(), kind=kind)

    return int(books.hub.database.write_sync(work))


def heard(books: Any, *warehouses: str) -> None:
    """Let warehouses greet; what their floors told so far is all there is."""

    def work(tx: Any) -> None:
        for warehouse in warehouses:
            greeting = Hello(
                1, 1, warehouse, 7, None, 2, (LogMark(7, 0, ZERO_HASH),), Epoch(1, b"hub-one."),
                (), 0, (), "s", "1", 1, bytes(16),
            )  # fmt: skip
            recovering.greeted(tx.sql, greeting)

    books.hub.database.write_sync(work)
    while books.write(settle_recovery):
        pass


def assigned(name: str, order_no: str, units: int, version: int = 1) -> CommandAccepted:
    return CommandAccepted(
        command_id=f"assign-{name}",
        parcel=AssignedParcel(
            parcel_id=name, order_id=f"O-{order_no}", channel="taobao", shop="main",
            order_no=order_no, courier="SF", waybill="SF100000000512", sort_code="021A-B1-001",
            cut_off_ms=1, lines=(AssignedLine(1, "CABLE", units),), order_version=version,
        ),
    )  # fmt: skip


def loaded(units: int, import_id: str = "first") -> StockLoaded:
    row = StockRow("B1", "CABLE", units)
    return StockLoaded(load_id="L1", rows=(row,), import_id=import_id)


def left(name: str, units: int) -> ParcelShipped:
    lines = (ShippedLine(1, "CABLE", units),)
    return ParcelShipped(parcel_id=name, waybill="SF100000000512", manifest="M1", lines=lines)


def kinds(books: Any) -> list[str]:
    found = books.read(lambda desk: desk.journal.exceptions({"open": "yes"}, "", 50))
    return sorted(one.kind for one in found)


def test_a_parcel_of_the_forgotten_days_is_adopted_and_its_order_completed_by_the_shop(
    books, floor
):
    began(books, "lost")
    sha = floor("SHA")
    sha.tell(loaded(5), assigned("P1", "A1", 2), left("P1", 2))
    report = books.read(report_recovery)
    assert (report.orders_without_address, report.parcels_learnt) == (1, 1)
    answer = books.order("A1", ("CABLE", 2))
    assert (answer["order_id"], answer["status"]) == ("O-A1", "shipped")
    heard(books, "SHA", "CAN")
    assert books.order_row("O-A1").status == "shipped"
    assert len(books.parcels("O-A1")) == 1
    assert books.rights("CABLE", "SHA") == {"pool": 3, "shipped": 2}
    assert books.verify().holds
    report = books.read(report_recovery)
    assert (report.state, report.orders_without_address) == ("NORMAL", 0)


def test_an_order_sent_again_before_the_report_waits_and_keeps_what_the_floor_has(books, floor):
    books.stock("CAN,B1,CABLE,5,")
    began(books)
    waits = books.order("A1", ("CABLE", 2))
    assert waits["status"] == "backordered"
    floor("SHA").tell(loaded(5, "other"), assigned("P1", "A1", 2))
    heard(books, "SHA", "CAN")
    (parcel,) = books.parcels(waits["order_id"])
    assert (parcel.parcel_id, parcel.warehouse) == ("P1", "SHA")
    assert books.order_row(waits["order_id"]).status == "released"
    assert books.verify().holds


def test_an_order_promised_elsewhere_meanwhile_gives_the_parcel_that_has_not_started_back(
    books, floor
):
    books.stock("CAN,B1,CABLE,5,")
    answer = books.order("A1", ("CABLE", 2))
    assert answer["status"] == "reserved"
    began(books)
    floor("SHA").tell(loaded(5, "other"), assigned("P1", "A1", 2))
    assert books.release() == 0, "nobody knows yet whether this order left"
    heard(books, "SHA", "CAN")
    states = {one.warehouse: one.state for one in books.parcels(answer["order_id"])}
    assert states == {"SHA": "released", "CAN": "cancelled"}
    assert books.rights("CABLE", "CAN") == {"pool": 5}
    assert books.verify().holds


def test_units_that_left_twice_are_said_with_both_parcels(books, floor):
    books.stock("CAN,B1,CABLE,5,")
    answer = books.order("A1", ("CABLE", 2))
    books.release()
    (parcel,) = books.parcels(answer["order_id"])
    can = floor("CAN")
    can.tell(left(parcel.parcel_id, 2))
    floor("SHA").tell(loaded(5, "other"), assigned("P1", "A1", 2), left("P1", 2))
    while books.write(settle_recovery):
        pass
    assert "shipped_twice" in kinds(books)


def test_a_floor_that_works_on_a_later_version_makes_the_hub_wait_for_that_version(books, floor):
    books.stock("SHA,B1,CABLE,5,")
    first = books.order("A1", ("CABLE", 1))
    began(books)
    floor("SHA").tell(assigned("P2", "A1", 3, version=2))
    heard(books, "SHA", "CAN")
    assert books.order("A1", ("CABLE", 1))["order_id"] == first["order_id"], "the old one again"
    assert books.rights("CABLE", "SHA") == {"pool": 2, "ordered": 3}
    second = books.order("A1", ("CABLE", 3), version=2)
    assert (second["order_id"], second["status"]) == (first["order_id"], "released")
    assert books.rights("CABLE", "SHA") == {"pool": 2, "ordered": 3}


def test_a_changed_order_has_to_wait_until_the_floors_are_heard(books):
    began(books)
    with pytest.raises(Unavailable, match="was restored"):
        books.order("A1", ("CABLE", 1), version=2)
    heard(books, "SHA", "CAN")
    assert books.order("A1", ("CABLE", 1), version=2)["status"] == "backordered"


def test_a_cancelled_order_calls_the_parcel_of_the_forgotten_days_back(books, floor):
    began(books)
    answer = books.order("A1", ("CABLE", 2))
    books.write(lambda desk: cancel(desk, answer["order_id"], ""))
    floor("SHA").tell(loaded(5), assigned("P1", "A1", 2))
    heard(books, "SHA", "CAN")
    assert [one.state for one in books.parcels(answer["order_id"])] == ["cancel_pending"]


def test_a_file_of_which_a_floor_has_a_row_counts_that_row_once(books, floor):
    began(books, "lost")
    floor("SHA").tell(loaded(5))
    again = books.stock("SHA,B1,CABLE,5,", "SHA,B2,CABLE,3,")
    assert (again.accepted, again.already_in) == (1, 1)
    assert books.rights("CABLE", "SHA") == {"pool": 8}
    assert kinds(books) == []


def test_the_same_import_has_the_same_load_before_and_after_a_restore(books, floor):
    books.stock("SHA,B1,CABLE,5,")
    (load,) = [one for one in books.commands("SHA") if hasattr(one, "load_id")]
    floor("SHA").tell(StockLoaded(load_id=load.load_id, rows=load.rows, import_id=load.import_id))
    assert books.rights("CABLE", "SHA") == {"pool": 5}
    assert books.stock("SHA,B1,CABLE,5,").already_in == 1


def test_numbers_of_a_new_life_are_above_those_of_the_life_that_was_forgotten(books):
    books.stock("SHA,B1,CABLE,5,")
    before = books.read(lambda desk: desk.journal.last_event_id())
    first, second = began(books), began(books)
    assert second > first, "the last restore wins"
    books.order("A1", ("CABLE", 1))
    after = books.read(lambda desk: desk.journal.last_event_id())
    assert after > before + backup.COUNTER_JUMP
    number = books.write(lambda desk: desk.parcels.next_number("waybill:SF"))
    assert number > backup.COUNTER_JUMP


def test_two_lives_from_one_backup_are_told_apart_by_when_they_began(books):
    first = began(books)
    books.hub.database.write_sync(
        lambda tx: tx.sql.execute("UPDATE hub_identity SET epoch = 1")
    )  # as the same backup put back once more
    later = books.hub.database.write_sync(
        lambda tx: backup.begin_new_life(tx.sql, SystemEntropy(), CLOCK.wall_ms() + 5_000)
    )
    assert later > first


def test_books_that_have_facts_cannot_be_declared_new(books, floor):
    floor("SHA").tell(loaded(5))
    with pytest.raises(BincardError, match="facts of warehouses"):
        books.hub.database.write_sync(
            lambda tx: backup.begin_rebuilding(tx.sql, SystemEntropy(), CLOCK.wall_ms())
        )


def test_a_short_keeps_an_order_away_only_until_stock_came_in_there(books, floor):
    books.stock("SHA,B1,CABLE,5,")
    answer = books.order("A1", ("CABLE", 1))
    books.write(lambda desk: desk.orders.avoid(answer["order_id"], "CABLE", "SHA"))
    assert books.read(lambda desk: desk.orders.avoided(answer["order_id"])) == {("CABLE", "SHA")}
    books.stock("SHA,B9,CABLE,1,", import_id="later")
    assert books.read(lambda desk: desk.orders.avoided(answer["order_id"])) == set()


def test_the_report_can_be_read_while_it_waits(books):
    began(books)
    report = json.loads(json.dumps(books.read(report_recovery).sentence))
    assert "CAN, SHA has not called" in report
