"""What a picker may do next, and what a scan at a shelf means.

A picker follows a list of *stops*: one bin, one SKU, so many units for so many totes. At each stop
the bin is scanned, then the units. Any good unit of the SKU will do: the reservation follows the
unit that was taken. This module judges a serial-numbered unit at a stop without touching the books.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from edge.domain.verdict import Verdict, attention, stop
from shared.domain.ledger import account, place_name
from shared.domain.serial import SerialState

PickStep = Literal["badge", "home", "cart", "bin", "unit", "done"]


class PickJob(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a handheld remembers: its pick list and the bin scanned last."""

    pick_list: str = ""
    bin: str = ""


class Stop(msgspec.Struct, frozen=True):
    """Where the picker stands or goes: `left` units of `sku` from `bin`, next into `slot`."""

    stop_no: int
    bin: str
    sku: str
    parcel_id: str
    line_no: int
    slot: int
    left: int


class Unit(msgspec.Struct, frozen=True):
    """A serial-numbered unit as the books know it."""

    serial: str
    sku: str
    state: SerialState
    account: str
    changed_ms: int


Found = Literal["here", "elsewhere", "lost_here"]


def judge_unit(unit: Unit, wanted_sku: str, bin_code: str) -> Found | Verdict:
    """Return how `unit` can fill a stop at `bin_code`, or the verdict that refuses it.

    `here`: lies where the record says. `elsewhere`: good, but recorded in another bin, which is
    corrected first. `lost_here`: was written off as missing, and stands before us.
    """
    place = place_name(unit.account)
    facts: dict[str, str | int] = {"sn": unit.serial, "place": place}
    if unit.sku != wanted_sku:
        return stop("wrong_sku", {"sku": wanted_sku, "got": unit.sku})
    if unit.state == "in_stock":
        return "here" if unit.account == account("bin", bin_code) else "elsewhere"
    if unit.state in {"picked", "packed"}:
        return attention("sn_already_picked", facts)
    if unit.state == "shipped":
        return stop("sn_shipped", {"sn": unit.serial, "at_ms": unit.changed_ms})
    if unit.state == "lost":
        return "lost_here"
    return stop("sn_blocked", {"sn": unit.serial, "state": unit.state})


def step_of(*, badge: str | None, job: PickJob, cart: str | None, current: Stop | None) -> PickStep:
    """Return what the handheld waits for."""
    if badge is None:
        return "badge"
    if not job.pick_list:
        return "home"
    if current is None:
        return "done"
    if cart is None:
        return "cart"
    return "unit" if job.bin == current.bin else "bin"


def serial_hint(serials: list[str]) -> tuple[int | None, str]:
    """Return (common length or None, common prefix) of expected serial numbers.

    A handheld without a network uses it to tell a serial number from another code on the box.
    """
    if not serials:
        return None, ""
    lengths = {len(serial) for serial in serials}
    first, last = min(serials), max(serials)
    prefix = ""
    for one, other in zip(first, last, strict=False):
        if one != other:
            break
        prefix += one
    return (lengths.pop() if len(lengths) == 1 else None), prefix
