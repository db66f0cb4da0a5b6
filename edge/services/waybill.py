"""The waybill number of a parcel: from this warehouse's own lease, or issued while it waits.

Couriers hand their numbers out in advance, head office lends them to warehouses, and the bench
takes one in the transaction that orders the label; so labels are printed also with the line cut.
From the moment a printer may have heard a number it belongs to that parcel for ever. A courier that
issues numbers only when asked leaves the parcel without one: it is picked, packed and weighed, then
the closed box stands in its tote on the waiting shelf until the number has come.
"""

from __future__ import annotations

from edge.services.floor import Floor
from edge.store import numbers, parcels, recoveries, stations
from edge.store.parcels import ParcelRow
from shared.domain.commands import (
    NUMBERS_PER_COMMAND_MAX,
    LeaseNumbers,
    RecallNumbers,
    SetWaybill,
)
from shared.domain.errors import Refused
from shared.domain.facts import (
    CommandAccepted,
    LeasedNumbers,
    NumbersReturned,
    NumbersVoided,
    WaybillFreed,
    WaybillTaken,
)

LOW = "numbers_low"
"""Code of the warning that few numbers of a courier are left; its subject is the courier."""
PENDING = "waybill_pending"
"""Code of what waits on the shelf for a number."""
READY = "waybill_ready"
"""Code of what stands on the shelf and can be labelled now."""


# What head office asks


def take_lease(floor: Floor, command_id: str, command: LeaseNumbers) -> None:
    """Take numbers over; those known already are not taken twice."""
    numbers.lease(
        floor.sql,
        command.courier,
        command.after,
        command.numbers,
        low_water=command.low_water,
        at_ms=floor.now_ms,
    )
    leased = LeasedNumbers(courier=command.courier, after=command.after, numbers=command.numbers)
    floor.record(CommandAccepted(command_id=command_id, leased=leased))
    _look_at_level(floor, command.courier)
    free, _ = numbers.free_count(floor.sql, command.courier)
    for parcel in parcels.on_shelf(floor.sql, command.courier, limit=free):
        _say_ready(floor, parcel)
    floor.tell("numbers")


def answer_recall(floor: Floor, command_id: str, command: RecallNumbers) -> None:
    """Return free numbers above those to keep, at most a command's worth."""
    back = numbers.give_back(
        floor.sql,
        command.courier,
        keep=command.keep,
        limit=NUMBERS_PER_COMMAND_MAX,
        at_ms=floor.now_ms,
    )
    if back:
        floor.record(NumbersReturned(courier=command.courier, numbers=tuple(back)))
    floor.record(CommandAccepted(command_id=command_id))
    floor.tell("numbers")


def set_waybill(floor: Floor, command_id: str, command: SetWaybill) -> None:
    """The courier has issued a number; raises Refused when the parcel cannot have it."""
    parcel = parcels.get(floor.sql, command.parcel_id)
    if parcel is None or parcel.state == "cancelled" or parcel.waybill:
        if parcel is not None and parcel.waybill == command.waybill:
            floor.record(CommandAccepted(command_id=command_id))
            return
        got = f"it has {parcel.waybill}" if parcel and parcel.waybill else "it is cancelled"
        raise Refused(
            "waybill_not_wanted",
            f"Failed to give parcel {command.parcel_id} the number {command.waybill}: "
            f"{got if parcel else 'it was never assigned here'}.",
            hint="Cancel the number with the courier.",
        )
    expect_unused(floor, command.parcel_id, command.waybill)
    parcel = _give(floor, parcel, command.waybill, command.courier, command.sort_code)
    floor.record(CommandAccepted(command_id=command_id))
    if parcel.state == "packed" and parcel.tote:
        _say_ready(floor, parcel)
    floor.tell("parcels")


def expect_unused(floor: Floor, parcel_id: str, waybill: str) -> None:
    """Raise Refused `waybill_taken` when the number is another parcel's, lent here, or void."""
    other = parcels.by_waybill(floor.sql, waybill)
    known = numbers.get(floor.sql, waybill)
    if other is None and known is None:
        return
    where = f"is on parcel {other.parcel_id}" if other else "was lent to this floor or is void"
    raise Refused(
        "waybill_taken",
        f"Failed to take parcel {parcel_id}: its waybill {waybill} {where}.",
        hint="Give the parcel a waybill number of its own.",
    )


# At the bench


def with_number(floor: Floor, parcel: ParcelRow, drawn: str = "") -> ParcelRow | None:
    """Return the parcel with its number, taking one from the lease; None when there is none.

    `drawn` is the number its label was drawn with; another bench may have taken it meanwhile.
    """
    if parcel.waybill:
        return parcel
    number = _take(floor, parcel.courier, parcel.parcel_id, drawn)
    return None if number is None else _give(floor, parcel, number, parcel.courier, "")


