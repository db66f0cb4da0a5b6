"""Runs a channel's script against replies written down, and keeps the calls it made."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from hub.channels.base import Call, Reply, ShopAccess, Steps

T = TypeVar("T")
FIXTURES = Path(__file__).with_name("fixtures")
NOW_MS = 1_789_027_600_000

SHOP = ShopAccess(
    shop="main",
    url="https://shop.example",
    currency="USD",
    options={"location_id": "gid://shopify/Location/1", "courier_SF": "SF-CODE"},
    secrets={
        "webhook_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "access_token": "token",
        "app_key": "key",
        "app_secret": "secret",
        "client_id": "1",
        "client_secret": "secret",
        "consumer_key": "ck",
        "consumer_secret": "cs",
        "session": "session",
    },
)


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def answer(value: Any, status: int = 200, **headers: str) -> Reply:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status=status, headers=named, body=body)


def talk(steps: Steps[T], replies: Iterable[Reply]) -> tuple[T, list[Call]]:
    """Return the script's result and its calls; every reply must be used."""
    calls: list[Call] = []
    left = list(replies)
    try:
        calls.append(next(steps))
        while True:
            calls.append(steps.send(left.pop(0)))
    except StopIteration as done:
        assert left == []
        return done.value, calls


def form_of(call: Call) -> dict[str, str]:
    return dict(parse_qsl(call.body.decode(), keep_blank_values=True))
