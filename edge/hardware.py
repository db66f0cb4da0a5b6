"""The edge's hands: scales, printers and scanners, through the devices process.

The devices process owns the ports and may die, be restarted or be missing while people work. This
task listens to it and turns what it says into use cases (a load came to rest, a label came out, a
scanner read something), and it carries out what use cases ask for after their commits. It never
holds up the pages: with the devices process gone, totes are still scanned and labels wait.

Nothing here is believed to arrive. Every `PATROL_SECONDS` the devices process is asked how it is,
and every label under way is asked for; one that it never saw is handed over again, under the same
job id, so it can only be printed once.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Protocol

import msgspec

from devices.client import DevicesClient
from devices.messages import (
    AskHealth,
    AskJob,
    DecideJob,
    Event,
    Failed,
    HealthChanged,
    HealthReply,
    JobChanged,
    JobReply,
    JobState,
    PrintLabel,
    ReadingSeen,
    RearmScale,
    Reply,
    Request,
    ScanRead,
    WeightSettled,
)
from edge.domain.site import Site
from edge.services import print_label, weigh
from edge.services.bench import HARDWARE_EVENT, BenchState, HardwareRequest
from edge.services.floor import Floor
from edge.services.print_label import Drawn
from edge.store import labels, print_jobs, stations
from edge.store.labels import PrinterRow
from edge.store.print_jobs import PrintJob
from shared.domain.errors import BincardError
from shared.domain.ids import uuid7
from shared.domain.ports import Clock, Entropy
from shared.runtime import logs
from shared.runtime.database import Database, Transaction
from shared.web.live import LiveBus

PATROL_SECONDS: Final = 2.0
SCALE_EVENT_SECONDS: Final = 0.1
"""A page hears of one scale at most this often."""
DECIDED_MS: Final = 86_400_000
"""After a reconnect, decisions of the last day are compared with the devices process."""
FORGOTTEN: Final = "The devices process has lost its record of this label."
ACTOR: Final = "devices"

_UNDECIDED: Final = frozenset({"queued", "unknown"})

log = logs.get("hardware")


class ScanDoor(Protocol):
    """The one door that all scans go through."""

    def __call__(
        self, *, op_id: str, device_id: str, device_seq: int, station: str, raw: str
    ) -> Awaitable[object]:
        """Take one scan; a repeated `op_id` gets its first answer."""
        ...


class ScaleNow(msgspec.Struct, frozen=True):
    """What a scale shows; `grams` is an exact decimal, None when there is no number."""

    device: str
    status: str
    grams: str | None
    age_ms: int


class Hardware:
    """Listens to the devices process and asks it for things, in the edge's event loop."""

    def __init__(
        self,
        client: DevicesClient,
        *,
        database: Database,
        live: LiveBus,
        clock: Clock,
        entropy: Entropy,
        site: Callable[[], Site],
        scan: ScanDoor,
        patrol_seconds: float = PATROL_SECONDS,
    ) -> None:
        """`site` returns the warehouse's settings as they are now."""
        self._patrol_seconds = patrol_seconds
        self._client = client
        self._database = database
        self._live = live
        self._clock = clock
        self._entropy = entropy
        self._site = site
        self._scan = scan
        self._readings: dict[str, tuple[ReadingSeen, int]] = {}
        self._told_ms: dict[str, int] = {}
        self._later: dict[str, asyncio.TimerHandle] = {}
        self._health: dict[str, HealthChanged] = {}
        self._printers: list[PrinterRow] = []
        self._up = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def up(self) -> bool:
        """True while the devices process answers."""
        return self._up

    def scale(self, device: str) -> ScaleNow | None:
        """Return the newest reading of `device`, None before the first."""
        if device not in self._readings:
            return None
        reading, seen_ms = self._readings[device]
        age_ms = self._clock.mono_ms() - seen_ms
        return ScaleNow(device, reading.status, reading.grams, age_ms)

    def health(self) -> list[HealthChanged]:
        """Return how every device was when last heard of, by name."""
        return [self._health[name] for name in sorted(self._health)]

    def health_of(self, device: str) -> HealthChanged | None:
        """Return how `device` was when last heard of."""
        return self._health.get(device)

    async def start(self) -> None:
        """Connect and begin to listen; the devices process may come later."""
        await self._client.start()
        self._tasks = [
            asyncio.create_task(self._listen(), name="devices events"),
            asyncio.create_task(self._serve(), name="devices requests"),
            asyncio.create_task(self._patrol(), name="devices patrol"),
        ]

    async def stop(self) -> None:
        """Stop listening and disconnect."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for timer in self._later.values():
            timer.cancel()
        await self._client.close()

    # From the devices to the floor

    async def _listen(self) -> None:
        async for event in self._client.events():
            try:
                await self._take(event)
            except Exception:  # one bad event must not make a bench deaf
                log.exception("event_not_applied", what=type(event).__name__)

    async def _take(self, event: Event) -> None:
        match event:
            case ReadingSeen():
                self._take_reading(event)
            case WeightSettled():
                await self._take_load(event)
            case JobChanged(job_id=job_id, state=state, trouble=trouble, begun=begun):
                await self._report(job_id, state, trouble, unsent=not begun)
            case HealthChanged():
                self._health[event.device] = event
                self._live.publish("health", msgspec.to_builtins(event))
            case ScanRead():
                await self._take_scan(event)

    def _take_reading(self, reading: ReadingSeen) -> None:
        """Keep the reading; tell pages now, or a little later when they heard just now."""
        device, now_ms = reading.device, self._clock.mono_ms()
        self._readings[device] = (reading, now_ms)
        wait = SCALE_EVENT_SECONDS - (now_ms - self._told_ms.get(device, 0)) / 1_000
        if device not in self._told_ms or wait <= 0:
            self._tell_scale(device)
        elif device not in self._later:
            loop = asyncio.get_running_loop()
            self._later[device] = loop.call_later(wait, self._tell_scale, device)

    def _tell_scale(self, device: str) -> None:
        timer = self._later.pop(device, None)
        if timer is not None:
            timer.cancel()
        self._told_ms[device] = self._clock.mono_ms()
        now = self.scale(device)
        for station, bench in self._site().benches.items():
            if bench.scale == device and now is not None:
                self._live.publish("scale", {"station": station, **msgspec.to_builtins(now)})

    async def _take_load(self, event: WeightSettled) -> None:
        """Weigh the parcel of the bench this scale stands at; its label is drawn before."""
        site = self._site()
        load = weigh.Load(event.placement, event.device, event.grams, event.raw)
        for station, bench in site.benches.items():
            if bench.scale == event.device:
                prepare = partial(_prepare, site=site, station=station)
                drawn, actor = await self._database.read(prepare)
                judge = partial(weigh.settled, bench_name=station, load=load, drawn=drawn)
                await self._write(event.placement, actor, judge)

    async def _take_scan(self, event: ScanRead) -> None:
        for station, bench in self._site().benches.items():
            if bench.scanner == event.device:
                await self._scan(
                    op_id=event.scan_id,
                    device_id=event.device,
                    device_seq=event.seq,
                    station=station,
                    raw=(event.aim or "") + event.text,
                )

    async def _report(
        self, job_id: str, state: JobState, trouble: str, *, unsent: bool = False
    ) -> None:
        await self._write(
            self._new_id(),
            ACTOR,
            lambda floor: print_label.reported(
                floor, job_id, state, trouble=trouble, unsent=unsent
            ),
        )

    # From the floor to the devices

    async def _serve(self) -> None:
        """Carry out what use cases asked for after their commits."""
        async for message in self._live.stream((HARDWARE_EVENT,)):
            if message.event != HARDWARE_EVENT:
                continue
            request = msgspec.json.decode(str(message.data), type=HardwareRequest)
            try:
                await self._carry_out(request)
            except BincardError as error:
                log.warning("devices_not_asked", code=error.code)

    async def _carry_out(self, request: HardwareRequest) -> None:
        if request.print_job:
            await self._submit(request.print_job)
        if request.decide_job:
            await self._decide(request.decide_job, printed=request.printed)
        if request.rearm_scale:
            await self._ask(RearmScale(request_id=self._new_id(), device=request.rearm_scale))

    async def _submit(self, job_id: str) -> None:
        """Hand a queued job over; the devices process prints a job id once, however often asked."""
        job, zpl = await self._database.read(
            lambda sql: (print_jobs.get(sql, job_id), print_jobs.zpl(sql, job_id))
        )
        if job is None or zpl is None or job.state != "queued":
            return
        reply = await self._ask(
            PrintLabel(request_id=self._new_id(), job_id=job_id, printer=job.printer, zpl=zpl)
        )
        if isinstance(reply, JobReply):
            await self._report(job_id, reply.state, reply.trouble)
        elif isinstance(reply, Failed):
            # A printer that is not there has not heard of the label: it may go to another one.
            gone = job.move_to and reply.code == "printer_unknown"
            await self._report(job_id, "cancelled" if gone else "queued", reply.sentence)

    async def _decide(self, job_id: str, *, printed: bool) -> None:
        await self._ask(DecideJob(request_id=self._new_id(), job_id=job_id, printed=printed))

    # Keeping both in step

    async def _patrol(self) -> None:
        while True:
            try:
                reply = await self._ask(AskHealth(request_id=self._new_id()))
                if isinstance(reply, HealthReply):
                    await self._answered(reply)
            except BincardError as error:
                self._silent(error)
            await asyncio.sleep(self._patrol_seconds)

    async def _answered(self, reply: HealthReply) -> None:
        back = not self._up
        self._up = True
        self._health = {device.device: device for device in reply.devices}
        await self._know_printers()
        if back:
            self._live.publish("health")
            await self._compare_decisions()
            await self._rearm_waiting()
        for job in await self._database.read(print_jobs.unfinished):
            await self._follow_up(job)

    async def _know_printers(self) -> None:
        """Labels are drawn for the paper of their printer, also while no devices process runs."""
        told = [
            PrinterRow(one.device, one.media, one.dots_per_mm)
            for one in self.health()
            if one.device_kind == "printer" and one.media
        ]
        if told and told != self._printers:
            now_ms = self._clock.wall_ms()
            await self._database.write(lambda tx: labels.put_printers(tx.sql, told, now_ms))
            self._printers = told

    def _silent(self, error: BincardError) -> None:
        if self._up:
            self._up = False
            log.warning("devices_silent", code=error.code)
            self._live.publish("health")

    async def _follow_up(self, job: PrintJob) -> None:
        """Ask what became of a job; one never seen is handed over, one forgotten is unknown."""
        reply = await self._ask(AskJob(request_id=self._new_id(), job_id=job.job_id))
        if not isinstance(reply, JobReply):
            return
        if reply.known:
            await self._report(job.job_id, reply.state, reply.trouble)
        elif job.state == "queued":
            await self._submit(job.job_id)
        else:
            await self._report(job.job_id, "unknown", FORGOTTEN)

    async def _compare_decisions(self) -> None:
        """A decision made while the devices process was away is told again."""
        since_ms = self._clock.wall_ms() - DECIDED_MS
        for job in await self._database.read(lambda sql: print_jobs.decided(sql, since_ms)):
            reply = await self._ask(AskJob(request_id=self._new_id(), job_id=job.job_id))
            if isinstance(reply, JobReply) and reply.known and reply.state in _UNDECIDED:
                await self._decide(job.job_id, printed=job.state == "confirmed")

    async def _rearm_waiting(self) -> None:
        for station, bench in self._site().benches.items():
            if await self._database.read(partial(_waits_for_weight, station=station)):
                await self._ask(RearmScale(request_id=self._new_id(), device=bench.scale))

    async def _ask(self, request: Request) -> Reply:
        return await self._client.ask(request)

    async def _write(self, op_id: str, actor: str, work: Callable[[Floor], object]) -> None:
        def use_case(tx: Transaction) -> None:
            floor = Floor(
                tx,
                op_id=op_id,
                actor=actor,
                clock=self._clock,
                entropy=self._entropy,
                site=self._site(),
                live=self._live,
            )
            work(floor)

        await self._database.write(use_case)

    def _new_id(self) -> str:
        return uuid7(self._clock.wall_ms(), self._entropy)


def _prepare(sql: sqlite3.Connection, *, site: Site, station: str) -> tuple[Drawn | None, str]:
    """Return the label of the parcel that waits for a weight, and who stands at the bench."""
    row = stations.load(sql, station)
    actor = row.badge or station
    parcel_id = BenchState(sql, row).job.parcel_id
    if parcel_id is None or not _waits_for_weight(sql, station=station):
        return None, actor
    return print_label.draw(sql, parcel_id, site=site, station=station), actor


def _waits_for_weight(sql: sqlite3.Connection, *, station: str) -> bool:
    state = BenchState(sql, stations.load(sql, station))
    return state.job.step == "weigh" and state.halt() is None
