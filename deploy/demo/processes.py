"""The programs of the day as real processes: started, watched, killed with -9 and started again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from shared.domain.errors import Unavailable

READY_SECONDS_MAX: Final = 40.0
STOP_SECONDS_MAX: Final = 15.0
POLL_SECONDS: Final = 0.05
LOG_LINES_SHOWN: Final = 12


def program() -> str:
    """Return the path of `bincard` in the running environment."""
    return str(Path(sys.executable).parent / "bincard")


class Service:
    """One `bincard ... serve` with its settings, its log and its state folder."""

    def __init__(
        self, name: str, command: list[str], settings: dict[str, str], state: Path
    ) -> None:
        """`state` is where the service writes `run.json` once it is ready."""
        self.name = name
        self.command = command
        self.settings = settings
        self.state = state
        self.log = state.with_suffix(".log")
        self.wrapper: list[str] = []
        """A program that starts this one, with its own arguments."""
        self.restarts = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The running process, None when there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start the process; its output goes to the log file."""
        self.state.mkdir(parents=True, exist_ok=True)
        (self.state / "run.json").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.wrapper, program(), *self.command],
                env=os.environ | self.settings,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    async def ready(self) -> dict[str, Any]:
        """Wait for `run.json` and return it; raises Unavailable with the end of the log."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + READY_SECONDS_MAX
        path = self.state / "run.json"
        while loop.time() < deadline:
            if path.exists():
                answer: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
                return answer
            if self._process is not None and self._process.poll() is not None:
                break
            await asyncio.sleep(POLL_SECONDS)
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        raise Unavailable(
            "service_not_ready",
            f"{self.name} did not become ready. The end of {self.log}:\n"
            + "\n".join(lines[-LOG_LINES_SHOWN:]),
        )

    def kill(self) -> None:
        """End it as a power cut would: no handler runs, nothing is flushed."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    async def restart_after_kill(self, dark_seconds: float) -> None:
        """Kill, stay dark for a while, start again with the same settings and ports."""
        self.kill()
        self.restarts += 1
        await asyncio.sleep(dark_seconds)
        self.start()
        await self.ready()

    def stop(self) -> None:
        """Ask it to end and wait; kill it if it does not."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()


def run(arguments: list[str], settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one `bincard` command to its end and return what it printed."""
    return subprocess.run(
        [program(), *arguments],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )
