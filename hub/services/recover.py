"""A hub put back from a backup, or founded anew, finds its way to normal by itself.

Orders are taken meanwhile; those that need goods of a warehouse not heard yet wait as backordered
with a sentence. As each warehouse has told everything, its goods are promised again. What it holds
and this hub has forgotten is in the books by then (see `adopt`).
"""

from __future__ import annotations

from typing import Final

from hub.services.adopt import cover_debts, cover_parcels, settle_orders
from hub.services.quotas import keep_reserved
from hub.services.waybill_numbers import void_lease
from hub.store.protocol import Desk
from shared.domain.commands import CancelParcel
from shared.domain.errors import NotFound
from shared.domain.facts import CancelConfirmed, CommandAccepted, ParcelShipped
from shared.domain.versions import read_fact

FORGOTTEN: Final = "head office has no record of this parcel"
_TELLING: Final = ("command_accepted", "parcel_shipped", "cancel_confirmed")
"""Kinds of facts that say which parcels a floor has."""


def settle_recovery(desk: Desk) -> int:
    """Unfreeze the goods of every warehouse that has told everything; then settle learnt orders.

    Return how many warehouses and orders were worked off.
    """
    complete = desk.nodes.take_recovered()
    if complete:
        for node, parcel_id in _forgotten_parcels(desk, frozenset(complete)):
            command = CancelParcel(parcel_id=parcel_id, reason=FORGOTTEN)
            desk.nodes.queue(node, command, f"cancel-{parcel_id}")
            desk.tell(f"commands:{node}")
        for node in complete:
            cover_parcels(desk, node)
            cover_debts(desk, node)
            _unfreeze(desk, node)
    if desk.nodes.recovering():
        return len(complete)
    return len(complete) + settle_orders(desk)


def write_off(desk: Desk, node: str) -> None:
    """Count no longer on a warehouse that will not report.

    What its parcels were promised stays promised and its quota reserved; should it come back, its
    facts are counted. Raises NotFound when nobody waits for it and it holds no quota.
    """
    waited = desk.nodes.stop_waiting(node)
    holds = keep_reserved(desk, node, unheard=waited)
    holds = void_lease(desk, node) or holds
    if not waited and not holds:
        raise NotFound(
            "not_recovering",
            f"Failed to write {node} off: the hub does not wait for it, and it holds neither quota "
            "nor waybill numbers.",
            hint="Look at `bincard hub recovery` for the warehouses it waits for.",
        )
    desk.journal.audit("write_off", node, "head office counts on its report no longer")
    if waited:
        _unfreeze(desk, node)


def _unfreeze(desk: Desk, node: str) -> None:
    desk.journal.event("warehouse_recovered", warehouse=node)
    if not desk.nodes.recovering():
        desk.nodes.end_recovery(desk.now_ms)
    desk.nodes.wake_waiting()
    for topic in ("backorders", "release", "recovery"):
        desk.tell(topic)


def _forgotten_parcels(desk: Desk, complete: frozenset[str]) -> list[tuple[str, str]]:
    """Return (warehouse, parcel) of open parcels that only the warehouse knows.

    Only logs of an older edge have such parcels: they do not say what was taken on.
    """
    held: dict[str, str] = {}
    for record in desk.nodes.facts(_TELLING):
        if record.node not in complete:
            continue
        match read_fact(record):
            case CommandAccepted(command_id=command_id, parcel=None) if command_id.startswith(
                "assign-"
            ):
                held[command_id.removeprefix("assign-")] = record.node
            case ParcelShipped(parcel_id=parcel_id) | CancelConfirmed(parcel_id=parcel_id):
                held.pop(parcel_id, None)
            case _:
                continue
    return [(node, parcel) for parcel, node in held.items() if desk.parcels.get(parcel) is None]
