"""Swarm testing: each seed turns on its own subset of faults, with its own rates.

A run in which everything goes wrong all the time finds less than many runs in which a few things go
wrong often, because faults hide each other. So a seed first becomes this record, which is printed,
and every record is a different world. Source: Groce et al., "Swarm Testing", ISSTA 2012.
"""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec

EVENTS_MIN = 2_000
"""Events of one seed, at least."""
DRILLS = ("edge_old", "edge_lost", "edge_clone", "hub_old", "hub_lost")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """One world. Rates are per chance to fail; counts are per run."""

    seed: int
    events: int = EVENTS_MIN
    edges: int
    skus: int
    units_per_bin: int
    orders: int
    order_gap_ms: int
    cancels: float
    amends: float
    reservations: float
    receipts: int
    drop: float
    duplicate: float
    corrupt: float
    delay_ms: int
    stale: bool
    """Frames of connections that are closed arrive too."""
    cuts: int
    resets: int
    edge_crash: float
    hub_crash: float
    disk_errors: int
    lost_answers: float
    lost_wakeups: float
    clock_jumps: int
    drift_ppm: int
    mistakes: float
    thefts: int
    printer_trouble: float
    poison: int
    strange_commands: int
    revocations: int
    garbage: int
    replays: int
    backup_ms: int = 0
    """How often the hub is backed up and the copy proven; 0 for never."""
    retention_ms: int = 0
    """Age at which an edge drops a line that is in such a backup."""
    quotas: int = 0
    """Targets set per warehouse for what its counter may sell; 0: the counter is closed."""
    stale_grants: int = 0
    breakages: int = 0
    full_disks: int = 0
    """Disks without room for a few commits, at an edge and at the hub."""
    strict_shops: int = 0
    """Shops that sell from a quota of their own."""
    shop_quotas: int = 0
    """Times that head office sets a quota by hand, per strict shop."""
    cut_ms: int = 40_000
    """A cut cable is mended within this."""
    clone_ms: int = 20_000
    """A clone is switched off within this."""
    cancel_ms: int = 25_000
    """Buyers change their mind within this."""
    dock_ms: int = 0
    """Closed boxes wait so long for the courier."""
    numbers: str = "made"
    """Where waybill numbers come from: made, leased, online or mixed."""
    merge_minutes: int = 0
    """How long parcels wait for others to the same door; 0: each leaves alone."""
    drill: str = ""
    power: bool = False
    """Files are real ones, and a node that ends may lose what was not synced."""


def expand(seed: int, *, drills: bool = False) -> Options:
    """Return the world of `seed`."""
    dice = Random(f"{seed}/options")
    some = _Some(dice)
    options = Options(
        seed=seed,
        edges=dice.choice((1, 2, 2, 3)),
        skus=dice.randint(2, 4),
        units_per_bin=dice.choice((1, 2, 5, 9)),
        orders=dice.randint(8, 20),
        order_gap_ms=dice.choice((200, 1_500, 4_000)),
        cancels=some.of(0.0, 0.15, 0.5),
        amends=some.of(0.0, 0.2),
        reservations=some.of(0.0, 0.3),
        receipts=some.of(0, 1, 3),
        drop=some.of(0.0, 0.05, 0.25),
        duplicate=some.of(0.0, 0.1, 0.3),
        corrupt=some.of(0.0, 0.05, 0.2),
        delay_ms=dice.choice((5, 50, 700)),
        stale=dice.random() < 0.5,
        cuts=some.of(0, 2, 5),
        resets=some.of(0, 3, 8),
        edge_crash=some.of(0.0, 0.01, 0.04),
        hub_crash=some.of(0.0, 0.01, 0.03),
        disk_errors=some.of(0, 1, 2),
        lost_answers=some.of(0.0, 0.05, 0.15),
        lost_wakeups=some.of(0.0, 0.3, 0.9),
        clock_jumps=some.of(0, 2),
        drift_ppm=some.of(0, 200),
        mistakes=some.of(0.0, 0.05, 0.2),
        thefts=some.of(0, 1, 4),
        printer_trouble=some.of(0.0, 0.1, 0.3),
        poison=some.of(0, 1, 3),
        strange_commands=some.of(0, 1, 2),
        revocations=some.of(0, 1),
        garbage=some.of(0, 5),
        replays=some.of(0, 4),
    )
    if drills:
        options = msgspec.structs.replace(options, drill=dice.choice(DRILLS))
    return _with_backups(options)


