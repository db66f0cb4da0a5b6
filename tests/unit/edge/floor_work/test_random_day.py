"""A random day: whatever order things happen in, the books hold at the end of it."""

import random
from typing import Any

import pytest

from shared.domain.facts import StockRow

CABLE = "6901234567908"
SERIALS = [f"SN{number:03d}" for number in range(24)]
STATIONS = ("handheld-01", "handheld-02")


class Pickers:
    """People who mostly do what the handheld asks, and sometimes anything else."""

    def __init__(self, house: Any, dice: random.Random) -> None:
        self.house = house
        self.dice = dice
        self.asked = dict.fromkeys(STATIONS, "scan_pick")
        self.bins = dict.fromkeys(STATIONS, "B01-01-1")

    def right_scan(self, station: str, step: int) -> str:
        return {
            "scan_cart": f"C{step:03d}",
            "scan_bin": self.bins[station],
            "scan_sn": self.dice.choice(SERIALS),
            "scan_gtin": CABLE,
        }.get(self.asked[station], "BC:PICK")

    def scan(self, step: int) -> None:
        station = self.dice.choice(STATIONS)
        raw = self.right_scan(station, step)
        if self.dice.random() < 0.2:
            raw = self.dice.choice(["BC:SHORT:1", "BC:BACK", "B02-03-1", "SN001", CABLE, "C001"])
        op_id = self.house.op()
        for _ in range(self.dice.choice((1, 1, 2))):
            answer = self.house.scan(raw, station, op_id)
        self.asked[station] = answer.verdict.ask
        self.bins[station] = str(answer.verdict.ask_params.get("bin", "B01-01-1"))


@pytest.mark.parametrize("seed", range(4))
def test_a_random_day_keeps_the_books(house: Any, seed: int, record_property: Any) -> None:
    """Orders, cancels, right and wrong scans, shortages, repeats; the test is named by its seed."""
    record_property("seed", seed)
    dice = random.Random(seed)
    house.load(
        StockRow("B01-01-1", "PHONE", 12, tuple(SERIALS[:12])),
        StockRow("B03-02-1", "PHONE", 12, tuple(SERIALS[12:])),
        StockRow("B02-03-1", "CABLE", 20),
        StockRow("B04-01-1", "CABLE", 10),
    )
    for number, station in enumerate(STATIONS, start=2):
        house.scan(f"BDG-000{number}", station)
    pickers = Pickers(house, dice)
    assigned = 0
    for step in range(300):
        roll = dice.random()
        if roll < 0.08:
            assigned += 1
            lines = dice.choice([(("PHONE", 1),), (("CABLE", 2),), (("PHONE", 2), ("CABLE", 1))])
            house.parcel(f"P{assigned}", *lines)
        elif roll < 0.10 and assigned:
            house.cancel(f"P{dice.randint(1, assigned)}")
        elif roll < 0.14:
            house.plan()
        else:
            pickers.scan(step)
    assert house.wrong() == []
    assert len(house.facts("unit_picked")) >= 5, "the day was too quiet to prove anything"
    assert house.facts("cancel_confirmed") or "refund_requested" in house.waiting()
