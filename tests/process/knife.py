"""kill -9 at a chosen system call, a power cut at a chosen fsync, and a disk that fails or crawls.

`strace` is tied to the process and ends it as it enters its Nth call of a kind, before the call
happens: in the middle of a commit (`pwrite64`), or with the commit written and nobody told yet
(`fdatasync`). For a power cut everything the process wrote after its last fsync is overwritten with
zeros, or a random part of it is, torn at sectors: that is what a disk may show afterwards.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Final

from tests.process.town import until

SECTOR_BYTES: Final = 512
ATTACH_SECONDS: Final = 10.0
_WRITE: Final = re.compile(r"pwrite64\(\d+<([^>]+)>.*, (\d+), (\d+)\)\s+= \d+")
_SYNC: Final = re.compile(r"(?:fdatasync|fsync)\(\d+<([^>]+)>\)\s+= 0")


def is_sharp() -> bool:
    """Say whether this machine has what the knife needs."""
    return shutil.which("strace") is not None


def at(nth: int) -> str:
    """Return what ends a process at the `nth` call; calls are counted per thread, one writes."""
    return f"signal=KILL:when={nth}"


class Knife:
    """Changes what one kind of system call does to a process, until it is put away."""

    def __init__(self, pid: int, call: str, what: str, folder: Path) -> None:
        """Tie it to all threads of `pid`; `what` is a strace injection, such as `at(3)`."""
        self.pid = pid
        self.log = folder / f"knife-{pid}.log"
        self._said = self.log.with_suffix(".said")
        with self._said.open("wb") as said:
            self._strace = subprocess.Popen(
                [
                    shutil.which("strace") or "strace", "-f", "-qq", "-y", "-s", "0",
                    "-o", str(self.log), "-p", str(pid),
                    "-e", "trace=pwrite64,fdatasync,fsync",
                    "-e", f"inject={call}:{what}",
                ],
                stderr=said,
            )  # fmt: skip

    async def ready(self) -> None:
        """Wait until it is tied to the process."""

        def is_tied() -> bool:
            assert self._strace.poll() is None, self._said.read_text()
            tasks = Path(f"/proc/{self.pid}/task").iterdir()
            return all("TracerPid:\t0\n" not in (task / "status").read_text() for task in tasks)

        await until(is_tied, "strace is tied to the process", ATTACH_SECONDS, look=0.01)

    def put_away(self) -> None:
        """Untie it; nothing happens to a process that still lives."""
        if self._strace.poll() is None:
            self._strace.terminate()
            self._strace.wait(ATTACH_SECONDS)

    def cut_power(self, chance: random.Random) -> int:
        """Lose what the dead process wrote and did not sync; return the bytes lost.

        Half of the times all of it is lost, otherwise each sector is lost or kept by `chance`.
        """
        open_ranges: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines():
            if write := _WRITE.search(line):
                open_ranges[write[1]].append((int(write[3]), int(write[2])))
            elif synced := _SYNC.search(line):
                open_ranges.pop(synced[1], None)
        everything = chance.random() < 0.5
        lost = 0
        for name, ranges in open_ranges.items():
            if not Path(name).exists():
                continue  # a temporary file, gone with its process
            descriptor = os.open(name, os.O_WRONLY)
            for start, size in ranges:
                for at in range(start, start + size, SECTOR_BYTES):
                    part = min(SECTOR_BYTES, start + size - at)
                    if everything or chance.random() < 0.5:
                        os.pwrite(descriptor, bytes(part), at)
                        lost += part
            os.close(descriptor)
        return lost
