"""Books that prove themselves: one run that replays everything and compares.

Each check reads the file alone, so it can be run on a backup on another machine. A check that finds
something says how many and shows the first ones; nothing is repaired here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

import msgspec

from edge.store import fact_log, ledger, proofs, pruning
from shared.domain.errors import BooksBroken
from shared.domain.ledger import replay

SHOWN_MAX: Final = 10
"""Examples given per check."""


class Check(msgspec.Struct, frozen=True):
    """One promise: how many things were looked at, and what does not hold."""

    name: str
    checked: int
    wrong: int = 0
    examples: tuple[str, ...] = ()


class Verification(msgspec.Struct, frozen=True):
    """All promises that can be checked on disk; `ok` when every one holds."""

    ok: bool
    checks: tuple[Check, ...]


def verify(sql: sqlite3.Connection) -> Verification:
    """Check every promise the books of one warehouse make."""
    checks = tuple(run(sql) for run in CHECKS)
    return Verification(ok=not any(check.wrong for check in checks), checks=checks)


def _result(name: str, checked: int, wrong: list[str]) -> Check:
    return Check(name, checked, len(wrong), tuple(wrong[:SHOWN_MAX]))


def _integrity(sql: sqlite3.Connection) -> Check:
    """The file itself: pages, indexes and references."""
    return _result("integrity", 1, proofs.integrity(sql))


def _chain(sql: sqlite3.Connection) -> Check:
    """Every fact follows from the one before."""
    try:
        return _result("chain", fact_log.verify_chain(sql), [])
    except BooksBroken as error:
        return _result("chain", 0, [error.message])


def _balances(sql: sqlite3.Connection) -> Check:
    """Kept balances equal the replay of all movements, and no place ever fell below zero."""
    try:
        replayed = replay(ledger.movements(sql))
    except BooksBroken as error:
        return _result("balances", 0, [error.message])
    kept = ledger.balances(sql)
    wrong = [
        f"{account} {sku}: kept {kept.get((account, sku), 0)}, replayed "
        f"{replayed.get((account, sku), 0)}"
        for account, sku in sorted(kept.keys() | replayed.keys())
        if kept.get((account, sku), 0) != replayed.get((account, sku), 0)
    ]
    return _result("balances", len(replayed), wrong)


def _of(
    name: str, query: Callable[[sqlite3.Connection], tuple[int, list[str]]]
) -> Callable[[sqlite3.Connection], Check]:
    def run(sql: sqlite3.Connection) -> Check:
        checked, wrong = query(sql)
        return _result(name, checked, wrong)

    return run


CHECKS: Final[tuple[Callable[[sqlite3.Connection], Check], ...]] = (
    _integrity,
    _chain,
    _of("dropped_lines", pruning.bases),
    _balances,
    _of("serial_places", proofs.serial_places),
    _of("serial_states", proofs.serial_states),
    _of("serial_counts", proofs.serial_counts),
    _of("units_aside", proofs.units_aside),
    _of("parcel_units", proofs.parcel_units),
    _of("parcel_serials", proofs.parcel_serials),
    _of("picked_facts", proofs.picked_facts),
    _of("waybills", proofs.waybills),
    _of("waybill_numbers", proofs.numbers),
    _of("labels", proofs.labels),
)
