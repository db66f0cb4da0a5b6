"""The checker: it watches while things happen, looks now and then, and judges at the end."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from edge.services.scan import ScanAnswer, ScanRequest
from hub.store import nodes
from hub.sync import core_events as hub_on
from shared.domain.errors import BincardError
from shared.web.messages import Catalogue
from tests.simulation import invariants as rules
from tests.simulation.invariants_prune import watch_heads

if TYPE_CHECKING:
    from tests.simulation.edge_node import SimEdge
    from tests.simulation.hub_node import SimHub
    from tests.simulation.people import Person
    from tests.simulation.world import World

DEEP_EVERY = 8
"""Looks between two deep ones."""
LOCAL_MS_MAX = 1_000
"""A scan is answered within this, hub or no hub (simulated time)."""


@cache
def sentences() -> frozenset[str]:
    """Return every code that has a sentence."""
    catalogue = Catalogue(files("edge.web") / "locale")
    return catalogue.codes("zh-CN")


class Checks:
    """All predicates over one world."""

    def __init__(self, world: World) -> None:
        """Nothing was seen yet."""
        self.world = world
        self._looks = 0
        self._scans = 0
        self._hashes: dict[tuple[str, int, int], bytes] = {}
        self._told: set[tuple[str, str]] = set()
        self._spoke: dict[str, list[str]] = {}
        self._numbers: dict[str, str] = {}

    # While things happen

    def edge_started(self, edge: SimEdge) -> None:
        """I5: what a person was told before the crash is still on the disk."""
        self._say("I5", rules.acked_scans(edge))

    def hub_started(self, hub: SimHub) -> None:
        """I5: orders a shop was told are taken are still on the disk."""
        self._say("I5", rules.acked_orders(hub))

    def admitted(self, hub: SimHub, answer: hub_on.Admitted) -> None:
        """I9: one identity is never admitted twice with the same or an older boot number."""
        hello = answer.hello
        key = hello.node, hello.incarnation
        if hello.boot_no <= hub.boots.get(key, 0):
            text = f"{hello.node} admitted with boot {hello.boot_no} after {hub.boots[key]}"
            self.world.violation("I9", text)
        hub.boots[key] = max(hello.boot_no, hub.boots.get(key, 0))
        self._one_machine(hello.node, answer.peer.decode().partition("/")[0])

    def _one_machine(self, node: str, machine: str) -> None:
        """I9: two machines with one identity do not take turns while both believe in their line.

        A machine that was welcomed and has not spoken since never had the line.
        """
        before = self._spoke.setdefault(node, [machine])
        if before[-1] == machine:
            return
        lives = [one for one in self.world.machines if one.machine == before[-1] and one.up]
        core = self.world.hub.core
        session = core._sessions.get(core._peers.get(node, b""))
        spoke = session is None or session.confirmed
        if spoke and lives and lives[0].core.status.up and machine in before:
            self.world.violation("I9", f"{machine} took the line of {before[-1]} back")
        before.append(machine)

    def applied(self, hub: SimHub, sql: sqlite3.Connection, batch: hub_on.ApplyFacts) -> None:
        """I9 and I16: one hash per line for ever, and only under a key that is valid now."""
        del hub
        if nodes.owner_of(sql, batch.key) != (batch.node, False):
            self.world.violation("I16", f"facts of {batch.node} stored under {batch.key}")
        if not batch.records:
            return
        for row in sql.execute(
            "SELECT seq, hash FROM facts WHERE node = ? AND incarnation = ?"
            " AND seq BETWEEN ? AND ?",
            (batch.node, batch.incarnation, batch.records[0].seq, batch.records[-1].seq),
        ):
            key = batch.node, batch.incarnation, row["seq"]
            first = self._hashes.setdefault(key, bytes(row["hash"]))
            if first != bytes(row["hash"]):
                self.world.violation("I9", f"line {key} has two hashes")

    def promised(self, desk: Any, order_no: str) -> None:
        """I3: what a hub that was put back may have promised before it does not promise again."""
        row = desk.sql.execute(
            "SELECT l.sku, w.node FROM orders o JOIN parcels p ON p.order_id = o.order_id"
            " JOIN parcel_lines l ON l.parcel_id = p.parcel_id"
            " JOIN rights r ON r.sku = l.sku AND r.minted > 0"
            " JOIN recovering w ON w.node = r.warehouse"
            " WHERE o.order_no = ? AND p.state = 'reserved' AND p.created_ms = ?",
            (order_no, desk.now_ms),
        ).fetchone()
        if row is not None:
            text = f"{row['sku']} was promised to {order_no} before {row['node']} was heard"
            self.world.violation("I3", text)

    def answered(self, edge: SimEdge, scan: ScanRequest, answer: ScanAnswer) -> None:
        """I13 and I20: a repeat gets the first answer, and every code has a sentence."""
        self._scans += 1
        verdict = answer.verdict
        told = verdict.code, verdict.accepted
        if edge.acked.setdefault(scan.op_id, told) != told:
            self.world.violation("I13", f"scan {scan.op_id} was answered {told} the second time")
        for code in (verdict.code, verdict.ask):
            sentence = verdict.params.get("sentence")
            if code and code not in sentences() and not sentence:
                self.world.violation("I20", f"code {code} has no sentence")

    def printed(self, warehouse: str, parcel_id: str, waybill: str) -> None:
        """I14: a number that came out of any printer is that parcel's for ever."""
        owner = self._numbers.setdefault(waybill, parcel_id)
        if owner != parcel_id:
            text = f"{warehouse} printed {waybill} for {parcel_id}, it was printed for {owner}"
            self.world.violation("I14", text)

    def waited(self, person: Person, took_ms: int) -> None:
        """I17: the floor goes on whatever the hub does."""
        if took_ms > LOCAL_MS_MAX:
            self.world.violation("I17", f"{person.station} waited {took_ms} ms for an answer")

    def refused(self, person: Person, error: Exception | None) -> None:
        """A scan that could not be stored: a sentence, and one that makes sense."""
        self.told(f"{person.warehouse} {person.station}", error)

    def told(self, who: str, error: Exception | None) -> None:
        """I20: a person or a shop is told a code and a sentence, never an error of the program."""
        self.world.time.note(f"{who} told {getattr(error, 'code', error)}")
        if not isinstance(error, BincardError) or not error.code or not error.message:
            self.world.violation("I20", f"{who} was told {type(error).__name__}")

    # Now and then, and at the end

    def look(self) -> None:
        """Check what must hold at any moment; every few times more thoroughly."""
        self._looks += 1
        watch_heads(self.world)
        for name, rule in rules.ALWAYS:
            self._say(name, rule(self.world))
        if self._looks % DEEP_EVERY == 0:
            for name, rule in rules.DEEP:
                self._say(name, rule(self.world))

    def final(self) -> None:
        """Check everything; nothing is under way any more."""
        for name, rule in (*rules.ALWAYS, *rules.DEEP, *rules.AT_REST):
            self._say(name, rule(self.world), at_rest=True)

    def _say(self, name: str, found: Iterator[str], *, at_rest: bool = False) -> None:
        drills = self.world.drills
        for text in found:
            if (name, text) not in self._told and not drills.forgiven(name, text, at_rest):
                self._told.add((name, text))
                self.world.violation(name, text)

    def counts(self) -> dict[str, int]:
        """Return how much work was done in this world."""
        world = self.world
        hub = world.hub.sql
        return {
            "scans": self._scans,
            "orders": sum(len(shop.book) for shop in world.shops),
            "facts": _count(hub, "SELECT count(*) FROM facts"),
            "pruned": sum(
                _count(edge.sql, "SELECT sum(base_seq) FROM logs") for edge in world.edges
            ),
            "shipped": _count(hub, "SELECT count(*) FROM parcels WHERE state = 'shipped'"),
            "cancelled": _count(hub, "SELECT count(*) FROM orders WHERE status = 'cancelled'"),
            "backordered": _count(hub, "SELECT count(*) FROM orders WHERE status = 'backordered'"),
            "counter sales": sum(len(units) for units in world.goods.sold.values()),
            "strict orders": sum(len(shop.book) for shop in world.storefronts),
            "losses": _count(hub, "SELECT count(*) FROM facts WHERE kind = 'units_lost'"),
            "recalls": _count(hub, "SELECT count(*) FROM commands WHERE kind = 'recall_quota'"),
            "leased numbers": _count(
                hub, "SELECT count(*) FROM waybill_numbers WHERE state = 'used' AND place > 0"
            ),
            "issued numbers": len(world.couriers.issued),
            "shorts": _count(hub, "SELECT count(*) FROM facts WHERE kind = 'short_picked'"),
        }


def _count(sql: sqlite3.Connection, query: str) -> int:
    return int(sql.execute(query).fetchone()[0])
