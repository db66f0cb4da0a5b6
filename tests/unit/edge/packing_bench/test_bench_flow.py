"""One parcel over one bench, and everything that can go wrong before it is weighed."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.facts import LabelPrinted, ParcelPacked, ShippedLine


def mixed(warehouse: Any, goods: Any) -> str:
    return warehouse.picked(
        "C01-01", {goods.full: 2, goods.ship: 1, goods.none: 2}, serials=("SN-A", "SN-B")
    )


def test_a_parcel_goes_from_tote_to_proven_label_and_the_books_follow(
    warehouse: Any, goods: Any
) -> None:
    parcel_id = mixed(warehouse, goods)
    waybill = warehouse.parcel(parcel_id).waybill
    codes = warehouse.scans(
        "bench-1", "BDG-1", "C01-01", "SN-A", "SN-B", "CHG00077", "6901200000033", "6901200000033"
    )
    assert codes == ["hello", "tote_opened", *["unit_packed"] * 4, "all_scanned"]
    assert warehouse.balances() == {
        f"tote:C01-01 {goods.full}": 2, f"tote:C01-01 {goods.ship}": 1,
        f"tote:C01-01 {goods.none}": 2,
    }  # fmt: skip
    assert {"rearm_scale": "scale-1"} in warehouse.told.hardware()
    assert warehouse.settle("bench-1", 1_234).code == "weight_right"

    job = warehouse.job(parcel_id)
    assert warehouse.told.hardware() == [{"print_job": job.job_id}]
    assert (job.state, job.copy_no, job.printer, job.reason) == ("queued", 1, "printer-1", "")
    assert warehouse.report(parcel_id, "confirmed") == "confirmed"
    assert warehouse.scans("bench-1", waybill) == ["parcel_done"]
    assert warehouse.view()["step"] == "tote"
    assert warehouse.balances() == {
        f"parcel:{parcel_id} {goods.full}": 2, f"parcel:{parcel_id} {goods.ship}": 1,
        f"parcel:{parcel_id} {goods.none}": 2,
    }  # fmt: skip
    assert {warehouse.serial_state(sn) for sn in ("SN-A", "SN-B", "CHG00077")} == {"packed"}
    assert (warehouse.parcel(parcel_id).state, warehouse.parcel(parcel_id).tote) == ("packed", None)
    assert warehouse.facts() == [
        ParcelPacked(
            parcel_id=parcel_id,
            weight_grams=1_234,
            lines=(
                ShippedLine(1, goods.full, 2, ("SN-A", "SN-B")),
                ShippedLine(2, goods.ship, 1, ("CHG00077",)),
                ShippedLine(3, goods.none, 2, ()),
            ),
        ),
        LabelPrinted(parcel_id=parcel_id, waybill=waybill, copy_no=1),
    ]


def test_killed_between_any_two_steps_the_bench_goes_on_at_the_same_unit(
    warehouse: Any, goods: Any
) -> None:
    parcel_id = mixed(warehouse, goods)
    waybill = warehouse.parcel(parcel_id).waybill
    steps = [
        lambda: warehouse.scans("bench-1", "BDG-1"),
        lambda: warehouse.scans("bench-1", "C01-01"),
        lambda: warehouse.scans("bench-1", "SN-B"),
        lambda: warehouse.scans("bench-1", "6901200000033"),
        lambda: warehouse.scans("bench-1", "SN-A"),
        lambda: warehouse.scans("bench-1", "CHG00001"),
        lambda: warehouse.scans("bench-1", "6901200000033"),
        lambda: warehouse.settle("bench-1", 9_999),
        lambda: warehouse.scans("bench-1", "BC:PACKING"),
        lambda: warehouse.settle("bench-1", 1_300),
        lambda: warehouse.report(parcel_id, "sending"),
        lambda: warehouse.report(parcel_id, "unknown", "The connection broke."),
        lambda: warehouse.scans("bench-1", waybill),
    ]
    for step in steps:
        step()
        before = warehouse.view()
        warehouse.kill_and_restart()
        assert warehouse.view() == before
    assert warehouse.parcel(parcel_id).state == "packed"
    assert [job.state for job in warehouse.jobs(parcel_id)] == ["confirmed"]
    assert [type(fact) for fact in warehouse.facts()] == [ParcelPacked, LabelPrinted]


def test_a_repeated_scan_gets_its_first_answer_and_counts_once(warehouse: Any, goods: Any) -> None:
    warehouse.picked("C01-01", {goods.none: 2})
    warehouse.scans("bench-1", "BDG-1", "C01-01")
    first = warehouse.scan("bench-1", "6901200000033", op_id="tap")
    again = warehouse.scan("bench-1", "6901200000033", op_id="tap")
    assert (first.outcome, again.outcome, again.verdict) == (
        "accepted",
        "duplicate",
        first.verdict,
    )
    assert warehouse.view()["lines"][0]["packed"] == 1


@pytest.mark.parametrize(
    ("text", "code", "signal"),
    [
        ("SN-OTHER", "wrong_unit", "stop"),
        ("SN-SOLD", "sn_shipped", "stop"),
        ("6901200000026", "wrong_unit", "stop"),
        ("SN-NOBODY-KNOWS", "wrong_unit", "stop"),
        ("6901200000019", "sn_instead", "attention"),
        ("SN-A", "unit_twice", "attention"),
        ("C01-01", "not_a_unit", "attention"),
        ("BC:REPRINT:spoiled", "nothing_to_reprint", "attention"),
        ("BC:PACKING", "not_weighing", "attention"),
        ("BC:PASS:BDG-9:x", "nothing_to_pass", "attention"),
    ],
)
def test_a_scan_that_is_wrong_at_scan_out_says_so_and_changes_nothing(
    warehouse: Any, goods: Any, text: str, code: str, signal: str
) -> None:
    warehouse.picked("C01-02", {goods.full: 1}, serials=("SN-OTHER",))
    sold = warehouse.picked("C01-03", {goods.full: 1}, serials=("SN-SOLD",))
    warehouse.picked("C01-01", {goods.full: 2}, serials=("SN-A", "SN-B"))
    warehouse.scans("bench-1", "BDG-1", "C01-03", "SN-SOLD")
    warehouse.settle("bench-1", 500)
    warehouse.report(sold, "confirmed")
    waybill = warehouse.parcel(sold).waybill
    warehouse.scans("bench-1", waybill)
    assert warehouse.scans("dock-1", "BDG-1", waybill) == ["hello", "shipped"]
    warehouse.scans("bench-1", "C01-01", "SN-A")
    before = warehouse.everything()
    verdict = warehouse.scan("bench-1", text).verdict
    assert (verdict.accepted, verdict.code, verdict.signal) == (False, code, signal)
    assert warehouse.everything() == before


def test_a_number_read_only_here_is_captured_once_and_for_one_parcel(
    warehouse: Any, goods: Any
) -> None:
    warehouse.picked("C01-01", {goods.ship: 2})
    warehouse.picked("C01-02", {goods.ship: 1})
    assert warehouse.scans("bench-1", "BDG-1", "C01-01", "CHG00001", "CHG00001")[2:] == [
        "unit_packed",
        "unit_twice",
    ]
    assert warehouse.scans("bench-2", "BDG-1", "C01-02", "CHG00001", "CHG00002")[2:] == [
        "sn_in_other_parcel",
        "all_scanned",
    ]


def test_with_several_such_products_their_code_comes_before_their_number(
    warehouse: Any, goods: Any
) -> None:
    warehouse.picked("C01-01", {goods.ship: 1, goods.ship2: 1})
    assert warehouse.scan("bench-1", "BDG-1").verdict.ask == "scan_tote"
    assert warehouse.scan("bench-1", "C01-01").verdict.ask == "scan_product"
    codes = warehouse.scans("bench-1", "KEY00001", "6901200000040", "KEY00001", "CHG00001")
    assert codes == ["product_first", "product_named", "unit_packed", "all_scanned"]
    lines = {line["sku"]: line["serials"] for line in warehouse.view()["lines"]}
    assert [unit["serial"] for unit in lines[goods.ship2]] == ["KEY00001"]
    assert [unit["serial"] for unit in lines[goods.ship]] == ["CHG00001"]


def test_a_gs1_code_names_product_and_number_in_one_scan(warehouse: Any, goods: Any) -> None:
    warehouse.picked("C01-01", {goods.ship: 1, goods.ship2: 1})
    codes = warehouse.scans(
        "bench-1",
        "BDG-1",
        "C01-01",
        "]C1010690120000004021KEY00001",
        "]C1010690120000002621CHG00001",
    )
    assert codes[2:] == ["unit_packed", "all_scanned"]
    lines = {line["sku"]: line["serials"] for line in warehouse.view()["lines"]}
    assert [unit["serial"] for unit in lines[goods.ship2]] == ["KEY00001"]


def test_one_unit_too_many_is_left_out(warehouse: Any, goods: Any) -> None:
    warehouse.picked("C01-01", {goods.none: 1, goods.ship: 1})
    assert warehouse.scans("bench-1", "BDG-1", "C01-01", *["6901200000033"] * 2)[2:] == [
        "unit_packed",
        "too_many",
    ]


def test_of_two_benches_after_one_tote_the_first_gets_it_and_the_other_is_told(
    warehouse: Any, goods: Any
) -> None:
    warehouse.picked("C01-01", {goods.full: 1}, serials=("SN-A",))
    assert warehouse.scans("bench-1", "BDG-1", "C01-01") == ["hello", "tote_opened"]
    other = warehouse.scan("bench-2", "BDG-1").verdict, warehouse.scan("bench-2", "C01-01").verdict
    assert (other[1].code, other[1].params) == (
        "tote_taken",
        {"tote": "C01-01", "bench": "bench-1"},
    )
    assert warehouse.scans("bench-1", "SN-A") == ["all_scanned"]


def test_a_parcel_set_aside_starts_over_at_any_bench(warehouse: Any, goods: Any) -> None:
    parcel_id = warehouse.picked("C01-01", {goods.full: 1, goods.ship: 1}, serials=("SN-A",))
    warehouse.scans("bench-1", "BDG-1", "C01-01", "CHG00001", "SN-A")
    assert warehouse.scans("bench-1", "BC:ASIDE") == ["set_aside"]
    assert warehouse.parcel(parcel_id).state == "picked"
    codes = warehouse.scans("bench-2", "BDG-1", "C01-01", "SN-A", "CHG00001")
    assert codes[1:] == ["tote_opened", "unit_packed", "all_scanned"]


def test_units_that_were_short_are_not_asked_for(warehouse: Any, goods: Any) -> None:
    parcel_id = warehouse.picked("C01-01", {goods.none: 3}, short=1)
    assert (
        warehouse.scans("bench-1", "BDG-1", "C01-01", *["6901200000033"] * 2)[-1] == "all_scanned"
    )
    assert warehouse.settle("bench-1", 90).code == "weight_right"
    assert warehouse.facts()[0] == ParcelPacked(
        parcel_id=parcel_id, weight_grams=90, lines=(ShippedLine(1, goods.none, 2, ()),)
    )


def test_a_tote_that_is_empty_or_still_being_picked_is_not_opened(
    warehouse: Any, goods: Any
) -> None:
    warehouse.picked("C01-01", {goods.none: 1})
    warehouse.database.write_sync(
        lambda tx: tx.sql.execute("UPDATE parcels SET state = 'picking'") and None
    )
    codes = warehouse.scans("bench-1", "C01-01", "BDG-1", "C01-01", "C01-07", "B01-1-1")
    assert codes == ["badge_first", "hello", "tote_not_picked", "tote_empty", "tote_first"]


def test_the_screen_shows_masked_names_and_what_to_scan_next(warehouse: Any, goods: Any) -> None:
    mixed(warehouse, goods)
    warehouse.scans("bench-1", "BDG-1", "C01-01", "SN-A")
    view = warehouse.view()
    assert view["parcel"]["to"] == "李*明 深圳市"
    assert "李小明" not in str(view)
    assert view["ask"] == {
        "code": "scan_units",
        "params": {"sku": goods.full, "name": "云驰手机", "left": 4},
    }
    assert [(line["packed"], line["quantity"], line["current"]) for line in view["lines"]] == [
        (1, 2, True),
        (0, 1, False),
        (0, 2, False),
    ]
    assert view["lines"][0]["serials"] == [
        {"serial": "SN-A", "packed": True, "fresh": True},
        {"serial": "SN-B", "packed": False, "fresh": False},
    ]
