"""One weight per placement, at rest, and never the weight of the parcel before."""

from __future__ import annotations

from decimal import Decimal

from devices.messages import ReadingStatus
from devices.scales.reading import Reading
from devices.scales.settle import Settled, Settler

STEP_MS = 50


class Bench:
    """Shows readings to a settler, one every 50 ms, and collects what it announces."""

    def __init__(self) -> None:
        self.settler = Settler()
        self.now_ms = 0
        self.announced: list[Settled] = []

    def shows(self, grams: str | None, status: ReadingStatus = "stable", times: int = 10) -> None:
        for _ in range(times):
            self.now_ms += STEP_MS
            value = None if grams is None else str(Decimal(grams))
            settled = self.settler.see(Reading(status, value, "g", grams), self.now_ms)
            if settled is not None:
                self.announced.append(settled)

    def grams(self) -> list[int]:
        return [settled.grams for settled in self.announced]


def test_a_load_is_announced_once_per_placement() -> None:
    bench = Bench()
    for grams in ("1250", "0", "1250", "0.4", "730"):
        bench.shows(grams, times=20)
    assert bench.grams() == [1250, 1250, 730]
    assert not any(settled.repeated for settled in bench.announced)


def test_the_next_parcel_is_not_announced_before_the_scale_was_empty() -> None:
    bench = Bench()
    bench.shows("1250")
    bench.shows("1250", "unstable")
    bench.shows("1250")
    bench.shows("1900")
    assert bench.grams() == [1250]


def test_a_bounce_through_zero_is_not_an_empty_scale() -> None:
    bench = Bench()
    bench.shows("45")
    for _ in range(5):
        bench.shows("3", "unstable", times=1)
        bench.shows("45")
    assert bench.grams() == [45]


def test_a_quick_swap_counts_although_the_scale_never_rested_at_zero() -> None:
    bench = Bench()
    bench.shows("900")
    bench.shows("4", "unstable", times=2)
    bench.shows("900")
    assert bench.grams() == [900, 900]


def test_motion_overload_and_negative_weights_never_settle() -> None:
    bench = Bench()
    bench.shows("800", "unstable", times=100)
    bench.shows(None, "overload", times=100)
    bench.shows("999999", "overload", times=100)
    bench.shows(None, "underload", times=100)
    bench.shows("-300", times=100)
    assert bench.announced == []


def test_equal_readings_have_to_last() -> None:
    bench = Bench()
    for grams in range(500, 600):
        bench.shows(str(grams), times=2)
    assert bench.announced == []
    bench.shows("600", times=4)
    assert bench.grams() == [600]


def test_a_scale_without_a_stability_flag_has_to_hold_longer() -> None:
    bench = Bench()
    bench.shows("600", "unknown_stability", times=10)
    assert bench.announced == []
    bench.shows("600", "unknown_stability", times=1)
    assert bench.grams() == [600]


def test_rearming_announces_the_present_load_again_as_a_repeat() -> None:
    bench = Bench()
    bench.shows("1250")
    bench.settler.rearm()
    bench.shows("1250")
    assert [settled.repeated for settled in bench.announced] == [False, True]


def test_rearming_before_the_load_changes_announces_the_changed_load() -> None:
    bench = Bench()
    bench.shows("1250")
    bench.settler.rearm()
    bench.shows("1310")
    assert [(settled.grams, settled.repeated) for settled in bench.announced] == [
        (1250, False),
        (1310, False),
    ]


def test_readings_on_both_sides_of_a_silence_are_not_one_observation() -> None:
    bench = Bench()
    bench.shows("700", times=2)
    bench.now_ms += 5_000
    bench.shows("700", times=2)
    assert bench.announced == []
    bench.settler.lost()
    bench.shows("700", times=4)
    assert bench.grams() == [700]


def test_grams_are_rounded_half_up() -> None:
    bench = Bench()
    bench.shows("100.5")
    bench.shows("0")
    bench.shows("100.49")
    assert bench.grams() == [101, 100]
