"""One program at a time in a state directory.

Two programs that write the same SQLite file break the rule that keeps it safe (one connection that
writes and checkpoints), and a restore under a running node would be overwritten by it. The lock
vanishes with the process, however it died.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.domain.errors import Conflict, Unavailable


@contextmanager
def held(path: Path, taken: Conflict) -> Iterator[None]:
    """Hold the lock file `path`; raises `taken` when somebody else holds it.

    Raises Unavailable when the directory cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Unavailable(
            "state_dir_unwritable",
            f"The state directory cannot be written: {error.strerror}.",
            hint="A disk that turned read-only by itself is failing: replace it and restore the "
            "last backup. On a full disk, free some space.",
        ) from error
    try:
        if not _lock(descriptor):
            raise taken
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Say whether somebody holds the lock file `path`."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
