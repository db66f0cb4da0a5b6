"""Is this the unit we sold? What the books know of a number that somebody sends back.

A serial number that left here, in this parcel, on that day, was sold. For goods without numbers the
parcel tells how many such units left and how many of them are back already.
"""

from __future__ import annotations

import sqlite3
from typing import Literal

import msgspec

from edge.store import parcels, products, returns, serials
from shared.domain.catalogue import Sku
from shared.domain.ledger import account, place_name

Verdict = Literal["sold_here", "unknown_here", "never_left", "back_before"]


class SoldLine(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one line of a parcel, and how many of them came back."""

    line_no: int
    sku: Sku
    gtin: str
    name: str
    serial_policy: str
    sent: int
    returned: int


class Sold(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a scanned number or waybill is something that was sold, in which parcel and when."""

    code: str
    kind: Literal["serial", "waybill", "nothing"]
    verdict: Verdict
    sku: str = ""
    name: str = ""
    state: str = ""
    place: str = ""
    parcel_id: str = ""
    order_no: str = ""
    waybill: str = ""
    shipped_ms: int | None = None
    lines: tuple[SoldLine, ...] = ()


def look_up(sql: sqlite3.Connection, code: str) -> Sold:
    """Say what a scanned serial number or waybill is to this warehouse."""
    unit = serials.get(sql, code)
    if unit is not None:
        return sold_unit(sql, unit)
    parcel = parcels.by_waybill(sql, code)
    if parcel is None:
        return Sold(code=code, kind="nothing", verdict="unknown_here")
    return Sold(
        code=code,
        kind="waybill",
        verdict="sold_here" if parcel.state == "shipped" else "never_left",
        state=parcel.state,
        parcel_id=parcel.parcel_id,
        order_no=parcel.order_no,
        waybill=parcel.waybill or "",
        shipped_ms=parcel.shipped_ms,
        lines=tuple(
            SoldLine(
                line_no=line.line_no,
                sku=line.sku,
                gtin=_gtin(sql, line.sku),
                name=_name(sql, line.sku),
                serial_policy=_policy(sql, line.sku),
                sent=line.packed,
                returned=returns.of_line(sql, parcel.parcel_id, line.line_no),
            )
            for line in parcels.lines(sql, parcel.parcel_id)
        ),
    )


def sold_unit(sql: sqlite3.Connection, unit: serials.SerialRow) -> Sold:
    """Say what a unit with a known number is to this warehouse."""
    parcel = parcels.get(sql, unit.parcel_id) if unit.parcel_id else None
    back = returns.last_of_serial(sql, unit.serial)
    verdict: Verdict = "never_left"
    if unit.state == "shipped":
        verdict = "sold_here"
    elif back is not None and unit.account in {account("bin", back.place), aside(back.place)}:
        verdict = "back_before"
    return Sold(
        code=unit.serial,
        kind="serial",
        verdict=verdict,
        sku=unit.sku,
        name=_name(sql, unit.sku),
        state=unit.state,
        place=place_name(unit.account),
        parcel_id="" if parcel is None else parcel.parcel_id,
        order_no="" if parcel is None else parcel.order_no,
        waybill="" if parcel is None else parcel.waybill or "",
        shipped_ms=None if parcel is None else parcel.shipped_ms,
    )


def _name(sql: sqlite3.Connection, sku: str) -> str:
    product = products.by_sku(sql, sku)
    return sku if product is None else product.name


def _gtin(sql: sqlite3.Connection, sku: str) -> str:
    product = products.by_sku(sql, sku)
    return "" if product is None else product.gtin


def _policy(sql: sqlite3.Connection, sku: str) -> str:
    product = products.by_sku(sql, sku)
    return "none" if product is None else product.serial_policy


def aside(shelf: str) -> str:
    """Return the account of a shelf for units that are not for sale."""
    return account("aside", shelf)
