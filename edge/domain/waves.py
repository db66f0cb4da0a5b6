"""Planning a wave: which waiting parcels go onto which cart, and from which bins.

Couriers leave at fixed times, so parcels of one courier and cut-off belong together, the nearest
cut-off first. A cart takes as many parcels as it has totes, as long as a person can push it and
the goods fit. Parcels that share aisles go onto the same cart, because walking is most of the work.
Units are taken from a bin that can fill a whole line before they are gathered from several, and
from bins the wave visits anyway before it goes to another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

import msgspec

from edge.domain.layout import aisle_and_bay
from edge.domain.site import Site

WAVE_LISTS_MAX: Final = 8
"""Pick lists in one wave: what a shift leader can still overlook."""


class WantedLine(msgspec.Struct, frozen=True):
    """Units of one SKU that a parcel needs, with the weight and volume of one unit."""

    line_no: int
    sku: str
    quantity: int
    unit_weight_grams: int
    unit_volume_mm3: int


class WantedParcel(msgspec.Struct, frozen=True):
    """A parcel that waits."""

    parcel_id: str
    courier: str
    cut_off_ms: int
    lines: tuple[WantedLine, ...]

    @property
    def weight_grams(self) -> int:
        """Weight of all units."""
        return sum(line.unit_weight_grams * line.quantity for line in self.lines)

    @property
    def volume_mm3(self) -> int:
        """Volume of all units."""
        return sum(line.unit_volume_mm3 * line.quantity for line in self.lines)


class Take(msgspec.Struct, frozen=True):
    """Take `quantity` of `sku` from `bin` for one parcel line."""

    bin: str
    sku: str
    parcel_id: str
    line_no: int
    quantity: int


class CartLoad(msgspec.Struct, frozen=True):
    """Parcels of one cart in slot order (slot 1 first) and where their units come from."""

    parcel_ids: tuple[str, ...]
    takes: tuple[Take, ...]


class Missing(msgspec.Struct, frozen=True):
    """A parcel that cannot be planned now: `short` units of `sku` are not free on the floor."""

    parcel_id: str
    sku: str
    short: int


class Plan(msgspec.Struct, frozen=True):
    """One wave, and the parcels that had to be left behind."""

    courier: str
    cut_off_ms: int
    carts: tuple[CartLoad, ...]
    missing: tuple[Missing, ...]


Free = dict[str, dict[str, int]]
"""SKU -> bin -> units that nobody else is about to pick."""


def next_group(parcels: Iterable[WantedParcel]) -> list[WantedParcel]:
    """Return the parcels of the courier and cut-off that leave first, in the given order."""
    waiting = list(parcels)
    if not waiting:
        return []
    first = min(waiting, key=lambda parcel: (parcel.cut_off_ms, parcel.courier))
    key = (first.cut_off_ms, first.courier)
    return [parcel for parcel in waiting if (parcel.cut_off_ms, parcel.courier) == key]


def plan_wave(group: list[WantedParcel], free: Free, site: Site) -> Plan:
    """Return the wave of `group`; `free` is consumed. Nothing planned gives no carts."""
    allocated: list[tuple[WantedParcel, tuple[Take, ...]]] = []
    missing: list[Missing] = []
    visited: set[str] = set()
    room = site.cart_totes * WAVE_LISTS_MAX
    for parcel in group:
        if len(allocated) == room:
            break
        takes = allocate(parcel, free, visited)
        if isinstance(takes, Missing):
            missing.append(takes)
        else:
            allocated.append((parcel, takes))
            visited.update(take.bin for take in takes)
    first = group[0] if group else WantedParcel("", "", 0, ())
    carts = _onto_carts(allocated, site)[:WAVE_LISTS_MAX]
    return Plan(first.courier, first.cut_off_ms, tuple(carts), tuple(missing))


def allocate(
    parcel: WantedParcel, free: Free, visited: Collection[str] = ()
) -> tuple[Take, ...] | Missing:
    """Take the parcel's units out of `free`, all of them or none."""
    takes: list[Take] = []
    for line in parcel.lines:
        shelves = free.get(line.sku, {})
        if sum(shelves.values()) < line.quantity:
            _put_back(takes, free)
            return Missing(parcel.parcel_id, line.sku, line.quantity - sum(shelves.values()))
        for bin_code, units in choose_bins(shelves, line.quantity, visited):
            shelves[bin_code] -= units
            if not shelves[bin_code]:
                del shelves[bin_code]
            takes.append(Take(bin_code, line.sku, parcel.parcel_id, line.line_no, units))
    return tuple(takes)


def choose_bins(
    shelves: Mapping[str, int], quantity: int, visited: Collection[str] = ()
) -> list[tuple[str, int]]:
    """Return (bin, units) that give `quantity`, or as many as there are.

    One bin that fills it all is best: one of `visited` first, then the fullest, because it will
    serve the next parcels too. Otherwise the fullest bins keep the stops few.
    """
    filling = [
        (code not in visited, -units, code) for code, units in shelves.items() if units >= quantity
    ]
    if filling:
        return [(min(filling)[2], quantity)]
    chosen: list[tuple[str, int]] = []
    left = quantity
    for units, code in sorted(((-units, code) for code, units in shelves.items())):
        take = min(-units, left)
        if take > 0:
            chosen.append((code, take))
            left -= take
        if not left:
            break
    return chosen


def _put_back(takes: list[Take], free: Free) -> None:
    for take in takes:
        shelves = free.setdefault(take.sku, {})
        shelves[take.bin] = shelves.get(take.bin, 0) + take.quantity


def _onto_carts(
    allocated: list[tuple[WantedParcel, tuple[Take, ...]]], site: Site
) -> list[CartLoad]:
    """Fill carts in the order of the aisles; a parcel too heavy for any cart gets one alone."""
    carts: list[list[tuple[WantedParcel, tuple[Take, ...]]]] = []
    weight = volume = 0
    for parcel, takes in sorted(allocated, key=_first_place):
        weight += parcel.weight_grams
        volume += parcel.volume_mm3
        full = (
            not carts
            or len(carts[-1]) == site.cart_totes
            or weight > site.cart_weight_grams
            or volume > site.cart_volume_mm3
        )
        if full:
            carts.append([])
            weight, volume = parcel.weight_grams, parcel.volume_mm3
        carts[-1].append((parcel, takes))
    return [
        CartLoad(
            tuple(parcel.parcel_id for parcel, _ in cart),
            tuple(take for _, takes in cart for take in takes),
        )
        for cart in carts
    ]


def _first_place(entry: tuple[WantedParcel, tuple[Take, ...]]) -> tuple[list[str], int, str]:
    """Sort key: the aisles a parcel needs, then its first bay, then its id."""
    parcel, takes = entry
    places = sorted(aisle_and_bay(take.bin) for take in takes)
    aisles = sorted({aisle for aisle, _ in places})
    return aisles, places[0][1] if places else 0, parcel.parcel_id
