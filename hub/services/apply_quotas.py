"""What a warehouse did with the rights it was lent: sold over its counter, or given back.

The warehouse is the only one that spends or returns them, and it has done so before it says so.
Head office only follows: it burns what was sold and credits what was returned.
"""

from __future__ import annotations

from hub.domain.holders import EDGE
from hub.services.apply_serials import see_serial
from hub.store.protocol import Desk
from shared.domain.facts import FactRecord, LocalSale, QuotaReturned, UnitsLost


def local_sale(desk: Desk, record: FactRecord, fact: LocalSale) -> None:
    """Units left over the counter of a warehouse."""
    node = record.node
    late = False
    for row in fact.rows:
        desk.stock.add(node, row.sku, -row.quantity)
        for serial in row.serials:
            see_serial(desk, record, serial, row.sku, "sell", "customer")
        before = desk.quotas.get(node, EDGE, row.sku)
        late = late or (before is not None and before.written_off_ms is not None)
        beyond = desk.quotas.sell(node, EDGE, row.sku, row.quantity, f"sale-{fact.sale_id}")
        if beyond:
            desk.journal.raise_exception(
                "sold_beyond_quota",
                node,
                row.sku,
                f"{node} sold {beyond} units of {row.sku} more over its counter than it was "
                "granted; the next rights that come free there pay for them.",
            )
    if late:
        desk.journal.raise_exception(
            "late_sale",
            node,
            fact.sale_id,
            f"{node} was written off and now reports sale {fact.sale_id}; it was counted.",
        )
    desk.journal.event(
        "local_sale",
        warehouse=node,
        data={"sale": fact.sale_id, "units": sum(row.quantity for row in fact.rows)},
    )
    desk.tell("quotas")


def quota_returned(desk: Desk, record: FactRecord, fact: QuotaReturned) -> None:
    """The warehouse gave rights up: whoever waits may have them."""
    node = record.node
    beyond = desk.quotas.take_back(node, EDGE, fact.sku, fact.quantity, fact.return_id)
    if beyond:
        desk.journal.raise_exception(
            "returned_beyond_quota",
            node,
            fact.sku,
            f"{node} returned rights to {beyond} units of {fact.sku} that it was never granted; "
            "they were not credited.",
        )
    desk.rights.note_arrival(fact.sku)
    desk.tell("backorders")
    desk.tell("quotas")


def recall_answered(desk: Desk, record: FactRecord, command_id: str) -> None:
    """The warehouse has returned what it could."""
    desk.quotas.answered(record.node, command_id)
    desk.tell("quotas")


def recall_refused(desk: Desk, record: FactRecord, command_id: str) -> None:
    """The warehouse can return nothing now, for example because it has to count first."""
    desk.quotas.refused(record.node, command_id)


def units_lost(desk: Desk, record: FactRecord, fact: UnitsLost) -> None:
    """Units on no pick list are gone: burn rights that are free, owe the others.

    What is owed is asked back from the counter's quota, if it has any, and paid by whatever enters
    the pool next. Orders keep their promises until a picker comes up short.
    """
    node, row = record.node, fact.row
    desk.stock.add(node, row.sku, -row.quantity)
    for serial in row.serials:
        see_serial(desk, record, serial, row.sku, "lose", "loss")
    owed = desk.rights.burn(row.sku, node, row.quantity, "burnt", f"loss-{record.op_id}"[:64])
    desk.journal.event(
        "units_lost",
        warehouse=node,
        data={"sku": row.sku, "quantity": row.quantity, "bin": row.bin, "reason": fact.reason},
    )
    if owed:
        desk.journal.raise_exception(
            "rights_missing",
            node,
            row.sku,
            f"{row.quantity} units of {row.sku} in {node} are gone, and rights to {owed} of them "
            "were promised or lent; the next rights that come free there pay for them.",
        )
    desk.tell("quotas")
