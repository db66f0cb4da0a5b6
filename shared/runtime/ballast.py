"""Space kept in hand for the day the disk is full.

A ship that took water throws its ballast overboard. A file of this size lies beside the books from
the first start on and does nothing; when the disk is full it is deleted, and what it held is enough
for the parcels that are already in people's hands. It is made again once there is space.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

FILE_NAME: Final = "ballast"
DEFAULT_BYTES: Final = 67_108_864
SHARE_PERCENT_MAX: Final = 5
"""On a small disk the ballast is smaller, or it would fill the disk itself."""


class Ballast:
    """The file in `folder`, of `size_bytes`; 0 keeps none."""

    def __init__(self, folder: Path, size_bytes: int = DEFAULT_BYTES) -> None:
        """Look only; `make` makes it."""
        self._path = folder / FILE_NAME
        status = os.statvfs(folder)
        share_bytes = status.f_blocks * status.f_frsize * SHARE_PERCENT_MAX // 100
        self.size_bytes = min(size_bytes, share_bytes)

    def kept_bytes(self) -> int:
        """Return how much lies ready."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def missing_bytes(self) -> int:
        """Return how much would have to be put back."""
        return max(0, self.size_bytes - self.kept_bytes())

    def make(self) -> bool:
        """Put the file in place; return whether it lies there now. A full disk is no error."""
        if self.kept_bytes() == self.size_bytes:
            return True
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError:
            return False
        try:
            # Real blocks: a file with holes would hold nothing back.
            os.posix_fallocate(descriptor, 0, self.size_bytes)
            os.fsync(descriptor)
        except OSError:
            self.release()
            return False
        finally:
            os.close(descriptor)
        return True

    def release(self) -> bool:
        """Give the space back; return whether there was any."""
        kept = self.kept_bytes()
        with suppress(OSError):
            self._path.unlink()
        return kept > 0
