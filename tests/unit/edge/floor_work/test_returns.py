"""Units that come back: only what was sold enters the books, and only what is good is for sale."""

from typing import Any

import pytest

from edge.services.replay import replay
from edge.services.returned_units import look_up
from edge.services.take_back import (
    GradeRequest,
    ReturnAnswer,
    ReturnRequest,
    grade_again,
    take_back,
)
from shared.domain.errors import BincardError, Conflict
from shared.domain.facts import (
    LabelPrinted,
    ParcelPacked,
    ParcelShipped,
    ReturnGraded,
    ShippedLine,
    StockRow,
    UnitPicked,
    UnitReturned,
)

LEAD, PACKER, PICKER = "BDG-0001", "BDG-0007", "BDG-0002"
BIN = "B01-01-1"


@pytest.fixture
def shop(house: Any) -> Any:
    """A phone and two cables have left in one parcel; a phone and a cable are still on shelves."""
    house.load(StockRow(BIN, "PHONE", 2, ("SN1", "SN2")), StockRow("B02-01-1", "CABLE", 3))
    house.parcel("P1", ("PHONE", 1), ("CABLE", 2))
    lines = (ShippedLine(1, "PHONE", 1, ("SN1",)), ShippedLine(2, "CABLE", 2))
    for fact in (
        UnitPicked(parcel_id="P1", line_no=1, row=StockRow(BIN, "PHONE", 1, ("SN1",)), tote="T"),
        UnitPicked(parcel_id="P1", line_no=2, row=StockRow("B02-01-1", "CABLE", 1), tote="T"),
        UnitPicked(parcel_id="P1", line_no=2, row=StockRow("B02-01-1", "CABLE", 1), tote="T"),
        ParcelPacked(parcel_id="P1", weight_grams=320, lines=lines),
        LabelPrinted(parcel_id="P1", waybill="SF-P1", copy_no=1),
        ParcelShipped(parcel_id="P1", waybill="SF-P1", manifest="M1", lines=lines),
    ):
        house.write(lambda floor, fact=fact: (floor.record(fact), replay(floor, fact)))
    return house


def back(house: Any, grade: str, badge: str = LEAD, **what: Any) -> ReturnAnswer:
    request = ReturnRequest(op_id=what.pop("op_id", house.op()), badge=badge, grade=grade, **what)  # type: ignore[arg-type]
    answer, _ = house.write(lambda floor: take_back(floor, request))
    return answer  # type: ignore[no-any-return]


def refused(house: Any, grade: str, badge: str = LEAD, **what: Any) -> str:
    with pytest.raises(BincardError) as error:
        back(house, grade, badge, **what)
    assert error.value.message.endswith(".")
    return error.value.code


def unit(house: Any, serial: str) -> tuple[Any, ...]:
    (row,) = house.sql("SELECT state, account, life FROM serials WHERE serial = ?", serial)
    return tuple(row)


def test_a_number_that_left_here_was_sold_and_lives_again_on_a_shelf(shop: Any) -> None:
    sold = shop.database.read_sync(lambda sql: look_up(sql, "SN1"))
    assert (sold.verdict, sold.order_no, sold.waybill) == ("sold_here", "T-P1", "SF-P1")
    answer = back(shop, "good", serial="SN1", bin=BIN, op_id="R1")
    assert (answer.result, answer.place, answer.life) == ("taken_back", BIN, 2)
    assert unit(shop, "SN1") == ("in_stock", f"bin:{BIN}", 2)
    assert shop.facts("unit_returned") == [
        UnitReturned(
            return_id="R1", row=StockRow(BIN, "PHONE", 1, ("SN1",)), grade="good", parcel_id="P1",
            line_no=1,
        )
    ]  # fmt: skip
    assert back(shop, "good", serial="SN1", bin=BIN, op_id="R1") == answer, "sent again"
    with pytest.raises(Conflict):
        back(shop, "scrap", serial="SN1", op_id="R1")
    assert refused(shop, "good", serial="SN1", bin=BIN) == "returned_before"
    assert (len(shop.facts("unit_returned")), shop.wrong()) == (1, [])


def test_a_unit_set_aside_is_for_sale_to_nobody_until_a_lead_says_it_is_good(shop: Any) -> None:
    return_id = back(shop, "quarantine", PACKER, serial="SN1", bin="QC-01").return_id
    assert unit(shop, "SN1") == ("quarantined", "aside:QC-01", 2)
    assert shop.sql("SELECT SUM(quantity) FROM balances WHERE account LIKE 'bin:%'") == [(2,)]
    for badge, grade, code in (
        (PACKER, "good", "lead_badge_needed"), (LEAD, "quarantine", "grade_same"),
        (LEAD, "good", "bin_unknown"),
    ):  # fmt: skip
        request = GradeRequest(op_id=shop.op(), badge=badge, grade=grade)  # type: ignore[arg-type]
        with pytest.raises(BincardError, match=r"\.$") as error:
            shop.write(lambda floor, request=request: grade_again(floor, return_id, request))
        assert error.value.code == code
    for grade, place in (("repair", "QC-01"), ("scrap", "SCRAP")):
        request = GradeRequest(op_id=shop.op(), badge=LEAD, grade=grade)  # type: ignore[arg-type]
        answer, _ = shop.write(lambda floor, it=request: grade_again(floor, return_id, it))
        assert (answer.grade, answer.place) == (grade, place)
        assert shop.wrong() == []
    assert unit(shop, "SN1") == ("scrapped", "loss", 2)
    told = [(fact.before, fact.grade) for fact in shop.facts("return_graded")]
    assert told == [("quarantine", "repair"), ("repair", "scrap")]
    assert isinstance(shop.facts("return_graded")[0], ReturnGraded)


def test_goods_without_numbers_come_back_by_their_waybill_and_no_more_than_left(shop: Any) -> None:
    cables = {"waybill": "SF-P1", "sku": "CABLE", "bin": "B02-01-1"}
    assert [back(shop, "good", **cables).result for _ in range(2)] == ["taken_back"] * 2
    assert refused(shop, "good", **cables) == "returned_before"
    assert refused(shop, "good", waybill="SF-P9", sku="CABLE", bin=BIN) == "return_unknown"
    assert refused(shop, "good", waybill="SF-P1", sku="PHONE", bin=BIN) == "serial_needed"
    assert refused(shop, "good", PICKER, **cables) == "lead_badge_needed"
    assert (unit(shop, "SN1")[0], shop.wrong()) == ("shipped", [])


def test_what_was_not_sold_here_is_never_put_on_a_shelf(shop: Any) -> None:
    assert refused(shop, "good", serial="SN9", sku="PHONE", bin=BIN) == "return_unknown"
    assert back(shop, "quarantine", serial="SN9", sku="PHONE").place == "QUARANTINE"
    assert unit(shop, "SN9") == ("quarantined", "aside:QUARANTINE", 2)
    twin = back(shop, "good", serial="SN2", bin=BIN)
    other = back(shop, "good", serial="SN1", bin=BIN, same_unit=False)
    assert (twin.result, other.result) == ("disputed", "set_aside")
    assert (unit(shop, "SN2")[0], unit(shop, "SN1")[0]) == ("in_stock", "shipped")
    assert shop.waiting() == ["sn_disputed", "wrong_unit_back"]
    assert [fact.row.serials for fact in shop.facts("unit_returned")] == [("SN9",)]
    assert shop.wrong() == []
