"""F-17 and F-34: the disk under a warehouse's books fills up, then the one under head office's.

Each node's state lies on a small file system of its own, which the test fills to the last byte.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.process.kill_matrix import CODE
from tests.process.town import Town, check_books, check_goods, order, rows, until

SIZE_MIB = 48
LEVEL_SECONDS_MAX = 10.0
MOUNT = shutil.which("mount") or "mount"
UMOUNT = shutil.which("umount") or "umount"


def can_mount() -> bool:
    """Say whether this process may make file systems (a container often forbids it to root)."""
    if os.geteuid() != 0:
        return False
    unshare = shutil.which("unshare")
    return unshare is not None and (
        subprocess.run([unshare, "-m", "true"], check=False, capture_output=True).returncode == 0
    )


pytestmark = pytest.mark.skipif(not can_mount(), reason="needs root to mount a small disk")


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a small disk of its own at `folder`."""
    folder.mkdir(parents=True)
    options = f"size={SIZE_MIB}m,mode=0700"
    subprocess.run([MOUNT, "-t", "tmpfs", "-o", options, "bincard", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run([UMOUNT, "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Take every free byte; return the file that holds them."""
    path = disk / "somebody-elses-film"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4_096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return path


async def says_full(url: str) -> bool:
    """Return whether a node says that its disk is full."""
    async with httpx.AsyncClient(base_url=url, timeout=10) as client:
        return "full" in (await client.get("/healthz")).text


async def fill_warehouse(town: Town, disk: Path) -> dict[str, Any]:
    """Fill the edge's disk while a parcel is in people's hands, order more, then free it."""
    site = town.sites[CODE]
    loop = asyncio.get_running_loop()
    await town.order()
    begun = "SELECT 1 FROM parcels WHERE state NOT IN ('waiting', 'shipped', 'cancelled')"
    await until(lambda: rows(site.database, begun), "a parcel is in somebody's hands")
    film = fill(disk)
    began = loop.time()
    await until(lambda: says_full(site.url), "the edge sees its full disk", LEVEL_SECONDS_MAX)
    seconds = loop.time() - began
    shipped = await until(
        lambda: len(rows(site.database, "SELECT 1 FROM parcels WHERE state = 'shipped'")) >= 2,
        "the parcel that was begun leaves the house",
    )
    await town.order(2)
    film.unlink()
    await town.work_off(60)
    return {"seconds": seconds, "finished_while_full": shipped}


async def fill_head_office(town: Town, disk: Path) -> dict[str, Any]:
    """Fill the hub's disk: new orders get a clear no, the floor works on, then all is told."""
    site = town.sites[CODE]
    await town.order(2)
    film = fill(disk)
    await until(lambda: says_full(town.hub.url), "the hub sees its full disk", LEVEL_SECONDS_MAX)
    async with httpx.AsyncClient(base_url=town.hub.url, timeout=10) as client:
        headers = {"Authorization": town.hub.door._client.headers["Authorization"]}
        answer = await client.post("/api/v1/orders", json=order("T90000", 1, 1), headers=headers)
    edge = (await site.door.send("GET", "/healthz")).text
    film.unlink()
    await town.work_off(60)
    return {"status": answer.status_code, "problem": answer.json(), "edge": edge}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """One town whose disks fill up one after the other."""

    async def live(folder: Path, edge_disk: Path, hub_disk: Path) -> dict[str, Any]:
        async with Town(folder, [CODE]) as town:
            town.hire(CODE)
            await town.order()
            await town.work_off()
            edge = await fill_warehouse(town, edge_disk)
            hub = await fill_head_office(town, hub_disk)
            await asyncio.to_thread(check_books, town)
            check_goods(town)
            return {"edge": edge, "hub": hub}

    folder = tmp_path_factory.mktemp("full")
    with small_disk(folder / CODE) as edge_disk, small_disk(folder / "hub") as hub_disk:
        yield asyncio.run(live(folder, edge_disk, hub_disk))


def test_a_full_disk_stops_new_work_while_the_parcel_in_hand_leaves_the_house(day):
    assert day["edge"]["finished_while_full"]


def test_a_full_disk_at_head_office_refuses_orders_in_a_sentence_and_stops_no_warehouse(day):
    hub = day["hub"]
    assert (hub["status"], hub["edge"]) == (503, "ok")
    assert hub["problem"]["code"] == "storage_full"
    assert hub["problem"]["hint"]
