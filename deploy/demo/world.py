"""The physical world of the demo: which unit really lies where, known to nobody but the staff.

The nodes keep records; this keeps the goods. People take units out of bins here and scan what they
hold. At the end the report counts what the couriers really carried away, independently of every
database.
"""

from __future__ import annotations

import csv
import itertools
from collections import Counter, defaultdict, deque
from pathlib import Path
from typing import NamedTuple


class Goods(NamedTuple):
    """What staff can see on a box."""

    sku: str
    gtin: str
    weight_grams: int
    policy: str


class StockLine(NamedTuple):
    """One row of the stock file; `line_no` counts from the header's line 1."""

    line_no: int
    warehouse: str
    bin: str
    sku: str
    quantity: int
    serials: tuple[str, ...]


class Site:
    """One warehouse: bins, totes and the doors between pickers, packers and the dock."""

    def __init__(self, code: str, name: str) -> None:
        """An empty warehouse."""
        self.code = code
        self.name = name
        self.bins: dict[tuple[str, str], deque[str]] = defaultdict(deque)
        """Units by (bin, sku); a unit is its SN, or an empty text when it has none."""
        self.totes: dict[str, list[tuple[str, str]]] = defaultdict(list)
        """Units by tote, each (sku, SN or empty)."""
        self.filled: deque[str] = deque()
        """Totes that wait for a packer."""
        self.shelf: dict[str, list[tuple[str, str]]] = {}
        """Contents of each closed box that waits for its waybill number, by its place."""
        self.places = 0
        """Places of the waiting shelf used so far."""
        self.packed: deque[str] = deque()
        """Waybills of parcels that wait at the dock."""
        self.parcels: dict[str, list[tuple[str, str]]] = {}
        """Contents of each closed parcel by waybill."""
        self.carried_away: dict[str, list[tuple[str, str]]] = {}
        """What the couriers took."""
        self.carts_in_use: set[str] = set()
        self._carts = itertools.count(1)

    def put(self, line: StockLine) -> None:
        """Lay the units of one stock row on their shelf."""
        units = line.serials or ("",) * line.quantity
        self.bins[line.bin, line.sku].extend(units)

    def take(self, bin_code: str, sku: str, quantity: int) -> list[str]:
        """Take up to `quantity` units from a bin."""
        shelf = self.bins[bin_code, sku]
        return [shelf.popleft() for _ in range(min(quantity, len(shelf)))]

    def next_cart(self) -> str:
        """Return a cart nobody pushes at the moment."""
        return f"C{next(self._carts):02d}"


class World:
    """All warehouses, all goods."""

    def __init__(self, warehouses: Path, products: Path, stock: Path) -> None:
        """Read the canonical CSVs; a row that cannot be read does not exist here either."""
        self.sites = {
            code(row["warehouse"]): Site(code(row["warehouse"]), row["name"])
            for row in _rows(warehouses)
        }
        self.goods = {
            row["sku"].strip(): Goods(
                row["sku"].strip(),
                row["gtin"].strip(),
                int(row["unit_weight_grams"]),
                row["serial_policy"].strip(),
            )
            for row in _rows(products)
            if row["unit_weight_grams"].isdigit()
        }
        self.stock = [
            StockLine(
                number,
                code(row["warehouse"]),
                code(row["bin"]),
                row["sku"].strip(),
                int(row["quantity"]),
                tuple(row["serial_numbers"].split()),
            )
            for number, row in enumerate(_rows(stock), 2)
            if row["quantity"].isdigit() and row["sku"].strip() in self.goods
        ]
        self._made = itertools.count(1)

    def forget_lines(self, line_numbers: set[int]) -> None:
        """Drop stock rows that the hub refused: those goods never came into the building."""
        self.stock = [line for line in self.stock if line.line_no not in line_numbers]

    def keep_sites(self, codes: set[str]) -> None:
        """Keep only the warehouses that the hub knows."""
        self.sites = {code: site for code, site in self.sites.items() if code in codes}
        self.stock = [line for line in self.stock if line.warehouse in codes]

    def units_in_stock(self) -> Counter[str]:
        """Return the units per SKU that exist in the morning."""
        units: Counter[str] = Counter()
        for line in self.stock:
            units[line.sku] += line.quantity
        return units

    def units_carried_away(self) -> Counter[str]:
        """Return the units per SKU that couriers took."""
        return Counter(
            sku
            for site in self.sites.values()
            for parcel in site.carried_away.values()
            for sku, _ in parcel
        )

    def serial_on_box(self, sku: str) -> str:
        """Return the SN printed on a box that nobody has read before (policy `ship`)."""
        return f"9{sku.replace('-', '')[:8]}{next(self._made):07d}"


def code(text: str) -> str:
    """Return a place's code as it stands on the sign: without blanks, in capitals."""
    return text.strip().upper()


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [
            {name: value or "" for name, value in row.items() if name}
            for row in csv.DictReader(file)
        ]
