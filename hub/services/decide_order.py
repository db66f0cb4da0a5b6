"""What people and channels ask of an order after intake: cancel it, or let a held one go.

A cancel is a request. Units that no floor has are sellable again at once; units that a floor has
are sellable again only after that floor confirmed that they will not leave.
"""

from __future__ import annotations

import msgspec

from hub.domain.orders import OVER, check_request, parcel_move
from hub.domain.rows import OrderRow, ParcelRow
from hub.services.presale import drop_presale, promise_order
from hub.services.promise import drop_reserved, need_order, refresh, save_parcel
from hub.store.protocol import Desk
from shared.domain.commands import CancelParcel


def cancel(desk: Desk, order_id: str, reason: str) -> OrderRow:
    """Cancel what can be cancelled now and ask the floors about the rest.

    Cancelling twice changes nothing. Raises NotFound, and Refused `order_state` for an order that
    has left.
    """
    order = need_order(desk, order_id)
    if order.status == "cancelled" or (order.cancel_asked and order.status == "cancel_pending"):
        return order
    check_request(order_id, order.status, "cancel")
    for parcel in desk.parcels.of_order(order_id):
        if parcel.state == "reserved":
            drop_reserved(desk, parcel)
        elif parcel.state not in OVER:
            ask_floor(desk, parcel, reason)
    drop_presale(desk, order_id)
    for line in desk.orders.lines(order_id):
        if line.missing:
            desk.orders.set_missing(order_id, line.line_no, 0)
    desk.journal.audit("cancel_order", order_id)
    return refresh(desk, msgspec.structs.replace(order, held=False, cancel_asked=True))


def ask_floor(desk: Desk, parcel: ParcelRow, reason: str) -> None:
    """Ask a floor not to ship a parcel; its units stay promised until the floor answers.

    A box is called back whole: what other orders have in it is promised again afterwards. What is
    being called back already is not asked for twice; what is only asked for by a better plan is.
    """
    box = parcel.joined_to or parcel.parcel_id
    command_id = f"cancel-{box}"
    members = [desk.parcels.get(parcel.parcel_id) or parcel]
    if parcel.joined_to:
        members = [one for one in desk.parcels.in_box(box) if one.state not in OVER]
    if any((one.state, one.cancel_command_id) == ("cancel_pending", command_id) for one in members):
        return
    desk.nodes.queue(
        parcel.warehouse,
        CancelParcel(parcel_id=box, reason=reason or "cancelled by the channel"),
        command_id,
    )
    desk.tell(f"commands:{parcel.warehouse}")
    for one in members:
        state = parcel_move(one.parcel_id, one.state, "ask_cancel")
        save_parcel(desk, msgspec.structs.replace(one, state=state, cancel_command_id=command_id))
        if one.order_id != parcel.order_id:
            refresh(desk, need_order(desk, one.order_id))


def release_hold(desk: Desk, order_id: str, reason: str) -> OrderRow:
    """Let a held order go on to its promise, without review.

    Raises NotFound, and Refused `order_state` when the order is not held.
    """
    order = need_order(desk, order_id)
    check_request(order_id, order.status, "release_hold")
    desk.journal.audit("release_hold", order_id, reason)
    desk.journal.event("hold_released", order_id=order_id)
    explanation = promise_order(desk, order_id)
    return refresh(desk, msgspec.structs.replace(order, held=False), explanation=explanation)
