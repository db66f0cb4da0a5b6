"""The wire between the edge and the devices process: one socket for questions, one for news.

Sessions run in threads of their own and publish from there; ZeroMQ sockets belong to one thread.
Events therefore wait in a queue, and one byte on a pipe wakes the thread that owns the sockets.
Whoever subscribes is told at once how every device is, so that an edge started late knows as much
as one started early.

Junk on the wire is answered with `Failed`, never obeyed and never fatal.
Source: https://zguide.zeromq.org/docs/chapter2/ (one socket, one thread) and RFC 29/PUBSUB (XPUB).
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
import zmq

from devices.messages import (
    FRAME_BYTES_MAX,
    Event,
    Failed,
    JobChanged,
    Reply,
    Request,
    encoder,
    request_decoder,
)
from shared.domain.errors import BincardError
from shared.runtime import logs

EVENTS_WAITING_MAX: Final = 10_000
"""Events that may wait for the thread that sends; the oldest go first."""
SOCKET_WAITING_MAX: Final = 10_000
"""Messages ZeroMQ may hold for a slow edge before it drops."""
PARTS_MAX: Final = 2
"""Frames of a request after the sender's identity: perhaps an empty one, then the message."""
WAKE: Final = b"!"

Answer = Callable[[Request], Reply]
Snapshot = Callable[[], Iterable[Event]]


class _OnlyId(msgspec.Struct):
    request_id: str = ""


class Bus:
    """Both sockets. `publish` and `stop` may be called from anywhere, the rest from one thread."""

    def __init__(self, requests: str, events: str) -> None:
        """Bind both addresses; raises zmq.ZMQError when one is taken."""
        self._log = logs.get("bus")
        self._context = zmq.Context()
        self._context.setsockopt(zmq.LINGER, 0)
        self._router = self._context.socket(zmq.ROUTER)
        self._events = self._context.socket(zmq.XPUB)
        self._events.setsockopt(zmq.XPUB_VERBOSE, 1)
        for wire, address in ((self._router, requests), (self._events, events)):
            wire.setsockopt(zmq.MAXMSGSIZE, FRAME_BYTES_MAX)
            wire.setsockopt(zmq.SNDHWM, SOCKET_WAITING_MAX)
            wire.setsockopt(zmq.RCVHWM, SOCKET_WAITING_MAX)
            wire.bind(address)
        self._waiting: deque[Event] = deque(maxlen=EVENTS_WAITING_MAX)
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_out.setblocking(False)
        self._wake_in.setblocking(False)
        self._stopping = False

    @property
    def requests_address(self) -> str:
        """The address really bound, with the port the system chose."""
        return self._router.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\x00")

    @property
    def events_address(self) -> str:
        """The address really bound, with the port the system chose."""
        return self._events.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\x00")

    def publish(self, event: Event) -> None:
        """Send `event` to all who listen; from any thread, never blocks."""
        self._waiting.append(event)
        self._wake()

    def stop(self) -> None:
        """Let `run` return; from any thread or a signal handler."""
        self._stopping = True
        self._wake()

    def _wake(self) -> None:
        try:
            self._wake_out.send(WAKE)
        except OSError:
            return  # the pipe is full of wake-ups, or closed because all is over

    def run(self, answer: Answer, snapshot: Snapshot) -> None:
        """Serve until `stop`. `answer` may raise BincardError, which becomes `Failed`."""
        poller = zmq.Poller()
        for wire in (self._router, self._events, self._wake_in):
            poller.register(wire, zmq.POLLIN)
        while not self._stopping:
            ready = dict(poller.poll())
            if self._wake_in.fileno() in ready:
                self._drain_wakes()
            if self._events in ready and self._somebody_came():
                self._waiting.extend(snapshot())
            self._send_events()
            if self._router in ready:
                self._answer_one(answer)

    def _drain_wakes(self) -> None:
        try:
            self._wake_in.recv(EVENTS_WAITING_MAX)
        except BlockingIOError:
            return

    def _somebody_came(self) -> bool:
        came = False
        while self._events.poll(0):
            came |= self._events.recv().startswith(b"\x01")
        return came

    def _send_events(self) -> None:
        while self._waiting:
            event = self._waiting.popleft()
            topic = event.printer if isinstance(event, JobChanged) else event.device
            self._events.send_multipart([topic.encode(), encoder.encode(event)])

    def _answer_one(self, answer: Answer) -> None:
        identity, *parts = self._router.recv_multipart()
        envelope = [identity] + [b""] * (len(parts) == PARTS_MAX and not parts[0])
        reply = self._reply_to(parts, answer)
        try:
            self._router.send_multipart([*envelope, encoder.encode(reply)], flags=zmq.NOBLOCK)
        except zmq.ZMQError as error:
            self._log.warning("reply not sent", reason=str(error))

    def _reply_to(self, parts: list[bytes], answer: Answer) -> Reply:
        body = parts[-1] if parts else b""
        try:
            request = request_decoder.decode(body)
        except (msgspec.DecodeError, RecursionError) as error:
            return Failed(
                request_id=_request_id(body),
                code="message_unreadable",
                sentence=f"The message is not one of devices/messages.py: {error}.",
            )
        try:
            return answer(request)
        except BincardError as error:
            return Failed(request_id=request.request_id, code=error.code, sentence=error.message)
        except Exception:  # noqa: BLE001 - no request may stop the weighing of others
            self._log.exception("request failed", request=type(request).__name__)
            return Failed(
                request_id=request.request_id,
                code="internal",
                sentence="The devices process made a mistake; its log has the details.",
            )

    def close(self) -> None:
        """Close the sockets; what still waits is dropped."""
        self._router.close()
        self._events.close()
        self._wake_out.close()
        self._wake_in.close()
        self._context.term()


def _request_id(body: bytes) -> str:
    """Return the id in a message that is otherwise unreadable, so that its sender stops waiting."""
    try:
        return msgspec.json.decode(body, type=_OnlyId).request_id
    except (msgspec.DecodeError, RecursionError):
        return ""
