"""This warehouse's tie to head office: enrol once, then keep the line, and work on without either.

A new box is started with a one-time code. While the hub cannot be reached the code waits and the
floor works; once enrolled, the code is never needed again. Whatever goes wrong here is shown on the
pages as the state of the link and stops nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Final

import msgspec

from edge.services import enrolment
from edge.services.enrolment import Identity
from edge.settings import Settings
from edge.store import line_state
from edge.sync.apply import HandleCommand
from edge.sync.line import Line, LineSettings, LinkState
from shared.domain.errors import BincardError, Forbidden, Unavailable
from shared.domain.ports import Clock, Entropy
from shared.runtime import logs, machine
from shared.runtime.database import Database
from shared.web.live import LiveBus

FACTS: Final = "facts"
"""Name under which the floor says that facts were committed; pages never hear it."""
RETRY_SECONDS: Final = 2.0
RETRY_SECONDS_MAX: Final = 30.0
COUNT_SECONDS: Final = 0.5
SCHEMA: Final = "edge-1"

log = logs.get("uplink")


class FloorBus(LiveBus):
    """Tells pages what changed, and the line to the hub that facts wait."""

    def __init__(self, stopping: asyncio.Event) -> None:
        """Nobody listens for facts before `on_facts` is set."""
        super().__init__(stopping)
        self.on_facts: Callable[[], None] | None = None

    def publish(self, event: str, data: Any = None) -> None:
        """Ring the line's bell for facts; hand everything else to the pages."""
        if event != FACTS:
            super().publish(event, data)
        elif self.on_facts is not None:
            self.on_facts()


class Uplink:
    """Enrols this node if it has to, then runs its line to the hub."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        live: FloorBus,
        handle_command: HandleCommand,
        *,
        clock: Clock,
        entropy: Entropy,
        on_identity: Callable[[Identity], None],
        takes_new_work: Callable[[], bool],
    ) -> None:
        """`on_identity` is told the warehouse's name before the line begins.

        While `takes_new_work` says no, head office's commands wait at head office.
        """
        self._settings = settings
        self._database = database
        self._live = live
        self._handle_command = handle_command
        self._clock = clock
        self._entropy = entropy
        self._on_identity = on_identity
        self._takes_new_work = takes_new_work
        self._line: Line | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._offline = LinkState(up=False, since_ms=clock.wall_ms(), waiting=0)

    def start(self) -> None:
        """Begin in the background; the floor does not wait for it."""
        self._tasks = [asyncio.create_task(one) for one in (self._run(), self._count())]

    async def stop(self) -> None:
        """Say goodbye to the hub. Call it before the database is closed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._line is not None:
            self._live.on_facts = None
            await asyncio.to_thread(self._line.stop)

    def link(self) -> LinkState:
        """Return the state of the line as last seen, at most a moment ago."""
        return self._line.link() if self._line is not None else self._offline

    async def _count(self) -> None:
        """Count the facts that pile up while there is no line that would count them itself."""
        while self._line is None:
            waiting = await self._database.read(line_state.waiting)
            self._offline = msgspec.structs.replace(self._offline, waiting=waiting)
            await asyncio.sleep(COUNT_SECONDS)

    async def _run(self) -> None:
        try:
            identity = await self._identity()
            if identity is not None:
                await asyncio.to_thread(self._on_identity, identity)
                self._begin(identity)
        except BincardError as error:
            log.warning("uplink_failed", code=error.code, sentence=error.message)
            self._offline = msgspec.structs.replace(
                self._offline, code=error.code, sentence=f"{error.message} {error.hint}".strip()
            )

    async def _identity(self) -> Identity | None:
        """Return who we are, asking the hub until it answers; None without a code."""
        settings = self._settings
        identity = enrolment.load(settings.state_dir)
        wait_seconds = RETRY_SECONDS
        known = identity
        if identity is not None and enrolment.is_new_code(identity, settings.enrolment_code):
            identity = None
        while identity is None and settings.enrolment_code:
            try:
                identity = await asyncio.to_thread(
                    enrolment.enrol,
                    settings.state_dir,
                    settings.hub_url,
                    settings.enrolment_code,
                )
            except Forbidden as error:
                if known is None:
                    raise
                # A code that is no good must not cost an enrolment that is.
                log.warning("enrolment_refused", code=error.code)
                return known
            except Unavailable as error:
                log.warning("enrolment_waits", code=error.code)
                self._offline = msgspec.structs.replace(
                    self._offline, code=error.code, sentence=error.message
                )
                await asyncio.sleep(wait_seconds)
                wait_seconds = min(wait_seconds * 2, RETRY_SECONDS_MAX)
        return identity

    def _begin(self, identity: Identity) -> None:
        settings = self._settings
        self._line = Line(
            LineSettings(
                address=settings.hub_sync or identity.sync_address,
                server_key=identity.server_key,
                keys=lambda: enrolment.keys(settings.state_dir),
                state_dir=settings.state_dir,
                app_version=version("bincard"),
                schema=SCHEMA,
                machine=machine.name_of(identity.node),
            ),
            self._database,
            self._handle_command,
            clock=self._clock,
            entropy=self._entropy,
            on_change=lambda state: self._live.publish("link", msgspec.to_builtins(state)),
            takes_new_work=self._takes_new_work,
        )
        self._live.on_facts = self._line.notify
        self._line.start()
