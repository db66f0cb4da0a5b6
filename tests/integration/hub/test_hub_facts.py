"""What the floors' facts do to the hub's books. Method: real chained logs through the real door of
the sync listener, and `verify` after every story."""

from __future__ import annotations

from typing import Any

import pytest

from hub.services.backorders import retry_backorders
from hub.services.decide_order import cancel
from shared.domain.commands import AssignParcel, CancelParcel, LoadStock, SetProducts
from shared.domain.facts import (
    CancelConfirmed,
    CancelTooLate,
    CommandRefused,
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
)


def pick(parcel_id: str, sku: str, units: int, *serials: str) -> UnitPicked:
    return UnitPicked(
        parcel_id=parcel_id, line_no=1, row=StockRow("A01", sku, units, serials), tote="C04-05"
    )


def pack(parcel_id: str, sku: str, units: int, *serials: str) -> ParcelPacked:
    line = ShippedLine(1, sku, units, serials)
    return ParcelPacked(parcel_id=parcel_id, weight_grams=320, lines=(line,))


def ship(parcel_id: str, waybill: str, sku: str, units: int, *serials: str) -> ParcelShipped:
    line = ShippedLine(1, sku, units, serials)
    return ParcelShipped(parcel_id=parcel_id, waybill=waybill, manifest="M1", lines=(line,))


def loaded(books: Any, warehouse: str) -> list[StockLoaded]:
    return [
        StockLoaded(load_id=command.load_id, rows=command.rows)
        for command in books.commands(warehouse)
        if isinstance(command, LoadStock)
    ]


def released(books: Any, *lines: tuple[str, int]) -> Any:
    """Take in an order, release it, and return its first parcel."""
    order = books.order("1", *lines)
    assert order["status"] == "reserved"
    books.release()
    return books.parcels(order["order_id"])[0]


@pytest.fixture
def sha(books: Any, floor: Any) -> Any:
    """Shanghai with two phones and ten cables, its import confirmed."""
    books.stock("SHA,A01,PHONE,2,SN001 SN002", "SHA,A02,CABLE,10,")
    found = floor("SHA")
    found.tell(*loaded(books, "SHA"))
    return found


def test_a_parcel_goes_from_order_to_customer_and_the_books_agree(books: Any, sha: Any) -> None:
    parcel = released(books, ("PHONE", 1))
    assert parcel.waybill is not None
    assigned = [one for one in books.commands("SHA") if isinstance(one, AssignParcel)]
    assert [(one.waybill, one.courier, one.lines[0].quantity) for one in assigned] == [
        (parcel.waybill, parcel.courier, 1)
    ]
    statuses = []
    for fact in (
        PickingStarted(parcel_ids=(parcel.parcel_id,), wave="W1"),
        pick(parcel.parcel_id, "PHONE", 1, "SN002"),
        pack(parcel.parcel_id, "PHONE", 1, "SN002"),
        LabelPrinted(parcel_id=parcel.parcel_id, waybill=parcel.waybill, copy_no=1),
        ship(parcel.parcel_id, parcel.waybill, "PHONE", 1, "SN002"),
    ):
        sha.tell(fact)
        statuses.append(books.order_row(parcel.order_id).status)
    assert statuses == ["picking", "picking", "packed", "packed", "shipped"]
    sha.digest({"PHONE": 1, "CABLE": 10}, serials=1)
    assert books.rights("PHONE", "SHA") == {"pool": 1, "shipped": 1}
    history = books.read(lambda desk: desk.serials.history("SN002"))
    assert [entry.event for entry in history] == ["import", "pick", "pack", "ship"]
    assert books.exceptions() == []
    assert books.verify().holds


def test_an_import_is_minted_once_and_only_ticked_off_by_the_floor(books: Any, floor: Any) -> None:
    books.stock("SHA,A01,PHONE,2,SN001 SN002")
    sha = floor("SHA")
    sha.digest({}, serials=0)
    assert books.exceptions() == [], "a load on its way is no difference of books"
    sha.tell(*loaded(books, "SHA"))
    sha.digest({"PHONE": 2}, serials=2)
    assert books.exceptions() == []
    assert books.rights("PHONE", "SHA") == {"pool": 2}
    assert books.verify().holds


def test_a_load_that_the_floor_echoes_in_pieces_counts_once(books: Any, floor: Any) -> None:
    books.stock("SHA,A01,CABLE,7,", "SHA,A02,CABLE,3,")
    sha = floor("SHA")
    (whole,) = loaded(books, "SHA")
    for row in whole.rows:
        sha.tell(StockLoaded(load_id=whole.load_id, rows=(row,)))
    sha.digest({"CABLE": 10}, serials=0)
    load = books.read(lambda desk: desk.stock.load(whole.load_id))
    assert (load.state, books.exceptions(), books.verify().holds) == ("loaded", [], True)