def _with_backups(options: Options) -> Options:
    """Backups have dice of their own, so that they leave every other option as it is."""
    dice = Random(f"{options.seed}/backups")
    often = dice.choice((0, 3_000, 8_000))
    if options.drill == "hub_lost":
        often = 0  # a hub that is lost without any backup never said that anything is in one
    options = msgspec.structs.replace(
        options, backup_ms=often, retention_ms=dice.choice((1, 2_000, 15_000))
    )
    return _with_quotas(options)


def _with_quotas(options: Options) -> Options:
    """Most worlds have a counter; its dice too are its own."""
    dice = Random(f"{options.seed}/quotas")
    options = _with_strict_shops(options)
    return msgspec.structs.replace(
        _with_boxes(options),
        quotas=dice.choice((0, 2, 4, 4, 8)),
        stale_grants=dice.choice((0, 0, 3)),
        breakages=dice.choice((0, 0, 1, 3)),
        cancel_ms=dice.choice((25_000, 25_000, 4_000)),
        dock_ms=dice.choice((0, 0, 10_000)),
        full_disks=dice.choice((0, 0, 3)),
    )


def _with_boxes(options: Options) -> Options:
    """In some worlds orders of one buyer share a box; dice of their own as well."""
    dice = Random(f"{options.seed}/boxes")
    return _with_couriers(msgspec.structs.replace(options, merge_minutes=dice.choice((0, 0, 1))))


def _with_couriers(options: Options) -> Options:
    """Half of the worlds have couriers that do not let the hub make their numbers."""
    dice = Random(f"{options.seed}/couriers")
    kind = dice.choice(("made", "made", "leased", "online", "mixed"))
    return msgspec.structs.replace(options, numbers=kind)


def _with_strict_shops(options: Options) -> Options:
    """Every second world has one or two; their dice too are their own."""
    dice = Random(f"{options.seed}/strict shops")
    return msgspec.structs.replace(
        options,
        strict_shops=dice.choice((0, 0, 1, 2)),
        shop_quotas=dice.choice((0, 2, 6)),
    )


class _Some:
    """Chooses the harmless value half of the time, else one of the others."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice

    def of(self, harmless: Any, *others: Any) -> Any:
        harmful = self._dice.choice(others)
        return harmful if self._dice.random() < 0.5 else harmless


HARMLESS: dict[str, Any] = {
    "drop": 0.0, "duplicate": 0.0, "corrupt": 0.0, "stale": False, "cuts": 0, "resets": 0,
    "edge_crash": 0.0, "hub_crash": 0.0, "disk_errors": 0, "lost_answers": 0.0,
    "lost_wakeups": 0.0, "clock_jumps": 0, "drift_ppm": 0, "mistakes": 0.0, "thefts": 0,
    "printer_trouble": 0.0, "poison": 0, "strange_commands": 0, "revocations": 0, "garbage": 0,
    "replays": 0, "quotas": 0, "stale_grants": 0, "breakages": 0, "backup_ms": 0, "retention_ms": 0,
    "merge_minutes": 0, "numbers": "made",
    "cancels": 0.0, "amends": 0.0, "reservations": 0.0, "receipts": 0, "delay_ms": 5,
    "cancel_ms": 25_000, "dock_ms": 0, "full_disks": 0, "cut_ms": 40_000, "clone_ms": 20_000,
    "strict_shops": 0, "shop_quotas": 0,
}  # fmt: skip
"""Values at which an option hurts nobody; shrinking tries them one by one."""


def describe(options: Options) -> str:
    """Return the record on one line, harmless values left out."""
    shown = {
        key: value
        for key, value in msgspec.structs.asdict(options).items()
        if HARMLESS.get(key) != value and value != ""
    }
    return " ".join(f"{key}={value}" for key, value in shown.items())
