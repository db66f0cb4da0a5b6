"""The weigh gate: a parcel whose weight cannot be right does not get a label.

The scale announces a load once, when it has come to rest. If this bench waits for a weight, one
transaction judges it and, when it fits, moves every unit from the tote into the parcel, tells head
office, keeps the weighing as evidence and orders the label. A weight that does not fit stops the
bench until a person opens the carton, changes the packing, or a lead answers for it by badge.
"""

from __future__ import annotations

from typing import Final

import msgspec

from edge.domain.packing import (
    BenchJob,
    Halt,
    LikelyCause,
    WeightWindow,
    judge_weight,
    likely_cause,
    weight_window,
)
from edge.domain.verdict import Params, Verdict, attention, right, stop
from edge.services import print_label, waybill
from edge.services.bench import Bench, HardwareRequest, open_bench, unit_weights
from edge.services.floor import Floor
from edge.services.print_label import Drawn
from edge.store import packing, parcels, people, recoveries, serials
from edge.store.packing import Weighing
from edge.store.parcels import ParcelLineRow
from shared.domain.catalogue import Product
from shared.domain.errors import Forbidden, InvalidInput, Refused
from shared.domain.facts import ParcelPacked, ShippedLine
from shared.domain.ledger import account

GRAMS_MAX: Final = 1_000_000
"""No parcel at a bench weighs a tonne; a larger number is a slip of the keyboard."""
REASON_MAX: Final = 200
ACCEPTED: Final = "weight_right"


class Load(msgspec.Struct, frozen=True):
    """A load on a scale (or a typed weight). `weighing_id` names this placement for ever."""

    weighing_id: str
    device: str
    grams: int
    raw: str


def settled(floor: Floor, bench_name: str, load: Load, drawn: Drawn | None) -> Verdict:
    """Judge a load that came to rest on the scale of `bench_name`.

    `drawn` is the parcel's label with its weight free, drawn before this transaction, or None.
    A load nobody waits for changes nothing; nor does a repeat of a load that was accepted.
    """
    bench = open_bench(floor, bench_name)
    earlier = packing.find_weighing(floor.sql, load.weighing_id)
    if bench.job.step != "weigh" or bench.halt() is not None:
        return attention("not_weighing")
    if recoveries.paused(floor.sql):
        return attention(recoveries.PAST_MISSING)
    if earlier is not None and earlier.parcel_id != bench.job.parcel_id:
        # The box of the parcel before still lies there: its weight says nothing about this one.
        return attention("scale_not_cleared")
    if earlier is not None:
        # The same box, weighed again after a person chose a way out of the halt.
        load = msgspec.structs.replace(load, weighing_id=floor.new_id())
    return _judge(bench, load, drawn)


def _judge(bench: Bench, load: Load, drawn: Drawn | None) -> Verdict:
    lines = bench.lines()
    units = unit_weights(lines)
    window = weight_window(units)
    found = judge_weight(window, load.grams)
    if found == "fits" or window is None:
        if found != "fits":
            return attention("nothing_on_scale")
        _keep(bench, load, window, accepted=True)
        return _pack(bench, load.grams, drawn)
    _keep(bench, load, window, accepted=False)
    params = _difference(window, load.grams, likely_cause(window, units, load.grams), lines)
    bench.put(msgspec.structs.replace(bench.job, halt=Halt("stop", found, params)))
    bench.floor.open_exception("stop", bench.the_parcel().parcel_id, found, params, bench.name)
    return stop(found, params)


def _difference(
    window: WeightWindow,
    grams: int,
    cause: LikelyCause | None,
    lines: list[tuple[ParcelLineRow, Product]],
) -> Params:
    """Return the numbers of a weight stop; `likely` names the goods that explain it, if any."""
    off = grams - window.high_grams if grams > window.high_grams else window.low_grams - grams
    product = next((one for line, one in lines if cause and line.sku == cause.sku), None)
    return {
        "grams": grams,
        "low_grams": window.low_grams,
        "high_grams": window.high_grams,
        "off_grams": off,
        "likely": product.name if product else "",
        "cause_sku": cause.sku if cause else "",
        "cause_units": cause.units if cause else 0,
        "cause_grams": product.unit_weight_grams if product else 0,
    }


def _keep(bench: Bench, load: Load, window: WeightWindow | None, *, accepted: bool) -> None:
    packing.insert_weighing(
        bench.sql,
        Weighing(
            weighing_id=load.weighing_id,
            parcel_id=bench.the_parcel().parcel_id,
            station=bench.name,
            device=load.device,
            grams=load.grams,
            low_grams=window.low_grams if window else 0,
            high_grams=window.high_grams if window else 0,
            accepted=accepted,
            raw=load.raw,
            at_ms=bench.floor.now_ms,
        ),
    )