def give_another(floor: Floor, parcel: ParcelRow, courier: str) -> ParcelRow | None:
    """Give a packed parcel another number, the old one void; None when the lease has none."""
    number = _take(floor, courier, parcel.parcel_id, "")
    if number is None:
        return None
    if parcel.waybill:
        numbers.void(
            floor.sql,
            parcel.waybill,
            courier=parcel.courier,
            parcel_id=parcel.parcel_id,
            at_ms=floor.now_ms,
        )
    return _give(floor, parcel, number, courier, "")


def _take(floor: Floor, courier: str, parcel_id: str, drawn: str) -> str | None:
    # What was used in a past that this disk forgot must not be used again.
    if recoveries.running(floor.sql):
        return None
    wanted = drawn or numbers.next_free(floor.sql, courier)
    while wanted is not None:
        known = numbers.get(floor.sql, wanted)
        mine = known is not None and known.courier == courier
        if mine and numbers.take(floor.sql, wanted, parcel_id, floor.now_ms):
            _look_at_level(floor, courier)
            floor.tell("numbers")
            return wanted
        wanted = numbers.next_free(floor.sql, courier)
    return None


def _give(floor: Floor, parcel: ParcelRow, number: str, courier: str, sort_code: str) -> ParcelRow:
    parcels.set_waybill(
        floor.sql,
        parcel.parcel_id,
        number,
        courier=courier,
        sort_code=sort_code or parcel.sort_code,
        at_ms=floor.now_ms,
    )
    floor.record(
        WaybillTaken(
            parcel_id=parcel.parcel_id,
            courier=courier,
            waybill=number,
            replaces=parcel.waybill,
        )
    )
    after = parcels.get(floor.sql, parcel.parcel_id)
    return parcel if after is None else after


def lay_on_shelf(floor: Floor, parcel: ParcelRow, tote: str, station: str) -> None:
    """A closed box without a label stands in `tote`, its tote or a place of the waiting shelf."""
    parcels.keep_tote(floor.sql, parcel.parcel_id, tote)
    code = READY if parcel.waybill else PENDING
    floor.solve_exception(parcel.parcel_id, code)
    floor.open_exception(
        "attention",
        parcel.parcel_id,
        code,
        {"tote": tote, "order_no": parcel.order_no, "courier": parcel.courier},
        station,
    )


def off_shelf(floor: Floor, parcel: ParcelRow) -> None:
    """The box has its label ordered; its tote is free again."""
    parcels.keep_tote(floor.sql, parcel.parcel_id, None)
    for code in (PENDING, READY):
        floor.solve_exception(parcel.parcel_id, code)


def _say_ready(floor: Floor, parcel: ParcelRow) -> None:
    floor.solve_exception(parcel.parcel_id, PENDING)
    floor.open_exception(
        "attention",
        parcel.parcel_id,
        READY,
        {"tote": parcel.tote or "", "order_no": parcel.order_no, "courier": parcel.courier},
    )
    # Every bench at its first step shows which tote to fetch.
    for station in stations.of_kind(floor.sql, "bench"):
        floor.tell("station", {"station": station.station})
    floor.tell("parcels")


def free_unsent(floor: Floor, parcel: ParcelRow) -> None:
    """A parcel will not leave, and its one label certainly never went to a printer."""
    if parcel.state != "cancelled" or not parcel.waybill:
        return
    number = parcel.waybill
    if numbers.free_again(floor.sql, number, parcel.parcel_id, floor.now_ms):
        parcels.drop_waybill(floor.sql, parcel.parcel_id)
        floor.record(WaybillFreed(parcel_id=parcel.parcel_id, waybill=number))
        _look_at_level(floor, parcel.courier)
        floor.tell("numbers")


# After the disk went back in time


def void_doubtful(floor: Floor) -> None:
    """Free numbers of a disk that went back in time may be on labels it forgot: all are void."""
    for courier, found in numbers.void_free(floor.sql, floor.now_ms).items():
        for start in range(0, len(found), NUMBERS_PER_COMMAND_MAX):
            part = tuple(found[start : start + NUMBERS_PER_COMMAND_MAX])
            floor.record(NumbersVoided(courier=courier, numbers=part))
        _look_at_level(floor, courier)


def _look_at_level(floor: Floor, courier: str) -> None:
    """Warn the lead when few numbers are left; take the warning away when there are more."""
    free, low_water = numbers.free_count(floor.sql, courier)
    if free <= low_water:
        floor.open_exception("attention", courier, LOW, {"courier": courier, "free": free})
    else:
        floor.solve_exception(courier, LOW)
