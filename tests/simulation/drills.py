"""Disks that go back in time, vanish, or turn up twice: the drills of section 4.9.

A drill strikes once in the safety phase. Afterwards the product has to find its way back to normal
without help, except that shops send again what the hub has forgotten (as channels are pulled again)
and that somebody switches a clone off. What a disk took with it for good has to be declared: a
warehouse with a declared gap is counted by people, so its shelves are not compared with its books.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edge.store import copies, line_state
from edge.sync import sidecar
from hub.store import fences
from hub.store.backup import begin_new_life
from tests.simulation.disk import empty_image

if TYPE_CHECKING:
    from tests.simulation.edge_node import SimEdge
    from tests.simulation.node import Node
    from tests.simulation.world import World

COPY_MS = (3_000, 15_000)
BACK_MS = (3_000, 20_000)
CLONE_MS_MIN = 4_000
LOOK_MS = (3_000, 9_000)
"""The lead of a warehouse whose books went back looks for doubtful parcels this often."""
FORGIVEN = frozenset({"I4", "I13", "W1", "W2", "W3", "W4", "W6", "W7"})
"""Promises about a warehouse that do not bind it once its gap is declared."""
LINES_GONE = frozenset({"I1", "I2", "I7", "I8", "I10", "I12", "I13", *FORGIVEN})
"""Promises about a warehouse of whose log a part is gone for good, and declared so."""
CONTRADICTED = frozenset({"I2", "I8"})
"""Promises about a warehouse whose forgotten past and present do not fit: bins have to be counted,
and head office sees that both sides' books differ."""
IN_BETWEEN = frozenset({"I2", "I3", "I6", "I7", "I13", "I18"})
"""Promises that a node which forgot something cannot keep until it has been told again."""


