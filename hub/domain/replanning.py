"""When a plan is worth changing: stock has come in, a floor is full, another box waits.

An order that nobody has touched yet may still leave from somewhere better. A change must never cost
the buyer anything: not a courier, not the ship-by time, not one parcel more. Money alone moves
goods only above a threshold, and never to arrive later, so that two plans of nearly equal cost do
not take turns.
"""

from __future__ import annotations

from hub.domain.courier_choice import HOUR_MS
from hub.domain.sourcing_why import Alternative

SOONER_MS = 12 * HOUR_MS
"""A plan that costs no more is changed for one that arrives so much sooner."""


def why_better(now: Alternative, other: Alternative, saving_min_minor: int) -> str:
    """Return why `other` should replace the plan `now`, empty when it should not.

    `saving_min_minor` is the least money worth a change; 0: no money is.
    """
    if other.forced > now.forced or other.late > now.late or other.parcels > now.parcels:
        return ""
    if other.forced < now.forced:
        return "a courier takes each box"
    if other.late < now.late:
        return "it leaves in time"
    if other.parcels < now.parcels:
        return f"it makes {now.parcels - other.parcels} parcels fewer"
    if other.fresher > now.fresher or other.foreign > now.foreign:
        return ""
    if other.arrives_ms > now.arrives_ms:
        return ""
    saved = now.cost_minor - other.cost_minor
    if saving_min_minor and saved >= saving_min_minor:
        return f"it costs {saved} minor units less"
    if saved >= 0 and now.arrives_ms - other.arrives_ms >= SOONER_MS:
        return "it arrives sooner"
    return ""
