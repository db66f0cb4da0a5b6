"""The WAN line of one warehouse: a TCP relay that can be cut like a cable and mended again.

While the line is cut, established connections are dropped and new ones are refused at once, as when
a router loses its uplink. The bytes themselves are never touched: they are encrypted end to end.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

CHUNK_BYTES: Final = 65_536


class Line:
    """A relay from a port of its own to the hub's sync port."""

    def __init__(self, target_port: int) -> None:
        """`target_port` is the hub's port on this machine."""
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.is_cut = False
        self.cut_seconds = 0.0
        self._cut_at = 0.0

    async def open(self) -> None:
        """Start to relay; `port` is known afterwards."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Drop everything now and refuse what comes."""
        self.is_cut = True
        self._cut_at = asyncio.get_running_loop().time()
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        """Let connections through again."""
        self.is_cut = False
        self.cut_seconds += asyncio.get_running_loop().time() - self._cut_at

    async def close(self) -> None:
        """Stop relaying for good."""
        for writer in self._writers:
            writer.transport.abort()
        if self._server is not None:
            self._server.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        try:
            upstream_reader, upstream = await asyncio.open_connection(
                "127.0.0.1", self._target_port
            )
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, upstream}
        try:
            await asyncio.gather(_copy(reader, upstream), _copy(upstream_reader, writer))
        finally:
            self._writers -= {writer, upstream}


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(CHUNK_BYTES):
            sink.write(data)
            await sink.drain()
    sink.transport.abort()
