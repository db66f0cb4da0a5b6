"""Bad lines between real nodes: each warehouse of one town gets a fault of its own.

Method: all faults run side by side, because the protocol's patience is fifteen real seconds. Each
records what it saw; the tests below judge that one by one, and at the end the books of every
warehouse are proven. Facts are goods received over the edge's HTTP door.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.process.town import Town, check_books, rows, until

DEAD_SECONDS = 15.0
NOTICE_SECONDS_MAX = DEAD_SECONDS + 1.0
"""Silence counts from the last byte heard; a second is for looking."""
FACTS = 40
LEAVES = "SELECT count(DISTINCT seq), count(*), max(seq) FROM facts WHERE node = "


class Seen(NamedTuple):
    """What one fault did: seconds until each side noticed, and how many sockets it took."""

    edge_seconds: float = 0.0
    hub_seconds: float = 0.0
    sockets: int = 0
    worked: int = 0
    ups: tuple[bool, ...] = ()


async def receive(town: Town, code: str, facts: int = FACTS, units: int = 1) -> None:
    """Unload a truck: each fact is `units` new phones, named one by one."""
    door = town.sites[code].door
    for _ in range(facts):
        name = door.new_id().replace("-", "")[-14:].upper()
        serials = [f"{name}{number:05d}" for number in range(units)]
        row = {"bin": "A03-01-1", "sku": "PHONE", "quantity": units, "serials": serials}
        notice = {"op_id": door.new_id(), "supplier": "factory", "rows": [row]}
        asn = (await door.post("/api/v1/receipts", notice))["asn"]
        booked = await door.post(
            f"/api/v1/receipts/{asn}/bulk",
            {"op_id": door.new_id(), "sku": "PHONE", "serials": serials},
        )
        assert booked["accepted"] == units, booked


async def edge_up(town: Town, code: str) -> bool:
    return bool((await town.sites[code].door.get("/api/v1/link"))["up"])


async def hub_up(town: Town, code: str) -> bool:
    return bool((await town.hub.door.get(f"/api/v1/warehouses/{code}"))["link"]["up"])


async def waiting(town: Town, code: str) -> int:
    return int((await town.sites[code].door.get("/api/v1/link"))["waiting"])


async def noticed(town: Town, code: str, up: Callable[[Town, str], Awaitable[bool]]) -> float:
    """Return the seconds until one side says that the line is down."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def is_down() -> bool:
        return not await up(town, code)

    await until(is_down, f"{code} is noticed", NOTICE_SECONDS_MAX + 5, look=0.1)
    return loop.time() - began


async def all_wait(town: Town, code: str) -> int:
    """Wait until the edge counts all it has to tell (it counts four times a second)."""

    async def enough() -> int:
        count = await waiting(town, code)
        return count if count >= FACTS else 0

    return int(await until(enough, "what people did waits for the line"))


async def caught_up(town: Town, code: str) -> None:
    async def all_there() -> bool:
        return await waiting(town, code) == 0 and await edge_up(town, code)

    await until(all_there, f"{code} has told everything", 45)


async def dark(town: Town, code: str, *, up: bool, down: bool) -> Seen:
    """Swallow one or both directions until both sides know; work on meanwhile; then mend."""
    line = town.line(code)
    before = line.accepted
    line.up.swallow, line.down.swallow = up, down
    work = asyncio.create_task(receive(town, code))
    edge, hub = await asyncio.gather(noticed(town, code, edge_up), noticed(town, code, hub_up))
    await work
    unsent = await all_wait(town, code)
    line.mend()
    line.drop()
    await caught_up(town, code)
    return Seen(edge, hub, line.accepted - before, unsent)


async def cut(town: Town, code: str) -> Seen:
    """No line at all for a while: connections are refused."""
    line = town.line(code)
    line.cut()
    edge = await noticed(town, code, edge_up)
    await receive(town, code)
    unsent = await all_wait(town, code)
    line.mend()
    await caught_up(town, code)
    return Seen(edge, worked=unsent)


async def slow(town: Town, code: str) -> Seen:
    """64 kbit/s with two seconds there and back, and more to tell than fits at once."""
    line = town.line(code)
    before = line.accepted
    for way in (line.up, line.down):
        way.bytes_per_second, way.delay_seconds = 8_000, 1.0
    await receive(town, code, facts=8, units=400)
    ups: list[bool] = []

    async def told_all() -> bool:
        ups.append(await edge_up(town, code) and await hub_up(town, code))
        return await waiting(town, code) == 0

    await until(told_all, "a slow line tells everything", 60, look=0.5)
    line.mend()
    return Seen(sockets=line.accepted - before, ups=tuple(ups))


