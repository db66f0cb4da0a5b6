"""Webhooks out, to a real server that fails, is slow, sends us elsewhere and goes away.

Method: two senders on the same books at once, as if two hub processes both led; the server checks
every signature and counts what it was told.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from hub.channels.signing import check_standard_webhook
from hub.domain.webhooks import Pace, check_url, may_call
from hub.services import webhooks
from hub.services.webhooks import WebhookMade, WebhookRequest
from hub.webhook_sender import WebhookSender
from shared.domain.errors import Refused
from shared.runtime.clock import SystemClock, SystemEntropy
from tests.integration.hub.channels.town import until

PACE = Pace(retry_ms=20, timeout_ms=400, lease_ms=60_000, tries_max=4, failures_max=6)


class Subscriber:
    """An integrator's server; `answers` are the statuses of its next calls, then 200 for ever."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.told: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.calls: Counter[str] = Counter()
        self.resume = threading.Event()
        self.secrets: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/bincard"

    def answer(self, call: BaseHTTPRequestHandler) -> None:
        body = call.rfile.read(int(call.headers["content-length"]))
        headers = {name.lower(): value for name, value in call.headers.items()}
        now_ms = SystemClock().wall_ms()
        check_standard_webhook(self.secrets[-1:], headers, body, now_ms)
        self.calls[headers["webhook-id"]] += 1
        status = self.answers.pop(0) if self.answers else 200
        if status == 0:
            self.resume.wait(5)
            return
        if status == 200:
            self.headers.append(headers)
            self.told.append(json.loads(body))
        call.send_response(status)
        if status == 307:
            call.send_header("location", "http://169.254.169.254/latest/meta-data")
        call.send_header("content-length", "0")
        call.end_headers()

    def kinds(self) -> list[str]:
        return [one["type"] for one in self.told]

    def close(self) -> None:
        self.resume.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    found = Subscriber()
    yield found
    found.close()


@pytest.fixture
def sending(books: Any) -> Iterator[None]:
    """Two senders at once, each in an event loop of its own."""
    ready: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        sender, stopping = WebhookSender(books.hub, SystemClock(), PACE, ()), asyncio.Event()
        books.hub.listeners.append(sender.told)
        ready.append((asyncio.get_running_loop(), stopping))
        await sender.run(stopping)

    threads = [threading.Thread(target=lambda: asyncio.run(run())) for _ in range(2)]
    for thread in threads:
        thread.start()
    until("two senders run", lambda: len(ready) == 2)
    yield
    for loop, stopping in ready:
        loop.call_soon_threadsafe(stopping.set)
    for thread in threads:
        thread.join()


@pytest.fixture
def subscribe(books: Any, subscriber: Subscriber) -> Callable[..., WebhookMade]:
    def make(*kinds: str) -> WebhookMade:
        request = WebhookRequest(url=subscriber.url, kinds=kinds)
        made: WebhookMade = books.write(
            lambda desk: webhooks.subscribe(desk, request, (), SystemEntropy())
        )
        subscriber.secrets.append(made.secret)
        return made

    return make


def view(books: Any, webhook_id: str) -> Any:
    return books.read(
        lambda desk: webhooks.view_webhook(desk, webhooks.need_webhook(desk, webhook_id))
    )


