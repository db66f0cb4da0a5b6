"""S6 and real baskets: how long a sourcing decision takes, and what it saves against line by line.

Run `python tests/benchmarks/bench_sourcing.py`, or with the folder of the public Olist sample
behind it (gzipped CSV, see `deploy.sample.from_olist`); it prints one JSON object. S6 is 5
warehouses and 10 lines. With the sample, its orders are sourced one after the other in the order
of time over warehouses in the busiest sellers' cities, twice from the same stock: as this program
does, and line by line from the nearest warehouse that has the goods, as most programs do. Postage
of both is that of the default couriers. Nothing of the sample is kept.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from deploy.sample import from_olist
from hub.domain.courier_choice import DEFAULT_COURIERS, Shipment, choose_courier
from hub.domain.depots import CARTON_GRAMS, Terms
from hub.domain.policy import UTC_OFFSET_MINUTES, Policy
from hub.domain.sourcing import Need, Offer, Point, distance_m, source

SEED = 20261122
NOON_MS = 1_795_320_000_000
WAREHOUSES = 6
TERMS = Terms(policy=Policy(), now_ms=NOON_MS)
Boxes = list[tuple[str, int]]
"""Warehouse and goods' grams of each parcel."""
Way = Callable[[tuple[Need, ...], list[Offer], Point], Boxes]


def s6(decisions: int = 1_000) -> dict[str, Any]:
    """Time the choice among 5 warehouses for 10 lines, and compare with trying every set."""
    dice = random.Random(SEED)
    waits, works, fewest, every_split = [], [], 0, 0
    for _ in range(decisions):
        needs = tuple(Need(line, f"S{line}", dice.randint(1, 3), 100) for line in range(1, 11))
        offers = [
            Offer(
                f"W{number}",
                Point(dice.randint(20, 45) * 10**6, dice.randint(90, 120) * 10**6),
                {need.sku: dice.choice((0, 1, 2, 3, 5, 9)) for need in needs},
            )
            for number in range(5)
        ]
        start, cpu = time.perf_counter(), time.thread_time()
        choice = source(needs, offers, Point(31_000_000, 121_000_000), TERMS)
        waits.append(time.perf_counter() - start)
        works.append(time.thread_time() - cpu)
        fewest += len(choice.parcels) == fewest_parcels(needs, offers)
        every_split += choice.explanation.every_split
    return {
        "decisions": decisions,
        "equal_to_brute_force": fewest,
        "every_split_tried": every_split,
        "p50_ms": _ms(waits, 50),
        "p95_ms": _ms(waits, 95),
        "processor_p95_ms": _ms(works, 95),
    }


