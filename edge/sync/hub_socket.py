"""The edge's one connection to the hub: an encrypted ZeroMQ socket and what happens to it.

ZeroMQ is only a pipe here. It reports neither lost messages nor, by itself, a lost connection, so
this wrapper also listens to the socket's monitor, and a socket is never reused: what was queued in
an old one must not leak into a new session. Source: reference protocol "WES-1", section 2.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Literal

import zmq
from zmq.utils.monitor import parse_monitor_message

from shared.runtime import curve
from shared.runtime.curve import KeyPair

WATCHED: Final = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_DISCONNECTED
)
FRAMES_PER_TURN_MAX: Final = 256

Happening = Literal["connected", "refused", "disconnected"]
_HAPPENINGS: Final[dict[int, Happening]] = {
    zmq.EVENT_HANDSHAKE_SUCCEEDED: "connected",
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: "refused",
    zmq.EVENT_DISCONNECTED: "disconnected",
}


class HubSocket:
    """One DEALER towards `address` (`tcp://host:port`), made and used on one thread only."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        poller: zmq.Poller,
        keys: KeyPair,
        server_key: str,
        address: str,
    ) -> None:
        """Begin to connect; only a hub that holds the secret half of `server_key` can answer."""
        self._poller = poller
        self._unsent: deque[bytes] = deque()
        self._socket = curve.client_socket(context, keys, server_key)
        self._monitor = self._socket.get_monitor_socket(WATCHED)
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._monitor, zmq.POLLIN)
        self._socket.connect(address)

    def happenings(self) -> list[Happening]:
        """Return what happened to the connection since the last call."""
        found: list[Happening] = []
        while self._monitor.poll(0):
            event = parse_monitor_message(self._monitor.recv_multipart())
            happening = _HAPPENINGS.get(event["event"])
            if happening is not None:
                found.append(happening)
        return found

    def receive(self) -> list[bytes]:
        """Return the frames that arrived, at most `FRAMES_PER_TURN_MAX`."""
        frames: list[bytes] = []
        while len(frames) < FRAMES_PER_TURN_MAX:
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            if len(parts) == 1:
                frames.append(parts[0])
        return frames

    def send(self, data: bytes) -> None:
        """Send a frame, or keep it until the connection takes it. The credit bounds the queue."""
        self._unsent.append(data)
        self.flush()

    def flush(self) -> None:
        """Send what waits; ask the poller to report room if some must wait on."""
        while self._unsent:
            try:
                self._socket.send(self._unsent[0], zmq.NOBLOCK)
            except zmq.Again:
                self._poller.register(self._socket, zmq.POLLIN | zmq.POLLOUT)
                return
            self._unsent.popleft()
        self._poller.register(self._socket, zmq.POLLIN)

    def close(self, linger_ms: int) -> None:
        """Destroy the socket; what is queued in it may still leave for `linger_ms`."""
        self._poller.unregister(self._socket)
        self._poller.unregister(self._monitor)
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close(linger_ms)
