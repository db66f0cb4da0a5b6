"""Warehouses without a floor: the real line, log and keys of an edge, many in one process.

A storm needs a hundred edges, and a hundred whole programs do not fit on the machine of a test. So
each of these is what the hub gets to see of an edge: the same line, the same log on disk, its own
key. Only the floor is missing; facts are written straight to the log.
"""

from __future__ import annotations

import shutil
from collections.abc import Awaitable
from pathlib import Path
from typing import Final

from edge.services import enrolment
from edge.store import fact_log
from edge.sync import apply
from edge.sync.line import Line, LineSettings, LinkState
from shared.domain.commands import CommandRecord
from shared.domain.facts import CommandAccepted
from shared.runtime.clock import SystemClock, SystemEntropy
from shared.runtime.database import Database, Transaction
from shared.runtime.migrate import migrate

BLANK: Final = "blank.db"


def blank_books(folder: Path) -> Path:
    """Make an empty, migrated file of an edge's books in `folder`, to copy from."""
    folder.mkdir(parents=True)
    path = folder / BLANK
    migrate(path, "edge", "edge.store.migrations")
    return path


class LightEdge:
    """One warehouse's end of the line. Take it down with `stop` before its folder goes."""

    def __init__(self, node: str, folder: Path, hub_url: str, code: str, port: int) -> None:
        """Enrol `node` with a one-time `code` at the hub and dial `port` on this machine.

        The folder beside its own must hold `blank_books`.
        """
        folder.mkdir(parents=True)
        shutil.copyfile(folder.parent / BLANK, folder / "edge.db")
        self.node = node
        self.folder = folder
        self.entropy = SystemEntropy()
        self.database = Database(folder / "edge.db")
        identity = enrolment.enrol(folder, hub_url, code)
        self.database.write_sync(lambda tx: fact_log.ensure_identity(tx.sql, node, self.entropy))
        self.database.write_sync(lambda tx: apply.expect_present(tx, folder, self.entropy))
        self.line = Line(
            LineSettings(
                address=f"tcp://127.0.0.1:{port}",
                server_key=identity.server_key,
                keys=enrolment.keys(folder),
                state_dir=folder,
                app_version="light",
                schema="edge-1",
            ),
            self.database,
            self._carry_out,
            clock=SystemClock(),
            entropy=self.entropy,
        )
        self.line.start()

    def _carry_out(self, tx: Transaction, record: CommandRecord) -> None:
        """Do nothing: without a floor every command is done at once."""

    def link(self) -> LinkState:
        """Return how the line is."""
        return self.line.link()

    def work(self, facts: int) -> Awaitable[None]:
        """Write `facts` lines into the log, as so many things that happened on the floor."""

        def happen(tx: Transaction) -> None:
            for _ in range(facts):
                fact_log.append(
                    tx.sql, CommandAccepted(command_id="work"),
                    op_id="op", actor="BDG-1", wall_ms=1, mono_ms=1,
                )  # fmt: skip
            tx.after_commit(self.line.notify)

        return self.database.write(happen)

    def head(self) -> int:
        """Return the number of the last line of the log."""
        return self.database.read_sync(fact_log.head).seq

    def stop(self) -> None:
        """Say goodbye and close the books."""
        self.line.stop()
        self.database.close()
