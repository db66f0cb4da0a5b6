"""F-15, F-16, F-30: standing still is not dying, a label comes out once, time zones mean nothing.

The hub runs on New York's time and the warehouse on Shanghai's.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.process.kill_matrix import CODE
from tests.process.stall import stall_both
from tests.process.town import Town, check_books, check_goods, rows, until

STALL_SECONDS = 5.0


def wall_ms() -> int:
    """Return the time in milliseconds since 1970, UTC."""
    return int(time.time() * 1_000)


def labels_of(town: Town) -> Counter[str]:
    """Return the labels in the printers' trays, by waybill."""
    trays = town.sites[CODE].trays
    return Counter(path.stem.partition("-")[2] for path in trays.rglob("*.zpl"))


async def die_with_the_label(town: Town) -> dict[str, Any]:
    """Kill edge and devices in the moment a label falls into the tray; the packer goes on."""
    before = labels_of(town)
    site = town.sites[CODE]
    await town.order()
    await until(lambda: labels_of(town) != before, "a label comes out", look=0.002)
    for name in ("devices", "edge"):
        site.services[name].kill()
    for name in ("devices", "edge"):
        site.services[name].start()
        await site.services[name].ready()
    await town.work_off()
    return {"new": labels_of(town) - before, "again": max(labels_of(town).values())}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One warehouse whose processes stand still and die at bad moments."""

    async def live(folder: Path) -> dict[str, Any]:
        began = wall_ms()
        made = Town(folder, [CODE])
        made.hub.settings["TZ"] = "America/New_York"
        made.site_settings["TZ"] = "Asia/Shanghai"
        async with made as town:
            town.hire(CODE)
            sockets = await stall_both(town, STALL_SECONDS)
            label = await die_with_the_label(town)
            await asyncio.to_thread(check_books, town)
            check_goods(town)
            times = [
                moment
                for path in (town.hub.database, town.sites[CODE].database)
                for (moment,) in rows(path, "SELECT wall_ms FROM facts")
            ]
            return {"sockets": sockets, "label": label, "times": times, "span": (began, wall_ms())}

    return asyncio.run(live(tmp_path_factory.mktemp("stall")))


def test_a_node_that_stands_still_for_seconds_keeps_its_line_and_doubles_no_work(day):
    """The books were proven after each stall; below fifteen seconds not even the line is lost."""
    assert day["sockets"] == 0


def test_a_machine_that_dies_as_the_label_falls_prints_no_second_one(day):
    label = day["label"]
    assert sum(label["new"].values()) == 1
    assert label["again"] == 1


def test_nodes_in_different_time_zones_record_the_same_moments(day):
    first, last = day["span"]
    assert len(day["times"]) > 20
    assert all(first <= moment <= last for moment in day["times"])
