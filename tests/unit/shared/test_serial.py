"""The law of serial numbers, walked move by move."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from shared.domain import serial
from shared.domain.errors import Refused


def test_a_unit_lives_from_the_dock_to_the_customer_and_back() -> None:
    state: serial.SerialState | None = None
    for event in ("receive", "pick", "pack", "ship", "return", "restock", "pick"):
        state = serial.move("SN1", state, event)  # type: ignore[arg-type]
    assert state == "picked"


def test_every_move_that_is_not_in_the_table_is_refused_with_a_sentence() -> None:
    for state, event in product((None, *serial.STATES), get_args(serial.SerialEvent)):
        if (state, event) in serial.MOVES or event == "dispute":
            continue
        with pytest.raises(Refused, match=r"Failed to .* expected it .*, got "):
            serial.move("SN1", state, event)


def test_a_shipped_unit_cannot_be_shipped_again() -> None:
    with pytest.raises(Refused) as told:
        serial.move("SN1", "shipped", "ship")
    assert str(told.value) == "Failed to ship SN1: expected it packed, got shipped."


def test_a_picker_may_not_ship() -> None:
    with pytest.raises(Refused) as told:
        serial.move("SN1", "packed", "ship", "picker")
    assert str(told.value) == "Failed to ship SN1: expected one of dock, lead, got picker."


def test_anything_that_has_a_place_can_be_disputed() -> None:
    assert {serial.move("SN1", state, "dispute") for state in serial.STATES} == {"disputed"}
