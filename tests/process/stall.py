"""F-16: a process that stands still and goes on, as under a debugger, a hypervisor or a full disk.

It is not dead and does not know that time has passed. Whoever waits for it must neither lose nor
double what it was doing.
"""

from __future__ import annotations

import asyncio
import os
import signal

from deploy.demo.processes import Service
from tests.process.kill_matrix import CODE, check
from tests.process.town import Town

WORK_OFF_SECONDS = 60.0


async def stall(service: Service, seconds: float) -> None:
    """Let a process stand still for a while."""
    pid = service.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


async def stall_both(town: Town, seconds: float) -> int:
    """Let the hub, then the edge stand still in the middle of orders; return lost lines."""
    site = town.sites[CODE]
    sockets = town.line(CODE).accepted
    for service in (town.hub.service, site.services["edge"]):
        await town.order(2)
        await stall(service, seconds)
        await town.work_off(seconds + WORK_OFF_SECONDS)
        await asyncio.to_thread(check, town)
    return town.line(CODE).accepted - sockets
