"""Lending alone, against a model: whatever a line does to grants, nobody promises a unit twice.

Method: the real books of a hub and of a warehouse in memory. Grants are delivered late, doubled,
in any order or never; what the warehouse did is counted once, in order, as its log guarantees.
"""

from __future__ import annotations

import sqlite3
from importlib.resources import files
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.store import quotas as at_edge
from hub.domain.holders import EDGE
from hub.store.sqlite.proofs import SqliteProofs
from hub.store.sqlite.quotas import SqliteQuotas
from hub.store.sqlite.rights import SqliteRights

UNITS = st.integers(1, 4)
KEY = ("CABLE", "SHA")


def in_memory(package: str) -> sqlite3.Connection:
    sql = sqlite3.connect(":memory:", isolation_level=None)
    sql.row_factory = sqlite3.Row
    for script in sorted(entry.name for entry in files(package).iterdir()):
        if script.endswith(".sql"):
            sql.executescript((files(package) / script).read_text(encoding="utf-8"))
    return sql


class Lending(RuleBasedStateMachine):
    """One SKU in one warehouse."""

    def __init__(self) -> None:
        super().__init__()
        self.hub, self.edge = in_memory("hub.store.migrations"), in_memory("edge.store.migrations")
        self.rights, self.quotas = SqliteRights(self.hub, 1), SqliteQuotas(self.hub, 1)
        self.sent: list[int] = []
        self.log: list[tuple[str, int]] = []
        self.counted = 0
        self.ordered = 0

    @property
    def quota(self) -> at_edge.Quota:
        return at_edge.get(self.edge, "CABLE")

    def account(self, name: str) -> int:
        row = self.rights.get(*KEY)
        return 0 if row is None else int(getattr(row, name))

    @rule(units=UNITS)
    def arrives(self, units: int) -> None:
        self.rights.mint(*KEY, units, "asn")

    @rule(units=UNITS)
    def is_ordered(self, units: int) -> None:
        self.ordered += units if self.rights.reserve(*KEY, units, "ordered", "order") else 0

    @precondition(lambda self: self.ordered)
    @rule()
    def is_cancelled(self) -> None:
        assert self.rights.move(*KEY, 1, "ordered", "pool", "order")
        self.ordered -= 1

    @rule(units=UNITS)
    def breaks(self, units: int) -> None:
        self.rights.burn(*KEY, min(units, self.account("pool") + 1), "burnt", "loss")

    @rule(units=UNITS)
    def is_lent(self, units: int) -> None:
        total = self.quotas.lend("SHA", EDGE, "CABLE", units, "grant")
        self.sent += [] if total is None else [total]

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def a_grant_comes_through(self, data: Any) -> None:
        at_edge.grant(self.edge, "CABLE", data.draw(st.sampled_from(self.sent)))

    @rule(units=UNITS)
    def counter_sells(self, units: int) -> None:
        free = self.quota.free
        done = at_edge.use(self.edge, "CABLE", units)
        assert done == (units <= free)
        self.log += [("sold", units)] if done else []

    @rule(units=UNITS)
    def counter_gives_up(self, units: int) -> None:
        if at_edge.give_up(self.edge, "CABLE", units):
            self.log.append(("returned", units))

    @precondition(lambda self: self.counted < len(self.log))
    @rule()
    def hub_hears_the_next_line(self) -> None:
        kind, units = self.log[self.counted]
        self.counted += 1
        tell = self.quotas.sell if kind == "sold" else self.quotas.take_back
        assert tell("SHA", EDGE, "CABLE", units, "fact") == 0, "nothing was beyond the quota"

    @rule()
    def hub_hears_a_greeting(self) -> None:
        assert self.quotas.learn("SHA", EDGE, [("CABLE", self.quota.granted)]) == 0

    @invariant()
    def nobody_promises_a_unit_twice(self) -> None:
        gone_or_promised = self.ordered + self.quota.used + self.quota.free
        assert gone_or_promised <= self.account("minted") - self.account("burnt")
        proofs = SqliteProofs(self.hub)
        assert proofs.rights_conserved() == []
        assert proofs.rights_against_journal() == []

    def teardown(self) -> None:
        while self.counted < len(self.log):
            self.hub_hears_the_next_line()
        at_edge.grant(self.edge, "CABLE", max(self.sent, default=0))
        row = self.quotas.get("SHA", EDGE, "CABLE")
        if row is not None:
            here = self.quota
            assert (row.granted, row.used, row.returned, row.units, 0) == (
                here.granted, here.used, here.returned, here.free, here.overspent,
            )  # fmt: skip


TestLending = Lending.TestCase
TestLending.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
