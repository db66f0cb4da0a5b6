"""The floor plan, read from the bin codes themselves: `B07-12-3` is aisle B07, bay 12, level 3.

Nobody has to draw a map before the first pick. The aisles are the different first parts of the bin
codes in order, the bay number is the cell along the aisle, and the level does not matter for the
walk. A code of another shape stands in an aisle named by everything before its first number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from edge.domain.routing import Cell, Layout, Route, route
from edge.domain.site import Geometry

_CODE: Final = re.compile(r"^([^-]+)-(\d{1,4})")
CELLS_MAX: Final = 2_000


class FloorPlan(msgspec.Struct, frozen=True):
    """Aisle names in walking order and how many cells each has."""

    aisles: tuple[str, ...]
    cells_per_aisle: int

    def cell(self, bin_code: str) -> Cell:
        """Return (aisle, cell) of a bin; an unknown aisle counts as the first."""
        aisle, bay = aisle_and_bay(bin_code)
        number = self.aisles.index(aisle) if aisle in self.aisles else 0
        return number, min(bay, self.cells_per_aisle - 1)


def aisle_and_bay(bin_code: str) -> tuple[str, int]:
    """Return the aisle's name and the bay, counted from 0.

    >>> aisle_and_bay("B07-12-3"), aisle_and_bay("RETURNS")
    (('B07', 11), ('RETURNS', 0))
    """
    match = _CODE.match(bin_code)
    if match is None:
        return bin_code.partition("-")[0], 0
    return match.group(1), min(max(int(match.group(2)) - 1, 0), CELLS_MAX - 1)


def plan_of(bin_codes: Iterable[str]) -> FloorPlan:
    """Return the floor plan that holds all `bin_codes`."""
    places = {aisle_and_bay(code) for code in bin_codes}
    aisles = tuple(sorted({aisle for aisle, _ in places}))
    return FloorPlan(aisles or ("-",), max((bay for _, bay in places), default=0) + 1)


def picking_layout(plan: FloorPlan, geometry: Geometry) -> Layout:
    """Return the geometry for the router, in millimetres; the depot is at the first aisle."""
    return Layout(
        aisles=len(plan.aisles),
        cells_per_aisle=plan.cells_per_aisle,
        aisle_pitch=geometry.aisle_pitch_mm,
        cell_pitch=geometry.cell_pitch_mm,
        end_to_first_cell=geometry.end_to_first_cell_mm,
        depot_aisle=0,
    )


class Walk(msgspec.Struct, frozen=True):
    """Bins in the order of the shortest walk, its length, and its turning points for drawing."""

    bins: tuple[str, ...]
    length_mm: int
    path: tuple[Cell, ...]


def walk(plan: FloorPlan, geometry: Geometry, bin_codes: Iterable[str]) -> Walk:
    """Return the shortest closed walk over `bin_codes`, levels of one bay together."""
    at: dict[Cell, list[str]] = {}
    for code in sorted(set(bin_codes)):
        at.setdefault(plan.cell(code), []).append(code)
    found: Route = route(picking_layout(plan, geometry), list(at))
    bins = tuple(code for cell in found.sequence for code in at[cell])
    return Walk(bins, int(found.length), found.path)
