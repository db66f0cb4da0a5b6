"""Which template a label is drawn with: the lead's, for the paper and the head of its printer.

A lead changes how labels look while people print. So every change is a new version, a label
remembers the version it was printed with, and a lead who began at an older version is told that
somebody else was quicker instead of undoing their work.
"""

from __future__ import annotations

import sqlite3
from functools import lru_cache
from typing import Annotated, Final

import msgspec

from devices.printers import labels as drawing
from devices.printers import layout, template
from devices.printers.driver import size_mm
from devices.printers.elements import DotsPerMm
from devices.printers.fields import LabelKind
from devices.printers.template import NAMES, Template
from edge.services.floor import Floor
from edge.services.local_sale import check_badge
from edge.store import labels
from edge.store.labels import PrinterRow, TemplateRow
from shared.domain.errors import Conflict, InvalidInput, NotFound, Refused

PARSED_MAX: Final = 32


class Looks(msgspec.Struct, frozen=True):
    """How one label is drawn. `version` 0 is the template the program brings."""

    template: Template
    version: int
    dots_per_mm: DotsPerMm = 8


class TemplateChange(msgspec.Struct, frozen=True, kw_only=True):
    """A lead's new template. `began_at` is the version they changed; no `body` is the program's."""

    op_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    badge: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    began_at: Annotated[int, msgspec.Meta(ge=0)]
    body: Annotated[str, msgspec.Meta(max_length=template.BODY_BYTES_MAX)] = ""


def known_name(name: str) -> str:
    """Return `name`; raises NotFound when no template is called so."""
    if name not in NAMES:
        raise NotFound(
            "template_unknown",
            f"Failed to find the label {name}: expected one of {', '.join(NAMES)}.",
        )
    return name


def current(sql: sqlite3.Connection, name: str) -> Looks:
    """Return the template in use under `name`."""
    row = labels.template(sql, name)
    if row is None or not row.body:
        return Looks(drawing.default(name), row.version if row else 0)
    parsed = _parsed(row.body)
    return Looks(parsed, row.version) if parsed else Looks(drawing.default(name), 0)


@lru_cache(maxsize=PARSED_MAX)
def _parsed(body: str) -> Template | None:
    """Return a stored template; None for one that a newer program finds useless."""
    try:
        return template.parse(body)
    except InvalidInput:
        return None


def for_printer(sql: sqlite3.Connection, kind: LabelKind, printer: str) -> Looks:
    """Return how a label of `kind` looks on `printer`.

    Of several sizes the one of its paper, else the largest that fits. Raises NotFound for a printer
    nobody told of, Refused `paper_too_small`.
    """
    row = labels.printer(sql, printer)
    if row is None:
        raise NotFound(
            "printer_unknown",
            f"Failed to print on {printer}: the devices process knows no such printer.",
            hint="Choose a printer of the list.",
        )
    name = _fitting(kind, row)
    if name is None:
        sizes = ", ".join(one.partition("-")[2] for one in _names(kind))
        raise Refused(
            "paper_too_small",
            f"Failed to print a {kind} label on {printer}: it needs paper of {sizes} mm, "
            f"{printer} has {row.media}.",
            hint="Choose a printer with larger paper.",
        )
    return _on_head(current(sql, name), row)


def for_waybill(sql: sqlite3.Connection, printer: str) -> Looks:
    """Return how a waybill label looks on a bench's printer.

    Packing never stops here: a printer that was never heard of gets the smallest waybill, and one
    whose paper is too small says so itself.
    """
    row = labels.printer(sql, printer) or PrinterRow(printer, "76x130", 8)
    return _on_head(current(sql, _fitting("waybill", row) or _names("waybill")[0]), row)


def can_print(kind: LabelKind, row: PrinterRow) -> bool:
    """Say whether some template of `kind` fits the paper of a printer."""
    return _fitting(kind, row) is not None


def _on_head(looks: Looks, row: PrinterRow) -> Looks:
    return msgspec.structs.replace(looks, dots_per_mm=12 if row.dots_per_mm == 12 else 8)


def _names(kind: str) -> list[str]:
    """Return the templates of a kind, smallest first."""
    names = [name for name in NAMES if name.partition("-")[0] == kind]
    return sorted(names, key=lambda name: size_mm(name.partition("-")[2]))


def _fitting(kind: str, row: PrinterRow) -> str | None:
    if f"{kind}-{row.media}" in NAMES:
        return f"{kind}-{row.media}"
    width, height = size_mm(row.media)
    fitting = [
        name
        for name in _names(kind)
        for across, down in (size_mm(name.partition("-")[2]),)
        if across <= width and down <= height
    ]
    return fitting[-1] if fitting else None


def save_template(floor: Floor, name: str, change: TemplateChange) -> int:
    """Put a template into use and return its version; the same `op_id` again changes nothing.

    Raises InvalidInput `template_invalid` with every mistake, Forbidden for a badge that is not a
    lead's, Conflict `template_changed` when somebody saved another version meanwhile.
    """
    first = labels.template_of(floor.sql, change.op_id)
    if first is not None and (first.name, first.body) == (name, change.body):
        return first.version
    check_badge(floor, change.badge, "change a label")
    newest = labels.template(floor.sql, known_name(name))
    version = newest.version if newest else 0
    if first is not None or version != change.began_at:
        raise Conflict(
            "template_changed",
            f"Failed to save {name}: version {version} is in use, you began at {change.began_at}.",
            hint="Look at the newest version and make your change there.",
        )
    row = TemplateRow(name, version + 1, change.body, change.badge, floor.now_ms)
    labels.save_template(floor.sql, row, change.op_id)
    floor.tell("labels")
    return row.version


def check_template(name: str, body: str) -> Template:
    """Return the template in `body` after trying it; call it before the transaction that saves.

    Raises InvalidInput `template_invalid`.
    """
    looks = layout.tried(body) if body else drawing.default(known_name(name))
    if looks.name != known_name(name):
        raise template.invalid([f"It is a {looks.name}, expected {name}: its size is its paper's."])
    return looks
