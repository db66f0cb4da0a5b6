"""`bincard sim`: run the deterministic simulator from a checkout.

Every seed is a world of its own: warehouses, hub, people, shops, a thief, a bad network and dying
machines around the real code. A seed that fails fails again, so a failure is a test.
"""

from __future__ import annotations

import atexit
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import click
import msgspec
from PIL import ImageFont

from devices.printers import gfx
from shared.domain.errors import Unavailable
from tests.simulation.invariants import NOT_YET
from tests.simulation.options import Options, describe
from tests.simulation.runner import (
    MUTANT_SEEDS_MAX,
    Caught,
    Summary,
    hunt_all,
    options_of,
    run_many,
    shrink,
)
from tests.simulation.world import Outcome, run_seed


@click.group()
def sim() -> None:
    """Deterministic simulation of the whole town; needs a checkout with its tests."""


class SeedRange(click.ParamType):
    """`7`, or `1..300`."""

    name = "A..B"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> range:
        """Return the seeds meant by `value`."""
        first, _, last = str(value).partition("..")
        if not first.isdigit() or (last and not last.isdigit()):
            self.fail(f"expected seeds such as 7 or 1..300, got {value!r}", param, ctx)
        return range(int(first), int(last or first) + 1)


@sim.command()
@click.option("--seeds", type=SeedRange(), default="1..300", show_default=True)
@click.option("--jobs", default=2, show_default=True, help="Processes to use.")
@click.option("--replay", type=int, help="Run one seed and print what it is.")
@click.option("--trace", is_flag=True, help="With --replay: print every event.")
@click.option("--shrink", "shrinking", is_flag=True, help="Find the smallest world that fails.")
@click.option("--mutants", is_flag=True, help="Put bugs into the product; each must be noticed.")
@click.option("--only", default="", help="With --mutants: those whose name contains this.")
@click.option("--mutant-seeds", default=MUTANT_SEEDS_MAX, show_default=True)
@click.option("--drills", is_flag=True, help="Restore, lose and clone disks as well.")
@click.option("--set", "changes", multiple=True, help="Change an option of the worlds: drop=0.5.")
def run(
    seeds: range,
    jobs: int,
    replay: int | None,
    trace: bool,
    shrinking: bool,
    mutants: bool,
    only: str,
    mutant_seeds: int,
    drills: bool,
    changes: tuple[str, ...],
) -> None:
    """Run seeds and report what happened; exit status 1 when a promise was broken."""
    changed = _parse(changes)
    _need_font()
    if mutants:
        fine = _mutants(jobs, mutant_seeds, only)
    elif replay is not None:
        fine = _replay(options_of(replay, drills, changed), trace=trace, shrinking=shrinking)
    else:
        fine = _seeds(seeds, jobs, drills, changed, shrinking=shrinking)
    sys.exit(0 if fine else 1)


def _need_font() -> None:
    """Labels are drawn here too, but nobody reads them: any font will do where there is none."""
    try:
        gfx.font_path()
    except Unavailable:
        font = ImageFont.load_default(20)
        if not isinstance(font, ImageFont.FreeTypeFont):
            raise
        scratch = TemporaryDirectory(prefix="bincard-sim-")
        atexit.register(scratch.cleanup)
        path = Path(scratch.name) / "any.ttf"
        path.write_bytes(font.font_bytes)
        os.environ[gfx.FONT_SETTING] = str(path)


def _parse(changes: tuple[str, ...]) -> dict[str, Any]:
    kinds = {field.name: field.type for field in msgspec.structs.fields(Options)}
    parsed: dict[str, Any] = {}
    for change in changes:
        key, _, text = change.partition("=")
        if key not in kinds:
            raise click.BadParameter(f"there is no option {key!r}", param_hint="--set")
        parsed[key] = msgspec.convert(text, kinds[key], strict=False)
    return parsed


def _seeds(
    seeds: range, jobs: int, drills: bool, changes: dict[str, Any], *, shrinking: bool
) -> bool:
    started = perf_counter()
    summary = Summary()
    for outcome in run_many(seeds, jobs=jobs, drills=drills, changes=changes):
        summary.add(outcome)
        if outcome.violations:
            _show_failure(outcome, drills=drills)
            if shrinking:
                small = shrink(outcome.options, click.echo)
                click.echo(f"  smallest: {describe(small)}")
    _show_summary(summary, perf_counter() - started)
    return not summary.failed


def _show_failure(outcome: Outcome, *, drills: bool) -> None:
    seed = outcome.options.seed
    click.echo(f"seed {seed} FAILED after {outcome.events} events ({describe(outcome.options)})")
    for one in outcome.violations:
        click.echo(f"  {one.invariant} at event {one.event}, {one.at_ms} ms: {one.text}")
    more = " --drills" if drills else ""
    click.echo(f"  again: bincard sim run --replay {seed} --trace{more}")


def _show_summary(summary: Summary, seconds: float) -> None:
    minutes = summary.simulated_ms // 60_000
    click.echo(
        f"{summary.seeds} seeds, {summary.events} events (at least {summary.fewest_events} each), "
        f"{minutes} simulated minutes"
    )
    click.echo("work:   " + ", ".join(f"{n} {kind}" for kind, n in summary.counts.items()))
    faults = ", ".join(f"{n} {kind}" for kind, n in sorted(summary.faults.items()))
    click.echo(f"faults: {summary.faults.total()} injected: {faults}")
    broken = sum(len(outcome.violations) for outcome in summary.failed)
    click.echo(f"violations: {broken} in {len(summary.failed)} seeds")
    for promise, reason in NOT_YET.items():
        click.echo(f"not checked yet: {promise}: {reason}")
    click.echo(f"seconds: {seconds:.1f} ({summary.cpu_seconds:.1f} in the worlds)")


def _replay(options: Options, *, trace: bool, shrinking: bool) -> bool:
    click.echo(describe(options))
    if shrinking:
        options = shrink(options, click.echo)
        click.echo(f"smallest: {describe(options)}")
    outcome = run_seed(options, keep_trace=trace)
    for line in outcome.trace:
        click.echo(line)
    for one in outcome.violations:
        click.echo(f"{one.invariant} at event {one.event}, {one.at_ms} ms: {one.text}")
    click.echo(f"{outcome.events} events, {len(outcome.violations)} violations")
    click.echo(f"trace hash {outcome.fingerprint}")
    return not outcome.violations


def _mutants(jobs: int, seeds_max: int, only: str) -> bool:
    started = perf_counter()
    noticed: list[Caught] = []
    total = 0
    for caught in hunt_all(jobs=jobs, seeds_max=seeds_max, only=only):
        total += 1
        if caught.seed:
            noticed.append(caught)
            click.echo(
                f"caught  {caught.mutant}: seed {caught.seed}, {'+'.join(caught.invariants)}: "
                f"{caught.text[:100]}"
            )
        elif caught.misfit:
            click.echo(f"MISFIT  {caught.mutant}: {caught.misfit}")
        else:
            click.echo(f"MISSED  {caught.mutant}: {caught.tried} seeds saw nothing")
    worst = max(noticed, key=lambda one: one.seed, default=None)
    latest = f", the last at seed {worst.seed} ({worst.mutant})" if worst else ""
    click.echo(
        f"{len(noticed)} of {total} mutants caught{latest}, {perf_counter() - started:.0f} s"
    )
    return 0 < total == len(noticed)
