"""Why goods cannot be promised yet: the hub went back in time and a warehouse has not reported."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hub.domain.sourcing_why import Explanation
from hub.store.protocol import Desk
from hub.store.recovering import NEWER_HUB

RECOVERING: Final = "hub_recovering"


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


def awaiting(
    desk: Desk, wanted: dict[str, int], placed_ms: int | None = None
) -> Explanation | None:
    """Return why `wanted` units per SKU have to wait, None when they need not.

    For an order, `placed_ms` is when it was placed (0: unknown). One that may have been promised
    before this life of the hub waits for every warehouse, whatever it wants.
    """
    frozen = desk.nodes.frozen(wanted)
    if not frozen and placed_ms is not None and desk.nodes.may_be_forgotten(placed_ms):
        frozen = frozenset(wanted)
    if not frozen:
        return None
    return Explanation(
        rule=RECOVERING,
        sentence=wait_sentence(desk, frozen),
        exact=True,
        sets_tried=0,
        missing={sku: wanted[sku] for sku in sorted(frozen)},
    )
