"""Reservations over HTTP: hold units for a checkout, confirm, let go."""

from __future__ import annotations

import msgspec
from litestar import Response, delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from hub.services import reservations
from hub.services.reservations import ReservationRequest, ReservationView, view_reservation
from hub.store.protocol import Desk
from hub.web.requests import AnyRequest, json_answer, node_of, once, principal_of


@post("/api/v1/reservations", operation_id="postReservation", opt={"scope": "orders:write"})
async def post_reservation(
    request: AnyRequest, data: JSONBody[ReservationRequest]
) -> Response[bytes]:
    """Hold all wanted units or none, for `ttl_seconds`."""
    node_of(request).storage.watch.expect_room()
    if "idempotency-key" not in request.headers:
        made = await node_of(request).checkouts.reserve(data)
        return json_answer(msgspec.json.encode(view_reservation(made)), 201)

    def work(desk: Desk) -> ReservationView:
        return view_reservation(reservations.reserve(desk, data))

    answer, _ = await node_of(request).books.write(
        once(request, msgspec.json.encode(data), work), actor=principal_of(request).name
    )
    return json_answer(answer, 201)


@get(
    "/api/v1/reservations/{reservation_id:str}",
    operation_id="getReservation",
    opt={"scope": "orders:read"},
)
async def get_reservation(request: AnyRequest, reservation_id: FromPath[str]) -> ReservationView:
    """Return one reservation."""
    return await node_of(request).books.read(
        lambda desk: view_reservation(reservations.need_reservation(desk, reservation_id))
    )


@post(
    "/api/v1/reservations/{reservation_id:str}/confirm",
    operation_id="confirmReservation",
    opt={"scope": "orders:write"},
    status_code=200,
)
async def confirm_reservation(
    request: AnyRequest, reservation_id: FromPath[str]
) -> ReservationView:
    """Make a reservation last until an order uses it or it is deleted."""
    return await node_of(request).books.write(
        lambda desk: view_reservation(reservations.confirm_reservation(desk, reservation_id)),
        actor=principal_of(request).name,
    )


@delete(
    "/api/v1/reservations/{reservation_id:str}",
    operation_id="deleteReservation",
    opt={"scope": "orders:write"},
    status_code=200,
)
async def delete_reservation(request: AnyRequest, reservation_id: FromPath[str]) -> ReservationView:
    """Give the units of a reservation back; deleting it again changes nothing."""
    return await node_of(request).books.write(
        lambda desk: view_reservation(reservations.release_reservation(desk, reservation_id)),
        actor=principal_of(request).name,
    )


handlers: list[ControllerRouterHandler] = [
    post_reservation,
    get_reservation,
    confirm_reservation,
    delete_reservation,
]
