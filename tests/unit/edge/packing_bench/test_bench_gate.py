"""The weigh gate and the label: what stops a bench, and the ways out."""

from __future__ import annotations

from typing import Any

import pytest

from edge.services import weigh
from shared.domain.errors import Forbidden, InvalidInput, Refused
from shared.domain.facts import LabelPrinted, ParcelPacked

NO_PAPER = "The printer is out of paper."


@pytest.fixture
def weighing(warehouse: Any, goods: Any) -> str:
    """A parcel with two phones (840 g) waits for its weight at bench-1."""
    parcel_id = warehouse.picked("C01-01", {goods.full: 2}, serials=("SN-A", "SN-B"))
    warehouse.scans("bench-1", "BDG-1", "C01-01", "SN-A", "SN-B")
    warehouse.told.hardware()
    return str(parcel_id)


@pytest.fixture
def labelled(warehouse: Any, weighing: str) -> str:
    """The same parcel, packed; its label is queued."""
    assert warehouse.settle("bench-1", 960).code == "weight_right"
    warehouse.told.hardware()
    return weighing


def test_too_heavy_stops_with_its_likely_cause_and_nothing_moves(
    warehouse: Any, weighing: str, goods: Any
) -> None:
    verdict = warehouse.settle("bench-1", 960 + 420)
    assert (verdict.code, verdict.signal) == ("too_heavy", "stop")
    assert verdict.params == {
        "grams": 1_380, "low_grams": 794, "high_grams": 1_265, "off_grams": 115,
        "likely": "云驰手机", "cause_sku": goods.full, "cause_units": 1, "cause_grams": 420,
    }  # fmt: skip
    view = warehouse.view()
    assert view["halt"]["code"] == "too_heavy"
    assert [way["raw"] for way in view["halt"]["ways"]] == ["BC:REOPEN", "BC:PACKING", "BC:PASS"]
    assert warehouse.exceptions() == {(weighing, "too_heavy")}
    assert warehouse.facts() == []
    assert warehouse.balances() == {f"tote:C01-01 {goods.full}": 2}
    # While the stop is up neither a scan nor a new weight gets through.
    assert warehouse.scans("bench-1", "SN-A", "C01-01", "BC:ACK") == ["too_heavy"] * 3
    assert warehouse.settle("bench-1", 960).code == "not_weighing"


def test_opened_again_every_unit_is_scanned_out_once_more(warehouse: Any, weighing: str) -> None:
    warehouse.settle("bench-1", 500)
    assert warehouse.view()["halt"]["code"] == "too_light"
    codes = warehouse.scans("bench-1", "BC:REOPEN", "SN-B", "SN-A")
    assert codes == ["scan_all_again", "unit_packed", "all_scanned"]
    assert warehouse.exceptions() == set()
    assert warehouse.settle("bench-1", 960).code == "weight_right"


def test_weighed_again_after_other_packing_the_same_load_may_pass(
    warehouse: Any, weighing: str
) -> None:
    warehouse.settle("bench-1", 1_380, "load-x")
    assert warehouse.scans("bench-1", "BC:PACKING") == ["weigh_again"]
    assert warehouse.told.hardware() == [{"rearm_scale": "scale-1"}]
    assert warehouse.settle("bench-1", 1_200, "load-x").code == "weight_right"
    rows = warehouse.query("SELECT grams, accepted FROM weighings ORDER BY at_ms")
    assert [(row["grams"], row["accepted"]) for row in rows] == [(1_380, 0), (1_200, 1)]


def test_only_a_lead_with_a_reason_lets_a_weight_pass_and_both_are_kept(
    warehouse: Any, weighing: str
) -> None:
    warehouse.settle("bench-1", 1_380)
    codes = warehouse.scans(
        "bench-1", "BC:PASS:BDG-1:gift", "BC:PASS:BDG-9", "BC:PASS:BDG-9: ", "BC:PASS:BDG-9:gift"
    )
    assert codes == ["lead_badge_needed", "reason_needed", "reason_needed", "weight_right"]
    row = warehouse.query("SELECT * FROM weight_overrides")[0]
    assert (row["kind"], row["badge"], row["reason"]) == ("passed", "BDG-9", "GIFT")
    assert warehouse.parcel(weighing).weight_grams == 1_380
    assert warehouse.exceptions() == set()


