"""Run an ASGI application and stop it promptly.

A console page keeps a live stream open for hours. A server that waits for such streams takes half a
minute to stop; this one tells them first, so that a restart costs a blink and the shutdown work
(checkpoint, closing ports) still runs.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

import uvicorn

GRACE_SECONDS: Final = 5
BACKLOG: Final = 512


class PromptServer(uvicorn.Server):
    """A uvicorn server that sets `stopping` the moment it is asked to exit."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        """Live streams must end when `stopping` is set."""
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Wake the streams, then stop as usual."""
        self._stopping.set()
        super().handle_exit(sig, frame)


def serve(
    app: Any,
    *,
    host: str,
    port: int,
    stopping: asyncio.Event,
    on_ready: Callable[[int], None] | None = None,
) -> None:
    """Serve `app` until SIGINT or SIGTERM; `on_ready` receives the port really bound."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit this. Without it the kernel holds back the second write of each answer
    # until the client's delayed acknowledgement, which makes every scan 40 ms slow.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind((host, port))
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=BACKLOG,
        server_header=False,
    )
    if on_ready is not None:
        on_ready(listener.getsockname()[1])
    asyncio.run(PromptServer(config, stopping).serve(sockets=[listener]))
