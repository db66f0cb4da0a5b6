"""Waybill numbers at the bench: taken from the lease with the label, waited for, never used twice.

Method: real books, scans through the door, commands as head office sends them.
"""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.commands import CancelParcel, LeaseNumbers, RecallNumbers, SetWaybill
from shared.domain.errors import Refused
from shared.domain.facts import (
    CommandAccepted,
    LabelPrinted,
    LeasedNumbers,
    NumbersReturned,
    ParcelPacked,
    WaybillFreed,
    WaybillTaken,
)

N1, N2, N3 = "SF900000001", "SF900000002", "SF900000003"


def lend(warehouse: Any, *numbers: str, after: int = 0, low_water: int = 0) -> None:
    warehouse.command(LeaseNumbers(courier="SF", after=after, numbers=numbers, low_water=low_water))


def boxed(warehouse: Any, goods: Any, tote: str, station: str = "bench-1") -> str:
    """Scan out and weigh a parcel that has no number yet; return its id."""
    parcel_id = str(warehouse.picked(tote, {goods.full: 1}, serials=(f"SN{tote}",), numbered=False))
    warehouse.scans(station, "BDG-1", tote, f"SN{tote}")
    assert warehouse.settle(station, 540).code == "weight_right"
    return parcel_id


def states(warehouse: Any) -> dict[str, str]:
    return {
        row["number"]: row["state"]
        for row in warehouse.query("SELECT number, state FROM waybill_numbers")
    }


def told(warehouse: Any, *kinds: type) -> list[Any]:
    return [fact for fact in warehouse.facts() if isinstance(fact, kinds)]


def test_the_label_takes_the_next_leased_number_in_its_own_transaction(
    warehouse: Any, goods: Any
) -> None:
    lend(warehouse, N1, N2)
    parcel_id = boxed(warehouse, goods, "C01-01")
    assert warehouse.parcel(parcel_id).waybill == warehouse.job(parcel_id).waybill == N1
    zpl = warehouse.query("SELECT zpl FROM print_jobs")[0]["zpl"]
    assert N1.encode() in bytes(zpl)
    warehouse.report(parcel_id, "confirmed")
    assert warehouse.scans("bench-1", N1) == ["parcel_done"]
    assert warehouse.parcel(parcel_id).tote is None
    assert told(warehouse, WaybillTaken, LabelPrinted) == [
        WaybillTaken(parcel_id=parcel_id, courier="SF", waybill=N1),
        LabelPrinted(parcel_id=parcel_id, waybill=N1, copy_no=1),
    ]
    assert states(warehouse) == {N1: "used", N2: "free"}
    assert warehouse.wrong() == []


def test_without_a_number_the_closed_box_waits_in_its_tote_and_the_bench_goes_on(
    warehouse: Any, goods: Any
) -> None:
    parcel_id = boxed(warehouse, goods, "C01-01")
    assert warehouse.view()["halt"]["code"] == "waybill_pending"
    assert warehouse.view()["halt"]["params"] == {"tote": "C01-01", "courier": "SF"}
    assert (parcel_id, "waybill_pending") in warehouse.exceptions()
    assert warehouse.jobs(parcel_id) == []
    assert isinstance(warehouse.facts()[-1], ParcelPacked)
    assert warehouse.scans("bench-1", "BC:SHELF", "C01-01") == ["on_shelf", "waybill_not_there"]
    assert warehouse.view()["ask"]["code"] == "scan_tote"
    # Another parcel goes over the bench meanwhile.
    warehouse.packed("C01-02")

    warehouse.command(SetWaybill(parcel_id=parcel_id, courier="SF", waybill=N1))
    assert (parcel_id, "waybill_ready") in warehouse.exceptions()
    assert warehouse.view()["ask"] == {"code": "scan_tote_ready", "params": {"tote": "C01-01"}}
    assert warehouse.scans("bench-1", "C01-01") == ["label_ordered"]
    warehouse.report(parcel_id, "confirmed")
    assert warehouse.scans("bench-1", N1) == ["parcel_done"]
    assert warehouse.scans("dock-1", "BDG-1", N1)[-1] == "shipped"
    assert warehouse.exceptions() == set()
    assert warehouse.wrong() == []


def test_the_number_may_come_while_the_box_still_stands_at_the_bench(
    warehouse: Any, goods: Any
) -> None:
    parcel_id = boxed(warehouse, goods, "C01-01")
    lend(warehouse, N1)
    assert warehouse.view()["halt"]["code"] == "waybill_ready"
    assert warehouse.scans("bench-1", "BC:LABEL") == ["label_ordered"]
    assert warehouse.parcel(parcel_id).waybill == N1
    assert warehouse.parcel(parcel_id).tote is None


def test_a_place_on_the_shelf_frees_the_tote(warehouse: Any, goods: Any) -> None:
    parcel_id = boxed(warehouse, goods, "C01-01")
    assert warehouse.scans("bench-1", "B99-1-1") == ["on_shelf"]
    assert warehouse.parcel(parcel_id).tote == "B99-1-1"
    warehouse.picked("C01-01", {goods.full: 1}, serials=("SN-2",))
    assert warehouse.scans("bench-1", "C01-01", "BC:ASIDE") == ["tote_opened", "set_aside"]
    lend(warehouse, N1)
    assert warehouse.view()["ask"]["params"] == {"tote": "B99-1-1"}
    assert warehouse.scans("bench-1", "B99-1-1") == ["label_ordered"]


