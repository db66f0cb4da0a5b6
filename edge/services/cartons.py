"""Carton numbers (SSCC): given out here without asking anybody, and never given out twice.

Every number is told to head office in the transaction that gives it out. A warehouse whose disk
went back in time hears of them again; what it had not told yet is lost, so the next number is then
taken far beyond.
"""

from __future__ import annotations

from typing import Final

from edge.domain.site import Site
from edge.services.floor import Floor
from edge.store import labels
from shared.domain import sscc
from shared.domain.errors import Conflict, Refused
from shared.domain.facts import CartonNumbered

SKIPPED_AFTER_RESTORE: Final = 10_000
"""More cartons than a warehouse labels between two talks with head office."""


def number(site: Site, serial: int) -> str:
    """Return the carton number with this serial number.

    Raises Refused `sscc_not_set` for a warehouse without leading digits, `sscc_used_up`.
    """
    if not site.sscc_prefix:
        raise Refused(
            "sscc_not_set",
            "Failed to label a carton: this warehouse has no carton numbers.",
            hint="Ask head office for leading digits and set BINCARD_EDGE_SSCC_PREFIX.",
        )
    return sscc.compose(site.sscc_prefix, serial)


def spaced(site: Site, sscc_number: str) -> str:
    """Return a carton number as people read it, with its application identifier."""
    end = len(site.sscc_prefix)
    parts = sscc_number[0], sscc_number[1:end], sscc_number[end:-1], sscc_number[-1]
    return " ".join(("(00)", *filter(None, parts)))


def give_out(floor: Floor, expected: str, content: str) -> None:
    """Give out the next number, which must be `expected`; raises Conflict when another came before.

    Raises Refused as `number` does.
    """
    serial = labels.last_carton(floor.sql) + 1
    if number(floor.site, serial) != expected:
        raise Conflict(
            "carton_number_taken",
            f"Failed to label a carton {expected}: somebody labelled one at the same moment.",
            hint="Print again.",
        )
    labels.raise_cartons(floor.sql, serial)
    labels.put_carton(floor.sql, expected, content=content, actor=floor.actor, at_ms=floor.now_ms)
    floor.record(CartonNumbered(sscc=expected))


def know_again(floor: Floor, sscc_number: str) -> None:
    """This disk forgot that it gave out a number."""
    labels.raise_cartons(floor.sql, sscc.serial_of(sscc_number, floor.site.sscc_prefix))
    labels.put_carton(floor.sql, sscc_number, content="", actor=floor.actor, at_ms=floor.now_ms)


def skip_forgotten(floor: Floor) -> None:
    """Numbers given out and never told to anybody must not be given out again."""
    last = labels.last_carton(floor.sql)
    if last:
        labels.raise_cartons(floor.sql, last + SKIPPED_AFTER_RESTORE)
