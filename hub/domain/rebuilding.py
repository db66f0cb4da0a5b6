"""Which parcels of an order are one too many, after a hub forgot some and promised others.

A restored hub may have promised units again that a warehouse had on its cart all the time. The
parcel that is furthest along stays, because it costs least to let it go; one that carries anything
beyond what the shop ordered is called back whole, and what it also carried is promised again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from hub.domain.orders import ParcelState

Goods = Mapping[tuple[int, str], int]
"""Units per (line number, SKU)."""

_FURTHEST_FIRST: Final[tuple[ParcelState, ...]] = (
    "packed",
    "picked",
    "picking",
    "released",
    "reserved",
)


class HeldParcel(msgspec.Struct, frozen=True):
    """One parcel of the order: units that are to leave in it, and units that have left."""

    parcel_id: str
    state: ParcelState
    units: Goods
    shipped: Goods


class Surplus(msgspec.Struct, frozen=True):
    """Parcels to call back, and parcels that left with more than was ordered."""

    call_back: tuple[str, ...]
    left_twice: tuple[str, ...]


def find_surplus(ordered: Goods, parcels: Iterable[HeldParcel]) -> Surplus:
    """Return what is too much; `parcels` are all parcels of the order, oldest first."""
    parcels = tuple(parcels)
    need = dict(ordered)
    left: dict[tuple[int, str], list[str]] = {}
    for parcel in parcels:
        for goods, units in parcel.shipped.items():
            need[goods] = need.get(goods, 0) - units
            left.setdefault(goods, []).append(parcel.parcel_id)
    twice = {name for goods, names in left.items() if need[goods] < 0 for name in names}
    call_back = []
    for state in _FURTHEST_FIRST:
        for parcel in parcels:
            if parcel.state != state:
                continue
            if all(need.get(goods, 0) >= units for goods, units in parcel.units.items()):
                for goods, units in parcel.units.items():
                    need[goods] -= units
            else:
                call_back.append(parcel.parcel_id)
    ids = [parcel.parcel_id for parcel in parcels]
    return Surplus(tuple(call_back), tuple(name for name in ids if name in twice))


def lacking(ordered: Goods, parcels: Iterable[HeldParcel]) -> dict[int, int]:
    """Return per line number how many units no parcel carries, brought, or may still bring."""
    covered: dict[tuple[int, str], int] = {}
    for parcel in parcels:
        if parcel.state == "cancelled":
            continue
        for goods, units in parcel.units.items():
            covered[goods] = covered.get(goods, 0) + units
    return {goods[0]: max(0, units - covered.get(goods, 0)) for goods, units in ordered.items()}
