"""Edges that let go of old lines, and a hub that is put back from the backup they trusted."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulation.mutants_prune import PRUNE
from tests.simulation.options import expand
from tests.simulation.runner import hunt
from tests.simulation.world import run_seed

NOT_KEPT = {"backup_ms": 4_000, "retention_ms": 1}
"""Backups are frequent and nothing is kept beyond them: the least there can be."""


@pytest.mark.parametrize("seed", [2, 3, 4, 13])
def test_a_hub_put_back_from_the_very_backup_finds_everything_edges_still_have(seed):
    options = msgspec.structs.replace(expand(seed), drill="hub_old", **NOT_KEPT)
    outcome = run_seed(options)
    assert outcome.violations == ()
    assert outcome.counts["pruned"] > 0


@pytest.mark.parametrize("seed", [1, 2])
def test_with_and_without_dropped_lines_the_same_work_is_done(seed):
    options = msgspec.structs.replace(expand(seed), **NOT_KEPT)
    outcome = run_seed(options)
    assert outcome.violations == ()
    assert outcome.counts["pruned"] > outcome.counts["facts"] // 4


@pytest.mark.parametrize("mutant", [one for one in PRUNE if not one.drills], ids=lambda m: m.name)
def test_a_bug_in_letting_go_is_noticed(mutant):
    assert hunt(mutant, range(1, 13)).seed