def test_scanning_the_next_tote_leaves_the_waiting_box_behind(warehouse: Any, goods: Any) -> None:
    boxed(warehouse, goods, "C01-01")
    other = warehouse.picked("C01-02", {goods.full: 1}, serials=("SN-2",))
    assert warehouse.scans("bench-1", "C01-02") == ["tote_opened"]
    assert warehouse.parcel(other).state == "packing"


def test_a_lease_that_comes_twice_late_or_beside_itself_gives_nothing_twice(
    warehouse: Any, goods: Any
) -> None:
    lend(warehouse, N2, after=1)
    lend(warehouse, N1)
    boxed(warehouse, goods, "C01-01")
    lend(warehouse, N1)
    lend(warehouse, N2, after=1)
    assert states(warehouse) == {N1: "used", N2: "free"}
    leased = [fact.leased for fact in told(warehouse, CommandAccepted)]
    assert leased[0] == LeasedNumbers(courier="SF", after=1, numbers=(N2,))
    warehouse.command(RecallNumbers(courier="SF", keep=0))
    assert told(warehouse, NumbersReturned) == [NumbersReturned(courier="SF", numbers=(N2,))]
    lend(warehouse, N2, after=1)
    assert states(warehouse)[N2] == "returned", "an old command brings nothing back"
    lend(warehouse, N2, after=2)
    assert states(warehouse)[N2] == "free", "it was lent anew"
    assert warehouse.wrong() == []


@pytest.mark.parametrize(("begun", "after"), [(False, "free"), (True, "used")])
def test_the_number_of_a_cancelled_parcel_is_free_again_only_if_no_printer_heard_it(
    warehouse: Any, goods: Any, begun: bool, after: str
) -> None:
    lend(warehouse, N1)
    parcel_id = boxed(warehouse, goods, "C01-01")
    warehouse.command(CancelParcel(parcel_id=parcel_id, reason="buyer"), f"cancel-{parcel_id}")
    assert warehouse.scans("bench-1", "B01-1-1") == ["refund_done"]
    assert states(warehouse) == {N1: "used"}, "nobody knows yet what the printer has heard"
    warehouse.report(parcel_id, "cancelled", unsent=not begun)
    assert states(warehouse) == {N1: after}
    freed = [WaybillFreed(parcel_id=parcel_id, waybill=N1)] if after == "free" else []
    assert told(warehouse, WaybillFreed) == freed
    other = boxed(warehouse, goods, "C01-02")
    assert warehouse.parcel(other).waybill == (N1 if after == "free" else "")
    assert warehouse.wrong() == []


def test_a_void_label_gets_another_number_and_never_leaves(warehouse: Any, goods: Any) -> None:
    parcel_id = warehouse.packed()
    old = warehouse.parcel(parcel_id).waybill
    assert warehouse.scans("bench-1", "BC:RENUMBER") == ["renumber_not_now"]
    lend(warehouse, N1)
    assert warehouse.scans("bench-1", "BC:RENUMBER") == ["renumbered"]
    assert warehouse.scans("dock-1", "BDG-1", old, N1)[1:] == ["label_void", "label_unproven"]
    warehouse.report(parcel_id, "confirmed")
    assert warehouse.scans("bench-1", N1) == ["parcel_done"]
    assert warehouse.scans("dock-1", N1) == ["shipped"]
    assert told(warehouse, WaybillTaken, LabelPrinted) == [
        LabelPrinted(parcel_id=parcel_id, waybill=old, copy_no=1),
        WaybillTaken(parcel_id=parcel_id, courier="SF", waybill=N1, replaces=old),
        LabelPrinted(parcel_id=parcel_id, waybill=N1, copy_no=2, reason="void"),
    ]
    assert states(warehouse) == {old: "burnt", N1: "used"}
    assert warehouse.wrong() == []


def test_a_cut_off_bench_changes_the_courier_with_numbers_of_the_other(
    warehouse: Any, goods: Any
) -> None:
    parcel_id = boxed(warehouse, goods, "C01-01")
    warehouse.command(LeaseNumbers(courier="ZTO", after=0, numbers=("ZT900000001",)))
    assert warehouse.scans("bench-1", "BC:RENUMBER:ZTO") == ["renumbered"]
    parcel = warehouse.parcel(parcel_id)
    assert (parcel.courier, parcel.waybill) == ("ZTO", "ZT900000001")
    with pytest.raises(Refused) as refused:
        warehouse.command(SetWaybill(parcel_id=parcel_id, courier="SF", waybill=N1))
    assert refused.value.code == "waybill_not_wanted"


def test_few_numbers_are_told_to_the_lead_until_more_come(warehouse: Any, goods: Any) -> None:
    lend(warehouse, N1, N2, low_water=1)
    assert warehouse.exceptions() == set()
    boxed(warehouse, goods, "C01-01")
    assert ("SF", "numbers_low") in warehouse.exceptions()
    lend(warehouse, N3, after=2, low_water=1)
    assert ("SF", "numbers_low") not in warehouse.exceptions()


def test_a_number_given_by_head_office_is_never_one_that_was_lent(
    warehouse: Any, goods: Any
) -> None:
    lend(warehouse, N1)
    parcel_id = warehouse.picked("C01-01", {goods.none: 1}, numbered=False)
    with pytest.raises(Refused) as refused:
        warehouse.command(SetWaybill(parcel_id=parcel_id, courier="SF", waybill=N1))
    assert refused.value.code == "waybill_taken"
