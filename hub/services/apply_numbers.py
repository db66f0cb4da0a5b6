"""What a warehouse did with its waybill numbers: put on parcels, freed, given back, declared void.

The warehouse has done so before it says so; head office only follows. Where two claim one number,
nothing is overwritten: a person is told which parcels to stop.
"""

from __future__ import annotations

import msgspec

from hub.domain.number_rows import NumberRecord, WaybillRequest
from hub.domain.rows import ParcelRow
from hub.store.protocol import Desk
from shared.domain.facts import (
    FactRecord,
    LeasedNumbers,
    NumbersReturned,
    NumbersVoided,
    WaybillFreed,
    WaybillTaken,
)

TWICE = "waybill_twice"
"""Kind of the exception that says: two parcels or warehouses have one number."""


def lease_taken_on(desk: Desk, record: FactRecord, leased: LeasedNumbers) -> None:
    """The warehouse has the numbers; a hub that forgot lending them learns it again.

    A place these books know of is no news: a number free again since then was given back.
    """
    node = record.node
    known = desk.numbers.get(leased.numbers)
    lease = desk.numbers.lease(node, leased.courier)
    learnt = []
    for place, number in enumerate(leased.numbers, leased.after + 1):
        row = known.get(number)
        if row is None or (row.state == "free" and place > lease.leased):
            row = row or NumberRecord(number=number, courier=leased.courier, state="free")
            learnt.append(msgspec.structs.replace(row, state="leased", warehouse=node, place=place))
        elif row.state != "free" and row.warehouse != node:
            _twice(desk, node, number, f"it was lent to {row.warehouse or 'nobody'} as well")
    desk.numbers.put(learnt)
    total = max(lease.leased, leased.after + len(leased.numbers))
    if total != lease.leased:
        desk.numbers.put_lease(msgspec.structs.replace(lease, leased=total))


def waybill_taken(desk: Desk, record: FactRecord, fact: WaybillTaken, parcel: ParcelRow) -> None:
    """A parcel has its number, and the one it replaces is void."""
    number = _claim(desk, record, fact, parcel)
    # One the courier issued here while the floor gave the parcel another is void as well.
    void = fact.replaces or parcel.waybill
    if void and void != fact.waybill:
        old = desk.numbers.get((void,)).get(void)
        old = old or NumberRecord(number=void, courier=parcel.courier, state="burnt")
        desk.numbers.put([msgspec.structs.replace(old, state="burnt", parcel_id=parcel.parcel_id)])
    desk.numbers.drop_request(parcel.parcel_id)
    desk.parcels.put(
        msgspec.structs.replace(
            parcel, courier=fact.courier, waybill=number, changed_ms=desk.now_ms
        )
    )
    desk.journal.event(
        "waybill_taken",
        order_id=parcel.order_id,
        parcel_id=parcel.parcel_id,
        warehouse=record.node,
        data={"waybill": fact.waybill, "replaces": fact.replaces},
    )
    desk.tell("numbers")


def _claim(desk: Desk, record: FactRecord, fact: WaybillTaken, parcel: ParcelRow) -> str | None:
    """Note that the parcel has the number; None, with an exception, when another parcel has it."""
    row = desk.numbers.get((fact.waybill,)).get(fact.waybill)
    mine = row is not None and row.warehouse == record.node and row.state in {"leased", "burnt"}
    if mine or parcel.waybill == fact.waybill:
        other = ""
    elif row is not None and row.state == "used":
        other = row.parcel_id
    else:
        holders = desk.parcels.page({"waybill": fact.waybill}, "", 1)
        other = holders[0].parcel_id if holders else ""
    if other and other != parcel.parcel_id:
        _twice(desk, record.node, fact.waybill, f"parcels {parcel.parcel_id} and {other} have it")
        return None
    if row is not None and row.state == "leased" and not mine:
        _twice(desk, record.node, fact.waybill, f"it is lent to {row.warehouse}")
    row = row or NumberRecord(number=fact.waybill, courier=fact.courier, state="used")
    desk.numbers.put(
        [
            msgspec.structs.replace(
                row,
                state="used",
                warehouse=record.node,
                place=row.place if row.warehouse == record.node else 0,
                parcel_id=parcel.parcel_id,
            )
        ]
    )
    return fact.waybill


