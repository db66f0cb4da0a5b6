"""What the pages need to know about this node besides its database: the link and the devices."""

from __future__ import annotations

from typing import Any, NamedTuple

from litestar import Request

from edge.timers import NODE
from shared.runtime import backups


class Link(NamedTuple):
    """The line to the hub: `since_ms` is when it last changed, `waiting` facts unconfirmed."""

    up: bool
    since_ms: int
    waiting: int


class Device(NamedTuple):
    """One device as the devices process sees it."""

    name: str
    kind: str
    protocol: str
    state: str
    reason: str
    counters: dict[str, int]


def link_of(request: Request[Any, Any, Any]) -> Link:
    """Return the state of the line to the hub."""
    state = request.app.state.node.link_state()
    return Link(bool(state["up"]), int(state["since_ms"]), int(state["waiting"]))


def devices_of(request: Request[Any, Any, Any]) -> list[Device]:
    """Return all devices by kind and name."""
    known = request.app.state.node.devices()
    found = [
        Device(d.device, d.device_kind, d.protocol, d.state, d.reason, d.counters) for d in known
    ]
    return sorted(found, key=lambda device: (device.kind, device.name))


def backup_ms(request: Request[Any, Any, Any]) -> int | None:
    """Return when the last backup was finished, None when there is none."""
    return backups.last_ms(request.app.state.node.settings.backups, NODE)
