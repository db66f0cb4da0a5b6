"""F-18, F-21 and F-26 at a live edge: its fsync fails, its newest pages vanish, its disk crawls.

The system's answers are changed by `strace`, under the real program, in the middle of its work.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.process.drills import is_normal
from tests.process.kill_matrix import CODE
from tests.process.knife import Knife, is_sharp
from tests.process.town import Town, check_books, check_goods, until

CRAWL_MICROSECONDS = 400_000

pytestmark = pytest.mark.skipif(not is_sharp(), reason="needs strace: apt-get install strace")


async def health(town: Town) -> str:
    async with httpx.AsyncClient(base_url=town.sites[CODE].url, timeout=20) as client:
        return (await client.get("/healthz")).text


async def badge_scan(town: Town) -> int:
    """Scan a badge at a table nobody uses; return the status of the answer."""
    scan = {"op_id": town.sites[CODE].door.new_id(), "device_id": "x", "device_seq": 1,
            "station": "receiving-8", "raw": "BDG-0031"}  # fmt: skip
    async with httpx.AsyncClient(base_url=town.sites[CODE].url, timeout=20) as client:
        return (await client.post("/api/v1/scans", json=[scan])).status_code


@asynccontextmanager
async def struck(town: Town, what: str) -> AsyncIterator[None]:
    """Let each fsync of the edge answer as `what` says, as long as this lasts."""
    pid = town.sites[CODE].services["edge"].pid
    assert pid is not None
    knife = Knife(pid, "fdatasync", what, town.folder)
    try:
        await knife.ready()
        yield
    finally:
        knife.put_away()


async def crawl(town: Town) -> dict[str, Any]:
    async with struck(town, f"delay_exit={CRAWL_MICROSECONDS}"):
        await town.order()
        said = await until(lambda: says(town, "slow"), "the edge says that its disk is slow", 60)
        await town.work_off(90)
    return {"said": said}


async def fail(town: Town) -> dict[str, Any]:
    async with struck(town, "error=EIO"):
        first = await badge_scan(town)
        said = await until(lambda: says(town, "failing"), "the edge says that its disk fails")
    later = [await badge_scan(town) for _ in range(3)]
    order = asyncio.create_task(town.order())
    await town.sites[CODE].services["edge"].restart_after_kill(0)
    await order
    await town.work_off()
    return {"first": first, "said": said, "later": later, "afterwards": await health(town)}


async def says(town: Town, word: str) -> str:
    text = await health(town)
    return text if word in text else ""


def lose_newest_pages(database: Path) -> None:
    wal = Path(f"{database}-wal")
    assert wal.stat().st_size > 0
    wal.unlink()


async def forget(town: Town) -> bool:
    """Kill the edge and take the newest pages of its books away; it fetches them back."""
    site = town.sites[CODE]
    edge = site.services["edge"]
    edge.kill()
    lose_newest_pages(site.database)
    edge.start()
    await edge.ready()
    await until(lambda: is_normal(town), "the edge has its lines back")
    return True


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One warehouse whose disk crawls, fails and forgets, and the orders it ships nevertheless."""

    async def live(folder: Path) -> dict[str, Any]:
        async with Town(folder, [CODE]) as town:
            town.hire(CODE)
            seen: dict[str, Any] = {"crawl": await crawl(town), "fail": await fail(town)}
            await asyncio.to_thread(check_books, town)
            check_goods(town)
            seen["forgot"] = await forget(town)
            return seen

    return asyncio.run(live(tmp_path_factory.mktemp("bad-disk")))


def test_an_edge_on_a_slow_disk_says_so_and_finishes_its_orders(day):
    assert day["crawl"]["said"] == "storage_slow"


def test_an_edge_whose_fsync_fails_writes_nothing_more_until_it_is_started_again(day):
    seen = day["fail"]
    assert (seen["first"], set(seen["later"])) == (503, {503})
    assert seen["said"] == "storage_failing"
    assert seen["afterwards"] == "ok"


def test_an_edge_whose_write_ahead_log_was_lost_gets_its_lines_back(day):
    assert day["forgot"]
