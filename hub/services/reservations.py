"""Reservations: units promised to a checkout for a short time, before there is an order.

A reservation debits the same rights as an order, so the last unit cannot be in two checkouts. It
ends by DELETE, by time, or by the order that takes its units over; a confirmed one has no time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec

from hub.domain.rows import Reservation, ReservationState
from hub.domain.sourcing import Need, Offer, source
from hub.services.awaiting import awaiting
from hub.services.order_views import iso
from hub.store.protocol import Desk
from shared.domain.catalogue import Quantity, Sku
from shared.domain.errors import BincardError, Conflict, NotFound, Refused, Unavailable

TTL_SECONDS_MAX: Final = 86_400
EXPIRE_PER_COMMIT: Final = 50
LINES_MAX: Final = 200

_encode = msgspec.json.Encoder().encode


class ReservationLine(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one SKU wanted."""

    sku: Sku
    quantity: Quantity


class ReservationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkout wants held, and for how long. `reservation_id` makes it repeatable."""

    lines: Annotated[tuple[ReservationLine, ...], msgspec.Meta(min_length=1, max_length=LINES_MAX)]
    ttl_seconds: Annotated[int, msgspec.Meta(ge=1, le=TTL_SECONDS_MAX)] = 900
    reservation_id: Annotated[str, msgspec.Meta(max_length=64, pattern="^[A-Za-z0-9_-]*$")] = ""


class ReservedUnits(msgspec.Struct, frozen=True, kw_only=True):
    """Units one warehouse holds for the reservation."""

    sku: str
    warehouse: str
    quantity: int


class ReservationView(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation as answers show it."""

    reservation_id: str
    state: str
    expires_at: str | None
    allocations: tuple[ReservedUnits, ...]
    explanation: dict[str, Any]


def view_reservation(reservation: Reservation) -> ReservationView:
    """Return the reservation for an answer."""
    return ReservationView(
        reservation_id=reservation.reservation_id,
        state=reservation.state,
        expires_at=iso(reservation.expires_ms) if reservation.state == "open" else None,
        allocations=tuple(
            ReservedUnits(sku=sku, warehouse=warehouse, quantity=units)
            for sku, warehouse, units in reservation.allocations
        ),
        explanation=msgspec.json.decode(reservation.explanation),
    )


def reserve(desk: Desk, request: ReservationRequest, *, default_id: str = "") -> Reservation:
    """Hold all wanted units or none.

    A repeat with the same id returns the first reservation. Raises Conflict
    `reservation_id_reused`, Refused `sku_unknown` or `not_enough`.
    """
    (outcome,) = reserve_many(desk, ((request, default_id),))
    if isinstance(outcome, BincardError):
        raise outcome
    return outcome


def reserve_many(
    desk: Desk, asked: Sequence[tuple[ReservationRequest, str]]
) -> list[Reservation | BincardError]:
    """Answer many who wait, first come first served, with a handful of statements for all.

    `asked` are (request, id to use when it names none). Each gets all its units or none; what one
    takes, the next no longer sees. All units are then debited by guarded statements at once.
    """
    named = [
        (request, request.reservation_id or default_id or desk.new_id())
        for request, default_id in asked
    ]
    known = desk.reservations.known(name for _, name in named)
    skus = {line.sku for request, _ in named for line in request.lines}
    goods = desk.rights.goods(skus)
    frozen = goods.waits and desk.nodes.frozen(skus)
    left = {offer.warehouse: dict(offer.atp) for offer in goods.offers}
    offers = [Offer(offer.warehouse, offer.place, left[offer.warehouse]) for offer in goods.offers]
    outcomes: list[Reservation | BincardError] = []
    made: dict[str, Reservation] = {}
    for request, name in named:
        try:
            before = known.get(name) or made.get(name)
            if before is None:
                if frozen:
                    _check_awaited(desk, request)
                made[name] = outcome = _decide(desk, request, name, goods.weights, offers)
                for sku, warehouse, units in outcome.allocations:
                    left[warehouse][sku] -= units
            else:
                outcome = _repeated(before, request)
            outcomes.append(outcome)
        except BincardError as error:
            outcomes.append(error)
    _hold(desk, list(made.values()))
    return outcomes


def _check_awaited(desk: Desk, request: ReservationRequest) -> None:
    """Refuse what a restored hub may not promise yet."""
    waits = awaiting(desk, {line.sku: line.quantity for line in request.lines})
    if waits is not None:
        raise Unavailable(
            "hub_recovering",
            f"Failed to reserve: {waits.sentence}",
            hint="Ask again in a minute.",
        )


def _repeated(known: Reservation, request: ReservationRequest) -> Reservation:
    if known.digest != _digest(request):
        raise Conflict(
            "reservation_id_reused",
            f"Failed to reserve: {known.reservation_id} was used for another reservation.",
            hint="Choose a new reservation_id.",
        )
    return known


def _digest(request: ReservationRequest) -> str:
    return hashlib.sha256(_encode(request)).hexdigest()


