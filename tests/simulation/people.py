"""Simulated staff at the real scan door: they know the screen, the shelf, what is in their hand.

Whatever goes wrong, a person does what the handheld does: the same scan under the same id is sent
again until it is answered, and things move only by hands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from edge.domain.picking import Stop
from edge.services.pick import load_picker
from edge.services.scan import ScanAnswer, ScanRequest
from edge.store import parcels, receipts, stations
from edge.store.recoveries import PAST_MISSING
from edge.store.stations import StationRow
from tests.simulation.goods import Delivery, Unit

if TYPE_CHECKING:
    from tests.simulation.edge_node import SimEdge

PATIENCE_MS = 3_000
QUICK_MS = (120, 500)
IDLE_MS = (1_500, 4_000)
CARTS = 8
REFUSALS_MAX = 4
"""A picker who is refused so often at one stop reports it short."""
Then = Callable[[ScanAnswer], None]


class Pending(msgspec.Struct):
    """A scan that is not answered yet."""

    scan: ScanRequest
    then: Then | None
    sent_ms: int


class Person:
    """Somebody with a badge at one station."""

    def __init__(self, edge: SimEdge, station: str, badge: str) -> None:
        """Nobody is logged in yet."""
        self.edge = edge
        self.world = edge.world
        self.goods = edge.world.goods
        self.warehouse = edge.name
        self.station = station
        self.badge = badge
        self.dice = edge.world.time.stream(f"person/{edge.machine}/{station}")
        self.pending: Pending | None = None
        self.refusals = 0
        self._count = 0
        self._again(*IDLE_MS)

    def _again(self, low_ms: int, high_ms: int) -> None:
        label = f"{self.edge.machine} {self.station}"
        self.world.time.later(self.dice.randint(low_ms, high_ms), label, self.turn)

    def turn(self) -> None:
        """Look at the screen and act, or wait for an answer."""
        if not self.edge.up or self.edge.writer.broken:
            self._again(*IDLE_MS)
            return
        if self.pending is not None:
            if self.world.time.now_ms - self.pending.sent_ms >= PATIENCE_MS:
                self._send(self.pending)
            self._again(*QUICK_MS)
            return
        row = stations.load(self.edge.sql, self.station)
        if row.badge is None:
            self.scan(self.badge)
            self._again(*QUICK_MS)
            return
        self._again(*(QUICK_MS if self.act(row) else IDLE_MS))

    def act(self, row: StationRow) -> bool:
        """Do what the screen asks; return False when there is nothing to do."""
        raise NotImplementedError

    def wrong(self) -> bool:
        """Say whether the person makes a mistake now."""
        return self.world.wild and self.dice.random() < self.world.options.mistakes

    def went_back(self) -> bool:
        """Say whether the books here were put back: then things stand where they know nothing."""
        return self.warehouse in self.world.drills.struck

    def scan(self, raw: str, then: Then | None = None) -> bool:
        """Scan something; `then` hears the answer once, however often it had to be sent."""
        self._count += 1
        op_id = f"{self.edge.machine}-{self.station}-{self._count}"
        scan = ScanRequest(op_id, self.station, self._count, self.station, raw)
        self.pending = Pending(scan, then, 0)
        self._send(self.pending)
        if self.wrong():
            self.world.time.fault("double_read")
            self._send(self.pending)
        return True

    def _send(self, pending: Pending) -> None:
        sent_ms = pending.sent_ms = self.world.time.now_ms
        scan = pending.scan

        def answered(answer: ScanAnswer | None, error: Exception | None) -> None:
            if self.pending is None or self.pending.scan.op_id != scan.op_id:
                return
            if self.world.wild and self.dice.random() < self.world.options.lost_answers:
                self.world.time.fault("answer_lost")
                return
            if answer is None:
                self.world.checks.refused(self, error)
                return
            self.world.checks.answered(self.edge, scan, answer)
            self.pending = None
            self.world.checks.waited(self, self.world.time.now_ms - sent_ms)
            verdict = answer.verdict
            if verdict.code != PAST_MISSING:
                self.refusals = 0 if verdict.accepted else self.refusals + 1
            self.world.time.note(f"{self.edge.machine} {self.station} {scan.raw} {verdict.code}")
            if pending.then is not None:
                pending.then(answer)

        self.edge.judge(scan, answered)


class Picker(Person):
    """Walks with a cart and a handheld."""

    def act(self, row: StationRow) -> bool:
        """Take a list, a cart, and work stop by stop."""
        self.put_back()
        picker = load_picker(self.edge.sql, row)
        if picker.step == "home":
            if not self.edge.sql.execute(
                "SELECT 1 FROM pick_lists WHERE state = 'open' LIMIT 1"
            ).fetchone():
                return False
            return self.scan("BC:PICK")
        if picker.step == "cart":
            if self.wrong():
                return self.scan("BC:BACK", self._pushed)
            cart = f"C{self.dice.randint(1, CARTS):02d}"
            if self.went_back() and self._loaded(cart):
                return False
            return self.scan(cart, lambda answer: self._cart(cart, answer))
        if picker.step == "done":
            return self.scan("BC:BACK", self._pushed)
        if picker.current is None:
            return False
        if self.wrong():
            return self.scan(self._wrong_text(picker.current.sku), self._pushed)
        if picker.step == "bin":
            return self.scan(picker.current.bin)
        return self._reach(picker.current)

    def _loaded(self, cart: str) -> bool:
        """Say whether goods lie in a cart, whatever the books say."""
        return any(
            units and where == self.warehouse and tote.startswith(cart)
            for (where, tote), units in self.goods.totes.items()
        )

    def _wrong_text(self, sku: str) -> str:
        """Return something that lies about, but is not what is wanted here."""
        texts = ["nonsense", "A99-9", "BC:BACK", "A01-1", "C01"]
        texts += [one.gtin for one in self.goods.products.values() if one.sku != sku]
        texts += [
            unit.serial
            for key in sorted(self.goods.shelves)
            for unit in self.goods.shelves[key]
            if unit.sku != sku and unit.serial
        ][:3]
        return self.dice.choice(texts)

    def _reach(self, current: Stop) -> bool:
        """Take a unit from the shelf and scan it, or say that none is there."""
        unit = self.goods.take(self.warehouse, current.bin, current.sku)
        if unit is None and self.goods.counters.get((self.warehouse, current.bin)):
            return False  # the clerk has it in hand and is asking whether it may be sold
        if unit is None or self.refusals >= REFUSALS_MAX:
            if unit is not None:
                self.goods.put(self.warehouse, current.bin, unit)
                self.goods.told_falsely.add(self.warehouse)
            self.refusals = 0
            return self.scan(f"BC:SHORT:{current.left}", self._missed)
        self.goods.hands[self.warehouse, self.station] = unit
        self._from = current.bin
        product = self.goods.products[unit.sku]
        text = unit.serial if product.serial_policy == "full" else product.gtin
        return self.scan(text, self._picked)

    def _missed(self, answer: ScanAnswer) -> None:
        if answer.verdict.accepted:
            self.goods.shorts[self.warehouse] += 1

    def _cart(self, cart: str, answer: ScanAnswer) -> None:
        if answer.verdict.code == "cart_ready":
            self.goods.walking[self.warehouse, cart] = self.station

    def _pushed(self, answer: ScanAnswer) -> None:
        """The list is left: the cart stands at the benches now."""
        if answer.verdict.code == "list_left":
            for key, station in list(self.goods.walking.items()):
                if key[0] == self.warehouse and station == self.station:
                    del self.goods.walking[key]

    def _picked(self, answer: ScanAnswer) -> None:
        """Lay the unit where the handheld says, or back on the shelf."""
        tote = answer.verdict.params.get("tote")
        if answer.verdict.accepted and isinstance(tote, str):
            unit = self.goods.hands.pop((self.warehouse, self.station))
            self.goods.totes.setdefault((self.warehouse, tote), []).append(unit)
        else:
            self.put_back()

    def put_back(self) -> None:
        """Whatever is still in the hand goes back where it was."""
        unit = self.goods.hands.pop((self.warehouse, self.station), None)
        if unit is not None:
            self.goods.put(self.warehouse, self._from, unit)


class Loader(Person):
    """Hands closed boxes to the courier, who comes now and then."""

    courier_ms = 0

    def act(self, row: StationRow) -> bool:
        """Scan the next box at the door, or let the courier leave."""
        del row
        dock = self.goods.docks[self.warehouse]
        if self.wrong():
            texts = ["BC:CLOSE", "SF000", "BC:ACK", *self._unproven()]
            text = self.dice.choice(texts)
            return self.scan(text, lambda answer: self._early(text, answer))
        now_ms = self.world.time.now_ms
        if not dock and self.world.wild:
            self.courier_ms = now_ms + self.world.options.dock_ms
        if not dock or now_ms < self.courier_ms:
            return False
        waybill = dock.popleft()
        return self.scan(waybill, lambda answer: self._judged(waybill, answer))

    def _early(self, waybill: str, answer: ScanAnswer) -> None:
        if answer.verdict.code == "shipped":
            self._onto_truck(waybill)

    def _unproven(self) -> list[str]:
        """Return waybills of boxes that somebody could carry off before their label is proven."""
        rows = self.edge.sql.execute(
            "SELECT waybill FROM parcels WHERE state = 'packed' AND NOT EXISTS"
            " (SELECT 1 FROM print_jobs WHERE document_id = parcel_id AND state = 'confirmed')"
        )
        return [str(row["waybill"]) for row in rows] * 3

    def _judged(self, waybill: str, answer: ScanAnswer) -> None:
        code = answer.verdict.code
        if code in {"shipped", "already_shipped"}:
            self._onto_truck(waybill)
        elif code in {"refund_requested", "label_unproven"} or (
            code == "not_packed" and self.went_back()
        ):
            self.goods.returns[self.warehouse].append(waybill)
        else:
            self.goods.docks[self.warehouse].append(waybill)

    def _onto_truck(self, waybill: str) -> None:
        """Carry a box off, from the dock or straight from the bench where it was packed."""
        key = self.warehouse, waybill
        parcel = parcels.by_waybill(self.edge.sql, waybill)
        if key in self.goods.boxes:
            self.goods.trucks[key] = self.goods.boxes.pop(key)
        elif key not in self.goods.trucks and parcel is not None and parcel.bench:
            units = self.goods.benches[self.warehouse, parcel.bench]
            self.goods.trucks[key] = list(units)
            units.clear()


class Receiver(Person):
    """Unloads pallets: names the notice, then scans every unit."""

    def act(self, row: StationRow) -> bool:
        """Work on the pallet at the door."""
        pallets = self.goods.deliveries[self.warehouse]
        if not pallets:
            return False
        pallet = pallets[0]
        if not pallet.units or self.refusals >= REFUSALS_MAX:
            pallets.popleft()
            self.refusals = 0
            return self.scan("BC:BACK")
        notice = receipts.get(self.edge.sql, pallet.asn)
        if notice is None:
            return False
        if notice.state == "done":
            pallets.popleft()
            return True
        if f'"{pallet.asn}"'.encode() not in row.job:
            return self.scan(pallet.asn)
        return self._unit(pallet)

    def _unit(self, pallet: Delivery) -> bool:
        unit = pallet.units[-1]
        product = self.goods.products[unit.sku]
        text = unit.serial
        if product.serial_policy != "full":
            row = stations.load(self.edge.sql, self.station)
            if f'"{unit.sku}"'.encode() not in row.job:
                return self.scan(product.gtin)
            text = "BC:QTY:1"
        pallet.units.pop()
        self.goods.put(self.warehouse, self.goods.bins(unit.sku)[0], unit)
        self.goods.came_in[self.warehouse, unit.sku] += 1
        return self.scan(text, lambda answer: self._in(pallet, unit, answer))

    def _in(self, pallet: Delivery, unit: Unit, answer: ScanAnswer) -> None:
        """What was refused is taken from the shelf again."""
        if answer.verdict.accepted and "units" in answer.verdict.params:
            return
        bin_code = self.goods.bins(unit.sku)[0]
        self.goods.came_in[self.warehouse, unit.sku] -= 1
        pallet.units.append(self.goods.take(self.warehouse, bin_code, unit.sku) or unit)
