"""Telling head office what this warehouse's books add up to, so that both can compare.

A digest stands in the log behind everything it covers. When the hub reaches it, the hub's own books
must give the same digest; if not, somebody is told long before a customer is.
"""

from __future__ import annotations

from edge.services.floor import Floor
from edge.store import fact_log, ledger, serials
from shared.domain.facts import BooksDigested, stock_digest


def digest_books(floor: Floor) -> BooksDigested | None:
    """Record what the books add up to; None when nothing happened since the last digest."""
    head = fact_log.head(floor.sql)
    last = fact_log.read_after(floor.sql, head.seq - 1, 1, 1) if head.seq else []
    if not last or last[0].kind == "books_digested":
        return None
    on_hand = ledger.on_hand(floor.sql)
    fact = BooksDigested(
        digest=stock_digest(on_hand),
        units=sum(on_hand.values()),
        serials=serials.count_on_hand(floor.sql),
    )
    floor.record(fact)
    return fact
