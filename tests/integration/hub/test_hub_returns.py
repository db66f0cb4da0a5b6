"""What a floor's word about a returned unit does to orders, rights and the number's lives."""

from __future__ import annotations

from typing import Any

import pytest

from hub.services.apply_facts import project_all
from hub.services.backorders import retry_backorders
from hub.services.order_views import view_order
from hub.services.stock_views import view_serial
from hub.sync.apply import apply_batch
from shared.domain.commands import LoadStock
from shared.domain.facts import (
    Grade,
    ParcelPacked,
    ParcelShipped,
    PickingStarted,
    ReturnGraded,
    ShippedLine,
    StockLoaded,
    StockRow,
    UnitPicked,
    UnitReturned,
)


def came_back(serial: str, grade: Grade, parcel_id: str = "") -> UnitReturned:
    row = StockRow("R01", "PHONE", 1, (serial,))
    line_no = 1 if parcel_id else 0
    return UnitReturned(
        return_id=f"R-{serial}", row=row, grade=grade, parcel_id=parcel_id, line_no=line_no
    )


def looked_again(serial: str, grade: Grade) -> ReturnGraded:
    row = StockRow("A01", "PHONE", 1, (serial,))
    return ReturnGraded(return_id=f"R-{serial}", row=row, before="quarantine", grade=grade)


@pytest.fixture
def sold(books: Any, floor: Any) -> Any:
    """Shanghai has sent both of its phones in one parcel; returns (floor, parcel)."""
    books.stock("SHA,A01,PHONE,2,SN001 SN002")
    sha = floor("SHA")
    sha.tell(
        *(
            StockLoaded(load_id=command.load_id, rows=command.rows)
            for command in books.commands("SHA")
            if isinstance(command, LoadStock)
        )
    )
    order = books.order("1", ("PHONE", 2))
    books.release()
    (parcel,) = books.parcels(order["order_id"])
    line = ShippedLine(1, "PHONE", 2, ("SN001", "SN002"))
    parcel_id = parcel.parcel_id
    sha.tell(
        PickingStarted(parcel_ids=(parcel_id,), wave="W1"),
        UnitPicked(
            parcel_id=parcel_id, line_no=1, row=StockRow("A01", "PHONE", 2, line.serials), tote="T"
        ),
        ParcelPacked(parcel_id=parcel_id, weight_grams=500, lines=(line,)),
        ParcelShipped(
            parcel_id=parcel_id, waybill=parcel.waybill or "", manifest="M", lines=(line,)
        ),
    )
    return sha, parcel


def line_of(books: Any, order_id: str) -> tuple[str, int, int]:
    view = books.read(lambda desk: view_order(desk, desk.orders.get(order_id)))
    return view.status, view.lines[0].returned, view.lines[0].backordered


def serial(books: Any, number: str) -> tuple[str, str, str, int, list[list[str]]]:
    view = books.read(lambda desk: view_serial(desk, number))
    lives = [[line.event for line in life.history] for life in view.lives]
    return view.state, view.warehouse, view.place, view.life, lives


def test_only_a_good_unit_is_promised_again_and_its_number_lives_another_life(
    books: Any, sold: Any
) -> None:
    sha, parcel = sold
    waiting = books.order("2", ("PHONE", 1))["order_id"]
    sha.tell(came_back("SN001", "quarantine", parcel.parcel_id))
    sha.digest({"PHONE": 1}, serials=1)
    assert books.rights("PHONE", "SHA") == {"shipped": 2}, "nobody may promise it yet"
    assert line_of(books, parcel.order_id) == ("shipped", 1, 0)
    sha.tell(looked_again("SN001", "good"), came_back("SN002", "scrap", parcel.parcel_id))
    sha.digest({"PHONE": 1}, serials=1)
    assert books.rights("PHONE", "SHA") == {"pool": 1, "shipped": 2}
    assert line_of(books, parcel.order_id) == ("shipped", 2, 0)
    assert serial(books, "SN001") == (
        "in_stock", "SHA", "bin:A01", 2,
        [["import", "pick", "pack", "ship"], ["return", "quarantine", "restock"]],
    )  # fmt: skip
    assert serial(books, "SN002")[:4] == ("scrapped", "SHA", "loss", 2)
    while books.write(retry_backorders):
        continue
    assert books.order_row(waiting).status == "reserved"
    assert (books.exceptions(), books.verify().holds) == ([], True)


def test_a_unit_that_comes_back_to_another_warehouse_finds_its_order(
    books: Any, sold: Any, floor: Any
) -> None:
    _, parcel = sold
    can = floor("CAN")
    can.tell(came_back("SN001", "good"))
    can.digest({"PHONE": 1}, serials=1)
    assert line_of(books, parcel.order_id) == ("shipped", 1, 0)
    assert serial(books, "SN001")[:4] == ("in_stock", "CAN", "bin:R01", 2)
    assert books.rights("PHONE", "CAN") == {"pool": 1}
    assert (books.exceptions(), books.verify().holds) == ([], True)


def test_a_return_that_fits_nothing_is_counted_and_becomes_an_exception(
    books: Any, sold: Any
) -> None:
    sha, parcel = sold
    sha.tell(came_back("SN999", "quarantine"))
    assert books.exceptions() == ["return_unknown"]
    sha.tell(*(came_back(f"SN10{n}", "good", parcel.parcel_id) for n in range(3)))
    assert books.exceptions() == ["return_unknown", "returned_more"]
    sha.digest({"PHONE": 4}, serials=4)
    assert line_of(books, parcel.order_id) == ("shipped", 2, 0)
    assert books.verify().holds


def test_returns_counted_in_one_batch_give_the_same_books(books: Any, sold: Any) -> None:
    sha, parcel = sold
    facts = (
        came_back("SN001", "quarantine", parcel.parcel_id),
        looked_again("SN001", "good"),
        came_back("SN002", "repair", parcel.parcel_id),
    )
    records = [sha._record(fact) for fact in facts]

    def count_all(attempt: Any, batch: Any) -> None:
        desk = books.hub.batch_desk(attempt, "edge:SHA")
        project_all(desk, batch)
        desk.finish()

    def one_by_one(*_: Any) -> None:
        raise AssertionError("the batch was not counted whole")

    books.hub.database.write_sync(
        lambda tx: apply_batch(tx, "SHA", 7, records, one_by_one, wall_ms=1, project_all=count_all)
    )
    sha.digest({"PHONE": 2}, serials=2)
    assert line_of(books, parcel.order_id) == ("shipped", 2, 0)
    assert books.rights("PHONE", "SHA") == {"pool": 1, "shipped": 2}
    assert books.read(lambda desk: desk.stock.page({}, ("", ""), 5)) == [("SHA", "PHONE", 2, 0, 1)]
    assert [serial(books, f"SN00{n}")[0] for n in (1, 2)] == ["in_stock", "in_repair"]
    assert (books.exceptions(), books.verify().holds) == ([], True)
