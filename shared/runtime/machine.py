"""Which box this is, without saying which box this is.

A warehouse's disk that turns up in another box is either moved or copied; head office wants to know
of both. The system's own number for the machine is hashed together with the warehouse's code, so it
tells boxes of one warehouse apart and nothing else.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

MACHINE_ID: Final = Path("/etc/machine-id")


def name_of(node: str, path: Path = MACHINE_ID) -> str:
    """Return 32 hex digits for this box as the edge of `node`, "" when the system has no number."""
    try:
        number = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    if not number:
        return ""
    return hashlib.sha256(f"bincard machine of {node}: {number}".encode()).hexdigest()[:32]
