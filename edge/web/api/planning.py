"""Batches over HTTP: the same JSON as `bincard edge plan-batches`.

A plan may take seconds, so it is made on a thread of its own and holds up no scan.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from litestar import post
from litestar.types import ControllerRouterHandler

from edge.services.plan_batches import plan_batches
from edge.web.api.requests import AnyRequest

OK: Final = 200
_one_at_a_time = asyncio.Semaphore(1)


@post("/api/v1/planning/batches", operation_id="planBatches", status_code=OK)
async def post_batches(request: AnyRequest) -> dict[str, Any]:
    """Return which orders share a cart; takes as long as `time_limit_seconds` allows."""
    body = await request.body()
    async with _one_at_a_time:
        answer: dict[str, Any] = msgspec.to_builtins(await asyncio.to_thread(plan_batches, body))
    return answer


handlers: list[ControllerRouterHandler] = [post_batches]
