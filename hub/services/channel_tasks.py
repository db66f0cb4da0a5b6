"""What shops are owed: word of each parcel that left, and an answer to each cancellation.

The debt is written in the transaction that makes it true, so no parcel leaves untold because a
process died in between. Telling is repeated until the shop has confirmed, and what a channel does
first is look: a shop that knows already is not told twice.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hub.channels import CHANNELS
from hub.channels.base import Shipment, ShippedUnits
from hub.domain.backoff import wait_ms
from hub.domain.channel_rows import ShopRow, Task, TaskKind
from hub.domain.rows import OrderRow, ParcelRow
from hub.services.boxes import box_of
from hub.store.protocol import Desk
from shared.domain.errors import BincardError, NotFound

TRIES_MAX: Final = 20
"""After so many failures a person must look; with the pauses between them about seven hours."""
SETTLED_KEPT_MS: Final = 90 * 86_400_000
"""A settled debt stops the same word from being owed again. Whatever repeats itself does so within
days; after that the channel, which looks before it tells, is guard enough."""
FORGET_PER_COMMIT: Final = 200
DEAD: Final = "channel_dead_letter"
TOPIC: Final = "shops"


class Debt(msgspec.Struct, frozen=True, kw_only=True):
    """One task with what the channel needs to settle it."""

    task: Task
    order_no: str
    shipment: Shipment | None = None


def need_shop(desk: Desk, channel: str, shop: str) -> ShopRow:
    """Return a shop or raise NotFound."""
    row = desk.channels.shop(channel, shop)
    if row is None:
        raise NotFound(
            "shop_unknown",
            f"Failed to find shop {channel[:32]}/{shop[:64]}.",
            hint="Add it with `bincard hub add-shop`.",
        )
    return row


def pull_soon(desk: Desk, channel: str, shop: str) -> None:
    """Have a shop pulled in the next round."""
    row = need_shop(desk, channel, shop)
    desk.channels.put_shop(msgspec.structs.replace(row, pull_due_ms=desk.now_ms))
    desk.tell(TOPIC)


def note_shipped(desk: Desk, parcel: ParcelRow) -> None:
    """Owe the order's shop word of `parcel`, which has left."""
    order = desk.orders.get(parcel.order_id)
    if order is not None:
        _owe(desk, order, "confirm_shipment", parcel.parcel_id)


def note_status(desk: Desk, order: OrderRow) -> None:
    """Owe the shop an answer once the fate of an order it wants cancelled is known."""
    if not order.cancel_asked or order.status not in {"cancelled", "shipped"}:
        return
    seen = desk.channels.seen(order.channel, order.shop, order.order_no)
    if seen is None or seen.state != "cancelled":
        return
    refuse_or_accept(desk, order)


def refuse_or_accept(desk: Desk, order: OrderRow) -> None:
    """Owe the shop the answer that the order's status gives; tell a person when it is a no."""
    late = order.status != "cancelled"
    channel = CHANNELS.get(order.channel)
    if channel is not None and channel.answers_cancels:
        _owe(desk, order, "refuse_cancel" if late else "accept_cancel", order.order_id)
    if late:
        desk.journal.raise_exception(
            "channel_cancel_too_late",
            "",
            order.order_id,
            f"Order {order.order_no} of {order.channel}/{order.shop} was cancelled there, but it "
            f"is {order.status} here; expect it back as a return.",
        )


def _owe(desk: Desk, order: OrderRow, kind: TaskKind, subject: str) -> None:
    shop = desk.channels.shop(order.channel, order.shop)
    if shop is None or not shop.active:
        return
    desk.channels.add_task(
        Task(
            task_id=f"{kind}:{subject}",
            channel=order.channel,
            shop=order.shop,
            kind=kind,
            subject=subject,
            due_ms=desk.now_ms,
            made_ms=desk.now_ms,
            changed_ms=desk.now_ms,
        )
    )
    desk.tell(TOPIC)


def due_debts(desk: Desk, shop: ShopRow, limit: int) -> list[Debt]:
    """Return what `shop` must be told now."""
    tasks = desk.channels.due_tasks(shop.channel, shop.shop, desk.now_ms, limit)
    return [_debt(desk, task) for task in tasks]


