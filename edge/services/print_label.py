"""Waybill labels: ordered with the packing, proven by printer or person, copied for a reason.

The job and its bytes are stored in the same transaction that says the parcel is packed; only after
that commit the devices process hears of it. What it reports is mirrored here. A label whose fate
nobody knows stays UNKNOWN until somebody looks; a copy carries its number, says "printed again",
and has a reason and a name in the books.

Drawing Chinese text takes milliseconds, and the writer thread serves the whole floor. So a label is
drawn before (`draw`, on any thread), with the weight left free, and only filled in when the parcel
is weighed.
"""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from devices.messages import JobState
from devices.printers import labels
from devices.printers.trouble import PAPER_OUT
from edge.domain.printing import (
    NOTHING_PRINTED,
    OPEN,
    may_reprint,
    mirrored,
)
from edge.domain.site import Site
from edge.domain.verdict import Params
from edge.services import looks, waybill
from edge.services.bench import HardwareRequest, ask_devices
from edge.services.floor import Floor
from edge.services.looks import Looks
from edge.store import labels as label_store
from edge.store import numbers, parcels, print_jobs, products
from edge.store.parcels import ParcelRow
from edge.store.print_jobs import PrintJob
from shared.domain.catalogue import Recipient, masked_name, masked_phone
from shared.domain.facts import LabelPrinted

GOODS_LINES_MAX: Final = 8
"""Lines of goods on a label; the rest is told by their number."""
REFERENCE_CHARACTERS: Final = 8
OTHER_PRINTER: Final = "other_printer"
"""Why there is a copy of a label that its first printer gave up."""
COURIER_NAMES: Final[dict[str, str]] = {
    "SF": "顺丰速运", "ZTO": "中通快递", "YTO": "圆通速递", "STO": "申通快递", "YUNDA": "韵达速递",
    "JD": "京东快递", "EMS": "中国邮政 EMS", "JT": "极兔速递", "DB": "德邦快递",
}  # fmt: skip

_recipient = msgspec.json.Decoder(Recipient)


def courier_name(courier: str) -> str:
    """Return the courier's name as it stands on its labels, its code when it has no other."""
    return COURIER_NAMES.get(courier, courier)


def recipient_of(parcel: ParcelRow) -> Recipient:
    """Return to whom a parcel goes. Personal: mask before showing, never log."""
    return _recipient.decode(parcel.recipient)


def describe(
    sql: sqlite3.Connection, parcel: ParcelRow, *, site: Site, station: str, copy_no: int
) -> labels.WaybillLabel:
    """Return what the label of `parcel` says, its weight still free."""
    person = recipient_of(parcel)
    goods = []
    for line in parcels.lines(sql, parcel.parcel_id):
        product = products.by_sku(sql, line.sku)
        goods.append(f"{product.name if product else line.sku} x{line.picked}")
    if len(goods) > GOODS_LINES_MAX:
        goods[GOODS_LINES_MAX:] = [f"等 {len(goods)} 种"]
    return labels.WaybillLabel(
        waybill=parcel.waybill,
        courier=parcel.courier,
        courier_name=courier_name(parcel.courier),
        sort_code=parcel.sort_code,
        package_center="",
        recipient_name_masked=masked_name(person.name),
        recipient_phone_masked=masked_phone(person.phone),
        province_city=f"{person.province}{person.city}{person.district}",
        address=person.street,
        sender=site.name or site.warehouse,
        order_ref=f"{parcel.shop} {parcel.order_no}",
        goods_summary="，".join(goods),
        weight_grams=None,
        copy_no=copy_no,
        parcel_ref=parcel.parcel_id[-REFERENCE_CHARACTERS:],
        printed_for=station,
    )


class Drawn(msgspec.Struct, frozen=True):
    """A label ready for its weight: copy `copy_no` of the parcel's label, with this number.

    `lost` are the characters that the label font lacks.
    """

    parcel_id: str
    copy_no: int
    waybill: str
    printer: str
    template: str
    template_version: int
    zpl: bytes
    lost: str


def draw(sql: sqlite3.Connection, parcel_id: str, *, site: Site, station: str) -> Drawn | None:
    """Return the next copy of a parcel's label, weight free; None for no parcel or no number.

    A parcel without a number is drawn with the next free one of its courier's lease, which it most
    likely gets. Takes milliseconds: call it on a reader's thread, before the transaction that
    orders the label.
    """
    parcel = parcels.get(sql, parcel_id)
    if parcel is None:
        return None
    number = parcel.waybill or numbers.next_free(sql, parcel.courier)
    if number is None:
        return None
    copy_no = _next_copy(sql, parcel_id)
    numbered = msgspec.structs.replace(parcel, waybill=number)
    return _drawn(sql, numbered, site=site, station=station, copy_no=copy_no)


