"""The print service: one queue and one thread per printer, one label under way at a time.

The packer's promise is "one parcel, one waybill, one label". The service keeps its part of it: a
label is asked for by a job id and printed once under it; what cannot be known is asked of a person;
and while a printer's last label is undecided, nothing else is sent to that printer, because the
next label lying there would be taken for it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from devices.messages import FRAME_BYTES_MAX, Event, HealthChanged, JobChanged
from devices.printers import trouble
from devices.printers.cups import Cups
from devices.printers.driver import Condition, Driver, Outcome, PrinterConfig, size_mm
from devices.printers.journal import Job, Journal, next_of
from devices.printers.tcp9100 import Tcp9100
from shared.domain.errors import InvalidInput, NotFound
from shared.runtime import logs

HEALTH_SECONDS: Final = 5.0
"""How often an idle printer is asked how it is."""
RETRY_SECONDS: Final = 1.0
"""How soon a label that could not be sent is tried again."""
CLOSE_SECONDS: Final = 35.0
LABEL_BYTES_MAX: Final = FRAME_BYTES_MAX // 2
_COUNTED: Final = {"confirmed": "labels", "not_sent": "not_sent", "unknown": "unknown"}
_PAGE_WIDTH: Final = re.compile(rb"\^PW(\d+)")

Publish = Callable[[Event], object]
_log = logs.get("print")


def printers_from(settings: Sequence[Mapping[str, object]]) -> tuple[PrinterConfig, ...]:
    """Return the printers of the devices file. Raises InvalidInput naming every mistake."""
    printers: list[PrinterConfig] = []
    mistakes: list[str] = []
    for entry in settings:
        try:
            printer = msgspec.convert(dict(entry), PrinterConfig)
        except msgspec.ValidationError as error:
            mistakes.append(f"{entry.get('name', 'a printer')}: {error}.")
            continue
        needed = "host" if printer.driver == "tcp9100" else "queue"
        if not getattr(printer, needed):
            mistakes.append(f"{printer.name}: driver {printer.driver} needs {needed}.")
        printers.append(printer)
    if mistakes:
        raise InvalidInput(
            "printer_settings",
            "The printers are not usable: " + " ".join(mistakes),
            hint="Correct the devices file and start again.",
        )
    return tuple(printers)


class PrintService:
    """All printers of one machine. The caller sees to it that `state_dir` has one service only."""

    def __init__(
        self, printers: Sequence[PrinterConfig], state_dir: Path, publish: Publish
    ) -> None:
        """Open the journal, give up what a crash left half done, start one thread per printer.

        `publish` gets JobChanged after every commit and HealthChanged on every change; it is called
        from other threads, must be quick and must not raise.
        """
        state_dir.mkdir(parents=True, exist_ok=True)
        self._publish = publish
        self._journal = Journal(state_dir, self._tell_job)
        self._journal.give_up_begun()
        self._queues = {
            printer.name: PrinterQueue(printer, self._journal, publish) for printer in printers
        }
        for queue in self._queues.values():
            queue.start()

    def submit(self, job_id: str, printer: str, zpl: bytes) -> Job:
        """Ask for a label; it is on the disk when this returns. A known job only tells its state.

        Raises NotFound for an unknown printer, InvalidInput for bytes that are not one label of
        this printer's size, Conflict when the id came before with other bytes.
        """
        queue = self._queues.get(printer)
        if queue is None:
            raise NotFound(
                "printer_unknown",
                f"There is no printer {printer!r} here, only {', '.join(self._queues) or 'none'}.",
                hint="Correct the printer of this station, or add it to the devices file.",
            )
        check_label(zpl, queue.config)
        job = self._journal.add(job_id, printer, zpl)
        queue.wake()
        return job

    def ask(self, job_id: str) -> Job:
        """Return a job. Raises NotFound."""
        return self._journal.ask(job_id)

    def decide(self, job_id: str, *, printed: bool) -> Job:
        """A person looked whether the label is there; see `Journal.decide`."""
        job = self._journal.decide(job_id, printed=printed)
        if queue := self._queues.get(job.printer):
            queue.decided(job_id)
        return job

    def waiting(self, printer: str) -> list[Job]:
        """Return a printer's jobs that are not over, oldest first."""
        return self._journal.waiting(printer)

    def health(self) -> tuple[HealthChanged, ...]:
        """Return how every printer is, as last heard."""
        return tuple(queue.health() for queue in self._queues.values())

    def close(self) -> None:
        """Finish the label under way, then stop. What waits stays in the journal."""
        for queue in self._queues.values():
            queue.stop()
        for queue in self._queues.values():
            queue.join(CLOSE_SECONDS)
        self._journal.close()

    def _tell_job(self, job: Job) -> None:
        self._publish(
            JobChanged(
                job_id=job.job_id,
                printer=job.printer,
                state=job.state,
                proof=job.proof,
                trouble=job.trouble,
                begun=job.attempts > 0,
            )
        )


