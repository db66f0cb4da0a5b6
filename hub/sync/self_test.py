"""Prove that the port for warehouses refuses strangers, before it is opened.

A CURVE server with one forgotten setting accepts every key and says nothing about it. So the hub
dials itself over loopback, once with a key it knows and once with one it does not, and opens its
port only if the first is let in and the second is turned away.
Source: reference protocol "WES-1", section 2.
"""

from __future__ import annotations

from typing import Final

import zmq
from zmq.utils.monitor import parse_monitor_message

from shared.domain.errors import Unavailable
from shared.runtime import curve
from shared.runtime.curve import KeyPair

ANSWER_MS: Final = 5_000
_WATCHED: Final = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)


def prove(
    context: zmq.Context[zmq.Socket[bytes]],
    server: zmq.Socket[bytes],
    server_key: str,
    *,
    known: KeyPair,
    unknown: KeyPair,
) -> None:
    """Raise Unavailable unless `server`, not yet bound, lets in `known` and refuses `unknown`."""
    server.bind("tcp://127.0.0.1:*")
    endpoint = server.get_string(zmq.LAST_ENDPOINT)
    try:
        answers = [_knock(context, endpoint, keys, server_key) for keys in (known, unknown)]
    finally:
        server.unbind(endpoint)
    if answers != [zmq.EVENT_HANDSHAKE_SUCCEEDED, zmq.EVENT_HANDSHAKE_FAILED_AUTH]:
        raise Unavailable(
            "sync_port_unsafe",
            "The port for warehouses stays closed: its self-test expected a known key to be let "
            f"in and an unknown one to be refused, and got {answers}.",
            hint="Reinstall the hub with the exact versions in deploy/requirements.lock.",
        )


def _knock(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: str, keys: KeyPair, server_key: str
) -> int:
    """Return the handshake's outcome as a ZeroMQ monitor event, or 0 when none came in time."""
    client = curve.client_socket(context, keys, server_key)
    monitor = client.get_monitor_socket(_WATCHED)
    try:
        client.connect(endpoint)
        if not monitor.poll(ANSWER_MS):
            return 0
        return int(parse_monitor_message(monitor.recv_multipart())["event"])
    finally:
        client.disable_monitor()
        monitor.close(0)
        client.close(0)
