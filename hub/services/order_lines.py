"""What an order still lacks, counted anew from its parcels.

Every change that takes units out of a parcel (a short, a refusal, a call-back) ends here, so that
the missing units of a line are always what was ordered less what its parcels carry. An order that
only a floor knows wants what its parcels carry.
"""

from __future__ import annotations

from hub.domain.orders import OVER
from hub.domain.rebuilding import Goods, HeldParcel, lacking
from hub.domain.rows import OrderLineRow, OrderRow, ParcelRow
from hub.store.protocol import Desk


def held_parcels(desk: Desk, order_id: str) -> list[HeldParcel]:
    """Return all parcels of an order with their units, oldest first."""
    return [_held(desk, parcel) for parcel in desk.parcels.of_order(order_id)]


def _held(desk: Desk, parcel: ParcelRow) -> HeldParcel:
    lines = desk.parcels.lines(parcel.parcel_id)
    return HeldParcel(
        parcel_id=parcel.parcel_id,
        state=parcel.state,
        units={
            (line.line_no, line.sku): units
            for line in lines
            if (units := max(0, line.quantity - line.shorted))
        },
        shipped={(line.line_no, line.sku): line.shipped for line in lines if line.shipped},
    )


def ordered_goods(lines: list[OrderLineRow]) -> Goods:
    """Return what the shop ordered."""
    return {(line.line_no, line.sku): line.quantity for line in lines}


def count_missing(desk: Desk, order: OrderRow) -> None:
    """Set every line's missing units to what no parcel of the order carries.

    Nobody knows what an order wants that only floors know (version 0), so it lacks nothing.
    """
    if order.version == 0:
        return
    lines = desk.orders.lines(order.order_id)
    lacks = lacking(ordered_goods(lines), held_parcels(desk, order.order_id))
    for line in lines:
        missing = 0 if order.cancel_asked else lacks[line.line_no]
        if missing != line.missing:
            desk.orders.set_missing(order.order_id, line.line_no, missing)


def copy_from_parcels(desk: Desk, order: OrderRow) -> None:
    """Make the lines of an order that only floors know what its parcels carry."""
    lines: dict[int, OrderLineRow] = {}
    for parcel in desk.parcels.of_order(order.order_id):
        for line in desk.parcels.lines(parcel.parcel_id):
            before = lines.get(line.line_no)
            units = line.quantity - (line.shorted if parcel.state in OVER else 0)
            if before is not None and before.sku == line.sku:
                units += before.quantity
            lines[line.line_no] = OrderLineRow(
                line_no=line.line_no,
                sku=line.sku,
                quantity=max(1, units),
                unit_price_minor=0,
                currency="",
                missing=0,
            )
    desk.orders.replace_lines(order.order_id, lines.values())
