"""Rights that an order finds in an account of its own, before it asks the pool.

What a shop sold was debited from the pool when it was lent to the shop. Its order takes exactly
those rights over, wherever they lie. Sourcing stays free to choose another warehouse: a right that
was lent there goes back to that pool in the same transaction, and the order takes one from the pool
where it leaves. So it does not matter in which warehouse a shop's rights lie, only how many it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hub.domain.sourcing import Offer
from hub.store.protocol import Desk


def lend(desk: Desk, holder: str, sku: str, units: int, reference: str) -> int:
    """Lend up to `units` from the pools, above safety stock; return how many there were.

    The warehouse with most to give comes first: there they hinder sourcing least.
    """
    left = units
    for row in sorted(desk.rights.of_skus((sku,)), key=lambda one: (-one.atp, one.warehouse)):
        part = min(left, row.atp)
        if part > 0 and desk.quotas.lend(row.warehouse, holder, sku, part, reference):
            left -= part
    return units - left


class OwnRights:
    """What one order may take out of one holder's account, per SKU and warehouse."""

    def __init__(self, desk: Desk, holder: str, wanted: Mapping[str, int]) -> None:
        """Look for up to `wanted` units per SKU in the account of `holder`."""
        self.holder = holder
        self._left: dict[tuple[str, str], int] = {}
        if not wanted:
            return
        accounts = desk.quotas.accounts(holder, tuple(wanted))
        due = dict(wanted)
        for (sku, warehouse), units in sorted(accounts.items(), key=lambda one: -one[1]):
            if due[sku]:
                self._left[sku, warehouse] = min(units, due[sku])
                due[sku] -= self._left[sku, warehouse]

    @property
    def found(self) -> bool:
        """Whether there were any."""
        return any(self._left.values())

    def units(self, sku: str) -> int:
        """Return how many units of a SKU were found and not taken yet."""
        return sum(units for (one, _), units in self._left.items() if one == sku)

    def offered(self, offers: Sequence[Offer]) -> list[Offer]:
        """Return what each warehouse offers to this order, with what it has of its own there."""
        return [
            Offer(
                offer.warehouse,
                offer.place,
                {
                    sku: units + self._left.get((sku, offer.warehouse), 0)
                    for sku, units in offer.atp.items()
                },
            )
            for offer in offers
        ]

    def spend(self, desk: Desk, sku: str, warehouse: str, units: int, reference: str) -> int:
        """Let the order take over up to `units`; return how many the pool still has to give."""
        covered = min(units, self._left.get((sku, warehouse), 0))
        if not covered or not desk.quotas.promise(warehouse, self.holder, sku, covered, reference):
            return units
        self._left[sku, warehouse] -= covered
        return units - covered

    def give_up(self, desk: Desk, reference: str) -> None:
        """Return what the order did not take to the pools: its holder has sold it all the same."""
        for (sku, warehouse), units in self._left.items():
            if units:
                desk.quotas.take_back(warehouse, self.holder, sku, units, reference)
                desk.rights.note_arrival(sku)
                desk.tell("backorders")
        self._left.clear()
