"""The counter in each warehouse: a buyer stands there, whether head office answers or not.

The clerk takes a thing from the shelf, asks the books, and hands it over only after a yes; else it
goes back. Head office meanwhile sets targets up and down, and sometimes an old grant comes again.
"""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec

from edge.services.local_sale import SaleLine, SaleRequest, sell_local
from edge.services.loss import LossRequest, report_loss
from edge.store import quotas, waves
from hub.services.quotas import QuotaRequest, set_quota
from hub.store import fact_log as hub_log
from shared.domain.commands import GrantQuota, decode_command
from shared.domain.errors import BincardError, Unavailable
from tests.simulation.goods import Unit
from tests.simulation.people import IDLE_MS, PATIENCE_MS, QUICK_MS

if TYPE_CHECKING:
    from tests.simulation.edge_node import SimEdge
    from tests.simulation.world import World

LEAD = "BDG-0001"
EARLY_MS = (0, 800)
TARGETS_MS = (200, 25_000)
STALE_MS = (2_000, 40_000)
BUYS = 0.7
"""How often somebody stands at the counter when the clerk looks."""
TRIES_ANYWAY = 0.15
"""How often the clerk asks although the screen says that there is no right left."""


class Sale(msgspec.Struct):
    """A sale that is not answered yet, with the things in the clerk's hands."""

    request: SaleRequest
    units: list[Unit]
    bin: str
    sent_ms: int = 0


class Clerk:
    """The lead behind the counter of one warehouse."""

    def __init__(self, edge: SimEdge) -> None:
        """Nobody has come yet."""
        self.edge = edge
        self.world = edge.world
        self.dice = edge.world.time.stream(f"counter/{edge.machine}")
        self.pending: Sale | None = None
        self._count = 0
        if self.world.options.quotas:
            self._again(*IDLE_MS)

    def _again(self, low_ms: int, high_ms: int) -> None:
        label = f"{self.edge.machine} counter"
        self.world.time.later(self.dice.randint(low_ms, high_ms), label, self.turn)

    def turn(self) -> None:
        """Ask again, serve a buyer, or wait for one."""
        self._again(*(QUICK_MS if self.pending else IDLE_MS))
        if not self.edge.up or self.edge.writer.broken:
            return
        if self.pending is not None:
            if self.world.time.now_ms - self.pending.sent_ms >= PATIENCE_MS:
                self._send(self.pending)
        elif self.world.wild and self.dice.random() < BUYS:
            self._serve()

    def _happens(self, rate: float) -> bool:
        return self.world.wild and self.dice.random() < rate

    def _serve(self) -> None:
        """Take one or two things of a product from a shelf and ask whether they may be sold."""
        goods, warehouse = self.world.goods, self.edge.name
        sku = self.dice.choice(sorted(goods.products))
        free = quotas.get(self.edge.sql, sku).free
        if not free and self.dice.random() > TRIES_ANYWAY:
            return
        bin_code = self.dice.choice(goods.bins(sku))
        if (warehouse, bin_code) in goods.counters:
            return
        units = []
        for _ in range(self.dice.choice((1, 1, 2))):
            unit = goods.take(warehouse, bin_code, sku)
            if unit is not None:
                units.append(unit)
        if not units:
            return
        goods.counters[warehouse, bin_code] = units
        named = goods.products[sku].serial_policy != "none"
        self._count += 1
        line = SaleLine(
            sku=sku,
            quantity=len(units),
            bin=bin_code,
            serials=tuple(unit.serial for unit in units) if named else (),
        )
        op_id = f"{self.edge.machine}-sale-{self._count}"
        request = SaleRequest(op_id=op_id, badge=LEAD, lines=(line,))
        self.pending = Sale(request, units, bin_code)
        self._send(self.pending)
        if self._happens(self.world.options.mistakes):
            self.world.time.fault("double_sale")
            self._send(self.pending)

    def _send(self, sale: Sale) -> None:
        sale.sent_ms = self.world.time.now_ms
        edge, request = self.edge, sale.request

        def answered(answer: Any, error: Exception | None) -> None:
            if self.pending is not sale:
                return
            if self._happens(self.world.options.lost_answers):
                self.world.time.fault("answer_lost")
                return
            if isinstance(error, Unavailable) or (error and not isinstance(error, BincardError)):
                return
            self.pending = None
            self._settle(sale, error)

        edge.submit(lambda tx: sell_local(edge.floor(tx, request.op_id, LEAD), request), answered)

    def _settle(self, sale: Sale, error: Exception | None) -> None:
        """Hand the things over, or put them back."""
        goods, warehouse = self.world.goods, self.edge.name
        del goods.counters[warehouse, sale.bin]
        if error is None:
            goods.sold[warehouse].extend(sale.units)
            self.edge.acked[sale.request.op_id] = ("sold", True)
            self.world.time.note(f"{warehouse} sold {len(sale.units)} of {sale.units[0].sku}")
            return
        self.world.checks.told(f"{warehouse} counter", error)
        for unit in sale.units:
            goods.put(warehouse, sale.bin, unit)


