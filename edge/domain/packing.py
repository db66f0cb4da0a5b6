"""The packing bench: the last gate before a parcel leaves.

The packer scans the tote, scans every unit out, puts the closed parcel on the scale, and sticks on
the label that comes out. A wrong unit, a wrong weight, a refund asked for, a label missing: all
stop here. This module knows three things without touching the world: what a bench is in the middle
of (`BenchJob`, kept in the database so that a restarted bench goes on where it was), what holds it
up, and whether a weight can be right, and if not, which unit most likely explains it.

The weight window is what the units weigh, give or take 3 % for the spread between pieces, less 20 g
for the scale, plus 400 g for carton and filling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from devices.messages import JobState
from devices.printers.trouble import code_of
from edge.domain.printing import OPEN, shown_state

LOW_PERCENT: Final = 97
HIGH_PERCENT: Final = 103
SCALE_GRAMS: Final = 20
"""How much less than the sum of its units a parcel may weigh."""
CARTON_GRAMS_MAX: Final = 400
"""How much a carton and its filling may weigh."""
CAUSE_UNITS_MAX: Final = 3
"""A difference is explained by at most this many units of one SKU, or not at all."""

BenchStep = Literal["tote", "scan_out", "weigh", "label"]
HaltKind = Literal["stop", "attention", "unknown"]
Params = dict[str, str | int]


class Halt(msgspec.Struct, frozen=True):
    """Work stops here until a person chose a way out. `code` and `params` make the sentence."""

    kind: HaltKind
    code: str
    params: Params = {}


class Way(msgspec.Struct, frozen=True):
    """A way out of a halt: what its button sends as a scan, its key, and its text's code."""

    raw: str
    key: str
    code: str


class BenchJob(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a bench is doing.

    `halt` is a weight that was refused; what else holds the bench up is seen from the parcel and
    its label (`present_halt`). `fresh` is the serial number or SKU of the newest accepted scan,
    `named_sku` the product whose serial number must come next, `last_parcel_id` the parcel
    finished before this one, whose label may still be spoiled.
    """

    step: BenchStep = "tote"
    parcel_id: str | None = None
    halt: Halt | None = None
    fresh: str = ""
    named_sku: str = ""
    last_parcel_id: str | None = None


_WEIGHT_WAYS: Final = (
    Way("BC:REOPEN", "F1", "way_reopen"),
    Way("BC:PACKING", "F3", "way_packing"),
    Way("BC:PASS", "F6", "way_pass"),
)
WAYS: Final[dict[str, tuple[Way, ...]]] = {
    "too_heavy": _WEIGHT_WAYS,
    "too_light": _WEIGHT_WAYS,
    "refund": (),
    "print_unknown": (Way("BC:REPRINT:missing", "F6", "way_reprint_missing"),),
    "print_failed": (Way("BC:REPRINT:missing", "F6", "way_reprint_missing"),),
    "waybill_pending": (Way("BC:SHELF", "F6", "way_shelf"),),
    "waybill_ready": (Way("BC:LABEL", "F6", "way_label"),),
    "printer_paper_out": (),
    "printer_trouble": (),
}
"""What a person can choose at each halt besides scanning what it asks for."""


NumberState = Literal["there", "ready", "pending"]
"""Whether a parcel has its waybill number, could have it now, or has to wait for it."""


def present_halt(
    job: BenchJob,
    *,
    cancel_asked: bool,
    label: JobState | None,
    trouble: str,
    number: NumberState = "there",
    params: Params | None = None,
) -> Halt | None:
    """Return what holds the bench up now: a refund first, then the label, then the weight.

    A closed box without a label waits for its `number`; `params` are for that sentence.
    """
    if job.parcel_id is None:
        return None
    if cancel_asked:
        return Halt("stop", "refund")
    if job.step == "label" and label is not None:
        return _label_halt(label, trouble)
    if job.step == "label":
        pending = number == "pending"
        return Halt("attention", "waybill_pending" if pending else "waybill_ready", params or {})
    return job.halt


def _label_halt(label: JobState, trouble: str) -> Halt | None:
    shown = shown_state(label, trouble)
    params: Params = {"trouble": trouble, "cause": code_of(trouble)}
    if shown == "unknown":
        return Halt("unknown", "print_unknown", params)
    if shown == "no_paper":
        return Halt("attention", "printer_paper_out")
    if shown == "failed":
        return Halt("attention", "print_failed", params)
    if label in OPEN and trouble:
        return Halt("attention", "printer_trouble", params)
    return None


class WeightWindow(msgspec.Struct, frozen=True):
    """What the parcel may weigh; `units_grams` is the sum of its units without any packing."""

    units_grams: int
    low_grams: int
    high_grams: int


class UnitWeight(msgspec.Struct, frozen=True):
    """Units of one SKU in a parcel and what one of them weighs."""

    sku: str
    unit_weight_grams: int
    quantity: int


class LikelyCause(msgspec.Struct, frozen=True):
    """`units` more (positive) or fewer (negative) of `sku` than ordered would explain a weight."""

    sku: str
    units: int


WeightVerdict = Literal["fits", "too_heavy", "too_light"]


def weight_window(units: Sequence[UnitWeight]) -> WeightWindow | None:
    """Return what a parcel of `units` may weigh, None when no unit weight is known."""
    grams = sum(unit.unit_weight_grams * unit.quantity for unit in units)
    if grams == 0:
        return None
    return WeightWindow(
        units_grams=grams,
        low_grams=max(0, grams * LOW_PERCENT // 100 - SCALE_GRAMS),
        high_grams=grams * HIGH_PERCENT // 100 + CARTON_GRAMS_MAX,
    )


def judge_weight(window: WeightWindow | None, grams: int) -> WeightVerdict:
    """Return whether `grams` fits; without a window every weight above zero fits.

    >>> judge_weight(WeightWindow(1000, 950, 1430), 949)
    'too_light'
    """
    low, high = (window.low_grams, window.high_grams) if window else (1, grams)
    if grams < low:
        return "too_light"
    return "too_heavy" if grams > high else "fits"


def likely_cause(
    window: WeightWindow, units: Sequence[UnitWeight], grams: int
) -> LikelyCause | None:
    """Return the smallest mistake with one SKU that would bring `grams` into the window.

    Of equally small mistakes the one that leaves the weight closest to the middle of the window is
    likeliest. Nobody can have left out more units than the parcel holds. None when no single SKU
    explains the difference: then the packing or the scale is the first suspect.
    """
    middle = (window.low_grams + window.high_grams) // 2
    found: list[tuple[int, int, LikelyCause]] = []
    for unit in units:
        for count in range(1, CAUSE_UNITS_MAX + 1):
            for more in (count, -count):
                corrected = grams - more * unit.unit_weight_grams
                if (
                    unit.unit_weight_grams > 0
                    and -more <= unit.quantity
                    and window.low_grams <= corrected <= window.high_grams
                ):
                    cause = LikelyCause(unit.sku, more)
                    found.append((count, abs(corrected - middle), cause))
    return min(found, key=lambda item: item[:2])[2] if found else None
