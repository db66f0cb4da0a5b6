"""The numbers head office looks at first."""

from __future__ import annotations

import msgspec

from hub.store.protocol import Desk


class Kpis(msgspec.Struct, frozen=True, kw_only=True):
    """Counts over everything on the books. `oversold_units` is 0 or the hub is broken."""

    orders_received: int
    orders_shipped: int
    orders_held: int
    orders_backordered: int
    orders_cancelled: int
    orders_by_status: dict[str, int]
    parcels_by_state: dict[str, int]
    units_shipped: int
    units_short: int
    labels_printed: int
    oversold_units: int
    facts_replicated: int
    exceptions_open: int
    rights: dict[str, int]


def kpis(desk: Desk) -> Kpis:
    """Count."""
    orders = desk.orders.count_by_status()
    totals = desk.parcels.totals()
    rights = desk.rights.totals()
    promised = rights["ordered"] + rights["held"] + rights["shipped"]
    return Kpis(
        orders_received=sum(orders.values()),
        orders_shipped=orders.get("shipped", 0),
        orders_held=orders.get("held", 0),
        orders_backordered=orders.get("backordered", 0),
        orders_cancelled=orders.get("cancelled", 0),
        orders_by_status=orders,
        parcels_by_state=desk.parcels.count_by_state(),
        units_shipped=totals["units_shipped"],
        units_short=totals["units_short"],
        labels_printed=totals["labels_printed"],
        oversold_units=max(0, promised - (rights["minted"] - rights["burnt"])),
        facts_replicated=desk.nodes.facts_count(),
        exceptions_open=desk.journal.count_open_exceptions(),
        rights=rights,
    )