class PrinterQueue(threading.Thread):
    """The thread of one printer: takes its oldest label, prints it, writes down what it knows."""

    def __init__(self, config: PrinterConfig, journal: Journal, publish: Publish) -> None:
        """Start it with `start`, end it with `stop` and `join`."""
        super().__init__(name=f"print-{config.name}", daemon=True)
        self.config = config
        self._journal = journal
        self._publish = publish
        self._driver: Driver = Cups(config) if config.driver == "cups" else Tcp9100(config)
        self._woken = threading.Event()
        self._stopping = False
        self._condition = Condition("unconfigured", "The printer was not asked yet.")
        self._counters = {"labels": 0, "not_sent": 0, "unknown": 0}
        self._under_way: LabelSteps | None = None
        self._ask_at = 0.0

    def wake(self) -> None:
        """There may be something to do."""
        self._woken.set()

    def decided(self, job_id: str) -> None:
        """A person decided about a job: stop waiting for it, go on with the next."""
        steps = self._under_way
        if steps is not None and steps.job_id == job_id:
            steps.found.set()
        self.wake()

    def stop(self) -> None:
        """End after the label under way."""
        self._stopping = True
        self._driver.stop()
        self.wake()

    def health(self) -> HealthChanged:
        """Return how the printer is, as last heard."""
        return HealthChanged(
            device=self.config.name,
            device_kind="printer",
            protocol=self.config.driver,
            state=self._condition.state,
            reason=self._condition.reason,
            counters=dict(self._counters),
            media=self.config.media,
            dots_per_mm=self.config.dots_per_mm,
        )

    def run(self) -> None:
        """Work until stopped. A defect costs one attempt, never the thread."""
        self._hear(self._driver.condition())
        pause = 0.0
        while not self._stopping:
            self._woken.wait(pause)
            self._woken.clear()
            if self._stopping:
                return
            try:
                pause = self._work()
            except Exception:  # noqa: BLE001  nobody else would notice that printing has ended
                _log.exception("print_attempt_failed", printer=self.config.name)
                pause = RETRY_SECONDS

    def _work(self) -> float:
        """Do what is to be done next; return how long to wait afterwards (s)."""
        waiting = self._journal.waiting(self.config.name)
        if job := next_of(waiting):
            return self._settle(job, self._attempt(job))
        for behind in waiting:
            if behind.state == "queued":
                self._journal.note(behind.job_id, trouble.BEHIND_UNKNOWN)
        if time.monotonic() >= self._ask_at:
            self._hear(self._driver.condition())
        return max(self._ask_at - time.monotonic(), 0.0)

    def _attempt(self, job: Job) -> Outcome:
        steps = LabelSteps(self._journal, job.job_id)
        self._under_way = steps
        try:
            return self._driver.print_label(job.job_id, job.zpl, steps)
        except Exception:  # noqa: BLE001  whatever broke, bytes may have left
            _log.exception("driver_failed", printer=self.config.name, job_id=job.job_id)
            return Outcome("unknown" if steps.begun else "not_sent", trouble=trouble.DEFECT)
        finally:
            self._under_way = None

    def _settle(self, job: Job, outcome: Outcome) -> float:
        """Write down what the attempt showed; return how long to wait before the next (s).

        Where a person decided first, that stands.
        """
        self._counters[_COUNTED[outcome.result]] += 1
        if outcome.result == "confirmed":
            self._hear(Condition("up"))
            self._journal.move(job.job_id, "confirmed", proof=outcome.proof)
            return 0.0
        if outcome.condition:
            self._hear(outcome.condition)
        if outcome.result == "unknown":
            self._ask_at = time.monotonic()
            self._journal.move(job.job_id, "unknown", trouble=outcome.trouble)
            return 0.0
        _, moved = self._journal.move(job.job_id, "queued", trouble=outcome.trouble)
        if not moved:
            self._journal.note(job.job_id, outcome.trouble)
        return RETRY_SECONDS

    def _hear(self, condition: Condition) -> None:
        self._ask_at = time.monotonic() + HEALTH_SECONDS
        if condition != self._condition:
            self._condition = condition
            self._publish(self.health())


class LabelSteps:
    """Writes the steps of one label into the journal; see `driver.Steps`."""

    def __init__(self, journal: Journal, job_id: str) -> None:
        """For one attempt at one job."""
        self._journal = journal
        self.job_id = job_id
        self.begun = False
        self.found = threading.Event()

    def sending(self) -> bool:
        """See `Steps.sending`."""
        _, self.begun = self._journal.move(self.job_id, "sending")
        return self.begun

    def sent(self) -> None:
        """See `Steps.sent`."""
        self._journal.move(self.job_id, "sent")

    def held(self, trouble: str) -> None:
        """See `Steps.held`."""
        self._journal.note(self.job_id, trouble)

    def decided(self) -> bool:
        """See `Steps.decided`."""
        return self.found.is_set()


def check_label(zpl: bytes, config: PrinterConfig) -> None:
    """Raise InvalidInput unless `zpl` is exactly one label, complete, and not wider than the paper.

    Half a label would wait in the printer and swallow the beginning of the next.
    """
    whole = zpl.startswith(b"^XA") and zpl.rstrip().endswith(b"^XZ")
    single = zpl.count(b"^XA") == zpl.count(b"^XZ") == 1
    if not whole or not single or len(zpl) > LABEL_BYTES_MAX:
        raise InvalidInput(
            "label_not_whole",
            f"A print job is one label from ^XA to ^XZ of at most {LABEL_BYTES_MAX} bytes; "
            f"{len(zpl)} bytes came with {zpl.count(b'^XA')} beginnings and "
            f"{zpl.count(b'^XZ')} ends.",
            hint="Send every label as a job of its own.",
        )
    room = size_mm(config.media)[0] * config.dots_per_mm
    width = _PAGE_WIDTH.search(zpl)
    if width and int(width[1]) > room:
        raise InvalidInput(
            "label_too_wide",
            f"The label is {int(width[1])} dots wide, the paper of {config.name} "
            f"({config.media} mm) has {room}.",
            hint="Draw the label for the media and dots_per_mm of this printer.",
        )
