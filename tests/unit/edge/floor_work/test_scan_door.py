"""One door: the same scan twice is one scan, and any text gets a plain answer."""

import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.domain.barcode import interpret
from shared.domain.errors import Conflict, InvalidInput
from shared.domain.facts import StockRow


def test_a_repeated_scan_gets_its_first_answer_and_changes_nothing(house: Any) -> None:
    house.load(StockRow("B01-01-1", "CABLE", 2))
    house.parcel("P1", ("CABLE", 2))
    house.plan()
    house.start_picking()
    house.codes("B01-01-1")
    first = house.scan("6901234567908", op_id="unit-1")
    second = house.scan("6901234567908", op_id="unit-1")
    assert (first.outcome, second.outcome) == ("accepted", "duplicate")
    assert second.verdict == first.verdict
    assert house.sql("SELECT picked FROM pick_lines") == [(1,)]


def test_an_id_used_for_another_scan_is_a_conflict(house: Any) -> None:
    house.scan("BDG-0002", op_id="one")
    with pytest.raises(Conflict) as conflict:
        house.scan("BDG-0003", op_id="one")
    assert conflict.value.code == "op_id_reused"


def test_a_station_of_unknown_kind_is_told_so(house: Any) -> None:
    with pytest.raises(InvalidInput) as invalid:
        house.scan("BDG-0002", station="toaster-1")
    assert invalid.value.code == "station_unknown"
    assert house.sql("SELECT COUNT(*) FROM operations") == [(0,)]


def test_an_answer_and_what_it_changed_are_stored_together(house: Any) -> None:
    """A crash before the commit loses both, so the retry is judged afresh."""
    house.database.write_sync(
        lambda tx: tx.sql.execute(
            "CREATE TRIGGER full BEFORE INSERT ON operations BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    )
    with pytest.raises(sqlite3.IntegrityError):
        house.scan("BDG-0002")
    assert house.sql("SELECT COUNT(*) FROM stations") == [(0,)]


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("bdg-0007", "badge"),
        ("B07-12-3", "bin"),
        ("Ｂ０７－１２－３", "bin"),
        ("C04", "cart"),
        ("C04-05", "tote"),
        ("PL-000012", "pick_list"),
        ("BC:SHORT:2", "command"),
        ("]E06901234567892", "gtin"),
        ("6901234567892\r\n", "gtin"),
        ("PH-8812-0042", "code"),
    ],
)
def test_a_text_is_read_by_its_shape(raw: str, kind: str) -> None:
    assert interpret(raw).kind == kind


def test_a_gs1_code_names_product_and_unit() -> None:
    scan = interpret("]d2010690123456789221sn-Ab5\x1d10LOT7")
    assert (scan.gtin, scan.serial, scan.doubled) == ("06901234567892", "sn-Ab5", False)


def test_a_serial_number_keeps_its_case_and_a_doubled_one_is_seen() -> None:
    assert interpret("aBc123").serial == "aBc123"
    assert interpret("SN42SN42").doubled
    assert not interpret("1111").doubled


def test_arguments_of_a_command_card() -> None:
    assert (interpret("bc:short:12").word, interpret("bc:short:12").number()) == ("SHORT", 12)
    assert interpret("BC:SHORT:x").number() == 0


@given(st.text(max_size=600))
def test_no_text_breaks_the_reader(raw: str) -> None:
    scan = interpret(raw)
    assert scan.number() >= 0


@pytest.mark.parametrize("raw", ["", "   ", "\x1d", "]C1", "BC:", "BC:SHORT:", "0" * 600, "💥" * 9])
@pytest.mark.parametrize("station", ["handheld-07", "receiving-1", "bench-1", "dock-1"])
def test_nonsense_is_answered_and_never_raises(house: Any, raw: str, station: str) -> None:
    house.scan("BDG-0001", station)
    answer = house.scan(raw, station)
    assert answer.outcome == "rejected"
    assert answer.verdict.code
