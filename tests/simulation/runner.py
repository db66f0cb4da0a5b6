"""Many worlds: over a range of seeds, over mutants, and down to the smallest world that fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import get_context
from time import perf_counter
from typing import Any, Final

import msgspec

from tests.simulation.mutants import Mutant, spoiled
from tests.simulation.mutants_floor import EDGE, HUB
from tests.simulation.mutants_prune import PRUNE
from tests.simulation.mutants_quota import QUOTA
from tests.simulation.mutants_recovery import RECOVERY
from tests.simulation.mutants_shops import SHOPS
from tests.simulation.mutants_sync import SYNC
from tests.simulation.options import HARMLESS, Options, expand
from tests.simulation.world import Outcome, run_seed

MUTANTS: Final = (*SYNC, *PRUNE, *QUOTA, *SHOPS, *RECOVERY, *EDGE, *HUB)
MUTANT_SEEDS_MAX: Final = 2_000
"""Seeds within which every mutant must be noticed."""
CHUNK: Final = 4
Task = tuple[int, bool, dict[str, Any]]


def options_of(seed: int, drills: bool, changes: dict[str, Any]) -> Options:
    """Return the world of `seed` with some options changed."""
    return msgspec.structs.replace(expand(seed, drills=drills), **changes)


def _run(task: Task) -> Outcome:
    return run_seed(options_of(*task))


def run_many(
    seeds: Iterable[int], *, jobs: int, drills: bool, changes: dict[str, Any]
) -> Iterator[Outcome]:
    """Run every seed on `jobs` processes; outcomes come in the order of the seeds."""
    yield from _spread(_run, [(seed, drills, changes) for seed in seeds], jobs, CHUNK)


def _spread(work: Callable[[Any], Any], tasks: list[Any], jobs: int, chunk: int) -> Iterator[Any]:
    if jobs <= 1 or len(tasks) <= 1:
        yield from map(work, tasks)
        return
    with get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(work, tasks, chunksize=chunk)


class Summary(msgspec.Struct):
    """What a run over many seeds adds up to."""

    seeds: int = 0
    events: int = 0
    simulated_ms: int = 0
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    counts: Counter[str] = msgspec.field(default_factory=Counter)
    failed: list[Outcome] = []
    fewest_events: int = 10**9
    cpu_seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count one seed."""
        self.seeds += 1
        self.events += outcome.events
        self.fewest_events = min(self.fewest_events, outcome.events)
        self.simulated_ms += outcome.simulated_ms
        self.faults.update(outcome.faults)
        self.counts.update(outcome.counts)
        self.cpu_seconds += outcome.seconds
        if outcome.violations:
            self.failed.append(outcome)


# Mutants


class Caught(msgspec.Struct, frozen=True):
    """How a mutant was noticed; `seed` is 0 when it was not, within `tried` seeds.

    `misfit` says why it could not be put into the code at all, which is as bad.
    """

    mutant: str
    seed: int
    tried: int
    invariants: tuple[str, ...]
    text: str
    seconds: float
    misfit: str = ""


def hunt(mutant: Mutant, seeds: Iterable[int]) -> Caught:
    """Run seeds with `mutant` in the product until one is noticed.

    A seed that fails without the mutant as well proves nothing about it. Raises LookupError for a
    mutant that does not fit the code.
    """
    started = perf_counter()
    tried = 0
    for seed in seeds:
        tried += 1
        options = mutant.options(seed)
        with spoiled(mutant):
            outcome = run_seed(options)
        if outcome.violations and not run_seed(options).violations:
            names = tuple(dict.fromkeys(one.invariant for one in outcome.violations))
            text = outcome.violations[0].text
            return Caught(mutant.name, seed, tried, names, text, perf_counter() - started)
    return Caught(mutant.name, 0, tried, (), "", perf_counter() - started)


def _hunt(task: tuple[str, int]) -> Caught:
    name, seeds_max = task
    mutant = next(one for one in MUTANTS if one.name == name)
    try:
        return hunt(mutant, range(1, seeds_max + 1))
    except Exception as error:  # noqa: BLE001  whatever it is, nobody noticed a bug of the product
        return Caught(name, 0, 0, (), "", 0.0, misfit=f"{type(error).__name__}: {error}")


def hunt_all(*, jobs: int, seeds_max: int, only: str = "") -> Iterator[Caught]:
    """Hunt every mutant whose name contains `only`, several at a time."""
    tasks = [(one.name, seeds_max) for one in MUTANTS if only in one.name]
    yield from _spread(_hunt, tasks, jobs, 1)


# Shrinking


def shrink(options: Options, tell: Callable[[str], None]) -> Options:
    """Return a world with as few faults and orders as possible that still breaks a promise.

    Tries each option at its harmless value, then smaller worlds; keeps what still fails with one
    of the promises that failed at first.
    """
    wanted = _broken(options)
    if not wanted:
        return options
    candidates: list[dict[str, Any]] = [{key: value} for key, value in HARMLESS.items()]
    candidates += [{"edges": count} for count in (1, 2)]
    candidates += [{"orders": count} for count in (2, 5, 8)]
    candidates += [{"events": count} for count in (500, 1_000, 1_500)]
    for change in candidates:
        smaller = msgspec.structs.replace(options, **change)
        if smaller != options and _broken(smaller) & wanted:
            options = smaller
            tell(f"still fails with {change}")
    return options


def _broken(options: Options) -> set[str]:
    return {violation.invariant for violation in run_seed(options).violations}
