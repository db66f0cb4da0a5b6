"""The file by which a process says that it is ready and where."""

from __future__ import annotations

from pathlib import Path
from typing import Final

RUN_NAME: Final = "run.json"


def write_whole(path: Path, content: bytes) -> None:
    """Replace the file at `path` so that nobody ever reads half of it."""
    waiting = path.with_suffix(".new")
    waiting.write_bytes(content)
    waiting.replace(path)
