"""Calling a parcel back: at once while nothing was picked, by hand once units are in a tote.

A cancel is a request. Head office sells the units again only after the floor confirms, so the floor
confirms only what is true: the units never left their bins, or a packer put them back. What has
left with the courier cannot be called back.
"""

from __future__ import annotations

from edge.services.finish_picking import finish_list, finish_parcel
from edge.services.floor import Floor
from edge.services.plan_wave import STOCK_MISSING
from edge.store import exceptions, parcels, pick_lists
from edge.store.parcels import ParcelRow
from shared.domain.commands import CancelParcel
from shared.domain.errors import Refused
from shared.domain.facts import CancelConfirmed, CancelTooLate, CommandAccepted

REFUND_REQUESTED = "refund_requested"


def cancel_parcel(floor: Floor, command_id: str, command: CancelParcel) -> None:
    """Stop a parcel; raises Refused `parcel_unknown` when it was never assigned here."""
    parcel = parcels.get(floor.sql, command.parcel_id)
    if parcel is None:
        raise Refused(
            "parcel_unknown",
            f"Failed to cancel parcel {command.parcel_id}: it was never assigned here.",
        )
    if command.untouched_only and parcel.state != "waiting":
        raise Refused(
            "picking_begun",
            f"Failed to give parcel {command.parcel_id} back: it is {parcel.state}.",
        )
    if parcel.state == "shipped":
        floor.record(CancelTooLate(command_id=command_id, parcel_id=parcel.parcel_id))
    elif parcel.state == "cancelled":
        floor.record(CancelConfirmed(command_id=command_id, parcel_id=parcel.parcel_id))
    elif parcel.cancel_command_id is not None:
        # An earlier request is on its way through the floor; that one will be confirmed.
        floor.record(CommandAccepted(command_id=command_id))
    elif exceptions.is_open(floor.sql, parcel.parcel_id, parcels.MAYBE_SENT):
        # Nobody knows yet whether it has left: the lead who looks answers this request as well.
        parcels.set_state(
            floor.sql, parcel, parcel.state, floor.now_ms, cancel_command_id=command_id
        )
    elif any(line.picked for line in parcels.lines(floor.sql, parcel.parcel_id)):
        _ask_for_units(floor, parcel, command_id)
    else:
        cancel_now(floor, parcel, command_id)
    floor.tell("parcels")


def cancel_now(floor: Floor, parcel: ParcelRow, command_id: str) -> None:
    """Nothing was picked: the parcel ends here and its pick lines vanish from the list."""
    parcels.set_state(
        floor.sql,
        parcel,
        "cancelled",
        floor.now_ms,
        cancel_command_id=command_id,
        tote=None,
    )
    _free_lines(floor, parcel)
    floor.solve_exception(parcel.parcel_id, STOCK_MISSING)
    floor.record(CancelConfirmed(command_id=command_id, parcel_id=parcel.parcel_id))


def _ask_for_units(floor: Floor, parcel: ParcelRow, command_id: str) -> None:
    """Units are in a tote or a box: whoever scans it next is told to put them back."""
    parcels.set_state(floor.sql, parcel, parcel.state, floor.now_ms, cancel_command_id=command_id)
    _free_lines(floor, parcel)
    finish_parcel(floor, parcel.parcel_id)
    floor.open_exception(
        "stop",
        parcel.parcel_id,
        REFUND_REQUESTED,
        {"order_no": parcel.order_no, "place": parcel.tote or parcel.waybill},
    )
    if parcel.bench is not None:
        floor.tell("station", {"station": parcel.bench})


def _free_lines(floor: Floor, parcel: ParcelRow) -> None:
    for pick_list in pick_lists.free_lines(floor.sql, parcel.parcel_id):
        if not finish_list(floor, pick_list):
            row = pick_lists.get(floor.sql, pick_list)
            if row is not None and row.station is not None:
                floor.tell("station", {"station": row.station})
