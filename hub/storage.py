"""Looking after the disk under head office's books.

With the disk full the hub takes no new orders and asks the warehouses to keep their facts; they
work on. With the disk failing it only answers questions. Either is an exception for head office to
see, written while there is still room for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from hub.services import examine
from hub.services.access import forget_answers
from hub.store.protocol import Desk
from hub.store.sqlite.hub_store import SqliteHub
from shared.domain.errors import BincardError
from shared.runtime import logs
from shared.runtime.file_check import HourlyCheck
from shared.runtime.storage import WATCH_SECONDS, Storage, StorageWatch

ACTOR: Final = "hub:storage"
ALARM: Final = "hub_storage"
SHORTEN_SECONDS: Final = 60.0
"""On a disk that is nearly full, space is looked for this often."""

log = logs.get("storage")


class StorageKeeper:
    """Watches the disk, looks through the file, saves space and calls head office."""

    def __init__(
        self,
        books: SqliteHub,
        folder: Path,
        *,
        own_file: bool,
        ballast_bytes: int,
        on_change: Callable[[Storage], None],
    ) -> None:
        """`own_file` is False for books on a server, which keeps its own pages in order."""
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
        self._told = "ok"
        self._saved_at = 0.0

    async def run(self, stopping: asyncio.Event) -> None:
        """Look again and again until `stopping` is set."""
        if self._check is not None:
            self._check.start()
        while not stopping.is_set():
            await asyncio.to_thread(self.watch.look)
            try:
                await self._act()
            except BincardError as error:
                log.warning("storage_alarm_not_kept", code=error.code)
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

    async def _save_space(self) -> None:
        loop_seconds = asyncio.get_running_loop().time()
        if loop_seconds - self._saved_at < SHORTEN_SECONDS:
            return
        self._saved_at = loop_seconds
        await self._books.write(forget_answers, actor=ACTOR)
        await self._books.database.shorten_log()


def _alarm(desk: Desk, now: Storage) -> None:
    desk.journal.raise_exception(ALARM, "", now.level, now.sentence)
