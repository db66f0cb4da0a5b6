"""F-12 and F-13: kill -9 inside a commit, or between a commit and its answer, on both sides.

A sample of the matrix; `python -m tests.process.campaign kills` runs it whole.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.process.kill_matrix import Row, kill_once, staffed_town
from tests.process.knife import is_sharp
from tests.process.town import check_books

KILLS = {
    "edge, a commit written and nobody told": (Row("edge", "fdatasync"), 4),
    "edge, inside a commit": (Row("edge", "pwrite64"), 150),
    "hub, a commit written and nobody told": (Row("hub", "fdatasync"), 3),
    "hub, inside a commit": (Row("hub", "pwrite64"), 60),
    "devices, with a label on its way": (Row("devices", "fdatasync"), 3),
    "edge, the power is cut": (Row("edge", "fdatasync", power=True), 6),
    "hub, the power is cut": (Row("hub", "fdatasync", power=True), 4),
}
SEED = 1

pytestmark = pytest.mark.skipif(not is_sharp(), reason="needs strace: apt-get install strace")


@pytest.fixture(scope="module")
def lost_bytes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int | None]:
    """Bytes lost with each kill of one long day; kills raise when the books do not hold after."""

    async def live() -> dict[str, int | None]:
        async with staffed_town(tmp_path_factory.mktemp("kills")) as town:
            chance = random.Random(SEED)
            lost = {
                name: await kill_once(town, row, nth, chance) for name, (row, nth) in KILLS.items()
            }
            await asyncio.to_thread(check_books, town)
            return lost

    return asyncio.run(live())


@pytest.mark.parametrize("name", KILLS)
def test_a_node_killed_at_a_durable_step_loses_nothing_and_doubles_nothing(lost_bytes, name):
    """The order is finished, the books of both sides hold, one label, no unit twice."""
    row, _ = KILLS[name]
    lost = lost_bytes[name]
    assert lost is not None, "the process was not killed"
    assert bool(lost) == row.power
