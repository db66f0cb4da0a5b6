"""Make the sample day: a seller of consumer electronics, three warehouses, 1,000 orders.

Everything is invented from one seed, so the files in this folder can be made again byte for byte:

    python -m deploy.sample.generate deploy/sample

The day holds what real days hold: a few best sellers and a long tail, single-unit orders mostly,
some remarks that ask to wait, some addresses without a street, a buyer on the blacklist's address,
and a handful of goods that are sold out.
"""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

from deploy.sample.places import CITIES, ESTATES, GIVEN, REMARKS, STREETS, SURNAMES, City

SEED = 20261121
ORDERS = 1_000
DAY = datetime(2026, 11, 21, 0, 5, tzinfo=UTC)

WAREHOUSES = (
    ("JX", "嘉兴仓", 30.7522, 120.7585),
    ("DG", "东莞仓", 23.0207, 113.7518),
    ("CD", "成都仓", 30.5728, 104.0668),
)
SHOPS = (
    ("taobao", "yunchi-flagship", 42),
    ("jd", "yunchi-jd", 24),
    ("douyin", "yunchi-live", 22),
    ("pinduoduo", "yunchi-outlet", 12),
)
COLOURS = ("白色", "黑色", "深空灰", "海雾蓝", "樱花粉", "薄荷绿")


class Family(NamedTuple):
    """One kind of goods and the variants it comes in."""

    code: str
    name: str
    weight_grams: int
    size_mm: tuple[int, int, int]
    price_yuan: int
    policy: str
    models: tuple[str, ...]


FAMILIES = (
    Family("PH", "云驰手机", 420, (170, 90, 45), 2999, "full",
           ("N7 128G", "N7 256G", "N7 Pro 256G", "N7 Pro 512G", "E5 128G", "E5 256G")),
    Family("TB", "云驰平板", 760, (260, 190, 40), 1899, "full",
           ("P10 64G", "P10 128G", "P11 256G", "P11 512G")),
    Family("LP", "云驰笔记本", 2350, (400, 290, 70), 5499, "full",
           ("Book 14", "Book 16", "Book Air")),
    Family("HP", "澄音耳机", 180, (120, 100, 50), 399, "full",
           ("Air3", "Air3 Pro", "Buds2", "Studio S", "Sport X")),
    Family("WT", "云驰手表", 160, (110, 100, 80), 899, "full",
           ("Watch 4", "Watch 4 Pro", "Fit 3")),
    Family("RT", "云驰路由器", 680, (270, 200, 80), 349, "full",
           ("AX3000", "BE6500", "Mesh 3")),
    Family("VC", "云驰扫地机", 4200, (420, 400, 160), 1999, "full",
           ("V1", "V1 Max")),
    Family("SP", "澄音音箱", 940, (180, 120, 120), 299, "ship",
           ("Mini", "Home", "Party", "Bar")),
    Family("PB", "云驰充电宝", 310, (150, 80, 40), 129, "ship",
           ("10000mAh", "20000mAh", "磁吸 5000mAh")),
    Family("CH", "云驰充电器", 140, (90, 70, 40), 99, "ship",
           ("30W", "65W 氮化镓", "100W 氮化镓", "车载 45W")),
    Family("KB", "云驰键盘", 890, (460, 160, 45), 259, "ship",
           ("K1 红轴", "K1 茶轴", "K3 矮轴")),
    Family("MS", "云驰鼠标", 150, (140, 90, 55), 129, "ship",
           ("M2", "M2 Pro")),
    Family("CM", "云驰摄像头", 260, (110, 90, 90), 199, "ship",
           ("C2 云台", "C3 户外")),
    Family("CB", "云驰数据线", 45, (120, 80, 20), 39, "none",
           ("C 转 C 1 m", "C 转 C 2 m", "C 转 L 1 m", "A 转 C 1 m")),
    Family("CS", "云驰保护壳", 60, (180, 100, 20), 49, "none",
           ("N7", "N7 Pro", "E5", "P10", "P11", "Buds2")),
    Family("FM", "云驰钢化膜", 50, (190, 100, 15), 29, "none",
           ("N7", "N7 Pro", "E5")),
    Family("HD", "云驰支架", 210, (160, 110, 40), 69, "none",
           ("桌面", "车载", "磁吸")),
    Family("BG", "云驰收纳包", 120, (220, 150, 60), 59, "none",
           ("数码", "旅行", "礼品袋")),
)  # fmt: skip


