"""Quota: how many units a warehouse may sell over its own counter while head office is silent.

Head office sets a target per SKU and warehouse; a pump works towards it. More is granted only from
rights that are in the pool now, debited in the transaction that queues the command, and never while
an order waits for the same goods. Less is only asked for: the rights come back when the warehouse
says that it gave them up, and there is no time after which they come back by themselves.
Source: reference protocol "WES-1", section 4.8.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from hub.domain.holders import EDGE
from hub.domain.rows import QuotaRow, Unbalanced
from hub.store.protocol import Desk
from shared.domain.catalogue import Sku
from shared.domain.commands import ROWS_PER_COMMAND_MAX, GrantQuota, QuotaLine, RecallQuota
from shared.domain.errors import NotFound, TooMuch

QUOTAS_MAX: Final = 2_000
"""SKUs with a quota in one warehouse: its greeting names each, and greetings have a limit."""
TARGET_MAX: Final = 100_000
RECALL_AGAIN_MS: Final = 600_000
"""A request to return rights that was refused is put again after this."""
GRANT: Final = "quota_grant"
RECALL: Final = "quota_recall"
"""First words of command ids."""


class QuotaRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How many unused rights a warehouse should have for its own counter; 0 takes them back."""

    sku: Sku
    target: Annotated[int, msgspec.Meta(ge=0, le=TARGET_MAX)]


class QuotaView(msgspec.Struct, frozen=True, kw_only=True):
    """Quota of one SKU. `free` units may still be sold there; `recalling`: some are asked back."""

    sku: str
    target: int
    granted: int
    used: int
    returned: int
    free: int
    recalling: bool


def view_quota(row: QuotaRow) -> QuotaView:
    """Return one account for an answer."""
    return QuotaView(
        sku=row.sku,
        target=row.target,
        granted=row.granted,
        used=row.used,
        returned=row.returned,
        free=row.units,
        recalling=bool(row.recall_id),
    )


def quota_of(desk: Desk, warehouse: str) -> tuple[QuotaView, ...]:
    """Return what a warehouse's counter was ever lent, by SKU."""
    return tuple(view_quota(row) for row in desk.quotas.of_warehouse(warehouse, EDGE))


def set_quota(desk: Desk, warehouse: str, request: QuotaRequest) -> QuotaView:
    """Set the target of one SKU; the pump grants or asks back soon.

    Raises NotFound `warehouse_unknown` or `sku_unknown`, TooMuch `quotas_too_many`.
    """
    if desk.catalogue.warehouse(warehouse) is None:
        raise NotFound(
            "warehouse_unknown",
            f"Failed to set a quota: there is no warehouse {warehouse[:32]!r}.",
            hint="Import the warehouse first.",
        )
    if desk.catalogue.product(request.sku) is None:
        raise NotFound(
            "sku_unknown",
            f"Failed to set a quota: SKU {request.sku!r} is not in the catalogue.",
            hint="Import the product first.",
        )
    known = desk.quotas.get(warehouse, EDGE, request.sku)
    if known is None and desk.quotas.count(warehouse, EDGE) >= QUOTAS_MAX:
        raise TooMuch(
            "quotas_too_many",
            f"Failed to set a quota: {warehouse} has quotas for {QUOTAS_MAX} SKUs, which is the "
            "most.",
            hint="Give quotas only for goods that are sold over the counter.",
        )
    desk.quotas.set_target(warehouse, EDGE, request.sku, request.target)
    desk.journal.audit("set_quota", f"{warehouse}/{request.sku}", f"target {request.target}")
    desk.tell("quotas")
    row = desk.quotas.get(warehouse, EDGE, request.sku)
    if row is None:  # pragma: no cover  it was written a line above
        raise NotFound("quota_unknown", "The quota is gone.")
    return view_quota(row)


def balance_quotas(desk: Desk) -> int:
    """Bring accounts nearer to their targets, a command's worth at a time; return how many."""
    found = desk.quotas.unbalanced(EDGE, desk.now_ms - RECALL_AGAIN_MS, ROWS_PER_COMMAND_MAX)
    silent = frozenset(desk.nodes.recovering())
    frozen = desk.nodes.frozen({one.sku for one in found})
    by_warehouse: dict[str, list[Unbalanced]] = {}
    for one in found:
        if one.warehouse not in silent and one.sku not in frozen:
            by_warehouse.setdefault(one.warehouse, []).append(one)
    done = 0
    for warehouse, accounts in by_warehouse.items():
        done += _grant(desk, warehouse, [one for one in accounts if one.grant])
        done += _recall(desk, warehouse, [one for one in accounts if not one.grant])
        desk.tell(f"commands:{warehouse}")
    return done


def _grant(desk: Desk, warehouse: str, accounts: list[Unbalanced]) -> int:
    """Debit the pool first; only then does the command with the totals exist."""
    command_id = f"{GRANT}-{desk.new_id()}"
    totals = []
    for one in accounts:
        total = desk.quotas.lend(warehouse, EDGE, one.sku, one.grant, command_id)
        if total is not None:
            totals.append(QuotaLine(one.sku, total))
    if totals:
        desk.nodes.queue(warehouse, GrantQuota(totals=tuple(totals)), command_id)
        desk.journal.event(
            "quota_granted",
            warehouse=warehouse,
            data={"skus": len(totals), "units": sum(one.grant for one in accounts)},
        )
    return len(totals)


def _recall(desk: Desk, warehouse: str, accounts: list[Unbalanced]) -> int:
    """Ask for rights back. Nothing is credited before the warehouse has answered."""
    if not accounts:
        return 0
    command_id = f"{RECALL}-{desk.new_id()}"
    keep = tuple(QuotaLine(one.sku, one.keep) for one in accounts)
    desk.nodes.queue(warehouse, RecallQuota(keep=keep), command_id)
    for one in accounts:
        desk.quotas.ask(warehouse, EDGE, one.sku, command_id)
    return len(accounts)


def keep_reserved(desk: Desk, warehouse: str, *, unheard: bool = False) -> bool:
    """An edge was written off: grant it nothing more, but keep what it may have sold reserved.

    `unheard`: this hub was restored and never heard it, so it may have lent it up to its targets in
    the time it forgot; that much is debited as well. Return False when the edge holds no rights.
    """
    if unheard:
        possible = [
            (row.sku, row.granted + row.target - row.units)
            for row in desk.quotas.of_warehouse(warehouse, EDGE)
        ]
        desk.quotas.learn(warehouse, EDGE, possible)
    units = desk.quotas.write_off(warehouse)
    if units:
        desk.journal.raise_exception(
            "quota_written_off",
            warehouse,
            warehouse,
            f"{warehouse} was written off with rights to {units} units of its own. They stay "
            "reserved, because it may have sold them; what it still reports will be counted.",
        )
    return units > 0
