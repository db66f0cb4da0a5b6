"""The long runs, as commands that print JSON: `python -m tests.process.campaign kills --help`.

The commit-time tests take samples of what these do whole.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import click
import structlog

from tests.process import drills as drill
from tests.process import kill_matrix
from tests.process.junk import nonsense
from tests.process.kill_matrix import ROWS, STEPS_MAX, Row
from tests.process.knife import is_sharp
from tests.process.stall import stall_both
from tests.process.storm import open_company
from tests.process.town import Town, check_books, until

CATCH_UP_SECONDS: Final = 300.0
FIVE: Final = ("edge rolled back", "edge lost", "edge cloned", "hub rolled back", "hub lost")
"""The drills that are always held; "edge moved" needs root."""


@click.group()
def campaign() -> None:
    """Long runs against real processes."""


def show(answer: Any) -> None:
    """Print one JSON object on a line of its own."""
    click.echo(json.dumps(answer, ensure_ascii=False))


@campaign.command()
@click.option("--rows", default="", help="Such as edge:fdatasync,hub:pwrite64,edge:power; or all.")
@click.option("--every", default=1, help="Take only each so-manieth step.")
@click.option("--start", default=1, help="First step.")
@click.option("--stop", default=STEPS_MAX, help="First step that is left out.")
@click.option("--seed", default=1, help="For what a power cut leaves behind.")
def kills(rows: str, every: int, start: int, stop: int, seed: int) -> None:
    """Kill each process at each durable step of an order's whole way."""
    if not is_sharp():
        raise click.ClickException("strace is missing: apt-get install strace, or run as root.")
    asyncio.run(kill_rows(parse(rows), range(start, stop, every), seed))


def parse(text: str) -> list[Row]:
    """Return the rows named in `text`, all of them for nothing."""
    named = {f"{row.victim}:{'power' if row.power else row.call}": row for row in ROWS}
    return [named[name] for name in text.split(",")] if text else list(ROWS)


async def kill_rows(rows: list[Row], steps: range, seed: int) -> None:
    """Work through the matrix, each row in a town of its own."""
    for row in rows:
        with tempfile.TemporaryDirectory(prefix="bincard-kills-") as folder:
            async with kill_matrix.staffed_town(Path(folder)) as town:
                told = await kill_matrix.run_row(town, row, steps, seed)
                await asyncio.to_thread(check_books, town)
                show(row._asdict() | told._asdict() | {"orders": town.ordered})


@campaign.command()
@click.option("--edges", default=100, help="Warehouses.")
@click.option("--facts", default=1_000, help="What each has to tell when the hub comes back.")
@click.option("--frames", default=1_000_000, help="Junk frames from a peer with a known key.")
@click.option("--strangers", default=2_000, help="Connections that are no protocol at all.")
@click.option("--seed", default=1)
def storm(edges: int, facts: int, frames: int, strangers: int, seed: int) -> None:
    """Let all warehouses come back at once, then throw junk at the hub's port."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

    async def live(folder: Path) -> None:
        async with open_company(folder, edges) as company:
            show((await company.storm(facts))._asdict())
            began = time.monotonic()
            cost = await nonsense(company, frames, strangers, seed)
            heads = {edge.node: (edge.head(), edge.head()) for edge in company.edges}
            counted = company.counted()
            equal = all(counted[node] == head for node, head in heads.items())
            show(cost | {"equal": equal, "seconds": round(time.monotonic() - began, 1)})

    with tempfile.TemporaryDirectory(prefix="bincard-storm-") as folder:
        asyncio.run(live(Path(folder)))


@campaign.command()
@click.option("--seconds", default=60.0, help="How long each of both processes stands still.")
def stall(seconds: float) -> None:
    """Let the hub, then an edge, stand still in the middle of orders, and prove the books."""

    async def live(folder: Path) -> None:
        async with kill_matrix.staffed_town(folder) as town:
            began = time.monotonic()
            lines = await stall_both(town, seconds)
            await asyncio.to_thread(check_books, town)
            took = round(time.monotonic() - began, 1)
            show({"stood_still": seconds, "lines_lost": lines, "books": "proven", "seconds": took})

    with tempfile.TemporaryDirectory(prefix="bincard-stall-") as folder:
        asyncio.run(live(Path(folder)))


@campaign.command()
@click.option("--edges", default=10, help="Warehouses.")
@click.option("--facts", default=100_000, help="Facts of all warehouses before the first drill.")
@click.option("--later", default=500, help="Facts that the backup, or the hub, does not have.")
@click.option(
    "--only", default="", help="Names of drills, separated by commas; the five for nothing."
)
def drills(edges: int, facts: int, later: int, only: str) -> None:
    """Hold the five restore drills and say how long each took to end in normal days."""

    async def live(folder: Path) -> bool:
        codes = [f"W{number:02d}" for number in range(1, edges + 1)]
        rehearsed: dict[str, Callable[[Town], Awaitable[drill.Drilled]]] = {
            "edge rolled back": lambda town: drill.edge_rolled_back(town, codes[0], later),
            "edge lost": lambda town: drill.edge_lost(town, codes[1], later),
            "edge cloned": lambda town: drill.edge_cloned(town, codes[2], later),
            "edge moved": lambda town: drill.edge_moved(town, codes[3], later),
            "hub rolled back": lambda town: drill.hub_rolled_back(town, later),
            "hub lost": drill.hub_lost,
        }
        good = True
        async with Town(folder, codes, benches=0) as town:
            await asyncio.gather(*(drill.scan_in(town, code, facts // edges) for code in codes))
            await until(town.is_quiet, "everything is told", CATCH_UP_SECONDS)
            for name, hold in rehearsed.items():
                if name not in (only.split(",") if only else FIVE):
                    continue
                try:
                    ended = await hold(town)
                except AssertionError as error:
                    show({"drill": name, "failed": str(error)[:2_000]})
                    return False
                good = good and ended.seconds < drill.NORMAL_SECONDS_MAX
                show(ended._asdict() | {"gaps": len(ended.gaps), "edges": edges})
            await asyncio.to_thread(check_books, town)
            show({"books": "proven", "all_in_time": good})
        return good

    with tempfile.TemporaryDirectory(prefix="bincard-drills-") as folder:
        sys.exit(0 if asyncio.run(live(Path(folder))) else 1)


if __name__ == "__main__":
    campaign()
