"""Boxes that orders share: a floor names the box by its first parcel, the office each order's own.

What a floor took on says which order has what in it, so the rules compare both sides line by line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.services.boxes import parcels_in
from shared.domain.facts import AssignedParcel, CommandAccepted, Fact

if TYPE_CHECKING:
    from collections.abc import Iterable

Place = tuple[str, int]
"""Parcel and line number."""


def boxes_in(facts: Iterable[Fact]) -> dict[str, AssignedParcel]:
    """Return every box with several orders in it, by the name that the floor has for it."""
    return {
        fact.parcel.parcel_id: fact.parcel
        for fact in facts
        if isinstance(fact, CommandAccepted) and fact.parcel is not None and fact.parcel.parts
    }


def lines_of(boxes: dict[str, AssignedParcel]) -> dict[Place, tuple[Place, str]]:
    """Return, by the floor's (parcel, line), the office's own and the order's number."""
    found: dict[Place, tuple[Place, str]] = {}
    for name, box in boxes.items():
        places = [
            ((one.parcel_id, line.line_no), one.order_no)
            for one in parcels_in(box)
            for line in one.lines
        ]
        found |= {(name, number): place for number, place in enumerate(places, start=1)}
    return found


def order_nos(boxes: dict[str, AssignedParcel], parcel_id: str, order_no: str) -> list[str]:
    """Return the numbers of all orders in a parcel that its floor files under `order_no`."""
    box = boxes.get(parcel_id)
    return [order_no] if box is None else [part.order_no for part in box.parts]
