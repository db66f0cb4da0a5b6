"""One warehouse node, put together: settings, books, line to the hub, devices, pages.

This is the file to read second. `EdgeNode` holds what lives as long as the process; `create_app`
mounts every room's handlers on it; the lifespan starts what runs beside the requests and stops it
in the reverse order, with a last digest of the books.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig
from litestar.types import ControllerRouterHandler

from devices.client import DevicesClient
from devices.messages import HealthChanged
from edge import timers
from edge.hardware import Hardware
from edge.services import examine
from edge.services.commands import command_handler
from edge.services.enrolment import Identity
from edge.services.floor import Floor
from edge.services.people import load_people
from edge.services.plan_wave import WAVES_PER_RUN_MAX, PlannedWave, plan_next_wave
from edge.services.scan import ScanRequest
from edge.settings import Settings
from edge.store import fact_log, recoveries
from edge.sync import apply
from edge.uplink import FloorBus, Uplink
from edge.web import rooms
from edge.web.api.scans import judge
from shared.domain.errors import BincardError
from shared.domain.ids import uuid7
from shared.domain.ports import Clock, Entropy
from shared.runtime import backups, logs
from shared.runtime.clock import SystemClock, SystemEntropy
from shared.runtime.database import Database, Transaction
from shared.runtime.file_check import HourlyCheck
from shared.runtime.migrate import migrate
from shared.runtime.storage import StorageWatch, open_with_room
from shared.web import problems
from shared.web.conditional import conditional
from shared.web.messages import Catalogue

MIGRATIONS: Final = "edge.store.migrations"
MIGRATION_SET: Final = "edge"
RUN_FILE: Final = "run.json"
"""Tells other programs of this machine where the running node is."""
BODY_BYTES_MAX: Final = 4_194_304
"""Largest request body: twenty thousand of the longest serial numbers fit."""

log = logs.get("edge")


class EdgeNode:
    """What one warehouse's process holds. Handlers reach it as `request.app.state.node`."""

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, entropy: Entropy | None = None
    ) -> None:
        """Open the books in `settings.database`, creating or migrating them first."""
        self.settings = settings
        self.clock = clock or SystemClock()
        self.entropy = entropy or SystemEntropy()
        self.site = settings.site
        self.stopping = asyncio.Event()
        self.live = FloorBus(self.stopping)
        self.catalogue = Catalogue(files("edge.web") / "locale")
        self.database = open_with_room(settings.database, self._open, examine.WHAT_TO_DO)
        self.storage = StorageWatch(
            self.database,
            settings.database.parent,
            ballast_bytes=settings.ballast_bytes,
            examine=lambda: examine.examine_file(settings.database),
            on_change=lambda state: self.live.publish("health", {"storage": state.level}),
        )
        self.hardware: Hardware | None = None
        self.uplink = Uplink(
            settings,
            self.database,
            self.live,
            command_handler(self.clock, self.entropy, lambda: self.site, self.live),
            clock=self.clock,
            entropy=self.entropy,
            on_identity=self._enrolled,
            takes_new_work=lambda: self.storage.takes_new_work,
        )
        self.file_check = HourlyCheck(settings.database, examine.slices, self.storage.damaged)
        self._timers: list[asyncio.Task[None]] = []
        self._planning = asyncio.Lock()

    def _open(self) -> Database:
        backups.expect_no_half_restore(self.settings.database)
        migrate(self.settings.database, MIGRATION_SET, MIGRATIONS)
        database = Database(self.settings.database)
        try:
            database.write_sync(self._begin)
        except BincardError:
            database.close()
            raise
        return database

    def _begin(self, tx: Transaction) -> None:
        head = fact_log.ensure_identity(tx.sql, self.settings.warehouse, self.entropy)
        examine.expect_sound(tx.sql)
        sentence = apply.expect_present(tx, self.settings.state_dir, self.entropy)
        if sentence:
            log.warning("edge_rolled_back", sentence=sentence)
        load_people(tx, self.settings.people)
        if not self.site.warehouse and head.node != fact_log.UNENROLLED:
            self.site = msgspec.structs.replace(self.site, warehouse=head.node)

    def _enrolled(self, identity: Identity) -> None:
        """Take the name head office gave this warehouse; raises Refused when it has another."""
        self.database.write_sync(
            lambda tx: fact_log.ensure_identity(tx.sql, identity.node, self.entropy)
        )
        self.site = msgspec.structs.replace(
            self.site, warehouse=identity.node, name=self.site.name or identity.name
        )

    def new_id(self) -> str:
        """Return a fresh id for an operation this node starts itself."""
        return uuid7(self.clock.wall_ms(), self.entropy)

    def floor(self, tx: Transaction, op_id: str, actor: str) -> Floor:
        """Return the floor for one use case inside `tx`."""
        return Floor(
            tx,
            op_id=op_id,
            actor=actor,
            clock=self.clock,
            entropy=self.entropy,
            site=self.site,
            live=self.live,
        )

    def link_state(self) -> dict[str, Any]:
        """Return the line to the hub: `up`, `since_ms` of the last change, facts `waiting`."""
        return msgspec.structs.asdict(self.uplink.link())

    def devices(self) -> list[HealthChanged]:
        """Return how every scale, printer and scanner was when last heard of."""
        return self.hardware.health() if self.hardware is not None else []

    async def plan_waves(self, op_id: str) -> list[PlannedWave]:
        """Plan waiting parcels wave by wave until nothing more can be planned.

        A full disk plans nothing: what is in people's hands needs the room.
        """
        async with self._planning:
            if not self.storage.takes_new_work or await self.database.read(recoveries.running):
                return []
            planned: list[PlannedWave] = []
            tried: frozenset[tuple[int, str]] = frozenset()
            for number in range(WAVES_PER_RUN_MAX):
                wave = await self._plan_one(f"{op_id}/{number}", tried)
                if wave.group is None:
                    break
                if wave.wave:
                    planned.append(wave)
                else:
                    tried |= {wave.group}
            return planned

    def _plan_one(self, op_id: str, tried: frozenset[tuple[int, str]]) -> Awaitable[PlannedWave]:
        return self.database.write(
            lambda tx: plan_next_wave(self.floor(tx, op_id, "planner"), tried)
        )

    async def scan(
        self, *, op_id: str, device_id: str, device_seq: int, station: str, raw: str
    ) -> object:
        """Take a scan that a device of this node read; the same door as over HTTP."""
        return await judge(self, ScanRequest(op_id, device_id, device_seq, station, raw))

    async def start(self) -> None:
        """Start what runs beside the requests."""
        self.live.attach(asyncio.get_running_loop())
        if self.settings.devices_requests and self.settings.devices_events:
            self.hardware = Hardware(
                DevicesClient(self.settings.devices_requests, self.settings.devices_events),
                database=self.database,
                site=lambda: self.site,
                live=self.live,
                clock=self.clock,
                entropy=self.entropy,
                scan=self.scan,
            )
            await self.hardware.start()
        self.uplink.start()
        self.file_check.start()
        self._timers = [asyncio.create_task(one) for one in timers.of(self)]

    async def stop(self) -> None:
        """Stop in the reverse order; the last thing written is a digest of the books."""
        self.stopping.set()
        await asyncio.gather(*self._timers, return_exceptions=True)
        if self.hardware is not None:
            await self.hardware.stop()
        await timers.digest(self)
        await self.uplink.stop()
        await asyncio.to_thread(self.file_check.stop)
        await asyncio.to_thread(self.database.close)
        (self.settings.state_dir / RUN_FILE).unlink(missing_ok=True)


def create_app(node: EdgeNode) -> Litestar:
    """Return the ASGI application of `node`, every room mounted."""

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await node.start()
        try:
            yield
        finally:
            await node.stop()

    handlers: list[ControllerRouterHandler] = rooms.handlers()
    return Litestar(
        route_handlers=handlers,
        lifespan=[lifespan],
        state=State({"node": node}),
        middleware=[conditional],
        exception_handlers=problems.HANDLERS,
        openapi_config=OpenAPIConfig(
            title="Bincard edge", version="1", path="/schema", use_handler_docstrings=True
        ),
        logging_config=None,
        request_max_body_size=BODY_BYTES_MAX,
    )
