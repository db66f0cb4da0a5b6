"""The full cycle of an order, killed at its Nth durable step, for every N.

One town works through order after order: released, planned, picked, packed, weighed, labelled,
handed over, counted at the hub. During each order one process is killed as it enters the Nth call
of a kind, started again, and the staff, who know only their screens, finish the order. Then the
books of both sides are proven and goods and labels are counted. The row ends with the first N that
no longer happens within one order.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from deploy.demo.processes import Service
from edge.services.backup import check_file
from tests.process.knife import Knife, at
from tests.process.town import FACTS, Town, check_goods, check_labels, rows, until

CODE: Final = "JX"
CYCLE_SECONDS: Final = 150.0
STEPS_MAX: Final = 2_000


class Row(NamedTuple):
    """One row of the matrix: which process, at which call, with or without power."""

    victim: str
    call: str
    power: bool = False


ROWS: Final = (
    Row("edge", "fdatasync"),
    Row("edge", "pwrite64"),
    Row("hub", "fdatasync"),
    Row("hub", "pwrite64"),
    Row("devices", "fdatasync"),
    Row("devices", "pwrite64"),
    Row("edge", "fdatasync", power=True),
    Row("hub", "fdatasync", power=True),
    Row("devices", "fdatasync", power=True),
)


class Told(NamedTuple):
    """What a row did."""

    kills: int
    last_step: int
    lost_bytes: int
    seconds: float


def service_of(town: Town, victim: str) -> Service:
    """Return the process that is to be killed."""
    return town.hub.service if victim == "hub" else town.sites[CODE].services[victim]


@asynccontextmanager
async def staffed_town(folder: Path) -> AsyncIterator[Town]:
    """One hub and one warehouse at work, with a first order through."""
    async with Town(folder, [CODE]) as town:
        town.hire(CODE)
        await town.order()
        await town.work_off()
        yield town


async def kill_once(town: Town, row: Row, nth: int, chance: random.Random) -> int | None:
    """Kill at the `nth` call within one order, and finish it; return the bytes lost in the cut.

    None when the order was finished before that call came.
    """
    service = service_of(town, row.victim)
    pid = service.pid
    assert pid is not None
    knife = Knife(pid, row.call, at(nth), town.folder)
    try:
        await knife.ready()
        order = asyncio.create_task(one_order(town))
        await until(lambda: service.pid is None or order.done(), "kill or end", CYCLE_SECONDS)
        killed = service.pid is None
    finally:
        knife.put_away()
    lost = 0
    if killed:
        lost = knife.cut_power(chance) if row.power else 0
        service.start()
        await service.ready()
    knife.log.unlink(missing_ok=True)
    await order
    await asyncio.to_thread(check, town)
    return lost if killed else None


async def one_order(town: Town) -> None:
    """A shop orders, the floor ships, the hub hears of it."""
    await town.order()
    await town.work_off(CYCLE_SECONDS)


def check(town: Town) -> None:
    """Goods, labels, both books and both logs, without starting another program."""
    site = town.sites[CODE]
    check_goods(town)
    check_labels(site, town.world.sites[CODE].carried_away)
    proof = check_file(site.database)
    assert proof.ok, [found for found in proof.checks if found.wrong]
    assert rows(town.hub.database, FACTS) == rows(site.database, FACTS)
    assert rows(town.hub.database, "SELECT count(*) FROM quarantine") == [(0,)]


async def run_row(town: Town, row: Row, steps: Iterable[int], seed: int) -> Told:
    """Kill at each of `steps` until one no longer happens within an order."""
    chance = random.Random(seed)
    began = time.monotonic()
    kills = lost = last = 0
    for nth in steps:
        gone = await kill_once(town, row, nth, chance)
        if gone is None:
            break
        kills, lost, last = kills + 1, lost + gone, nth
    report = await town.hub.door.get("/api/v1/verify")
    assert report["holds"], report
    return Told(kills, last, lost, round(time.monotonic() - began, 1))
