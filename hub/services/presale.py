"""Presale: goods are sold for a date before they are there, and become stock when they come in.

A quota per SKU and ship date says how many. An order marked `presale` is promised from stock if
there is enough; if not, its units are taken out of the earliest quotas that still have some, all of
them or none. It then waits as backordered, with the date by which each line is to leave. No stock
stands behind it, so nothing of it can be sold twice.

When stock is minted, as much of it as presale orders wait for is lent to the account `presale` in
the same transaction, before anybody else can be promised a unit of it. The pump for backorders then
turns the oldest orders' promises into stock. An order with several SKUs waits until all are there.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final

import msgspec

from hub.domain.holders import PRESALE
from hub.domain.presale_rows import PresalePromise, PresaleRow
from hub.domain.sourcing_why import Explanation
from hub.services.awaiting import RECOVERING
from hub.services.own_rights import OwnRights, lend
from hub.services.promise import promise_missing
from hub.store.protocol import Desk
from shared.domain.catalogue import Sku
from shared.domain.errors import InvalidInput, NotFound, Refused

FLAG: Final = "presale"
RULE: Final = "presale_quota@1"
ShipDate = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class PresaleRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How many units of a SKU may be sold for a ship date (YYYY-MM-DD) before they are there."""

    sku: Sku
    ship_date: ShipDate
    units: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class PresaleView(msgspec.Struct, frozen=True, kw_only=True):
    """One quota. `promised` units wait for stock, `turned` ones have it, `left` may be sold."""

    sku: str
    ship_date: str
    units: int
    promised: int
    turned: int
    left: int


def view_presale(row: PresaleRow) -> PresaleView:
    """Return one quota for an answer."""
    return PresaleView(**msgspec.structs.asdict(row), left=row.left)


def set_presale(desk: Desk, request: PresaleRequest) -> PresaleView:
    """Set a presale quota; the same again changes nothing.

    Raises NotFound `sku_unknown`, InvalidInput `ship_date`, Refused `presale_sold`.
    """
    try:
        date.fromisoformat(request.ship_date)
    except ValueError as error:
        raise InvalidInput(
            "ship_date",
            f"Failed to set a presale quota: expected a day such as 2026-12-24, got "
            f"{request.ship_date}.",
        ) from error
    if desk.catalogue.product(request.sku) is None:
        raise NotFound(
            "sku_unknown",
            f"Failed to set a presale quota: SKU {request.sku!r} is not in the catalogue.",
            hint="Import the product first.",
        )
    if not desk.presales.put(request.sku, request.ship_date, request.units):
        raise Refused(
            "presale_sold",
            f"Failed to set a presale quota of {request.units} units of {request.sku} for "
            f"{request.ship_date}: more are sold already.",
            hint="Cancel orders first, or keep the quota at what is sold.",
        )
    subject = f"{request.sku}/{request.ship_date}"
    desk.journal.audit("set_presale", subject, f"{request.units} units")
    desk.rights.note_arrival(request.sku)
    desk.tell("backorders")
    return next(
        view_presale(row)
        for row in desk.presales.quotas(request.sku)
        if row.ship_date == request.ship_date
    )


def promise_order(desk: Desk, order_id: str, own: OwnRights | None = None) -> Explanation | None:
    """Promise an order from stock, or from presale quotas when it is marked so; or let it wait."""
    before = desk.presales.of_order(order_id)
    own = own or _own(desk, before)
    explanation = promise_missing(desk, order_id, own)
    if before:
        end_if_served(desk, order_id)
    elif explanation is not None and explanation.rule != RECOVERING and _lacks(desk, order_id):
        return _take_quota(desk, order_id, explanation)
    return explanation


def _lacks(desk: Desk, order_id: str) -> bool:
    return any(line.missing for line in desk.orders.lines(order_id))


def end_if_served(desk: Desk, order_id: str) -> None:
    """An order that lacks nothing any more has turned its presale into stock, wherever from."""
    if not _lacks(desk, order_id):
        _end(desk, order_id, turned=True)


def _own(desk: Desk, promises: list[PresalePromise]) -> OwnRights:
    """Return the stock that came in for these promises."""
    wanted: dict[str, int] = {}
    for one in promises:
        wanted[one.sku] = wanted.get(one.sku, 0) + one.units
    return OwnRights(desk, PRESALE, wanted)


def _take_quota(desk: Desk, order_id: str, explanation: Explanation) -> Explanation:
    """Take everything that an order lacks out of presale quotas, or nothing."""
    if FLAG not in desk.orders.flags(order_id):
        return explanation
    try:
        dates = desk.attempt(lambda: _take_all(desk, order_id))
    except Refused as error:
        return msgspec.structs.replace(
            explanation, sentence=f"{explanation.sentence} {error.message}"
        )
    return msgspec.structs.replace(
        explanation,
        rule=RULE,
        sentence=f"Sold in presale, to leave by {max(dates)}: it is promised from stock in the "
        "order in which orders came, as soon as stock comes in.",
    )


def _take_all(desk: Desk, order_id: str) -> set[str]:
    dates: set[str] = set()
    for line in desk.orders.lines(order_id):
        left = line.missing
        for quota in desk.presales.quotas(line.sku):
            promise = PresalePromise(
                order_id=order_id,
                line_no=line.line_no,
                sku=line.sku,
                ship_date=quota.ship_date,
                units=min(left, quota.left),
            )
            if promise.units > 0 and desk.presales.promise(promise):
                left -= promise.units
                dates.add(quota.ship_date)
        if left:
            raise Refused(
                "presale_sold_out",
                f"Of the presale quotas of {line.sku}, {left} units too few are left.",
            )
    return dates


def back_with_stock(desk: Desk, sku: str) -> None:
    """Lend what came in to presale orders that wait for it; call it wherever a pool has grown."""
    waiting = desk.presales.waiting(sku)
    if not waiting or desk.nodes.frozen((sku,)):
        return
    lacks = waiting - sum(desk.quotas.accounts(PRESALE, (sku,)).values())
    if lacks > 0:
        lend(desk, PRESALE, sku, lacks, "presale")
        desk.tell("backorders")


def drop_presale(desk: Desk, order_id: str) -> None:
    """An order is cancelled or changed: its presale units may be sold again, its stock too."""
    _end(desk, order_id, turned=False)


def _end(desk: Desk, order_id: str, *, turned: bool) -> None:
    """End an order's promises; stock that came in for them and is not used goes to the pools."""
    ended = desk.presales.of_order(order_id)
    if not ended:
        return
    desk.presales.end(order_id, turned=turned)
    for sku in sorted({one.sku for one in ended}):
        too_many = sum(desk.quotas.accounts(PRESALE, (sku,)).values()) - desk.presales.waiting(sku)
        if too_many > 0:
            OwnRights(desk, PRESALE, {sku: too_many}).give_up(desk, order_id)
        desk.rights.note_arrival(sku)
    desk.tell("backorders")
