"""Live pages: one small hub of subscribers that hands out *what changed*, never the data itself.

A page listens with server-sent events (SSE) and fetches what it needs. A subscriber that cannot
keep up loses its oldest names, never the newest: pages reload fragments, so a missed name in a full
queue costs nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, Final

from litestar.response import ServerSentEventMessage

QUEUE_MAX: Final = 64
PING_SECONDS: Final = 10.0


class LiveBus:
    """Fan-out of (event, data) to every open page. Safe to publish from any thread."""

    def __init__(self, stopping: asyncio.Event) -> None:
        """Streams end when `stopping` is set."""
        self.stopping = stopping
        self._subscribers: set[asyncio.Queue[tuple[str, Any]]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Remember the loop that serves the pages; call once at start-up."""
        self._loop = loop

    def publish(self, event: str, data: Any = None) -> None:
        """Tell every page that `event` happened; `data` must be JSON-able and small."""
        if self._loop is not None and not self._loop.is_closed():
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._deliver, event, data)

    def _deliver(self, event: str, data: Any) -> None:
        for subscriber in self._subscribers:
            if subscriber.full():
                subscriber.get_nowait()
            subscriber.put_nowait((event, data))

    async def stream(
        self, wanted: tuple[str, ...] = ()
    ) -> AsyncGenerator[ServerSentEventMessage, None]:
        """Yield SSE messages whose event starts with one of `wanted` (all when empty)."""
        mine: asyncio.Queue[tuple[str, Any]] = asyncio.Queue(maxsize=QUEUE_MAX)
        self._subscribers.add(mine)
        stop = asyncio.ensure_future(self.stopping.wait())
        try:
            yield ServerSentEventMessage(event="ping", data="{}")
            while not self.stopping.is_set():
                next_one = asyncio.ensure_future(mine.get())
                await asyncio.wait(
                    {next_one, stop}, timeout=PING_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                if not next_one.done():
                    next_one.cancel()
                    if not self.stopping.is_set():
                        yield ServerSentEventMessage(event="ping", data="{}")
                    continue
                event, data = next_one.result()
                if not wanted or event.startswith(wanted):
                    yield ServerSentEventMessage(
                        event=event, data=json.dumps(data, ensure_ascii=False)
                    )
        finally:
            stop.cancel()
            self._subscribers.discard(mine)
