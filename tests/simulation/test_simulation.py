"""A slice of the simulator in every test run; `bincard sim run` is the whole of it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation.cli import sim
from tests.simulation.mutants import Mutant, spoiled
from tests.simulation.options import EVENTS_MIN, describe, expand
from tests.simulation.runner import MUTANTS, hunt
from tests.simulation.world import run_seed

SEEDS = range(1, 17)
QUICK = (
    "ack before commit",
    "pruned at acknowledgement",
    "the answer to a scan is not kept",
    "movement without fact",
    "fact without movement",
    "rights not returned on cancel",
    "an import is minted again when the floor confirms",
)
"""Mutants that one of the first seeds notices."""
QUICK_SEEDS = 12
START = "from tests.simulation.cli import sim; sim()"


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_no_promise_is_broken(seed):
    options = expand(seed)
    print(describe(options))  # noqa: T201  a failure is replayed from it
    outcome = run_seed(options)
    assert outcome.violations == ()
    assert outcome.events >= EVENTS_MIN


def test_work_is_done_and_faults_strike():
    outcome = run_seed(expand(24))
    assert outcome.counts["shipped"] > 5
    assert sum(outcome.faults.values()) > 20


def test_the_same_seed_is_the_same_world_in_another_process():
    again = subprocess.run(
        [sys.executable, "-c", START, "run", "--replay", "7"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "4711"},
    )
    outcome = run_seed(expand(7))
    assert f"trace hash {outcome.fingerprint}" in again.stdout
    assert run_seed(expand(7)).fingerprint == outcome.fingerprint
    assert run_seed(expand(8)).fingerprint != outcome.fingerprint


@pytest.mark.parametrize("name", QUICK)
def test_a_bug_put_into_the_product_is_noticed(name):
    mutant = next(one for one in MUTANTS if one.name == name)
    caught = hunt(mutant, range(1, QUICK_SEEDS + 1))
    assert caught.seed, caught


@pytest.mark.parametrize(
    ("target", "old", "new"),
    [
        ("edge.services.scan:scan_once", "not in the code", ""),
        ("edge.services.scan:scan_once", "\n", ""),
        ("tests.simulation.mutants:Mutant.code", "", ""),
    ],
)
def test_a_mutant_that_does_not_fit_the_code_is_an_error(target, old, new):
    with pytest.raises((LookupError, TypeError)):
        hunt(Mutant("misfit", target, old, new), [1])


def test_a_mutant_is_gone_afterwards():
    mutant = MUTANTS[0]
    before = mutant.function.__code__
    with spoiled(mutant):
        assert mutant.function.__code__ is not before
    assert mutant.function.__code__ is before


def test_the_command_is_in_the_program():
    assert set(sim.commands) == {"run"}
