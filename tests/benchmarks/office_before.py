"""Head office before a line is cut: goods, opening stock, orders promised and released to a floor.

Everything goes through the hub's own services, so what the benchmarks of the line and the tests of
batches start from is what a real hub would hold.
"""

from __future__ import annotations

import random
from typing import Any

from hub.domain.channel_order import Address, Buyer, ChannelLine, ChannelOrder
from hub.domain.csv_rows import ProductRow, StockCsvRow, parse_warehouses
from hub.services import imports
from hub.services.first_start import seed_rules
from hub.services.ingest_order import ingest
from hub.services.release_parcels import release_ready
from hub.settings import Settings
from hub.store import fact_log as hub_log
from hub.store.sqlite.hub_store import SqliteHub
from shared.domain.catalogue import Product
from shared.domain.commands import AssignParcel, LoadStock, decode_command

NODE = "SHA"
SKUS = 2_000
OPENING_UNITS = 60
ORDERS_PER_COMMIT = 100


def policy(number: int) -> str:
    """Return a product's serial policy: 25 % in and out, 15 % only on the way out."""
    return "full" if number % 20 < 5 else "ship" if number % 20 < 8 else "none"


class Office:
    """Head office before the line is cut: goods, opening stock, orders released to one floor."""

    def __init__(self, books: SqliteHub, orders: int, node: str = NODE, skus: int = SKUS) -> None:
        """Fill `books` through the hub's own services."""
        self.books = books
        self.node = node
        self.dice = random.Random(7)
        self.skus = [f"{node}-{number:05}" for number in range(skus)]
        self.opening: list[LoadStock] = []
        self.parcels: list[AssignParcel] = []
        self._goods()
        for start in range(0, orders, ORDERS_PER_COMMIT):
            self._take(range(start, min(orders, start + ORDERS_PER_COMMIT)))
        self._release()
        self._read_commands()

    def _goods(self) -> None:
        places, _, _ = parse_warehouses(
            "w", f"warehouse,name,latitude,longitude\n{self.node},仓,31.23,121.47\n".encode()
        )
        products = [
            ProductRow(
                line=number,
                product=Product(
                    sku=sku, gtin="", name="货", unit_weight_grams=300, length_mm=100,
                    width_mm=100, height_mm=50, serial_policy=policy(number),  # type: ignore[arg-type]
                ),
            )
            for number, sku in enumerate(self.skus)
        ]  # fmt: skip
        stock = [
            StockCsvRow(
                line=number,
                warehouse=self.node,
                bin=self.bin_of(sku),
                sku=sku,
                quantity=OPENING_UNITS,
                serials=tuple(f"{sku}-{unit:06}" for unit in range(OPENING_UNITS))
                if policy(number) == "full"
                else (),
            )
            for number, sku in enumerate(self.skus)
        ]
        self.books.write_sync(seed_rules, actor="bench")
        self.books.write_sync(lambda desk: imports.import_warehouses(desk, places), actor="bench")
        self.books.write_sync(lambda desk: imports.import_products(desk, products), actor="bench")
        for part in imports.stock_chunks(stock):
            self.books.write_sync(
                lambda desk, part=part: imports.import_stock(desk, "s", "bench", part),  # type: ignore[misc]
                actor="bench",
            )

    def bin_of(self, sku: str) -> str:
        """Return the pick face of a SKU."""
        number = int(sku[-5:])
        return f"A{number // 100:02}-{number % 100:02}"

    def _take(self, numbers: range) -> None:
        orders = [self._order(number) for number in numbers]

        def work(desk: Any) -> None:
            for order in orders:
                ingest(desk, order)

        self.books.write_sync(work, actor="bench")

    def _order(self, number: int) -> ChannelOrder:
        skus = self.dice.sample(self.skus, self.dice.choice((1, 1, 1, 2, 2)))
        return ChannelOrder(
            channel="taobao",
            shop="main",
            order_no=f"{self.node}-{number:08}",
            buyer=Buyer(name="张三丰", phone="13712342206"),
            address=Address(
                country="CN", province="上海", city="上海", district="黄浦区",
                street=f"人民路{number}号", latitude=31.2, longitude=121.4,
            ),
            lines=tuple(
                ChannelLine(line_no=line, sku=sku, quantity=self.dice.choice((1, 1, 1, 1, 2)))
                for line, sku in enumerate(skus, 1)
            ),
        )  # fmt: skip

    def _release(self) -> None:
        table = Settings().courier_table
        self.books.database.write_sync(
            lambda tx: tx.sql.execute(
                "UPDATE nodes SET enrolled_ms = 1 WHERE node = ?", (self.node,)
            )
        )
        while self.books.write_sync(lambda desk: release_ready(desk, table), actor="bench"):
            pass

    def _read_commands(self) -> None:
        after = 0
        while True:
            records, self.down_head = self.books.database.read_sync(
                lambda sql, after=after: hub_log.read_commands(  # type: ignore[misc]
                    sql, self.node, after, 1_000, 100_000_000
                )
            )
            if not records:
                return
            after = records[-1].seq
            for record in records:
                command = decode_command(record.body)
                if isinstance(command, AssignParcel):
                    self.parcels.append(command)
                elif isinstance(command, LoadStock):
                    self.opening.append(command)
