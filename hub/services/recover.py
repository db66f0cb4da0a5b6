"""A hub put back from a backup finds its way to normal by itself.

Orders are taken meanwhile; those that need goods of a warehouse not heard yet wait as backordered
with a sentence. As each warehouse has told everything, its goods are promised again, and parcels it
holds that this hub has forgotten are called back, so that no buyer gets the same goods twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hub.domain.sourcing import Explanation
from hub.services.quotas import keep_reserved
from hub.store.protocol import Desk
from hub.store.recovering import NEWER_HUB
from shared.domain.commands import CancelParcel
from shared.domain.errors import NotFound
from shared.domain.facts import CancelConfirmed, CommandAccepted, ParcelShipped
from shared.domain.versions import read_fact

RECOVERING: Final = "hub_recovering"
FORGOTTEN: Final = "head office has no record of this parcel"


def wait_sentence(desk: Desk, frozen: Iterable[str]) -> str:
    """Return why goods cannot be promised now, for people."""
    waited = desk.nodes.recovering()
    skus = ", ".join(sorted(frozen)[:5])
    if NEWER_HUB in waited:
        return "Awaiting recovery: a newer hub runs, so this one promises nothing. Stop this hub."
    return (
        f"Awaiting recovery: the hub was restored from a backup and {skus} may be promised again "
        f"only after {', '.join(waited)} has reported. The order is kept and tried by itself."
    )


def awaiting(desk: Desk, wanted: dict[str, int]) -> Explanation | None:
    """Return why an order for `wanted` units per SKU has to wait, None when it has not."""
    frozen = desk.nodes.frozen(wanted)
    if not frozen:
        return None
    return Explanation(
        rule=RECOVERING,
        sentence=wait_sentence(desk, frozen),
        exact=True,
        sets_tried=0,
        missing={sku: wanted[sku] for sku in sorted(frozen)},
    )


def settle_recovery(desk: Desk) -> int:
    """Unfreeze the goods of every warehouse that has told everything; return how many there are."""
    complete = desk.nodes.take_recovered()
    if complete:
        for node, parcel_id in _forgotten_parcels(desk, frozenset(complete)):
            command = CancelParcel(parcel_id=parcel_id, reason=FORGOTTEN)
            desk.nodes.queue(node, command, f"cancel-{parcel_id}")
            desk.tell(f"commands:{node}")
        for node in complete:
            _unfreeze(desk, node)
    return len(complete)


def write_off(desk: Desk, node: str) -> None:
    """Wait no longer for a warehouse that will not report; raises NotFound when nobody waits.

    What its parcels were promised stays promised; should it come back, its facts are counted.
    """
    if not desk.nodes.stop_waiting(node):
        raise NotFound(
            "not_recovering",
            f"Failed to write {node} off: the hub does not wait for it.",
            hint="Look at `bincard hub status` for the warehouses it waits for.",
        )
    desk.journal.audit("write_off", node, "the hub stopped waiting for its report")
    keep_reserved(desk, node)
    _unfreeze(desk, node)


def _unfreeze(desk: Desk, node: str) -> None:
    desk.journal.event("warehouse_recovered", warehouse=node)
    desk.nodes.wake_waiting()
    desk.tell("backorders")
    desk.tell("release")


def _forgotten_parcels(desk: Desk, complete: frozenset[str]) -> list[tuple[str, str]]:
    """Return (warehouse, parcel) of open parcels that only the warehouse knows."""
    held: dict[str, str] = {}
    for record in desk.nodes.facts():
        if record.node not in complete:
            continue
        match read_fact(record):
            case CommandAccepted(command_id=command_id) if command_id.startswith("assign-"):
                held[command_id.removeprefix("assign-")] = record.node
            case ParcelShipped(parcel_id=parcel_id) | CancelConfirmed(parcel_id=parcel_id):
                held.pop(parcel_id, None)
            case _:
                continue
    return [(node, parcel) for parcel, node in held.items() if desk.parcels.get(parcel) is None]
