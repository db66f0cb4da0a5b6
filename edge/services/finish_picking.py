"""When the last unit is in its tote: the parcel may go to a bench, the list and its wave are done.

Several things can take the last open line away: a unit picked, a unit missing, a cancelled order.
They all end here, so that no parcel waits at a cart that nobody walks with.
"""

from __future__ import annotations

from edge.services.floor import Floor
from edge.store import parcels, pick_lists, waves


def finish_parcel(floor: Floor, parcel_id: str) -> None:
    """Mark a parcel in picking as picked, or as short when not one unit was found."""
    parcel = parcels.get(floor.sql, parcel_id)
    if parcel is None or parcel.state != "picking":
        return
    if pick_lists.parcel_has_open_lines(floor.sql, parcel_id):
        return
    if any(line.picked for line in parcels.lines(floor.sql, parcel_id)):
        parcels.set_state(floor.sql, parcel, "picked", floor.now_ms)
    else:
        parcels.set_state(floor.sql, parcel, "short", floor.now_ms, tote=None)
    floor.tell("parcels")


def finish_list(floor: Floor, pick_list: str) -> bool:
    """Mark a list with nothing left to pick as done, and its wave; return True when it is."""
    if pick_lists.current_stop(floor.sql, pick_list) is not None:
        return False
    row = pick_lists.get(floor.sql, pick_list)
    if row is None or row.state == "done":
        return row is not None
    pick_lists.update(floor.sql, row, state="done", done_ms=floor.now_ms)
    waves.settle(floor.sql, row.wave)
    floor.tell("waves")
    if row.station is not None:
        floor.tell("station", {"station": row.station})
    return True