def test_each_event_is_told_once_signed_in_order_and_without_a_person(
    books: Any, subscriber: Subscriber, subscribe: Callable[..., WebhookMade], sending: None
) -> None:
    books.order("before", ("CABLE", 1))
    made = subscribe("order_received", "order_backordered")
    for number in range(30):
        books.order(f"{number}", ("CABLE", 1))
    until("all are told", lambda: len(subscriber.told) == 60)
    assert set(subscriber.calls.values()) == {1}, "nobody was told twice"
    numbers = [one["data"]["event_id"] for one in subscriber.told]
    assert numbers == sorted(numbers)
    assert Counter(subscriber.kinds()) == {"order_received": 30, "order_backordered": 30}
    assert "13712342206" not in json.dumps(subscriber.told)
    webhook_id = made.webhook.webhook_id
    second = books.write(lambda desk: webhooks.rotate(desk, webhook_id, SystemEntropy()))
    books.write(lambda desk: webhooks.test(desk, webhook_id))
    until("the test came", lambda: subscriber.kinds()[-1] == "webhook_test")
    assert len(subscriber.headers[-1]["webhook-signature"].split()) == 2
    assert second.secret != made.secret
    assert len(base64.b64decode(second.secret.removeprefix("whsec_"))) == 32
    until("nothing waits", lambda: view(books, webhook_id).waiting == 0)
    log = books.read(lambda desk: desk.webhooks.log(webhook_id, 0, 100))
    assert ({one.state for one in log}, len(log)) == ({"delivered"}, 61)
    again = log[-1].event_id
    books.write(lambda desk: webhooks.redeliver(desk, webhook_id, again))
    until("told again", lambda: max(subscriber.calls.values()) == 2)


def test_a_subscriber_that_fails_is_tried_again_and_a_dead_one_is_left_alone(
    books: Any, subscriber: Subscriber, subscribe: Callable[..., WebhookMade], sending: None
) -> None:
    webhook_id = subscribe("order_received").webhook.webhook_id
    subscriber.answers = [500, 0, 307, 200]
    books.order("1", ("CABLE", 1))
    until("told in the end", lambda: subscriber.kinds() == ["order_received"])
    until("it counts as well", lambda: view(books, webhook_id).failures == 0)
    assert set(subscriber.calls.values()) == {4}, "always under the same id"
    subscriber.answers = [503] * 100
    for number in range(3):
        books.order(f"more-{number}", ("CABLE", 1))
    until("it is given up", lambda: not view(books, webhook_id).active)
    assert (view(books, webhook_id).why_not, books.exceptions()) == ("HTTP 503", ["webhook_dead"])
    subscriber.answers = []
    request = WebhookRequest(url=subscriber.url, kinds=("order_received",))
    books.write(lambda desk: webhooks.change(desk, webhook_id, request, ()))
    books.order("last", ("CABLE", 1))
    until("nothing waits", lambda: view(books, webhook_id).waiting == 0)
    states = [one.state for one in books.read(lambda desk: desk.webhooks.log(webhook_id, 0, 9))]
    assert (states[0], states[-1], books.exceptions()) == ("delivered", "delivered", [])
    subscriber.answers = [410]
    books.order("gone", ("CABLE", 1))
    until("gone at once", lambda: not view(books, webhook_id).active)
    books.write(lambda desk: webhooks.remove(desk, webhook_id))
    assert (books.read(lambda desk: desk.webhooks.all()), books.exceptions()) == ([], [])


@pytest.mark.parametrize(
    ("url", "allowed", "good"),
    [
        ("https://erp.example.com/hooks", (), True),
        ("http://erp.example.com/hooks", (), False),
        ("http://erp.lan:8080/hooks", ("erp.lan",), True),
        ("http://127.0.0.1:9/x", (), True),
        ("http://[::1]:9/x", (), True),
        ("https://169.254.169.254/latest", (), False),
        ("https://10.0.0.5/x", (), False),
        ("https://10.0.0.5/x", ("10.0.0.0/8",), True),
        ("https://[fe80::1]/x", (), False),
        ("https://[::ffff:169.254.169.254]/x", (), False),
        ("https://0.0.0.0/x", (), False),
        ("https://user:word@erp.example.com/", (), False),
        ("https://erp.example.com:99999/", (), False),
        ("file:///etc/passwd", (), False),
        ("", (), False),
    ],
)
def test_only_public_addresses_over_https_and_allowed_ones_are_called(
    url: str, allowed: tuple[str, ...], good: bool
) -> None:
    if good:
        check_url(url, allowed)
        return
    with pytest.raises(Refused, match="Failed to subscribe"):
        check_url(url, allowed)


def test_a_name_that_points_inside_is_not_called() -> None:
    assert [may_call(one, ()) for one in ("8.8.8.8", "192.168.1.1", "224.0.0.1", "::1")] == [
        True, False, False, True,
    ]  # fmt: skip
