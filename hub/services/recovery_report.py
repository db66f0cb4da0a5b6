"""How far a hub that went back in time, or was founded anew, has found its way back.

For the person on the telephone: which warehouses are waited for, what was learnt from the floors,
what is lost for good, and what nobody can know from logs.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from hub.domain.rows import MissingLines, WaitedFor
from hub.services.order_views import iso
from hub.store.protocol import Desk
from hub.store.recovering import NEWER_HUB

_NOT_IN_LOGS: Final[dict[str, tuple[str, ...]]] = {
    "restored": (
        "Orders that no floor had: their shops have to send them again.",
        "Reservations made after the backup: checkouts have to reserve again.",
        "API tokens made after the backup: they are gone, make new ones.",
        "Tokens and keys revoked after the backup: they are valid again, revoke them.",
        "Holds and cancellations decided after the backup that no floor carried out.",
    ),
    "lost": (
        "Orders that no floor had: their shops have to send them again.",
        "Names and addresses of buyers: they come back as the shops send their orders.",
        "Names, sizes and weights of products, places of warehouses: import them again.",
        "Stock that was imported and not booked by its floor: import the same file again.",
        "Reservations, API tokens, review rules, quota targets and the audit log.",
    ),
}


_LEFT_UNSEEN: Final = (
    "Parcels whose lines are gone (see gaps): ask the couriers which orders left before shops send "
    "theirs again, for such an order would leave twice."
)


class RecoveryReport(msgspec.Struct, frozen=True, kw_only=True):
    """Where the recovery stands. `sentence` says it for people."""

    state: Literal["NORMAL", "RECOVERING", "STOPPED"]
    sentence: str
    epoch: int
    kind: str
    """`first` life of the books, `restored` from a backup, or founded anew after a loss."""
    began_at: str | None
    ended_at: str | None
    waiting: tuple[WaitedFor, ...]
    gaps: tuple[MissingLines, ...]
    orders_without_address: int
    orders_to_settle: int
    parcels_learnt: int
    facts_in_quarantine: int
    units_without_a_right: int
    cannot_be_known: tuple[str, ...]


def report_recovery(desk: Desk) -> RecoveryReport:
    """Return where the recovery stands."""
    row = desk.nodes.recovery()
    waiting = desk.nodes.waited_for()
    counted = desk.nodes.recovery_counts()
    stopped = any(one.warehouse == NEWER_HUB for one in waiting)
    unknown = row is not None and (row.ended_ms is None or counted.orders_without_address > 0)
    gaps = tuple(desk.nodes.missing_lines())
    untold = _NOT_IN_LOGS[row.kind] if unknown and row is not None else ()
    return RecoveryReport(
        state="STOPPED" if stopped else "RECOVERING" if waiting else "NORMAL",
        sentence=_sentence(waiting, stopped=stopped),
        epoch=counted.epoch,
        kind="first" if row is None else row.kind,
        began_at=None if row is None else iso(row.began_ms),
        ended_at=None if row is None or row.ended_ms is None else iso(row.ended_ms),
        waiting=tuple(waiting),
        gaps=gaps,
        orders_without_address=counted.orders_without_address,
        orders_to_settle=counted.orders_to_settle,
        parcels_learnt=counted.parcels_learnt,
        facts_in_quarantine=counted.facts_in_quarantine,
        units_without_a_right=counted.units_without_a_right,
        cannot_be_known=(*untold, _LEFT_UNSEEN) if gaps else untold,
    )


def _sentence(waiting: list[WaitedFor], *, stopped: bool) -> str:
    if stopped:
        return "A newer hub runs, so this one promises nothing. Stop this hub."
    if not waiting:
        return "Every warehouse has told everything; goods are promised as usual."
    silent = [one.warehouse for one in waiting if not one.greeted]
    sending = [one.warehouse for one in waiting if one.greeted]
    parts = []
    if sending:
        parts.append(f"{', '.join(sending)} is sending its log.")
    if silent:
        parts.append(
            f"{', '.join(silent)} has not called since this life of the hub began. Check its line, "
            "enrol it again if its key is unknown, or give it up with `bincard hub write-off-edge`."
        )
    return " ".join(parts)
