"""A box that several orders share: one label outside, one parcel per order in the books.

Two orders of one buyer to one door leave in one box. The floor has one parcel to pick, pack and
label, under the name of the first. The books keep a parcel for each order, so that rights, missing
units, cancels and what a shop is told are counted order by order as ever; what a floor says of the
box is read as said of each of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hub.domain.orders import OVER
from hub.domain.rows import ParcelLineRow, ParcelRow
from hub.store.protocol import Desk
from shared.domain.commands import ParcelLine
from shared.domain.facts import (
    AssignedLine,
    AssignedParcel,
    CancelConfirmed,
    CancelTooLate,
    Fact,
    ParcelPacked,
    ParcelShipped,
    PickingStarted,
    ShippedLine,
    ShortPicked,
    UnitPicked,
)


def box_of(desk: Desk, parcel: ParcelRow) -> ParcelRow:
    """Return the parcel whose courier and waybill are on the box in which `parcel` leaves."""
    if parcel.joined_to in {"", parcel.parcel_id}:
        return parcel
    return desk.parcels.get(parcel.joined_to) or parcel


def parcel_ids_in(desk: Desk, parcel_id: str) -> list[str]:
    """Return the ids of all parcels in the box that a floor knows as `parcel_id`."""
    return [one.parcel_id for one in _members(desk, parcel_id)] or [parcel_id]


def _members(desk: Desk, parcel_id: str) -> list[ParcelRow]:
    """Return all parcels in a box, none for a parcel that has its box for itself."""
    parcel = desk.parcels.get(parcel_id)
    return [] if parcel is None or not parcel.joined_to else desk.parcels.in_box(parcel.joined_to)


# Down: what the floor is told


def lines_of_box(shares: Sequence[Sequence[ParcelLineRow]]) -> tuple[ParcelLine, ...]:
    """Return the lines of a box, numbered from 1 share by share; one share keeps its numbers."""
    if len(shares) == 1:
        return tuple(ParcelLine(line.line_no, line.sku, line.quantity) for line in shares[0])
    lines = [line for share in shares for line in share]
    return tuple(
        ParcelLine(number, line.sku, line.quantity) for number, line in enumerate(lines, start=1)
    )


# Up: what the floor says


def parcels_in(told: AssignedParcel) -> list[AssignedParcel]:
    """Return what a floor took on, parcel by parcel; only the first has the waybill."""
    if not told.parts:
        return [told]
    found, after = [], 0
    for part in told.parts:
        lines = told.lines[after : after + len(part.line_nos)]
        after += len(part.line_nos)
        found.append(
            AssignedParcel(
                parcel_id=part.parcel_id,
                order_id=part.order_id,
                channel=part.channel,
                shop=part.shop,
                order_no=part.order_no,
                courier=told.courier,
                waybill=told.waybill if part.parcel_id == told.parcel_id else "",
                sort_code=told.sort_code,
                cut_off_ms=told.cut_off_ms,
                lines=tuple(
                    AssignedLine(line_no, line.sku, line.quantity)
                    for line_no, line in zip(part.line_nos, lines, strict=True)
                ),
                order_version=part.order_version,
            )
        )
    return found


def per_parcel(desk: Desk, fact: Fact) -> list[Fact]:
    """Return `fact` as said of each parcel in the box it is about; most have one parcel only.

    What is over (all of its units were short) has no more to do with what becomes of the box.
    """
    match fact:
        case PickingStarted():
            ids = [name for parcel_id in fact.parcel_ids for name in _alive(desk, parcel_id)]
            return [msgspec.structs.replace(fact, parcel_ids=tuple(ids))]
        case CancelConfirmed() | CancelTooLate():
            return [
                msgspec.structs.replace(fact, parcel_id=name)
                for name in _alive(desk, fact.parcel_id)
            ]
        case UnitPicked() | ShortPicked():
            place = _places(desk, fact.parcel_id).get(fact.line_no)
            if place is None:
                return [fact]
            return [msgspec.structs.replace(fact, parcel_id=place[0], line_no=place[1])]
        case ParcelPacked() | ParcelShipped():
            return _per_share(desk, fact)
        case _:
            return [fact]


def _alive(desk: Desk, parcel_id: str) -> list[str]:
    members = _members(desk, parcel_id)
    return [one.parcel_id for one in members if one.state not in OVER] or [parcel_id]


def _places(desk: Desk, parcel_id: str) -> dict[int, tuple[str, int]]:
    """Return parcel and own number of each line of a box, by its number in the box."""
    lines = [
        (one.parcel_id, line.line_no)
        for one in _members(desk, parcel_id)
        for line in desk.parcels.lines(one.parcel_id)
    ]
    return dict(enumerate(lines, start=1))


def _per_share(desk: Desk, fact: ParcelPacked | ParcelShipped) -> list[Fact]:
    places = _places(desk, fact.parcel_id)
    if not places:
        return [fact]
    shares: dict[str, list[ShippedLine]] = {name: [] for name in _alive(desk, fact.parcel_id)}
    for line in fact.lines:
        parcel_id, line_no = places.get(line.line_no, (fact.parcel_id, line.line_no))
        shares.setdefault(parcel_id, []).append(msgspec.structs.replace(line, line_no=line_no))
    return [
        msgspec.structs.replace(fact, parcel_id=name, lines=tuple(lines))
        for name, lines in shares.items()
    ]
