"""Everything bad that somebody or something does at a moment of its own choosing.

Rates (dropped frames, lost answers, crashes at named points) live where they strike. Here are the
single blows: cables cut, clocks set wrong, disks failing, goods stolen, keys revoked, facts and
commands of another version. The plan is made from the options when the world begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hub.store import fact_log as hub_log
from shared.domain.commands import CommandBody
from shared.domain.facts import FactBody
from shared.runtime.database import Transaction

if TYPE_CHECKING:
    from tests.simulation.edge_node import SimEdge
    from tests.simulation.world import World

GAP_MS = (300, 3_500)
CUT_MS_MIN = 2_000
FULL_COMMITS = (1, 8)
JUMPS_MS = (86_400_000, -86_400_000, -1_740_000_000_000, 600_000)
"""A day on, a day back, back to about 1970, ten minutes."""


class DroneLanded(FactBody, frozen=True, kw_only=True, tag="drone_landed"):
    """A fact of a version that is not written yet."""

    pad: int


class SendDrone(CommandBody, frozen=True, kw_only=True, tag="send_drone"):
    """A command of a version that is not written yet."""

    pad: int


class Faults:
    """The blows of one world."""

    def __init__(self, world: World) -> None:
        """Make the plan and begin."""
        self.world = world
        self.dice = world.time.stream("faults")
        options = world.options
        counts: tuple[tuple[Callable[[SimEdge], None], int], ...] = (
            (self.cut, options.cuts),
            (world.net.reset, options.resets),
            (world.net.garbage, options.garbage),
            (world.net.replay, options.replays),
            (self.edge_disk, options.disk_errors),
            (self.hub_disk, options.disk_errors),
            (self.jump, options.clock_jumps),
            (self.hub_jump, options.clock_jumps // 2),
            (self.steal, options.thefts),
            (self.poison, options.poison),
            (self.strange_command, options.strange_commands),
            (world.office.revoke, options.revocations),
            (self.edge_full, options.full_disks),
            (self.hub_full, options.full_disks),
        )
        self.plan = [blow for blow, count in counts for _ in range(count)]
        self.dice.shuffle(self.plan)
        self._next()

    def _next(self) -> None:
        if self.plan:
            self.world.time.later(self.dice.randint(*GAP_MS), "blow", self._strike)

    def _strike(self) -> None:
        if not self.world.wild:
            return
        self.plan.pop()(self.dice.choice(self.world.edges))
        self._next()

    def cut(self, edge: SimEdge) -> None:
        """Cut a cable, in one direction or both, and let it come back."""
        cable = self.world.net.cable(edge)
        way = self.dice.choice(("both", "up", "down"))
        self.world.time.fault(f"net_cut_{way}")
        cable.cut_up = cable.cut_up or way != "down"
        cable.cut_down = cable.cut_down or way != "up"
        if way == "both":
            cable.generation += 1

        def mend() -> None:
            cable.cut_up = cable.cut_down = False

        delay_ms = self.dice.randint(CUT_MS_MIN, self.world.options.cut_ms)
        self.world.time.later(delay_ms, "mend", mend)

    def edge_disk(self, edge: SimEdge) -> None:
        """The next commit of an edge fails, and its storage stays failed until somebody comes."""
        self.world.time.fault("edge_disk_error")
        edge.writer.fail_next = True

    def hub_disk(self, _: SimEdge) -> None:
        """The next commit of the hub fails."""
        self.world.time.fault("hub_disk_error")
        self.world.hub.writer.fail_next = True

    def edge_full(self, edge: SimEdge) -> None:
        """An edge finds no room for its next commits; nothing is lost but what was to be kept."""
        self.world.time.fault("edge_disk_full")
        edge.writer.full_left = self.dice.randint(*FULL_COMMITS)

    def hub_full(self, _: SimEdge) -> None:
        """The hub finds no room for its next commits."""
        self.world.time.fault("hub_disk_full")
        self.world.hub.writer.full_left = self.dice.randint(*FULL_COMMITS)

    def jump(self, edge: SimEdge) -> None:
        """Somebody sets an edge's clock wrong."""
        self.world.time.fault("clock_jump")
        edge.clock.offset_ms += self.dice.choice(JUMPS_MS)

    def hub_jump(self, _: SimEdge) -> None:
        """Somebody sets the hub's clock wrong."""
        self.world.time.fault("clock_jump")
        self.world.hub.clock.offset_ms += self.dice.choice(JUMPS_MS)

    def steal(self, edge: SimEdge) -> None:
        """A unit leaves without anybody writing it down."""
        if self.world.goods.steal(edge.name):
            self.world.time.fault("theft")

    def poison(self, edge: SimEdge) -> None:
        """An edge of a newer version writes a fact that this hub cannot read."""
        if not edge.up:
            return
        self.world.time.fault("poison_fact")
        pad = self.dice.randrange(100)

        def work(tx: Transaction) -> None:
            edge.floor(tx, edge.new_id(), "drone").record(DroneLanded(pad=pad))  # type: ignore[arg-type]

        edge.submit(work)

    def strange_command(self, edge: SimEdge) -> None:
        """A hub of a newer version asks for something this edge does not know."""
        self.world.time.fault("strange_command")
        name = f"drone-{edge.name}-{self.dice.randrange(10**9)}"
        command = SendDrone(pad=1)
        self.world.office.ask(
            name,
            lambda desk: hub_log.queue_command(desk.sql, edge.name, command, command_id=name),  # type: ignore[arg-type]
        )
