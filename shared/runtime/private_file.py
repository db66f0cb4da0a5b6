"""Files that must survive a power cut whole, and that nobody else may read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from shared.domain.errors import BooksBroken

MODE: Final = 0o600


def write(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, mode 0600, durably: old content or new, never half of either."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, MODE)
    try:
        os.fchmod(descriptor, MODE)
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    move(temporary, path)


def move(source: Path, path: Path) -> None:
    """Put the file `source` in the place of `path`, durably; both are in one directory."""
    source.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(path: Path) -> bytes | None:
    """Return the content of `path`, or None if there is no such file.

    Raises BooksBroken when other people of this machine may read or change it.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    if status.st_mode & 0o077:
        raise BooksBroken(
            "file_not_private",
            f"The file {path.name} can be read by others (mode {status.st_mode & 0o777:03o}).",
            hint=f"Run `chmod 600 {path.name}` in the state directory, and renew the key in it.",
        )
    return path.read_bytes()