def test_a_refused_load_takes_its_rights_back(books: Any, floor: Any) -> None:
    books.stock("SHA,A01,PHONE,2,SN001 SN002")
    (load,) = loaded(books, "SHA")
    floor("SHA").tell(
        CommandRefused(command_id=f"load-{load.load_id}", code="sku_unknown", sentence="No.")
    )
    assert books.rights("PHONE", "SHA") == {"burnt": 2}
    assert books.exceptions() == ["load_refused"]
    assert books.order("1", ("PHONE", 1))["status"] == "backordered"
    assert books.verify().holds
    again = books.stock("SHA,A01,PHONE,2,SN001 SN002", import_id="second")
    assert (again.accepted, again.errors) == (1, [])


def test_a_short_is_burnt_and_sourced_again_from_another_warehouse(books: Any, sha: Any) -> None:
    books.stock("CAN,A01,CABLE,5,", import_id="second")
    parcel = released(books, ("CABLE", 3))
    sha.tell(
        PickingStarted(parcel_ids=(parcel.parcel_id,), wave="W1"),
        ShortPicked(parcel_id=parcel.parcel_id, line_no=1, sku="CABLE", quantity=1, bin="A02"),
    )
    first, second = books.parcels(parcel.order_id)
    assert (first.warehouse, first.state) == ("SHA", "picking")
    assert (second.warehouse, second.state) == ("CAN", "reserved")
    assert books.rights("CABLE", "SHA") == {"pool": 7, "ordered": 2, "burnt": 1}
    assert books.rights("CABLE", "CAN") == {"pool": 4, "ordered": 1}
    assert books.verify().holds


def test_a_short_of_everything_ends_the_parcel_and_backorders_the_line(
    books: Any, sha: Any
) -> None:
    parcel = released(books, ("PHONE", 2))
    short = ShortPicked(
        parcel_id=parcel.parcel_id, line_no=1, sku="PHONE", quantity=2, bin="A01", reason="damaged"
    )
    sha.tell(PickingStarted(parcel_ids=(parcel.parcel_id,), wave="W1"), short)
    assert [one.state for one in books.parcels(parcel.order_id)] == ["short"]
    assert books.order_row(parcel.order_id).status == "backordered"
    sha.digest({"CABLE": 10}, serials=0)
    assert books.exceptions() == []
    assert books.verify().holds


def test_a_receipt_mints_and_the_longest_waiting_backorder_gets_it(books: Any, sha: Any) -> None:
    old = books.order("old", ("PHONE", 3))
    new = books.order("new", ("PHONE", 3))
    assert (old["status"], new["status"]) == ("backordered", "backordered")
    row = StockRow("A01", "PHONE", 2, ("SN003", "SN004"))
    sha.tell(GoodsReceived(receipt_id="ASN-1", row=row))
    while books.write(retry_backorders):
        pass
    assert books.order_row(old["order_id"]).status == "reserved"
    assert books.order_row(new["order_id"]).status == "backordered"
    sha.digest({"PHONE": 4, "CABLE": 10}, serials=4)
    assert (books.exceptions(), books.verify().holds) == ([], True)


def test_units_are_sellable_again_only_after_the_floor_confirmed_the_cancel(
    books: Any, sha: Any
) -> None:
    parcel = released(books, ("PHONE", 2))
    row = books.write(lambda desk: cancel(desk, parcel.order_id, "refund"))
    assert row.status == "cancel_pending"
    asked = [one for one in books.commands("SHA") if isinstance(one, CancelParcel)]
    assert [one.parcel_id for one in asked] == [parcel.parcel_id]
    assert books.order("2", ("PHONE", 1))["status"] == "backordered"
    confirmed = CancelConfirmed(command_id=f"cancel-{parcel.parcel_id}", parcel_id=parcel.parcel_id)
    sha.tell(confirmed, confirmed)
    assert books.order_row(parcel.order_id).status == "cancelled"
    assert books.rights("PHONE", "SHA") == {"pool": 2}
    assert books.verify().holds


def test_picked_units_come_back_to_a_bin_before_the_cancel_is_confirmed(
    books: Any, sha: Any
) -> None:
    parcel = released(books, ("PHONE", 1))
    sha.tell(
        PickingStarted(parcel_ids=(parcel.parcel_id,), wave="W1"),
        pick(parcel.parcel_id, "PHONE", 1, "SN001"),
    )
    books.write(lambda desk: cancel(desk, parcel.order_id, "refund"))
    sha.tell(
        StockMoved(row=StockRow("C04-05", "PHONE", 1, ("SN001",)), to_bin="R-02"),
        CancelConfirmed(command_id="c", parcel_id=parcel.parcel_id),
    )
    serial = books.read(lambda desk: desk.serials.get("SN001"))
    assert (serial.state, serial.place, serial.parcel_id) == ("in_stock", "bin:R-02", None)
    assert (books.exceptions(), books.verify().holds) == ([], True)


