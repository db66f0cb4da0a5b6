"""F-22 to F-24 and F-31 to F-33 with real programs and the commands a person would use.

Small numbers here; `python -m tests.process.campaign drills` holds the drills with ten warehouses
and a hundred thousand facts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.process import drills
from tests.process.drills import NORMAL_SECONDS_MAX, Drilled
from tests.process.town import Town, check_books, until

FACTS = 300
LATER = 40
CODES = ["JX", "DG"]

DRILLS: dict[str, Callable[[Town], Awaitable[Any]]] = {
    "edge rolled back": lambda town: drills.edge_rolled_back(town, "JX", LATER),
    "edge lost": lambda town: drills.edge_lost(town, "DG", LATER),
    "edge cloned": lambda town: drills.edge_cloned(town, "JX", LATER),
    "hub rolled back": lambda town: drills.hub_rolled_back(town, LATER),
    "old hub returns": lambda town: drills.old_hub_returns(town, town.folder / "spare"),
    "hub lost": drills.hub_lost,
}


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How each drill ended, one after the other in one town; a failure ends the row."""

    async def live(folder: Path) -> dict[str, Any]:
        ended: dict[str, Any] = {}
        async with Town(folder, CODES, benches=0) as town:
            await asyncio.gather(*(drills.scan_in(town, code, FACTS) for code in CODES))
            await until(town.is_quiet, "everything is told")
            for name, drill in DRILLS.items():
                try:
                    ended[name] = await drill(town)
                except AssertionError as error:
                    ended[name] = error
                    return ended
            await asyncio.to_thread(check_books, town)
        return ended

    return asyncio.run(live(tmp_path_factory.mktemp("drills")))


def result(held: dict[str, Any], name: str) -> Any:
    if name not in held:
        pytest.fail("an earlier drill did not end")
    if isinstance(held[name], AssertionError):
        raise held[name]
    return held[name]


@pytest.mark.parametrize("name", [name for name in DRILLS if name != "old hub returns"])
def test_a_drill_ends_by_itself_in_normal_days(held, name):
    found: Drilled = result(held, name)
    assert found.seconds < NORMAL_SECONDS_MAX


def test_what_a_lost_edge_had_not_told_is_declared_and_not_silent(held):
    gaps = result(held, "edge lost").gaps
    assert len([text for text in gaps if text.startswith("DG")]) == 1


def test_a_warehouse_does_not_work_with_an_old_hub_that_came_back(held):
    assert result(held, "old hub returns") == "old_hub"
