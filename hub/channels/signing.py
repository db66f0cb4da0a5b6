"""Signatures: how two programs that share a secret prove who spoke.

Nothing here compares with `==`: a comparison that stops at the first different byte tells an
attacker how far a guess was right.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

from shared.domain.errors import Unauthorized

TOLERANCE_MS: Final = 5 * 60_000
"""Clocks of two honest machines differ by less; an older message may be a replay."""


def same(expected: str, given: str) -> bool:
    """Compare two signatures in a time that tells nothing."""
    return hmac.compare_digest(expected.encode(), given.encode())


def hmac_base64(secret: bytes, message: bytes) -> str:
    """Return HMAC-SHA256 in base64, as Shopify and WooCommerce sign webhooks."""
    return base64.b64encode(hmac.new(secret, message, hashlib.sha256).digest()).decode()


def bracketed_md5(params: Mapping[str, str], secret: str) -> str:
    """Return the md5 of the sorted names and values between two secrets, in capitals.

    TOP, JOS and Pinduoduo sign so. md5 is their choice, not ours: `sign_method=hmac` where offered.
    """
    text = secret + joined(params) + secret
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()


def joined(params: Mapping[str, str]) -> str:
    """Return the names and values, sorted by name in ASCII order, without anything between."""
    return "".join(name + params[name] for name in sorted(params) if name != "sign")


def standard_webhook(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """Return a `v1,...` signature. Source: https://www.standardwebhooks.com (specification).

    Raises ValueError when `secret` is not base64 (with or without `whsec_` before it).
    """
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    signed = f"{message_id}.{timestamp}.".encode() + body
    return f"v1,{hmac_base64(key, signed)}"


def check_standard_webhook(
    secrets: Iterable[str], headers: Mapping[str, str], body: bytes, now_ms: int
) -> None:
    """Raise Unauthorized unless one of the signatures fits one of the secrets and is fresh."""
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not message_id or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 13):
        raise refusal("expected the headers webhook-id, webhook-timestamp and webhook-signature")
    if abs(now_ms - int(timestamp) * 1000) > TOLERANCE_MS:
        raise refusal("its time is more than 5 minutes from ours")
    given = headers.get("webhook-signature", "").split()
    for secret in secrets:
        expected = standard_webhook(secret, message_id, timestamp, body)
        if any(same(expected, signature) for signature in given):
            return
    raise refusal("no signature fits")


def refusal(why: str) -> Unauthorized:
    """Return the error for a message that does not prove who sent it."""
    return Unauthorized(
        "signature_invalid",
        f"The message does not prove that the shop sent it: {why}.",
        hint="Compare the shop's webhook secret with the one given to `bincard hub add-shop`.",
    )
