"""The ledger: nothing below zero, nothing lost, balances always the sum of the movements."""

from typing import Any

import pytest

from edge.store import ledger
from shared.domain.errors import Refused
from shared.domain.facts import StockRow


def test_a_movement_changes_both_balances(house: Any) -> None:
    house.load(StockRow("B01-01-1", "CABLE", 5))
    house.write(lambda floor: floor.move("CABLE", 2, "bin:B01-01-1", "tote:C01-01"))
    assert house.sql("SELECT account, quantity FROM balances ORDER BY account") == [
        ("bin:B01-01-1", 3),
        ("supplier", -5),
        ("tote:C01-01", 2),
    ]


def test_a_bin_never_gives_more_than_it_holds(house: Any) -> None:
    house.load(StockRow("B01-01-1", "CABLE", 1))
    with pytest.raises(Refused) as refused:
        house.write(lambda floor: floor.move("CABLE", 2, "bin:B01-01-1", "tote:C01-01"))
    assert refused.value.code == "not_enough"
    assert refused.value.message == ("Failed to take 2 of CABLE from B01-01-1: the record holds 1.")
    assert house.sql("SELECT quantity FROM balances WHERE account = 'bin:B01-01-1'") == [(1,)]


def test_a_movement_of_nothing_is_refused(house: Any) -> None:
    with pytest.raises(Refused):
        house.write(lambda floor: floor.move("CABLE", 0, "supplier", "bin:B01-01-1"))


def test_on_hand_counts_places_and_not_the_world_outside(house: Any) -> None:
    house.load(StockRow("B01-01-1", "CABLE", 5), StockRow("B02-01-1", "LAMP", 2))
    house.write(lambda floor: floor.move("CABLE", 2, "bin:B01-01-1", "loss"))
    assert house.database.read_sync(ledger.on_hand) == {"CABLE": 3, "LAMP": 2}


def test_many_serials_move_with_a_row_each(house: Any) -> None:
    house.load(StockRow("B01-01-1", "PHONE", 3, ("SN1", "SN2", "SN3")))
    rows = house.sql("SELECT serial, quantity, source, target FROM movements ORDER BY serial")
    assert rows == [(f"SN{n}", 1, "supplier", "bin:B01-01-1") for n in (1, 2, 3)]
    assert house.wrong() == []
