"""The stock ledger: double entry for units instead of money.

Nothing is ever edited. A movement takes a quantity of one SKU out of one account and puts it into
another; a balance is the sum of its movements; an undo is the reverse movement. Goods come from the
virtual account `supplier` (or `found`) and end in `customer` (or `loss`); those four may go below
zero, because they stand for the world outside. A bin, a dock, a tote or a parcel never may. What
lies `aside` is in the house and not for sale: in quarantine, or to be repaired.

Accounts are text: `bin:B07-12-3`, `dock:IN`, `tote:T-0412`, `parcel:<id>`, `supplier`, ...
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from shared.domain.errors import BooksBroken, Refused

AccountKind = Literal[
    "bin", "dock", "tote", "parcel", "aside", "supplier", "customer", "loss", "found"
]  # fmt: skip

VIRTUAL: Final = frozenset({"supplier", "customer", "loss", "found"})
PLACES: Final = frozenset({"bin", "dock", "tote", "parcel", "aside"})


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """One SKU, one direction. `serial` names the unit when it is known; then quantity is 1."""

    movement_id: str
    sku: str
    serial: str | None
    quantity: int
    source: str
    target: str


def account(kind: AccountKind, name: str = "") -> str:
    """Return the account's text form; virtual accounts have no name.

    >>> account("bin", "B07-12-3"), account("customer")
    ('bin:B07-12-3', 'customer')
    """
    return kind if kind in VIRTUAL else f"{kind}:{name}"


def is_place(account_name: str) -> bool:
    """Return True for an account inside the warehouse, whose balance must not go below zero."""
    return account_name.partition(":")[0] in PLACES


def place_name(account_name: str) -> str:
    """Return the bare name: `B07-12-3` for `bin:B07-12-3`."""
    return account_name.partition(":")[2] or account_name


def check(movement: Movement) -> None:
    """Raise Refused when a movement is malformed on its own."""
    if movement.quantity < 1 or movement.source == movement.target:
        raise Refused(
            "movement_empty",
            f"Failed to move {movement.quantity} of {movement.sku}: expected at least one unit "
            f"between two different accounts, got {movement.source} to {movement.target}.",
        )
    if movement.serial is not None and movement.quantity != 1:
        raise Refused(
            "movement_serial",
            f"Failed to move {movement.serial}: one serial number is one unit, "
            f"got {movement.quantity}.",
        )


def replay(movements: Iterable[Movement]) -> dict[tuple[str, str], int]:
    """Return the balance of each (account, sku) after `movements`, zero balances left out.

    Raises BooksBroken when a place would fall below zero on the way.
    """
    balances: dict[tuple[str, str], int] = {}
    for movement in movements:
        source = (movement.source, movement.sku)
        target = (movement.target, movement.sku)
        balances[source] = balances.get(source, 0) - movement.quantity
        balances[target] = balances.get(target, 0) + movement.quantity
        if is_place(movement.source) and balances[source] < 0:
            raise BooksBroken(
                "balance_negative",
                f"Movement {movement.movement_id} takes {movement.quantity} of {movement.sku} "
                f"from {movement.source}, which leaves {balances[source]}.",
                hint="Restore the last verified backup and call support.",
            )
    return {key: units for key, units in balances.items() if units}