def _ms(times: list[float], percent: int) -> float:
    return round(sorted(times)[len(times) * percent // 100] * 1000, 3)


def fewest_parcels(needs: tuple[Need, ...], offers: list[Offer]) -> int:
    """Return the least number of warehouses that fill everything, 0 when all cannot."""
    for size in range(1, len(offers) + 1):
        for members in combinations(offers, size):
            if all(
                sum(one.atp.get(need.sku, 0) for one in members) >= need.quantity for need in needs
            ):
                return size
    return 0


def whole_order(needs: tuple[Need, ...], offers: list[Offer], to: Point) -> Boxes:
    """Source as this program does, and take the units away; no boxes: not all was there."""
    parcels = source(needs, offers, to, TERMS).parcels
    by_name = {one.warehouse: one for one in offers}
    for parcel in parcels:
        for line in parcel.lines:
            _take(by_name[parcel.warehouse], line.sku, line.quantity)
    return [(parcel.warehouse, parcel.weight_grams) for parcel in parcels]


def nearest_per_line(needs: tuple[Need, ...], offers: list[Offer], to: Point) -> Boxes:
    """Take each line from the nearest warehouse that has of it, whatever the other lines need."""
    total: Counter[str] = Counter()
    for need in needs:
        total[need.sku] += need.quantity
    if any(sum(one.atp.get(sku, 0) for one in offers) < units for sku, units in total.items()):
        return []
    near = sorted(offers, key=lambda one: (distance_m(one.place, to), one.warehouse))
    grams: Counter[str] = Counter()
    for need in needs:
        left = need.quantity
        for one in near:
            units = min(left, one.atp.get(need.sku, 0))
            if units:
                _take(one, need.sku, units)
                grams[one.warehouse] += units * need.unit_weight_grams
                left -= units
    return list(grams.items())


def _take(offer: Offer, sku: str, units: int) -> None:
    atp = offer.atp
    assert isinstance(atp, dict)
    atp[sku] -= units


def olist(folder: Path) -> dict[str, Any]:
    """Source the sample's orders both ways; return parcels, postage and what was saved."""
    data = from_olist.Source(folder, 1_000_000)
    warehouses = from_olist.choose_warehouses(data, WAREHOUSES)
    numbers = {line["product_no"] for lines in data.items.values() for line in lines}
    products = {
        number: from_olist.product_row(number, data.products.get(number)) for number in numbers
    }
    stock = from_olist.stock_rows(data, products, warehouses, random.Random(from_olist.SEED))
    found = {
        name: run(data, products, warehouses, stock, way)
        for name, way in (("whole_order", whole_order), ("nearest_per_line", nearest_per_line))
    }
    ours, theirs = found["whole_order"], found["nearest_per_line"]
    return found | {
        "warehouses": WAREHOUSES,
        "line_by_line_makes_more_parcels_percent": _more(theirs, ours, "parcels"),
        "and_of_orders_of_several_units_percent": _more(theirs, ours, "parcels_several_units"),
        "line_by_line_costs_more_percent": _more(theirs, ours, "postage_minor"),
    }


def _more(theirs: dict[str, int], ours: dict[str, int], figure: str) -> float:
    return round((theirs[figure] / ours[figure] - 1) * 100, 1)


def run(
    data: from_olist.Source,
    products: dict[str, dict[str, Any]],
    warehouses: dict[str, tuple[str, from_olist.Point]],
    stock: list[dict[str, Any]],
    way: Way,
) -> dict[str, int]:
    """Source all orders one way, from the whole stock; return figures."""
    atp: dict[str, Counter[str]] = {code: Counter() for code in warehouses}
    for row in stock:
        atp[row["warehouse"]][row["sku"]] += row["quantity"]
    offers = [Offer(code, _point(place), atp[code]) for code, (_, place) in warehouses.items()]
    figures: Counter[str] = Counter()
    for order in data.orders:
        point = data.points.get(order["customer_zip_prefix"])
        if point is None:
            continue
        units = Counter(item["product_no"] for item in data.items[order["order_no"]])
        needs = tuple(
            Need(line, products[number]["sku"], count, products[number]["unit_weight_grams"])
            for line, (number, count) in enumerate(units.items(), 1)
        )
        to = _point(point)
        fewest = fewest_parcels(needs, offers) if way is whole_order else 0
        boxes = way(needs, offers, to)
        figures["orders"] += 1
        figures["orders_filled"] += bool(boxes)
        figures["parcels"] += len(boxes)
        figures["parcels_more_than_brute_force"] += max(0, len(boxes) - fewest) if fewest else 0
        figures["postage_minor"] += sum(postage(offers, to, *box) for box in boxes)
        if sum(units.values()) > 1:
            figures["orders_several_units"] += bool(boxes)
            figures["parcels_several_units"] += len(boxes)
    return dict(figures)


def _point(place: from_olist.Point) -> Point:
    return Point(round(place[0] * 1_000_000), round(place[1] * 1_000_000))


def postage(offers: list[Offer], to: Point, warehouse: str, grams: int) -> int:
    """Return what the chosen courier asks for a box, in minor units."""
    place = next(one.place for one in offers if one.warehouse == warehouse)
    choice = choose_courier(
        DEFAULT_COURIERS,
        Shipment(weight_grams=grams + CARTON_GRAMS, distance_m=distance_m(place, to)),
        now_ms=NOON_MS,
        ship_by_ms=0,
        utc_offset_minutes=UTC_OFFSET_MINUTES,
    )
    return choice.price_minor


def main() -> None:
    """Run everything and print it."""
    found: dict[str, Any] = {"seed": SEED, "S6": s6()}
    if len(sys.argv) > 1:
        found["olist"] = olist(Path(sys.argv[1]))
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
