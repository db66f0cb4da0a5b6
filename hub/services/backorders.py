"""Backorders: when stock arrives, those who wait longest are tried first.

Every growth of a pool leaves a note naming the SKU, but only if somebody waits for it. This pump
works the notes off, a few orders per transaction, and never looks at orders that wait for
something else. Presale orders come first: stock was lent to them before anybody else was tried.
"""

from __future__ import annotations

from typing import Final

from hub.domain.holders import PRESALE
from hub.services.presale import back_with_stock, promise_order
from hub.services.promise import need_order, refresh
from hub.store.protocol import Desk

TRIES_PER_COMMIT: Final = 25
"""Backordered orders tried in one transaction."""


def retry_backorders(desk: Desk) -> int:
    """Try the next few orders that wait for a SKU that arrived; 0 when there is nothing to do."""
    arrival = desk.rights.next_arrival()
    if arrival is None:
        return 0
    sku, after_order_id = arrival
    back_with_stock(desk, sku)
    for_presale = desk.quotas.accounts(PRESALE, (sku,))
    if not for_presale and not any(row.atp for row in desk.rights.of_skus((sku,))):
        desk.rights.move_arrival(sku, None)
        return 1
    waiting = desk.orders.waiting_for(sku, after_order_id, TRIES_PER_COMMIT)
    for order_id in waiting:
        order = need_order(desk, order_id)
        if order.held or order.cancel_asked:
            continue
        explanation = promise_order(desk, order_id)
        refresh(desk, order, explanation=explanation)
    done = len(waiting) < TRIES_PER_COMMIT
    desk.rights.move_arrival(sku, None if done else waiting[-1])
    return 1 + len(waiting)
