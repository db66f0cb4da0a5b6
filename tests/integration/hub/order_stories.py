"""One order told on a real desk, and the floors that tell of it: for tests of all its states."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from hub.services.apply_facts import project
from hub.services.backorders import retry_backorders
from hub.services.decide_order import cancel, release_hold
from hub.services.ingest_order import ingest
from hub.services.release_parcels import CourierTable, release_ready
from hub.settings import Settings
from hub.store import fact_log
from hub.store.protocol import Desk
from shared.domain.commands import AssignParcel, decode_command
from shared.domain.facts import (
    CancelConfirmed,
    CancelTooLate,
    CommandAccepted,
    Fact,
    FactRecord,
    Grade,
    LabelPrinted,
    ParcelPacked,
    ParcelShipped,
    PickingStarted,
    ReturnGraded,
    ShippedLine,
    ShortPicked,
    StockRow,
    UnitPicked,
    UnitReturned,
    encode_fact,
    kind_of,
)

SKU: Final = "CABLE"
UNITS: Final = 1
"""Units in the first version of the order; the amended one wants one more."""
FACTS_ON_THE_WAY_MAX: Final = 1
"""With more, there are more states and no other end: 24,940 were visited once without a limit."""
COURIERS: Final = CourierTable(
    couriers=Settings().couriers, utc_offset_minutes=Settings().utc_offset_minutes
)


class Undo(Exception):
    """Ends a savepoint whose work is not wanted."""


class Told(msgspec.Struct):
    """One parcel as its floor knows it."""

    parcel_id: str
    warehouse: str
    waybill: str
    units: int
    state: str = "waiting"


class Story:
    """One order, told on a desk: what shops, people, pumps and floors can do with it."""

    def __init__(self, desk: Desk, make_order: Callable[..., Any]) -> None:
        self.desk = desk
        self._make = make_order
        self._seq = 0

    # What comes to head office

    def put(self, version: int) -> None:
        units = UNITS + version - 1
        ingest(self.desk, self._make("1", (SKU, units), version=version))

    @property
    def order_id(self) -> str | None:
        order = self.desk.orders.by_key("taobao", "main", "1")
        return None if order is None else order.order_id

    def cancel(self) -> None:
        if self.order_id is not None:
            cancel(self.desk, self.order_id, "refund")

    def let_go(self) -> None:
        if self.order_id is not None:
            release_hold(self.desk, self.order_id, "looked at")

    def pumps(self) -> None:
        release_ready(self.desk, COURIERS)
        while retry_backorders(self.desk):
            continue

    def tell(self, warehouse: str, fact: Fact) -> None:
        self._seq += 1
        nothing = bytes(32)
        record = FactRecord(
            warehouse, 7, self._seq, nothing, nothing, kind_of(fact), 1, encode_fact(fact), 1_000,
            0, f"op-{self._seq}", "BDG-0007",
        )  # fmt: skip
        project(self.desk, record)

    # What the books say

    def parcels(self) -> list[Any]:
        return [] if self.order_id is None else self.desk.parcels.of_order(self.order_id)

    def picture(self) -> tuple[object, ...]:
        """Return what the books say, without the names that differ from story to story."""
        desk, order_id = self.desk, self.order_id
        if order_id is None:
            return ()
        order = desk.orders.get(order_id)
        assert order is not None
        versions = [desk.orders.version(order_id, number) is not None for number in (1, 2)]
        lines = [(one.line_no, one.quantity, one.missing) for one in desk.orders.lines(order_id)]
        parcels = tuple(
            (one.warehouse, one.state, one.labels, *desk.parcels.lines(one.parcel_id))
            for one in self.parcels()
            if one.waybill or one.state != "cancelled"
        )
        rights = desk.rights.of_skus((SKU,))
        return (
            *versions, order.version, order.status, order.held, order.cancel_asked, *lines, *rights,
            parcels,
        )  # fmt: skip

    def check(self, so_far: object = "") -> None:
        """Nothing is promised twice, lost, or both shipped and cancelled."""
        desk, proofs = self.desk, self.desk.proofs
        assert (
            proofs.rights_conserved(), proofs.rights_against_journal(), proofs.rights_covered(),
            proofs.promises(), proofs.orders_add_up(), proofs.waybills_unique(),
        ) == ([], [], [], [], [], []), repr(so_far)  # fmt: skip
        order = None if self.order_id is None else desk.orders.get(self.order_id)
        for parcel in self.parcels():
            lines = desk.parcels.lines(parcel.parcel_id)
            shipped = sum(line.shipped for line in lines)
            assert all(line.returned <= line.shipped for line in lines)
            assert not shipped or parcel.state == "shipped"
            assert order is None or not shipped or order.status != "cancelled"

    def exceptions(self) -> set[str]:
        return {one.kind for one in self.desk.journal.exceptions({"open": "yes"}, "", 100)}


class Floors:
    """The floors of both warehouses and the two lines to each: what is on its way in order."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.parcels: dict[str, Told] = {}
        self.down: dict[str, int] = {"CAN": 0, "SHA": 0}
        """Commands that have arrived, per warehouse."""
        self.up: list[tuple[str, Fact]] = []
        self.shorts_left = 1
        self.returns_left = 1

    def copy(self) -> tuple[Any, ...]:
        told = {name: msgspec.structs.replace(one) for name, one in self.parcels.items()}
        return told, dict(self.down), list(self.up), self.shorts_left, self.returns_left

    def put_back(self, copy: tuple[Any, ...]) -> None:
        told, self.down, self.up, self.shorts_left, self.returns_left = copy
        self.parcels = told

    def waiting_commands(self, warehouse: str) -> list[Any]:
        sql: Any = self.story.desk
        records, _ = fact_log.read_commands(sql.sql, warehouse, 0, 100, 1_000_000)
        mine = [
            decode_command(one.body)
            for one in records
            if one.kind in {"assign_parcel", "cancel_parcel"}
        ]
        return mine[self.down[warehouse] :]

    def picture(self) -> tuple[object, ...]:
        names = {one.parcel_id: place for place, one in enumerate(self.story.parcels())}
        told = sorted((names[one.parcel_id], one.state, one.units) for one in self.parcels.values())
        down = [
            (type(command).__name__, names[command.parcel_id])
            for warehouse in self.down
            for command in self.waiting_commands(warehouse)
        ]
        up = [(kind_of(fact), warehouse) for warehouse, fact in self.up]
        return tuple(told), tuple(down), tuple(up), self.shorts_left, self.returns_left

    def steps(self) -> list[Callable[[], None]]:
        """Return what may happen next on a floor or a line."""
        found: list[Callable[[], None]] = [
            partial(self.carry_out, warehouse)
            for warehouse in self.down
            if self.waiting_commands(warehouse)
        ]
        if self.up:
            found.append(self.deliver)
        for one in self.parcels.values() if len(self.up) < FACTS_ON_THE_WAY_MAX else ():
            found += [partial(self.act, act, one.parcel_id) for act in self.acts(one)]
        return found

    def acts(self, one: Told) -> list[Callable[[Told], None]]:
        match one.state:
            case "waiting":
                return [self.start]
            case "picking":
                return [self.pick, self.short] if self.shorts_left else [self.pick]
            case "picked":
                return [self.pack]
            case "packed":
                return [self.ship]
            case "shipped" if self.returns_left:
                return [partial(self.take_back, "good"), partial(self.take_back, "quarantine")]
            case _:
                return []

    def act(self, act: Callable[[Told], None], parcel_id: str) -> None:
        act(self.parcels[parcel_id])

    def deliver(self) -> None:
        warehouse, fact = self.up.pop(0)
        self.story.tell(warehouse, fact)
        if isinstance(fact, LabelPrinted):
            self.deliver()

    def carry_out(self, warehouse: str) -> None:
        command = self.waiting_commands(warehouse)[0]
        self.down[warehouse] += 1
        if isinstance(command, AssignParcel):
            units = sum(line.quantity for line in command.lines)
            self.parcels[command.parcel_id] = Told(
                command.parcel_id, warehouse, command.waybill, units
            )
            self.up.append((warehouse, CommandAccepted(command_id=f"assign-{command.parcel_id}")))
            return
        one = self.parcels[command.parcel_id]
        over = one.state in {"shipped", "short"}
        answer = CancelTooLate if one.state == "shipped" else CancelConfirmed
        self.up.append((warehouse, answer(command_id="c", parcel_id=one.parcel_id)))
        one.state = one.state if over else "cancelled"

    def start(self, one: Told) -> None:
        one.state = "picking"
        self.up.append((one.warehouse, PickingStarted(parcel_ids=(one.parcel_id,), wave="W1")))

    def pick(self, one: Told) -> None:
        one.state = "picked"
        self.up.append((one.warehouse, picked(one.parcel_id, one.units)))

    def short(self, one: Told) -> None:
        one.units -= 1
        self.shorts_left -= 1
        one.state = one.state if one.units else "short"
        self.up.append((one.warehouse, short(one.parcel_id)))

    def pack(self, one: Told) -> None:
        one.state = "packed"
        label = LabelPrinted(parcel_id=one.parcel_id, waybill=one.waybill, copy_no=1)
        self.up += [(one.warehouse, label), (one.warehouse, packed(one.parcel_id, one.units))]

    def ship(self, one: Told) -> None:
        one.state = "shipped"
        self.up.append((one.warehouse, shipped(one.parcel_id, one.waybill, one.units)))

    def take_back(self, grade: Grade, one: Told) -> None:
        self.returns_left -= 1
        self.up.append((one.warehouse, returned(one.parcel_id, grade)))


def picked(parcel_id: str, units: int) -> UnitPicked:
    return UnitPicked(parcel_id=parcel_id, line_no=1, row=StockRow("A01", SKU, units), tote="T-1")


def short(parcel_id: str) -> ShortPicked:
    return ShortPicked(parcel_id=parcel_id, line_no=1, sku=SKU, quantity=1, bin="A01")


def packed(parcel_id: str, units: int) -> ParcelPacked:
    line = ShippedLine(1, SKU, units)
    return ParcelPacked(parcel_id=parcel_id, weight_grams=320, lines=(line,))


def shipped(parcel_id: str, waybill: str, units: int) -> ParcelShipped:
    line = ShippedLine(1, SKU, units)
    return ParcelShipped(parcel_id=parcel_id, waybill=waybill, manifest="M1", lines=(line,))


def returned(parcel_id: str, grade: Grade) -> UnitReturned:
    row = StockRow("R01", SKU, 1)
    return UnitReturned(return_id="R-1", row=row, grade=grade, parcel_id=parcel_id, line_no=1)


def graded(grade: Grade) -> ReturnGraded:
    row = StockRow("R01", SKU, 1)
    return ReturnGraded(return_id="R-1", row=row, before="quarantine", grade=grade)
