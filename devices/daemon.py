"""The devices process: the only owner of the ports of one warehouse.

A scale, a scanner and a printer each hang on a cable that can be pulled, and each has a thread that
copes with it. The edge restarts, is upgraded and crashes without touching them, and they can hang
without touching the edge. One process per state directory: a lock file says so, because two readers
on one serial port each get half of every weight.
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec

from devices import config
from devices.bus import Bus
from devices.files import RUN_NAME, write_whole
from devices.health import Publish
from devices.messages import (
    AskHealth,
    AskJob,
    DecideJob,
    Done,
    Event,
    HealthChanged,
    HealthReply,
    JobReply,
    PrintLabel,
    RearmScale,
    Reply,
    Request,
)
from devices.printers.driver import PrinterConfig
from devices.printers.journal import Job
from devices.printers.service import PrintService, printers_from
from devices.sessions.scale import ScaleSession
from devices.sessions.scanner import ScannerSession
from devices.settings import Settings
from shared.domain.errors import NotFound, Unavailable
from shared.runtime import logs
from shared.runtime.clock import SystemClock, SystemEntropy

LOCK_NAME: Final = "devices.lock"


class Running(msgspec.Struct, frozen=True):
    """What `run.json` says once the process is ready."""

    pid: int
    requests: str
    events: str


class Devices:
    """All sessions of one warehouse, and the answers to the edge's requests."""

    def __init__(
        self,
        devices: config.DevicesConfig,
        printers: Sequence[PrinterConfig],
        state_dir: Path,
        publish: Publish,
    ) -> None:
        """Printing goes on at once, from its journal; no port is opened before `start`."""
        clock, entropy = SystemClock(), SystemEntropy()
        self._scales = {
            scale.name: ScaleSession(scale, publish, clock, entropy) for scale in devices.scales
        }
        scanners = [
            ScannerSession(scanner, publish, clock, entropy) for scanner in devices.scanners
        ]
        self._sessions: list[ScaleSession | ScannerSession] = [*self._scales.values(), *scanners]
        self._printing = PrintService(printers, state_dir, publish)

    def start(self) -> None:
        """Open all ports."""
        for session in self._sessions:
            session.start()

    def close(self) -> None:
        """Close all ports and the print journal, promptly."""
        for session in self._sessions:
            session.ask_to_stop()
        self._printing.close()
        for session in self._sessions:
            session.join()

    def health(self) -> list[HealthChanged]:
        """Return how every configured device is."""
        return [session.health.now() for session in self._sessions] + list(self._printing.health())

    def snapshot(self) -> list[Event]:
        """Return what a newcomer has to know: every device's health, every scale's load."""
        return [
            *self.health(),
            *(event for scale in self._scales.values() for event in scale.snapshot()),
        ]

    def answer(self, request: Request) -> Reply:
        """Carry out one request; raises BincardError."""
        match request:
            case PrintLabel(job_id=job_id, printer=printer, zpl=zpl):
                return _told(request, self._printing.submit(job_id, printer, zpl))
            case AskJob():
                return self._job(request)
            case DecideJob(job_id=job_id, printed=printed):
                return _told(request, self._printing.decide(job_id, printed=printed))
            case AskHealth(request_id=request_id):
                return HealthReply(request_id=request_id, devices=tuple(self.health()))
            case RearmScale(request_id=request_id, device=device):
                self._scale(device).rearm()
                return Done(request_id=request_id)

    def _job(self, request: AskJob) -> JobReply:
        try:
            return _told(request, self._printing.ask(request.job_id))
        except NotFound:
            return JobReply(request_id=request.request_id, job_id=request.job_id, known=False)

    def _scale(self, name: str) -> ScaleSession:
        if name not in self._scales:
            raise NotFound(
                "scale_unknown",
                f"There is no scale called {name}; this warehouse has "
                f"{', '.join(self._scales) or 'none'}.",
                hint="Correct the bench's settings or the devices file.",
            )
        return self._scales[name]


def _told(request: PrintLabel | AskJob | DecideJob, job: Job) -> JobReply:
    return JobReply(
        request_id=request.request_id,
        job_id=job.job_id,
        known=True,
        state=job.state,
        proof=job.proof,
        trouble=job.trouble,
    )


@contextmanager
def owning(state_dir: Path) -> Iterator[None]:
    """Hold the lock of `state_dir`; raises Unavailable when another process holds it."""
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / LOCK_NAME).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Unavailable(
                "devices_running",
                f"Another devices process owns {state_dir}.",
                hint="Stop it first, or give this one a state directory of its own.",
            ) from None
        yield


def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises InvalidInput for a bad devices file."""
    devices_config = config.load(settings.config)
    printers = printers_from(devices_config.printers)
    log = logs.get("devices")
    with owning(settings.state_dir):
        bus = Bus(settings.requests, settings.events)
        devices = Devices(devices_config, printers, settings.state_dir, bus.publish)

        def stop(_signal: int, _frame: FrameType | None) -> None:
            bus.stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        devices.start()
        running = Running(os.getpid(), bus.requests_address, bus.events_address)
        run_file = settings.state_dir / RUN_NAME
        write_whole(run_file, msgspec.json.encode(running))
        log.info("ready", requests=running.requests, devices=devices_config.names())
        try:
            bus.run(devices.answer, devices.snapshot)
        finally:
            run_file.unlink(missing_ok=True)
            devices.close()
            bus.close()
            log.info("stopped")
