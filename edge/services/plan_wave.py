"""Turn waiting parcels into waves of pick lists, one wave per transaction.

Reading what waits, deciding from which bins it comes and storing the lists happen in one
transaction, so two planners can never give the same unit to two carts. Between two waves the floor
gets its turn: a scan never waits for all of the planning.
"""

from __future__ import annotations

from typing import Final

import msgspec

from edge.domain.layout import FloorPlan, plan_of, walk
from edge.domain.waves import CartLoad, Missing, next_group, plan_wave
from edge.services.floor import Floor
from edge.store import counters, ledger, operations, parcels, pick_lists, waves
from edge.store.operations import OperationRow
from edge.store.pick_lists import PickLineRow, PickListRow
from edge.store.waves import WaveRow

WAVES_PER_RUN_MAX: Final = 64
"""Waves planned in one go; what is left waits for the next run."""
STOCK_MISSING: Final = "stock_missing_on_floor"


class PlannedWave(msgspec.Struct, frozen=True):
    """What one planning step made; `wave` is empty when nothing could be planned."""

    wave: str
    pick_lists: tuple[str, ...]
    parcels: int
    missing: int
    group: tuple[int, str] | None
    """(cut_off_ms, courier) that was tried; None when nothing waits any more."""


def plan_next_wave(floor: Floor, skip: frozenset[tuple[int, str]] = frozenset()) -> PlannedWave:
    """Plan the courier and cut-off that leaves first, leaving out groups in `skip`.

    Parcels whose units are not free on the floor stay waiting and are put before a person.
    """
    waiting = [
        parcel
        for parcel in waves.waiting_parcels(floor.sql)
        if (parcel.cut_off_ms, parcel.courier) not in skip
    ]
    group = next_group(waiting)
    if not group:
        return PlannedWave("", (), 0, 0, None)
    free = waves.free_stock(floor.sql, (line.sku for parcel in group for line in parcel.lines))
    plan = plan_wave(group, free, floor.site)
    for missing in plan.missing:
        _report_missing(floor, missing)
    if not plan.carts:
        return PlannedWave("", (), 0, len(plan.missing), (plan.cut_off_ms, plan.courier))
    wave = f"W-{counters.next_value(floor.sql, 'wave'):06d}"
    waves.insert(floor.sql, WaveRow(wave, plan.courier, plan.cut_off_ms, "planned", floor.now_ms))
    floor_plan = plan_of(ledger.bins(floor.sql))
    lists = tuple(_store_list(floor, wave, cart, floor_plan) for cart in plan.carts)
    floor.tell("waves")
    floor.tell("parcels")
    planned = sum(len(cart.parcel_ids) for cart in plan.carts)
    return PlannedWave(wave, lists, planned, len(plan.missing), (plan.cut_off_ms, plan.courier))


def _store_list(floor: Floor, wave: str, cart: CartLoad, floor_plan: FloorPlan) -> str:
    """Store one cart's list, its stops in the order of the shortest walk."""
    name = f"PL-{counters.next_value(floor.sql, 'pick_list'):06d}"
    way = walk(floor_plan, floor.site.geometry, (take.bin for take in cart.takes))
    order = {code: place for place, code in enumerate(way.bins)}
    slots = {parcel_id: slot for slot, parcel_id in enumerate(cart.parcel_ids, start=1)}
    stops: dict[tuple[str, str], int] = {}
    for take in sorted(cart.takes, key=lambda one: (order[one.bin], one.sku)):
        stops.setdefault((take.bin, take.sku), len(stops) + 1)
    lines = [
        PickLineRow(
            name,
            stops[take.bin, take.sku],
            take.bin,
            take.sku,
            take.parcel_id,
            take.line_no,
            slots[take.parcel_id],
            take.quantity,
            0,
            0,
        )
        for take in cart.takes
    ]
    pick_lists.insert(
        floor.sql,
        PickListRow(
            pick_list=name,
            wave=wave,
            state="open",
            cart=None,
            station=None,
            badge=None,
            walk_mm=way.length_mm,
            started_ms=None,
            done_ms=None,
        ),
        lines,
    )
    parcels.mark_planned(floor.sql, cart.parcel_ids, wave, floor.now_ms)
    for parcel_id in cart.parcel_ids:
        floor.solve_exception(parcel_id, STOCK_MISSING)
    return name


def _report_missing(floor: Floor, missing: Missing) -> None:
    parcel = parcels.get(floor.sql, missing.parcel_id)
    floor.open_exception(
        "attention",
        missing.parcel_id,
        STOCK_MISSING,
        {
            "order_no": parcel.order_no if parcel else "",
            "sku": missing.sku,
            "missing": missing.short,
        },
    )


def remember_planning(floor: Floor, planned: list[PlannedWave]) -> OperationRow:
    """Keep the answer to a planning that somebody asked for; a repeat gets the first one."""
    first = operations.find(floor.sql, floor.op_id)
    if first is not None:
        return first
    answer = {
        "waves": [
            {
                "wave": wave.wave,
                "pick_lists": wave.pick_lists,
                "parcels": wave.parcels,
                "missing": wave.missing,
            }
            for wave in planned
        ]
    }
    row = operations.over_http(
        floor.op_id, "planner", "plan_waves", "planned", msgspec.json.encode(answer), floor.now_ms
    )
    operations.insert(floor.sql, row)
    return row
