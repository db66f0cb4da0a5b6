"""Become a warehouse's edge: show the hub a one-time code, keep what it answers.

The key is made here and its secret half never leaves this machine. It is on the disk before the
code is shown, so when the hub's answer is lost the same request can simply be made again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from shared.domain.errors import BooksBroken, Forbidden, Unavailable
from shared.runtime import curve, private_file
from shared.runtime.curve import KeyPair, Z85Key

if TYPE_CHECKING:
    import httpx

IDENTITY_FILE: Final = "identity.json"
KEY_FILE: Final = "edge.key"
NEXT_KEY_FILE: Final = "edge.key.next"
"""A key the hub has perhaps not heard of yet."""
TIMEOUT_SECONDS: Final = 10.0
ANSWER_BYTES_MAX: Final = 65_536


class Identity(msgspec.Struct, frozen=True):
    """Whose edge this machine is and where its hub listens (`tcp://host:port`).

    `code_hash` tells the code it was enrolled with from a new one, for example of a new hub.
    """

    node: str
    name: str
    server_key: Z85Key
    sync_address: str
    code_hash: str = ""


class _Answer(msgspec.Struct, frozen=True):
    node: str
    name: str
    server_key: Z85Key
    sync_host: str
    sync_port: int


class _Problem(msgspec.Struct, frozen=True):
    detail: str = ""
    code: str = "enrolment_refused"
    hint: str = ""


def load(state_dir: Path) -> Identity | None:
    """Return what enrolment stored in `state_dir`, or None before it."""
    data = private_file.read(state_dir / IDENTITY_FILE)
    if data is None:
        return None
    try:
        return msgspec.json.decode(data, type=Identity)
    except msgspec.MsgspecError as error:
        raise BooksBroken(
            "identity_damaged",
            f"The file {IDENTITY_FILE} in the state directory is damaged.",
            hint="Delete it and enrol this edge again with a new code.",
        ) from error


def keys(state_dir: Path) -> KeyPair:
    """Return this edge's own key pair, made on the first call."""
    return curve.load_or_make_key(state_dir / KEY_FILE)


def is_new_code(identity: Identity, code: str) -> bool:
    """Say whether `code` asks to enrol once more: head office has a new hub, or wants a new key.

    State and log of this edge stay as they are.
    """
    return bool(code and identity.code_hash) and _hash(code) != identity.code_hash


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def enrol(state_dir: Path, hub_url: str, code: str) -> Identity:
    """Redeem `code` at the hub (`http://host:port`) and store the answer durably, mode 0600.

    Raises Unavailable when the hub cannot be reached (try again: nothing is lost) and Forbidden
    with the hub's sentence when it refuses the code.
    """
    return _redeem(state_dir, hub_url, code, keys(state_dir), renew=False)


def renew_key(state_dir: Path, hub_url: str, code: str) -> Identity:
    """Give this edge a new key with `code`; the hub takes the old one until the new one is used.

    The new pair is on the disk before the code is shown and takes the old one's place only after
    the hub's answer, so a lost answer costs a second try with the same code. A running edge uses
    the new key from its next connection on. Raises as `enrol` does.
    """
    fresh = state_dir / NEXT_KEY_FILE
    identity = _redeem(state_dir, hub_url, code, curve.load_or_make_key(fresh), renew=True)
    private_file.move(fresh, state_dir / KEY_FILE)
    return identity


def _redeem(state_dir: Path, hub_url: str, code: str, pair: KeyPair, *, renew: bool) -> Identity:
    import httpx  # a tenth of an edge's start, and needed once in its life

    try:
        response = httpx.post(
            f"{hub_url.rstrip('/')}/api/v1/enrolments",
            json={"code": code, "public_key": pair.public_key, "renew": renew},
            timeout=TIMEOUT_SECONDS,
        )
    except httpx.HTTPError as error:
        raise Unavailable(
            "hub_unreachable",
            f"The hub at {hub_url} does not answer ({type(error).__name__}).",
            hint="Check BINCARD_EDGE_HUB_URL and the network, then start the edge again.",
        ) from error
    answer = _read(response, hub_url)
    host = answer.sync_host or urlsplit(hub_url).hostname or "127.0.0.1"
    host = f"[{host}]" if ":" in host else host
    identity = Identity(
        node=answer.node,
        name=answer.name,
        server_key=answer.server_key,
        sync_address=f"tcp://{host}:{answer.sync_port}",
        code_hash=_hash(code),
    )
    private_file.write(state_dir / IDENTITY_FILE, msgspec.json.encode(identity))
    return identity


def _read(response: httpx.Response, hub_url: str) -> _Answer:
    body = response.content[:ANSWER_BYTES_MAX]
    try:
        if response.is_success:
            return msgspec.json.decode(body, type=_Answer)
        problem = msgspec.json.decode(body, type=_Problem)
    except msgspec.MsgspecError as error:
        raise Unavailable(
            "hub_unreadable",
            f"What answers at {hub_url} (status {response.status_code}) is not a Bincard hub.",
            hint="Check BINCARD_EDGE_HUB_URL.",
        ) from error
    if response.is_server_error:
        raise Unavailable(problem.code, problem.detail, hint=problem.hint)
    raise Forbidden(problem.code, problem.detail, hint=problem.hint)
