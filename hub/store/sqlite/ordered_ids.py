"""Ids that sort in the order in which they were given, also within one millisecond.

Backorders are served by age and lists are read by id, so two orders of one batch must not change
places. The 12 bits after the time hold a counter (RFC 9562 section 6.2, method 1).
"""

from __future__ import annotations

from typing import Final

from shared.domain.ids import uuid7
from shared.domain.ports import Entropy

IDS_PER_MS: Final = 4_096


class OrderedIds:
    """Gives ids; only the writer thread may ask."""

    def __init__(self, entropy: Entropy) -> None:
        """Random bits come from `entropy`."""
        self._entropy = entropy
        self._last_ms = 0
        self._count = 0

    def token_bytes(self, count: int) -> bytes:
        """Return `count` random bytes whose first 12 bits are the counter."""
        random = self._entropy.token_bytes(count)
        head = self._count << 4 | random[1] & 0xF
        return head.to_bytes(2, "big") + random[2:]

    def new_id(self, now_ms: int) -> str:
        """Return an id that sorts behind every id given before."""
        if now_ms > self._last_ms:
            self._last_ms, self._count = now_ms, 0
        else:
            self._count += 1
            if self._count == IDS_PER_MS:
                self._last_ms, self._count = self._last_ms + 1, 0
        return uuid7(self._last_ms, self)
