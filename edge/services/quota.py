"""Rights that head office lends to this warehouse and asks back.

Granted totals are taken over, the larger one counts. Rights are given back by this warehouse alone:
it first gives them up and says so in one transaction, and only then may head office promise the
units to somebody else. A request to return rights is answered with what is left at that moment.
"""

from __future__ import annotations

from edge.services.floor import Floor
from edge.store import quotas
from shared.domain.commands import GrantQuota, RecallQuota
from shared.domain.errors import Refused
from shared.domain.facts import CommandAccepted, QuotaReturned


def take_grant(floor: Floor, command_id: str, command: GrantQuota) -> None:
    """Take over the totals granted so far."""
    for line in command.totals:
        quotas.grant(floor.sql, line.sku, line.units)
    floor.record(CommandAccepted(command_id=command_id))
    floor.tell("quotas")


def answer_recall(floor: Floor, command_id: str, command: RecallQuota) -> None:
    """Return what is above the units to keep; raises Refused `quota_frozen` before a recount."""
    check_counted(floor, "return rights")
    for line in command.keep:
        spare = quotas.get(floor.sql, line.sku).free - line.units
        if spare > 0:
            return_quota(floor, line.sku, spare)
    floor.record(CommandAccepted(command_id=command_id))
    floor.tell("quotas")


def return_quota(floor: Floor, sku: str, units: int) -> None:
    """Give rights up; raises Refused `quota_exceeded` when there are fewer."""
    if not quotas.give_up(floor.sql, sku, units):
        free = quotas.get(floor.sql, sku).free
        raise Refused(
            "quota_exceeded",
            f"Failed to return rights to {units} of {sku}: this warehouse has {free}.",
        )
    floor.record(QuotaReturned(return_id=floor.op_id, sku=sku, quantity=units))


def check_counted(floor: Floor, what: str) -> None:
    """Raise Refused while rights may have been spent in a past that this disk forgot."""
    if quotas.frozen(floor.sql):
        raise Refused(
            "quota_frozen",
            f"Failed to {what}: this warehouse's books went back in time, and some of its rights "
            "may have been used in the time they forgot.",
            hint="Count what was touched and have your lead settle the recount task.",
        )