def waybill_freed(desk: Desk, fact: WaybillFreed, parcel: ParcelRow) -> None:
    """The parcel will not leave and no printer ever heard its number: it is in the lease again."""
    row = desk.numbers.get((fact.waybill,)).get(fact.waybill)
    if row is None or row.state != "used" or row.parcel_id != parcel.parcel_id or not row.place:
        return
    desk.numbers.put([msgspec.structs.replace(row, state="leased", parcel_id="")])
    desk.parcels.put(msgspec.structs.replace(parcel, waybill=None))


def is_void(desk: Desk, number: str, parcel: ParcelRow) -> bool:
    """Say whether a number was this parcel's and is void: a late word of its old label."""
    row = desk.numbers.get((number,)).get(number)
    return row is not None and row.state == "burnt" and row.parcel_id == parcel.parcel_id


def number_refused(desk: Desk, record: FactRecord, parcel_id: str, code: str) -> None:
    """The floor cannot use the number its courier issued: it is void, a person has to look."""
    parcel = desk.parcels.get(parcel_id)
    if code != "waybill_taken" or parcel is None or not parcel.waybill or parcel.labels:
        return
    row = desk.numbers.get((parcel.waybill,)).get(parcel.waybill)
    if row is not None and row.parcel_id == parcel_id and parcel.warehouse == record.node:
        desk.numbers.put([msgspec.structs.replace(row, state="burnt")])
        desk.parcels.put(msgspec.structs.replace(parcel, waybill=None))
        desk.numbers.put_request(WaybillRequest(parcel_id=parcel_id, trouble=code, given_up=True))


def numbers_returned(desk: Desk, record: FactRecord, fact: NumbersReturned) -> None:
    """The warehouse gave numbers up: whoever needs some may have them."""
    known = desk.numbers.get(fact.numbers)
    mine = [row for row in known.values() if row.state == "leased" and row.warehouse == record.node]
    desk.numbers.put(
        msgspec.structs.replace(row, state="free", warehouse="", place=0) for row in mine
    )
    if len(mine) < len(fact.numbers):
        desk.journal.raise_exception(
            "numbers_returned_beyond",
            record.node,
            fact.courier,
            f"{record.node} returned {len(fact.numbers) - len(mine)} numbers of {fact.courier} "
            "that it was not lent; they stay out of the pool.",
        )
    desk.tell("numbers")


def numbers_voided(desk: Desk, record: FactRecord, fact: NumbersVoided) -> None:
    """Numbers nobody may use any more."""
    known = desk.numbers.get(fact.numbers)
    void = [
        known.get(number)
        or NumberRecord(number=number, courier=fact.courier, state="burnt", warehouse=record.node)
        for number in fact.numbers
    ]
    desk.numbers.put(
        msgspec.structs.replace(row, state="burnt")
        for row in void
        if row.state in {"leased", "burnt"} and row.warehouse == record.node
    )
    desk.tell("numbers")


def recall_answered(desk: Desk, record: FactRecord, command_id: str, *, refused: bool) -> None:
    """The warehouse has returned what it could, or can return nothing now."""
    for lease in desk.numbers.leases():
        if lease.warehouse == record.node and lease.recall_id == command_id:
            asked_ms = lease.asked_ms if refused else 0
            desk.numbers.put_lease(msgspec.structs.replace(lease, recall_id="", asked_ms=asked_ms))


def _twice(desk: Desk, node: str, number: str, why: str) -> None:
    desk.journal.raise_exception(
        TWICE,
        node,
        number,
        f"Waybill number {number} is in use twice: {why}. Stop one of the parcels before it leaves "
        "and give it another number.",
    )