async def flap(town: Town, code: str) -> Seen:
    """The line drops every two seconds, ten times, while people work."""
    line = town.line(code)
    before = line.accepted
    work = asyncio.create_task(receive(town, code, facts=400))
    told = []
    for _ in range(10):
        await asyncio.sleep(2)
        line.drop()
        told.append(rows(town.hub.database, f"{LEAVES}'{code}'")[0][0])
    await work
    assert told == sorted(told)
    await caught_up(town, code)
    return Seen(sockets=line.accepted - before, worked=line.connections)


async def noise(town: Town, code: str) -> Seen:
    """Bits flip below the encryption, in both directions in turn."""
    line = town.line(code)
    before = line.accepted
    for turn in range(6):
        way = line.up if turn % 2 else line.down
        way.corrupt_chunks = 1
        await receive(town, code, facts=5)

        async def came_through(harmed: Any = way) -> bool:
            return harmed.corrupt_chunks == 0 and await waiting(town, code) == 0

        await until(came_through, "the line recovers from a flipped bit", 45)
    return Seen(sockets=line.accepted - before)


async def broken_batches(town: Town, code: str) -> Seen:
    """The line breaks in the middle of a batch, then just before an answer, again and again."""
    line = town.line(code)
    before = line.accepted
    for turn in range(8):
        if turn % 2:
            line.down.cut_after_bytes = 1
        else:
            line.up.cut_after_bytes = 2_000
        await receive(town, code, facts=3, units=50)
        await until(lambda at=turn: line.accepted > before + at, "the line broke", 45)
        line.mend()
        await caught_up(town, code)
    return Seen(sockets=line.accepted - before)


FAULTS: dict[str, Callable[[Town, str], Awaitable[Seen]]] = {
    "HALFOPEN": lambda town, code: dark(town, code, up=True, down=True),
    "DEAF": lambda town, code: dark(town, code, up=False, down=True),
    "MUTE": lambda town, code: dark(town, code, up=True, down=False),
    "CUT": cut,
    "SLOW": slow,
    "FLAP": flap,
    "NOISE": noise,
    "BROKEN": broken_batches,
}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen | BaseException]:
    """What each fault did, or the failure it ended with; the books at the end as `BOOKS`."""

    async def live(folder: Path) -> dict[str, Seen | BaseException]:
        async with Town(folder, list(FAULTS), benches=0) as town:
            outcomes: list[Any] = await asyncio.gather(
                *(fault(town, code) for code, fault in FAULTS.items()), return_exceptions=True
            )
            books: list[Any] = await asyncio.gather(prove(town), return_exceptions=True)
        return dict(zip([*FAULTS, "BOOKS"], outcomes + books, strict=True))

    async def prove(town: Town) -> Seen:
        await until(town.is_quiet, "every line is quiet")
        await asyncio.to_thread(check_books, town)
        return Seen()

    return asyncio.run(live(tmp_path_factory.mktemp("network")))


def outcome(seen: dict[str, Seen | BaseException], name: str) -> Seen:
    found = seen[name]
    if isinstance(found, BaseException):
        raise found
    return found


@pytest.mark.parametrize("code", ["HALFOPEN", "DEAF", "MUTE"])
def test_a_dark_line_is_noticed_by_both_sides_in_time_and_work_goes_on(seen, code):
    """F-5 and F-7: one way or both ways, without any goodbye."""
    found = outcome(seen, code)
    assert 0 < found.edge_seconds <= NOTICE_SECONDS_MAX
    assert 0 < found.hub_seconds <= NOTICE_SECONDS_MAX
    assert found.worked >= FACTS
    assert found.sockets >= 1


def test_a_cut_line_stops_nobody_and_everything_arrives_afterwards(seen):
    """F-4."""
    found = outcome(seen, "CUT")
    assert found.edge_seconds < 2
    assert found.worked >= FACTS


def test_a_slow_line_stays_up_while_it_is_full(seen):
    """F-6: heartbeats are not starved by what is on the way."""
    found = outcome(seen, "SLOW")
    assert len(found.ups) > 10
    assert all(found.ups)
    assert found.sockets == 0


def test_a_flapping_line_makes_progress_and_leaks_no_connection(seen):
    """F-11."""
    found = outcome(seen, "FLAP")
    assert 5 <= found.sockets <= 12
    assert found.worked == 1


def test_flipped_bits_cost_a_connection_and_nothing_else(seen):
    """F-8."""
    assert outcome(seen, "NOISE").sockets >= 3


def test_a_line_that_breaks_inside_a_batch_or_before_its_answer_loses_and_doubles_nothing(seen):
    """F-1 and F-2."""
    assert outcome(seen, "BROKEN").sockets >= 8


def test_after_all_of_it_both_sides_hold_the_same_books(seen):
    """Every fact of every warehouse is at the hub once, in order, and every proof holds."""
    outcome(seen, "BOOKS")
