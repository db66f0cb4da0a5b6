"""Books that prove themselves: one question, every promise that can be checked on disk.

Sums are added up again from journals and logs, hash chains are followed from end to end, and each
warehouse's own digest is compared with the hub's mirror. The answer is JSON for programs and
sentences for people; a promise that does not hold is never hidden among those that do.
"""

from __future__ import annotations

import msgspec

from hub.store.protocol import Desk
from shared.domain.errors import BooksBroken
from shared.domain.facts import (
    Fact,
    GoodsReceived,
    LocalSale,
    ParcelShipped,
    ReturnGraded,
    ShortPicked,
    StockLoaded,
    UnitReturned,
    UnitsLost,
)
from shared.domain.versions import read_fact


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One promise: whether it holds, and what is wrong when not."""

    promise: str
    holds: bool
    troubles: tuple[str, ...] = ()


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """All promises; `listed` are things to look at that break none of them."""

    holds: bool
    checks: tuple[Check, ...]
    facts: int
    totals: dict[str, int]
    oversold_units: int
    listed: dict[str, tuple[str, ...]]


def verify_books(desk: Desk) -> VerifyReport:
    """Check everything on one snapshot of the books."""
    proofs = desk.proofs
    chain_trouble, facts = _chains(desk)
    totals = desk.rights.totals()
    checks = [
        _check("the file is intact", proofs.file_intact()),
        _check("the hash chain of every log is unbroken", chain_trouble),
        _check("rights are conserved and none is promised twice", proofs.rights_conserved()),
        _check("rights equal their journal", proofs.rights_against_journal()),
        _check("every right has a unit on hand or is owed", proofs.rights_covered()),
        _check("every promised unit has a parcel or reservation behind it", proofs.promises()),
        _check("orders equal the sum of their parcels", proofs.orders_add_up()),
        _check("presales equal their orders", proofs.presales()),
        _check("no waybill is on two parcels", proofs.waybills_unique()),
        _check("every waybill number has one owner", desk.numbers.troubles()),
        _check("every serial number has one place", proofs.serials_single()),
        _check("units on hand equal imports plus facts", _on_hand(desk)),
        _check("the warehouses' books equal the hub's mirror", _books(desk)),
    ]
    return VerifyReport(
        holds=all(check.holds for check in checks),
        checks=tuple(checks),
        facts=facts,
        totals=totals,
        oversold_units=max(
            0,
            totals["ordered"] + totals["held"] + totals["lent"] + totals["shipped"]
            + totals["sold"] - (totals["minted"] - totals["burnt"]),
        ),
        listed={"quarantine": tuple(proofs.quarantined())},
    )  # fmt: skip


def _check(promise: str, troubles: list[str]) -> Check:
    return Check(promise=promise, holds=not troubles, troubles=tuple(troubles))


def _chains(desk: Desk) -> tuple[list[str], int]:
    try:
        return [], desk.proofs.chains()
    except BooksBroken as error:
        return [error.message], 0


def _on_hand(desk: Desk) -> list[str]:
    """Fold imports and facts again and compare with the mirror."""
    fold = desk.proofs.unconfirmed_loads()
    for record in desk.nodes.facts():
        for sku, units in _units(read_fact(record)):
            key = (record.node, sku)
            fold[key] = fold.get(key, 0) + units
    mirror = desk.proofs.on_hand()
    troubles = []
    for key in sorted(fold.keys() | mirror.keys()):
        told, kept = fold.get(key, 0), mirror.get(key, 0)
        if told != kept or kept < 0:
            troubles.append(f"{key[1]} in {key[0]}: the mirror has {kept}, the facts say {told}.")
    return troubles[:20]


def _units(fact: Fact) -> list[tuple[str, int]]:
    """Return by how much a fact changes the units on hand, per SKU."""
    match fact:
        case StockLoaded():
            return [(row.sku, row.quantity) for row in fact.rows]
        case GoodsReceived():
            return [(fact.row.sku, fact.row.quantity)]
        case ShortPicked():
            return [(fact.sku, -fact.quantity)]
        case ParcelShipped():
            return [(line.sku, -line.quantity) for line in fact.lines]
        case UnitsLost():
            return [(fact.row.sku, -fact.row.quantity)]
        case LocalSale():
            return [(row.sku, -row.quantity) for row in fact.rows]
        case UnitReturned():
            return [] if fact.grade == "scrap" else [(fact.row.sku, fact.row.quantity)]
        case ReturnGraded():
            return [(fact.row.sku, -fact.row.quantity)] if fact.grade == "scrap" else []
        case _:
            return []


def _books(desk: Desk) -> list[str]:
    return [
        f"{check.warehouse}: its books say {check.edge_units} units and {check.edge_serials} "
        f"serial numbers, the mirror {check.hub_units} and {check.hub_serials}, at line "
        f"{check.seq}."
        for check in desk.proofs.checks()
        if not check.matches
    ]
