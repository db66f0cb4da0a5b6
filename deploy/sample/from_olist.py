"""Turn the public Olist sample of Brazilian e-commerce into a demo day, for local trials.

The data stays where it is: its licence (CC BY-NC-SA 4.0) forbids commercial use, so neither it nor
what this makes of it belongs into a repository or a package.

    python -m deploy.sample.from_olist DATA_FOLDER OUTPUT_FOLDER [ORDERS] [WAREHOUSES]

The busiest sellers' cities become warehouses; each seller's goods lie in the nearest one, some
spread over a second one, and a few are short. Names, phones and streets do not exist in the source
and are invented; places, goods, weights, baskets and their order in time are real.
"""

from __future__ import annotations

import csv
import gzip
import math
import sys
from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from typing import Any, Final

from deploy.sample.generate import check_digit, serial_number, write

SEED: Final = 20161004
FULL: Final = frozenset(
    {"telephony", "computers", "computers_accessories", "electronics", "watches_gifts", "audio",
     "tablets_printing_image", "consoles_games", "fixed_telephony"}
)  # fmt: skip
SHIP: Final = frozenset({"small_appliances", "home_appliances", "air_conditioning", "auto"})

Row = dict[str, str]
Point = tuple[float, float]


def read(folder: Path, name: str) -> list[Row]:
    """Return the rows of one compressed CSV."""
    with gzip.open(folder / f"olist_{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def distance(one: Point, other: Point) -> float:
    """Return a distance in degrees, good enough to find the nearest of six cities."""
    return math.hypot(one[0] - other[0], one[1] - other[1])


def policy(category: str) -> str:
    """Return the serial policy that such goods would have."""
    return "full" if category in FULL else "ship" if category in SHIP else "none"


class Source:
    """The sample, indexed."""

    def __init__(self, folder: Path, orders: int) -> None:
        """Take the first `orders` orders that have items."""
        self.points: dict[str, Point] = {
            row["zip_prefix"]: (float(row["lat"]), float(row["lng"]))
            for row in read(folder, "zip_points")
        }
        self.items: dict[str, list[Row]] = defaultdict(list)
        for row in read(folder, "items"):
            self.items[row["order_no"]].append(row)
        self.orders = [row for row in read(folder, "orders") if row["order_no"] in self.items]
        self.orders = self.orders[:orders]
        self.products = {row["product_no"]: row for row in read(folder, "products")}
        self.sellers = {row["seller_no"]: row for row in read(folder, "sellers")}

    def seller_point(self, seller: str) -> Point | None:
        """Return where a seller is, if known."""
        return (
            self.points.get(self.sellers[seller]["zip_prefix"]) if seller in self.sellers else None
        )


def choose_warehouses(source: Source, count: int) -> dict[str, tuple[str, Point]]:
    """Return code -> (city, place) of the busiest sellers' cities, all in different cities."""
    busy = Counter(item["seller_no"] for lines in source.items.values() for item in lines)
    chosen: dict[str, tuple[str, Point]] = {}
    for seller, _ in busy.most_common():
        point = source.seller_point(seller)
        city = source.sellers.get(seller, {}).get("city", "")
        if point and all(distance(point, other) > 1.5 for _, other in chosen.values()):
            chosen[f"W{len(chosen) + 1}"] = (city.title(), point)
            if len(chosen) == count:
                break
    return chosen


def product_row(number: str, product: Row | None) -> dict[str, Any]:
    """Return the canonical product; figures missing in the source get a plain default."""
    product = product or {}
    body = f"789{int(number):09d}"

    def millimetres(name: str) -> int:
        return int(float(product.get(name) or 15) * 10)

    return {
        "sku": f"OL-{int(number):05d}",
        "gtin": body + check_digit(body),
        "name": f"{(product.get('category_en') or 'other').replace('_', ' ')} {number}",
        "unit_weight_grams": int(float(product.get("weight_g") or 500)),
        "length_mm": millimetres("length_cm"),
        "width_mm": millimetres("width_cm"),
        "height_mm": millimetres("height_cm"),
        "serial_policy": policy(product.get("category_en") or ""),
    }


def stock_rows(
    source: Source,
    products: dict[str, dict[str, Any]],
    warehouses: dict[str, tuple[str, Point]],
    random: Random,
) -> list[dict[str, Any]]:
    """Return stock that covers most of the demand where the seller is, some of it elsewhere."""
    demand: Counter[tuple[str, str]] = Counter()
    for order in source.orders:
        for item in source.items[order["order_no"]]:
            point = source.seller_point(item["seller_no"]) or (-23.5, -46.6)
            home = min(warehouses, key=lambda code: distance(warehouses[code][1], point))
            demand[home, item["product_no"]] += 1
    rows: list[dict[str, Any]] = []
    places: Counter[str] = Counter()
    serials = 0
    for (home, number), units in sorted(demand.items()):
        spread = [home] * 5 + [code for code in warehouses if code != home]
        parts = Counter(random.choice(spread) for _ in range(units + random.randint(0, 1)))
        if random.random() < 0.03:
            parts[home] = 0
        for code, quantity in sorted(parts.items()):
            if quantity == 0:
                continue
            places[code] += 1
            place = places[code]
            product = products[number]
            numbers = []
            if product["serial_policy"] == "full":
                for _ in range(quantity):
                    serials += 1
                    numbers.append(serial_number(product["sku"], serials, random))
            rows.append(
                {
                    "warehouse": code,
                    "bin": f"A{place % 20 + 1:02d}-{place // 20 % 40 + 1:02d}-{place // 800 + 1}",
                    "sku": product["sku"],
                    "quantity": quantity,
                    "serial_numbers": " ".join(numbers),
                }
            )
    return rows


def order_rows(
    source: Source, products: dict[str, dict[str, Any]], random: Random
) -> list[dict[str, Any]]:
    """Return canonical order lines; equal products of one order become one line."""
    rows: list[dict[str, Any]] = []
    for order in source.orders:
        point = source.points.get(order["customer_zip_prefix"])
        lines: dict[str, list[Row]] = defaultdict(list)
        for item in source.items[order["order_no"]]:
            lines[item["product_no"]].append(item)
        head = {
            "channel": random.choice(("shopify", "mercado", "marketplace")),
            "shop": "loja-1",
            "order_no": f"BR{int(order['order_no']):06d}",
            "currency": "BRL",
            "placed_at": order["purchased_at"].replace(" ", "T") + ":00Z",
            "ship_by": min(i["ship_by"] for i in source.items[order["order_no"]]).replace(" ", "T")
            + ":00Z",
            "recipient_name": f"Cliente {order['customer_no']}",
            "phone": f"119000{int(order['customer_no']) % 100_000:05d}",
            "country": "BR",
            "province": order["customer_state"],
            "city": order["customer_city"].title(),
            "district": "Centro",
            "address": f"Rua {random.randint(1, 900)}, {random.randint(1, 2000)}",
            "postcode": order["customer_zip_prefix"] + "-000",
            "latitude": point[0] if point else "",
            "longitude": point[1] if point else "",
            "buyer_remark": "",
        }
        rows += [
            head
            | {
                "line_no": line_no,
                "sku": products[number]["sku"],
                "quantity": len(items),
                "unit_price": items[0]["price_brl"],
            }
            for line_no, (number, items) in enumerate(lines.items(), 1)
        ]
    return rows


def main(data: Path, output: Path, orders: int, count: int) -> None:
    """Write the four canonical files of a Brazilian day."""
    random = Random(SEED)
    source = Source(data, orders)
    warehouses = choose_warehouses(source, count)
    sold = sorted(
        {item["product_no"] for order in source.orders for item in source.items[order["order_no"]]},
        key=int,
    )
    products = {number: product_row(number, source.products.get(number)) for number in sold}
    output.mkdir(parents=True, exist_ok=True)
    write(
        output / "warehouses.csv",
        "warehouse,name,latitude,longitude",
        [
            {"warehouse": code, "name": city, "latitude": point[0], "longitude": point[1]}
            for code, (city, point) in warehouses.items()
        ],
    )
    write(
        output / "products.csv",
        "sku,gtin,name,unit_weight_grams,length_mm,width_mm,height_mm,serial_policy",
        list(products.values()),
    )
    write(
        output / "stock.csv",
        "warehouse,bin,sku,quantity,serial_numbers",
        stock_rows(source, products, warehouses, random),
    )
    write(
        output / "orders.csv",
        "channel,shop,order_no,line_no,sku,quantity,unit_price,currency,placed_at,ship_by,"
        "recipient_name,phone,country,province,city,district,address,postcode,latitude,longitude,"
        "buyer_remark",
        order_rows(source, products, random),
    )


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        int(sys.argv[3]) if len(sys.argv) > 3 else 2_000,
        int(sys.argv[4]) if len(sys.argv) > 4 else 6,
    )
