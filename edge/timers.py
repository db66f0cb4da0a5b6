"""What this node does by itself while people work: plan waves, close them, digest the books.

Each timer waits on the stop signal, not on the clock alone, so that a restart never waits for one.
A run that fails is logged and tried again at the next tick: nothing here may take the floor down.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from edge.services import hub_copy
from edge.services.backup import backup
from edge.services.digest_books import digest_books
from edge.services.prune import prune
from edge.services.recover import recover
from edge.store import recoveries, waves
from edge.sync.copy_line import CopyLine
from shared.domain.errors import BincardError
from shared.runtime import backups, logs
from shared.runtime.database import Transaction
from shared.runtime.storage import WATCH_SECONDS

if TYPE_CHECKING:
    from edge.app import EdgeNode

PLAN_SECONDS: Final = 1.0
"""How often the planner looks whether enough parcels wait."""
RETRY_MS: Final = 15_000
"""Parcels that lack stock are tried again this often."""
DIGEST_SECONDS: Final = 30.0
OFFLINE_DIGEST_MS: Final = 3_600_000
"""How often the books are digested while head office cannot be reached. Every digest is a fact, and
forty thousand of them after two weeks would only keep head office from the facts that matter."""
RECOVER_SECONDS: Final = 0.5
"""How often a node whose disk went back in time looks whether it can go on."""

PRUNE_SECONDS: Final = 60.0
HUB_COPY_SECONDS: Final = 600.0
"""How often the node looks whether head office should get a new copy of the books."""
PRUNE_STEPS_MAX: Final = 100
"""Portions dropped in one run; between two of them scans have their turn."""

NODE: Final = "edge"
"""How copies taken by the clock begin their names."""
SHORTEN_SECONDS: Final = 60.0
"""On a disk that is nearly full, space is looked for this often."""

log = logs.get("timers")


def of(node: EdgeNode) -> list[Coroutine[Any, Any, None]]:
    """Return the timers of `node`, to be run as tasks."""
    tasks = [
        _every(node, DIGEST_SECONDS, _Digests(node).tick),
        _every(node, RECOVER_SECONDS, lambda: win_back(node)),
        _every(node, PRUNE_SECONDS, lambda: drop_old(node)),
        _every(node, HUB_COPY_SECONDS, lambda: hand_over(node)),
        _every(node, WATCH_SECONDS, lambda: asyncio.to_thread(node.storage.look)),
        _every(node, SHORTEN_SECONDS, lambda: save_space(node)),
        _every(node, backups.CHECK_SECONDS, lambda: back_up(node)),
    ]
    if node.settings.auto_waves:
        planner = _Planner(node)
        tasks.append(_every(node, PLAN_SECONDS, planner.tick))
    return tasks


async def _every(node: EdgeNode, seconds: float, run: Callable[[], Awaitable[object]]) -> None:
    while not node.stopping.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(node.stopping.wait(), seconds)
            return
        try:
            await run()
        except (BincardError, sqlite3.Error, OSError) as error:
            log.warning("timer_failed", kind=type(error).__name__, exc_info=error)


async def win_back(node: EdgeNode) -> None:
    """Enter what the disk forgot into the books again, step by step, as far as it is here."""
    if not await node.database.read(recoveries.steps_wait):
        return
    op_id = node.new_id()
    progress = "working"
    while progress == "working" and not node.stopping.is_set():
        progress = await node.database.write(
            lambda tx: recover(tx, lambda op, actor: node.floor(tx, op, actor), op_id)
        )


async def save_space(node: EdgeNode) -> None:
    """On a disk that is nearly full, give back what can be had again."""
    if node.storage.now.level in {"tight", "full"}:
        await drop_old(node)
        await node.database.shorten_log()


async def back_up(node: EdgeNode) -> None:
    """Copy the books when it is time, and let the oldest copies go."""
    plan = node.settings.backups
    target = backups.next_due(plan, NODE, node.clock.wall_ms())
    if target is not None:
        copied = await asyncio.to_thread(backup, node.settings.database, target)
        await asyncio.to_thread(backups.let_go, plan, NODE)
        log.info("backed_up", facts=copied.facts, bytes=copied.bytes)


async def hand_over(node: EdgeNode) -> None:
    """Give head office a copy of the books when it is time and the line is up."""
    settings, now_ms = node.settings, node.clock.wall_ms()
    hub = hub_copy.head_office(settings.state_dir, settings.hub_sync)
    due = hub_copy.due(settings.state_dir, settings.hub_copy_hours, now_ms / 1_000)
    if hub is None or not due or not node.uplink.link().up:
        return

    def copy() -> int:
        with CopyLine(hub, node.stopping.is_set) as line:
            return hub_copy.hand_over(line, settings.database, settings.state_dir, now_ms)

    if not await node.database.read(recoveries.running):
        log.info("copied_to_hub", bytes=await asyncio.to_thread(copy))


async def digest(node: EdgeNode) -> None:
    """Record what the books add up to, when something happened since the last time."""
    if not node.site.warehouse or await node.database.read(recoveries.running):
        return
    op_id = node.new_id()
    try:
        await node.database.write(lambda tx: digest_books(node.floor(tx, op_id, "digest")))
    except BincardError as error:
        log.warning("digest_failed", code=error.code)


async def drop_old(node: EdgeNode) -> None:
    """Let go of what is old and safe at head office, a portion at a time."""

    def portion(tx: Transaction) -> int:
        return prune(
            tx,
            now_ms=node.clock.wall_ms(),
            fact_retention_ms=node.settings.fact_retention_ms,
        )

    for _ in range(PRUNE_STEPS_MAX):
        if not await node.database.write(portion) or node.stopping.is_set():
            return


def digest_due(*, line_up: bool, since_ms: int | None) -> bool:
    """Say whether the books are digested at this tick; `since_ms` have passed since the last."""
    return line_up or since_ms is None or since_ms >= OFFLINE_DIGEST_MS


class _Digests:
    """Digests the books at every tick while the line is up, and seldom while it is down."""

    def __init__(self, node: EdgeNode) -> None:
        self._node = node
        self._last_ms: int | None = None

    async def tick(self) -> None:
        """Digest if it is time."""
        now_ms = self._node.clock.mono_ms()
        since_ms = None if self._last_ms is None else now_ms - self._last_ms
        if digest_due(line_up=self._node.uplink.link().up, since_ms=since_ms):
            self._last_ms = now_ms
            await digest(self._node)


class _Planner:
    """Plans when a cart's load waits or the oldest parcel has waited long enough."""

    def __init__(self, node: EdgeNode) -> None:
        self._node = node
        self._stuck = 0
        self._tried_ms = 0

    async def tick(self) -> None:
        """Plan if it is time; parcels that could not be planned do not count as new."""
        node = self._node
        await node.database.write(lambda tx: waves.close_finished(tx.sql))
        waiting, oldest_ms = await node.database.read(waves.count_waiting)
        now_ms = node.clock.wall_ms()
        fresh = waiting - self._stuck
        due = now_ms - oldest_ms >= node.settings.wave_wait_ms
        again = waiting and now_ms - self._tried_ms >= RETRY_MS
        if fresh >= node.settings.wave_parcels_min or (fresh > 0 and due) or again:
            await node.plan_waves(node.new_id())
            self._stuck, _ = await node.database.read(waves.count_waiting)
            self._tried_ms = now_ms
