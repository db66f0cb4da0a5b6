"""The edge's end of the device bus.

The devices process may be restarted under the edge at any time, by an installer or by its own
death. A question asked meanwhile is answered with a clear "unavailable" after a short deadline and
is never delivered late: a label that was given up must not come out of the printer a minute
afterwards. Events simply go on when the process is back, beginning with the state of every device.

Usage::

    client = DevicesClient("tcp://127.0.0.1:5590", "tcp://127.0.0.1:5591")
    await client.start()
    reply = await client.ask(AskHealth(request_id=new_id()))
    async for event in client.events():
        ...
    await client.close()
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec
import zmq
import zmq.asyncio

from devices.messages import (
    FRAME_BYTES_MAX,
    Event,
    Failed,
    Reply,
    Request,
    encoder,
    event_decoder,
    reply_decoder,
)
from shared.domain.errors import Conflict, InvalidInput, Unavailable
from shared.runtime import logs

ASK_SECONDS: Final = 3.0
"""How long a question may take; printing is only queued within it, not finished."""
ASKING_MAX: Final = 1_000
"""Questions that may wait for their answers."""
EVENTS_WAITING_MAX: Final = 4_096
"""Events that may wait for their reader; behind it ZeroMQ holds as many again, then drops."""
RECONNECT_MS: Final = 100
RECONNECT_MS_MAX: Final = 500
ALL: Final = b""
HINT: Final = "Look at the devices page; start the devices process if it is stopped."


class DevicesClient:
    """One connection to the devices process, for use in one event loop."""

    def __init__(self, requests_url: str, events_url: str) -> None:
        """Nothing is connected before `start`."""
        self._requests_url = requests_url
        self._events_url = events_url
        self._log = logs.get("devices-client")
        self._asking: dict[str, asyncio.Future[Reply]] = {}
        self._news: asyncio.Queue[Event | None] = asyncio.Queue(EVENTS_WAITING_MAX)
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    async def start(self) -> None:
        """Connect; the process may come later. Call once."""
        self._context = zmq.asyncio.Context()
        self._dealer = self._socket(zmq.DEALER, self._requests_url)
        self._subscriber = self._socket(zmq.SUB, self._events_url)
        self._tasks = [
            asyncio.create_task(self._take_replies(), name="devices replies"),
            asyncio.create_task(self._take_events(), name="devices events"),
        ]

    def _socket(self, kind: int, address: str) -> zmq.asyncio.Socket:
        wire: zmq.asyncio.Socket = self._context.socket(kind)
        wire.setsockopt(zmq.LINGER, 0)
        wire.setsockopt(zmq.MAXMSGSIZE, FRAME_BYTES_MAX)
        wire.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
        wire.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MS_MAX)
        wire.setsockopt(zmq.RCVHWM, EVENTS_WAITING_MAX)
        if kind == zmq.DEALER:
            wire.setsockopt(zmq.IMMEDIATE, 1)
        if kind == zmq.SUB:
            wire.setsockopt(zmq.SUBSCRIBE, ALL)
        wire.connect(address)
        return wire

    async def ask(self, request: Request, *, timeout_seconds: float = ASK_SECONDS) -> Reply:
        """Send `request` and return its reply, which may be `Failed`.

        Raises Unavailable when no answer comes in time, Conflict when the same `request_id` is
        still waiting, and InvalidInput for a request over `FRAME_BYTES_MAX`.
        """
        body = encoder.encode(request)
        self._check(request.request_id, body)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._asking[request.request_id] = future
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._dealer.send(body)
                return await future
        except TimeoutError:
            raise Unavailable(
                "devices_silent",
                f"The devices process did not answer within {timeout_seconds:g} seconds.",
                hint=HINT,
            ) from None
        finally:
            self._asking.pop(request.request_id, None)

    def _check(self, request_id: str, body: bytes) -> None:
        if self._closed or not self._tasks:
            raise Unavailable(
                "devices_closed", "The connection to the devices process is closed.", hint=HINT
            )
        if request_id in self._asking:
            raise Conflict("request_id_reused", "A request with this id still waits.")
        if len(self._asking) >= ASKING_MAX:
            raise Unavailable("devices_busy", f"{ASKING_MAX} requests wait already.", hint=HINT)
        if len(body) > FRAME_BYTES_MAX:
            raise InvalidInput(
                "message_too_large",
                f"A request may have {FRAME_BYTES_MAX} bytes, got {len(body)}.",
                hint="Make the label smaller.",
            )

    async def events(self) -> AsyncIterator[Event]:
        """Yield events as they come, until `close`. For one reader."""
        while (event := await self._news.get()) is not None:
            yield event

    async def _take_replies(self) -> None:
        while True:
            body = await self._dealer.recv()
            try:
                reply = reply_decoder.decode(body)
            except msgspec.DecodeError as error:
                self._log.warning("reply not readable", reason=str(error))
                continue
            future = self._asking.get(reply.request_id)
            if future is not None and not future.done():
                future.set_result(reply)
            elif isinstance(reply, Failed):
                self._log.warning("request refused", code=reply.code)

    async def _take_events(self) -> None:
        while True:
            parts = await self._subscriber.recv_multipart()
            try:
                event = event_decoder.decode(parts[-1])
            except msgspec.DecodeError as error:
                self._log.warning("event not readable", reason=str(error))
                continue
            await self._news.put(event)

    async def close(self) -> None:
        """Disconnect; questions that wait fail with Unavailable, `events` ends."""
        if self._closed:
            return
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for future in self._asking.values():
            if not future.done():
                future.set_exception(
                    Unavailable("devices_closed", "The connection was closed.", hint=HINT)
                )
        if self._news.full():
            self._news.get_nowait()
        self._news.put_nowait(None)
        if self._tasks:
            self._context.destroy(linger=0)
