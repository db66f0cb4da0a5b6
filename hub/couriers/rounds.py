"""Asking couriers for the numbers of parcels that wait for them, some at a time.

One round after the other; within a round the couriers are asked side by side, so that a slow one
holds up nobody but its own parcels. Whatever fails is recorded and tried again later; what is
decided is decided in the books.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec

from hub.couriers.issuer import CourierSilent, Issuer, Question
from hub.domain.courier_choice import Courier
from hub.services.waybill_requests import (
    TOPIC,
    Waiting,
    asking_failed,
    due_parcels,
    number_issued,
    of_couriers,
)
from hub.shops.pace import Pace
from hub.shops.vault import Vault
from hub.store.protocol import Desk, HubStore
from shared.domain.errors import BincardError
from shared.runtime import logs

PARCELS_PER_ROUND: Final = 100
ASKED_AT_ONCE: Final = 4
"""Questions to one courier at a time."""
SECRETS: Final = "courier"
"""The vault keeps couriers' keys under this channel; `token` is sent as a bearer token."""
ACTOR: Final = "hub:couriers"

log = logs.get("couriers")


class CourierRounds:
    """Asks couriers as long as the hub leads."""

    def __init__(
        self, books: HubStore, vault: Vault, pace: Pace, couriers: Sequence[Courier]
    ) -> None:
        """Create it anywhere; `run` it inside the event loop."""
        self._books = books
        self._vault = vault
        self._pace = pace
        self._couriers = of_couriers(couriers)
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def told(self, topic: str) -> None:
        """Make a round soon if `topic` is ours. From any thread."""
        if topic == TOPIC and self._loop is not None and not self._loop.is_closed():
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self, stopping: asyncio.Event) -> None:
        """Make rounds until `stopping` is set."""
        if not self._couriers:
            return
        self._loop = asyncio.get_running_loop()
        issuer = Issuer(self._pace.timeout_ms)
        ended = asyncio.create_task(stopping.wait())
        try:
            while not stopping.is_set():
                self._wake.clear()
                round_ = asyncio.create_task(self._round(issuer))
                await asyncio.wait({ended, round_}, return_when=asyncio.FIRST_COMPLETED)
                if not round_.done():
                    round_.cancel()
                    await asyncio.gather(round_, return_exceptions=True)
                    return
                woken = asyncio.create_task(self._wake.wait())
                await asyncio.wait(
                    {ended, woken},
                    timeout=self._pace.round_ms / 1000,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                woken.cancel()
        finally:
            ended.cancel()
            await issuer.close()

    async def _round(self, issuer: Issuer) -> None:
        """Ask for everything that is due, each courier by itself."""
        try:
            couriers = tuple(self._couriers.values())
            due = await self._books.read(
                lambda desk: due_parcels(desk, couriers, PARCELS_PER_ROUND)
            )
            places = {code: asyncio.Semaphore(ASKED_AT_ONCE) for code in self._couriers}
            await asyncio.gather(*(self._ask(issuer, one, places[one.courier]) for one in due))
        except BincardError as error:
            log.warning("round_refused", code=error.code)
        except Exception as error:  # a round that fails must not be the last one
            log.exception("round_failed", kind=type(error).__name__)

    async def _ask(self, issuer: Issuer, waiting: Waiting, places: asyncio.Semaphore) -> None:
        courier = self._couriers[waiting.courier]
        async with places:
            try:
                token = self._vault.secrets(SECRETS, courier.courier).get("token", "")
                question = msgspec.convert(
                    msgspec.structs.asdict(waiting), Question, from_attributes=True
                )
                issued = await issuer.ask(courier.url, token, question)
            except BincardError as error:
                await self._failed(waiting.parcel_id, error)
                return
            await self._write(
                lambda desk: number_issued(
                    desk, courier, issued.parcel_id, issued.waybill, issued.sort_code
                )
            )

    async def _failed(self, parcel_id: str, error: BincardError) -> None:
        asked_ms = error.retry_after_ms if isinstance(error, CourierSilent) else 0
        await self._write(
            lambda desk: asking_failed(
                desk, parcel_id, error, first_ms=self._pace.retry_ms, asked_ms=asked_ms
            )
        )

    async def _write(self, work: Any) -> None:
        def run(desk: Desk) -> None:
            work(desk)

        await self._books.write(run, actor=ACTOR)