def _decide(
    desk: Desk,
    request: ReservationRequest,
    reservation_id: str,
    weights: Mapping[str, int],
    offers: Sequence[Offer],
) -> Reservation:
    """Choose the warehouses of one request among `offers`."""
    # Not `skus - weights.keys()`: that looks at every SKU of the group for each request.
    if unknown := sorted({line.sku for line in request.lines if line.sku not in weights}):
        raise Refused(
            "sku_unknown",
            f"Failed to reserve: expected SKUs of the catalogue, got {', '.join(unknown[:5])}.",
            hint="Correct the SKU or import the product.",
        )
    needs = tuple(
        Need(number, line.sku, line.quantity, weights[line.sku])
        for number, line in enumerate(request.lines, start=1)
    )
    choice = source(needs, offers, None)
    if not choice.parcels:
        raise Refused(
            "not_enough",
            f"Failed to reserve: {choice.explanation.sentence}",
            hint="Ask for fewer units, or wait until stock arrives.",
        )
    allocations: dict[tuple[str, str], int] = {}
    for parcel in choice.parcels:
        for line in parcel.lines:
            key = (line.sku, parcel.warehouse)
            allocations[key] = allocations.get(key, 0) + line.quantity
    return Reservation(
        reservation_id=reservation_id,
        state="open",
        digest=_digest(request),
        allocations=tuple((*key, units) for key, units in sorted(allocations.items())),
        explanation=msgspec.Raw(_encode(choice.explanation)),
        made_ms=desk.now_ms,
        expires_ms=desk.now_ms + request.ttl_seconds * 1000,
        changed_ms=desk.now_ms,
    )


def _hold(desk: Desk, made: list[Reservation]) -> None:
    """Debit the units of new reservations and record them; raises Unavailable, undoing all."""
    if not made:
        return
    wanted = [
        (sku, warehouse, units, one.reservation_id)
        for one in made
        for sku, warehouse, units in one.allocations
    ]
    if not desk.rights.hold(wanted):
        raise Unavailable(
            "stock_moved",
            "Failed to reserve: somebody was faster.",
            hint="Send the same request again.",
        )
    desk.reservations.add(made)
    desk.tell("reservations")


def need_reservation(desk: Desk, reservation_id: str) -> Reservation:
    """Return the reservation or raise NotFound."""
    reservation = desk.reservations.get(reservation_id)
    if reservation is None:
        raise NotFound(
            "reservation_unknown",
            f"Failed to find reservation {reservation_id[:64]!r}.",
            hint="Take reservation_id from the answer to the reservation.",
        )
    return reservation


def confirm_reservation(desk: Desk, reservation_id: str) -> Reservation:
    """Make a reservation last until it is used or deleted."""
    reservation = need_reservation(desk, reservation_id)
    if reservation.state == "confirmed":
        return reservation
    if reservation.state != "open" or reservation.expires_ms <= desk.now_ms:
        state = "expired" if reservation.state == "open" else reservation.state
        raise Refused(
            "reservation_over",
            f"Failed to confirm reservation {reservation_id}: expected it open, got {state}.",
            hint="Reserve again.",
        )
    return _end(desk, reservation, "confirmed", give_back=False)


def release_reservation(desk: Desk, reservation_id: str) -> Reservation:
    """Give the units of a reservation back; ending an ended one changes nothing."""
    reservation = need_reservation(desk, reservation_id)
    if reservation.state not in {"open", "confirmed"}:
        return reservation
    return _end(desk, reservation, "released", give_back=True)


def release_if_known(desk: Desk, reservation_id: str) -> None:
    """Give the units of a reservation back if the books know it: its order has its own."""
    if desk.reservations.get(reservation_id) is not None:
        use_reservation(desk, reservation_id)


def use_reservation(desk: Desk, reservation_id: str) -> None:
    """Free the units for the order that takes them in this same transaction."""
    reservation = need_reservation(desk, reservation_id)
    if reservation.state in {"open", "confirmed"}:
        _end(desk, reservation, "used", give_back=True)


def end_early(desk: Desk, node: str, sku: str, units: int) -> None:
    """End open reservations of a SKU in a warehouse until `units` are free again.

    Only a floor that already took these units on may ask for it: a restored hub may not know that
    the reservation was used or over. A checkout that comes back orders like anybody else.
    """
    for reservation in desk.reservations.holding(sku, node):
        if units <= 0:
            return
        units -= sum(
            held
            for held_sku, warehouse, held in reservation.allocations
            if (held_sku, warehouse) == (sku, node)
        )
        _end(desk, reservation, "expired", give_back=True)


def expire_reservations(desk: Desk) -> int:
    """End open reservations whose time is over; return how many."""
    over = desk.reservations.expired(desk.now_ms, EXPIRE_PER_COMMIT)
    for reservation in over:
        _end(desk, reservation, "expired", give_back=True)
    return len(over)


def _end(
    desk: Desk, reservation: Reservation, state: ReservationState, *, give_back: bool
) -> Reservation:
    after = msgspec.structs.replace(reservation, state=state, changed_ms=desk.now_ms)
    if give_back:
        for sku, warehouse, units in reservation.allocations:
            desk.rights.move(sku, warehouse, units, "held", "pool", reservation.reservation_id)
            desk.rights.note_arrival(sku)
        desk.tell("backorders")
    desk.reservations.put(after)
    return after
