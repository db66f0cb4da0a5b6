"""Stock as head office sees it: what may be promised, what stands where, where one unit is."""

from __future__ import annotations

from typing import Final

import msgspec

from hub.domain.rows import Dispute, RightsRow, SerialEntry
from hub.services.order_views import iso
from hub.services.shop_risk import Risk, risks
from hub.store.protocol import Desk
from shared.domain.errors import InvalidInput, NotFound

SKUS_PER_QUESTION_MAX: Final = 200


class WarehouseUnits(msgspec.Struct, frozen=True, kw_only=True):
    """The accounts of one SKU in one warehouse; `available` may be promised."""

    warehouse: str
    available: int
    pool: int
    safety_stock: int
    reserved: int
    ordered: int
    lent: int
    shipped: int
    sold: int
    short: int


class Availability(msgspec.Struct, frozen=True, kw_only=True):
    """What may be promised of one SKU, over all warehouses and per warehouse."""

    sku: str
    available: int
    warehouses: tuple[WarehouseUnits, ...]


class AvailabilityView(Availability, frozen=True, kw_only=True):
    """The same for people and programs outside, with what shops and presales make of it."""

    risk: Risk
    presale: int


class StockView(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one SKU in one warehouse.

    `loading`: imported, not yet confirmed by the floor. `set_aside`: returned and not good. Both
    are among those on hand.
    """

    warehouse: str
    sku: str
    on_hand: int
    loading: int
    set_aside: int
    available: int
    ordered: int
    reserved: int
    safety_stock: int


class SerialLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a serial number's history."""

    at: str
    event: str
    state: str
    warehouse: str
    place: str
    parcel_id: str | None
    actor: str
    source: str


class SerialLife(msgspec.Struct, frozen=True, kw_only=True):
    """One life of a serial number; a returned unit starts another."""

    life: int
    history: tuple[SerialLine, ...]


class DisputeView(msgspec.Struct, frozen=True, kw_only=True):
    """Two places that claim one serial number."""

    dispute_id: str
    first_warehouse: str
    second_warehouse: str
    sentence: str
    opened_at: str
    settled_at: str | None


class SerialView(msgspec.Struct, frozen=True, kw_only=True):
    """Where a serial number is and was. `state` is `disputed` while a dispute is open."""

    serial: str
    sku: str
    state: str
    warehouse: str
    place: str
    life: int
    parcel_id: str | None
    order_id: str | None
    lives: tuple[SerialLife, ...]
    disputes: tuple[DisputeView, ...]


def availability(desk: Desk, skus: list[str]) -> list[Availability]:
    """Return what may be promised of each of `skus`; raises NotFound `sku_unknown`."""
    if not 1 <= len(skus) <= SKUS_PER_QUESTION_MAX:
        raise InvalidInput(
            "skus_per_question",
            f"Failed to tell availability: expected 1 to {SKUS_PER_QUESTION_MAX} sku parameters, "
            f"got {len(skus)}.",
            hint="Ask like this: /api/v1/availability?sku=A&sku=B",
        )
    unknown = sorted(set(skus) - desk.catalogue.products(skus).keys())
    if unknown:
        raise NotFound(
            "sku_unknown",
            f"Failed to tell availability: SKU {unknown[0][:64]!r} is not in the catalogue.",
            hint="Import the product first.",
        )
    rows: dict[str, list[RightsRow]] = {sku: [] for sku in skus}
    for row in desk.rights.of_skus(rows):
        rows[row.sku].append(row)
    return [
        Availability(
            sku=sku,
            available=sum(row.atp for row in found),
            warehouses=tuple(_units(row) for row in found),
        )
        for sku, found in rows.items()
    ]


def view_availability(desk: Desk, skus: list[str]) -> list[AvailabilityView]:
    """Return what may be promised of each of `skus`, and how exposed it is in shops.

    Raises what `availability` raises.
    """
    found = availability(desk, skus)
    risk = risks(desk, [one.sku for one in found])
    return [
        AvailabilityView(
            **msgspec.structs.asdict(one),
            risk=risk[one.sku],
            presale=sum(quota.left for quota in desk.presales.quotas(one.sku)),
        )
        for one in found
    ]


def _units(row: RightsRow) -> WarehouseUnits:
    return WarehouseUnits(
        warehouse=row.warehouse,
        available=row.atp,
        pool=row.pool,
        safety_stock=row.safety_stock,
        reserved=row.held,
        ordered=row.ordered,
        lent=row.lent,
        shipped=row.shipped,
        sold=row.sold,
        short=row.burnt,
    )


def view_stock(desk: Desk, row: tuple[str, str, int, int, int]) -> StockView:
    """Return one line of the mirror with the rights to it."""
    warehouse, sku, quantity, loading, set_aside = row
    rights = desk.rights.get(sku, warehouse)
    return StockView(
        warehouse=warehouse,
        sku=sku,
        on_hand=quantity,
        loading=loading,
        set_aside=set_aside,
        available=0 if rights is None else rights.atp,
        ordered=0 if rights is None else rights.ordered,
        reserved=0 if rights is None else rights.held,
        safety_stock=0 if rights is None else rights.safety_stock,
    )


def view_serial(desk: Desk, serial: str) -> SerialView:
    """Return where a serial number is and was; raises NotFound `serial_unknown`."""
    row = desk.serials.get(serial)
    if row is None:
        raise NotFound(
            "serial_unknown",
            f"Failed to find serial number {serial[:64]!r}: no warehouse ever reported it.",
            hint="Check the number; upper and lower case matter.",
        )
    lives: dict[int, list[SerialLine]] = {}
    for entry in desk.serials.history(serial):
        lives.setdefault(entry.life, []).append(_line(entry))
    disputes = desk.serials.disputes(serial)
    disputed = any(dispute.settled_ms is None for dispute in disputes)
    parcel = desk.parcels.get(row.parcel_id) if row.parcel_id else None
    return SerialView(
        serial=row.serial,
        sku=row.sku,
        state="disputed" if disputed else row.state,
        warehouse=row.warehouse,
        place=row.place,
        life=row.life,
        parcel_id=row.parcel_id,
        order_id=None if parcel is None else parcel.order_id,
        lives=tuple(SerialLife(life=life, history=tuple(told)) for life, told in lives.items()),
        disputes=tuple(_dispute(dispute) for dispute in disputes),
    )


def _line(entry: SerialEntry) -> SerialLine:
    return SerialLine(
        at=iso(entry.at_ms) or "",
        event=entry.event,
        state=entry.state,
        warehouse=entry.warehouse,
        place=entry.place,
        parcel_id=entry.parcel_id,
        actor=entry.actor,
        source=entry.source,
    )


def _dispute(dispute: Dispute) -> DisputeView:
    return DisputeView(
        dispute_id=dispute.dispute_id,
        first_warehouse=dispute.first_warehouse,
        second_warehouse=dispute.second_warehouse,
        sentence=dispute.sentence,
        opened_at=iso(dispute.opened_ms) or "",
        settled_at=iso(dispute.settled_ms),
    )
