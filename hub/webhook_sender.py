"""Calls the subscribers: one round per subscription at a time, subscriptions side by side.

The name in an address is resolved here, and the call goes to the very address that was looked at,
so that nobody can point a name at a machine inside after it was checked. Redirects are not
followed, answers are not read, and nothing of either side is logged.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import httpx

from hub.channels.signing import standard_webhook
from hub.domain.rows import Event
from hub.domain.webhooks import DeliveryRow, Pace, WebhookRow, may_call
from hub.services import webhooks
from hub.services.webhooks import Claimed, Sent
from hub.store.protocol import HubStore
from shared.domain.errors import BincardError
from shared.domain.ports import Clock
from shared.runtime import logs

CALLED_AT_ONCE: Final = 8
PERIOD_SECONDS: Final = 1.0
ENDING_SECONDS: Final = 1.0
"""How long a stop waits for calls under way."""
ACTOR: Final = "hub:webhooks"
USER_AGENT: Final = "bincard"
CONNECTIONS_MAX: Final = 32

log = logs.get("webhooks")


class WebhookSender:
    """Tells subscribers what happened, as long as the hub leads."""

    def __init__(self, books: HubStore, clock: Clock, pace: Pace, allowed: tuple[str, ...]) -> None:
        """Create it anywhere; `run` it inside the event loop."""
        self._books = books
        self._clock = clock
        self._pace = pace
        self._allowed = allowed
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(CALLED_AT_ONCE)
        self._http: httpx.AsyncClient | None = None

    def told(self, topic: str) -> None:
        """Look for work soon if something happened. From any thread."""
        if topic == "events" and self._loop is not None and not self._loop.is_closed():
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self, stopping: asyncio.Event) -> None:
        """Send until `stopping` is set; a call under way then has a moment to end."""
        self._stopping = stopping
        self._loop = asyncio.get_running_loop()
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(self._pace.timeout_ms / 1000),
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
            headers={"user-agent": USER_AGENT},
            follow_redirects=False,
            trust_env=False,
        )
        ended = asyncio.create_task(stopping.wait())
        try:
            while not stopping.is_set():
                self._wake.clear()
                await self._round()
                woken = asyncio.create_task(self._wake.wait())
                await asyncio.wait(
                    {ended, woken}, timeout=PERIOD_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                woken.cancel()
        finally:
            ended.cancel()
            await self._end_visits()
            await self._http.aclose()

    async def _end_visits(self) -> None:
        """Let calls end and give leases back; what hangs is sent again when its lease ends."""
        visits = set(self._busy.values())
        if visits:
            _, late = await asyncio.wait(visits, timeout=ENDING_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _round(self) -> None:
        try:
            news, callable_now = await self._books.read(webhooks.agenda)
            if news:
                read = await self._books.write(webhooks.spread, actor=ACTOR)
                if read:
                    self._wake.set()
        except BincardError as error:
            log.warning("webhooks_refused", code=error.code)
            return
        except Exception as error:  # a round that fails must not be the last one
            log.exception("webhooks_failed", kind=type(error).__name__)
            return
        for webhook_id in callable_now:
            if webhook_id not in self._busy:
                task = asyncio.create_task(self._visit(webhook_id))
                self._busy[webhook_id] = task
                task.add_done_callback(partial(self._left, webhook_id))

    def _left(self, webhook_id: str, _: asyncio.Task[None]) -> None:
        self._busy.pop(webhook_id, None)
        self._wake.set()

    async def _visit(self, webhook_id: str) -> None:
        """Send what is due to one subscription, up to the first failure."""
        async with self._places:
            try:
                claimed = await self._books.write(
                    lambda desk: webhooks.claim(desk, webhook_id, self._pace), actor=ACTOR
                )
                if claimed is None:
                    return
                sent = await self._send_all(claimed)
                await self._books.write(
                    lambda desk: webhooks.settle(desk, claimed, sent, self._pace), actor=ACTOR
                )
            except BincardError as error:
                log.warning("webhook_refused", webhook=webhook_id, code=error.code)
            except Exception as error:  # one bad subscriber must not end the calls to the others
                log.exception("webhook_failed", webhook=webhook_id, kind=type(error).__name__)

    async def _send_all(self, claimed: Claimed) -> list[Sent]:
        sent: list[Sent] = []
        for delivery, event in claimed.deliveries:
            sent.append(await self._send(claimed.webhook, delivery, event))
            if not sent[-1].good or self._stopping.is_set():
                break
        return sent

    async def _send(self, row: WebhookRow, delivery: DeliveryRow, event: Event) -> Sent:
        if self._http is None:
            raise RuntimeError("not running")
        body = webhooks.body_of(event)
        try:
            async with asyncio.timeout(self._pace.timeout_ms / 1000):
                address = await self._resolve(row.url)
                if address is None:
                    return Sent(delivery, 0, "the address may not be called")
                request = self._request(address, row, event, body)
                answer = await self._http.send(request, stream=True)
                await answer.aclose()
        except (TimeoutError, httpx.TimeoutException):
            return Sent(delivery, 0, "no answer in time")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Sent(delivery, 0, f"no answer ({type(error).__name__})")
        return Sent(delivery, answer.status_code, f"HTTP {answer.status_code}")

    async def _resolve(self, url: str) -> str | None:
        """Return an address behind the name that may be called, None when there is none."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        found = await asyncio.get_running_loop().getaddrinfo(
            host, parts.port or (443 if parts.scheme == "https" else 80), type=socket.SOCK_STREAM
        )
        addresses = [str(one[4][0]) for one in found]
        if host in self._allowed:
            return addresses[0]
        good = [one for one in addresses if may_call(one.partition("%")[0], self._allowed)]
        return good[0] if len(good) == len(addresses) else None

    def _request(self, address: str, row: WebhookRow, event: Event, body: bytes) -> httpx.Request:
        """Build the signed call to exactly `address`, still under the name of its host."""
        if self._http is None:
            raise RuntimeError("not running")
        url = httpx.URL(row.url)
        now_ms = self._clock.wall_ms()
        message_id, timestamp = webhooks.message_id(event), str(now_ms // 1000)
        secrets = [row.secret, *([row.old_secret] if row.old_until_ms > now_ms else [])]
        signatures = [standard_webhook(one, message_id, timestamp, body) for one in secrets]
        return self._http.build_request(
            "POST",
            url.copy_with(host=address),
            content=body,
            headers={
                "host": url.netloc.decode("ascii"),
                "content-type": "application/json",
                "webhook-id": message_id,
                "webhook-timestamp": timestamp,
                "webhook-signature": " ".join(signatures),
            },
            extensions={"sni_hostname": url.host},
        )
