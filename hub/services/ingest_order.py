"""Intake: an order of a channel becomes a promise, a backorder, or a held order, before the answer.

Channels send the same order again whenever they are unsure. The same order, shop, number and
version gives the first answer; other content under the same version is a conflict; a higher version
replaces the order as long as no floor has it.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from hub.domain.channel_order import ChannelOrder, decode_order, digest_of, read_time_ms
from hub.domain.orders import check_request
from hub.domain.rows import OrderLineRow, OrderRow, Person
from hub.services.adopt import settle_order
from hub.services.order_lines import count_missing
from hub.services.order_views import view_order
from hub.services.presale import drop_presale, promise_order
from hub.services.promise import drop_reserved, refresh
from hub.services.reservations import release_if_known, use_reservation
from hub.services.review_order import look_over
from hub.services.shop_rights import follow_sale, units_ordered
from hub.store.protocol import Desk
from shared.domain.errors import BincardError, Conflict, Refused, Unavailable

ORDERS_PER_BODY_MAX: Final = 500
"""Orders in one NDJSON body."""
ORDERS_PER_COMMIT: Final = 50
"""Orders of one body that share a transaction, each in a savepoint of its own."""
SKUS_TOLD_MAX: Final = 5

_encode = msgspec.json.Encoder().encode


class Ingested(msgspec.Struct, frozen=True):
    """The answer as JSON, and whether this order came for the first time."""

    answer: msgspec.Raw
    created: bool


class ItemResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one order of a batch; `item` counts from 1."""

    item: int
    result: Literal["created", "repeated", "rejected"]
    order_id: str = ""
    order_no: str = ""
    status: str = ""
    code: str = ""
    detail: str = ""
    hint: str = ""
    retryable: bool = False
    order: msgspec.Raw = msgspec.Raw(b"")


def ingest(desk: Desk, order: ChannelOrder) -> Ingested:
    """Take one order in and return its answer.

    Raises Conflict (`order_version_reused`, `order_version_old`) and Refused (`sku_unknown`,
    `order_state`).
    """
    digest = digest_of(order)
    before = desk.orders.by_key(order.channel, order.shop, order.order_no)
    if before is not None:
        answer = _answer_of_version(desk, order, before, digest)
        if answer is not None:
            return Ingested(msgspec.Raw(answer), created=False)
    learnt = _only_floors_know(desk, order, before)
    if before is None:
        _check_amendable(desk, order)
    elif not learnt:
        _withdraw(desk, before)
    _check_skus(desk, order)
    units_before = units_ordered(desk, before.order_id if before else None)
    row = _store(desk, order, before)
    own = follow_sale(desk, order, units_before)
    if learnt:
        own.give_up(desk, row.order_id)
        return _complete(desk, order, row, digest)
    if order.reservation_id:
        use_reservation(desk, order.reservation_id)
    hits = look_over(desk, row.order_id, order)
    row = msgspec.structs.replace(row, held=bool(hits))
    explanation = None if hits else promise_order(desk, row.order_id, own)
    own.give_up(desk, row.order_id)
    row = refresh(desk, row, explanation=explanation, reasons=hits, new=True)
    answer = _encode(view_order(desk, row))
    desk.orders.put_version(row.order_id, order.version, digest, answer)
    return Ingested(msgspec.Raw(answer), created=True)


def _only_floors_know(desk: Desk, order: ChannelOrder, before: OrderRow | None) -> bool:
    """Say whether the hub has forgotten this order and only learnt of its parcels from floors.

    A later version than the floors work on is an amendment like any other.
    """
    if before is None or before.version > 0:
        return False
    floors = desk.nodes.learnt_version(before.order_id)
    return not floors or order.version <= floors


def _check_amendable(desk: Desk, order: ChannelOrder) -> None:
    """Let a changed order wait while a floor may have an older version that the hub forgot."""
    if order.version > 1 and desk.nodes.may_be_forgotten(0):
        raise Unavailable(
            "hub_recovering",
            f"Failed to take version {order.version} of order {order.label}: the hub was restored "
            "and does not know yet whether a warehouse has an earlier version of it.",
            hint="Send the same order again in a minute.",
        )


def _complete(desk: Desk, order: ChannelOrder, row: OrderRow, digest: str) -> Ingested:
    """Fill in what the floors could not tell; what their parcels carry is not promised again.

    Reviewing it again is of no use: a floor has it, so somebody had let it go.
    """
    if order.reservation_id:
        release_if_known(desk, order.reservation_id)
    count_missing(desk, row)
    row = refresh(desk, row)
    if not desk.nodes.recovering():
        row = settle_order(desk, row)
    desk.journal.event("order_completed", order_id=row.order_id)
    answer = _encode(view_order(desk, row))
    desk.orders.put_version(row.order_id, order.version, digest, answer)
    return Ingested(msgspec.Raw(answer), created=True)


