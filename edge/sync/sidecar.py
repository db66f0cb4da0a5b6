"""A note beside the database that remembers how far this node has come.

A database that was restored from an old copy looks perfectly healthy and has forgotten its past.
This small file is not part of the copy: when it remembers more than the database does, the database
is older than its past, and the node must not hand out the same numbers twice.
Source: reference protocol "WES-1", section 4.4.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from edge.sync.core_events import LocalState
from shared.domain.errors import BooksBroken
from shared.runtime import private_file

FILE_NAME: Final = "node.json"
RESERVE: Final = 1_000
"""Lines of the log between two notes."""


class Sidecar(msgspec.Struct, frozen=True):
    """`head_seq` had been reached when this was written; `reserved_seq` may have been used."""

    incarnation: int
    boot_no: int
    head_seq: int
    reserved_seq: int


def load(state_dir: Path) -> Sidecar | None:
    """Return the note in `state_dir`, or None if there is none; BooksBroken if damaged."""
    data = private_file.read(state_dir / FILE_NAME)
    if data is None:
        return None
    try:
        return msgspec.json.decode(data, type=Sidecar)
    except msgspec.MsgspecError as error:
        raise BooksBroken(
            "sidecar_damaged",
            f"The file {FILE_NAME} in the state directory is damaged.",
            hint="Restore the edge from its last backup.",
        ) from error


def store(state_dir: Path, state: LocalState) -> Sidecar:
    """Write the note for `state` durably and return it."""
    current = state.logs[-1]
    note = Sidecar(
        incarnation=current.incarnation,
        boot_no=state.boot_no,
        head_seq=current.head.seq,
        reserved_seq=current.head.seq + RESERVE,
    )
    private_file.write(state_dir / FILE_NAME, msgspec.json.encode(note))
    return note


def forgotten(note: Sidecar | None, state: LocalState) -> str:
    """Return a sentence when the database has forgotten what `note` remembers, else "".

    A database with a log that has just begun is a new beginning, not an old copy.
    """
    current = state.logs[-1]
    if note is None or current.head.seq == 0:
        return ""
    known = [log.incarnation for log in state.logs]
    if note.incarnation in known and note.incarnation != current.incarnation:
        return ""
    if (
        note.incarnation not in known
        or current.head.seq < note.head_seq
        or state.boot_no < note.boot_no
    ):
        return (
            f"This edge's database ends at line {current.head.seq}, boot {state.boot_no}; it has "
            f"been at line {note.head_seq}, boot {note.boot_no}. It is an old copy: what it has "
            "forgotten is fetched back from the hub."
        )
    return ""


def expected_seq(note: Sidecar | None, state: LocalState) -> int:
    """Return a line the current log is known to have reached, 0 when nobody knows."""
    known = note is not None and note.incarnation == state.logs[-1].incarnation
    return note.head_seq if note is not None and known else 0