def _drawn(
    sql: sqlite3.Connection, parcel: ParcelRow, *, site: Site, station: str, copy_no: int
) -> Drawn:
    printer = printer_of(sql, site, station)
    label = describe(sql, parcel, site=site, station=station, copy_no=copy_no)
    how: Looks = looks.for_waybill(sql, printer)
    return Drawn(
        parcel_id=parcel.parcel_id,
        copy_no=copy_no,
        waybill=label.waybill,
        printer=printer,
        template=how.template.name,
        template_version=how.version,
        zpl=labels.waybill(label, how.template, how.dots_per_mm),
        lost=labels.missing_characters(labels.words(label)),
    )


def printer_of(sql: sqlite3.Connection, site: Site, station: str) -> str:
    """Return the printer a station prints on now: the one somebody chose, else its own."""
    chosen = label_store.choice(sql, station)
    return chosen.printer if chosen else site.bench(station).printer


def _next_copy(sql: sqlite3.Connection, parcel_id: str) -> int:
    newest = print_jobs.newest_of(sql, parcel_id)
    return newest.copy_no + 1 if newest else 1


def order(
    floor: Floor,
    parcel: ParcelRow,
    *,
    station: str,
    grams: int,
    reason: str = "",
    drawn: Drawn | None = None,
) -> None:
    """Queue the next copy of a label for a parcel that has its number; print it after the commit.

    `drawn` is the label drawn before the transaction; without it (a lead lets a weight pass, a
    copy is asked for: both rare) it is drawn here.
    """
    copy_no = _next_copy(floor.sql, parcel.parcel_id)
    printer = printer_of(floor.sql, floor.site, station)
    wanted = (parcel.parcel_id, copy_no, parcel.waybill, printer)
    if drawn is None or (drawn.parcel_id, drawn.copy_no, drawn.waybill, drawn.printer) != wanted:
        drawn = _drawn(floor.sql, parcel, site=floor.site, station=station, copy_no=copy_no)
    job_id = floor.new_id()
    print_jobs.insert(
        floor.sql,
        job_id=job_id,
        document_id=parcel.parcel_id,
        copy_no=copy_no,
        waybill=parcel.waybill,
        printer=printer,
        station=station,
        zpl=labels.with_weight(drawn.zpl, grams),
        reason=reason,
        actor=floor.actor,
        at_ms=floor.now_ms,
        template=drawn.template,
        template_version=drawn.template_version,
    )
    if drawn.lost:
        codes = " ".join(f"U+{ord(character):04X}" for character in drawn.lost)
        lost: Params = {
            "n": len(drawn.lost),
            "codes": codes,
            "waybill": parcel.waybill,
        }
        floor.open_exception("attention", parcel.parcel_id, "label_characters", lost, station)
    ask_devices(floor, HardwareRequest(print_job=job_id))


def reported(
    floor: Floor, job_id: str, state: JobState, *, trouble: str, unsent: bool = False
) -> JobState:
    """Mirror what the devices process says about a job; return the state it has here now.

    A report that comes late changes nothing. The first proof records the fact. When a person has
    decided here and the devices process still does not know, it is told again. `unsent`: no
    printer ever heard of the job.
    """
    job = print_jobs.get(floor.sql, job_id)
    if job is None:
        return state
    after = mirrored(job.state, state)
    if state == "unknown" and job.state != "unknown" and after == job.state:
        ask_devices(floor, HardwareRequest(decide_job=job_id, printed=job.state == "confirmed"))
        return after
    stale = after == job.state and state != job.state
    if not stale and (after, trouble) != (job.state, job.trouble):
        _change(floor, job, after, trouble=trouble)
        _queue_for_a_person(floor, job, after, trouble)
    if job.move_to and not stale:
        _go_on_moving(floor, job, after)
    elif unsent and state == "cancelled":
        _free_number(floor, job)
    return after


def _go_on_moving(floor: Floor, job: PrintJob, state: JobState) -> None:
    """A waiting label shall go to another printer: it does once the first has given it up."""
    if state == "queued":
        ask_devices(floor, HardwareRequest(decide_job=job.job_id, printed=False))
        return
    print_jobs.set_move(floor.sql, job.job_id, "")
    parcel = parcels.get(floor.sql, job.document_id)
    if state == "cancelled" and job.state != "cancelled" and parcel is not None:
        grams = parcel.weight_grams or 0
        order(floor, parcel, station=job.station, grams=grams, reason=OTHER_PRINTER)


