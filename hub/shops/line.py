"""The line to the shops: plays a channel's script over HTTP, with an end to everything.

Every wait, body and script has a limit. What a shop sends is never logged, nor is what we send.
"""

from __future__ import annotations

from typing import Final, TypeVar

import httpx

from hub.bounded_body import read_up_to
from hub.channels.base import Call, Reply, Steps
from hub.channels.errors import ShopRefused, ShopSilent

T = TypeVar("T")

BODY_BYTES_MAX: Final = 16_777_216
"""Largest answer we read; a page of orders is far below."""
CALLS_MAX: Final = 500
"""Calls in one script."""
CONNECTIONS_MAX: Final = 32
USER_AGENT: Final = "bincard"


class ShopLine:
    """HTTP to all shops. One per process; close it at the end."""

    def __init__(self, timeout_ms: int) -> None:
        """`timeout_ms`: how long a shop may keep silent before its answer counts as lost."""
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(timeout_ms / 1000),
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
            headers={"user-agent": USER_AGENT},
            follow_redirects=False,
            trust_env=False,
        )

    async def play(self, steps: Steps[T]) -> T:
        """Run a script to its end; raises what the script raises, and ShopSilent."""
        try:
            call = next(steps)
            for _ in range(CALLS_MAX):
                call = steps.send(await self._send(call))
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            steps.close()
        raise ShopSilent(
            "shop_endless", f"Failed to talk to a shop: it took more than {CALLS_MAX} calls."
        )

    async def _send(self, call: Call) -> Reply:
        try:
            request = self._http.build_request(
                call.method,
                call.url,
                params=list(call.query) or None,
                headers=list(call.headers),
                content=call.body or None,
            )
            answer = await self._http.send(request, stream=True)
            try:
                return Reply(
                    status=answer.status_code,
                    headers={name.lower(): value for name, value in answer.headers.items()},
                    body=await _body(answer),
                )
            finally:
                await answer.aclose()
        except httpx.InvalidURL as error:
            raise ShopRefused(
                "shop_address", "Failed to talk to a shop: its address cannot be used.",
                hint="Correct the address with `bincard hub add-shop`.",
            ) from error  # fmt: skip
        except httpx.TimeoutException as error:
            raise ShopSilent(
                "shop_timeout", "Failed to talk to a shop: it did not answer in time."
            ) from error
        except httpx.HTTPError as error:
            raise ShopSilent(
                "shop_unreachable", f"Failed to talk to a shop ({type(error).__name__})."
            ) from error

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()


async def _body(answer: httpx.Response) -> bytes:
    body = await read_up_to(answer, BODY_BYTES_MAX)
    if body is None:
        raise ShopSilent(
            "shop_answer_too_large",
            f"Failed to talk to a shop: its answer is larger than {BODY_BYTES_MAX} bytes.",
        )
    return body
