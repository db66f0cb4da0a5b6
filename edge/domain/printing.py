"""The life of a print job: one row, at most one physical label.

"Sent" is not "printed". A label may hang in the printer's memory, in an empty paper path, or in a
cable that was pulled; a second copy of a waybill on a second box is worse than none. So the devices
process tells what it can prove, and the edge keeps its own copy of that state under this table.
Only a proof (the printer's echo, its empty buffer, or a person who scanned the waybill) confirms a
label; UNKNOWN waits for a person and is never sent again by itself.

Reports travel over a bus and may come late or twice: a report that the table does not allow from
here is old news and changes nothing.
"""

from __future__ import annotations

from typing import Final, Literal

from devices.messages import JobState
from devices.printers.trouble import PAPER_OUT

LabelState = Literal[
    "none", "waiting", "queued", "sending", "sent", "confirmed", "unknown", "no_paper", "failed"
]

OPEN: Final[frozenset[JobState]] = frozenset({"queued", "sending", "sent"})
"""States in which the devices process still has work to do; asked for again after a restart."""
NOTHING_PRINTED: Final[frozenset[JobState]] = frozenset({"failed_before_send", "cancelled"})
"""States in which certainly no label came out."""
SEEN_BY_PRINTER: Final[frozenset[JobState]] = frozenset({"sending", "sent", "unknown"})
"""States in which a label may be in somebody's hand before anything proved it."""
MOVES: Final[dict[JobState, frozenset[JobState]]] = {
    # Several reports in a row may be lost, so a job may be seen to jump forward.
    "queued": frozenset(
        {"sending", "sent", "confirmed", "unknown", "failed_before_send", "cancelled"}
    ),
    # Back to queued: the connection was refused before the first byte.
    "sending": frozenset(
        {"queued", "sent", "confirmed", "unknown", "failed_before_send", "cancelled"}
    ),
    "sent": frozenset({"confirmed", "unknown"}),
    # Out of unknown only by proof or by a person: printed, or certainly not.
    "unknown": frozenset({"confirmed", "cancelled", "failed_before_send"}),
    # The devices process may try a job again of which no byte left.
    "failed_before_send": frozenset({"queued", "sending", "cancelled"}),
    "confirmed": frozenset(),
    "cancelled": frozenset(),
}


def mirrored(state: JobState, reported: JobState) -> JobState:
    """Return the state after a report from the devices process.

    >>> mirrored("sending", "sent"), mirrored("confirmed", "sending")
    ('sent', 'confirmed')
    """
    return reported if reported in MOVES[state] else state


def may_reprint(state: JobState, reason: str) -> bool:
    """Return True when another copy may be made of a label whose newest job is in `state`.

    A spoiled label was seen, so it may always be replaced. A missing one may be replaced only when
    the job is certain to be over: a job still under way could print after its replacement.
    """
    if reason == "spoiled":
        return state in {"confirmed", "unknown"} | NOTHING_PRINTED
    return reason == "missing" and state in {"unknown"} | NOTHING_PRINTED


def shown_state(state: JobState, trouble: str) -> LabelState:
    """Return what the bench shows for a job: its state, or what is in its way.

    >>> shown_state("queued", "The printer is out of paper."), shown_state("cancelled", "")
    ('no_paper', 'failed')
    """
    if state in OPEN and trouble == PAPER_OUT:
        return "no_paper"
    if state == "failed_before_send" or state == "cancelled":
        return "failed"
    return state