def _free_number(floor: Floor, job: PrintJob) -> None:
    """The number of a label that no printer heard of can be used again, if it was the only one."""
    parcel = parcels.get(floor.sql, job.document_id)
    carriers = [
        one
        for one in print_jobs.copies_of(floor.sql, job.document_id)
        if parcel is not None and one.waybill == parcel.waybill
    ]
    if parcel is not None and [one.job_id for one in carriers] == [job.job_id]:
        waybill.free_unsent(floor, parcel)


def prove(floor: Floor, job: PrintJob) -> None:
    """A person holds the label: the printer's silence does not matter any more."""
    if job.state == "confirmed":
        return
    _change(floor, job, "confirmed", trouble="")
    _queue_for_a_person(floor, job, "confirmed", "")
    ask_devices(floor, HardwareRequest(decide_job=job.job_id, printed=True))


def settle(floor: Floor, job: PrintJob, *, printed: bool) -> None:
    """A person looked where a label of unknown fate is: it came out, or it certainly did not."""
    _change(floor, job, "confirmed" if printed else "cancelled", trouble="")
    _queue_for_a_person(floor, job, "confirmed", "")
    ask_devices(floor, HardwareRequest(decide_job=job.job_id, printed=printed))


def reprint(floor: Floor, parcel: ParcelRow, job: PrintJob, *, station: str, reason: str) -> bool:
    """Order the next copy of a label that is `missing` or `spoiled`; False when it may not be.

    An unknown job is decided first, by what the reason says: a spoiled label was printed, a
    missing one was not.
    """
    if not may_reprint(job.state, reason):
        return False
    if job.state == "unknown":
        settle(floor, job, printed=reason == "spoiled")
    order(floor, parcel, station=station, grams=parcel.weight_grams or 0, reason=reason)
    return True


def renumber(floor: Floor, parcel: ParcelRow, *, station: str, courier: str, reason: str) -> bool:
    """Make a parcel's label void and print one with another number; False when it may not be.

    `courier` may be another one, from whose lease the number is taken. What is under way in a
    printer has to be decided first; a label of unknown fate is void either way.
    """
    newest = print_jobs.newest_of(floor.sql, parcel.parcel_id)
    if newest is not None and newest.state in OPEN:
        return False
    after = waybill.give_another(floor, parcel, courier)
    if after is None:
        return False
    if newest is not None and newest.state == "unknown":
        settle(floor, newest, printed=False)
    order(floor, after, station=station, grams=parcel.weight_grams or 0, reason=reason)
    return True


def withdraw(floor: Floor, parcel_id: str) -> None:
    """The parcel will not leave: a label that is only queued must not come out any more."""
    for job in print_jobs.copies_of(floor.sql, parcel_id):
        print_jobs.set_move(floor.sql, job.job_id, "")
        if job.state == "queued":
            _change(floor, job, "cancelled", trouble="")
            ask_devices(floor, HardwareRequest(decide_job=job.job_id, printed=False))
        _queue_for_a_person(floor, job, "confirmed", "")


def _change(floor: Floor, job: PrintJob, state: JobState, *, trouble: str) -> None:
    print_jobs.set_state(floor.sql, job.job_id, state=state, trouble=trouble, at_ms=floor.now_ms)
    if state == "confirmed" and job.state != "confirmed" and job.kind == print_jobs.WAYBILL:
        floor.record(
            LabelPrinted(
                parcel_id=job.document_id,
                waybill=job.waybill,
                copy_no=job.copy_no,
                reason=job.reason,
            )
        )
    floor.tell("station", {"station": job.station})
    floor.tell("print")


def _queue_for_a_person(floor: Floor, job: PrintJob, state: JobState, trouble: str) -> None:
    """Open or solve what the lead sees about this parcel's label."""
    params: Params = {"printer": job.printer, "copy_no": job.copy_no}
    code = "print_unknown" if job.kind == print_jobs.WAYBILL else "label_unknown"
    if state == "unknown":
        floor.open_exception("unknown", job.document_id, code, params, job.station)
    else:
        floor.solve_exception(job.document_id, code)
    if state not in NOTHING_PRINTED and trouble == PAPER_OUT:
        floor.open_exception("attention", job.printer, "printer_paper_out", params, job.station)
    else:
        floor.solve_exception(job.printer, "printer_paper_out")
