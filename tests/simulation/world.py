"""One world: built from its options, wild for a while, then calm until everything has come true.

First the safety phase: everything goes wrong that the options allow, and what must never happen is
checked all the way. Then all faults end, processes and cables are mended, and the liveness phase
waits until every promise is kept: logs equal, orders shipped or honestly open, books like the
shelves. What cannot reach that state is a bug as well.
"""

from __future__ import annotations

import time
import traceback
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tests.simulation.checks import Checks
from tests.simulation.counter import Breakage, Clerk, QuotaOffice
from tests.simulation.couriers import Couriers
from tests.simulation.disk import Disk
from tests.simulation.drills import Drills
from tests.simulation.edge_node import SimEdge
from tests.simulation.faults import Faults
from tests.simulation.faulty_files import FaultyDisk, faulty_disk
from tests.simulation.file_disk import FileDisk
from tests.simulation.goods import Goods
from tests.simulation.hub_node import SimHub
from tests.simulation.net import Net
from tests.simulation.node import Node
from tests.simulation.office import Office
from tests.simulation.options import Options
from tests.simulation.packer import Packer
from tests.simulation.people import Loader, Person, Picker, Receiver
from tests.simulation.schedule import Schedule
from tests.simulation.settled import unsettled
from tests.simulation.shops import Shop
from tests.simulation.storefront import Storefront

CALM_MS_MAX = 900_000
"""Simulated time in which a calm world must have come to rest."""
CALM_EVENTS_MAX = 30_000
LOOK_EVERY = 50
"""Events between two looks at what must never happen."""
TIDY_MS = 4_000
REPAIR_MS = (2_000, 8_000)
VIOLATIONS_MAX = 5
SHOPS = ("north", "south")


class Violation(msgspec.Struct, frozen=True):
    """A promise that did not hold: which (I1 to I20), when, and what was seen."""

    invariant: str
    at_ms: int
    event: int
    text: str


class Outcome(msgspec.Struct, frozen=True):
    """What became of one seed."""

    options: Options
    events: int
    simulated_ms: int
    fingerprint: str
    faults: dict[str, int]
    counts: dict[str, int]
    violations: tuple[Violation, ...]
    seconds: float
    trace: tuple[str, ...] = ()


class Stop(Exception):
    """Enough is known about this world."""


