"""Which parcel is one too many, who must be heard after a start, and what a waybill's number is."""

from __future__ import annotations

import pytest

from hub.domain.courier_choice import DEFAULT_COURIERS, waybill_number, waybill_parts
from hub.domain.rebuilding import HeldParcel, find_surplus, lacking
from hub.domain.roll_call import ROLL_CALL_MS, everybody_heard

ONE = {(1, "CABLE"): 1}
TWO = {(1, "CABLE"): 2}


def held(name, state, units=None, shipped=None):
    return HeldParcel(name, state, ONE if units is None else units, shipped or {})


@pytest.mark.parametrize(
    ("parcels", "call_back", "twice"),
    [
        ([held("A", "released")], (), ()),
        ([held("A", "reserved"), held("B", "picking")], ("A",), ()),
        ([held("A", "released"), held("B", "reserved")], ("B",), ()),
        ([held("A", "picked"), held("B", "shipped", shipped=ONE)], ("A",), ()),
        ([held("A", "shipped", shipped=ONE), held("B", "shipped", shipped=ONE)], (), ("A", "B")),
        ([held("A", "cancelled"), held("B", "reserved")], (), ()),
        ([held("A", "cancel_pending"), held("B", "reserved")], (), ()),
        ([held("A", "released", {(1, "SCALE"): 1}), held("B", "reserved")], ("A",), ()),
        ([held("A", "released", TWO)], ("A",), ()),
    ],
)
def test_the_parcel_that_is_furthest_along_stays_and_the_rest_is_called_back(
    parcels, call_back, twice
):
    found = find_surplus(ONE, parcels)
    assert (found.call_back, found.left_twice) == (call_back, twice)


def test_what_no_parcel_carries_is_lacking_whatever_else_they_carry():
    parcels = [held("A", "shipped", shipped=ONE), held("B", "cancelled")]
    assert lacking(TWO, parcels) == {1: 1}
    assert lacking(ONE, [held("A", "released", {(1, "SCALE"): 1})]) == {1: 1}


def test_a_hub_hears_those_it_knew_at_its_start_but_not_for_ever():
    assert everybody_heard(["SHA"], ["SHA", "CAN"], 0)
    assert not everybody_heard(["SHA", "CAN"], ["SHA"], ROLL_CALL_MS - 1)
    assert everybody_heard(["SHA", "CAN"], ["SHA"], ROLL_CALL_MS)


@pytest.mark.parametrize("number", [1, 999_999, 1_790_000_001])
def test_the_number_of_a_waybill_can_be_read_back(number):
    for courier in DEFAULT_COURIERS:
        assert waybill_parts(waybill_number(courier, number)) == (courier.prefix, number)


@pytest.mark.parametrize("waybill", ["", "SF", "123456789012345", "SF00000000001X"])
def test_a_waybill_of_somebody_else_has_no_number_of_ours(waybill):
    assert waybill_parts(waybill) is None
