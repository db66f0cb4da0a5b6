"""Devices over HTTP: how every scale, printer and scanner is, and what the scales show now."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import get
from litestar.types import ControllerRouterHandler

from edge.web.api.requests import AnyRequest, node_of


@get("/api/v1/devices", operation_id="getDevices")
async def get_devices(request: AnyRequest) -> dict[str, Any]:
    """Return every device; `up` is False while the devices process does not answer."""
    hardware = node_of(request).hardware
    if hardware is None:
        return {"up": False, "devices": []}
    devices = []
    for health in hardware.health():
        reading = hardware.scale(health.device)
        devices.append(
            {
                "device": health.device,
                "kind": health.device_kind,
                "protocol": health.protocol,
                "state": health.state,
                "reason": health.reason,
                "counters": health.counters,
                "reading": msgspec.structs.asdict(reading) if reading else None,
            }
        )
    return {"up": hardware.up, "devices": devices}


handlers: list[ControllerRouterHandler] = [get_devices]
