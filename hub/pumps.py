"""What the hub does by itself: small repeated jobs, each woken when there is work.

A pump runs its use case until it finds nothing, then sleeps until somebody tells its topic or its
period passes. The period is the safety net: a wake-up that was lost costs a second, not an order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from hub.store.protocol import Desk, HubStore
from shared.domain.errors import BincardError
from shared.runtime import logs

PERIOD_SECONDS: Final = 2.0
REST_SECONDS: Final = 0.02
"""Pause between two full rounds, so that a long job leaves room for people's requests."""

log = logs.get("pumps")


class Pump:
    """Runs `work` as long as it reports something done; `topic` wakes it."""

    def __init__(
        self,
        topic: str,
        work: Callable[[Desk], int],
        store: HubStore,
        *,
        period_seconds: float = PERIOD_SECONDS,
    ) -> None:
        """`work` is one short transaction; it returns how much it did."""
        self.topic = topic
        self._work = work
        self._store = store
        self._period_seconds = period_seconds
        self._wake = asyncio.Event()
        self._never = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def told(self, topic: str) -> None:
        """Wake up if `topic` is ours. From any thread."""
        if topic == self.topic and self._loop is not None and not self._loop.is_closed():
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self, stopping: asyncio.Event) -> None:
        """Pump until `stopping` is set."""
        self._loop = asyncio.get_running_loop()
        while not stopping.is_set():
            self._wake.clear()
            await self._work_off(stopping)
            await _first(self._wake, stopping, self._period_seconds)

    async def _work_off(self, stopping: asyncio.Event) -> None:
        try:
            while not stopping.is_set():
                done = await self._store.write(self._work, actor=f"hub:{self.topic}")
                if not done:
                    return
                await _first(self._never, stopping, REST_SECONDS)
        except BincardError as error:
            log.warning("pump_refused", pump=self.topic, code=error.code)
        except Exception as error:  # a broken job must not take the others with it
            log.exception("pump_failed", pump=self.topic, kind=type(error).__name__)


async def _first(wake: asyncio.Event, stopping: asyncio.Event, seconds: float) -> None:
    """Wait until one of the events is set or the time is over."""
    waits = [asyncio.ensure_future(wake.wait()), asyncio.ensure_future(stopping.wait())]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
