"""Numbers that a courier issues only when asked: who waits, what came back, what to try again.

The parcel is on its floor already and is picked meanwhile; its number follows by a command. One
number is given to one parcel: what a courier gives to two is refused and told to people. Asking is
repeated with growing pauses and then given up for a person, but nothing is ever lost by it: the
parcel waits on its shelf.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from hub.domain.backoff import wait_ms
from hub.domain.courier_choice import Courier
from hub.domain.number_rows import NumberRecord, WaybillRequest
from hub.domain.rows import ParcelRow
from hub.domain.waybill_numbers import BadNumber, NumberRow, numbers_of
from hub.services.apply_numbers import TWICE
from hub.services.promise import need_order, save_parcel
from hub.store.protocol import Desk
from shared.domain.catalogue import Recipient
from shared.domain.commands import SetWaybill
from shared.domain.errors import BincardError

TRIES_MAX: Final = 30
"""After so many failures a person must look; with the pauses between them about half a day."""
GIVEN_UP: Final = "waybill_not_issued"
"""Kind of the exception that says: a courier gives no number for this parcel."""
TOPIC: Final = "numbers"


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel to ask for, with what its courier wants to know. `to` is personal data."""

    courier: str
    parcel_id: str
    warehouse: str
    order_no: str
    weight_grams: int | None
    to: Recipient


def due_parcels(desk: Desk, couriers: Sequence[Courier], limit: int) -> list[Waiting]:
    """Return parcels of `couriers` for which a number should be asked now."""
    requests = desk.numbers.due_requests([one.courier for one in couriers], limit)
    return [_waiting(desk, request.parcel_id) for request in requests]


def _waiting(desk: Desk, parcel_id: str) -> Waiting:
    parcel = desk.parcels.get(parcel_id)
    if parcel is None:  # pragma: no cover  the question came from its row
        raise BincardError("parcel_unknown", f"Parcel {parcel_id} is gone.")
    order = need_order(desk, parcel.order_id)
    return Waiting(
        courier=parcel.courier,
        parcel_id=parcel_id,
        warehouse=parcel.warehouse,
        order_no=order.order_no,
        weight_grams=parcel.weight_grams,
        to=desk.orders.person(parcel.order_id).recipient(),
    )


def number_issued(
    desk: Desk, courier: Courier, parcel_id: str, waybill: str, sort_code: str = ""
) -> bool:
    """Give a parcel the number its courier issued, and send it down; False when it is refused.

    The same answer again changes nothing. A number another parcel has, or one with a wrong check
    digit, is refused and told; the parcel is asked for again when a person says so.
    """
    parcel = desk.parcels.get(parcel_id)
    if parcel is None or parcel.waybill == waybill:
        return parcel is not None
    trouble = _trouble(desk, courier, parcel_id, waybill)
    if trouble:
        desk.numbers.put_request(
            WaybillRequest(parcel_id=parcel_id, trouble=TWICE, given_up=parcel.waybill is None)
        )
        desk.journal.raise_exception(TWICE, parcel.warehouse, parcel_id, trouble)
        return False
    wanted = parcel.waybill is None and parcel.state not in {"cancelled", "shipped", "short"}
    desk.numbers.put(
        [
            NumberRecord(
                number=waybill,
                courier=courier.courier,
                state="used" if wanted else "burnt",
                warehouse=parcel.warehouse,
                parcel_id=parcel_id,
            )
        ]
    )
    desk.numbers.drop_request(parcel_id)
    desk.journal.solve(GIVEN_UP, parcel.warehouse, parcel_id, "the courier has issued it")
    if wanted:
        _send(desk, parcel, waybill, sort_code)
    return wanted


def _send(desk: Desk, parcel: ParcelRow, waybill: str, sort_code: str) -> None:
    after = msgspec.structs.replace(
        parcel, waybill=waybill, sort_code=sort_code or parcel.sort_code
    )
    save_parcel(desk, after)
    command = SetWaybill(
        parcel_id=parcel.parcel_id,
        courier=parcel.courier,
        waybill=waybill,
        sort_code=after.sort_code,
    )
    desk.nodes.queue(parcel.warehouse, command, f"waybill-{parcel.parcel_id}")
    desk.tell(f"commands:{parcel.warehouse}")


def _trouble(desk: Desk, courier: Courier, parcel_id: str, waybill: str) -> str:
    """Return why a number cannot be used, empty when it can."""
    try:
        numbers_of(NumberRow(first=waybill), courier.check)
    except BadNumber as error:
        return f"{courier.courier} issued a number for {parcel_id} that cannot be: {error.reason}."
    known = desk.numbers.get((waybill,)).get(waybill)
    mine = known is not None and known.parcel_id == parcel_id
    if mine or (known is None and not desk.numbers.on_parcels((waybill,))):
        return ""
    holder = f"parcel {known.parcel_id}" if known and known.parcel_id else "somebody else"
    return (
        f"{courier.courier} issued {waybill} for parcel {parcel_id}, but {holder} has it. It was "
        "not used; ask the courier, then retry with POST "
        f"/api/v1/couriers/{courier.courier}/retry."
    )


def asking_failed(
    desk: Desk, parcel_id: str, error: BincardError, *, first_ms: int, asked_ms: int = 0
) -> None:
    """Ask again later, or give up for a person after a clear no or too many failures."""
    parcel = desk.parcels.get(parcel_id)
    if parcel is None or parcel.waybill is not None:
        return
    tries = 1 + desk.numbers.request(parcel_id).tries
    given_up = not error.retryable or tries >= TRIES_MAX
    desk.numbers.put_request(
        WaybillRequest(
            parcel_id=parcel_id,
            tries=tries,
            due_ms=desk.now_ms + wait_ms(tries, first_ms, asked_ms),
            trouble=error.code,
            given_up=given_up,
        )
    )
    if given_up:
        desk.journal.raise_exception(
            GIVEN_UP,
            parcel.warehouse,
            parcel_id,
            f"{parcel.courier} issues no number for parcel {parcel_id}: {error.message} The box "
            f"waits on its shelf; mend it and use POST /api/v1/couriers/{parcel.courier}/retry.",
        )


def ask_again(desk: Desk, courier: str) -> int:
    """Ask again for every parcel that was given up with a courier; return how many."""
    count = desk.numbers.revive_requests(courier)
    desk.journal.audit("retry_courier", courier, f"{count} parcels")
    desk.tell(TOPIC)
    return count


def of_couriers(couriers: Sequence[Courier]) -> Mapping[str, Courier]:
    """Return the couriers that issue numbers when asked, by code."""
    return {one.courier: one for one in couriers if one.numbers == "online" and one.url}
