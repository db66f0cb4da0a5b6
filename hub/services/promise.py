"""The promise: from which warehouses an order leaves, and the rights debited for it.

Sourcing reads what is available to promise, chooses, and debits inside one transaction, so that no
other order can take the same unit in between. Either every missing unit of the order is promised,
or none is and the order waits as backordered.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from hub.domain.channel_order import Address
from hub.domain.courier_choice import DAY_MS, MINUTE_MS
from hub.domain.depots import Terms
from hub.domain.orders import order_status, parcel_move
from hub.domain.review import Hit
from hub.domain.rows import OrderLineRow, OrderRow, ParcelLineRow, ParcelRow
from hub.domain.sourcing import Need, Offer, PlannedParcel, Point, source
from hub.domain.sourcing_why import Explanation
from hub.services.awaiting import awaiting
from hub.services.boxes import box_of
from hub.services.channel_tasks import note_shipped, note_status
from hub.services.merge_orders import FASTEST, wait_until_ms, waiting_boxes
from hub.services.own_rights import OwnRights
from hub.store.protocol import Desk
from shared.domain.errors import NotFound, Unavailable

_encode = msgspec.json.Encoder().encode


def need_order(desk: Desk, order_id: str) -> OrderRow:
    """Return the order or raise NotFound."""
    order = desk.orders.get(order_id)
    if order is None:
        raise NotFound(
            "order_unknown",
            f"Failed to find order {order_id[:64]!r}.",
            hint="Take order_id from the answer to the order, or list /api/v1/orders.",
        )
    return order


def destination(address: Address) -> Point | None:
    """Return the address as a point, None when it has no coordinates."""
    if address.latitude is None or address.longitude is None:
        return None
    return Point(round(address.latitude * 1_000_000), round(address.longitude * 1_000_000))


def promise_missing(desk: Desk, order_id: str, own: OwnRights | None = None) -> Explanation | None:
    """Promise every missing unit of an order, or none; return why, None when nothing was missing.

    Where the order came up short of a SKU before, it is not promised again until stock came in.
    `own` are rights that only this order may use; they are used first.
    """
    lines = [line for line in desk.orders.lines(order_id) if line.missing]
    if not lines:
        return None
    wanted = {line.sku: line.missing for line in lines}
    order = need_order(desk, order_id)
    waits = awaiting(desk, wanted, placed_ms_of(order))
    if waits is not None:
        return waits
    offers = offers_for(desk, order_id, wanted, own)
    address = desk.orders.person(order_id).address
    terms = terms_of(desk, order, address)
    if own and own.found:  # its shop sold what it was lent: that is not given away meanwhile
        terms = msgspec.structs.replace(terms, may_wait=False)
    choice = source(needs_of(desk, lines), offers, destination(address), terms)
    for planned in choice.parcels:
        _book(desk, order_id, planned, choice.explanation, own)
    if choice.parcels:
        for line in lines:
            desk.orders.set_missing(order_id, line.line_no, 0)
        desk.tell("release")
    return choice.explanation


def offers_for(
    desk: Desk, order_id: str, skus: Collection[str], own: OwnRights | None = None
) -> list[Offer]:
    """Return what each warehouse may promise of `skus` to this order."""
    offers = desk.rights.offers(skus)
    return _without(own.offered(offers) if own else offers, desk.orders.avoided(order_id))


def needs_of(desk: Desk, lines: list[OrderLineRow]) -> tuple[Need, ...]:
    """Return the missing units of `lines`."""
    products = desk.catalogue.products({line.sku for line in lines})
    return tuple(
        Need(
            line.line_no,
            line.sku,
            line.missing,
            products[line.sku].unit_weight_grams,
            products[line.sku].volume_mm3,
            line.unit_price_minor,
        )
        for line in lines
    )


def terms_of(desk: Desk, order: OrderRow, address: Address) -> Terms:
    """Return what a decision about `order` has to know beside stock."""
    rules = desk.policy.sourcing
    return Terms(
        policy=desk.policy,
        now_ms=desk.now_ms,
        ship_by_ms=order.ship_by_ms,
        province=address.province,
        city=address.city,
        fastest=FASTEST in desk.orders.flags(order.order_id),
        may_wait=_may_wait(desk, order),
        boxes=waiting_boxes(desk, order.order_id),
        open_parcels=desk.parcels.open_by_warehouse() if rules.capacity_parcels else {},
    )


def _may_wait(desk: Desk, order: OrderRow) -> bool:
    """Say whether the order can still wait for a better plan: not too long, and never till late."""
    waited_ms = desk.now_ms - order.received_ms
    in_time = not order.ship_by_ms or desk.now_ms + DAY_MS < order.ship_by_ms
    return in_time and 0 <= waited_ms < desk.policy.sourcing.parcel_value_wait_minutes * MINUTE_MS


def placed_ms_of(order: OrderRow) -> int:
    """Return when the channel says the order was placed, 0 when it does not say."""
    return 0 if order.placed_ms == order.received_ms else order.placed_ms


def _without(offers: list[Offer], avoid: Collection[tuple[str, str]]) -> list[Offer]:
    if not avoid:
        return offers
    return [
        Offer(
            offer.warehouse,
            offer.place,
            {
                sku: 0 if (sku, offer.warehouse) in avoid else units
                for sku, units in offer.atp.items()
            },
        )
        for offer in offers
    ]


def _book(
    desk: Desk, order_id: str, planned: PlannedParcel, why: Explanation, own: OwnRights | None
) -> None:
    """Debit the rights of one parcel and record it."""
    parcel_id = desk.new_id()
    wanted: dict[str, int] = {}
    for line in planned.lines:
        wanted[line.sku] = wanted.get(line.sku, 0) + line.quantity
    for sku, quantity in sorted(wanted.items()):
        units = own.spend(desk, sku, planned.warehouse, quantity, parcel_id) if own else quantity
        if units and not desk.rights.reserve(sku, planned.warehouse, units, "ordered", parcel_id):
            raise Unavailable(
                "stock_moved",
                f"Failed to reserve {units} of {sku} in {planned.warehouse}: somebody was faster.",
                hint="Send the same order again.",
            )
    desk.parcels.put(
        ParcelRow(
            parcel_id=parcel_id,
            order_id=order_id,
            warehouse=planned.warehouse,
            state="reserved",
            distance_m=planned.distance_m,
            explanation=msgspec.Raw(_encode({"sourcing": why.sentence})),
            created_ms=desk.now_ms,
            changed_ms=desk.now_ms,
            release_after_ms=wait_until_ms(desk, need_order(desk, order_id), planned.cut_off_ms),
        )
    )
    desk.parcels.put_lines(
        parcel_id,
        [
            ParcelLineRow(line_no=line.line_no, sku=line.sku, quantity=line.quantity)
            for line in planned.lines
        ],
    )


def give_back(desk: Desk, parcel: ParcelRow) -> None:
    """Return the rights of every unit of `parcel` that neither left nor was lost."""
    for line in desk.parcels.lines(parcel.parcel_id):
        if line.open_units > 0:
            desk.rights.move(
                line.sku, parcel.warehouse, line.open_units, "ordered", "pool", parcel.parcel_id
            )
            desk.rights.note_arrival(line.sku)
    desk.tell("backorders")


def drop_reserved(desk: Desk, parcel: ParcelRow) -> None:
    """Cancel a parcel that no floor knows, rights back at once."""
    state = parcel_move(parcel.parcel_id, parcel.state, "ask_cancel")
    give_back(desk, parcel)
    save_parcel(desk, msgspec.structs.replace(parcel, state=state))


def save_parcel(desk: Desk, parcel: ParcelRow) -> None:
    """Store `parcel` and say so in the change feed."""
    desk.parcels.put(msgspec.structs.replace(parcel, changed_ms=desk.now_ms))
    desk.journal.event(
        f"parcel_{parcel.state}",
        order_id=parcel.order_id,
        parcel_id=parcel.parcel_id,
        warehouse=parcel.warehouse,
        data={"waybill": waybill} if (waybill := box_of(desk, parcel).waybill) else None,
    )
    if parcel.state == "shipped":
        note_shipped(desk, parcel)


def refresh(
    desk: Desk,
    order: OrderRow,
    *,
    explanation: Explanation | None = None,
    reasons: tuple[Hit, ...] | None = None,
    new: bool = False,
) -> OrderRow:
    """Fold the order's flags, lines and parcels into its status; store it and tell of a change.

    A `new` order tells its status even when it is the one it was stored with.
    """
    order_id = order.order_id
    status = order_status(
        held=order.held,
        cancel_asked=order.cancel_asked,
        missing=sum(line.missing for line in desk.orders.lines(order_id)),
        parcels=[parcel.state for parcel in desk.parcels.of_order(order_id)],
    )
    after = msgspec.structs.replace(
        order,
        status=status,
        changed_ms=desk.now_ms,
        reasons=order.reasons if reasons is None else reasons,
        explanation=order.explanation if explanation is None else msgspec.Raw(_encode(explanation)),
    )
    desk.orders.put(after)
    if new or status != order.status:
        desk.journal.event(f"order_{status}", order_id=order_id, data={"status": status})
        note_status(desk, after)
    return after
