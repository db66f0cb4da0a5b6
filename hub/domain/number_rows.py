"""What head office's books hold about waybill numbers: the numbers, their leases, open requests."""

from __future__ import annotations

import msgspec

from hub.domain.waybill_numbers import NumberState


class NumberRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One number. `place` counts the numbers ever lent to `warehouse`, 0 for one never lent.

    `position` is its turn among its courier's numbers; 0 asks the books for the next one.
    """

    number: str
    courier: str
    state: NumberState
    position: int = 0
    warehouse: str = ""
    place: int = 0
    parcel_id: str = ""


class LeaseRow(msgspec.Struct, frozen=True):
    """What one warehouse was `leased` in all; `level` is head office's wish, None follows use."""

    warehouse: str
    courier: str
    leased: int = 0
    level: int | None = None
    recall_id: str = ""
    asked_ms: int = 0


class WaybillRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel that waits for its courier to issue a number; `given_up` waits for a person."""

    parcel_id: str
    tries: int = 0
    due_ms: int = 0
    trouble: str = ""
    given_up: bool = False
