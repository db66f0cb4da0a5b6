"""Where an order stands, and what may happen to it next.

An order is promised as a whole and leaves in parcels, one per warehouse used. Each parcel walks its
own way: reserved (rights debited), released (handed to a floor), picked, packed, shipped. The order
shows the least advanced of them. A cancel is a request: once a floor has the parcel, only the floor
can say that it will not leave, so the units stay promised until it does.

The tables are pure data. A move they do not have is refused with a sentence; a *fact* from a floor
is never refused, so the projection falls back to what the fact says and opens an exception.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, get_args

from shared.domain.errors import Refused

OrderStatus = Literal[
    "held",
    "reserved",
    "released",
    "picking",
    "packed",
    "shipped",
    "backordered",
    "cancel_pending",
    "cancelled",
]
ParcelState = Literal[
    "reserved",
    "released",
    "picking",
    "picked",
    "packed",
    "shipped",
    "cancel_pending",
    "cancelled",
    "short",
]
OrderRequest = Literal["cancel", "release_hold", "amend"]
ParcelEvent = Literal[
    "release",
    "start_picking",
    "finish_picking",
    "pack",
    "ship",
    "vanish",
    "ask_cancel",
    "confirm_cancel",
    "too_late",
    "refuse_assign",
    "refuse_cancel",
]

ORDER_STATUSES: Final = frozenset(get_args(OrderStatus))
PARCEL_STATES: Final = frozenset(get_args(ParcelState))
OVER: Final[frozenset[ParcelState]] = frozenset({"shipped", "cancelled", "short"})
"""Parcel states in which nothing is promised any more."""

PARCEL_MOVES: Final[dict[tuple[ParcelState, ParcelEvent], ParcelState]] = {
    ("reserved", "release"): "released",
    ("reserved", "ask_cancel"): "cancelled",
    ("released", "start_picking"): "picking",
    ("released", "finish_picking"): "picked",
    ("released", "pack"): "packed",
    ("released", "ask_cancel"): "cancel_pending",
    ("released", "refuse_assign"): "cancelled",
    ("released", "vanish"): "short",
    ("picking", "start_picking"): "picking",
    ("picking", "finish_picking"): "picked",
    ("picking", "pack"): "packed",
    ("picking", "ask_cancel"): "cancel_pending",
    ("picking", "vanish"): "short",
    ("picked", "start_picking"): "picking",
    ("picked", "finish_picking"): "picked",
    ("picked", "pack"): "packed",
    ("picked", "ask_cancel"): "cancel_pending",
    ("picked", "vanish"): "short",
    ("packed", "pack"): "packed",
    ("packed", "ship"): "shipped",
    ("packed", "ask_cancel"): "cancel_pending",
    ("packed", "vanish"): "short",
    ("shipped", "too_late"): "shipped",
    ("short", "confirm_cancel"): "short",
    ("cancel_pending", "ask_cancel"): "cancel_pending",
    ("cancel_pending", "start_picking"): "cancel_pending",
    ("cancel_pending", "finish_picking"): "cancel_pending",
    ("cancel_pending", "pack"): "cancel_pending",
    ("cancel_pending", "confirm_cancel"): "cancelled",
    ("cancel_pending", "too_late"): "packed",
    ("cancel_pending", "ship"): "shipped",
    ("cancel_pending", "vanish"): "short",
    ("cancel_pending", "refuse_assign"): "cancelled",
    ("cancel_pending", "refuse_cancel"): "released",
}

AFTER: Final[dict[ParcelEvent, ParcelState]] = {
    "start_picking": "picking",
    "finish_picking": "picked",
    "pack": "packed",
    "ship": "shipped",
    "vanish": "short",
    "confirm_cancel": "cancelled",
    "refuse_assign": "cancelled",
}
"""What a floor's fact means when the table has no move for it: the floor is right.

A floor that only says no to a cancel tells nothing of where the parcel is: it stays where it was.
"""

ORDER_MAY: Final[dict[OrderRequest, frozenset[OrderStatus]]] = {
    "cancel": frozenset(
        {"held", "reserved", "backordered", "released", "picking", "packed", "cancel_pending"}
    ),
    "release_hold": frozenset({"held"}),
    "amend": frozenset({"held", "reserved", "backordered"}),
}
"""In which states a person or a channel may ask what."""

_HINTS: Final[dict[OrderRequest, str]] = {
    "cancel": "A shipped order comes back as a return.",
    "release_hold": "Only a held order waits for a person; look at its status.",
    "amend": "Cancel the order and send it again under a new order number.",
}
_RANK: Final[dict[ParcelState, tuple[int, OrderStatus]]] = {
    "reserved": (0, "reserved"),
    "released": (1, "released"),
    "picking": (2, "picking"),
    "picked": (3, "picking"),
    "packed": (4, "packed"),
    "shipped": (5, "shipped"),
}


def parcel_move(parcel_id: str, state: ParcelState, event: ParcelEvent) -> ParcelState:
    """Return the parcel's state after `event`; raises Refused `parcel_move` for an illegal one."""
    after = PARCEL_MOVES.get((state, event))
    if after is None:
        expected = ", ".join(sorted(s for s, e in PARCEL_MOVES if e == event))
        raise Refused(
            "parcel_move",
            f"Failed to {event.replace('_', ' ')} parcel {parcel_id}: expected it {expected}, "
            f"got {state}.",
            hint="Look at the parcel's history.",
        )
    return after


def check_request(order_id: str, status: OrderStatus, request: OrderRequest) -> None:
    """Raise Refused `order_state` when an order in `status` cannot take `request`."""
    if status not in ORDER_MAY[request]:
        expected = ", ".join(sorted(ORDER_MAY[request]))
        raise Refused(
            "order_state",
            f"Failed to {request.replace('_', ' ')} order {order_id}: expected it {expected}, "
            f"got {status}.",
            hint=_HINTS[request],
        )


def order_status(
    *, held: bool, cancel_asked: bool, missing: int, parcels: Iterable[ParcelState]
) -> OrderStatus:
    """Return what an order shows: the fold of its flags, its missing units and its parcels."""
    states = list(parcels)
    alive = [state for state in states if state not in {"cancelled", "short"}]
    if "cancel_pending" in alive:
        return "cancel_pending"
    if held:
        return "held"
    if cancel_asked and not alive:
        return "cancelled"
    if missing and not cancel_asked:
        return "backordered"
    if not alive:
        return "cancelled"
    return min(_RANK[state] for state in alive)[1]
