"""A picker's walk, scan by scan: what is right, what is wrong, what happens when it is short."""

from typing import Any

import pytest

from shared.domain.facts import PickingStarted, ShortPicked, StockMoved, StockRow, UnitPicked


@pytest.fixture
def floor(house: Any) -> Any:
    """Two parcels of one phone and two cables each, planned onto one list."""
    house.load(
        StockRow("B01-01-1", "PHONE", 3, ("SN1", "SN2", "SN3")), StockRow("B02-03-1", "CABLE", 9)
    )
    house.parcel("P1", ("PHONE", 1), ("CABLE", 2))
    house.parcel("P2", ("PHONE", 1), ("CABLE", 2))
    house.plan()
    return house


def test_a_whole_list_from_badge_to_done(floor: Any) -> None:
    floor.start_picking()
    cable = "6901234567908"
    codes = floor.codes("B01-01-1", "SN2", "SN1", "B02-03-1", cable, cable, cable, cable)
    assert codes == ["bin_right", "picked", "picked", "bin_right", *["picked"] * 3, "list_done"]
    assert floor.sql("SELECT state, tote FROM parcels ORDER BY tote") == [
        ("picked", "C04-01"),
        ("picked", "C04-02"),
    ]
    assert floor.sql("SELECT state FROM pick_lists UNION ALL SELECT state FROM waves") == [
        ("done",),
        ("picked",),
    ]
    assert floor.facts("picking_started") == [
        PickingStarted(parcel_ids=("P1", "P2"), wave="W-000001")
    ]
    assert floor.facts("unit_picked")[0] == UnitPicked(
        parcel_id="P1", line_no=1, row=StockRow("B01-01-1", "PHONE", 1, ("SN2",)), tote="C04-01"
    )
    assert floor.wrong() == []


@pytest.mark.parametrize(
    ("before", "raw", "code", "signal"),
    [
        ((), "B02-03-1", "wrong_bin", "attention"),
        ((), "B99-99-9", "bin_unknown", "attention"),
        ((), "SN1", "bin_first", "attention"),
        (("B01-01-1",), "SN9", "sn_unknown", "attention"),
        (("B01-01-1",), "6901234567908", "wrong_sku", "stop"),
        (("B01-01-1",), "6901234567892", "sn_instead", "attention"),
        (("B01-01-1", "SN1"), "SN1", "sn_already_picked", "attention"),
        (("B01-01-1",), "SN1SN1", "read_doubled", "attention"),
        (("B01-01-1",), "C04-01", "no_tote_now", "attention"),
        (("B01-01-1",), "BC:SHORT:5", "short_count", "attention"),
        ((), "BC:SHORT:1", "bin_first", "attention"),
    ],
)
def test_a_wrong_scan_changes_nothing(
    floor: Any, before: tuple[str, ...], raw: str, code: str, signal: str
) -> None:
    floor.start_picking()
    floor.codes(*before)
    tables = ("movements", "serials", "pick_lines", "parcels", "stations", "facts", "exceptions")
    books = [floor.sql(f"SELECT * FROM {table}") for table in tables]
    answer = floor.scan(raw)
    assert (answer.outcome, answer.verdict.code, answer.verdict.signal) == (
        "rejected",
        code,
        signal,
    )
    assert [floor.sql(f"SELECT * FROM {table}") for table in tables] == books


def test_a_unit_that_left_the_house_stops_the_picker_and_says_when(floor: Any) -> None:
    floor.write(lambda work: work.move("PHONE", 1, "bin:B01-01-1", "customer", "SN3"))
    floor.write(
        lambda work: work.sql.execute(
            "UPDATE serials SET state = 'shipped', account = 'customer' WHERE serial = 'SN3'"
        )
    )
    floor.start_picking()
    floor.codes("B01-01-1")
    verdict = floor.scan("SN3").verdict
    assert (verdict.code, verdict.signal, set(verdict.params)) == (
        "sn_shipped",
        "stop",
        {"sn", "at_ms"},
    )


