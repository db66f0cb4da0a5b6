"""One hub per state directory, and how other programs of this machine find the one that runs.

A lock on `hub.lock` says that somebody has the books open; it vanishes with the process, however it
died. `run.json` says where that process listens. Commands go to the running hub over HTTP, or take
the lock themselves and work on the file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from shared.domain.errors import Conflict, Unavailable
from shared.runtime import folder_lock, private_file

LOCK_FILE: Final = "hub.lock"
RUN_FILE: Final = "run.json"
KEY_FILE: Final = "sync.key"
START_SECONDS_MAX: Final = 15.0
"""How long a command waits for a hub that is just starting."""
POLL_SECONDS: Final = 0.05


class RunFile(msgspec.Struct, frozen=True, kw_only=True):
    """What `run.json` says once the hub is ready. `token` lets local commands in."""

    pid: int
    http_host: str
    http_port: int
    sync_host: str
    sync_port: int
    token: str


@contextmanager
def books_taken(state_dir: Path) -> Iterator[None]:
    """Hold the lock of `state_dir`; raises Conflict `hub_runs` when somebody else has it."""
    taken = Conflict(
        "hub_runs",
        "Another hub or hub command has the books in this state directory open.",
        hint="Stop it first, or set another BINCARD_HUB_STATE_DIR.",
    )
    with folder_lock.held(state_dir / LOCK_FILE, taken):
        yield


def running_hub(state_dir: Path) -> RunFile | None:
    """Return where the running hub listens, None when no hub runs on `state_dir`.

    Waits for a hub that is starting; raises Unavailable when it does not get ready.
    """
    until = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < until:
        if not folder_lock.is_held(state_dir / LOCK_FILE):
            return None
        content = private_file.read(state_dir / RUN_FILE)
        if content is not None:
            return msgspec.json.decode(content, type=RunFile)
        time.sleep(POLL_SECONDS)  # another process writes the file; nothing tells us when
    raise Unavailable(
        "hub_not_ready",
        f"A hub holds {LOCK_FILE}, but it did not get ready in {START_SECONDS_MAX:.0f} seconds.",
        hint="Look at its log; `bincard hub doctor` may tell more.",
    )
