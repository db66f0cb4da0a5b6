"""Units that customers sent back: whose they were, what they are worth, who may promise them again.

The floor says what came, where it lies and what it is fit for. Only a good unit may be promised
again, so only a good one mints rights; quarantined units and those in repair are on hand but set
aside, and a scrapped one is nothing. The order that it left with stays shipped and shows how many
of its units came back. A customer may send a unit to any warehouse, so which parcel it left in is
the serial number's own story where the floor cannot tell.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hub.domain.rows import ParcelRow
from hub.services.adopt import learn_product, learn_warehouse
from hub.services.apply_serials import SeenEvent, see_serial
from hub.store.protocol import Desk
from shared.domain.facts import FactRecord, Grade, ReturnGraded, StockRow, UnitReturned

_STEPS: Final[dict[Grade, tuple[SeenEvent, ...]]] = {
    "good": ("restock",),
    "quarantine": ("quarantine",),
    "repair": ("quarantine", "repair"),
    "scrap": ("quarantine", "scrap"),
}
"""What a grade does to the life of a unit that has just come back."""
_AGAIN: Final[dict[Grade, SeenEvent]] = {
    "good": "restock",
    "quarantine": "quarantine",
    "repair": "repair",
    "scrap": "scrap",
}


def unit_returned(desk: Desk, record: FactRecord, fact: UnitReturned) -> None:
    """Units came back: the order knows, and the good ones may be promised again."""
    learn_warehouse(desk, record.node)
    learn_product(desk, record.node, fact.row.sku, "full" if fact.row.serials else "none")
    parcel, known = _left_in(desk, fact)
    if fact.grade != "scrap":
        desk.stock.add(record.node, fact.row.sku, fact.row.quantity)
    _value(desk, record, fact.row, fact.grade, fact.return_id)
    for serial in fact.row.serials:
        for event in ("return", *_STEPS[fact.grade]):
            see_serial(desk, record, serial, fact.row.sku, event, _place(fact.row, fact.grade))
    if parcel is not None:
        _note(desk, record, fact, parcel)
    elif not known:
        desk.journal.raise_exception(
            "return_unknown",
            record.node,
            fact.return_id,
            f"{record.node} took back {fact.row.quantity} of {fact.row.sku} of which no parcel is "
            "known; find out whose they are before anybody is paid back.",
        )
    desk.journal.event(
        "unit_returned",
        order_id=None if parcel is None else parcel.order_id,
        parcel_id=None if parcel is None else parcel.parcel_id,
        warehouse=record.node,
        data={
            "return": fact.return_id, "sku": fact.row.sku, "quantity": fact.row.quantity,
            "grade": fact.grade,
        },
    )  # fmt: skip


def return_graded(desk: Desk, record: FactRecord, fact: ReturnGraded) -> None:
    """Units that lay aside were looked at again."""
    desk.stock.set_aside(record.node, fact.row.sku, -fact.row.quantity)
    if fact.grade == "scrap":
        desk.stock.add(record.node, fact.row.sku, -fact.row.quantity)
    _value(desk, record, fact.row, fact.grade, fact.return_id)
    for serial in fact.row.serials:
        place = _place(fact.row, fact.grade)
        see_serial(desk, record, serial, fact.row.sku, _AGAIN[fact.grade], place)
    desk.journal.event(
        "return_graded",
        warehouse=record.node,
        data={
            "return": fact.return_id, "sku": fact.row.sku, "quantity": fact.row.quantity,
            "before": fact.before, "grade": fact.grade,
        },
    )  # fmt: skip


def _value(desk: Desk, record: FactRecord, row: StockRow, grade: Grade, return_id: str) -> None:
    """Mint rights for good units; keep those that are not good apart."""
    if grade == "good":
        desk.rights.mint(row.sku, record.node, row.quantity, f"return-{return_id}")
        desk.orders.trust_again(row.sku, record.node)
        desk.rights.note_arrival(row.sku)
        desk.tell("backorders")
    elif grade != "scrap":
        desk.stock.set_aside(record.node, row.sku, row.quantity)


def _place(row: StockRow, grade: Grade) -> str:
    if grade == "scrap":
        return "loss"
    return f"{'bin' if grade == 'good' else 'aside'}:{row.bin}"


def _left_in(desk: Desk, fact: UnitReturned) -> tuple[ParcelRow | None, bool]:
    """Return the parcel the units left in, and whether they are known to have left at all.

    The floor's word comes first, then the number's own story; over a counter there is no parcel.
    """
    serial = desk.serials.get(fact.row.serials[0]) if fact.row.serials else None
    parcel_id = fact.parcel_id or (None if serial is None else serial.parcel_id)
    parcel = desk.parcels.get(parcel_id) if parcel_id else None
    return parcel, parcel is not None or (serial is not None and serial.state == "shipped")


def _note(desk: Desk, record: FactRecord, fact: UnitReturned, parcel: ParcelRow) -> None:
    """Count the units on the lines they left with, the named line first."""
    left = fact.row.quantity
    lines = [line for line in desk.parcels.lines(parcel.parcel_id) if line.sku == fact.row.sku]
    changed = []
    for line in sorted(lines, key=lambda one: one.line_no != fact.line_no):
        units = min(left, max(0, line.shipped - line.returned))
        left -= units
        changed.append(msgspec.structs.replace(line, returned=line.returned + units))
    desk.parcels.put_lines(parcel.parcel_id, changed)
    if left:
        desk.journal.raise_exception(
            "returned_more",
            record.node,
            fact.return_id,
            f"{record.node} took back {left} of {fact.row.sku} more than left in parcel "
            f"{parcel.parcel_id}; look at its history before anybody is paid back.",
        )