def test_any_good_unit_will_do_and_a_wrong_record_is_corrected_first(house: Any) -> None:
    house.load(
        StockRow("B01-01-1", "PHONE", 1, ("SN1",)), StockRow("B07-01-1", "PHONE", 1, ("SN7",))
    )
    house.parcel("P1", ("PHONE", 1))
    house.plan()
    house.start_picking()
    assert house.codes("B01-01-1", "SN7") == ["bin_right", "list_done"]
    assert house.facts("stock_moved") == [
        StockMoved(row=StockRow("B07-01-1", "PHONE", 1, ("SN7",)), to_bin="B01-01-1")
    ]
    assert house.sql("SELECT serial, account FROM serials ORDER BY serial") == [
        ("SN1", "bin:B01-01-1"),
        ("SN7", "tote:C04-01"),
    ]
    assert house.wrong() == []


def test_missing_units_come_from_another_bin_when_there_is_one(house: Any) -> None:
    house.load(StockRow("B01-01-1", "CABLE", 4), StockRow("B09-04-1", "CABLE", 3))
    house.parcel("P1", ("CABLE", 2))
    house.plan()
    house.start_picking()
    house.codes("B01-01-1", "6901234567908")
    verdict = house.scan("BC:SHORT:1").verdict
    assert (verdict.code, verdict.params["other"]) == ("short_retasked", "B09-04-1")
    assert (verdict.ask, verdict.ask_params) == ("scan_bin", {"bin": "B09-04-1"})
    assert house.codes("B09-04-1", "6901234567908") == ["bin_right", "list_done"]
    assert house.facts("short_picked") == []
    assert house.waiting() == ["count_bin"]
    house.parcel("P2", ("CABLE", 2))
    house.plan()
    assert house.sql("SELECT bin FROM pick_lines WHERE parcel_id = 'P2'") == [("B09-04-1",)]
    assert house.wrong() == []


def test_units_that_nobody_has_are_written_off_and_the_parcel_goes_on(floor: Any) -> None:
    floor.start_picking()
    floor.codes("B01-01-1", "SN1", "SN2", "B02-03-1", *["6901234567908"] * 3)
    assert floor.codes("BC:SHORT:1") == ["short_list_done"]
    assert floor.facts("short_picked") == [
        ShortPicked(parcel_id="P2", line_no=2, sku="CABLE", quantity=1, bin="B02-03-1")
    ]
    assert floor.sql("SELECT quantity FROM balances WHERE account = 'loss'") == [(1,)]
    assert floor.state("P2") == "picked"
    assert floor.sql("SELECT picked, short FROM parcel_lines WHERE parcel_id = 'P2'") == [
        (1, 0),
        (1, 1),
    ]
    assert "short_picked" in floor.waiting()
    assert floor.wrong() == []


def test_a_parcel_without_a_single_unit_is_short_and_frees_its_tote(house: Any) -> None:
    house.load(StockRow("B01-01-1", "PHONE", 2, ("SN1", "SN2")))
    house.parcel("P1", ("PHONE", 2))
    house.plan()
    house.start_picking()
    assert house.codes("B01-01-1", "BC:SHORT:2") == ["bin_right", "short_list_done"]
    assert house.state("P1") == "short"
    assert house.sql("SELECT state, account FROM serials") == [("lost", "loss")] * 2
    house.load(StockRow("B01-01-1", "CABLE", 1))
    house.parcel("P2", ("CABLE", 1))
    house.plan()
    assert house.codes("BC:PICK", "C04") == ["list_yours", "cart_ready"]
    assert house.wrong() == []


