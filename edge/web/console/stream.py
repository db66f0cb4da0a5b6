"""Live pages without a flood: many changes within a second reach a page as one.

A busy floor changes twenty times a second; a person reads perhaps once. The first change goes out
at once, those that follow are gathered and go out together a second later, so nothing is missed and
no page asks more than once a second for the same part.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Final

from litestar.response import ServerSentEventMessage

from shared.web.live import LiveBus

GATHER_SECONDS: Final = 1.0
PARTS: Final = {"exceptions": "queue", "health": "devices", "link": "link", "print": "devices"}
"""Live event of the floor -> what it changes on a page; everything else changes the `floor`."""
SILENT: Final = frozenset({"scale", "hardware"})
"""Twenty readings a second concern the bench alone; requests to devices change nothing yet."""


def part_of(event: str) -> str | None:
    """Return which part of the pages `event` changes, None for none.

    >>> part_of("exceptions"), part_of("station"), part_of("scale")
    ('queue', 'floor', None)
    """
    return None if event in SILENT else PARTS.get(event, "floor")


async def gathered(
    live: LiveBus, *, resumed: bool, gather_seconds: float = GATHER_SECONDS
) -> AsyncGenerator[ServerSentEventMessage, None]:
    """Yield the names of changed parts, each at most once per `gather_seconds`.

    `resumed` is True when a page comes back after a cut: then everything counts as changed.
    """
    loop = asyncio.get_running_loop()
    source = live.stream()
    coming = asyncio.ensure_future(anext(source))
    changed: set[str] = {"floor", "queue", "devices", "link"} if resumed else set()
    free_at = 0.0
    number = 0
    try:
        while True:
            wait = max(0.0, free_at - loop.time()) if changed else None
            await asyncio.wait({coming}, timeout=wait)
            if coming.done():
                message = await _next(coming)
                if message is None:
                    return
                if message.event == "ping":
                    number += 1
                    yield ServerSentEventMessage(event="ping", data="{}", id=number)
                elif part := part_of(message.event or ""):
                    changed.add(part)
                coming = asyncio.ensure_future(anext(source))
            if changed and loop.time() >= free_at:
                free_at = loop.time() + gather_seconds
                for part in sorted(changed):
                    number += 1
                    yield ServerSentEventMessage(event=part, data="{}", id=number)
                changed.clear()
    finally:
        coming.cancel()
        with suppress(asyncio.CancelledError, StopAsyncIteration):
            await coming
        await source.aclose()


async def _next(
    coming: asyncio.Future[ServerSentEventMessage],
) -> ServerSentEventMessage | None:
    """Return what came, None when the node is stopping."""
    try:
        return await coming
    except StopAsyncIteration:
        return None