class Breakage:
    """Now and then a thing falls from a shelf; the lead writes it off, as often as it takes."""

    def __init__(self, world: World) -> None:
        """Plan the falls."""
        self.world = world
        self.dice = world.time.stream("breakage")
        self.open = 0
        for number in range(world.options.breakages):
            world.time.later(self.dice.randint(*STALE_MS), "breakage", self._fall, number)

    def _fall(self, number: int) -> None:
        """A unit that no pick list wants breaks."""
        goods, edge = self.world.goods, self.dice.choice(self.world.edges)
        sku = self.dice.choice(sorted(goods.products))
        bin_code = self.dice.choice(goods.bins(sku))
        free = waves.free_stock(edge.sql, [sku]).get(sku, {}).get(bin_code, 0)
        if (edge.name, bin_code) in goods.counters:
            return
        unit = goods.take(edge.name, bin_code, sku) if self.world.wild and free else None
        if unit is None:
            return
        self.world.time.fault("breakage")
        goods.counters[edge.name, bin_code] = [unit]
        self.open += 1
        full = goods.products[sku].serial_policy == "full"
        request = LossRequest(
            op_id=f"{edge.name}-loss-{number}", badge=LEAD, sku=sku, bin=bin_code, quantity=1,
            serials=(unit.serial,) if full else (),
        )  # fmt: skip
        self._report(edge, request, unit)

    def _report(self, edge: SimEdge, request: LossRequest, unit: Unit) -> None:
        """Report until there is an answer; what may not be written off is glued together again."""
        told: list[bool] = []

        def answered(_answer: Any, error: Exception | None) -> None:
            if told or isinstance(error, Unavailable):
                return
            told.append(True)
            self.open -= 1
            del self.world.goods.counters[edge.name, request.bin]
            if error is None:
                self.world.goods.broken[edge.name].append(unit)
            else:
                self.world.checks.told(f"{edge.name} loss", error)
                self.world.goods.put(edge.name, request.bin, unit)

        def again() -> None:
            if told:
                return
            self.world.time.later(PATIENCE_MS, "loss again", again)
            if edge.up and not edge.writer.broken:
                edge.submit(
                    lambda tx: report_loss(edge.floor(tx, request.op_id, LEAD), request), answered
                )

        again()


class QuotaOffice:
    """Head office's hand on the quotas."""

    def __init__(self, world: World) -> None:
        """Plan the day's targets and the old grants that come again."""
        self.world = world
        self.dice: Random = world.time.stream("quotas")
        for number in range(world.options.quotas * len(world.edges)):
            delay_ms = self.dice.randint(*self.dice.choice((EARLY_MS, TARGETS_MS)))
            world.time.later(delay_ms, "quota", self._target, number)
        for number in range(world.options.stale_grants):
            world.time.later(self.dice.randint(*STALE_MS), "stale grant", self._stale, number)

    def _target(self, number: int) -> None:
        world = self.world
        edge = self.dice.choice(world.edges)
        sku = self.dice.choice(sorted(world.goods.products))
        request = QuotaRequest(sku=sku, target=self.dice.choice((0, 1, 2, 3, 5)))
        world.office.ask(
            f"quota {number}", partial(set_quota, warehouse=edge.name, request=request)
        )

    def _stale(self, number: int) -> None:
        """Something old comes again under another name: a total that was true a while ago."""
        hub = self.world.hub
        if not self.world.wild or not hub.up:
            return
        rows = hub.sql.execute(
            "SELECT node, body FROM commands WHERE kind = 'grant_quota' ORDER BY node, seq"
        ).fetchall()
        if not rows:
            return
        row = self.dice.choice(rows)
        command = decode_command(row["body"])
        if isinstance(command, GrantQuota):
            self.world.time.fault("grant_again")
            hub.submit(
                lambda tx: hub_log.queue_command(
                    tx.sql, row["node"], command, command_id=f"quota_grant-again-{number}"
                )
            )
