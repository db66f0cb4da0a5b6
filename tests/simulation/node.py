"""What an edge and the hub have in common here: a process that can die, and a file that stays."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from shared.domain.errors import BincardError, Unavailable
from tests.simulation.disk import Crash, Done, Writer
from tests.simulation.schedule import SimClock, SimEntropy

if TYPE_CHECKING:
    from tests.simulation.world import World

COMMIT_MS = 12
"""Longest time a commit takes."""
DOWN_MS = (100, 6_000)
"""A process that died comes back within this."""


class Node:
    """One program and its file. Subclasses say what happens at start and at the end."""

    def __init__(self, world: World, name: str, image: bytes, crash: float) -> None:
        """`crash` is how likely the process dies at each named point."""
        self.world = world
        self.name = name
        self.crash_rate = crash
        self.dice = world.time.stream(f"node/{name}")
        drift = self.dice.choice((-1, 0, 1)) * world.options.drift_ppm
        self.clock = SimClock(world.time, drift)
        self.entropy = SimEntropy(world.time.stream(f"entropy/{name}"))
        self.disk = world.disk(name, image)
        self._power = world.time.stream(f"power/{name}")
        self.up = False
        self.life = 0
        self.writer = self._new_writer()

    @property
    def sql(self) -> sqlite3.Connection:
        """The file, as readers see it: what was committed last."""
        return self.disk.sql

    def later(self, delay_ms: int, label: str, action: Callable[..., object], *args: Any) -> None:
        """Do `action` after `delay_ms`, unless this process has died by then."""
        life = self.life

        def run() -> None:
            if self.life == life and self.up:
                self.guarded(action, *args)

        self.world.time.later(delay_ms, f"{self.name} {label}", run)

    def guarded(self, action: Callable[..., object], *args: Any) -> None:
        """Run `action`; a `Crash` in it ends the process."""
        try:
            action(*args)
        except Crash as crash:
            self.crash(str(crash))

    def submit(self, work: Callable[..., Any], done: Done | None = None) -> None:
        """Queue a use case on the writer, watching for errors that are not sentences."""

        def answered(answer: Any, error: Exception | None) -> None:
            if error is not None and not isinstance(error, BincardError):
                if not self.writer.broken:
                    self.world.violation("I20", f"{self.name}: {type(error).__name__}: {error}")
                error = Unavailable("storage_failed", "Nothing can be stored here.")
            if done is not None:
                done(answer, error)

        self.writer.submit(work, answered)

    def start(self) -> None:
        """Begin a new process on the file."""
        self.clock.boot(self.dice.randint(0, 100_000))
        self.up = True
        self.guarded(self.begin)

    def begin(self) -> None:
        """What a new process does first."""
        raise NotImplementedError

    def ended(self) -> None:
        """What the world notices when the process is gone."""
        raise NotImplementedError

    def crash(self, why: str, down_ms: int | None = None) -> None:
        """End the process without a word; it is started again after a while."""
        if not self.up:
            return
        self.world.time.fault(f"{type(self).__name__.removeprefix('Sim').lower()}_{why}")
        self.stop()
        delay_ms = self.dice.randint(*DOWN_MS) if down_ms is None else down_ms
        life = self.life
        self.world.time.later(delay_ms, f"{self.name} restart", self.restart, life)

    def stop(self) -> None:
        """End the process for now."""
        self.up = False
        self.life += 1
        if end := self.disk.ended(self._power):
            self.world.time.fault(end)
        self.writer = self._new_writer()
        self.ended()

    def restart(self, life: int) -> None:
        """Start again, unless somebody did so before."""
        if life == self.life and not self.up:
            self.start()

    def _new_writer(self) -> Writer:
        return Writer(self.disk, self._wake_writer, self._point)

    def _wake_writer(self) -> None:
        writer = self.writer
        self.later(self.dice.randint(1, COMMIT_MS), "commit", writer.commit)

    def _point(self, name: str) -> None:
        if self.up and self.world.wild and self.dice.random() < self.crash_rate:
            raise Crash(name)