def check_digit(body: str) -> str:
    """Return the GS1 check digit for 12 digits (GS1 General Specifications, section 7.9)."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body))
    return str((10 - total % 10) % 10)


def make_products() -> list[dict[str, object]]:
    """Return about 300 SKUs: every model of every family in its colours."""
    products: list[dict[str, object]] = []
    for family in FAMILIES:
        colours = COLOURS if family.code in {"PH", "HP", "WT", "CS", "FM"} else COLOURS[:4]
        for number, model in enumerate(family.models, 1):
            for shade, colour in enumerate(colours, 1):
                body = f"69012{len(products) + 10_001:07d}"
                length, width, height = family.size_mm
                products.append(
                    {
                        "sku": f"{family.code}-{number:02d}{shade:02d}",
                        "gtin": body + check_digit(body),
                        "name": f"{family.name} {model} {colour}",
                        "unit_weight_grams": family.weight_grams + 7 * number,
                        "length_mm": length,
                        "width_mm": width,
                        "height_mm": height,
                        "serial_policy": family.policy,
                        "price": family.price_yuan * (100 + 10 * number) // 100,
                    }
                )
    return products


def popularity(products: list[dict[str, object]], random: Random) -> list[float]:
    """Return a long-tailed weight per product: few best sellers, many slow movers."""
    ranks = list(range(1, len(products) + 1))
    random.shuffle(ranks)
    return [1 / rank**0.75 for rank in ranks]


def serial_number(sku: str, counter: int, random: Random) -> str:
    """Return a 14-character SN: family, plant digits, a running number, a random tail."""
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    tail = "".join(random.choice(alphabet) for _ in range(3))
    return f"7{sku[0]}{sku[3:7]}{counter:05d}{tail}"


def make_stock(
    products: list[dict[str, object]], weights: list[float], orders: int, random: Random
) -> list[dict[str, object]]:
    """Return stock rows: enough for the day almost everywhere, sold out here and there."""
    rows: list[dict[str, object]] = []
    counter = 0
    total = sum(weights)
    for index, (warehouse, _, _, _) in enumerate(WAREHOUSES):
        bins = [
            f"{'ABC'[index]}{aisle:02d}-{bay:02d}-{level}"
            for aisle in range(1, 13)
            for bay in range(1, 17)
            for level in range(1, 5)
        ]
        random.shuffle(bins)
        for product, weight in zip(products, weights, strict=True):
            expected = orders * 1.6 * weight / total / len(WAREHOUSES)
            quantity = round(expected * random.uniform(1.1, 1.9)) + random.randint(0, 3)
            if random.random() < 0.08:
                quantity = round(expected * 0.3)
            while quantity > 0:
                part = min(quantity, 24)
                quantity -= part
                serials = []
                if product["serial_policy"] == "full":
                    for _ in range(part):
                        counter += 1
                        serials.append(serial_number(str(product["sku"]), counter, random))
                rows.append(
                    {
                        "warehouse": warehouse,
                        "bin": bins.pop(),
                        "sku": product["sku"],
                        "quantity": part,
                        "serial_numbers": " ".join(serials),
                    }
                )
    return rows


def make_address(city: City, random: Random) -> dict[str, object]:
    """Return an invented address in a real city."""
    street = random.choice(STREETS)
    return {
        "country": "CN",
        "province": city.province,
        "city": city.city,
        "district": random.choice(city.districts),
        "address": f"{street}{random.randint(1, 899)}号{random.choice(ESTATES)}"
        f"{random.randint(1, 30)}幢{random.randint(1, 28)}0{random.randint(1, 4)}室",
        "postcode": f"{random.randint(100, 830)}000",
        "latitude": round(city.latitude + random.uniform(-0.2, 0.2), 4),
        "longitude": round(city.longitude + random.uniform(-0.2, 0.2), 4),
    }


def spoil(head: dict[str, object], number: int, random: Random) -> None:
    """Give some orders what review must catch."""
    head["buyer_remark"] = random.choice(REMARKS)
    if number % 61 == 0:
        head["buyer_remark"] = random.choice(("先别发货，我再确认一下", "暂不发货，等通知"))
    elif number % 83 == 0:
        head["address"] = ""
    elif number % 197 == 0:
        head["phone"] = "13000000000"


def make_order(
    number: int, products: list[dict[str, object]], weights: list[float], random: Random
) -> list[dict[str, object]]:
    """Return the lines of one order."""
    placed = DAY + timedelta(seconds=number * 36 + random.randint(0, 30))
    channel, shop, _ = random.choices(SHOPS, [share for _, _, share in SHOPS])[0]
    city = random.choices(CITIES, [city.weight for city in CITIES])[0]
    head: dict[str, object] = {
        "channel": channel,
        "shop": shop,
        "order_no": f"{channel[:2].upper()}{placed:%y%m%d}{number:06d}",
        "currency": "CNY",
        "placed_at": f"{placed:%Y-%m-%dT%H:%M:%SZ}",
        "ship_by": f"{placed + timedelta(hours=24):%Y-%m-%dT%H:%M:%SZ}",
        "recipient_name": random.choice(SURNAMES)
        + "".join(random.choice(GIVEN) for _ in range(random.choice((1, 2, 2)))),
        "phone": f"1990000{random.randint(0, 9_999):04d}",
    } | make_address(city, random)
    spoil(head, number, random)
    lines = random.choices((1, 2, 3, 4), (68, 22, 7, 3))[0]
    picks: list[int] = []
    while len(picks) < lines:
        choice = random.choices(range(len(products)), weights)[0]
        if choice not in picks:
            picks.append(choice)
    return [
        head
        | {
            "line_no": line_no,
            "sku": products[pick]["sku"],
            "quantity": random.choices((1, 2, 3), (88, 10, 2))[0],
            "unit_price": f"{products[pick]['price']}.00",
        }
        for line_no, pick in enumerate(picks, 1)
    ]


def write(path: Path, columns: str, rows: list[dict[str, object]]) -> None:
    """Write `rows` as CSV with the columns in the given order."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(
            file, columns.split(","), extrasaction="ignore", lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(rows)


def main(folder: Path) -> None:
    """Write the four files into `folder`."""
    random = Random(SEED)
    products = make_products()
    weights = popularity(products, random)
    orders = [
        line
        for number in range(1, ORDERS + 1)
        for line in make_order(number, products, weights, random)
    ]
    warehouses: list[dict[str, object]] = [
        {"warehouse": code, "name": name, "latitude": latitude, "longitude": longitude}
        for code, name, latitude, longitude in WAREHOUSES
    ]
    write(folder / "warehouses.csv", "warehouse,name,latitude,longitude", warehouses)
    write(
        folder / "products.csv",
        "sku,gtin,name,unit_weight_grams,length_mm,width_mm,height_mm,serial_policy",
        products,
    )
    write(
        folder / "stock.csv",
        "warehouse,bin,sku,quantity,serial_numbers",
        make_stock(products, weights, ORDERS, random),
    )
    write(
        folder / "orders.csv",
        "channel,shop,order_no,line_no,sku,quantity,unit_price,currency,placed_at,ship_by,"
        "recipient_name,phone,country,province,city,district,address,postcode,latitude,longitude,"
        "buyer_remark",
        orders,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
