"""The power fails at every single write and sync of a full order cycle, on both sides.

Method: one small town works through its orders on real files while the disk keeps its journal. Then
for every call in that journal the disk is rebuilt as a machine would find it whose power failed
right there: everything that was synced, a random part of the rest, the last write torn at a sector.
SQLite opens it, and what had been told to people, shops and warehouses by then must be in it.
Source of the method: Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from msgspec import structs

from edge.store import fact_log as edge_log
from hub.store import fact_log as hub_log
from shared.sync import protocol as wire
from tests.simulation.faulty_files import FULL, OK, Call, FaultyDisk, Platter, faulty_disk
from tests.simulation.file_disk import FILE, open_left
from tests.simulation.mutants import Mutant, spoiled
from tests.simulation.options import HARMLESS, Options, expand
from tests.simulation.world import World, run_seed

SEED = 4
EVENTS = 900
ORDERS = 3
PAGES_EVERY = 8
"""Every cut is judged by what was told; every page is walked after so many, or after each one:"""
EVERY_PAGE = bool(os.environ.get("BINCARD_TEST_EVERY_PAGE"))
FULL_EVERY = 12
"""The disk is full at every so many-th write, counted from several beginnings."""
WILD_SEEDS = (6, 8, 20)
"""Worlds in which nodes end often; `bincard sim run --set power=true` runs others."""


def small_town() -> Options:
    """Return a calm world: one warehouse, a few orders, no fault but the ones of this test."""
    calm: dict[str, Any] = {key: type(value)(0) for key, value in HARMLESS.items()}
    calm |= {"edges": 1, "skus": 2, "orders": ORDERS, "events": EVENTS, "delay_ms": 5}
    calm |= {"units_per_bin": 5, "order_gap_ms": 200, "receipts": 1}
    calm |= {"numbers": "made"}
    return structs.replace(expand(SEED), **calm, power=True)


class Told(dict[str, Any]):
    """What somebody was told, noted in the disk's journal at that moment."""

    def __init__(self, disk: FaultyDisk, who: str) -> None:
        super().__init__()
        self.disk, self.who = disk, who

    def setdefault(self, key: str, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.disk.said(self.who, json.dumps([key, value]).encode())
        super().__setitem__(key, value)


class Day(NamedTuple):
    """What happened: the journal of the disk and how much work was done."""

    start: dict[str, bytes]
    journal: list[Call]
    counts: dict[str, int]


def work_through(folder: Path, prepare: Callable[[World, FaultyDisk], None]) -> Day:
    """Let the small town work; its journal names every call and every answer."""
    with faulty_disk(folder) as disk:
        disk.recording = True
        world = World(small_town(), platters=disk)
        start = {node.name: node.disk.start for node in (world.hub, *world.edges)}
        world.hub.acked = Told(disk, "hub")
        for edge in world.edges:
            edge.acked = Told(disk, edge.name)
        acknowledge(world, disk)
        prepare(world, disk)
        try:
            outcome = world.run()
        finally:
            world.close()
    assert outcome.violations == ()
    return Day(start, disk.journal, outcome.counts)


def acknowledge(world: World, disk: FaultyDisk) -> None:
    """Note every ACK that leaves the hub: those facts must never be lost again."""
    to_edge = world.net.to_edge

    def sent(peer: bytes, data: bytes) -> None:
        message = wire.decode(data).message
        if isinstance(message, wire.Ack):
            line = [f"ack/{message.incarnation}", [message.applied.seq, message.applied.hash.hex()]]
            disk.said("hub", json.dumps(line).encode())
        to_edge(peer, data)

    world.net.to_edge = sent  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    done = work_through(tmp_path_factory.mktemp("town"), lambda *_: None)
    assert done.counts["shipped"] >= ORDERS
    return done


def cuts(day: Day, node: str) -> Iterator[tuple[int, dict[str, bytes], dict[str, Any]]]:
    """Yield the files after a cut at every call of one node, and what it had told by then."""
    dice = Random(f"cuts/{node}")
    platter = Platter({FILE: day.start[node]})
    told: dict[str, Any] = {}
    for number, call in enumerate(day.journal):
        folder, _, name = call.name.partition("/")
        if folder != node:
            continue
        if call.kind == "said":
            told.update([json.loads(call.data)])
            continue
        platter.take(call._replace(name=name))
        yield number, platter.synced() if call.kind == "sync" else platter.torn(dice), told


def scans_are_there(sql: sqlite3.Connection, told: dict[str, Any]) -> None:
    edge_log.verify_chain(sql)
    rows = sql.execute("SELECT op_id, code, accepted FROM operations")
    kept = {row["op_id"]: [row["code"], bool(row["accepted"])] for row in rows}
    assert {op_id: kept.get(op_id) for op_id in told} == told


def orders_and_facts_are_there(sql: sqlite3.Connection, told: dict[str, Any]) -> None:
    hub_log.verify_chains(sql)
    kept: dict[str, Any] = dict(sql.execute("SELECT order_no, order_id FROM orders").fetchall())
    for name, value in told.items():
        if name.startswith("ack/"):
            found = hub_log.read_facts(sql, "W1", int(name[4:]), value[0] - 1, 1)
            assert [one.hash.hex() for one in found] == [value[1]]
        else:
            assert kept.get(name) == value


JUDGES = {"W1": scans_are_there, "hub": orders_and_facts_are_there}


@pytest.mark.parametrize("node", JUDGES)
def test_f14_the_power_fails_at_every_write_and_sync_of_an_order(
    day: Day, node: str, tmp_path: Path
) -> None:
    kinds, told = judge_all(day, node, tmp_path / "cut")
    print(node, dict(kinds), f"{told} things told")  # noqa: T201  the figures of the report
    assert kinds["sync"] > 50
    assert kinds["write"] > 200
    assert told > ORDERS


def judge_all(day: Day, node: str, folder: Path) -> tuple[Counter[str], int]:
    """Judge what every cut left; return how many calls of each kind there were, and answers."""
    kinds: Counter[str] = Counter()
    last_told = 0
    for number, files, told in cuts(day, node):
        kinds[day.journal[number].kind] += 1
        last_told = len(told)
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        look_through = EVERY_PAGE or kinds.total() % PAGES_EVERY == 0
        try:
            with closing(open_left(folder / FILE, look_through=look_through)) as sql:
                JUDGES[node](sql, told)
        except (AssertionError, sqlite3.DatabaseError) as error:
            raise AssertionError(f"after call {number} of the journal: {error}") from error
        shutil.rmtree(folder)
    return kinds, last_told


UNSYNCED = Mutant(
    "commits are not synced",
    "shared.runtime.database:connect",
    'sql.execute("PRAGMA synchronous=FULL")',
    'sql.execute("PRAGMA synchronous=NORMAL")',
)


def test_a_node_that_speaks_before_the_disk_has_it_is_caught(tmp_path: Path) -> None:
    with spoiled(UNSYNCED):
        spoiled_day = work_through(tmp_path, lambda *_: None)
    with pytest.raises(AssertionError, match="after call"):
        judge_all(spoiled_day, "W1", tmp_path / "cut")


@pytest.mark.parametrize("seed", WILD_SEEDS)
def test_f14_worlds_in_which_everything_goes_wrong_survive_power_cuts_too(seed: int) -> None:
    outcome = run_seed(structs.replace(expand(seed), power=True))
    assert outcome.violations == ()
    assert outcome.faults["power_cut"] > 5


@pytest.mark.parametrize("rest", range(0, FULL_EVERY, 3))
def test_f17_a_disk_that_is_full_again_and_again_delays_work_and_loses_none(
    rest: int, tmp_path: Path
) -> None:
    refused = 0

    def prepare(world: World, disk: FaultyDisk) -> None:
        def judge(number: int, call: Call) -> int:
            nonlocal refused
            if world.wild and call.kind == "write" and number % FULL_EVERY == rest:
                refused += 1
                return FULL
            return OK

        disk.judge = judge

    done = work_through(tmp_path, prepare)
    assert refused > 20
    assert done.counts["shipped"] >= ORDERS