def ingest_many(desk: Desk, first_item: int, orders: list[bytes | ChannelOrder]) -> list[bytes]:
    """Take several orders in; each succeeds or fails alone. Returns one JSON result per order."""
    return [
        _encode(_ingest_item(desk, number, order))
        for number, order in enumerate(orders, start=first_item)
    ]


def _ingest_item(desk: Desk, number: int, given: bytes | ChannelOrder) -> ItemResult:
    order_no = "" if isinstance(given, bytes) else given.order_no
    try:
        order = decode_order(given) if isinstance(given, bytes) else given
        order_no = order.order_no
        done = desk.attempt(lambda: ingest(desk, order))
    except BincardError as error:
        return ItemResult(
            item=number,
            result="rejected",
            order_no=order_no,
            status="rejected",
            code=error.code,
            detail=error.message,
            hint=error.hint,
            retryable=error.retryable,
        )
    shown = _shown.decode(done.answer)
    return ItemResult(
        item=number,
        result="created" if done.created else "repeated",
        order_id=shown.order_id,
        order_no=order_no,
        status=shown.status,
        order=done.answer,
    )


class _Shown(msgspec.Struct, frozen=True):
    order_id: str
    status: str


_shown = msgspec.json.Decoder(_Shown)


def _answer_of_version(
    desk: Desk, order: ChannelOrder, before: OrderRow, digest: str
) -> bytes | None:
    """Return the first answer of a repeat; None when `order` is a newer version."""
    known = desk.orders.version(before.order_id, order.version)
    if known is not None and known[0] == digest:
        return known[1]
    if known is not None:
        raise Conflict(
            "order_version_reused",
            f"Failed to take order {order.label}: version {order.version} came before with other "
            "content.",
            hint="Send the changed order under the next version.",
        )
    if order.version < before.version:
        raise Conflict(
            "order_version_old",
            f"Failed to take order {order.label}: expected a version above {before.version}, "
            f"got {order.version}.",
            hint="Send the newest state of the order.",
        )
    return None


def _withdraw(desk: Desk, before: OrderRow) -> None:
    """Take back what an older version was promised; only while no floor has it."""
    check_request(before.order_id, before.status, "amend")
    for parcel in desk.parcels.of_order(before.order_id):
        if parcel.state == "reserved" and desk.nodes.doubtful(parcel.parcel_id):
            raise Unavailable(
                "hub_recovering",
                f"Failed to amend order {before.order_id}: {parcel.warehouse} may have a part of "
                "it that this hub does not know of, since it was started or restored just now.",
                hint="Send the same order again in a minute.",
            )
        if parcel.state == "reserved":
            drop_reserved(desk, parcel)
        elif parcel.state not in {"cancelled", "short"}:
            raise Refused(
                "order_state",
                f"Failed to amend order {before.order_id}: a part of it is {parcel.state}.",
                hint="Cancel the order and send it again under a new order number.",
            )
    drop_presale(desk, before.order_id)
    desk.journal.event("order_amended", order_id=before.order_id)


def _check_skus(desk: Desk, order: ChannelOrder) -> None:
    skus = {line.sku for line in order.lines}
    unknown = sorted(skus - desk.catalogue.products(skus).keys())
    if unknown:
        more = f" and {len(unknown) - SKUS_TOLD_MAX} more" if len(unknown) > SKUS_TOLD_MAX else ""
        raise Refused(
            "sku_unknown",
            f"Failed to take order {order.label}: expected SKUs of the catalogue, got "
            f"{', '.join(unknown[:SKUS_TOLD_MAX])}{more}.",
            hint="Import the products first, or correct the SKU, then send the order again.",
        )


def _store(desk: Desk, order: ChannelOrder, before: OrderRow | None) -> OrderRow:
    """Record the order with every unit missing."""
    received_ms = desk.now_ms if before is None else before.received_ms
    row = OrderRow(
        order_id=desk.new_id() if before is None else before.order_id,
        channel=order.channel,
        shop=order.shop,
        order_no=order.order_no,
        version=order.version,
        status="backordered",
        held=False,
        cancel_asked=False,
        placed_ms=read_time_ms(order.placed_at, "placed_at") or received_ms,
        ship_by_ms=read_time_ms(order.ship_by, "ship_by") or 0,
        received_ms=received_ms,
        changed_ms=desk.now_ms,
    )
    desk.orders.put(row)
    desk.orders.put_person(
        row.order_id,
        Person(buyer=order.buyer, address=order.address, buyer_remark=order.buyer_remark),
    )
    desk.orders.replace_lines(
        row.order_id,
        [
            OrderLineRow(
                line_no=line.line_no,
                sku=line.sku,
                quantity=line.quantity,
                unit_price_minor=line.unit_price_minor,
                currency=line.currency,
                missing=line.quantity,
            )
            for line in order.lines
        ],
    )
    if before is None:
        desk.journal.event(
            "order_received",
            order_id=row.order_id,
            data={"channel": order.channel, "shop": order.shop, "order_no": order.order_no},
        )
    return row
