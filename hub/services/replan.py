"""Planning the open pool again: what nobody has touched yet may still leave from somewhere better.

Stock comes in, a floor fills up, a second order of the same buyer waits. So the hub goes round the
orders that are promised and not begun, a few at a time, and asks what it would decide today. A
parcel that no floor has is moved in one transaction, and the move is undone unless what was really
booked is better. A parcel that a floor has is asked for: only when the floor says that nobody has
begun it is it promised again, from where is best then. `hub.domain.replanning` says what better is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Final

import msgspec

from hub.domain.courier_choice import HOUR_MS
from hub.domain.orders import OVER, parcel_move
from hub.domain.replanning import why_better
from hub.domain.rows import OrderRow, ParcelRow
from hub.domain.sourcing import Need, Offer, numbers_of, source
from hub.domain.sourcing_why import Alternative, Explanation
from hub.services.order_lines import count_missing
from hub.services.promise import (
    destination,
    drop_reserved,
    need_order,
    needs_of,
    offers_for,
    promise_missing,
    refresh,
    save_parcel,
    terms_of,
)
from hub.store.protocol import Desk
from shared.domain.commands import CancelParcel

ORDERS_PER_COMMIT: Final = 20
"""Orders looked at in one transaction."""
RECALL_SLACK_MS: Final = HOUR_MS
"""A parcel is not asked for when its courier comes so soon."""
RECALL: Final = "replan"
"""Prefix of the command that asks a floor for a parcel nobody has begun."""


class OpenPool:
    """Goes round the open pool; a round ends with a turn that finds nothing more."""

    def __init__(self) -> None:
        """Begin with the oldest order."""
        self._after = ""

    def turn(self, desk: Desk, reachable: Collection[str]) -> int:
        """Look at the next few orders; return how many, 0 at the end of a round.

        `reachable` are the warehouses whose line is up: only they are asked for parcels. Nothing is
        planned again while a restored hub waits for anybody.
        """
        orders = [] if desk.nodes.recovering() else self._next(desk)
        for order_id in orders:
            replan_order(desk, order_id, reachable)
        return len(orders)

    def _next(self, desk: Desk) -> list[str]:
        orders = desk.orders.open_pool(self._after, ORDERS_PER_COMMIT)
        self._after = orders[-1] if orders else ""
        return orders


class _NotBetter(Exception):
    """What was really booked is no better; the attempt is undone."""


def replan_order(desk: Desk, order_id: str, reachable: Collection[str]) -> bool:
    """Change the plan of one order if that is better; return whether anything was done."""
    order = need_order(desk, order_id)
    if order.held or order.cancel_asked or not order.version:
        return False
    if any(line.missing for line in desk.orders.lines(order_id)):
        return _promise_rest(desk, order)
    parcels = [one for one in desk.parcels.of_order(order_id) if one.state not in OVER]
    reserved = [one for one in parcels if one.state == "reserved"]
    if reserved:
        return _move(desk, order, reserved)
    if len(parcels) == 1 and parcels[0].warehouse in reachable:
        return _ask_for(desk, order, parcels[0])
    return False


def _promise_rest(desk: Desk, order: OrderRow) -> bool:
    """Try what waits for a better plan again: its time to wait may be over.

    What was sold in presale has rights of its own, which it gets as its stock comes in.
    """
    if desk.presales.of_order(order.order_id):
        return False
    explanation = promise_missing(desk, order.order_id)
    if any(line.missing for line in desk.orders.lines(order.order_id)):
        return False
    refresh(desk, order, explanation=explanation)
    return True


def _move(desk: Desk, order: OrderRow, parcels: list[ParcelRow]) -> bool:
    """Give parcels that no floor has a better plan, in one go or not at all."""
    present, best = _compare(desk, order, parcels)
    if best is None or not _why(desk, present, best):
        return False

    def book() -> None:
        for parcel in parcels:
            drop_reserved(desk, parcel)
        count_missing(desk, order)
        explanation = promise_missing(desk, order.order_id)
        chosen = None if explanation is None else explanation.chosen
        if explanation is None or chosen is None or not (why := _why(desk, present, chosen)):
            raise _NotBetter
        refresh(desk, order, explanation=_replaced(explanation, present, why))
        _tell(desk, order, present, chosen, why)

    try:
        desk.attempt(book)
    except _NotBetter:
        return False
    return True


def _ask_for(desk: Desk, order: OrderRow, parcel: ParcelRow) -> bool:
    """Ask a floor for a parcel that it may not have begun; it is asked once, whatever it says."""
    if parcel.state != "released" or parcel.joined_to or parcel.cancel_command_id:
        return False
    if (parcel.cut_off_ms or 0) - desk.now_ms < RECALL_SLACK_MS:
        return False
    if any(one.released_ms for one in desk.parcels.of_order(order.order_id) if one.state in OVER):
        return False
    present, best = _compare(desk, order, [parcel])
    if best is None or not (why := why_better(present, best, 0)):
        return False
    command_id = f"{RECALL}-{parcel.parcel_id}"
    desk.nodes.queue(
        parcel.warehouse,
        CancelParcel(parcel_id=parcel.parcel_id, reason="planned again", untouched_only=True),
        command_id,
    )
    desk.tell(f"commands:{parcel.warehouse}")
    state = parcel_move(parcel.parcel_id, parcel.state, "ask_cancel")
    save_parcel(desk, msgspec.structs.replace(parcel, state=state, cancel_command_id=command_id))
    refresh(desk, order)
    _tell(desk, order, present, best, why)
    return True


def recall_refused(desk: Desk, parcel_id: str) -> None:
    """The floor has begun with the parcel, so it stays as it is."""
    parcel = desk.parcels.get(parcel_id)
    if parcel is None or parcel.cancel_command_id != f"{RECALL}-{parcel_id}":
        return  # its channel wants it cancelled meanwhile, and the floor was asked for that
    if parcel.state == "cancel_pending":
        state = parcel_move(parcel_id, parcel.state, "refuse_cancel")
        save_parcel(desk, msgspec.structs.replace(parcel, state=state))
        refresh(desk, need_order(desk, parcel.order_id))


def _compare(
    desk: Desk, order: OrderRow, parcels: list[ParcelRow]
) -> tuple[Alternative, Alternative | None]:
    """Return what these parcels are worth today, and the best plan for the same goods, if any."""
    shares = {one.parcel_id: _needs(desk, order, one) for one in parcels}
    skus = {need.sku for needs in shares.values() for need in needs}
    offers = offers_for(desk, order.order_id, skus)
    places = {offer.warehouse: offer for offer in offers}
    address = desk.orders.person(order.order_id).address
    to, terms = destination(address), terms_of(desk, order, address)
    elsewhere = Counter(terms.open_parcels)
    elsewhere.subtract(one.warehouse for one in parcels)
    terms = msgspec.structs.replace(terms, may_wait=False, open_parcels=elsewhere)
    # What a floor has already is in a box of its own, whoever waits for company there.
    apart = all(one.state != "reserved" for one in parcels)
    present = numbers_of(
        [(places[one.warehouse], shares[one.parcel_id]) for one in parcels],
        to,
        msgspec.structs.replace(terms, boxes={}) if apart else terms,
    )
    freed = [(one.warehouse, shares[one.parcel_id]) for one in parcels]
    best = source(_together(shares.values()), _with(offers, freed), to, terms).explanation.chosen
    return present, best


def _needs(desk: Desk, order: OrderRow, parcel: ParcelRow) -> tuple[Need, ...]:
    """Return what a parcel carries as needs of its order."""
    carried = {
        line.line_no: line.open_units
        for line in desk.parcels.lines(parcel.parcel_id)
        if line.open_units > 0
    }
    lines = [
        msgspec.structs.replace(line, missing=carried[line.line_no])
        for line in desk.orders.lines(order.order_id)
        if line.line_no in carried
    ]
    return needs_of(desk, lines)


def _together(shares: Collection[tuple[Need, ...]]) -> tuple[Need, ...]:
    found: dict[int, Need] = {}
    for need in (need for share in shares for need in share):
        before = found.get(need.line_no)
        units = need.quantity + (0 if before is None else before.quantity)
        found[need.line_no] = msgspec.structs.replace(need, quantity=units)
    return tuple(found.values())


def _with(offers: list[Offer], freed: list[tuple[str, tuple[Need, ...]]]) -> list[Offer]:
    """Return the offers as if the parcels' own units lay in the pools again."""
    atp = {offer.warehouse: dict(offer.atp) for offer in offers}
    for warehouse, needs in freed:
        for need in needs:
            atp[warehouse][need.sku] = atp[warehouse].get(need.sku, 0) + need.quantity
    return [Offer(offer.warehouse, offer.place, atp[offer.warehouse]) for offer in offers]


def _why(desk: Desk, present: Alternative, other: Alternative) -> str:
    return why_better(present, other, desk.policy.sourcing.replan_saving_minor)


def _replaced(explanation: Explanation, present: Alternative, why: str) -> Explanation:
    return msgspec.structs.replace(
        explanation,
        sentence=f"Planned again, because {why}. {explanation.sentence}",
        replaced=present,
    )


def _tell(desk: Desk, order: OrderRow, present: Alternative, best: Alternative, why: str) -> None:
    desk.journal.event(
        "order_replanned",
        order_id=order.order_id,
        data={
            "why": why,
            "from": list(present.warehouses),
            "to": list(best.warehouses),
            "cost_minor": [present.cost_minor, best.cost_minor],
        },
    )
