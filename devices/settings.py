"""Settings of the devices process, `BINCARD_DEVICES_*`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from shared.domain.errors import InvalidInput
from shared.runtime.settings import Environment

PREFIX: Final = "BINCARD_DEVICES_"
LOCAL: Final = ("tcp://127.0.0.1:", "ipc://")
"""The bus has no password, so it never leaves this machine."""


class Settings(msgspec.Struct, frozen=True):
    """Where the devices file and the state are, and where the edge may connect.

    `requests` and `events` are ZeroMQ addresses on this machine; a TCP port 0 is chosen by the
    system and told in `state_dir/run.json`.
    """

    config: Path
    state_dir: Path
    requests: str
    events: str


def read(values: Mapping[str, str]) -> Settings:
    """Return the settings in `values`, usually `os.environ`; raises InvalidInput."""
    environment = Environment(PREFIX, values)
    settings = Settings(
        config=environment.path("CONFIG", "devices.json"),
        state_dir=environment.path("STATE_DIR", "state/devices"),
        requests=environment.text("REQUESTS", "tcp://127.0.0.1:5590"),
        events=environment.text("EVENTS", "tcp://127.0.0.1:5591"),
    )
    environment.done()
    for name, address in (("REQUESTS", settings.requests), ("EVENTS", settings.events)):
        if not address.startswith(LOCAL):
            raise InvalidInput(
                "settings",
                f"{PREFIX}{name}: expected {LOCAL[0]}PORT or {LOCAL[1]}PATH, got {address!r}.",
                hint="The devices process is reached from this machine only.",
            )
    return settings
