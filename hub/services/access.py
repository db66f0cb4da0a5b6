"""Who may ask the hub for what: tokens with scopes.

A token is shown once, when it is made; the hub keeps only its hash. Scopes name what a program may
do; `admin` includes every other scope except seeing personal data, which is asked for by name and
audited each time.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from typing import Annotated, Final

import msgspec

from hub.domain.rows import Token
from hub.store.protocol import Desk
from shared.domain.errors import Conflict, InvalidInput
from shared.domain.ports import Entropy

SCOPES: Final = frozenset(
    {
        "orders:read",
        "orders:write",
        "stock:read",
        "stock:write",
        "rules:write",
        "webhooks:write",
        "pii:read",
        "audit:read",
        "admin",
    }
)
TOKEN_PREFIX: Final = "bch_"  # noqa: S105  the public start of every token
TOKEN_BYTES: Final = 32
ANSWERS_KEPT_MS: Final = 7 * 86_400_000
"""How long a repeated Idempotency-Key gets its first answer."""
ANSWERS_PER_COMMIT: Final = 200


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A token to make: a name for people and its scopes."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    scopes: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=32)]


class TokenMade(msgspec.Struct, frozen=True, kw_only=True):
    """A new token. `token` is shown this once and never again."""

    token_id: str
    name: str
    scopes: tuple[str, ...]
    token: str


def token_hash(token: str) -> str:
    """Return what the hub keeps of a token; it has 256 random bits, so no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def allows(scopes: frozenset[str], wanted: str) -> bool:
    """Return True when `scopes` include `wanted`, or `admin` includes it."""
    return wanted in scopes or ("admin" in scopes and wanted != "pii:read")


def create_token(desk: Desk, request: TokenRequest, entropy: Entropy) -> TokenMade:
    """Make a token; raises InvalidInput `scope_unknown`."""
    unknown = sorted(set(request.scopes) - SCOPES)
    if unknown:
        raise InvalidInput(
            "scope_unknown",
            f"Failed to make a token: expected scopes of {', '.join(sorted(SCOPES))}, got "
            f"{', '.join(unknown)[:200]}.",
            hint="Correct the scopes and try again.",
        )
    secret = urlsafe_b64encode(entropy.token_bytes(TOKEN_BYTES)).decode().rstrip("=")
    made = TokenMade(
        token_id=desk.new_id(),
        name=request.name,
        scopes=tuple(sorted(set(request.scopes))),
        token=TOKEN_PREFIX + secret,
    )
    desk.access.put_token(
        Token(token_id=made.token_id, name=made.name, scopes=made.scopes, made_ms=desk.now_ms),
        token_hash(made.token),
    )
    desk.journal.audit("create_token", made.token_id, " ".join(made.scopes))
    return made


def forget_answers(desk: Desk) -> int:
    """Forget answers nobody asks for again; return how many."""
    before_ms = desk.now_ms - ANSWERS_KEPT_MS
    return desk.access.forget_answers(before_ms, ANSWERS_PER_COMMIT)


def first_answer(desk: Desk, key: str, digest: str) -> bytes | None:
    """Return the first answer to an idempotency key, None when it is new or empty.

    Raises Conflict `idempotency_key_reused` when the key came with another request.
    """
    known = desk.access.answer(key) if key else None
    if known is None:
        return None
    if known[0] != digest:
        raise Conflict(
            "idempotency_key_reused",
            "Failed to answer: this Idempotency-Key came before with another request.",
            hint="Use a new key for each new request.",
        )
    return known[1]
