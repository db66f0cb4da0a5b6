"""A hub comes back and every warehouse of the company calls in the same moment.

All edges have worked while the hub was away. From the moment the hub answers again somebody at head
office uses its pages, and the answers are timed until the last warehouse is back with all it had to
tell. Source of the figures to hold: reliability reference, F-10.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from tests.process.light import LightEdge, blank_books
from tests.process.town import Head, rows, until

TOGETHER_MAX: Final = 16
"""Enrolments at a time."""
PEOPLE: Final = 4
"""So many use head office's pages at a time."""
LOOK_SECONDS: Final = 0.02
SETTLE_SECONDS: Final = 90.0
ANSWER_SECONDS_MAX: Final = 30.0


class Storm(NamedTuple):
    """Seconds from the hub's first answer until the last edge was up and until all was told."""

    edges: int
    facts: int
    up_seconds: float
    told_seconds: float
    requests: int
    p50_ms: float
    p99_ms: float
    worst_ms: float


class Company:
    """One real hub and many light edges."""

    def __init__(self, hub: Head, edges: list[LightEdge]) -> None:
        """Of `open_company`."""
        self.hub = hub
        self.edges = edges

    def all_up(self) -> bool:
        """Say whether every edge has its line."""
        return all(edge.link().up for edge in self.edges)

    def all_told(self) -> bool:
        """Say whether the hub has acknowledged every fact."""
        return all(edge.link().up and edge.link().waiting == 0 for edge in self.edges)

    async def work(self, facts: int) -> None:
        """Let something happen in every warehouse."""
        await asyncio.gather(*(edge.work(facts) for edge in self.edges))

    def counted(self) -> dict[str, tuple[int, int]]:
        """Return how many lines the hub has of each node, and the number of the last."""
        found = rows(
            self.hub.database, "SELECT node, count(DISTINCT seq), max(seq) FROM facts GROUP BY node"
        )
        return {node: (count, last) for node, count, last in found}

    async def storm(self, facts: int) -> Storm:
        """Kill the hub, let everybody work, start it, and watch all of them come back at once."""
        self.hub.service.kill()
        await until(lambda: not any(edge.link().up for edge in self.edges), "all lines are down")
        await self.work(facts)
        self.hub.service.start()
        await self.hub.service.ready()
        began = time.monotonic()
        took: list[float] = []
        using = [asyncio.create_task(self._use_pages(took)) for _ in range(PEOPLE)]
        await until(self.all_up, "every edge is back", SETTLE_SECONDS, look=LOOK_SECONDS)
        up = time.monotonic() - began
        await until(self.all_told, "everything is told", SETTLE_SECONDS, look=LOOK_SECONDS)
        told = time.monotonic() - began
        for person in using:
            person.cancel()
        await asyncio.gather(*using, return_exceptions=True)
        took.sort()
        return Storm(
            edges=len(self.edges),
            facts=facts * len(self.edges),
            up_seconds=round(up, 2),
            told_seconds=round(told, 2),
            requests=len(took),
            p50_ms=round(took[len(took) // 2] * 1_000, 1),
            p99_ms=round(took[int(len(took) * 0.99)] * 1_000, 1),
            worst_ms=round(took[-1] * 1_000, 1),
        )

    async def _use_pages(self, took: list[float]) -> None:
        """Look at one page after the other, until cancelled; note the seconds of each answer."""
        paths = ("/api/v1/kpis", "/api/v1/warehouses", "/healthz", "/api/v1/availability?sku=CABLE")
        headers = dict(self.hub.door._client.headers)
        async with httpx.AsyncClient(
            base_url=self.hub.url, headers=headers, timeout=ANSWER_SECONDS_MAX
        ) as client:
            while True:
                for path in paths:
                    began = time.monotonic()
                    await client.get(path)
                    took.append(time.monotonic() - began)
                    await asyncio.sleep(LOOK_SECONDS)


@asynccontextmanager
async def open_company(folder: Path, edges: int) -> AsyncIterator[Company]:
    """Open a hub and `edges` warehouses that are up."""
    hub = Head(folder / "hub")
    await hub.open()
    nodes = [f"W{number:03d}" for number in range(edges)]
    places = "\n".join(f"{node},{node},30.0,120.0" for node in nodes)
    await hub.bring("warehouses", f"warehouse,name,latitude,longitude\n{places}\n")
    company = Company(hub, [])
    gate = asyncio.Semaphore(TOGETHER_MAX)

    async def one(node: str) -> None:
        async with gate:
            code = await hub.enrolment_code(node)
            company.edges.append(
                await asyncio.to_thread(
                    LightEdge, node, folder / "edges" / node, hub.url, code, hub.sync_port
                )
            )

    blank_books(folder / "edges")
    try:
        await asyncio.gather(*(one(node) for node in nodes))
        await until(company.all_up, "every edge is up", SETTLE_SECONDS)
        yield company
    finally:
        await asyncio.gather(*(asyncio.to_thread(edge.stop) for edge in company.edges))
        await hub.close()
