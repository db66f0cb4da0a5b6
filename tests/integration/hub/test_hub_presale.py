"""Presale: sold up to a quota before it is there, turned into stock in the receipt's transaction.

Method: the hub's services and facts of a floor on both databases; `verify` after every story.
"""

from __future__ import annotations

from typing import Any

import pytest

from hub.services.backorders import retry_backorders
from hub.services.decide_order import cancel
from hub.services.presale import PresaleRequest, set_presale
from shared.domain.errors import InvalidInput, Refused
from shared.domain.facts import GoodsReceived, StockRow


class Sale:
    """Cables that are sold for two days in December, and the floor where they will come in."""

    def __init__(self, books: Any, floor: Any) -> None:
        self.books = books
        self.floor = floor("SHA")
        self.set("2026-12-10", 4)
        self.set("2026-12-20", 3)

    def set(self, ship_date: str, units: int) -> None:
        request = PresaleRequest(sku="CABLE", ship_date=ship_date, units=units)
        self.books.write(lambda desk: set_presale(desk, request))

    def order(self, name: str, *lines: tuple[str, int], **other: Any) -> tuple[Any, ...]:
        """Order in presale; return status, and per line presale units and date."""
        made = self.books.order(name, *lines, flags=("presale",), **other)
        return (made["status"], *((one["presale"], one["expected_ship_date"])
                                  for one in made["lines"]))  # fmt: skip

    def receive(self, units: int) -> None:
        row = StockRow("A09", "CABLE", units)
        self.floor.tell(GoodsReceived(receipt_id=f"R{units}", row=row))

    def pump(self) -> None:
        while self.books.write(retry_backorders):
            pass

    def status(self, name: str) -> str:
        (row,) = self.books.read(lambda desk: desk.orders.page({"order_no": name}, "", 1))
        return str(row.status)

    def cancel(self, name: str) -> None:
        (row,) = self.books.read(lambda desk: desk.orders.page({"order_no": name}, "", 1))
        self.books.write(lambda desk: cancel(desk, row.order_id, "changed my mind"))

    def sold(self) -> list[tuple[int, int]]:
        """Promised and turned units per ship date."""
        rows = self.books.read(lambda desk: desk.presales.quotas("CABLE"))
        return [(row.promised, row.turned) for row in rows]


@pytest.fixture
def sale(books: Any, floor: Any) -> Any:
    made = Sale(books, floor)
    yield made
    proof = books.verify()
    assert proof.holds, proof


def test_a_presale_ends_at_its_quota_and_tells_the_date(sale: Any) -> None:
    assert sale.order("p-1", ("CABLE", 3)) == ("backordered", (3, "2026-12-10"))
    assert sale.order("p-2", ("CABLE", 3)) == ("backordered", (3, "2026-12-20"))
    assert sale.order("p-3", ("CABLE", 2)) == ("backordered", (0, None)), "one is left"
    assert sale.order("p-4", ("CABLE", 1), ("SCALE", 1)) == (
        "backordered", (0, None), (0, None),
    ), "no scale is on sale, so nothing of it is promised"  # fmt: skip
    assert sale.order("p-5", ("CABLE", 1)) == ("backordered", (1, "2026-12-20"))
    assert sale.sold() == [(4, 0), (3, 0)]
    sale.cancel("p-1")
    assert sale.sold() == [(1, 0), (3, 0)]
    with pytest.raises(Refused, match="more are sold already"):
        sale.set("2026-12-20", 2)
    with pytest.raises(InvalidInput, match="expected a day"):
        sale.set("2026-02-30", 2)


def test_what_comes_in_belongs_to_the_presale_before_anybody_else_can_buy_it(sale: Any) -> None:
    assert sale.books.order("early", ("CABLE", 1))["status"] == "backordered"
    sale.order("p-1", ("CABLE", 3))
    sale.order("p-2", ("CABLE", 2))
    sale.receive(4)
    assert sale.books.rights("CABLE", "SHA") == {"lent": 4}
    assert sale.books.order("late", ("CABLE", 1))["status"] == "backordered"
    sale.pump()
    assert [sale.status(name) for name in ("p-1", "p-2")] == ["reserved", "backordered"]
    assert sale.sold() == [(1, 3), (1, 0)]
    sale.cancel("p-2")
    sale.pump()
    assert (sale.status("early"), sale.status("late")) == ("reserved", "backordered")
    assert sale.sold() == [(0, 3), (0, 0)]
    sale.books.stock("CAN,A01,CABLE,5,", import_id="truck")
    sale.pump()
    assert sale.status("late") == "reserved"
    assert sale.books.rights("CABLE", "CAN") == {"pool": 4, "ordered": 1}


def test_an_order_of_two_skus_waits_for_both_and_keeps_what_came_for_it(sale: Any) -> None:
    request = PresaleRequest(sku="SCALE", ship_date="2026-12-15", units=9)
    sale.books.write(lambda desk: set_presale(desk, request))
    assert sale.order("p-1", ("CABLE", 1), ("SCALE", 1)) == (
        "backordered", (1, "2026-12-10"), (1, "2026-12-15"),
    )  # fmt: skip
    sale.receive(1)
    sale.pump()
    assert sale.status("p-1") == "backordered"
    assert sale.books.order("late", ("CABLE", 1))["status"] == "backordered"
    sale.books.stock("SHA,A02,SCALE,1,", import_id="scales")
    sale.pump()
    assert (sale.status("p-1"), sale.status("late")) == ("reserved", "backordered")


def test_an_amended_presale_order_takes_its_quota_once(sale: Any) -> None:
    sale.order("p-1", ("CABLE", 3))
    assert sale.order("p-1", ("CABLE", 2), version=2) == ("backordered", (2, "2026-12-10"))
    assert sale.sold() == [(2, 0), (0, 0)]
    sale.books.stock("SHA,A02,CABLE,5,", import_id="truck")
    assert sale.order("p-1", ("CABLE", 4), version=3) == ("reserved", (0, None))
    assert sale.books.rights("CABLE", "SHA") == {"pool": 1, "ordered": 4}
    assert sale.sold() == [(0, 0), (0, 0)]
