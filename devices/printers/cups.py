"""A label printer behind CUPS, through the package `zebra`.

CUPS takes bytes and gives no word back: its client commands report success for a printer that is
off, and after a broken transfer CUPS itself sends the whole label again. So the queue is looked at
first, the exit code of `lpr` is checked, the job is followed until CUPS has handed it over, and on
any doubt it is cancelled before somebody enables the queue again. What CUPS calls completed means
"handed over", not "printed": unless the settings say `"proof": "spooler"`, a person confirms each
label by scanning it.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from typing import Final

from zebra import Zebra

from devices.printers import trouble
from devices.printers.driver import Condition, Outcome, PrinterConfig, Steps

COMMAND_SECONDS: Final = 10.0
"""How long `lpr`, `lpstat` or `cancel` may take."""
POLL_SECONDS: Final = 0.2


class CheckedZebra(Zebra):
    """`zebra.Zebra` that keeps the environment and looks at exit codes, which it does not.

    Raises OSError or subprocess.SubprocessError where the package would stay silent.
    """

    def _output_unix(self, commands: bytes) -> None:
        _run(["lpr", f"-P{self.queue}", "-oraw"], commands)

    def _getqueues_unix(self) -> list[str]:
        said = _run(["lpstat", "-p"])
        return re.findall(r"^printer (\S+)", said, re.MULTILINE)


class Cups:
    """The CUPS queue `config.queue`."""

    def __init__(self, config: PrinterConfig) -> None:
        """Nothing is asked before the first label or question."""
        self._config = config
        self._zebra = CheckedZebra(config.queue)  # type: ignore[no-untyped-call]  # it has no types
        self._stopped = threading.Event()

    def condition(self) -> Condition:
        """See `Driver.condition`."""
        queue = self._config.queue
        try:
            if queue not in self._zebra.getqueues():  # type: ignore[no-untyped-call]
                return Condition("down", trouble.NO_QUEUE)
            if re.search(rf"^printer {re.escape(queue)} disabled", _run(["lpstat", "-p", queue])):
                return Condition("degraded", trouble.QUEUE_STOPPED)
        except (OSError, subprocess.SubprocessError):
            return Condition("down", trouble.NO_CUPS)
        return Condition("up")

    def print_label(self, job_id: str, zpl: bytes, steps: Steps) -> Outcome:  # noqa: ARG002
        """See `Driver.print_label`; the label is confirmed only with `proof` "spooler"."""
        condition = self.condition()
        if condition.state != "up":
            return Outcome("not_sent", trouble=condition.reason, condition=condition)
        try:
            if self._jobs("not-completed"):
                return Outcome("not_sent", trouble=trouble.QUEUE_BUSY)
            before = self._jobs("completed")
        except (OSError, subprocess.SubprocessError):
            return Outcome(
                "not_sent", trouble=trouble.NO_CUPS, condition=Condition("down", trouble.NO_CUPS)
            )
        if not steps.sending():
            return Outcome("not_sent")
        try:
            self._zebra.output(zpl)  # type: ignore[no-untyped-call]
        except (OSError, subprocess.SubprocessError):
            return self._after_refusal(before)
        steps.sent()
        return self._follow(before, steps)

    def stop(self) -> None:
        """See `Driver.stop`."""
        self._stopped.set()

    def _after_refusal(self, before: set[str]) -> Outcome:
        """`lpr` failed. Only when no job is there after all is it certain that nothing left."""
        try:
            begun = self._jobs("not-completed") | (self._jobs("completed") - before)
        except (OSError, subprocess.SubprocessError):
            return Outcome("unknown", trouble=trouble.QUEUE_REFUSED)
        if not begun:
            return Outcome(
                "not_sent",
                trouble=trouble.QUEUE_REFUSED,
                condition=Condition("degraded", trouble.QUEUE_REFUSED),
            )
        _cancel(begun)
        return Outcome("unknown", trouble=trouble.QUEUE_REFUSED)

    def _follow(self, before: set[str], steps: Steps) -> Outcome:
        """Wait until CUPS calls the job completed; cancel what is still there in the end."""
        deadline = time.monotonic() + self._config.proof_seconds
        try:
            while time.monotonic() < deadline and not steps.decided():
                if not self._jobs("not-completed"):
                    return self._handed_over(self._jobs("completed") - before)
                self._stopped.wait(POLL_SECONDS)
            _cancel(self._jobs("not-completed"))
        except (OSError, subprocess.SubprocessError):
            return Outcome(
                "unknown", trouble=trouble.NO_CUPS, condition=Condition("down", trouble.NO_CUPS)
            )
        return Outcome(
            "unknown",
            trouble=trouble.QUEUE_STUCK,
            condition=Condition("degraded", trouble.QUEUE_STUCK),
        )

    def _handed_over(self, completed: set[str]) -> Outcome:
        if completed and self._config.proof == "spooler":
            return Outcome("confirmed", proof=f"CUPS completed {', '.join(sorted(completed))}")
        return Outcome("unknown", trouble=trouble.HANDED_OVER)

    def _jobs(self, which: str) -> set[str]:
        """Return the ids of the queue's jobs, `which` is "completed" or "not-completed"."""
        said = _run(["lpstat", "-W", which, "-o", self._config.queue])
        return {line.split()[0] for line in said.splitlines() if line.strip()}


def _cancel(jobs: set[str]) -> None:
    for job in sorted(jobs):
        _run(["cancel", job])


def _run(command: list[str], data: bytes | None = None) -> str:
    """Run a CUPS client program and return what it says, in the untranslated language.

    Raises FileNotFoundError, subprocess.CalledProcessError or subprocess.TimeoutExpired.
    """
    done = subprocess.run(
        command,
        input=data if data is not None else b"",
        capture_output=True,
        timeout=COMMAND_SECONDS,
        check=True,
        env={**os.environ, "LC_ALL": "C", "LANG": "C"},
    )
    return done.stdout.decode("utf-8", "replace")
