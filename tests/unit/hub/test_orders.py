"""The table of parcel and order states. Method: every pair of state and event is tried."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from hub.domain.orders import (
    AFTER,
    ORDER_MAY,
    ORDER_STATUSES,
    OVER,
    PARCEL_MOVES,
    PARCEL_STATES,
    ParcelEvent,
    check_request,
    order_status,
    parcel_move,
)
from shared.domain.errors import Refused


def test_a_move_is_in_the_table_or_refused_with_a_sentence() -> None:
    for state, event in product(PARCEL_STATES, get_args(ParcelEvent)):
        if (state, event) in PARCEL_MOVES:
            assert parcel_move("P1", state, event) in PARCEL_STATES
            continue
        with pytest.raises(Refused) as refused:
            parcel_move("P1", state, event)
        assert state in refused.value.message
        assert "expected it" in refused.value.message


def test_what_is_over_never_comes_alive_again() -> None:
    leaving = {
        (state, event, after)
        for (state, event), after in PARCEL_MOVES.items()
        if state in OVER and after not in OVER
    }
    assert leaving == set()


def test_a_parcel_that_a_floor_has_is_never_cancelled_without_its_word() -> None:
    by_asking = {
        state
        for (state, event), after in PARCEL_MOVES.items()
        if event == "ask_cancel" and after == "cancelled"
    }
    assert by_asking == {"reserved"}


def test_every_fact_of_a_floor_means_some_state_but_a_mere_no_to_a_cancel() -> None:
    asked_by_the_hub, only_no = {"release", "ask_cancel"}, {"too_late", "refuse_cancel"}
    assert set(AFTER) == set(get_args(ParcelEvent)) - asked_by_the_hub - only_no


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (["reserved"], "reserved"),
        (["released", "reserved"], "reserved"),
        (["picked", "packed"], "picking"),
        (["shipped", "packed"], "packed"),
        (["shipped", "shipped"], "shipped"),
        (["shipped", "cancelled"], "shipped"),
        (["short", "reserved"], "reserved"),
        (["shipped", "cancel_pending"], "cancel_pending"),
        (["cancelled"], "cancelled"),
    ],
)
def test_an_order_shows_its_least_advanced_parcel(states: list[str], status: str) -> None:
    assert order_status(held=False, cancel_asked=False, missing=0, parcels=states) == status


def test_missing_units_show_as_backordered_until_a_cancel_is_asked() -> None:
    assert order_status(held=False, cancel_asked=False, missing=1, parcels=["shipped"]) == (
        "backordered"
    )
    assert order_status(held=False, cancel_asked=True, missing=0, parcels=["cancelled"]) == (
        "cancelled"
    )
    assert order_status(held=True, cancel_asked=False, missing=3, parcels=[]) == "held"


def test_requests_are_refused_outside_their_states_with_a_hint() -> None:
    for request, allowed in ORDER_MAY.items():
        for status in ORDER_STATUSES - allowed:
            with pytest.raises(Refused) as refused:
                check_request("O1", status, request)
            assert refused.value.hint
