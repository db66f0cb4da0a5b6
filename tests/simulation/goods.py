"""The physical world: boxes that lie somewhere, whatever any database believes.

A unit is a thing with a product code and perhaps a serial number on it. It lies on a shelf, in a
tote, on a bench, in a closed box, on a truck, or in a thief's bag. Only people's hands move it. The
checker compares the books with this, never only with other books.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from random import Random

import msgspec

from shared.domain.catalogue import Product, SerialPolicy

POLICIES: tuple[SerialPolicy, ...] = ("full", "ship", "none")
RACK = "R-01"
BINS_PER_SKU = 2


class Unit(msgspec.Struct, frozen=True):
    """One thing. `number` tells two equal boxes apart; `serial` is printed on it, or empty."""

    number: int
    sku: str
    serial: str


class Delivery(msgspec.Struct):
    """A pallet at a warehouse's door; `extra` units were never announced."""

    asn: str
    warehouse: str
    units: list[Unit]


class Goods:
    """All things of one world."""

    def __init__(self, dice: Random, skus: int) -> None:
        """Invent `skus` products, of every serial policy if there are enough."""
        self.dice = dice
        self.products = {
            product.sku: product for product in (_product(n) for n in range(1, skus + 1))
        }
        self.shelves: dict[tuple[str, str], list[Unit]] = defaultdict(list)
        self.totes: dict[tuple[str, str], list[Unit]] = {}
        self.walking: dict[tuple[str, str], str] = {}
        """Carts that a picker walks with: (warehouse, cart) -> station."""
        self.boxes: dict[tuple[str, str], list[Unit]] = {}
        self.docks: dict[str, deque[str]] = defaultdict(deque)
        self.returns: dict[str, deque[str]] = defaultdict(deque)
        self.trucks: dict[tuple[str, str], list[Unit]] = {}
        self.labels: dict[tuple[str, str], tuple[str, str]] = {}
        """Whose box a printed waybill is for, whatever a node forgets: its parcel and its order."""
        self.benches: dict[tuple[str, str], list[Unit]] = defaultdict(list)
        self.hands: dict[tuple[str, str], Unit] = {}
        self.counters: dict[tuple[str, str], list[Unit]] = {}
        """What a clerk took from a shelf for a buyer: (warehouse, bin) -> units."""
        self.sold: dict[str, list[Unit]] = defaultdict(list)
        """What left over the counter of a warehouse."""
        self.broken: dict[str, list[Unit]] = defaultdict(list)
        """What fell from a shelf and was written off."""
        self.stolen: dict[str, list[Unit]] = defaultdict(list)
        self.deliveries: dict[str, deque[Delivery]] = defaultdict(deque)
        self.came_in: Counter[tuple[str, str]] = Counter()
        """Units per (warehouse, sku) that are, or were, good stock there."""
        self.shorts: Counter[str] = Counter()
        """How often a picker found fewer units than the screen asked for, per warehouse."""
        self.told_falsely: set[str] = set()
        """Warehouses where a picker gave up on units that were there."""
        self._made = 0

    def new(self, sku: str) -> Unit:
        """Make a unit; products without serial numbers have none printed on."""
        self._made += 1
        named = self.products[sku].serial_policy != "none"
        return Unit(self._made, sku, f"SN{sku}X{self._made:05d}" if named else "")

    def bins(self, sku: str) -> list[str]:
        """Return the bins in which a product is kept."""
        aisle = int(sku.removeprefix("SKU"))
        return [f"A{aisle:02d}-{cell}" for cell in range(1, BINS_PER_SKU + 1)]

    def put(self, warehouse: str, bin_code: str, unit: Unit) -> None:
        """Lay a unit on a shelf."""
        self.shelves[warehouse, bin_code].append(unit)

    def take(self, warehouse: str, bin_code: str, sku: str) -> Unit | None:
        """Take any unit of a product from a shelf, None when there is none."""
        shelf = self.shelves[warehouse, bin_code]
        fitting = [unit for unit in shelf if unit.sku == sku]
        if not fitting:
            return None
        unit = self.dice.choice(fitting)
        shelf.remove(unit)
        return unit

    def steal(self, warehouse: str) -> bool:
        """Let a unit vanish from a shelf; False when all are empty."""
        full = [key for key in sorted(self.shelves) if key[0] == warehouse and self.shelves[key]]
        if not full:
            return False
        shelf = self.shelves[self.dice.choice(full)]
        self.stolen[warehouse].append(shelf.pop(self.dice.randrange(len(shelf))))
        return True

    def standing_totes(self, warehouse: str) -> list[str]:
        """Return the filled totes that stand at the benches, not on a cart on its way."""
        return sorted(
            tote
            for (where, tote), units in self.totes.items()
            if where == warehouse and units and (where, tote[:-3]) not in self.walking
        )

    def in_house(self, warehouse: str) -> Counter[str]:
        """Return the units per product that are really inside a warehouse."""
        counted: Counter[str] = Counter()
        for places in (self.shelves, self.totes, self.boxes, self.benches, self.counters):
            for (where, _), units in places.items():
                if where == warehouse:
                    counted.update(unit.sku for unit in units)
        counted.update(unit.sku for (where, _), unit in self.hands.items() if where == warehouse)
        return counted

    def carried_off(self, warehouse: str) -> Counter[str]:
        """Return the units per product that couriers and buyers really took from a warehouse."""
        counted = Counter(unit.sku for unit in self.sold[warehouse])
        for (where, _), units in self.trucks.items():
            if where == warehouse:
                counted.update(unit.sku for unit in units)
        return counted


def _product(number: int) -> Product:
    return Product(
        sku=f"SKU{number}",
        gtin=f"69012345{number:05d}",
        name=f"Thing {number}",
        unit_weight_grams=(90, 400, 1_500, 700)[number % 4],
        length_mm=100,
        width_mm=80,
        height_mm=40,
        serial_policy=POLICIES[(number - 1) % len(POLICIES)],
    )
