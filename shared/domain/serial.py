"""The life of a serial number (SN): one place at a time, every move legal and remembered.

A unit is expected, comes in, is picked, packed, shipped; it may come back, be repaired, scrapped or
lost. A returned unit starts another *life* of the same SN and the first one is kept. A second
appearance of an SN that already has a place is never an overwrite: it is a dispute with both
histories, for a person to decide.

The table is pure data, so that edge, hub and tests read the same law.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

from shared.domain.errors import Refused

SerialState = Literal[
    "expected",
    "in_stock",
    "picked",
    "packed",
    "shipped",
    "in_transit",
    "returned",
    "quarantined",
    "in_repair",
    "scrapped",
    "lost",
    "disputed",
]
SerialEvent = Literal[
    "receive", "find", "pick", "unpick", "pack", "unpack", "ship", "sell", "lose",
    "send", "arrive", "return", "restock", "quarantine", "repair", "scrap", "dispute", "settle",
]  # fmt: skip
Role = Literal["receiver", "picker", "packer", "dock", "lead", "hub"]

STATES: Final = frozenset(get_args(SerialState))

ON_HAND: Final = frozenset(
    {"in_stock", "picked", "packed", "returned", "quarantined", "in_repair", "disputed"}
)
"""States in which the unit is inside a warehouse."""

MOVES: Final[dict[tuple[SerialState | None, SerialEvent], SerialState]] = {
    (None, "receive"): "in_stock",
    (None, "find"): "in_stock",
    (None, "pack"): "packed",  # policy `ship`: first seen at scan-out
    ("expected", "receive"): "in_stock",
    ("in_stock", "pick"): "picked",
    ("picked", "unpick"): "in_stock",
    ("picked", "pack"): "packed",
    ("packed", "unpack"): "picked",
    ("packed", "unpick"): "in_stock",
    ("packed", "ship"): "shipped",
    (None, "sell"): "shipped",  # policy `ship`: first seen at the counter
    ("in_stock", "sell"): "shipped",
    ("in_stock", "lose"): "lost",
    ("picked", "lose"): "lost",
    ("lost", "find"): "in_stock",
    ("in_stock", "send"): "in_transit",
    ("in_transit", "arrive"): "in_stock",
    ("shipped", "return"): "returned",
    (None, "return"): "returned",  # another warehouse sent it
    ("returned", "restock"): "in_stock",
    ("returned", "quarantine"): "quarantined",
    ("in_stock", "quarantine"): "quarantined",
    ("quarantined", "restock"): "in_stock",
    ("quarantined", "repair"): "in_repair",
    ("in_repair", "restock"): "in_stock",
    ("quarantined", "scrap"): "scrapped",
    ("in_repair", "scrap"): "scrapped",
    ("disputed", "settle"): "in_stock",
}

MAY_CAUSE: Final[dict[SerialEvent, frozenset[Role]]] = {
    "receive": frozenset({"receiver", "lead", "hub"}),
    "find": frozenset({"lead"}),
    "pick": frozenset({"picker", "lead"}),
    "unpick": frozenset({"picker", "packer", "lead"}),
    "pack": frozenset({"packer", "lead"}),
    "unpack": frozenset({"packer", "lead"}),
    "ship": frozenset({"dock", "lead"}),
    "sell": frozenset({"lead"}),
    "lose": frozenset({"picker", "lead"}),
    "send": frozenset({"lead"}),
    "arrive": frozenset({"receiver", "lead"}),
    "return": frozenset({"receiver", "lead"}),
    "restock": frozenset({"receiver", "lead"}),
    "quarantine": frozenset({"receiver", "lead"}),
    "repair": frozenset({"lead"}),
    "scrap": frozenset({"lead"}),
    "dispute": frozenset({"receiver", "picker", "packer", "dock", "lead", "hub"}),
    "settle": frozenset({"lead"}),
}


def move(
    serial: str, state: SerialState | None, event: SerialEvent, role: Role | None = None
) -> SerialState:
    """Return the state after `event`; `state` is None for an SN never seen here.

    Raises Refused `serial_move` when the table has no such move, `serial_role` when `role` is
    given and may not cause it.
    """
    if role is not None and role not in MAY_CAUSE[event]:
        allowed = ", ".join(sorted(MAY_CAUSE[event]))
        raise Refused(
            "serial_role",
            f"Failed to {event} {serial}: expected one of {allowed}, got {role}.",
            hint="Ask your lead.",
        )
    if event == "dispute" and state is not None:
        return "disputed"
    after = MOVES.get((state, event))
    if after is None:
        expected = ", ".join(sorted(str(s or "unseen") for s, e in MOVES if e == event))
        raise Refused(
            "serial_move",
            f"Failed to {event} {serial}: expected it {expected}, got {state or 'unseen'}.",
            hint="Set the unit aside and call your lead.",
        )
    return after
