"""How a shop can fail us, told apart by what we may conclude.

A refusal is an answer: nothing was changed there. Silence and breakage are not: whatever was asked
may have been done, and only reading it back can tell. Sentences never carry what a platform wrote
in a body, because that may be personal data; a short code at most.
"""

from __future__ import annotations

from shared.domain.errors import Refused, TooMuch, Unavailable


class ShopThrottled(TooMuch):
    """The platform asks us to slow down; nothing was changed there."""

    def __init__(self, message: str, *, retry_after_ms: int) -> None:
        """`retry_after_ms`: how long it asks us to wait, 0 when it does not say."""
        super().__init__("shop_throttled", message, hint="It is tried again by itself, later.")
        self.retry_after_ms = retry_after_ms


class ShopSilent(Unavailable):
    """No usable answer: what was asked may have been done or not."""

    def __init__(self, code: str, message: str) -> None:
        """`code` such as `shop_timeout`."""
        super().__init__(code, message, hint="It is read back and tried again by itself.")


class ShopRefused(Refused):
    """The platform answered no; the same request will not succeed later."""
