"""A node's file on a disk that loses its power: real write-ahead log, real checkpoints, torn pages.

The disk in memory (`Disk`) believes SQLite's word that a commit survives. This one does not: it
keeps the journal of every write and sync, and when the node ends, what was not synced is lost in
part and torn in its last sector, or, when only the process died, all there. SQLite then has to find
its way back by itself, and every promise is checked on what it found.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from random import Random

from shared.runtime.database import connect
from tests.simulation.disk import Disk
from tests.simulation.faulty_files import FaultyDisk, Platter

FILE = "books.db"
LOG_PAGES = 48
"""Pages after which the log is moved into the file: often, so that cuts strike that too."""
POWER_SHARE = 0.7
"""How often the end of a node is a power cut and not just the end of its process."""
_FORMAT_AT = 18
"""Two bytes of the header say whether the file has a log beside it; copies in memory have none."""


class FileDisk(Disk):
    """The file `name`/books.db in the folder of `platters`."""

    def __init__(self, platters: FaultyDisk, name: str, image: bytes) -> None:
        """Begin with the content `image`, safely on the disk."""
        self.note = None
        self.platters = platters
        self.name = name
        self.folder = platters.folder / name
        self.folder.mkdir()
        self.start = image
        self._begin({FILE: image})

    def image(self) -> bytes:
        """Return a copy of the file as the last commit left it."""
        content = bytearray(self.sql.serialize())
        content[_FORMAT_AT : _FORMAT_AT + 2] = b"\x01\x01"
        return bytes(content)

    def put_back(self, image: bytes) -> None:
        """Replace the file by an older copy, another machine's, or an empty one."""
        self._close()
        self._begin({FILE: image})

    def ended(self, dice: Random) -> str:
        """Leave what is left of the file after the node's end; say what kind of end it was."""
        self._follow()
        power = dice.random() < POWER_SHARE
        left = self._platter.torn(dice) if power else self._platter.everything()
        self._close()
        self._begin(left)
        return "power_cut" if power else "process_end"

    def close(self) -> None:
        """The world ends."""
        self._close()

    def _begin(self, files: dict[str, bytes]) -> None:
        """Put `files` on the disk, and nothing else, and open the books."""
        for path in self.folder.iterdir():
            path.unlink()
        for name, content in files.items():
            (self.folder / name).write_bytes(content)
        self._platter = Platter(files)
        self._seen = len(self.platters.journal)
        self.sql = connect(self.folder / FILE, writable=True)
        self.sql.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")

    def _follow(self) -> None:
        """Carry out on the platter what was called since the last time."""
        for call in self.platters.journal[self._seen :]:
            folder, _, name = call.name.partition("/")
            if folder == self.name and call.kind != "said":
                self._platter.take(call._replace(name=name))
        self._seen = len(self.platters.journal)

    def _close(self) -> None:
        """Forget the connection; what it still writes while closing never happened."""
        recording, self.platters.recording = self.platters.recording, False
        self.sql.close()
        self.platters.recording = recording


def open_left(path: Path, *, look_through: bool) -> sqlite3.Connection:
    """Open what a power cut left; AssertionError when `look_through` finds a damaged page."""
    sql = sqlite3.connect(path, isolation_level=None)
    sql.row_factory = sqlite3.Row
    sql.execute("PRAGMA synchronous=OFF")  # what the check itself writes needs no care
    if look_through:
        assert [row[0] for row in sql.execute("PRAGMA integrity_check(1)")] == ["ok"]
    return sql
