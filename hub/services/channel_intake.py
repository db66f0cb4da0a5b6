"""Orders as shops show them, by webhook or by pull, in whatever order and how often they come.

The platform's own date of change (the mark) decides which copy is newer. An older copy is dropped,
the same copy is known, a newer one with other content is the next version of our order. Content
that differs under one mark is believed from a pull, which is a fresh look; a webhook only makes us
look. One order that cannot be taken is reported and kept; the others of the page go in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from hub.channels.base import BadOrder, RemoteOrder
from hub.domain.channel_order import ChannelOrder, digest_of
from hub.domain.channel_rows import Reject, SeenOrder, ShopRow
from hub.domain.rows import OrderRow
from hub.services.channel_tasks import pull_soon, refuse_or_accept
from hub.services.decide_order import cancel
from hub.services.ingest_order import ingest
from hub.services.shop_rights import shown_again, units_ordered
from hub.store.protocol import Desk
from shared.domain.errors import BincardError, Refused
from shared.runtime.attempt import is_disk_trouble

ORDERS_PER_COMMIT: Final = 50
"""Orders of one page that share a transaction, each in a savepoint of its own."""
REJECT_WAIT_MS: Final = 60_000
"""A rejected order is tried again this often; a missing product may be imported meanwhile."""
REJECTS_PER_COMMIT: Final = 25
REJECTED: Final = "channel_order_rejected"
TOO_LATE: Final = "channel_change_too_late"

Outcome = Literal["taken", "known", "old", "unsure", "cancelled", "noted", "rejected", "too_late"]
_remote = msgspec.json.Decoder(RemoteOrder)


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the orders of one message; `rejected` are tried again by themselves."""

    taken: int = 0
    known: int = 0
    old: int = 0
    unsure: int = 0
    cancelled: int = 0
    noted: int = 0
    rejected: int = 0
    too_late: int = 0


def take_in(
    desk: Desk,
    shop: ShopRow,
    orders: Iterable[RemoteOrder],
    bad: Iterable[BadOrder] = (),
    *,
    pulled: bool,
) -> Intake:
    """Take in what a shop told; each order succeeds or fails alone. `pulled`: we asked for it."""
    counts = Counter(_take_alone(desk, shop, remote, pulled=pulled) for remote in orders)
    for one in bad:
        counts["rejected"] += 1
        _report(desk, shop, one.order_no, one.reason)
    if counts["unsure"]:
        pull_soon(desk, shop.channel, shop.shop)
    return msgspec.convert(counts, Intake)


def _take_alone(desk: Desk, shop: ShopRow, remote: RemoteOrder, *, pulled: bool) -> Outcome:
    """Take one order in; whatever is odd about it stays its own trouble, unless the disk fails."""
    try:
        return desk.attempt(lambda: _take(desk, shop, remote, pulled=pulled))
    except Exception as error:
        if is_disk_trouble(error):
            raise
        _report(desk, shop, remote.order_no, f"it cannot be stored ({type(error).__name__}).")
        return "rejected"


def _take(desk: Desk, shop: ShopRow, remote: RemoteOrder, *, pulled: bool) -> Outcome:
    seen = desk.channels.seen(shop.channel, shop.shop, remote.order_no)
    digest = _digest(remote)
    if seen is not None:
        if remote.mark < seen.mark:
            return "old"
        if (seen.digest, seen.state) == (digest, remote.state):
            _remember(desk, shop, remote, digest, seen.line_ids)
            return "known"
        if remote.mark == seen.mark and not pulled:
            return "unsure"
    before = desk.orders.by_key(shop.channel, shop.shop, remote.order_no)
    if remote.order is not None:
        return _take_open(desk, shop, remote, remote.order, seen, before)
    _remember(desk, shop, remote, digest, {} if seen is None else seen.line_ids)
    desk.channels.drop_reject(shop.channel, shop.shop, remote.order_no)
    if remote.state == "cancelled":
        return _cancel(desk, shop, before)
    if before is not None and seen is not None and seen.state == "open":
        _tell_of_end(desk, shop, remote, before)
    return "noted"


def _digest(remote: RemoteOrder) -> str:
    """Return a digest of what is ordered, whatever version the shop gives it."""
    if remote.order is None:
        return remote.state
    return digest_of(msgspec.structs.replace(remote.order, version=1))


def _remember(
    desk: Desk, shop: ShopRow, remote: RemoteOrder, digest: str, line_ids: dict[int, str]
) -> None:
    desk.channels.put_seen(
        SeenOrder(
            channel=shop.channel,
            shop=shop.shop,
            order_no=remote.order_no,
            remote_id=remote.remote_id,
            mark=remote.mark,
            state=remote.state,
            digest=digest,
            line_ids=line_ids,
        )
    )


