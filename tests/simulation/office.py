"""Head office and the operator: goods are imported, keys changed, counts done, disks replaced."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from edge.services.doubts import MAYBE_SENT
from edge.services.solve import solve
from edge.store import exceptions
from hub.domain.csv_rows import ProductRow, StockCsvRow, WarehouseRow
from hub.services.decide_order import release_hold
from hub.services.imports import import_products, import_stock, import_warehouses
from hub.store import fact_log, nodes
from hub.sync.apply import retry_quarantined
from shared.domain.commands import ExpectReceipt
from shared.domain.errors import BincardError
from shared.domain.facts import StockRow
from shared.runtime.database import Transaction
from tests.simulation.goods import Delivery

if TYPE_CHECKING:
    from tests.simulation.edge_node import SimEdge
    from tests.simulation.world import World

PATIENCE_MS = 4_000
LEAD = "BDG-0001"


class Office:
    """Everything people at head office do, and the lead's desk in each warehouse."""

    def __init__(self, world: World) -> None:
        """Describe goods and warehouses; stock comes over the day."""
        self.world = world
        self.dice = world.time.stream("office")
        self.open = 0
        """Things asked of the hub that are not answered yet."""
        self._keys = 1
        self._asked: list[tuple[str, Any]] = []
        hub, goods = world.hub, world.goods
        hub.writer.write_now(self.describe)
        for edge in world.edges:
            for sku in goods.products:
                for bin_code in goods.bins(sku):
                    self._stock(edge.name, sku, bin_code)
        for number in range(world.options.receipts):
            delay_ms = self.dice.randint(500, 20_000)
            world.time.later(delay_ms, "pallet", self._pallet, number)

    def describe(self, tx: Transaction) -> None:
        """Tell an empty hub which goods and warehouses there are, and whose keys are good."""
        desk = self.world.hub.desk(tx, "office")
        rows = [
            WarehouseRow(
                line=n, warehouse=edge.name, name=edge.name,
                latitude_microdegrees=22_000_000 + n * 10**6, longitude_microdegrees=113_000_000,
            )
            for n, edge in enumerate(self.world.edges)
        ]  # fmt: skip
        import_products(
            desk,
            [ProductRow(line=1, product=one) for one in self.world.goods.products.values()],
        )
        import_warehouses(desk, rows)
        for shop in self.world.storefronts:
            shop.join(desk)
        for edge in self.world.edges:
            nodes.add_key(tx.sql, edge.name, edge.key, 1)

    def ask(self, label: str, work: Any, then: Callable[[], None] | None = None) -> None:
        """Ask the hub until it answers, then do `then`; asking twice must count once."""
        self.open += 1
        self._ask_first(label, work, then)

    def _ask_first(self, label: str, work: Any, then: Callable[[], None] | None = None) -> None:
        self._asked.append((label, work))
        self._ask(label, work, {"done": False}, then)

    def ask_again(self) -> None:
        """The hub went back in time: hand over once more whatever was handed over before."""
        asked, self._asked = self._asked, []
        for label, work in asked:
            self.ask(label, work)

    def _ask(
        self, label: str, work: Any, state: dict[str, bool], then: Callable[[], None] | None
    ) -> None:
        if state["done"]:
            return
        self.world.time.later(PATIENCE_MS, f"{label} again", self._ask, label, work, state, then)

        def heard(_answer: Any, error: Exception | None) -> None:
            if self.world.wild and self.dice.random() < self.world.options.lost_answers:
                self.world.time.fault("answer_lost")
            elif error is None and not state["done"]:
                state["done"] = True
                self.open -= 1
                if then is not None:
                    then()

        if self.world.hub.up:
            self.world.hub.use("office", work, heard)

    # Goods

    def _stock(self, warehouse: str, sku: str, bin_code: str) -> None:
        """Units stand on a shelf; the file that says so is handed over now or later."""
        goods = self.world.goods
        count = self.dice.randint(0, self.world.options.units_per_bin)
        if not count:
            return
        units = [goods.new(sku) for _ in range(count)]
        for unit in units:
            goods.put(warehouse, bin_code, unit)
        goods.came_in[warehouse, sku] += count
        full = goods.products[sku].serial_policy == "full"
        row = StockCsvRow(
            line=1, warehouse=warehouse, bin=bin_code, sku=sku, quantity=count,
            serials=tuple(unit.serial for unit in units) if full else (),
        )  # fmt: skip
        name = f"stock-{warehouse}-{sku}-{bin_code}"
        delay_ms = self.dice.choice((0, 0, 0, self.dice.randint(0, 30_000)))
        # The units stand there already: the day is not over before somebody was told of them.
        self.open += 1
        hand_over = partial(import_stock, file=name, import_id=name, rows=[row])
        self.world.time.later(delay_ms, name, self._ask_first, name, hand_over)

    def _pallet(self, number: int) -> None:
        """A truck brings goods that were announced, and sometimes some more."""
        edge = self.dice.choice(self.world.edges)
        goods = self.world.goods
        sku = self.dice.choice(sorted(goods.products))
        count = self.dice.randint(1, 3)
        units = [goods.new(sku) for _ in range(count + self.dice.choice((0, 0, 1)))]
        asn = f"ASN{number:04d}"
        command = ExpectReceipt(
            asn=asn, supplier="Supplier", rows=(StockRow(goods.bins(sku)[0], sku, count),)
        )
        goods.deliveries[edge.name].append(Delivery(asn, edge.name, units))
        self.ask(asn, lambda desk: desk.nodes.queue(edge.name, command, f"asn-{asn}"))

    # Keys

    def revoke(self, edge: SimEdge) -> None:
        """Take an edge's key away; it gets another one a while later."""
        self.world.time.fault("key_revoked")
        old = edge.key

        def work(desk: Any) -> None:
            # Asked once more of a hub that went back in time, it must not take the new key away.
            if edge.key == old and nodes.owner_of(desk.sql, old) == (edge.name, False):
                nodes.revoke_keys(desk.sql, edge.name, 1)

        def then() -> None:
            delay_ms = self.dice.randint(3_000, 15_000)
            self.open += 1
            self.world.time.later(delay_ms, "enrol", self.enrol_again, edge, old)

        self.ask("revoke", work, then)

    def enrol_again(self, edge: SimEdge, old: str) -> None:
        """Give an edge a new key."""
        self.open -= 1
        if edge.key != old:
            return
        self._keys += 1
        key = f"key-{edge.name}-{self._keys}"

        def work(desk: Any) -> None:
            if nodes.owner_of(desk.sql, key) is None:
                nodes.add_key(desk.sql, edge.name, key, 1)

        edge.key = key
        self.ask("enrol", work)

    # The lead's desk, once a day is over

    def tidy(self) -> None:
        """Count what is to be counted, let held orders go, try quarantine again."""
        for edge in self.world.edges:
            if not edge.up:
                continue
            for row in exceptions.waiting(edge.sql):
                if row.code == "count_bin":
                    edge.use(LEAD, lambda floor, row=row: solve(floor, row.exception_id, LEAD))
            self.settle_doubts(edge)
        hub = self.world.hub
        if not hub.up:
            return
        self.world.couriers.ask_again()
        for row in hub.sql.execute("SELECT order_id FROM orders WHERE status = 'held'").fetchall():
            hub.use("office", lambda desk, row=row: _let_go(desk, row["order_id"]))
        if fact_log.quarantined(hub.sql):
            hub.submit(lambda tx: retry_quarantined(tx, hub._project, wall_ms=1))

    def settle_doubts(self, edge: SimEdge) -> None:
        """The lead asks the courier for parcels that may have left; those in the house are undone.

        What did leave stays open: head office has to deal with it. The courier is asked by the
        order's number, which stands on the label: the floor may have forgotten the waybill.
        """
        goods = self.world.goods
        for row in exceptions.waiting(edge.sql):
            boxes = [key for key, (parcel, _) in goods.labels.items() if parcel == row.subject]
            if row.code != MAYBE_SENT or any(box in goods.trucks for box in boxes):
                continue
            for box in boxes:
                for unit in goods.boxes.pop(box, []):
                    goods.put(edge.name, goods.bins(unit.sku)[0], unit)
                for queue in (goods.docks[edge.name], goods.returns[edge.name]):
                    if box[1] in queue:
                        queue.remove(box[1])
            edge.use(LEAD, lambda floor, row=row: solve(floor, row.exception_id, LEAD))


def _let_go(desk: Any, order_id: str) -> None:
    try:
        release_hold(desk, order_id, "looked at")
    except BincardError:
        return