def _debt(desk: Desk, task: Task) -> Debt:
    if task.kind != "confirm_shipment":
        order = desk.orders.get(task.subject)
        return Debt(task=task, order_no="" if order is None else order.order_no)
    parcel = desk.parcels.get(task.subject)
    order = None if parcel is None else desk.orders.get(parcel.order_id)
    if parcel is None or order is None:
        return Debt(task=task, order_no="")
    return Debt(task=task, order_no=order.order_no, shipment=_shipment(desk, order, parcel))


def _shipment(desk: Desk, order: OrderRow, parcel: ParcelRow) -> Shipment:
    seen = desk.channels.seen(order.channel, order.shop, order.order_no)
    line_ids = {} if seen is None else seen.line_ids
    box = box_of(desk, parcel)
    return Shipment(
        parcel_id=parcel.parcel_id,
        order_no=order.order_no,
        remote_id=order.order_no if seen is None else seen.remote_id,
        courier=box.courier,
        waybill=box.waybill or "",
        shipped_ms=parcel.shipped_ms or desk.now_ms,
        whole=order.status == "shipped",
        lines=tuple(
            ShippedUnits(
                line_no=line.line_no,
                remote_line_id=line_ids.get(line.line_no, ""),
                sku=line.sku,
                quantity=line.shipped,
            )
            for line in desk.parcels.lines(parcel.parcel_id)
            if line.shipped
        ),
    )


def settle_debt(
    desk: Desk, task_id: str, error: BincardError | None, *, first_ms: int, asked_ms: int = 0
) -> None:
    """Record what became of telling: done, to be tried again, or given up for a person.

    `first_ms` is the pause after the first failure, `asked_ms` the pause the shop asked for. A
    clear no is given up at once; only missing permission is tried on, for somebody may grant it.
    """
    task = desk.channels.task(task_id)
    if task is None or task.state != "waiting":
        return
    shop = f"{task.channel}/{task.shop}"
    if error is None:
        desk.channels.put_task(
            msgspec.structs.replace(task, state="done", trouble="", changed_ms=desk.now_ms)
        )
        desk.journal.solve(DEAD, "", task_id, "the shop has confirmed")
        _tell_of(desk, task)
        return
    tries = task.tries + 1
    lasting = not error.retryable and error.code != "shop_credentials"
    dead = lasting or tries >= TRIES_MAX
    desk.channels.put_task(
        msgspec.structs.replace(
            task,
            state="dead" if dead else "waiting",
            tries=tries,
            trouble=error.code,
            due_ms=desk.now_ms + wait_ms(tries, first_ms, asked_ms),
            changed_ms=desk.now_ms,
        )
    )
    if dead:
        desk.journal.raise_exception(
            DEAD,
            "",
            task_id,
            f"{shop} could not be told {task.kind.replace('_', ' ')} for {task.subject}: "
            f"{error.message} Tell it by hand, or mend it and use POST /api/v1/shops/{shop}/retry.",
        )


def _tell_of(desk: Desk, task: Task) -> None:
    if task.kind == "confirm_shipment":
        parcel = desk.parcels.get(task.subject)
        if parcel is not None:
            desk.journal.event(
                "shipment_confirmed",
                order_id=parcel.order_id,
                parcel_id=parcel.parcel_id,
                data={"shop": f"{task.channel}/{task.shop}"},
            )
        return
    desk.journal.event(
        "cancel_answered", order_id=task.subject, data={"accepted": task.kind == "accept_cancel"}
    )


def forget_settled(desk: Desk) -> int:
    """Forget some of the debts settled long ago; return how many. What failed stays."""
    return desk.channels.forget_tasks(desk.now_ms - SETTLED_KEPT_MS, FORGET_PER_COMMIT)


def retry_debts(desk: Desk, channel: str, shop: str) -> int:
    """Try everything again that was given up for a shop; return how many. Raises NotFound."""
    need_shop(desk, channel, shop)
    count = desk.channels.revive_tasks(channel, shop, desk.now_ms)
    desk.journal.audit("retry_shop", f"{channel}/{shop}", f"{count} tasks")
    desk.tell(TOPIC)
    return count
