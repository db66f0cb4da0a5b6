"""Reading what others send us: an answer without an end must not fill our memory."""

from __future__ import annotations

import httpx


async def read_up_to(answer: httpx.Response, bytes_max: int) -> bytes | None:
    """Return the body of a streamed answer, None when it has more than `bytes_max` bytes."""
    parts, size = [], 0
    async for part in answer.aiter_bytes():
        size += len(part)
        if size > bytes_max:
            return None
        parts.append(part)
    return b"".join(parts)