def test_a_cancel_that_comes_too_late_leaves_the_order_shipped(books: Any, sha: Any) -> None:
    parcel = released(books, ("CABLE", 1))
    books.write(lambda desk: cancel(desk, parcel.order_id, "refund"))
    sha.tell(
        PickingStarted(parcel_ids=(parcel.parcel_id,), wave="W1"),
        pick(parcel.parcel_id, "CABLE", 1),
        pack(parcel.parcel_id, "CABLE", 1),
        ship(parcel.parcel_id, parcel.waybill, "CABLE", 1),
        CancelTooLate(command_id="c", parcel_id=parcel.parcel_id),
    )
    assert books.order_row(parcel.order_id).status == "shipped"
    assert books.rights("CABLE", "SHA") == {"pool": 9, "shipped": 1}
    assert books.verify().holds


def test_a_refused_parcel_gives_its_rights_back_and_waits_for_a_person(
    books: Any, sha: Any
) -> None:
    parcel = released(books, ("CABLE", 2))
    refused = CommandRefused(
        command_id=f"assign-{parcel.parcel_id}", code="sku_unknown", sentence="Unknown SKU."
    )
    sha.tell(refused)
    order = books.order_row(parcel.order_id)
    assert (order.status, order.reasons[-1].rule_id) == ("held", "floor_refused")
    assert books.rights("CABLE", "SHA") == {"pool": 10}
    assert books.verify().holds


def test_one_serial_number_in_two_warehouses_is_a_dispute_with_both_histories(
    books: Any, sha: Any, floor: Any
) -> None:
    can = floor("CAN")
    can.tell(GoodsReceived(receipt_id="ASN-9", row=StockRow("B01", "PHONE", 1, ("SN001",))))
    sha.digest({"PHONE": 2, "CABLE": 10}, serials=2)
    can.digest({"PHONE": 1}, serials=1)
    serial = books.read(lambda desk: desk.serials.get("SN001"))
    assert (serial.warehouse, serial.place) == ("SHA", "bin:A01")
    history = books.read(lambda desk: desk.serials.history("SN001"))
    assert [(one.event, one.warehouse) for one in history] == [
        ("import", "SHA"),
        ("dispute", "SHA"),
        ("receive", "CAN"),
    ]
    (dispute,) = books.read(lambda desk: desk.serials.disputes("SN001"))
    assert (dispute.first_warehouse, dispute.second_warehouse) == ("SHA", "CAN")
    assert books.exceptions() == ["serial_disputed"]
    sha.tell(SerialDisputed(sku="PHONE", serial="SN002", sentence="Seen twice."))
    sha.digest({"PHONE": 2, "CABLE": 10}, serials=2)
    assert books.exceptions() == ["serial_disputed", "serial_disputed"]


def test_facts_that_fit_nothing_are_counted_and_become_exceptions(books: Any, sha: Any) -> None:
    sha.tell(
        pick("no-such-parcel", "CABLE", 1),
        ship("no-such-parcel", "SF1", "CABLE", 1),
        LabelPrinted(parcel_id="no-such-parcel", waybill="SF1", copy_no=1),
        GoodsReceived(receipt_id="R", row=StockRow("A01", "NEW-SKU", 4)),
        StockLoaded(load_id="no-such-load", rows=(StockRow("A01", "CABLE", 5),)),
    )
    assert books.exceptions() == ["load_unknown", "parcel_unknown", "sku_unknown"]
    assert books.rights("CABLE", "SHA") == {"pool": 14, "shipped": 1}
    sha.digest({"PHONE": 2, "CABLE": 14, "NEW-SKU": 4}, serials=2)
    assert books.verify().holds


def test_books_that_differ_are_told_and_fail_verify_until_they_agree(books: Any, sha: Any) -> None:
    sha.digest({"PHONE": 2, "CABLE": 9}, serials=2)
    assert books.exceptions() == ["books_differ"]
    broken = [check.promise for check in books.verify().checks if not check.holds]
    assert broken == ["the warehouses' books equal the hub's mirror"]
    sha.digest({"PHONE": 2, "CABLE": 10}, serials=2)
    assert (books.exceptions(), books.verify().holds) == ([], True)


def test_a_changed_row_of_the_books_is_found_by_verify(books: Any, sha: Any) -> None:
    released(books, ("CABLE", 1))
    books.hub.database.write_sync(
        lambda tx: tx.sql.execute(
            "UPDATE rights SET pool = pool + 1, minted = minted + 1 WHERE sku = 'CABLE'"
        )
    )
    books.hub.database.write_sync(
        lambda tx: tx.sql.execute("UPDATE on_hand SET quantity = 99 WHERE sku = 'CABLE'")
    )
    broken = [check.promise for check in books.verify().checks if not check.holds]
    assert broken == [
        "rights equal their journal",
        "every right has a unit on hand or is owed",
        "units on hand equal imports plus facts",
    ]


def test_a_new_warehouse_is_sent_the_whole_catalogue(books: Any) -> None:
    for code in ("SHA", "CAN"):
        products = [one for one in books.commands(code) if isinstance(one, SetProducts)]
        assert [len(one.products) for one in products] == [3]
