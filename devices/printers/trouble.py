"""What can be in the way of a label, as a code for programs and a sentence for people.

The journal and the bus carry the sentence. A page that speaks another language asks `code_of` and
says it in its own words.
"""

from __future__ import annotations

from typing import Final

PAPER_OUT: Final = "The printer is out of paper."
HEAD_OPEN: Final = "The print head is open."
RIBBON_OUT: Final = "The printer is out of ribbon."
PAUSED: Final = "The printer is paused: press its pause key."
PARTIAL_FORMAT: Final = "The printer holds half a label of another sender: cancel it there."
BUFFER_FULL: Final = "The printer's memory is full."
TEMPERATURE: Final = "The print head is too hot or too cold: wait."
SILENT: Final = "The printer takes connections but does not answer (paper or ribbon may be out)."
UNREACHABLE: Final = "The printer does not take connections: is it on, and is its cable in?"
BUSY: Final = "The printer still has other labels inside."
OTHER_HEAD: Final = "The printer's dots per mm are not those in the settings."
NO_PROOF: Final = "The label was sent, and the printer did not say whether it came out."
CUT: Final = "The connection broke while the label was on its way."
STOPPED: Final = "The computer stopped while this label was on its way."
BEHIND_UNKNOWN: Final = "Waits until somebody has said whether the label before it came out."
DEFECT: Final = "The print service failed while it worked on this label."
NO_CUPS: Final = "The CUPS client programs (lpr, lpstat) are missing or do not answer."
NO_QUEUE: Final = "CUPS does not have the queue in the settings."
QUEUE_STOPPED: Final = "The CUPS queue is stopped: enable it when the printer is ready."
QUEUE_BUSY: Final = "The CUPS queue still holds other jobs."
QUEUE_REFUSED: Final = "CUPS did not take the label."
QUEUE_STUCK: Final = "CUPS could not hand the label over in time; its job was cancelled."
HANDED_OVER: Final = "CUPS handed the label over but cannot say that it came out: scan it."

_CODES: Final = {
    PAPER_OUT: "paper_out",
    HEAD_OPEN: "head_open",
    RIBBON_OUT: "ribbon_out",
    PAUSED: "paused",
    PARTIAL_FORMAT: "partial_format",
    BUFFER_FULL: "buffer_full",
    TEMPERATURE: "temperature",
    SILENT: "silent",
    UNREACHABLE: "unreachable",
    BUSY: "busy",
    OTHER_HEAD: "other_head",
    NO_PROOF: "no_proof",
    CUT: "cut",
    STOPPED: "stopped",
    BEHIND_UNKNOWN: "behind_unknown",
    DEFECT: "defect",
    NO_CUPS: "no_cups",
    NO_QUEUE: "no_queue",
    QUEUE_STOPPED: "queue_stopped",
    QUEUE_BUSY: "queue_busy",
    QUEUE_REFUSED: "queue_refused",
    QUEUE_STUCK: "queue_stuck",
    HANDED_OVER: "handed_over",
}


def code_of(sentence: str) -> str:
    """Return the code of a trouble, "" for none and "other" for one that is not listed here."""
    return _CODES.get(sentence, "other") if sentence else ""
