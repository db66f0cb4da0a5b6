"""Keys of the line between warehouse and head office, and who may open it.

Every node has a CURVE key pair (Curve25519). ZeroMQ asks a ZAP handler whether a client's public
key may connect, and three of its settings silently let *everybody* in when the fourth is missing:
the server must be a CURVE server, name a ZAP domain, enforce that domain, and the handler must be
registered for that same domain, before the port is bound. This module sets all of them, and the
listener proves it with a throw-away key before it opens its port.
Source: RFC 26 (CurveZMQ), RFC 27 (ZAP); reference protocol "WES-1", section 2.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import msgspec
import zmq
from zmq.auth.thread import ThreadAuthenticator

from shared.domain.errors import BooksBroken
from shared.runtime import private_file
from shared.sync.protocol import FRAME_BYTES_MAX

DOMAIN: Final = "bincard"
HIGH_WATER_MARK: Final = 64
HANDSHAKE_MS: Final = 5_000
HEARTBEAT_MS: Final = 5_000
HEARTBEAT_TIMEOUT_MS: Final = 15_000
CONNECT_TIMEOUT_MS: Final = 5_000
RECONNECT_MS: Final = 500
RECONNECT_MAX_MS: Final = 8_000
"""ZeroMQ adds its own random part to each wait."""

Z85Key = Annotated[str, msgspec.Meta(min_length=40, max_length=40)]


class KeyPair(msgspec.Struct, frozen=True):
    """A CURVE key pair in Z85 text, 40 characters each. Never print the secret half."""

    public_key: Z85Key
    secret_key: Z85Key

    def __repr__(self) -> str:
        """Show the public half only."""
        return f"KeyPair(public_key={self.public_key!r})"


def new_key_pair() -> KeyPair:
    """Make a key pair from the system's randomness."""
    public_key, secret_key = zmq.curve_keypair()
    return KeyPair(public_key.decode(), secret_key.decode())


def load_or_make_key(path: Path) -> KeyPair:
    """Return the key pair kept at `path` (mode 0600), making it on the first call.

    Raises BooksBroken when the file is damaged or readable by others.
    """
    data = private_file.read(path)
    if data is None:
        pair = new_key_pair()
        private_file.write(path, msgspec.json.encode(pair))
        return pair
    try:
        return msgspec.json.decode(data, type=KeyPair)
    except msgspec.MsgspecError as error:
        raise BooksBroken(
            "key_damaged",
            f"The key file {path.name} is damaged.",
            hint="Restore it from the backup of the state directory, or enrol this node anew.",
        ) from error


class _Provider:
    """Asks `allows` about each public key (Z85 text)."""

    def __init__(self, allows: Callable[[str], bool]) -> None:
        self._allows = allows

    def callback(self, _domain: str, key: bytes) -> bool:
        """Say whether `key` may connect; pyzmq calls it during each handshake."""
        return self._allows(key.decode())


def start_authenticator(
    context: zmq.Context[zmq.Socket[bytes]], allows: Callable[[str], bool]
) -> ThreadAuthenticator:
    """Start the ZAP handler of `context`; `allows` is called on its thread with a Z85 key."""
    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    authenticator.configure_curve_callback(domain=DOMAIN, credentials_provider=_Provider(allows))
    return authenticator


def _common(socket: zmq.Socket[bytes]) -> None:
    socket.linger = 0
    socket.immediate = True
    socket.sndhwm = socket.rcvhwm = HIGH_WATER_MARK
    socket.maxmsgsize = FRAME_BYTES_MAX
    socket.handshake_ivl = HANDSHAKE_MS
    socket.heartbeat_ivl = HEARTBEAT_MS
    socket.heartbeat_timeout = HEARTBEAT_TIMEOUT_MS


def server_socket(context: zmq.Context[zmq.Socket[bytes]], keys: KeyPair) -> zmq.Socket[bytes]:
    """Return an unbound ROUTER that lets in only keys the ZAP handler allows."""
    socket = context.socket(zmq.ROUTER)
    _common(socket)
    socket.router_mandatory = True
    socket.curve_server = True
    socket.curve_secretkey = keys.secret_key.encode()
    socket.curve_publickey = keys.public_key.encode()
    socket.zap_domain = DOMAIN.encode()
    socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
    return socket


def client_socket(
    context: zmq.Context[zmq.Socket[bytes]], keys: KeyPair, server_key: str
) -> zmq.Socket[bytes]:
    """Return an unconnected DEALER without identity that trusts only `server_key`."""
    socket = context.socket(zmq.DEALER)
    _common(socket)
    socket.connect_timeout = CONNECT_TIMEOUT_MS
    socket.reconnect_ivl = RECONNECT_MS
    socket.reconnect_ivl_max = RECONNECT_MAX_MS
    socket.curve_secretkey = keys.secret_key.encode()
    socket.curve_publickey = keys.public_key.encode()
    socket.curve_serverkey = server_key.encode()
    return socket
