"""Looking after the disk under head office's books.

With the disk full the hub takes no new orders and asks the warehouses to keep their facts; they
work on. With the disk failing it only answers questions. Either is an exception for head office to
see, written while there is still room for it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from hub.services import examine
from hub.services.access import forget_answers
from hub.store.backup import advance_stable, back_up
from hub.store.protocol import Desk
from hub.store.sqlite.hub_store import SqliteHub
from shared.domain.errors import BincardError
from shared.runtime import backups, logs
from shared.runtime.backups import BackupPlan
from shared.runtime.file_check import HourlyCheck
from shared.runtime.storage import WATCH_SECONDS, Storage, StorageWatch

ACTOR: Final = "hub:storage"
ALARM: Final = "hub_storage"
NODE: Final = "hub"
"""How copies taken by the clock begin their names."""
SHORTEN_SECONDS: Final = 60.0
"""On a disk that is nearly full, space is looked for this often."""

log = logs.get("storage")


class StorageKeeper:
    """Watches the disk, looks through the file, copies it, saves space and calls head office."""

    def __init__(
        self,
        books: SqliteHub,
        folder: Path,
        *,
        own_file: bool,
        ballast_bytes: int,
        plan: BackupPlan,
        on_change: Callable[[Storage], None],
    ) -> None:
        """`plan` says where copies go.

        `own_file` is False for books on a server, which keeps its own pages in order.
        """
        self._books = books
        self._own_file = own_file
        path = books.database.path
        self.watch = StorageWatch(
            books.database,
            folder,
            ballast_bytes=ballast_bytes if own_file else 0,
            examine=(lambda: examine.examine_file(path)) if own_file else None,
            on_change=on_change,
        )
        self._check = HourlyCheck(path, examine.slices, self.watch.damaged) if own_file else None
        self._plan = plan
        self._told = "ok"
        self._saved_at = 0.0
        self._backup_at = 0.0

    async def run(self, stopping: asyncio.Event) -> None:
        """Look again and again until `stopping` is set."""
        if self._check is not None:
            self._check.start()
        while not stopping.is_set():
            await asyncio.to_thread(self.watch.look)
            try:
                await self._act()
                await self._back_up()
            except (BincardError, OSError, sqlite3.Error) as error:
                log.warning("storage_work_failed", error=str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), WATCH_SECONDS)
        if self._check is not None:
            await asyncio.to_thread(self._check.stop)

    async def _act(self) -> None:
        now = self.watch.now
        if now.level in {"tight", "full"} and self._own_file:
            await self._save_space()
        if now.level != self._told:
            if now.level in {"tight", "full"}:
                await self._books.write(lambda desk: _alarm(desk, now), actor=ACTOR)
            self._told = now.level

    async def _back_up(self) -> None:
        """Copy the books when it is time; warehouses may then drop what is in the copy."""
        now = asyncio.get_running_loop().time()
        if not self._own_file or now < self._backup_at:
            return
        self._backup_at = now + backups.CHECK_SECONDS
        target = backups.next_due(self._plan, NODE, self._books.clock.wall_ms())
        if target is None:
            return
        database = self._books.database
        made = await database.read(lambda sql: back_up(sql, target))
        await database.write(lambda tx: advance_stable(tx.sql, made.ends))
        await asyncio.to_thread(backups.let_go, self._plan, NODE)
        log.info("backed_up", bytes=made.size_bytes)

    async def _save_space(self) -> None:
        loop_seconds = asyncio.get_running_loop().time()
        if loop_seconds - self._saved_at < SHORTEN_SECONDS:
            return
        self._saved_at = loop_seconds
        await self._books.write(forget_answers, actor=ACTOR)
        await self._books.database.shorten_log()


def _alarm(desk: Desk, now: Storage) -> None:
    desk.journal.raise_exception(ALARM, "", now.level, now.sentence)
