"""The rounds we make of the shops: pull their orders, tell them what they are owed, set stock.

One round per shop at a time, shops side by side, so that a slow shop holds up nobody else. Within a
shop orders come before stock: a number is only set by someone who knows what was sold. Whatever
fails is recorded and tried again later; nothing here decides anything that is not in the books.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any, Final

import msgspec

from hub.channels import CHANNELS
from hub.channels.base import Channel, Page, ShopAccess, Window
from hub.channels.errors import ShopThrottled
from hub.domain.backoff import is_due
from hub.domain.channel_rows import ShopRow
from hub.services import channel_publish, shops
from hub.services.channel_intake import ORDERS_PER_COMMIT, retry_rejects, take_in
from hub.services.channel_tasks import TOPIC, Debt, due_debts, need_shop, settle_debt
from hub.shops.line import ShopLine
from hub.shops.pace import Pace
from hub.shops.vault import Vault
from hub.store.protocol import Desk, HubStore
from shared.domain.errors import BincardError, TooMuch
from shared.domain.ports import Clock
from shared.runtime import logs

SHOPS_AT_ONCE: Final = 8
PAGES_MAX: Final = 2_000
"""Pages of one window; beyond it the pull fails loudly rather than never ending."""
DEBTS_PER_ROUND: Final = 50
PUSHES_PER_ROUND: Final = 200
ACTOR: Final = "hub:shops"

log = logs.get("shops")


class Rounds:
    """Makes the rounds as long as the hub leads."""

    def __init__(self, books: HubStore, vault: Vault, pace: Pace, clock: Clock) -> None:
        """Create it anywhere; `run` it inside the event loop."""
        self._books = books
        self._vault = vault
        self._pace = pace
        self._clock = clock
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._busy: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(SHOPS_AT_ONCE)
        self._line: ShopLine | None = None

    def told(self, topic: str) -> None:
        """Make a round soon if `topic` is ours. From any thread."""
        if topic == TOPIC and self._loop is not None and not self._loop.is_closed():
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self, stopping: asyncio.Event) -> None:
        """Make rounds until `stopping` is set, then wait for those under way."""
        self._loop = asyncio.get_running_loop()
        self._line = ShopLine(self._pace.timeout_ms)
        ended = asyncio.create_task(stopping.wait())
        try:
            while not stopping.is_set():
                self._wake.clear()
                await self._start_all()
                woken = asyncio.create_task(self._wake.wait())
                await asyncio.wait(
                    {ended, woken},
                    timeout=self._pace.round_ms / 1000,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                woken.cancel()
        finally:
            ended.cancel()
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)
            await self._line.close()

    async def _start_all(self) -> None:
        """Start a round for each shop that has none under way."""
        try:
            rows, waiting = await self._books.read(_agenda)
            if waiting:
                await self._books.write(retry_rejects, actor=ACTOR)
        except BincardError as error:
            log.warning("rounds_refused", code=error.code)
            return
        except Exception as error:  # a round that fails must not be the last one
            log.exception("rounds_failed", kind=type(error).__name__)
            return
        for row in rows:
            key = (row.channel, row.shop)
            if not row.active or key in self._busy or row.channel not in CHANNELS:
                continue
            task = asyncio.create_task(self._visit(row))
            self._busy[key] = task
            task.add_done_callback(lambda _, key=key: self._busy.pop(key, None))  # type: ignore[misc]

    async def _visit(self, row: ShopRow) -> None:
        """Make one round of one shop."""
        async with self._places:
            try:
                access = self._vault.access(row)
                channel = CHANNELS[row.channel]
                if is_due(row.pull_due_ms, self._clock.wall_ms()):
                    await self._pull(channel, access, row)
                await self._tell(channel, access, row)
                if row.publish_percent and channel.publishes:
                    await self._publish(channel, access, row)
            except BincardError as error:
                log.warning("round_refused", shop=row.label, code=error.code)
            except Exception as error:  # a broken shop must not end the rounds of the others
                log.exception("round_failed", shop=row.label, kind=type(error).__name__)

    async def _pull(self, channel: Channel, access: ShopAccess, row: ShopRow) -> None:
        started_ms = self._clock.wall_ms()
        since_ms = max(0, row.pulled_until_ms - shops.OVERLAP_MS)
        try:
            while since_ms < started_ms:
                until_ms = min(since_ms + channel.window_ms_max, started_ms)
                await self._pull_window(
                    channel, access, row, Window(since_ms=since_ms, until_ms=until_ms)
                )
                last = until_ms == started_ms
                next_ms = self._clock.wall_ms() + self._pace.pull_ms if last else row.pull_due_ms
                row = await self._write(shops.pulled, row, until_ms, next_ms=next_ms)
                since_ms = until_ms
        except BincardError as error:
            await self._write(
                shops.pull_failed,
                row.channel,
                row.shop,
                error,
                first_ms=self._pace.retry_ms,
                asked_ms=_asked_ms(error),
            )

    async def _pull_window(
        self, channel: Channel, access: ShopAccess, row: ShopRow, window: Window
    ) -> None:
        for _ in range(PAGES_MAX):
            page = await self._play(channel.pull(access, window, self._clock.wall_ms()))
            await self._take(row, page)
            if not page.next:
                return
            window = msgspec.structs.replace(window, page=page.next)
        raise TooMuch(
            "shop_pages", f"Failed to pull {row.label}: more than {PAGES_MAX} pages in one window."
        )

    async def _take(self, row: ShopRow, page: Page) -> None:
        for start in range(0, len(page.orders), ORDERS_PER_COMMIT):
            part = page.orders[start : start + ORDERS_PER_COMMIT]
            await self._write(take_in, row, part, pulled=True)
        if page.bad:
            await self._write(take_in, row, (), page.bad, pulled=True)

    async def _tell(self, channel: Channel, access: ShopAccess, row: ShopRow) -> None:
        debts = await self._books.read(lambda desk: due_debts(desk, row, DEBTS_PER_ROUND))
        for debt in debts:
            error: BincardError | None = None
            try:
                await self._settle(channel, access, debt)
            except BincardError as failure:
                error = failure
            await self._write(
                settle_debt,
                debt.task.task_id,
                error,
                first_ms=self._pace.retry_ms,
                asked_ms=_asked_ms(error),
            )

    async def _settle(self, channel: Channel, access: ShopAccess, debt: Debt) -> None:
        now_ms = self._clock.wall_ms()
        if debt.shipment is not None:
            await self._play(channel.confirm(access, debt.shipment, now_ms))
        elif debt.order_no:
            accepted = debt.task.kind == "accept_cancel"
            await self._play(channel.answer_cancel(access, debt.order_no, accepted, now_ms))

    async def _publish(self, channel: Channel, access: ShopAccess, row: ShopRow) -> None:
        after_sku, pushed = "", 0
        while pushed < PUSHES_PER_ROUND:
            page = await self._books.read(
                partial(_page, row=row, after_sku=after_sku, look_ms=self._pace.look_ms)
            )
            for sku in page.skus:
                await self._push(channel, access, row, sku)
            pushed += len(page.skus)
            after_sku = page.after_sku
            if not after_sku:
                return

    async def _push(self, channel: Channel, access: ShopAccess, row: ShopRow, sku: str) -> None:
        look_ms = self._pace.look_ms
        wish = await self._write(channel_publish.ask, row.channel, row.shop, sku, look_ms)
        if wish is None:
            return
        try:
            result = await self._play(channel.publish(access, wish, self._clock.wall_ms()))
        except BincardError as error:
            result = error
        await self._write(
            channel_publish.settle,
            row.channel,
            row.shop,
            wish,
            result,
            first_ms=self._pace.retry_ms,
            late_ms=self._pace.late_ms,
            asked_ms=_asked_ms(result),
        )

    async def _play(self, steps: Any) -> Any:
        if self._line is None:
            raise RuntimeError("the rounds have not begun")
        return await self._line.play(steps)

    async def _write(self, work: Any, *arguments: Any, **named: Any) -> Any:
        def run(desk: Desk) -> Any:
            return work(desk, *arguments, **named)

        return await self._books.write(run, actor=ACTOR)


def _agenda(desk: Desk) -> tuple[list[ShopRow], bool]:
    """Return the shops, and whether rejected orders wait to be tried again."""
    return desk.channels.shops(), bool(desk.channels.due_rejects(desk.now_ms, 1))


def _page(desk: Desk, row: ShopRow, after_sku: str, look_ms: int) -> channel_publish.ListingPage:
    """Return the next listings to push, for the shop as it is after the pull."""
    fresh = need_shop(desk, row.channel, row.shop)
    return channel_publish.to_publish(desk, fresh, after_sku, look_ms)


def _asked_ms(result: object) -> int:
    return result.retry_after_ms if isinstance(result, ShopThrottled) else 0
