"""Parcels of which nobody knows whether they have left, after the disk went back in time.

What an old copy still has to pick may have been picked, packed and handed over in lines that are
gone. Picking it again would send it twice. So each such parcel waits until a lead has looked: not
sent, then it is picked; sent, then it stays until head office has dealt with it. The same holds for
a request to call it back: only who has looked can say that nothing left.
"""

from __future__ import annotations

from typing import Final

import msgspec

from edge.services.cancel import cancel_now
from edge.services.finish_picking import finish_list
from edge.services.floor import Floor
from edge.store import exceptions, packing, parcels, pick_lists, recoveries, stations
from edge.store.exceptions import ExceptionRow

MAYBE_SENT: Final = parcels.MAYBE_SENT


def put_in_doubt(floor: Floor, down_target: int) -> None:
    """Open a task for every open parcel this floor had when its disk was put back.

    Commands up to number `down_target` may have come to the disk that is gone; what head office
    sent after them cannot have left.
    """
    _clear_benches(floor)
    for parcel_id in sorted(exceptions.subjects(floor.sql, MAYBE_SENT)):
        known = parcels.get(floor.sql, parcel_id)
        if known is not None and known.state != "waiting":  # its lines came back after all
            floor.solve_exception(parcel_id, MAYBE_SENT)
    for parcel in parcels.in_work(floor.sql):
        if any(line.picked for line in parcels.lines(floor.sql, parcel.parcel_id)):
            place = parcel.tote or parcel.waybill
            floor.open_exception(
                "attention",
                parcel.parcel_id,
                recoveries.IN_DOUBT,
                {"order_no": parcel.order_no, "place": place},
            )
    for parcel in parcels.unpicked(floor.sql, down_target):
        for pick_list in pick_lists.free_lines(floor.sql, parcel.parcel_id):
            finish_list(floor, pick_list)
        floor.open_exception(
            "attention",
            parcel.parcel_id,
            MAYBE_SENT,
            {"order_no": parcel.order_no, "waybill": parcel.waybill or parcel.order_no},
        )
    parcels.plan_again(floor.sql, floor.now_ms)


def _clear_benches(floor: Floor) -> None:
    """What lies on a bench now is not what an old copy thinks: each begins with a tote or a box."""
    for bench in stations.of_kind(floor.sql, "bench"):
        floor.save(msgspec.structs.replace(bench, job=b"{}"))
    for parcel in parcels.in_work(floor.sql):
        if parcel.state == "packing":
            packing.untick_all(floor.sql, parcel.parcel_id)
            packing.set_aside(floor.sql, parcel.parcel_id, floor.now_ms)


def not_sent(floor: Floor, row: ExceptionRow) -> None:
    """A lead has looked and it never left: pick it, or call it back if that was asked meanwhile."""
    parcel = parcels.get(floor.sql, row.subject)
    if parcel is not None and parcel.cancel_command_id is not None:
        cancel_now(floor, parcel, parcel.cancel_command_id)
    floor.tell("parcels")