class Drills:
    """The drill of one world, if it has one."""

    def __init__(self, world: World) -> None:
        """Choose a warehouse and a moment."""
        self.world = world
        self.dice = world.time.stream("drills")
        self.struck: set[str] = set()
        """Names of nodes whose disk was touched."""
        drill = world.options.drill
        if drill:
            edge = self.dice.choice(world.edges)
            strike: Callable[[SimEdge], None] = getattr(self, f"_{drill}")
            world.time.later(self.dice.randint(*COPY_MS), drill, strike, edge)
        if drill.startswith("edge"):
            self._look(edge)

    def forgiven(self, invariant: str, text: str, at_rest: bool) -> bool:
        """Say whether a broken promise is covered by a gap that was declared.

        While a disk is being won back its node knows less than the others; at rest it must not.
        """
        if self.struck and not at_rest and invariant in IN_BETWEEN:
            return True
        if self.world.options.drill == "hub_lost" and self.struck and invariant == "I11":
            return True  # what was dropped was in a backup of the hub that is lost with it
        holes = self._with_holes()
        if invariant in LINES_GONE and any(name in text for name in holes):
            return True
        # Which orders left is told by the lines that are gone, and by nobody else.
        if invariant == "W8" and holes and self.world.options.drill == "hub_lost":
            return True
        conflicts_min = 0 if invariant in FORGIVEN else 1
        return invariant in FORGIVEN | CONTRADICTED and any(
            name in text and self._declared(name, conflicts_min) for name in self.struck
        )

    def _with_holes(self) -> list[str]:
        """Return warehouses whose oldest lines were dropped and lost with every backup."""
        rows = self.world.hub.sql.execute("SELECT DISTINCT node FROM log_skips")
        return [row["node"] for row in rows]

    def _declared(self, name: str, conflicts_min: int) -> bool:
        row = self.world.hub.sql.execute(
            "SELECT 1 FROM facts WHERE node = ? AND kind = 'log_gap'"
            " AND json_extract(CAST(body AS TEXT), '$.conflicts') >= ? LIMIT 1",
            (name, conflicts_min),
        ).fetchone()
        return row is not None

    def owed(self) -> Counter[tuple[str, str]]:
        """Return by warehouse and SKU the units that two twins used twice: shipped and called back.

        That was declared, and what is too many is owed: it comes up short and is sourced again.
        """
        found: Counter[tuple[str, str]] = Counter()
        for name in self.struck:
            if self._declared(name, 1):
                for row in self.world.hub.sql.execute(
                    "SELECT sku, units FROM rights_debts WHERE warehouse = ?", (name,)
                ):
                    found[name, row["sku"]] += row["units"]
        return found

    def _swap(self, node: Node, image: bytes, note: Any) -> None:
        """Stop a node, put another disk in, and start it a moment later."""
        self.world.time.fault(f"drill_{self.world.options.drill}")
        self.struck.add(node.name)
        node.stop()
        node.disk.put_back(image)
        node.disk.note = note
        node.life += 1
        self.world.time.later(self.dice.randint(200, 3_000), "swapped", node.restart, node.life)

    # Edges

    def _look(self, edge: SimEdge) -> None:
        """The lead settles doubts now and then; once faults have ended the office sees to it."""
        if self.world.wild:
            if edge.up:
                self.world.office.settle_doubts(edge)
            self.world.time.later(self.dice.randint(*LOOK_MS), "look", self._look, edge)

    def _edge_old(self, edge: SimEdge) -> None:
        image, old_note = edge.disk.image(), edge.disk.note

        def back() -> None:
            note = edge.disk.note if self.dice.random() < 0.5 else old_note
            self._swap(edge, image, note)
            known, shown = fences.load(self.world.hub.sql, edge.name), _fence(edge)
            unseen = known.open or shown in (known.confirmed, known.offered)
            unseen = unseen and not sidecar.forgotten(note, line_state.load(edge.sql))
            if unseen:  # nothing but a person can know it: the restore command was used
                edge.writer.write_now(lambda tx: copies.branch_log(tx.sql, edge.entropy))
            edge.acked = _kept(edge)
            edge.epoch_seen = 0

        self.world.time.later(self.dice.randint(*BACK_MS), "edge back", back)

    def _edge_lost(self, edge: SimEdge) -> None:
        self._swap(edge, empty_image("edge", "edge.store.migrations"), None)
        edge.writer.write_now(edge.name_it)
        edge.acked = {}
        edge.epoch_seen = 0

    def _edge_clone(self, edge: SimEdge) -> None:
        from tests.simulation.edge_node import SimEdge as Machine

        self.world.time.fault("drill_edge_clone")
        self.struck.add(edge.name)
        clone = Machine(self.world, edge.name, f"{edge.name}b")
        clone.disk.put_back(edge.disk.image())
        clone.disk.note = edge.disk.note
        clone.key = edge.key
        if self.dice.random() < 0.5:
            clone.box = edge.box  # copied together with the system it runs in
        self.world.machines.append(clone)
        clone.start()

        def off() -> None:
            clone.stop()
            self.world.machines.remove(clone)

        self.world.time.later(
            self.dice.randint(CLONE_MS_MIN, self.world.options.clone_ms), "clone off", off
        )

    # The hub

    def _hub_old(self, _: SimEdge) -> None:
        hub = self.world.hub
        image = hub.disk.image()

        def back() -> None:
            self._swap(hub, hub.backup or image, None)
            if self.dice.random() < 0.5:
                hub.writer.write_now(
                    lambda tx: begin_new_life(tx.sql, hub.entropy, hub.clock.wall_ms())
                )
            self._sell_again()

        self.world.time.later(self.dice.randint(*BACK_MS), "hub back", back)

    def _hub_lost(self, _: SimEdge) -> None:
        hub = self.world.hub
        self._swap(hub, empty_image("hub", "hub.store.migrations"), None)
        hub.writer.write_now(hub.found)
        hub.writer.write_now(self.world.office.describe)
        self.world.net.forget_greetings()
        # Rights lent to counters are known to warehouses alone: then the hub has to be told.
        if self.world.options.quotas or self.dice.random() < 0.5:
            hub.writer.write_now(
                lambda tx: begin_new_life(tx.sql, hub.entropy, hub.clock.wall_ms(), kind="lost")
            )
        self._sell_again()

    def _sell_again(self) -> None:
        """Shops send every order again that the hub does not know any more."""
        hub = self.world.hub
        hub.boots.clear()
        hub.acked.clear()
        self.world.office.ask_again()
        for shop in self.world.shops:
            for entry in shop.book.values():
                shop.forgotten(entry)


def _fence(edge: SimEdge) -> bytes:
    return bytes(edge.sql.execute("SELECT fence FROM node_state").fetchone()["fence"])


def _kept(edge: SimEdge) -> dict[str, tuple[str, bool]]:
    """Return the answers people were given that the disk still knows."""
    rows: list[sqlite3.Row] = edge.sql.execute("SELECT op_id FROM operations").fetchall()
    known = {row["op_id"] for row in rows}
    return {op_id: told for op_id, told in edge.acked.items() if op_id in known}