def test_a_unit_written_off_by_guess_changes_places_with_the_one_that_is_gone(house: Any) -> None:
    house.load(StockRow("B01-01-1", "PHONE", 3, ("SN1", "SN2", "SN3")))
    house.parcel("P1", ("PHONE", 3))
    house.plan()
    house.start_picking()
    house.codes("B01-01-1", "BC:SHORT:1")
    lost = house.sql("SELECT serial FROM serials WHERE state = 'lost'")[0][0]
    others = sorted({"SN1", "SN2", "SN3"} - {lost})
    assert house.codes(lost, others[0]) == ["picked", "list_done"]
    assert house.sql("SELECT serial FROM serials WHERE state = 'lost'") == [(others[1],)]
    assert house.wrong() == []


def test_a_list_belongs_to_one_handheld(floor: Any) -> None:
    floor.start_picking()
    assert floor.codes("BDG-0003", "PL-000001", "BC:PICK", station="handheld-08") == [
        "hello",
        "list_taken",
        "no_list_open",
    ]


def test_a_lead_takes_over_a_list_whose_picker_is_gone(floor: Any) -> None:
    floor.start_picking()
    assert floor.codes("BDG-0001", "PL-000001", station="handheld-09") == ["hello", "list_yours"]
    assert floor.codes("B01-01-1") == ["no_list"]


def test_what_a_bin_found_short_before_still_claims_is_written_off_first(house: Any) -> None:
    """Head office hears of as many units as the books lose, so both stay equal."""
    house.load(StockRow("B01-01-1", "CABLE", 3), StockRow("B02-01-1", "CABLE", 1))
    house.parcel("P1", ("CABLE", 2))
    house.plan()
    house.start_picking()
    house.codes("B01-01-1")
    assert house.codes("BC:SHORT:2", "B02-01-1", "BC:SHORT:1") == [
        "short_booked",
        "bin_right",
        "short_list_done",
    ]
    told = sum(fact.quantity for fact in house.facts("short_picked"))
    lost = house.sql("SELECT quantity FROM balances WHERE account = 'loss'")
    assert lost == [(told,)] == [(2,)]
    assert house.state("P1") == "short"
    assert house.wrong() == []


def test_the_same_person_goes_on_at_another_handheld(floor: Any) -> None:
    floor.start_picking()
    floor.codes("B01-01-1", "SN1")
    assert floor.codes("BDG-0002", "PL-000001", "B01-01-1", "SN2", station="handheld-08") == [
        "hello",
        "list_yours",
        "bin_right",
        "picked",
    ]
    assert floor.codes("SN3") == ["no_list"]


def test_a_cart_with_something_in_it_is_not_free(floor: Any) -> None:
    floor.start_picking()
    floor.parcel("P3", ("CABLE", 1))
    floor.plan()
    codes = floor.codes("BDG-0003", "BC:PICK", "C04", "C05", station="handheld-08")
    assert codes == ["hello", "list_yours", "cart_not_empty", "cart_ready"]


def test_a_list_can_be_put_back_until_something_is_picked(floor: Any) -> None:
    floor.start_picking()
    assert floor.codes("BC:BACK") == ["list_left"]
    assert floor.sql("SELECT state, tote FROM parcels") == [("planned", None)] * 2
    floor.codes("BC:PICK", "C04", "B01-01-1", "SN1")
    assert floor.codes("BC:BACK") == ["list_begun"]


def test_lines_of_a_cancelled_parcel_vanish_from_the_list(floor: Any) -> None:
    floor.start_picking()
    floor.cancel("P1")
    assert floor.codes("B01-01-1", "SN1", "B02-03-1", "6901234567908", "6901234567908") == [
        "bin_right",
        "picked",
        "bin_right",
        "picked",
        "list_done",
    ]
    assert floor.wrong() == []


def test_another_person_can_log_in_and_the_language_is_theirs(house: Any) -> None:
    assert house.codes("SN1", "BDG-9999", "BDG-0003", "BC:LANG:en", "BC:LANG:tlh", "BC:OUT") == [
        "badge_first",
        "badge_unknown",
        "hello",
        "language_set",
        "language_unknown",
        "logged_out",
    ]
    assert house.sql("SELECT language FROM people WHERE badge = 'BDG-0003'") == [("en",)]
