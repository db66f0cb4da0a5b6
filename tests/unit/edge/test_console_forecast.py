"""Will the cut-offs be made: the forecast, the needed pace, and the pictures made of them."""

from __future__ import annotations

import re

import pytest

from edge.domain.forecast import HOUR_MS, Due, Pace, needed_pace, outlooks, pace_per_hour
from edge.store.console_views import Stop
from edge.web.console import pictures

NOW = 1_000 * HOUR_MS


def due(courier: str, hours: float, left: int, total: int = 100) -> Due:
    return Due(courier, NOW + int(hours * HOUR_MS), total, left)


@pytest.mark.parametrize(
    ("packed", "first_minutes_ago", "pace"),
    [
        (60, 60, 60),
        (30, 30, 60),
        (5, 2, 30),  # a shift that has just begun counts over ten minutes
        (0, None, 0),
        (200, 90, 200),  # nothing older than an hour was counted
    ],
)
def test_the_pace_is_that_of_the_last_hour(
    packed: int, first_minutes_ago: int | None, pace: int
) -> None:
    first = None if first_minutes_ago is None else NOW - first_minutes_ago * 60_000
    assert pace_per_hour(packed, first, NOW) == pace


def test_cut_offs_are_worked_in_order_and_the_late_ones_count_what_they_miss() -> None:
    found = outlooks([due("SF", 1, 50), due("ZTO", 2, 90), due("JD", 5, 30)], 60, NOW)
    assert [look.finish_ms for look in found] == [
        NOW + 50 * HOUR_MS // 60,
        NOW + 140 * HOUR_MS // 60,
        NOW + 170 * HOUR_MS // 60,
    ]
    assert [(look.late, look.missed) for look in found] == [(False, 0), (True, 20), (False, 0)]
    assert found[1].late_ms == 20 * 60_000


def test_an_early_courier_that_is_overfull_does_not_hide_a_later_miss() -> None:
    found = outlooks([due("SF", 1, 100), due("ZTO", 1.5, 10)], 60, NOW)
    assert [look.missed for look in found] == [40, 10]


def test_without_a_pace_only_what_is_overdue_is_missed() -> None:
    found = outlooks([due("SF", -1, 4), due("ZTO", 1, 10), due("JD", 2, 0)], 0, NOW)
    assert [(look.finish_ms, look.missed) for look in found] == [(None, 4), (None, 0), (None, 0)]


def test_the_needed_pace_is_set_by_the_most_demanding_cut_off_and_drops_after_it() -> None:
    steps = needed_pace([due("SF", 1, 20), due("ZTO", 2, 100), due("JD", 6, 40)], NOW)
    assert steps == [
        Pace(NOW, NOW + 2 * HOUR_MS, 60),
        Pace(NOW + 2 * HOUR_MS, NOW + 6 * HOUR_MS, 10),
    ]


def test_parcels_whose_cut_off_is_over_stand_first_in_line() -> None:
    steps = needed_pace([due("SF", -1, 30), due("ZTO", 1, 10)], NOW)
    assert steps == [Pace(NOW, NOW + HOUR_MS, 40)]


def test_keeping_the_needed_pace_makes_every_cut_off() -> None:
    dues = [due("A", 0.5, 7), due("B", 1.2, 80), due("C", 3, 11), due("D", 3.1, 90)]
    packed, at = 0.0, NOW
    for step in needed_pace(dues, NOW):
        packed += step.per_hour * (step.to_ms - at) / HOUR_MS
        at = step.to_ms
        assert packed >= sum(one.left for one in dues if one.cut_off_ms <= at)


def chart(**changes: object) -> pictures.Chart:
    facts: dict[str, object] = {
        "packed": {8: 6, 9: 15, 10: 4}, "day_start_ms": 0, "now_ms": 11 * HOUR_MS + HOUR_MS // 2,
        "left": 40, "per_hour": 20, "needed": [Pace(11 * HOUR_MS, 13 * HOUR_MS, 25)],
    }  # fmt: skip
    return pictures.chart(**{**facts, **changes})  # type: ignore[arg-type]


def test_the_chart_adds_up_and_stays_inside_its_frame() -> None:
    drawn = chart()
    assert [bar.packed for bar in drawn.bars][:4] == [6, 15, 4, 0]
    assert [bar.hour for bar in drawn.bars][:5] == ["08", "09", "10", "11", "12"]
    unit = drawn.bars[1].height / 15
    assert sum(bar.more for bar in drawn.bars) == pytest.approx(40 * unit, abs=1)
    for bar in drawn.bars:
        assert bar.x >= pictures.CHART_LEFT
        assert bar.x + bar.width <= pictures.CHART_RIGHT
        assert bar.more_y >= pictures.CHART_TOP - 1


@pytest.mark.parametrize("now_hour", [0, 5, 12, 23])
@pytest.mark.parametrize("left", [0, 3, 100_000])
@pytest.mark.parametrize("packed", [{}, {0: 1}, dict.fromkeys(range(24), 900)])
def test_no_day_breaks_the_chart(now_hour: int, left: int, packed: dict[int, int]) -> None:
    drawn = chart(
        packed={h: n for h, n in packed.items() if h <= now_hour}, now_ms=now_hour * HOUR_MS,
        left=left, per_hour=7, needed=[Pace(now_hour * HOUR_MS, 30 * HOUR_MS, 10**6)],
    )  # fmt: skip
    assert pictures.BARS_MIN <= len(drawn.bars) <= pictures.BARS_MAX
    assert any(bar.hour == f"{now_hour:02d}" for bar in drawn.bars)
    assert min(bar.more_y for bar in drawn.bars) >= pictures.CHART_TOP - 1


def test_the_map_shows_where_each_cart_is_and_what_is_left_of_its_walk() -> None:
    stops = [
        Stop("PL-1", "C04", "B02-05-1", True, NOW),
        Stop("PL-1", "C04", "B04-09-2", False, NOW),
        Stop("PL-2", "C07", "B02-05-3", True, NOW - 2 * pictures.IDLE_MS),
    ]
    drawn = pictures.floor(["B01-20-1", "B02-20-1", "B03-20-1", "B04-20-1"], stops, NOW)
    assert [aisle.name for aisle in drawn.aisles] == ["B01", "B02", "B03", "B04"]
    first, second = drawn.carts
    assert (first.name, first.idle, len(first.stops)) == ("C04", False, 1)
    assert (second.name, second.idle, second.stops) == ("C07", True, [])
    assert abs(first.label_x - second.label_x) >= pictures.PLATE_WIDTH  # one plate beside the other
    assert re.fullmatch(r"(M|L)[\d. MLML]+", first.walked)


def test_a_warehouse_without_bins_still_has_a_map() -> None:
    drawn = pictures.floor([], [], NOW)
    assert (len(drawn.aisles), drawn.carts) == (1, [])
