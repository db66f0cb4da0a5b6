"""A courier for rehearsals and tests: it issues numbers, and misbehaves when told to.

It knows a parcel by its id and gives the same number again, as a courier should. Beside the faults
of a simulated shop (silence, 500, garbage) it can give one number to two parcels
(`same_number`), or forget a parcel and give it a second one (`other_number`).
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, Final, Literal

import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from hub.couriers.issuer import Question
from hub.domain.waybill_numbers import mod10
from shared.runtime.serve import serve
from shared.web import problems

SILENT_SECONDS: Final = 30.0
"""A silent courier hangs up after this; every caller gives up before."""
Wrong = Literal[
    "429", "500", "401", "409", "silent_before", "silent_after", "garbage", "same_number",
    "other_number",
]  # fmt: skip
AnyRequest = Request[Any, Any, State]


class CourierFault(msgspec.Struct, kw_only=True):
    """The next `times` questions go wrong as `wrong`."""

    wrong: Wrong
    times: int = 1


class SimulatedCourier:
    """Its numbers by parcel, what it was asked, and what is still to go wrong."""

    def __init__(self, prefix: str = "OL") -> None:
        """Numbers are `prefix`, eleven digits and a check digit."""
        self.prefix = prefix
        self.issued: dict[str, str] = {}
        self.asked: list[str] = []
        self.faults: list[CourierFault] = []
        self._count = 0

    def take_fault(self) -> Wrong | None:
        """Return what goes wrong with this question, None if nothing does."""
        for fault in self.faults:
            if fault.times > 0:
                fault.times -= 1
                return fault.wrong
        return None

    def number_for(self, parcel_id: str, wrong: Wrong | None = None) -> str:
        """Return the number of a parcel, a new one for a new parcel."""
        if wrong == "same_number" and self.issued:
            return next(reversed(self.issued.values()))
        if parcel_id not in self.issued or wrong == "other_number":
            self._count += 1
            digits = f"{30_000_000_000 + self._count:011d}"
            self.issued[parcel_id] = f"{self.prefix}{digits}{mod10(digits)}"
        return self.issued[parcel_id]


def create_courier(courier: SimulatedCourier) -> Litestar:
    """Return the simulated courier's application."""
    return Litestar(
        route_handlers=list(HANDLERS),
        state=State({"courier": courier}),
        exception_handlers=problems.HANDLERS,
        logging_config=None,
        openapi_config=None,
    )


def _courier(request: AnyRequest) -> SimulatedCourier:
    courier: SimulatedCourier = request.app.state.courier
    return courier


@post("/waybills", status_code=200)
async def issue(request: AnyRequest, data: JSONBody[Question]) -> Response[bytes]:
    """Issue a number, or fail as told."""
    courier = _courier(request)
    courier.asked.append(data.parcel_id)
    wrong = courier.take_fault()
    if wrong == "silent_before":
        await asyncio.sleep(SILENT_SECONDS)
    if wrong is not None and wrong.isdigit():
        return Response(b"{}", status_code=int(wrong), media_type="application/json")
    number = courier.number_for(data.parcel_id, wrong)
    if wrong == "silent_after":
        await asyncio.sleep(SILENT_SECONDS)
    answer = {"parcel_id": data.parcel_id, "waybill": number, "sort_code": "021-A1-007"}
    body = b"<html>" if wrong == "garbage" else msgspec.json.encode(answer)
    return Response(body, status_code=200, media_type="application/json")


@post("/courier/faults", status_code=200)
async def add_fault(request: AnyRequest, data: JSONBody[CourierFault]) -> dict[str, int]:
    """Let something go wrong."""
    courier = _courier(request)
    courier.faults.append(data)
    return {"left": sum(fault.times for fault in courier.faults)}


@get("/courier/books")
async def look(request: AnyRequest) -> dict[str, Any]:
    """Show what was asked and issued."""
    courier = _courier(request)
    return {"issued": courier.issued, "asked": courier.asked}


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (issue, add_fault, look)


def serve_courier(port: int, prefix: str) -> None:
    """Serve a simulated courier until it is stopped; print where it listens."""

    def ready(bound: int) -> None:
        sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{bound}"}) + "\n")
        sys.stdout.flush()

    serve(
        create_courier(SimulatedCourier(prefix)),
        host="127.0.0.1",
        port=port,
        stopping=asyncio.Event(),
        on_ready=ready,
    )
