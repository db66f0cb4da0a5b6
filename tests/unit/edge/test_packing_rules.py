"""The weight window, its likely cause, and the life of a print job: pure rules."""

from __future__ import annotations

import itertools

import pytest

from edge.domain.packing import (
    BenchJob,
    Halt,
    LikelyCause,
    UnitWeight,
    WeightWindow,
    judge_weight,
    likely_cause,
    present_halt,
    weight_window,
)
from edge.domain.printing import MOVES, may_reprint, mirrored, shown_state

EARPHONES = UnitWeight("HP", 250, 2)
CHARGER = UnitWeight("CH", 184, 2)
BAG = UnitWeight("BG", 40, 1)


def test_the_window_allows_for_spread_scale_and_carton() -> None:
    window = weight_window([EARPHONES, CHARGER, BAG])
    assert window == WeightWindow(units_grams=908, low_grams=860, high_grams=1_335)
    edges = [judge_weight(window, grams) for grams in (859, 860, 1_335, 1_336)]
    assert edges == ["too_light", "fits", "fits", "too_heavy"]


def test_without_any_known_weight_every_load_passes_but_an_empty_scale() -> None:
    assert weight_window([UnitWeight("X", 0, 3)]) is None
    assert [judge_weight(None, grams) for grams in (0, 1, 50_000)] == ["too_light", "fits", "fits"]


def test_an_extra_unit_and_a_missing_one_are_named_by_their_weight() -> None:
    units = [UnitWeight("PC", 2_350, 1), UnitWeight("PH", 900, 2)]
    window = weight_window(units)
    assert window is not None
    assert likely_cause(window, units, 4_150 + 120 + 900) == LikelyCause("PH", 1)
    assert likely_cause(window, units, 4_150 + 120 - 2_350) == LikelyCause("PC", -1)
    assert likely_cause(window, units, 50_000) is None


def test_nobody_can_have_left_out_more_units_than_the_parcel_holds() -> None:
    units = [UnitWeight("PC", 2_350, 1)]
    window = weight_window(units)
    assert window is not None
    assert likely_cause(window, units, 2_350 - 2 * 2_350 + 100) is None


def test_a_refund_goes_before_the_label_and_the_label_before_the_weight() -> None:
    heavy = Halt("stop", "too_heavy")
    at_label = BenchJob(step="label", parcel_id="p", halt=heavy)
    codes = [
        present_halt(at_label, cancel_asked=cancel, label=label, trouble=trouble)
        for cancel, label, trouble in (
            (True, "unknown", ""),
            (False, "unknown", ""),
            (False, "queued", "The printer is out of paper."),
            (False, "queued", "The print head is open."),
            (False, "failed_before_send", ""),
            (False, "sent", ""),
        )
    ]
    assert [halt.code if halt else None for halt in codes] == [
        "refund", "print_unknown", "printer_paper_out", "printer_trouble", "print_failed", None,
    ]  # fmt: skip
    weighing = BenchJob(step="weigh", parcel_id="p", halt=heavy)
    assert present_halt(weighing, cancel_asked=False, label=None, trouble="") == heavy
    assert present_halt(BenchJob(), cancel_asked=True, label=None, trouble="") is None


def test_a_report_moves_a_job_only_where_the_table_allows() -> None:
    for state, reported in itertools.product(MOVES, MOVES):
        expected = reported if reported in MOVES[state] else state
        assert mirrored(state, reported) == expected
    final = [state for state, after in MOVES.items() if not after]
    assert final == ["confirmed", "cancelled"]
    assert "queued" not in MOVES["sent"] | MOVES["unknown"]
    assert "sending" not in MOVES["sent"] | MOVES["unknown"]


@pytest.mark.parametrize(
    ("state", "missing", "spoiled"),
    [
        ("queued", False, False),
        ("sending", False, False),
        ("sent", False, False),
        ("unknown", True, True),
        ("confirmed", False, True),
        ("failed_before_send", True, True),
        ("cancelled", True, True),
    ],
)
def test_a_copy_is_made_only_when_no_other_label_can_still_come_out(
    state: str, missing: bool, spoiled: bool
) -> None:
    assert may_reprint(state, "missing") is missing  # type: ignore[arg-type]
    assert may_reprint(state, "spoiled") is spoiled  # type: ignore[arg-type]
    assert not may_reprint(state, "because")  # type: ignore[arg-type]


def test_a_label_inside_a_printer_without_paper_waits_for_paper() -> None:
    assert shown_state("sent", "The printer is out of paper.") == "no_paper"
    assert shown_state("confirmed", "The printer is out of paper.") == "confirmed"
    assert shown_state("queued", "The print head is open.") == "queued"
