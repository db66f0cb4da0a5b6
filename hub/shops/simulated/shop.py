"""The simulated shop's own books: orders, what it shows, what it was told. No input or output.

It takes sold units off its number by itself, as the platforms do, and refuses a sale beyond it. So
the number we publish decides what can be sold here, and overselling shows up in `sold`.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from shared.domain.errors import NotFound, Refused

State = Literal["open", "waiting", "cancelled", "closed"]
LISTED_FROM: Final = 1_000
"""Ids of listings count from here."""


class SoldLine(msgspec.Struct, kw_only=True):
    """Units of a SKU in an order."""

    line_no: int
    sku: str
    quantity: int
    shipped: int = 0


class SoldOrder(msgspec.Struct, kw_only=True):
    """One order of the simulated shop. `version` grows with each change."""

    order_no: str
    number: int
    version: int
    state: State
    placed_ms: int
    changed_ms: int
    lines: list[SoldLine]
    buyer: dict[str, str] = {}
    address: dict[str, Any] = {}
    cancel_answer: bool | None = None
    notes: list[str] = []
    meta: dict[str, Any] = {}


class Parcel(msgspec.Struct, kw_only=True):
    """A parcel the shop was told of. `told` counts how often it was created anew."""

    parcel_id: str
    order_no: str
    courier: str
    waybill: str
    told: int = 1


class SimulatedShop:
    """What the shop knows. Times are milliseconds and passed in."""

    def __init__(self) -> None:
        """Begin with nothing on the shelf."""
        self.orders: dict[str, SoldOrder] = {}
        self.shown: dict[str, int] = {}
        self.sold: dict[str, int] = {}
        self.parcels: dict[str, Parcel] = {}
        self.pushes: list[tuple[str, int, int | None]] = []
        self.oversold: list[str] = []

    def sell(
        self, order_no: str, lines: list[tuple[str, int]], now_ms: int, *, force: bool = False
    ) -> SoldOrder:
        """Sell units that are shown; raises Refused `sold_out`. `force` sells without looking."""
        if not force:
            for sku, units in lines:
                if self.shown.get(sku, 0) < units:
                    raise Refused("sold_out", f"The shop shows {self.shown.get(sku, 0)} of {sku}.")
        for sku, units in lines:
            self.shown[sku] = self.shown.get(sku, 0) - units
            self.sold[sku] = self.sold.get(sku, 0) + units
        order = SoldOrder(
            order_no=order_no,
            number=len(self.orders) + 1,
            version=1,
            state="open",
            placed_ms=now_ms,
            changed_ms=now_ms,
            lines=[
                SoldLine(line_no=number, sku=sku, quantity=units)
                for number, (sku, units) in enumerate(lines, 1)
            ],
            buyer={"name": "张三", "phone": "13712342206"},
            address={"country": "CN", "province": "上海", "city": "上海", "street": "人民路1号"},
        )
        self.orders[order_no] = order
        return order

    def need(self, order_no: str) -> SoldOrder:
        """Return an order or raise NotFound."""
        order = self.orders.get(order_no)
        if order is None:
            raise NotFound("order_unknown", "The shop has no such order.")
        return order

    def change(self, order_no: str, now_ms: int, **fields: Any) -> SoldOrder:
        """Change an order; its version and time of change move on."""
        before = self.need(order_no)
        if fields.get("state") == "cancelled" and before.state == "open":
            for line in before.lines:
                self.shown[line.sku] = self.shown.get(line.sku, 0) + line.quantity
                self.sold[line.sku] -= line.quantity
        changed_ms = max(now_ms, before.changed_ms + 1_000)
        after = msgspec.structs.replace(
            before, version=before.version + 1, changed_ms=changed_ms, **fields
        )
        self.orders[order_no] = after
        return after

    def changed(self, since_ms: int, until_ms: int) -> list[SoldOrder]:
        """Return orders changed between two moments, oldest change first."""
        return sorted(
            (one for one in self.orders.values() if since_ms <= one.changed_ms <= until_ms),
            key=lambda one: (one.changed_ms, one.number),
        )

    def set_shown(self, sku: str, quantity: int, expected: int | None) -> int | None:
        """Show `quantity` if `expected` fits (None: always); return what it shows otherwise."""
        shown = self.shown.get(sku, 0)
        self.pushes.append((sku, quantity, expected))
        if expected is not None and shown != expected:
            return shown
        self.shown[sku] = quantity
        return None

    def ship(self, parcel_id: str, order_no: str, courier: str, waybill: str) -> Parcel:
        """Record a parcel; a second creation of the same one is counted, not hidden."""
        known = self.parcels.get(parcel_id)
        parcel = Parcel(
            parcel_id=parcel_id,
            order_no=order_no,
            courier=courier,
            waybill=waybill,
            told=1 if known is None else known.told + 1,
        )
        self.parcels[parcel_id] = parcel
        return parcel