def _pack(bench: Bench, grams: int, drawn: Drawn | None) -> Verdict:
    """Close the parcel: stock, units' lives, fact, tote, label, all in this transaction."""
    floor, parcel = bench.floor, bench.the_parcel()
    source = account("tote", parcel.tote or "")
    target = account("parcel", parcel.parcel_id)
    serial_numbers: dict[int, list[str]] = {}
    for row in parcels.serials_of(floor.sql, parcel.parcel_id):
        serial_numbers.setdefault(row.line_no, []).append(row.serial)
    packed: list[ShippedLine] = []
    for line, product in bench.lines():
        if line.packed == 0:
            continue
        units = serial_numbers.get(line.line_no, [])
        if not units:
            floor.move(line.sku, line.packed, source, target)
        for serial in units:
            floor.move(line.sku, 1, source, target, serial)
            pack_serial(floor, serial, product.sku, target, parcel.parcel_id)
        packed.append(ShippedLine(line.line_no, line.sku, line.packed, tuple(units)))
    packing.finish(
        floor.sql, parcel.parcel_id, weight_grams=grams, bench=bench.name, at_ms=floor.now_ms
    )
    floor.record(ParcelPacked(parcel_id=parcel.parcel_id, weight_grams=grams, lines=tuple(packed)))
    for code in ("too_heavy", "too_light"):
        floor.solve_exception(parcel.parcel_id, code)
    floor.tell("parcels")
    numbered = waybill.with_number(floor, parcel, drawn.waybill if drawn else "")
    if numbered is None:
        waybill.lay_on_shelf(floor, parcel, parcel.tote or "", bench.name)
    else:
        print_label.order(floor, numbered, station=bench.name, grams=grams, drawn=drawn)
    bench.put(msgspec.structs.replace(bench.job, step="label", halt=None, fresh=""))
    return right(ACCEPTED, {"grams": grams})


def pack_serial(floor: Floor, serial: str, sku: str, target: str, parcel_id: str) -> None:
    """Follow the unit's life; a unit read only on its way out may have come back once before."""
    known = serials.get(floor.sql, serial)
    if known is not None and known.state == "in_stock":
        floor.serial(serial, sku, "pick", target, parcel_id)
    floor.serial(serial, sku, "pack", target, parcel_id)


def weigh_again(bench: Bench) -> Verdict:
    """Other packing material: take the stop away and ask the scale for its load once more."""
    if bench.job.step != "weigh":
        return attention("not_weighing")
    _clear(bench)
    bench.put(msgspec.structs.replace(bench.job, halt=None))
    bench.ask_devices(HardwareRequest(rearm_scale=bench.devices.scale))
    return right("weigh_again")


def reopen(bench: Bench) -> Verdict:
    """Open the carton: every unit has to be scanned out again."""
    if bench.job.step not in {"scan_out", "weigh"}:
        return attention("nothing_to_reopen")
    _clear(bench)
    packing.untick_all(bench.sql, bench.the_parcel().parcel_id)
    bench.put(
        BenchJob(
            step="scan_out",
            parcel_id=bench.job.parcel_id,
            last_parcel_id=bench.job.last_parcel_id,
        )
    )
    return right("scan_all_again")


def _clear(bench: Bench) -> None:
    for code in ("too_heavy", "too_light"):
        bench.floor.solve_exception(bench.the_parcel().parcel_id, code)


def let_pass(bench: Bench, badge: str, reason: str) -> Verdict:
    """A lead answers, by badge and with a reason, for a weight that does not fit."""
    halt = bench.job.halt
    weighing = packing.last_weighing(bench.sql, bench.the_parcel().parcel_id)
    if bench.job.step != "weigh" or halt is None or weighing is None:
        return attention("nothing_to_pass")
    lead = people.get(bench.sql, badge)
    if lead is None or lead.role != "lead":
        return attention("lead_badge_needed")
    if not reason.strip():
        return attention("reason_needed")
    _override(bench, weighing.grams, kind="passed", badge=badge, reason=reason)
    return _pack(bench, weighing.grams, None)


def _override(bench: Bench, grams: int, *, kind: str, badge: str, reason: str) -> None:
    """Keep the accepted weighing together with who answers for it."""
    load = Load(bench.floor.op_id, badge, grams, f"{kind} {grams} g")
    _keep(bench, load, weight_window(unit_weights(bench.lines())), accepted=True)
    packing.insert_override(
        bench.sql, load.weighing_id, kind=kind, badge=badge, reason=reason.strip()[:REASON_MAX]
    )


def weigh_by_hand(
    floor: Floor, bench_name: str, *, grams: int, badge: str, reason: str, drawn: Drawn | None
) -> Verdict:
    """Take a weight that a lead typed because the scale is broken. The window still holds.

    Idempotent by the operation's id. Raises InvalidInput for a weight no parcel has, Forbidden
    when the badge is no lead's, Refused when the bench does not wait for a weight.
    """
    if packing.find_weighing(floor.sql, floor.op_id) is not None:
        return right(ACCEPTED, {"grams": grams})
    bench = open_bench(floor, bench_name)
    if not 1 <= grams <= GRAMS_MAX or not reason.strip():
        raise InvalidInput(
            "weight_by_hand",
            f"Failed to take the weight: expected 1 to {GRAMS_MAX} g and a reason, got {grams} g.",
            hint="Say why the scale is not used.",
        )
    lead = people.get(floor.sql, badge)
    if lead is None or lead.role != "lead":
        raise Forbidden(
            "lead_badge_needed",
            "Failed to take a typed weight: expected the badge of a lead.",
            hint="Call your lead.",
        )
    if bench.job.step != "weigh" or bench.halt() is not None:
        raise Refused(
            "not_weighing",
            f"Failed to weigh at {bench_name}: expected it to wait for a weight, "
            f"it is at step {bench.job.step}.",
            hint="Scan the units out first, or choose a way out of the stop.",
        )
    window = weight_window(unit_weights(bench.lines()))
    if judge_weight(window, grams) != "fits":
        return _judge(bench, Load(floor.op_id, badge, grams, f"manual {grams} g"), None)
    _override(bench, grams, kind="manual", badge=badge, reason=reason)
    return _pack(bench, grams, drawn)
