"""Checkouts that wait are decided together: one transaction, a handful of statements, all answers.

While one group is being decided the next one gathers, so groups grow by themselves when many come
at once, and a single caller waits for nobody.
"""

from __future__ import annotations

import asyncio
from typing import Final

from hub.domain.rows import Reservation
from hub.services.reservations import ReservationRequest, reserve_many
from hub.store.protocol import HubStore
from shared.domain.errors import TooMuch

GROUP_MAX: Final = 256
"""Requests decided in one transaction."""
LINES_MAX: Final = 2_000
"""Lines decided in one transaction; a single request may have fewer."""
WAITING_MAX: Final = 4_096
"""Requests that may wait; beyond it a caller is told to come back."""
ACTOR: Final = "hub:checkouts"

_Waiting = tuple[ReservationRequest, "asyncio.Future[Reservation]"]


class ReservationQueue:
    """Takes requests one by one and has them decided in groups, in the order they came."""

    def __init__(self, store: HubStore) -> None:
        """Reservations are kept in `store`. Use it from one event loop."""
        self._store = store
        self._waiting: list[_Waiting] = []
        self._work: asyncio.Task[None] | None = None

    async def reserve(self, request: ReservationRequest) -> Reservation:
        """Hold all wanted units or none; raises what `reserve` raises, and TooMuch."""
        if len(self._waiting) >= WAITING_MAX:
            raise TooMuch(
                "checkouts_busy",
                f"{WAITING_MAX} reservations already wait.",
                hint="Wait a second and send the same request again.",
            )
        future: asyncio.Future[Reservation] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if self._work is None:
            self._work = asyncio.create_task(self._work_off())
        return await future

    async def _work_off(self) -> None:
        while self._waiting:
            size = lines = 0
            for request, _ in self._waiting[:GROUP_MAX]:
                lines += len(request.lines)
                if size and lines > LINES_MAX:
                    break
                size += 1
            group, self._waiting = self._waiting[:size], self._waiting[size:]
            await self._decide(group)
        self._work = None

    async def _decide(self, group: list[_Waiting]) -> None:
        asked = [(request, "") for request, _ in group]
        try:
            outcomes = await self._store.write(lambda desk: reserve_many(desk, asked), actor=ACTOR)
        except Exception as error:  # noqa: BLE001  every caller of the group gets it
            outcomes_of_all: list[Reservation | Exception] = [error] * len(group)
        else:
            outcomes_of_all = list(outcomes)
        for (_, future), outcome in zip(group, outcomes_of_all, strict=True):
            if future.done():
                continue  # its caller has left; the reservation stays and expires
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
