"""One warehouse as its own floor sees it: its code, its carts, its benches, its aisles.

A *site* is what a fitter writes down once: how many totes stand on a cart and how much a picker can
push, which scale and printer stand at which bench, how far apart the aisles lie. Nothing here
changes while people work, so it is one frozen struct handed to every use case.
"""

from __future__ import annotations

from typing import Final

import msgspec

CART_TOTES: Final = 12
CART_WEIGHT_GRAMS: Final = 120_000
CART_VOLUME_MM3: Final = 600_000_000
"""0.6 cubic metres: twelve totes of 50 litres."""


class Bench(msgspec.Struct, frozen=True):
    """Devices standing at one packing bench, by the names the devices process gives them."""

    scale: str = ""
    printer: str = ""
    scanner: str = ""


class Geometry(msgspec.Struct, frozen=True):
    """Distances on the floor in millimetres; the walk of a pick list is computed from them."""

    aisle_pitch_mm: int = 3_000
    cell_pitch_mm: int = 1_000
    end_to_first_cell_mm: int = 1_000


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Frozen settings of one warehouse."""

    warehouse: str = ""
    """Code given by head office; empty until the edge is enrolled."""
    name: str = ""
    cart_totes: int = CART_TOTES
    cart_weight_grams: int = CART_WEIGHT_GRAMS
    cart_volume_mm3: int = CART_VOLUME_MM3
    sscc_prefix: str = ""
    """Leading digits of the carton numbers of this warehouse alone; empty for no carton labels."""
    benches: dict[str, Bench] = {}
    geometry: Geometry = Geometry()

    def bench(self, station: str) -> Bench:
        """Return the devices of `station`, an empty Bench when it has none."""
        return self.benches.get(station, Bench())


def station_kind(station: str) -> str:
    """Return the kind of a station: the part of its name before the last `-`.

    >>> station_kind("handheld-07")
    'handheld'
    """
    return station.rpartition("-")[0]


def tote_code(cart: str, slot: int) -> str:
    """Return the code on the tote in `slot` of `cart`.

    >>> tote_code("C04", 5)
    'C04-05'
    """
    return f"{cart}-{slot:02d}"
