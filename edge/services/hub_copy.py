"""A copy of the books at head office, so that a burnt-down box costs an afternoon and no history.

The copy is proven like any backup, packed, and handed over piece by piece. A new box of the same
warehouse fetches it, unpacks it and puts it in place as any backup is put back: a new log begins,
head office sends the lines after the copy, and they are entered into the books again.
"""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Final

from edge.services import enrolment
from edge.services.backup import backup
from edge.sync.copy_line import CopyLine, Hub

HUB_COPY_HOURS: Final = 24
"""How often a copy is handed to head office."""
MARK: Final = "copied-to-hub"
"""Its time says when head office had a whole copy last."""
PACKED: Final = "for-hub.gz"


def head_office(state_dir: Path, sync_address: str = "") -> Hub | None:
    """Return where copies go, None before this box is enrolled."""
    identity = enrolment.load(state_dir)
    if identity is None:
        return None
    address = sync_address or identity.sync_address
    return Hub(address, identity.server_key, enrolment.keys(state_dir))


def due(state_dir: Path, hours: int, now_seconds: float) -> bool:
    """Say whether head office should have a new copy; `hours` 0 means never."""
    mark = state_dir / MARK
    if not hours:
        return False
    return not mark.exists() or now_seconds - mark.stat().st_mtime >= hours * 3_600


def hand_over(line: CopyLine, database: Path, state_dir: Path, made_ms: int) -> int:
    """Copy, prove, pack and hand over the books; return the packed size in bytes.

    What a cut left unsent is sent the next time, unless a newer copy has been made by then.
    """
    packed = state_dir / PACKED
    if not packed.exists():
        copy = state_dir / "for-hub.db"
        copy.unlink(missing_ok=True)
        backup(database, copy)
        fresh = packed.with_suffix(".new")
        with copy.open("rb") as source, gzip.GzipFile(fresh, "wb", mtime=0) as target:
            shutil.copyfileobj(source, target)
        copy.unlink()
        fresh.replace(packed)
    size = packed.stat().st_size
    line.hand_over(packed, made_ms)
    packed.unlink()
    (state_dir / MARK).touch()
    return size


def fetch(line: CopyLine, state_dir: Path) -> Path:
    """Fetch the copy and return the unpacked file; `restore` proves it before it counts."""
    packed = line.fetch(state_dir)
    copy = state_dir / "from-hub.db"
    with gzip.open(packed, "rb") as source, copy.open("wb") as target:
        shutil.copyfileobj(source, target)
    packed.unlink()
    return copy
