"""A line that comes and goes every two seconds: progress, and nothing piles up (F-11)."""

from __future__ import annotations

import pytest

from edge.sync.core_events import Disconnected
from hub.store import fact_log as hub_log
from tests.simulation.mutants import Mutant, spoiled

FLAP_MS = 2_000
ROUNDS = 40


def flap(world, rounds=ROUNDS, told=True):
    """Return how many facts the hub has after each time the line came and went."""
    (edge,) = world.edges
    marks = []
    for _ in range(rounds):
        for _ in range(5):
            edge.work()
        world.cut = False
        world.run(FLAP_MS)
        world.cut = True
        if told:
            edge.handle(Disconnected())
        world.run(FLAP_MS)
        (row,) = world.hub.sql.execute("SELECT count(*) FROM facts").fetchall()
        marks.append(row[0])
        assert len(world.hub.core._sessions) <= 1
        assert len(world.hub.core._peers) <= 1
        assert len(world.hub.core._admitting) <= 1
    return marks


@pytest.mark.parametrize("told", [True, False], ids=["noticed", "half open"])
def test_a_line_that_flaps_makes_progress_and_leaks_no_session(make_world, told):
    world = make_world(4, edges=1)
    world.heal()
    marks = flap(world, told=told)
    assert marks == sorted(marks)
    if told:
        assert marks[-1] > marks[ROUNDS // 2] > 0, "also in the second half"
    world.cut = False
    world.run(60_000)
    (edge,) = world.edges
    assert hub_log.verify_chains(world.hub.sql) == 5 * ROUNDS
    assert edge.core.status.up


def test_a_session_that_is_never_given_up_would_leak(make_world):
    leak = Mutant(
        "sessions are never superseded",
        "hub.sync.core:HubCore._supersede",
        "        self._forget(old, now_ms)\n",
        "",
    )
    world = make_world(4, edges=1)
    world.heal()
    with spoiled(leak), pytest.raises(AssertionError):
        flap(world, rounds=6)
