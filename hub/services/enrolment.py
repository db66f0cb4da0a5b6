"""How a new machine becomes a warehouse's edge.

Head office makes a one-time code and reads it to whoever installs the box. The box makes its own
key, whose secret half never leaves it, and shows the code once. From then on the key alone speaks
for the warehouse, and the keys of an earlier box of that warehouse no longer do.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

import msgspec

from hub.store import fact_log, fences, nodes
from shared.domain.errors import Forbidden, InvalidInput, NotFound
from shared.domain.ids import short_code
from shared.domain.ports import Entropy
from shared.runtime.database import Transaction

KEYS_MAX: Final = 2
"""Keys of one warehouse that are valid at the same time, while its key is renewed."""
CODE_TTL_MS: Final = 24 * 60 * 60 * 1000
CODE_LENGTH: Final = 20
"""Characters of five random bits each: too many to guess, so a plain hash keeps them safe."""
_LOOK_ALIKES: Final = str.maketrans("ILO", "110")
_KEY: Final = re.compile(r"[0-9A-Za-z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")
"""A public key in Z85 (ZeroMQ RFC 32)."""


class Enrolled(msgspec.Struct, frozen=True):
    """The warehouse a key now speaks for."""

    node: str
    name: str


def make_code(
    tx: Transaction,
    warehouse: str,
    *,
    now_ms: int,
    entropy: Entropy,
    ttl_ms: int = CODE_TTL_MS,
    name: str = "",
) -> str:
    """Return a new one-time code for `warehouse`, such as `7K2M9-...`. It is shown only once.

    Raises NotFound for an unknown warehouse when no `name` is given to make it known.
    """
    if name:
        fact_log.ensure_node(tx.sql, warehouse, name)
    if nodes.name_of(tx.sql, warehouse) is None:
        raise NotFound(
            "warehouse_unknown",
            f"There is no warehouse {warehouse}.",
            hint="Import the warehouse first, or check the spelling of its code.",
        )
    code = short_code("", entropy, CODE_LENGTH)
    nodes.add_code(tx.sql, _hash(code), warehouse, made_ms=now_ms, expires_ms=now_ms + ttl_ms)
    return "-".join(code[start : start + 5] for start in range(0, CODE_LENGTH, 5))


def redeem(
    tx: Transaction, code: str, public_key: str, *, now_ms: int, renew: bool = False
) -> Enrolled:
    """Let `public_key` (Z85) speak for the warehouse of `code` from now on.

    Its other keys end at once or, to `renew` the key of the same box, when the new one is first
    used: until then both are valid. The same code with the same key again is the same request and
    gets the same answer; with another key it is refused. Raises InvalidInput for something that is
    no key, Forbidden otherwise.
    """
    if not _KEY.fullmatch(public_key):
        raise InvalidInput(
            "key_unreadable",
            f"A public key has 40 characters of Z85 text; this one has {len(public_key)}.",
            hint="Let `bincard edge serve` make the key and ask by itself.",
        )
    code_hash = _hash(code)
    row = nodes.code(tx.sql, code_hash)
    if row is None:
        raise _no("code_unknown", "The hub never gave out this enrolment code.")
    if row.used_ms is not None:
        if row.used_key == public_key and nodes.owner_of(tx.sql, public_key) == (row.node, False):
            return Enrolled(row.node, nodes.name_of(tx.sql, row.node) or "")
        raise _no("code_used", "This enrolment code was used before, and a code counts once.")
    if now_ms >= row.expires_ms:
        raise _no("code_expired", "This enrolment code has expired.")
    if nodes.owner_of(tx.sql, public_key) is not None:
        raise _no("key_used", "This key was enrolled before.")
    if renew and len(nodes.keys_of(tx.sql, row.node)) >= KEYS_MAX:
        raise Forbidden(
            "renewal_open",
            f"The key of {row.node} is being renewed already, and the new one was never used.",
            hint="Restart the edge with its new key, or enrol the box anew.",
        )
    nodes.use_code(tx.sql, code_hash, public_key, now_ms)
    if not renew:
        nodes.revoke_keys(tx.sql, row.node, now_ms)
        fences.open_for(tx.sql, row.node)
    nodes.add_key(tx.sql, row.node, public_key, now_ms)
    return Enrolled(row.node, nodes.name_of(tx.sql, row.node) or "")


def revoke(tx: Transaction, warehouse: str, *, now_ms: int) -> int:
    """Take the right to speak for `warehouse` from all its keys; return how many lost it.

    Call the listener's `keys_changed` after the commit, so that an open session ends at once.
    """
    return nodes.revoke_keys(tx.sql, warehouse, now_ms)


def _hash(code: str) -> bytes:
    plain = re.sub(r"[^0-9A-Z]", "", code.upper()).translate(_LOOK_ALIKES)
    return hashlib.sha256(plain.encode()).digest()


def _no(code: str, sentence: str) -> Forbidden:
    return Forbidden(
        code, sentence, hint="Ask head office for a new code (`bincard hub enrol-edge`)."
    )
