"""The dock hands over what is packed and wanted; a refund brings back what is not."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.facts import (
    CancelConfirmed,
    ParcelShipped,
    ShippedLine,
    StockMoved,
    StockRow,
)


def test_the_first_parcel_opens_the_manifest_and_the_card_closes_it(
    warehouse: Any, goods: Any
) -> None:
    first, second = warehouse.packed("C01-01"), warehouse.packed("C01-02")
    waybills = [warehouse.parcel(one).waybill for one in (first, second)]
    assert warehouse.scans("dock-1", "BDG-1", *waybills) == ["hello", "shipped", "shipped"]
    assert warehouse.scans("dock-1", "BC:CLOSE", "BC:CLOSE") == [
        "manifests_closed",
        "no_manifest_open",
    ]
    assert [warehouse.parcel(one).manifest for one in (first, second)] == ["MF-000001"] * 2
    assert warehouse.serial_state("SNC01-01") == "shipped"
    assert warehouse.balances() == {f"customer {goods.full}": 2}
    assert warehouse.facts()[-2] == ParcelShipped(
        parcel_id=first,
        waybill=waybills[0],
        manifest="MF-000001",
        lines=(ShippedLine(1, goods.full, 1, ("SNC01-01",)),),
    )


def test_a_second_scan_of_the_same_parcel_says_when_it_left(warehouse: Any) -> None:
    waybill = warehouse.parcel(warehouse.packed()).waybill
    warehouse.scans("dock-1", "BDG-1", waybill)
    before = warehouse.everything()
    verdict = warehouse.scan("dock-2", "BDG-1") and warehouse.scan("dock-1", waybill).verdict
    assert (verdict.accepted, verdict.code) == (False, "already_shipped")
    after = warehouse.everything()
    assert {name for name in after if after[name] != before[name]} == {"stations"}


def test_what_may_not_leave_does_not(warehouse: Any, goods: Any) -> None:
    picked = warehouse.picked("C01-02", {goods.full: 1}, serials=("SN-1",))
    unproven = warehouse.picked("C01-03", {goods.full: 1}, serials=("SN-2",))
    warehouse.scans("bench-1", "BDG-1", "C01-03", "SN-2")
    warehouse.settle("bench-1", 540)
    refund = warehouse.packed("C01-04", station="bench-2")
    warehouse.ask_refund(refund)
    waybills = [warehouse.parcel(one).waybill for one in (picked, unproven, refund)]
    before = warehouse.everything()
    assert warehouse.scans("dock-1", waybills[0], "BDG-1", *waybills, "SF-NOBODY") == [
        "badge_first", "hello", "not_packed", "label_unproven", "refund_requested",
        "waybill_unknown",
    ]  # fmt: skip
    after = warehouse.everything()
    assert {name for name in after if after[name] != before[name]} == {"stations"}


def test_an_unproven_label_is_proven_by_scanning_the_box_at_a_bench(
    warehouse: Any, goods: Any
) -> None:
    parcel_id = warehouse.picked("C01-03", {goods.full: 1}, serials=("SN-2",))
    warehouse.scans("bench-1", "BDG-1", "C01-03", "SN-2")
    warehouse.settle("bench-1", 540)
    warehouse.report(parcel_id, "sent")
    waybill = warehouse.parcel(parcel_id).waybill
    assert warehouse.scans("bench-2", "BDG-1", waybill, waybill) == [
        "hello",
        "label_reopened",
        "parcel_done",
    ]
    assert warehouse.scans("dock-1", "BDG-1", waybill) == ["hello", "shipped"]
    # The bench that had it before noticed that it is gone.
    assert warehouse.view("bench-1")["step"] == "tote"


def in_tote(warehouse: Any) -> None:
    warehouse.scans("bench-1", "BDG-1")


def half_scanned(warehouse: Any) -> None:
    warehouse.scans("bench-1", "BDG-1", "C01-01", "SN-A", "CHG00001")


def wrong_weight(warehouse: Any) -> None:
    warehouse.scans("bench-1", "BDG-1", "C01-01", "SN-A", "SN-B", "CHG00001", "6901200000033")
    warehouse.settle("bench-1", 9_000)


@pytest.mark.parametrize("before", [in_tote, half_scanned, wrong_weight])
def test_a_refund_before_the_weight_brings_the_tote_back_to_the_rack(
    warehouse: Any, goods: Any, before: Any
) -> None:
    parcel_id = warehouse.picked(
        "C01-01", {goods.full: 2, goods.ship: 1, goods.none: 1}, serials=("SN-A", "SN-B")
    )
    before(warehouse)
    warehouse.ask_refund(parcel_id)
    if before is in_tote:
        opened = warehouse.scan("bench-1", "C01-01")
        assert (opened.outcome, opened.verdict.signal) == ("accepted", "stop")
    assert warehouse.view()["halt"]["code"] == "refund"
    assert warehouse.scans("bench-1", "SN-A", "BC:PACKING", "BC:ACK") == ["refund"] * 3
    assert warehouse.settle("bench-1", 1_208).code == "not_weighing"
    warehouse.kill_and_restart()
    assert warehouse.scans("bench-1", "R-02") == ["refund_done"]
    assert warehouse.balances() == {
        f"bin:R-02 {goods.full}": 2, f"bin:R-02 {goods.ship}": 1, f"bin:R-02 {goods.none}": 1,
    }  # fmt: skip
    assert {warehouse.serial_state(sn) for sn in ("SN-A", "SN-B")} == {"in_stock"}
    assert warehouse.query("SELECT * FROM serials WHERE serial = 'CHG00001'") == []
    assert (warehouse.parcel(parcel_id).state, warehouse.parcel(parcel_id).tote) == (
        "cancelled",
        None,
    )
    assert warehouse.facts() == [
        StockMoved(row=StockRow("C01-01", goods.full, 2, ("SN-A", "SN-B")), to_bin="R-02"),
        StockMoved(row=StockRow("C01-01", goods.ship, 1), to_bin="R-02"),
        StockMoved(row=StockRow("C01-01", goods.none, 1), to_bin="R-02"),
        CancelConfirmed(command_id=f"cancel-{parcel_id}", parcel_id=parcel_id),
    ]
    assert warehouse.exceptions() == set()
    assert warehouse.view()["step"] == "tote"


@pytest.mark.parametrize("label", ["queued", "unknown", "confirmed"])
def test_a_refund_of_a_packed_parcel_voids_its_label_and_frees_its_numbers(
    warehouse: Any, goods: Any, label: str
) -> None:
    parcel_id = warehouse.picked("C01-01", {goods.ship: 1})
    warehouse.scans("bench-1", "BDG-1", "C01-01", "CHG00001")
    warehouse.settle("bench-1", 300)
    warehouse.report(parcel_id, label)
    job_id = warehouse.job(parcel_id).job_id
    warehouse.ask_refund(parcel_id)
    warehouse.told.hardware()
    waybill = warehouse.parcel(parcel_id).waybill
    assert warehouse.scans("bench-1", waybill, "B02-1-1") == ["refund", "refund_done"]
    asked = [{"decide_job": job_id}] if label == "queued" else []
    assert warehouse.told.hardware() == asked
    assert warehouse.serial_state("CHG00001") == "in_stock"
    assert warehouse.balances() == {f"bin:B02-1-1 {goods.ship}": 1}
    assert warehouse.scans("dock-1", "BDG-1", waybill) == ["hello", "parcel_cancelled"]
    # The unit is good stock: the next buyer gets it, number and all.
    warehouse.picked("C01-05", {goods.ship: 1})
    assert warehouse.scans("bench-1", "C01-05", "CHG00001")[-1] == "all_scanned"
    assert warehouse.settle("bench-1", 300).code == "weight_right"
    assert warehouse.serial_state("CHG00001") == "packed"


def test_a_box_called_back_at_the_dock_is_put_back_at_any_bench(warehouse: Any) -> None:
    parcel_id = warehouse.packed("C01-01", station="bench-1")
    warehouse.ask_refund(parcel_id)
    waybill = warehouse.parcel(parcel_id).waybill
    assert warehouse.scans("dock-1", "BDG-1", waybill)[-1] == "refund_requested"
    opened = warehouse.scan("bench-2", "BDG-1") and warehouse.scan("bench-2", waybill)
    assert (opened.verdict.code, opened.verdict.signal) == ("refund", "stop")
    assert warehouse.scans("bench-2", "R-02") == ["refund_done"]
    assert warehouse.facts()[-1] == CancelConfirmed(
        command_id=f"cancel-{parcel_id}", parcel_id=parcel_id
    )


def test_a_refund_that_nobody_confirmed_at_this_bench_can_be_set_aside(
    warehouse: Any, goods: Any
) -> None:
    parcel_id = warehouse.picked("C01-01", {goods.none: 1})
    warehouse.scans("bench-1", "BDG-1", "C01-01")
    warehouse.ask_refund(parcel_id)
    assert warehouse.scans("bench-1", "BC:ASIDE") == ["set_aside"]
    assert warehouse.scans("bench-2", "BDG-1", "C01-01", "R-02")[1:] == ["refund", "refund_done"]
