"""Taking goods in against an advance shipping notice (ASN).

The notice says what should come; the scanner says what came. A unit that was announced and is new
is booked. Everything else, too many, never announced, a serial number that already has a place, is
kept off the books and put before a person: a dispute is never settled by overwriting.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from edge.domain.verdict import Verdict, attention, stop
from shared.domain.ledger import place_name
from shared.domain.serial import ON_HAND, SerialState

ReceiveStep = Literal["badge", "asn", "unit"]


class ReceiveJob(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a receiving table remembers: the notice, the target bin, the product just scanned."""

    asn: str = ""
    bin: str = ""
    sku: str = ""


class Announced(msgspec.Struct, frozen=True):
    """One line of a notice."""

    sku: str
    bin: str
    expected: int
    received: int

    @property
    def open(self) -> int:
        """Units that have not come yet."""
        return max(self.expected - self.received, 0)


def room_for(lines: list[Announced], sku: str) -> int:
    """Return how many units of `sku` the notice still announces."""
    return sum(line.open for line in lines if line.sku == sku)


def spread(lines: list[Announced], sku: str, bin_code: str, quantity: int) -> dict[str, int]:
    """Return line bin -> units: which lines of the notice `quantity` units tick off.

    The line of the bin they go to comes first, then the others in order.
    """
    open_lines = [line for line in lines if line.sku == sku and line.open]
    open_lines.sort(key=lambda line: (line.bin != bin_code, line.bin))
    ticked: dict[str, int] = {}
    for line in open_lines:
        units = min(line.open, quantity)
        if units:
            ticked[line.bin] = units
            quantity -= units
    return ticked


def judge_known_serial(
    serial: str, state: SerialState, account: str, *, same_notice: bool
) -> Verdict:
    """Return why a serial number that the books already know cannot be received."""
    place = place_name(account)
    if same_notice and state == "in_stock":
        return attention("sn_received_twice", {"sn": serial, "place": place})
    if state in ON_HAND:
        return stop("sn_disputed", {"sn": serial, "place": place})
    if state == "shipped":
        return stop("sn_is_return", {"sn": serial})
    return stop("sn_blocked", {"sn": serial, "state": state})
