"""The HTTP doors as a person's device uses them: an id per operation, sent until it is answered.

A handheld that loses Wi-Fi, or an edge that is killed and comes back, must neither lose nor double
a scan. So each operation keeps its `op_id` through all retries; the answer `duplicate` means that
the first try had arrived after all.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import httpx

from shared.domain.ids import uuid7
from shared.runtime.clock import SystemClock, SystemEntropy

RETRY_SECONDS: Final = 0.25
RETRIES_MAX: Final = 240
TIMEOUT_SECONDS: Final = 15.0


class Door:
    """A client of one node's HTTP interface."""

    def __init__(self, url: str, *, token: str | None = None) -> None:
        """`url` such as `http://127.0.0.1:8081`."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.url = url
        self._client = httpx.AsyncClient(
            base_url=url,
            timeout=TIMEOUT_SECONDS,
            headers=headers | {"Accept-Language": "en"},
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
        )
        self._clock = SystemClock()
        self._entropy = SystemEntropy()
        self._sequence = 0

    def new_id(self) -> str:
        """Return a new operation id."""
        return uuid7(self._clock.wall_ms(), self._entropy)

    async def send(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Send until there is an answer that is not a passing trouble."""
        trouble = "nothing was tried"
        for _ in range(RETRIES_MAX):
            try:
                answer = await self._client.request(method, path, **content)
            except httpx.TransportError as error:
                trouble = type(error).__name__
            else:
                if answer.status_code not in {429, 500, 502, 503}:
                    return answer
                trouble = answer.text[:300]
            await asyncio.sleep(RETRY_SECONDS)
        raise TimeoutError(f"{method} {path}: no answer after {RETRIES_MAX} tries ({trouble}).")

    async def get(self, path: str, **query: Any) -> Any:
        """Return the JSON at `path`."""
        answer = await self.send("GET", path, params=query)
        answer.raise_for_status()
        return answer.json()

    async def post(self, path: str, body: Any, *, expect: int | None = None) -> Any:
        """Post JSON and return the JSON answer."""
        answer = await self.send("POST", path, json=body)
        if expect is not None and answer.status_code != expect:
            raise RuntimeError(f"POST {path} answered {answer.status_code}: {answer.text[:300]}")
        return answer.json()

    async def scan(self, station: str, *texts: str) -> list[dict[str, Any]]:
        """Send scans of one station in order, in one batch; return their answers."""
        scans = []
        for text in texts:
            self._sequence += 1
            scans.append(
                {
                    "op_id": self.new_id(),
                    "device_id": station,
                    "device_seq": self._sequence,
                    "station": station,
                    "raw": text,
                }
            )
        answers: list[dict[str, Any]] = await self.post("/api/v1/scans", scans)
        if not isinstance(answers, list):
            raise TypeError(f"{station}: the scan door answered {answers}")
        return answers

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()