def test_a_load_nobody_waits_for_changes_nothing(warehouse: Any, goods: Any) -> None:
    warehouse.picked("C01-01", {goods.full: 1}, serials=("SN-A",))
    warehouse.scans("bench-1", "BDG-1", "C01-01")
    before = warehouse.everything()
    assert warehouse.settle("bench-1", 540).code == "not_weighing"
    assert warehouse.everything() == before


def test_the_same_load_told_twice_packs_once(warehouse: Any, weighing: str) -> None:
    warehouse.settle("bench-1", 960, "load-1")
    assert warehouse.settle("bench-1", 960, "load-1").code == "not_weighing"
    assert len(warehouse.jobs(weighing)) == 1
    assert [type(fact) for fact in warehouse.facts()] == [ParcelPacked]


def test_the_box_of_the_parcel_before_never_counts_for_the_next(
    warehouse: Any, labelled: str, goods: Any
) -> None:
    warehouse.picked("C01-02", {goods.full: 2}, serials=("SN-C", "SN-D"))
    last = warehouse.query("SELECT weighing_id FROM weighings")[0]["weighing_id"]
    warehouse.report(labelled, "confirmed")
    warehouse.scans("bench-1", warehouse.parcel(labelled).waybill, "C01-02", "SN-C", "SN-D")
    assert warehouse.settle("bench-1", 960, last).code == "scale_not_cleared"
    assert warehouse.view()["step"] == "weigh"
    assert warehouse.settle("bench-1", 950).code == "weight_right"


def by_hand(
    warehouse: Any, op_id: str, grams: int, badge: str = "BDG-9", reason: str = "秤坏了"
) -> Any:
    return warehouse.database.write_sync(
        lambda tx: weigh.weigh_by_hand(
            warehouse.floor(tx, op_id, badge), "bench-1", grams=grams, badge=badge, reason=reason,
            drawn=None,
        )
    )  # fmt: skip


def test_a_weight_typed_by_a_lead_is_judged_like_any_and_audited(
    warehouse: Any, weighing: str
) -> None:
    for problem, grams, badge, reason in (
        (Forbidden, 960, "BDG-1", "x"),
        (InvalidInput, 0, "BDG-9", "x"),
        (InvalidInput, 960, "BDG-9", " "),
    ):
        with pytest.raises(problem):
            by_hand(warehouse, "typed", grams, badge, reason)
    assert by_hand(warehouse, "typed", 960).code == "weight_right"
    assert by_hand(warehouse, "typed", 960).code == "weight_right"
    assert len(warehouse.jobs(weighing)) == 1
    assert warehouse.query("SELECT kind FROM weight_overrides")[0]["kind"] == "manual"
    with pytest.raises(Refused, match="it is at step label"):
        by_hand(warehouse, "typed-2", 960)


def test_a_label_without_paper_waits_and_goes_by_itself(warehouse: Any, labelled: str) -> None:
    warehouse.report(labelled, "queued", NO_PAPER)
    view = warehouse.view()
    assert (view["halt"]["kind"], view["halt"]["code"]) == ("attention", "printer_paper_out")
    assert (view["label"]["state"], view["label"]["trouble"]) == ("no_paper", "paper_out")
    assert warehouse.exceptions() == {("printer-1", "printer_paper_out")}
    waybill = warehouse.parcel(labelled).waybill
    assert warehouse.scans("bench-1", waybill, "BC:REPRINT:missing") == [
        "label_not_printed",
        "reprint_not_now",
    ]
    warehouse.report(labelled, "sending")
    assert (warehouse.view()["halt"], warehouse.exceptions()) == (None, set())
    warehouse.report(labelled, "confirmed")
    assert warehouse.scans("bench-1", waybill) == ["parcel_done"]
    assert len(warehouse.jobs(labelled)) == 1


