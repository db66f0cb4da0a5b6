"""Labels a lead prints: for bins, totes, single units, cartons, and the courier's handover list.

A shelf label fades, a carton is built for another warehouse, a courier wants a list to sign. The
lead names what and on which printer. Unlike a waybill nothing leaves the house on these, but the
same rules hold: one order prints once, a second label of a unit or a carton is a numbered copy with
a reason, and a label of unknown fate waits for a person.

Drawing takes milliseconds per label, so labels are drawn before the transaction (`prepare`, on a
reader's thread) and only counted in it. When two people print the same at one moment the second is
drawn again.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from typing import Annotated, Final, Literal

import msgspec

from devices.messages import JobState
from devices.printers import labels as drawing
from devices.printers import layout
from devices.printers.layout import Values
from edge.domain.site import Site
from edge.services import cartons, looks, print_label
from edge.services.bench import HardwareRequest, ask_devices
from edge.services.floor import Floor
from edge.services.local_sale import check_badge
from edge.services.looks import Looks
from edge.store import labels, manifests, operations, print_jobs, products, serials
from shared.domain.errors import Conflict, InvalidInput, NotFound, Refused

LABELS_MAX: Final = 100
"""Labels of one order."""
STATION: Final = "console"
HouseKind = Literal["bin", "tote", "sn", "sscc", "manifest"]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
NUMBERED_COPIES: Final = frozenset({"sn", "sscc"})
"""Two of these with one number are an accident waiting to happen: a copy says so."""


class LabelOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What to print. `codes` names bins, totes, serial numbers, cartons or manifests.

    For kind `sscc`, `new_cartons` gives out that many new numbers, with `content` on their labels.
    `reason` is needed for a second label of a unit or a carton. `op_id` is made by the client: the
    same id again prints nothing again.
    """

    op_id: Text
    badge: Text
    kind: HouseKind
    printer: Text
    codes: Annotated[tuple[Text, ...], msgspec.Meta(max_length=LABELS_MAX)] = ()
    new_cartons: Annotated[int, msgspec.Meta(ge=0, le=LABELS_MAX)] = 0
    content: Annotated[str, msgspec.Meta(max_length=200)] = ""
    reason: Annotated[str, msgspec.Meta(max_length=100)] = ""


class PreparedLabel(msgspec.Struct, frozen=True):
    """One label drawn: copy `copy_no` for a document."""

    document_id: str
    copy_no: int
    zpl: bytes
    template: str
    template_version: int
    new_carton: bool = False


class LabelAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The print jobs ordered, and what each is for."""

    jobs: tuple[str, ...]
    codes: tuple[str, ...]


_answers: Final = msgspec.json.Decoder(LabelAnswer)


def prepare(
    sql: sqlite3.Connection, order: LabelOrder, site: Site, now_ms: int
) -> list[PreparedLabel]:
    """Draw the labels of an order; takes milliseconds each.

    Raises NotFound for a printer, unit, carton or manifest that is not known here, Refused
    `paper_too_small`, `nothing_to_print`, `sscc_not_set`, InvalidInput for a code no label carries.
    """
    how = looks.for_printer(sql, order.kind, order.printer)
    wanted: list[tuple[str, Values, bool]] = []
    for code in dict.fromkeys(order.codes):
        said = _said(sql, order, code, how, site)
        wanted += [(document, values, False) for document, values in said]
    if order.kind == "sscc":
        first = labels.last_carton(sql) + 1
        for serial in range(first, first + order.new_cartons):
            number = cartons.number(site, serial)
            wanted.append((number, _carton(site, number, order.content), True))
    if not 1 <= len(wanted) <= LABELS_MAX:
        raise Refused(
            "nothing_to_print" if not wanted else "too_many_labels",
            f"Failed to print: expected 1 to {LABELS_MAX} labels, got {len(wanted)}.",
            hint="Name what the labels are for, and print in portions.",
        )
    moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(now_ms / 1_000))
    house = {"warehouse_name": site.name or site.warehouse, "printed_for": order.printer}
    return [
        _draw(sql, order.kind, document, values | house | {"printed_at": moment}, how, new=new)
        for document, values, new in wanted
    ]


def _draw(
    sql: sqlite3.Connection, kind: str, document: str, values: Values, how: Looks, *, new: bool
) -> PreparedLabel:
    copy_no = _next_copy(sql, kind, document)
    mark = drawing.copy_mark(copy_no) if kind in NUMBERED_COPIES else ""
    job = drawing.draw(how.template, values | {"copy_mark": mark}, how.dots_per_mm)
    return PreparedLabel(document, copy_no, job, how.template.name, how.version, new)


def _next_copy(sql: sqlite3.Connection, kind: str, document: str) -> int:
    newest = print_jobs.newest_of(sql, document, kind)
    return newest.copy_no + 1 if newest else 1


def _said(
    sql: sqlite3.Connection, order: LabelOrder, code: str, how: Looks, site: Site
) -> list[tuple[str, Values]]:
    """Return the labels for one code: a document id and what each says."""
    match order.kind:
        case "bin" | "tote":
            return [(code, {order.kind: code})]
        case "sn":
            return [(code, _unit(sql, code))]
        case "sscc":
            content = labels.carton_content(sql, code)
            if content is None:
                raise _unknown("carton", code)
            return [(code, _carton(site, code, content or order.content))]
        case "manifest":
            return _pages(sql, code, how)


def _unit(sql: sqlite3.Connection, serial: str) -> Values:
    known = serials.get(sql, serial)
    if known is None:
        raise _unknown("unit", serial)
    product = products.by_sku(sql, known.sku)
    return {
        "serial": serial,
        "sku": known.sku,
        "name": product.name if product else "",
        "gtin": product.gtin if product else "",
    }


def _carton(site: Site, number: str, content: str) -> Values:
    return {"sscc": number, "sscc_spaced": cartons.spaced(site, number), "content": content}


def _pages(sql: sqlite3.Connection, name: str, how: Looks) -> list[tuple[str, Values]]:
    """Return one label per page of a courier's handover list."""
    manifest = manifests.get(sql, name)
    if manifest is None:
        raise _unknown("manifest", name)
    waybills = manifests.waybills_on(sql, name)
    rows = layout.rows_on(how.template, "waybills") or len(waybills) or 1
    pages = max(-(-len(waybills) // rows), 1)
    opened = time.strftime("%Y-%m-%d %H:%M", time.localtime(manifest.opened_ms / 1_000))
    return [
        (
            f"{name}/{page + 1}",
            {
                "manifest": name,
                "courier_name": print_label.courier_name(manifest.courier),
                "parcels": str(len(waybills)),
                "page": f"{page + 1} / {pages}",
                "opened_at": opened,
                "waybills": "\n".join(waybills[page * rows : (page + 1) * rows]),
            },
        )
        for page in range(pages)
    ]


def _unknown(what: str, code: str) -> NotFound:
    return NotFound(
        f"{what}_unknown",
        f"Failed to print a label for {what} {code}: there is none with this number here.",
        hint="Scan it again.",
    )


def order_labels(
    floor: Floor, order: LabelOrder, prepared: list[PreparedLabel]
) -> tuple[LabelAnswer, bool]:
    """Queue all labels or none; return the answer, and False when it is the first one again.

    Raises Forbidden for a badge that is not a lead's, InvalidInput `reason_needed`, Conflict
    `op_id_reused`, and `labels_changed` when `prepared` is out of date: prepare again.
    """
    digest = hashlib.sha256(msgspec.json.encode(order)).hexdigest()
    first = operations.find(floor.sql, order.op_id)
    if first is not None:
        if (first.raw, first.station) != (digest, STATION):
            raise Conflict(
                "op_id_reused",
                f"Failed to print: the id {first.op_id} was used before for something else.",
                hint="Give every order an id of its own.",
            )
        return _answers.decode(first.answer), False
    check_badge(floor, order.badge, "print")
    jobs = tuple(_queue(floor, order, label) for label in prepared)
    answer = LabelAnswer(jobs=jobs, codes=tuple(label.document_id for label in prepared))
    operations.insert(
        floor.sql,
        operations.over_http(
            order.op_id, STATION, digest, "printed", msgspec.json.encode(answer), floor.now_ms
        ),
    )
    floor.tell("print")
    return answer, True


def _queue(floor: Floor, order: LabelOrder, label: PreparedLabel) -> str:
    if _next_copy(floor.sql, order.kind, label.document_id) != label.copy_no:
        raise Conflict(
            "labels_changed",
            f"Failed to print {label.document_id}: somebody printed it at the same moment.",
            hint="Print again.",
        )
    if order.kind in NUMBERED_COPIES and label.copy_no > 1 and not order.reason.strip():
        raise InvalidInput(
            "reason_needed",
            f"Failed to print {label.document_id} again: expected a reason for copy "
            f"{label.copy_no}.",
            hint="Say what became of the first label.",
        )
    if label.new_carton:
        cartons.give_out(floor, label.document_id, order.content)
    job_id = floor.new_id()
    print_jobs.insert(
        floor.sql,
        job_id=job_id,
        kind=order.kind,
        document_id=label.document_id,
        copy_no=label.copy_no,
        waybill="",
        printer=order.printer,
        station=STATION,
        zpl=label.zpl,
        reason=order.reason.strip(),
        actor=order.badge,
        at_ms=floor.now_ms,
        template=label.template,
        template_version=label.template_version,
    )
    ask_devices(floor, HardwareRequest(print_job=job_id))
    return job_id


class LabelDecision(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody looked where a label of unknown fate is."""

    op_id: Text
    badge: Text
    printed: bool


def decide(floor: Floor, job_id: str, decision: LabelDecision) -> JobState:
    """Settle a label of unknown fate; return its state.

    A waybill's label is settled at its bench, where the box stands. Raises NotFound, Forbidden for
    a badge that is not a lead's, Refused `label_not_open`.
    """
    job = print_jobs.get(floor.sql, job_id)
    if job is None:
        raise _unknown("print job", job_id)
    check_badge(floor, decision.badge, "settle a label")
    wanted: JobState = "confirmed" if decision.printed else "cancelled"
    if job.state == wanted:
        return wanted
    if job.kind == print_jobs.WAYBILL or job.state != "unknown":
        raise Refused(
            "label_not_open",
            f"Failed to settle the label of {job.document_id}: expected one of unknown fate that "
            f"is no waybill, it is {job.state}.",
            hint="Settle a waybill at its bench; otherwise look again at the list.",
        )
    print_label.settle(floor, job, printed=decision.printed)
    return wanted
