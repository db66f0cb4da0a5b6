"""A TCP line that does what bad lines do: cut, swallow, hold, delay, throttle, corrupt, one way.

The relay runs on a thread of its own. A test changes what a direction does by setting its fields;
that counts for the bytes that come next. What it carries is encrypted end to end, so it can harm
bytes but not forge them, as any cable.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final

from deploy.demo.town import free_port

CHUNK_BYTES: Final = 4_096
CHUNKS_WAITING_MAX: Final = 64
LOOK_SECONDS: Final = 0.02
"""How soon a held direction notices that it may go on."""
OPEN_SECONDS_MAX: Final = 5.0
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, zero seconds: closing sends a reset instead of a goodbye."""


class Way:
    """One direction of a line. The fields may be set at any time, from any thread."""

    def __init__(self) -> None:
        """A direction that carries everything."""
        self.swallow = False
        """Bytes vanish, as behind a router that forgot the connection."""
        self.hold = False
        """Bytes wait, as while a cable is unplugged."""
        self.delay_seconds = 0.0
        self.bytes_per_second = 0
        """0: as fast as it goes."""
        self.corrupt_chunks = 0
        """So many of the next chunks get one flipped bit."""
        self.cut_after_bytes: int | None = None
        """The line is reset in the middle of whatever carries this byte."""
        self.passed_bytes = 0

    def mend(self) -> None:
        """Carry everything again."""
        self.swallow = self.hold = False
        self.delay_seconds, self.bytes_per_second, self.corrupt_chunks = 0.0, 0, 0
        self.cut_after_bytes = None

    def take(self, data: bytes) -> bytes:
        """Return what comes out at the other end when `data` goes in."""
        if self.swallow:
            return b""
        if self.corrupt_chunks > 0:
            self.corrupt_chunks -= 1
            middle = len(data) // 2
            data = data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :]
        if self.cut_after_bytes is not None:
            data = data[: self.cut_after_bytes]
            self.cut_after_bytes -= len(data)
        self.passed_bytes += len(data)
        return data

    @property
    def is_spent(self) -> bool:
        """Say whether the line has to be reset now."""
        return self.cut_after_bytes is not None and self.cut_after_bytes <= 0


class Proxy:
    """A line from a port of its own to `target` on this machine. `up` leads to the target."""

    def __init__(self, target: int) -> None:
        """Start to relay at once; `port` is where the line begins."""
        self.target = target
        self.port = free_port()
        self.up, self.down = Way(), Way()
        self.is_cut = False
        self.accepted = 0
        """Connections that ever began."""
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._relay, "127.0.0.1", self.port))

    def cut(self, *, reset: bool = True) -> None:
        """Drop all connections and refuse new ones; without `reset` with a polite goodbye."""
        self.is_cut = True
        self._do(self._drop_all(reset=reset))

    def drop(self, *, reset: bool = True) -> None:
        """Drop all connections; new ones may come at once."""
        self._do(self._drop_all(reset=reset))

    def mend(self) -> None:
        """Carry everything again, in both directions."""
        self.up.mend()
        self.down.mend()
        self.is_cut = False

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return len(self._writers) // 2

    def stop(self) -> None:
        """End the line for good."""
        self._do(self._drop_all(reset=True))
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(OPEN_SECONDS_MAX)
        self._loop.close()

    # A demo warehouse opens and closes its line like this.

    async def open(self) -> None:
        """Nothing: the line is open from the beginning."""

    async def close(self) -> None:
        """End the line for good."""
        self.stop()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(OPEN_SECONDS_MAX)

    async def _end(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _drop_all(self, *, reset: bool) -> None:
        for writer in self._writers:
            _close(writer, reset=reset)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if self.is_cut or task is None:
            _close(writer, reset=True)
            return
        self._tasks.add(task)
        self.accepted += 1
        try:
            far_reader, far = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            _close(writer, reset=True)
            self._tasks.discard(task)
            return
        self._writers |= {writer, far}
        both = [
            asyncio.ensure_future(self._carry(self.up, reader, far)),
            asyncio.ensure_future(self._carry(self.down, far_reader, writer)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            spent = self.up.is_spent or self.down.is_spent
            _close(writer, reset=spent)
            _close(far, reset=spent)
            self._writers -= {writer, far}
            self._tasks.discard(task)

    async def _carry(
        self, way: Way, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        """Carry one direction until it ends; on a dark line nobody sees the other one end."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_WAITING_MAX)
        reading = asyncio.ensure_future(self._read(way, source, under_way))
        try:
            with suppress(OSError):
                await self._write(way, under_way, sink)
        finally:
            reading.cancel()

    async def _read(
        self, way: Way, source: asyncio.StreamReader, out: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        data = b"-"
        while data:
            try:
                data = await source.read(CHUNK_BYTES)
            except OSError:
                data = b""
            await out.put((self._loop.time() + way.delay_seconds, data))

    async def _write(
        self, way: Way, under_way: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter
    ) -> None:
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            while way.hold or (not data and way.swallow):  # noqa: ASYNC110  other threads set it
                await asyncio.sleep(LOOK_SECONDS)
            if not data:
                return
            sink.write(way.take(data))
            await sink.drain()
            if way.is_spent:
                return
            if way.bytes_per_second:
                await asyncio.sleep(len(data) / way.bytes_per_second)


def _close(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    end = writer.get_extra_info("socket")
    if reset and end is not None:
        with suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()
    else:
        writer.close()