def test_late_and_repeated_reports_change_nothing_and_the_fact_is_written_once(
    warehouse: Any, labelled: str
) -> None:
    for state in ("sent", "sending", "confirmed", "confirmed", "sent", "queued"):
        warehouse.report(labelled, state)
    assert warehouse.job(labelled).state == "confirmed"
    assert [fact for fact in warehouse.facts() if isinstance(fact, LabelPrinted)] == [
        LabelPrinted(parcel_id=labelled, waybill=warehouse.parcel(labelled).waybill, copy_no=1)
    ]


def test_an_unknown_label_is_never_sent_again_by_itself_and_its_scan_is_the_proof(
    warehouse: Any, labelled: str
) -> None:
    warehouse.report(labelled, "unknown", "The connection broke while the label was on its way.")
    assert warehouse.view()["halt"]["code"] == "print_unknown"
    assert warehouse.exceptions() == {(labelled, "print_unknown")}
    warehouse.kill_and_restart()
    assert warehouse.told.hardware() == []
    assert warehouse.scans("bench-1", warehouse.parcel(labelled).waybill) == ["parcel_done"]
    job = warehouse.job(labelled)
    assert warehouse.told.hardware() == [{"decide_job": job.job_id, "printed": True}]
    assert (job.state, warehouse.exceptions()) == ("confirmed", set())


def test_a_missing_label_is_decided_first_and_its_copy_carries_number_and_reason(
    warehouse: Any, labelled: str
) -> None:
    warehouse.report(labelled, "unknown")
    warehouse.told.hardware()
    assert warehouse.scans("bench-1", "BC:REPRINT:missing") == ["copy_ordered"]
    first, second = warehouse.jobs(labelled)
    assert warehouse.told.hardware() == [
        {"decide_job": first.job_id},
        {"print_job": second.job_id},
    ]
    assert (first.state, second.state, second.copy_no) == ("cancelled", "queued", 2)
    assert (second.reason, second.actor) == ("missing", "BDG-1")
    assert first.sha256 != second.sha256
    warehouse.report(labelled, "confirmed")
    facts = [fact for fact in warehouse.facts() if isinstance(fact, LabelPrinted)]
    assert [(fact.copy_no, fact.reason) for fact in facts] == [(2, "missing")]


def test_a_spoiled_label_may_be_copied_also_just_after_the_parcel_was_finished(
    warehouse: Any, labelled: str
) -> None:
    warehouse.report(labelled, "confirmed")
    waybill = warehouse.parcel(labelled).waybill
    codes = warehouse.scans("bench-1", "BC:REPRINT:missing", waybill, "BC:REPRINT:spoiled")
    assert codes == ["reprint_not_now", "parcel_done", "copy_ordered"]
    assert warehouse.view()["step"] == "label"
    warehouse.report(labelled, "confirmed")
    assert warehouse.scans("bench-1", waybill) == ["parcel_done"]


def test_a_decision_that_the_devices_process_missed_is_told_again(
    warehouse: Any, labelled: str
) -> None:
    warehouse.report(labelled, "unknown")
    warehouse.scans("bench-1", warehouse.parcel(labelled).waybill)
    warehouse.told.hardware()
    assert warehouse.report(labelled, "unknown") == "confirmed"
    job = warehouse.job(labelled)
    assert warehouse.told.hardware() == [{"decide_job": job.job_id, "printed": True}]


def test_the_label_of_another_parcel_stops_the_bench(warehouse: Any, labelled: str) -> None:
    other = warehouse.packed("C01-09", station="bench-2")
    warehouse.report(labelled, "confirmed")
    verdict = warehouse.scan("bench-1", warehouse.parcel(other).waybill).verdict
    assert (verdict.code, verdict.signal) == ("wrong_label", "stop")
    assert warehouse.scans("bench-1", "C01-02") == ["label_first"]