def _take_open(
    desk: Desk,
    shop: ShopRow,
    remote: RemoteOrder,
    order: ChannelOrder,
    seen: SeenOrder | None,
    before: OrderRow | None,
) -> Outcome:
    digest = _digest(remote)
    if before is not None:
        order = msgspec.structs.replace(order, version=max(order.version, before.version + 1))
        if seen is None and _same_as_known(desk, order, before):
            _remember(desk, shop, remote, digest, remote.line_ids)
            return "known"
    try:
        desk.attempt(lambda: ingest(desk, order))
    except Refused as error:
        if error.code == "order_state" and before is not None:
            kept = {} if seen is None else seen.line_ids
            _remember(desk, shop, remote, digest, kept or remote.line_ids)
            _report_late(desk, shop, remote.order_no, before)
            return "too_late"
        return _reject(desk, shop, remote, error)
    except BincardError as error:
        return _reject(desk, shop, remote, error)
    _remember(desk, shop, remote, digest, remote.line_ids)
    desk.channels.drop_reject(shop.channel, shop.shop, remote.order_no)
    desk.journal.solve(REJECTED, "", f"{shop.label}/{remote.order_no}", "the order was taken")
    return "taken"


def _same_as_known(desk: Desk, order: ChannelOrder, before: OrderRow) -> bool:
    """Say whether an order that came another way before says just the same."""
    known = desk.orders.version(before.order_id, before.version)
    same = digest_of(msgspec.structs.replace(order, version=before.version))
    return known is not None and known[0] == same


def _cancel(desk: Desk, shop: ShopRow, before: OrderRow | None) -> Outcome:
    """Cancel our order; a cancellation that comes before its order is remembered."""
    if before is None:
        return "cancelled"
    if before.status == "cancelled":
        refuse_or_accept(desk, before)
        return "cancelled"
    if before.cancel_asked:
        return "cancelled"
    outcome: Outcome = "cancelled"
    try:
        desk.attempt(lambda: cancel(desk, before.order_id, "cancelled by the channel"))
    except Refused:
        refuse_or_accept(desk, before)
        outcome = "too_late"
    for sku, units in sorted(units_ordered(desk, before.order_id).items()):
        listing = desk.channels.listing(shop.channel, shop.shop, sku)
        if listing is not None:
            shown_again(desk, listing, units)
    return outcome


def _tell_of_end(desk: Desk, shop: ShopRow, remote: RemoteOrder, order: OrderRow) -> None:
    """The platform says that an order is over or must wait, while a floor may be packing it."""
    if order.status in {"shipped", "cancelled"}:
        return
    what = "closed there" if remote.state == "closed" else "stopped there (refund or payment)"
    desk.journal.raise_exception(
        "channel_order_stopped",
        "",
        f"{shop.label}/{remote.order_no}",
        f"Order {remote.order_no} of {shop.label} was {what}, but it is {order.status} here. Hold "
        "or cancel it, or let it go.",
    )


def _report(desk: Desk, shop: ShopRow, order_no: str, reason: str) -> None:
    desk.journal.raise_exception(
        REJECTED,
        "",
        _plain(f"{shop.label}/{order_no}"),
        _plain(f"Order {order_no or '(no number)'} of {shop.label} cannot be taken: {reason}"),
    )


def _plain(text: str) -> str:
    """Return `text` without characters that screens and databases cannot show."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _report_late(desk: Desk, shop: ShopRow, order_no: str, before: OrderRow) -> None:
    desk.journal.raise_exception(
        TOO_LATE,
        "",
        f"{shop.label}/{order_no}",
        f"Order {order_no} of {shop.label} was changed there, but it is {before.status} here; the "
        "earlier version goes on. Cancel it, or settle the difference with the buyer.",
    )


def _reject(desk: Desk, shop: ShopRow, remote: RemoteOrder, error: BincardError) -> Outcome:
    """Keep the order and try it again: the next pull would not bring it back."""
    desk.channels.put_reject(
        Reject(
            channel=shop.channel,
            shop=shop.shop,
            order_no=remote.order_no,
            code=error.code,
            content=msgspec.json.encode(remote),
            due_ms=desk.now_ms + REJECT_WAIT_MS,
        )
    )
    _report(desk, shop, remote.order_no, error.message)
    return "rejected"


def retry_rejects(desk: Desk) -> int:
    """Try the next rejected orders again; return how many there were."""
    due = desk.channels.due_rejects(desk.now_ms, REJECTS_PER_COMMIT)
    for reject in due:
        shop = desk.channels.shop(reject.channel, reject.shop)
        if shop is None:
            desk.channels.drop_reject(reject.channel, reject.shop, reject.order_no)
            continue
        remote = _remote.decode(reject.content)
        if _take_alone(desk, shop, remote, pulled=True) == "rejected":
            due_ms = desk.now_ms + REJECT_WAIT_MS
            desk.channels.put_reject(msgspec.structs.replace(reject, due_ms=due_ms))
    return len(due)
