"""A packer, a bench, one parcel at a time: tote, units, weight, label, next tote.

What is scanned at a bench is judged here. Each scan is one transaction, and everything the bench
needs to go on is in the database after it: pull the plug between any two scans, and the packer goes
on at the same unit. While a stop is up, only the scan or the card that ends it is taken; any other
repeats the stop and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from devices.printers.trouble import code_of
from edge.domain.barcode import Scan, interpret
from edge.domain.packing import BenchJob, Halt
from edge.domain.printing import SEEN_BY_PRINTER
from edge.domain.verdict import Verdict, attention, right, stop, then
from edge.services import other_printer, print_label, refund, waybill, weigh
from edge.services.bench import Bench, open_bench
from edge.services.floor import Floor
from edge.services.scan_out import scan_unit
from edge.store import packing, parcels, print_jobs
from edge.store.parcels import ParcelRow
from edge.store.stations import StationRow


def on_scan(floor: Floor, station: StationRow, raw: str) -> Verdict:
    """Judge one scan at a bench and say what comes next."""
    scan = interpret(raw)
    bench = Bench(floor, station)
    if station.badge is None:
        verdict = attention("badge_first")
    elif scan.kind == "command":
        verdict = _on_command(bench, scan)
    else:
        verdict = _on_step(bench, scan)
    return then(verdict, *open_bench(floor, bench.name).what_next())


def _on_step(bench: Bench, scan: Scan) -> Verdict:
    halt = bench.halt()
    if halt is not None and halt.code == "refund":
        return refund.scan_rack(bench, scan)
    if bench.job.step == "label":
        return _scan_label(bench, scan)
    if halt is not None:
        return _again(halt)
    if bench.job.step == "tote":
        return _scan_tote(bench, scan)
    if bench.job.step == "scan_out":
        return scan_unit(bench, scan)
    return attention("weigh_first")


def _again(halt: Halt) -> Verdict:
    """Repeat what holds the bench up."""
    answer = stop if halt.kind == "stop" else attention
    return answer(halt.code, halt.params)


# Step 1: the tote


def _scan_tote(bench: Bench, scan: Scan) -> Verdict:
    parcel = parcels.by_tote(bench.sql, scan.text)
    if parcel is not None:
        return _open_tote(bench, parcel, scan.text)
    parcel = parcels.by_waybill(bench.sql, scan.exact)
    if parcel is not None:
        return _open_box(bench, parcel)
    if scan.kind == "tote":
        return attention("tote_empty", {"tote": scan.text})
    return attention("tote_first", {"text": scan.exact})


def _open_tote(bench: Bench, parcel: ParcelRow, tote: str) -> Verdict:
    if parcel.state == "packed":
        return _label_from_shelf(bench, parcel, tote)
    if parcel.state == "picking":
        return attention("tote_not_picked", {"tote": tote})
    mine = parcel.state == "packing" and parcel.bench == bench.name
    if not mine and not packing.claim(bench.sql, parcel.parcel_id, bench.name, bench.floor.now_ms):
        return attention("tote_taken", {"tote": tote, "bench": parcel.bench or ""})
    if mine:
        packing.untick_all(bench.sql, parcel.parcel_id)
    bench.put(_at(bench, "scan_out", parcel))
    bench.floor.tell("parcels")
    if parcel.cancel_command_id is not None:
        return _refund_opened(parcel)
    return right("tote_opened", {"tote": tote, "order_no": parcel.order_no})


def _label_from_shelf(bench: Bench, parcel: ParcelRow, tote: str) -> Verdict:
    """A closed box stood on the waiting shelf: print its label, if its number has come."""
    if parcel.cancel_command_id is not None:
        _take_over(bench, parcel)
        return _refund_opened(parcel)
    numbered = waybill.with_number(bench.floor, parcel)
    if numbered is None:
        return attention("waybill_not_there", {"tote": tote, "courier": parcel.courier})
    _take_over(bench, numbered)
    print_label.order(bench.floor, numbered, station=bench.name, grams=parcel.weight_grams or 0)
    waybill.off_shelf(bench.floor, numbered)
    bench.floor.tell("parcels")
    return right("label_ordered", {"tote": tote, "waybill": numbered.waybill})


def _at(bench: Bench, step: str, parcel: ParcelRow) -> BenchJob:
    job = BenchJob(parcel_id=parcel.parcel_id, last_parcel_id=bench.job.last_parcel_id)
    return msgspec.structs.replace(job, step=step)


def _refund_opened(parcel: ParcelRow) -> Verdict:
    """The scan counts, and what it shows is a stop."""
    return Verdict(True, "refund", "stop", {"order_no": parcel.order_no})


def _open_box(bench: Bench, parcel: ParcelRow) -> Verdict:
    """A closed box comes back to a bench: a refund, or a label that nothing has proven yet.

    Or, after the disk went back in time, a box whose packing these books forgot: it is packed anew.
    """
    if parcel.state == "picked":
        return _open_tote(bench, parcel, parcel.tote or "")
    if parcel.state != "packed":
        code = "already_shipped" if parcel.state == "shipped" else "not_packed"
        at_ms = parcel.shipped_ms or parcel.changed_ms
        return attention(code, {"waybill": parcel.waybill, "at_ms": at_ms})
    label = print_jobs.newest_of(bench.sql, parcel.parcel_id)
    if parcel.cancel_command_id is not None:
        _take_over(bench, parcel)
        return _refund_opened(parcel)
    if label is None or label.state == "confirmed":
        return attention("parcel_packed", {"waybill": parcel.waybill})
    _take_over(bench, parcel)
    if label.state in SEEN_BY_PRINTER:
        print_label.prove(bench.floor, label)
    return right("label_reopened", {"waybill": parcel.waybill})


def _take_over(bench: Bench, parcel: ParcelRow) -> None:
    parcels.set_state(bench.sql, parcel, parcel.state, bench.floor.now_ms, bench=bench.name)
    bench.put(_at(bench, "label", parcel))


# Step 4: the label (steps 2 and 3 are `scan_out` and `weigh`)


def _scan_label(bench: Bench, scan: Scan) -> Verdict:
    """The waybill on the box proves the label; any other code is the wrong one for this box."""
    parcel = bench.the_parcel()
    if bench.label is None:
        return _without_label(bench, parcel, scan)
    if parcel.waybill not in {scan.exact, scan.text}:
        if parcels.by_waybill(bench.sql, scan.exact) is not None:
            return stop("wrong_label", {"waybill": parcel.waybill, "got": scan.exact})
        halt = bench.halt()
        return _again(halt) if halt else attention("label_first", {"waybill": parcel.waybill})
    label = bench.label
    if label is None or label.state not in SEEN_BY_PRINTER | {"confirmed"}:
        return attention("label_not_printed", {"waybill": parcel.waybill})
    print_label.prove(bench.floor, label)
    bench.finish()
    return right("parcel_done", {"waybill": parcel.waybill})


def _without_label(bench: Bench, parcel: ParcelRow, scan: Scan) -> Verdict:
    """A closed box waits for its number.

    Its own tote asks for the label, that of another parcel goes on with work, and any other place
    is where it stands now, which frees its tote and with it the cart.
    """
    other = parcels.by_tote(bench.sql, scan.text)
    if other is not None and other.parcel_id != parcel.parcel_id:
        bench.finish()
        return _open_tote(bench, other, scan.text)
    if other is not None:
        return _label_from_shelf(bench, other, scan.text)
    if scan.kind in {"bin", "tote"}:
        waybill.lay_on_shelf(bench.floor, parcel, scan.text, bench.name)
        bench.finish()
        return right("on_shelf", {"tote": scan.text})
    halt = bench.halt()
    return _again(halt) if halt else attention("tote_first", {"text": scan.exact})


def _go_on(bench: Bench, _: Scan) -> Verdict:
    """The box without a number stands on the waiting shelf; the bench is free."""
    halt = bench.halt()
    if halt is None or halt.code not in {waybill.PENDING, waybill.READY}:
        return attention("nothing_to_set_aside")
    bench.finish()
    return right("on_shelf", halt.params)


def _label_now(bench: Bench, _: Scan) -> Verdict:
    """The number of the box at this bench has come: print its label."""
    halt = bench.halt()
    if halt is None or halt.code not in {waybill.PENDING, waybill.READY}:
        return attention("nothing_to_reprint")
    parcel = bench.the_parcel()
    return _label_from_shelf(bench, parcel, parcel.tote or "")


# Cards and buttons


def _on_command(bench: Bench, scan: Scan) -> Verdict:
    command = _COMMANDS.get(scan.word)
    if command is None:
        return attention("command_unknown", {"text": scan.text})
    halt = bench.halt()
    if halt is not None and halt.code == "refund" and scan.word not in {"ASIDE", "ACK"}:
        return _again(halt)
    return command(bench, scan)


def _acknowledge(bench: Bench, _: Scan) -> Verdict:
    halt = bench.halt()
    return right("acknowledged") if halt is None else _again(halt)


def _set_aside(bench: Bench, _: Scan) -> Verdict:
    """Give the parcel back to any bench; its units will be scanned out again."""
    if bench.job.step not in {"scan_out", "weigh"}:
        return attention("nothing_to_set_aside")
    parcel = bench.the_parcel()
    packing.untick_all(bench.sql, parcel.parcel_id)
    packing.set_aside(bench.sql, parcel.parcel_id, bench.floor.now_ms)
    bench.put(BenchJob(last_parcel_id=bench.job.last_parcel_id))
    bench.floor.tell("parcels")
    return right("set_aside", {"tote": parcel.tote or ""})


def _reprint(bench: Bench, scan: Scan) -> Verdict:
    """Print the next copy for this parcel, or for the one finished just before."""
    parcel = bench.parcel
    if bench.job.step == "tote" and bench.job.last_parcel_id:
        parcel = parcels.get(bench.sql, bench.job.last_parcel_id)
    if parcel is None or parcel.state != "packed" or parcel.cancel_command_id is not None:
        return attention("nothing_to_reprint")
    label = print_jobs.newest_of(bench.sql, parcel.parcel_id)
    reason = scan.arguments[0].lower() if scan.arguments else ""
    if label is None or not print_label.reprint(
        bench.floor, parcel, label, station=bench.name, reason=reason
    ):
        state = label.state if label else ""
        return attention("reprint_not_now", {"state": state, "reason": reason})
    if bench.job.step == "tote":
        _take_over(bench, parcel)
    return right("copy_ordered", {"copy_no": label.copy_no + 1, "waybill": parcel.waybill})


def _renumber(bench: Bench, scan: Scan) -> Verdict:
    """The label is void: print another with another number, for a courier named or the same."""
    parcel = bench.parcel
    if bench.job.step == "tote" and bench.job.last_parcel_id:
        parcel = parcels.get(bench.sql, bench.job.last_parcel_id)
    if parcel is None or parcel.state != "packed" or parcel.cancel_command_id is not None:
        return attention("nothing_to_reprint")
    courier = scan.arguments[0] if scan.arguments else parcel.courier
    if not print_label.renumber(
        bench.floor, parcel, station=bench.name, courier=courier, reason="void"
    ):
        return attention("renumber_not_now", {"courier": courier, "waybill": parcel.waybill})
    bench.floor.tell("parcels")
    if bench.job.step == "tote":
        now = parcels.get(bench.sql, parcel.parcel_id)
        _take_over(bench, now or parcel)
    return right("renumbered", {"old": parcel.waybill, "courier": courier})


def _choose_printer(bench: Bench, scan: Scan) -> Verdict:
    """Print on the printer named from now on; the bench's own one ends that."""
    printer = scan.arguments[0].lower() if scan.arguments else ""
    trouble = bench.label.trouble if bench.label else ""
    return other_printer.choose(bench.floor, bench.name, printer, reason=code_of(trouble))


def _let_pass(bench: Bench, scan: Scan) -> Verdict:
    badge, *reason = scan.arguments or ("",)
    return weigh.let_pass(bench, badge, ":".join(reason))


_COMMANDS: Final[dict[str, Callable[[Bench, Scan], Verdict]]] = {
    "ACK": _acknowledge,
    "ASIDE": _set_aside,
    "REOPEN": lambda bench, _: weigh.reopen(bench),
    "PACKING": lambda bench, _: weigh.weigh_again(bench),
    "PASS": _let_pass,
    "REPRINT": _reprint,
    "RENUMBER": _renumber,
    "PRINTER": _choose_printer,
    "SHELF": _go_on,
    "LABEL": _label_now,
}