class World:
    """Everything there is. `wild` says whether faults may happen."""

    def __init__(
        self,
        options: Options,
        *,
        keep_trace: bool = False,
        platters: FaultyDisk | None = None,
    ) -> None:
        """Build warehouses, hub, people, shops and goods; with `platters` files are real ones."""
        self.options = options
        self._platters = platters
        self._disks: list[Disk] = []
        self.time = Schedule(options.seed, keep_trace=keep_trace)
        self.wild = True
        self.violations: list[Violation] = []
        self.goods = Goods(self.time.stream("goods"), options.skus)
        self.checks = Checks(self)
        self.net = Net(self)
        self.couriers = Couriers(self)
        self.hub = SimHub(self)
        self.edges = [SimEdge(self, f"W{number}") for number in range(1, options.edges + 1)]
        self.machines = list(self.edges)
        """All boxes that are switched on, clones included."""
        self.storefronts: list[Storefront] = []
        self.office = Office(self)
        self.couriers.hand_out()
        self.people = [person for edge in self.edges for person in _staff(edge)]
        strict, shared = SHOPS[: options.strict_shops], SHOPS[options.strict_shops :]
        self.storefronts += [Storefront(self, name) for name in strict]
        self.shops = [*self.storefronts, *(Shop(self, name) for name in shared)]
        self.clerks = [Clerk(edge) for edge in self.edges]
        self.quota_office = QuotaOffice(self)
        self.breakage = Breakage(self)
        self.faults = Faults(self)
        self.drills = Drills(self)
        self._repairs: set[str] = set()
        self.heads: dict[tuple[str, int], int] = {}
        """Last line every log was ever seen to have, by warehouse and incarnation."""

    def disk(self, name: str, image: bytes) -> Disk:
        """Return the disk of a node that is being built."""
        made = FileDisk(self._platters, name, image) if self._platters else Disk(image)
        self._disks.append(made)
        return made

    def close(self) -> None:
        """Close all files."""
        for disk in self._disks:
            disk.close()

    def violation(self, invariant: str, text: str) -> None:
        """Note that a promise did not hold; a few are enough to end the world."""
        self.time.note(f"# {invariant} {text}")
        now_ms, event = self.time.now_ms, self.time.events
        self.violations.append(Violation(invariant, now_ms, event, text))
        if len(self.violations) >= VIOLATIONS_MAX:
            raise Stop

    def repair(self, node: Node) -> None:
        """Somebody replaces a failed disk's cable and restarts the node, soon."""
        if node.name in self._repairs:
            return
        self._repairs.add(node.name)

        def restart() -> None:
            self._repairs.discard(node.name)
            if node.up and node.writer.broken:
                node.crash("disk_restart", 500)

        self.time.later(node.dice.randint(*REPAIR_MS), f"{node.name} repair", restart)

    # The two phases

    def run(self) -> Outcome:
        """Live through both phases and return what was seen."""
        started = time.perf_counter()
        try:
            self._safety()
            self._heal()
            self._liveness()
        except Stop:
            pass
        except Exception as error:  # noqa: BLE001  the program broke: that is a finding too
            self._broke(error)
        return Outcome(
            options=self.options,
            events=self.time.events,
            simulated_ms=self.time.now_ms,
            fingerprint=self.time.fingerprint,
            faults=dict(sorted(self.time.faults.items())),
            counts=self.checks.counts(),
            violations=tuple(self.violations),
            seconds=time.perf_counter() - started,
            trace=tuple(self.time.trace or ()),
        )

    def _broke(self, error: Exception) -> None:
        """Code of the product, or of the simulator, raised what nobody handles."""
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
        with suppress(Stop):
            self.violation("X", text)

    def _safety(self) -> None:
        self.hub.start()
        for edge in self.edges:
            edge.start()
        while self.time.events < self.options.events * 3 // 4 and self.time.step():
            if self.time.events % LOOK_EVERY == 0:
                self.checks.look()

    def _heal(self) -> None:
        """All faults end; whoever is down comes back."""
        self.time.note("heal")
        self.wild = False
        for cable in self.net.cables.values():
            cable.cut_up = cable.cut_down = False
        for node in (self.hub, *self.edges):
            node.writer.fail_next = False
            node.writer.full_left = 0
            if not node.up:
                node.restart(node.life)
        self.checks.look()
        self._tidy()

    def _tidy(self) -> None:
        self.time.later(TIDY_MS, "tidy", self._tidy)
        self.office.tidy()

    def _liveness(self) -> None:
        """Wait until nothing is open any more, compare books, wait again, check everything."""
        if not self._rest():
            return
        for edge in self.edges:
            edge.digest()
        if not self._rest():
            return
        self.checks.look()
        self.checks.final()

    def _rest(self) -> bool:
        limit_ms = self.time.now_ms + CALM_MS_MAX
        limit_events = self.time.events + CALM_EVENTS_MAX
        while self.time.step():
            if self.time.events % LOOK_EVERY:
                continue
            open_things = unsettled(self)
            enough = self.time.events >= self.options.events
            if not open_things and enough:
                return True
            if self.time.now_ms > limit_ms or self.time.events > limit_events:
                for text in open_things[:VIOLATIONS_MAX]:
                    self.violation("I12", text)
                return False
        return False


def _staff(edge: SimEdge) -> list[Person]:
    """Return the people of one warehouse."""
    return [
        Picker(edge, "handheld-1", "BDG-0002"),
        Picker(edge, "handheld-2", "BDG-0003"),
        Packer(edge, "bench-1", "BDG-0004"),
        Packer(edge, "bench-2", "BDG-0005"),
        Loader(edge, "dock-1", "BDG-0006"),
        Receiver(edge, "receiving-1", "BDG-0007"),
    ]


def run_seed(options: Options, *, keep_trace: bool = False) -> Outcome:
    """Run one world, on real files when its power may fail."""
    if not options.power:
        return World(options, keep_trace=keep_trace).run()
    with TemporaryDirectory(prefix="bincard-sim-") as folder, faulty_disk(Path(folder)) as platters:
        platters.recording = True
        world = World(options, keep_trace=keep_trace, platters=platters)
        try:
            return world.run()
        finally:
            world.close()
