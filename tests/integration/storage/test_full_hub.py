"""Head office on a full disk: it takes no orders and no facts, and the warehouse works on.

Method: a real hub whose state lies on a tmpfs of a few megabytes, a real edge on an ordinary disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.integration.storage.conftest import BALLAST_BYTES, SmallDisk
from tests.process.town import Town, check_books, order, rows, until

DISK_BYTES = 48 << 20
NEARLY_FULL_PERCENT = 3
UNITS = 4
LOOK_SECONDS = 0.5


def test_f34_a_full_hub_asks_the_warehouses_to_wait_and_catches_up_by_itself(
    tmp_path: Path, small_disk: Callable[[int], SmallDisk]
) -> None:
    disk = small_disk(DISK_BYTES)
    folder = tmp_path / "town"
    folder.mkdir()
    (folder / "hub").symlink_to(disk.folder / "hub")
    (disk.folder / "hub").mkdir()
    asyncio.run(fill_and_empty(Town(folder, ["JX"], benches=0), disk))


async def fill_and_empty(town: Town, disk: SmallDisk) -> None:
    town.hub.settings["BINCARD_HUB_BALLAST_BYTES"] = str(BALLAST_BYTES)
    async with town:
        assert (await storage(town))["level"] == "ok"
        disk.fill_to(disk.size_bytes * NEARLY_FULL_PERCENT // 100)
        await until(lambda: is_level(town, "full"), "the hub sees that its disk is full")
        refused = await ask_once(town, "POST", "/api/v1/orders", json=order("T00001", 1, 1))
        problem = refused.json()
        assert (refused.status_code, problem["code"], problem["retryable"]) == (
            503, "storage_full", True,
        ), problem  # fmt: skip
        alarms = await town.hub.door.get("/api/v1/exceptions")
        assert "hub_storage" in {one["kind"] for one in alarms["items"]}
        door = town.sites["JX"].door
        await until(
            lambda: keeps_its_facts(door), "the edge was told to wait, at its next heartbeat",
            look=LOOK_SECONDS,
        )  # fmt: skip
        before = facts_at_hub(town)
        await receive(door)
        assert (await door.get("/api/v1/link"))["up"]
        assert facts_at_hub(town) == before
        disk.empty()
        await until(lambda: is_level(town, "ok"), "the hub sees that there is room again")
        await until(town.is_quiet, "everything that waited has reached the hub")
        assert facts_at_hub(town) > before
        await town.order(1)
        check_books(town)


async def ask_once(town: Town, method: str, path: str, **more: Any) -> httpx.Response:
    """Ask the hub without the patience of the door, which waits a 503 out."""
    return await town.hub.door._client.request(method, path, **more)


async def storage(town: Town) -> dict[str, Any]:
    answer = await ask_once(town, "GET", "/readyz")
    told: dict[str, Any] = answer.json()["storage"]
    return told


async def is_level(town: Town, level: str) -> bool:
    return bool((await storage(town))["level"] == level)


def facts_at_hub(town: Town) -> int:
    return int(rows(town.hub.database, "SELECT count(*) FROM facts")[0][0])


async def keeps_its_facts(door: Any) -> bool:
    """Receive something and say whether it waits at the warehouse."""
    await receive(door)
    link = await door.get("/api/v1/link")
    return bool(link["waiting"] > 2 * UNITS)


async def receive(door: Any) -> None:
    """Take in units that came; they are facts, whatever the hub can store."""
    truck = door.new_id().replace("-", "")[-12:].upper()
    serials = [f"{truck}{unit:03d}" for unit in range(UNITS)]
    row = {"bin": "A03-01-1", "sku": "PHONE", "quantity": UNITS, "serials": serials}
    notice = {"op_id": door.new_id(), "supplier": "factory", "rows": [row]}
    asn = (await door.post("/api/v1/receipts", notice))["asn"]
    booked = await door.post(
        f"/api/v1/receipts/{asn}/bulk",
        {"op_id": door.new_id(), "sku": "PHONE", "serials": serials},
    )
    assert booked["accepted"] == UNITS, booked
