"""Serial numbers as the floors' facts tell them: one place each, every move remembered.

The hub sees all warehouses, so it is the only one that can notice one serial number in two of them.
Then nothing is overwritten: a dispute is opened, both stories stay in the number's history, and a
person decides; until then the books follow the first. Inside one warehouse the floor is right even
when the hub missed a step.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from hub.domain.rows import Dispute, SerialEntry, SerialRow
from hub.store.protocol import Desk
from shared.domain.errors import Refused
from shared.domain.facts import FactRecord
from shared.domain.serial import SerialEvent, SerialState, move

SeenEvent = Literal[
    "receive", "move", "pick", "pack", "ship", "sell", "lose",
    "return", "restock", "quarantine", "repair", "scrap",
]  # fmt: skip

_AFTER: Final[dict[SeenEvent, SerialState]] = {
    "receive": "in_stock",
    "move": "in_stock",
    "pick": "picked",
    "pack": "packed",
    "ship": "shipped",
    "sell": "shipped",
    "lose": "lost",
    "return": "returned",
    "restock": "in_stock",
    "quarantine": "quarantined",
    "repair": "in_repair",
    "scrap": "scrapped",
}
"""Where a floor's word puts a serial number when the table has no such move."""


def see_serial(
    desk: Desk,
    record: FactRecord,
    serial: str,
    sku: str,
    event: SeenEvent,
    place: str,
    parcel_id: str | None = None,
) -> None:
    """Follow one serial number to `place` in the warehouse that wrote `record`."""
    row = desk.serials.get(serial)
    if row is not None and _claimed_elsewhere(row, record.node, event):
        sentence = (
            f"{serial} was {row.state} in {row.warehouse} when {record.node} reported it ({event})."
        )
        open_dispute(desk, record, serial, sku, sentence, state=_AFTER[event])
        claim = msgspec.structs.replace(
            row,
            warehouse=record.node,
            place=place,
            parcel_id=parcel_id,
            state="disputed",
            changed_ms=desk.now_ms,
        )
        desk.serials.note(serial, _entry(desk, record, claim, event))
        return
    state = _state_after(desk, record, row, serial, event)
    after = SerialRow(
        serial=serial,
        sku=sku if row is None else row.sku,
        state=state,
        warehouse=record.node,
        place=place,
        life=(1 if row is None else row.life) + (event == "return"),
        parcel_id=parcel_id,
        load_id=None,
        changed_ms=desk.now_ms,
    )
    desk.serials.put(after, _entry(desk, record, after, event))


def _claimed_elsewhere(row: SerialRow, node: str, event: SeenEvent) -> bool:
    """Return True when believing the new report would overwrite another story."""
    if event == "return" and row.state == "shipped":
        return False  # a customer may send it to any warehouse; there another life of it begins
    if row.warehouse != node:
        return True
    return row.state == "shipped" and event in {"receive", "move", "pick", "pack"}


def _state_after(
    desk: Desk, record: FactRecord, row: SerialRow | None, serial: str, event: SeenEvent
) -> SerialState:
    before = None if row is None else row.state
    if event == "move":
        if before == "in_stock":
            return "in_stock"
        step: SerialEvent = "unpick"
    else:
        step = event
    if before == _AFTER[event]:
        return before
    try:
        return move(serial, before, step)
    except Refused as error:
        desk.journal.raise_exception(
            "serial_out_of_step", record.node, serial, f"{error.message} The floor was followed."
        )
        return _AFTER[event]


def open_dispute(
    desk: Desk, record: FactRecord, serial: str, sku: str, sentence: str, *, state: str
) -> None:
    """Note that the warehouse of `record` claims a serial number that has another story.

    `state` is what the claim makes of it there, empty for a mere doubt. The first story goes on.
    """
    known = desk.serials.open_dispute(serial, record.node)
    if known is not None:
        desk.serials.put_dispute(msgspec.structs.replace(known, second_state=state))
        return
    row = desk.serials.get(serial)
    desk.serials.put_dispute(
        Dispute(
            dispute_id=desk.new_id(),
            serial=serial,
            sku=sku,
            first_warehouse=record.node if row is None else row.warehouse,
            second_warehouse=record.node,
            second_state=state,
            sentence=sentence,
            opened_ms=desk.now_ms,
        )
    )
    if row is not None:
        desk.serials.note(serial, _entry(desk, record, row, "dispute"))
    desk.journal.raise_exception("serial_disputed", record.node, serial, sentence)


def _entry(desk: Desk, record: FactRecord, row: SerialRow, event: str) -> SerialEntry:
    return SerialEntry(
        life=row.life,
        event=event,
        state=row.state,
        warehouse=row.warehouse,
        place=row.place,
        parcel_id=row.parcel_id,
        source=f"{record.node}/{record.incarnation}/{record.seq}",
        actor=record.actor,
        at_ms=record.wall_ms or desk.now_ms,
    )
