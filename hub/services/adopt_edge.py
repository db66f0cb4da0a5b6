"""An operator says which of two machines is a warehouse's.

Of two copies of a disk the hub lets one go on and turns the other away; it cannot know which of
them stands in the warehouse. Adopting hands the succession to the one that was turned away last:
its next greeting begins a log of its own, and the other's session ends. After a disk was moved to
another box on purpose, adopting says so. Source: reference protocol "WES-1", section 4.4; F-25.
"""

from __future__ import annotations

from typing import Final

from hub.store.protocol import Desk

SETTLED: Final = ("edge_clone", "edge_machine_changed")
"""Exceptions that an operator's word settles."""


def raise_alarm(desk: Desk, node: str, code: str, sentence: str) -> None:
    """Tell head office of a greeting that was refused, or of a disk in another box."""
    desk.journal.raise_exception(f"edge_{code.removeprefix('edge_')}", node, node, sentence)


def adopt_edge(desk: Desk, warehouse: str) -> bool:
    """Make the machine turned away last the warehouse's; return False when none was waiting.

    Saying it twice, or when only the box has changed, settles the exceptions and changes nothing.
    """
    adopted = desk.nodes.adopt_machine(warehouse)
    for kind in SETTLED:
        desk.journal.solve(kind, warehouse, warehouse, "an operator has adopted the machine")
    what = "the machine turned away" if adopted else "the machine that speaks now"
    desk.journal.audit("adopt_edge", warehouse, what)
    return adopted
