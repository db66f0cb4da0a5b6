"""Orders over HTTP: one JSON object, many as NDJSON, or a CSV file; then their life.

The promise is decided before the answer is given: `reserved` means the rights are debited and on
disk. The same order again gets its first answer with status 200 instead of 201.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from hub.domain.channel_order import ChannelOrder, decode_order
from hub.domain.orders import ORDER_STATUSES
from hub.services.decide_order import cancel, release_hold
from hub.services.import_files import import_file
from hub.services.ingest_order import (
    ORDERS_PER_BODY_MAX,
    ORDERS_PER_COMMIT,
    Ingested,
    ingest,
    ingest_many,
)
from hub.services.order_views import OrderDetail, OrderView, view_detail, view_order
from hub.services.promise import need_order
from hub.store.protocol import Desk
from hub.web.requests import (
    ORDERS_BODY_BYTES_MAX,
    AnyRequest,
    Page,
    filters_of,
    json_answer,
    node_of,
    once,
    page_of,
    page_size,
    principal_of,
    unless_changed,
)
from shared.domain.errors import InvalidInput

NDJSON = "application/x-ndjson"
T = TypeVar("T")


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why; for the audit log and the floor. Leave personal data out."""

    reason: str = ""


@post(
    "/api/v1/orders",
    operation_id="postOrders",
    opt={"scope": "orders:write"},
    request_max_body_size=ORDERS_BODY_BYTES_MAX,
)
async def post_orders(request: AnyRequest) -> Response[Any]:
    """Take orders in: JSON (one), NDJSON (up to 500) or CSV, by Content-Type.

    One order answers with the order, 201 the first time and 200 for a repeat. NDJSON answers with
    one result per line. CSV answers with an import report.
    """
    node_of(request).storage.watch.expect_room()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if kind in {NDJSON, "application/ndjson", "application/jsonl"}:
        return await _many(request, body)
    if kind == "text/csv":
        report = await import_file(
            node_of(request).books,
            "orders",
            file=request.query_params.get("file", "orders.csv"),
            content=body,
            import_id="",
            actor=principal_of(request).name,
        )
        return Response(report, status_code=200)
    return await _one(request, decode_order(body), body)


async def _one(request: AnyRequest, order: ChannelOrder, body: bytes) -> Response[bytes]:
    done: list[Ingested] = []

    def work(desk: Desk) -> msgspec.Raw:
        done.append(ingest(desk, order))
        return done[-1].answer

    answer, fresh = await node_of(request).books.write(
        once(request, body, work), actor=principal_of(request).name
    )
    created = fresh and bool(done) and done[-1].created
    return json_answer(answer, 201 if created else 200)


async def _many(request: AnyRequest, body: bytes) -> Response[bytes]:
    orders: list[bytes | ChannelOrder] = [line for line in body.split(b"\n") if line.strip()]
    if not 1 <= len(orders) <= ORDERS_PER_BODY_MAX:
        raise InvalidInput(
            "orders_per_body",
            f"Failed to take orders: expected 1 to {ORDERS_PER_BODY_MAX} lines, got {len(orders)}.",
            hint="Send them in several requests; a repeat does no harm.",
        )
    books, actor = node_of(request).books, principal_of(request).name

    def take(start: int) -> Awaitable[list[bytes]]:
        part = orders[start : start + ORDERS_PER_COMMIT]
        return books.write(lambda desk: ingest_many(desk, start + 1, part), actor=actor)

    starts = range(0, len(orders), ORDERS_PER_COMMIT)
    answers = await asyncio.gather(*(take(start) for start in starts))
    lines = [line for part in answers for line in part]
    return Response(b"\n".join(lines) + b"\n", status_code=200, media_type=NDJSON)


@get("/api/v1/orders", operation_id="listOrders", opt={"scope": "orders:read"})
async def list_orders(
    request: AnyRequest,
    status: FromQuery[str | None] = None,
    channel: FromQuery[str | None] = None,
    shop: FromQuery[str | None] = None,
    order_no: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
) -> Page[OrderView]:
    """List orders, newest first."""
    if status and status not in ORDER_STATUSES:
        raise InvalidInput(
            "status_unknown",
            f"Failed to list orders: expected a status of {', '.join(sorted(ORDER_STATUSES))}, "
            f"got {status[:32]!r}.",
        )
    size = page_size(limit)
    filters = filters_of(status=status, channel=channel, shop=shop, order_no=order_no)

    def query(desk: Desk) -> Page[OrderView]:
        rows, after = page_of(
            desk.orders.page(filters, cursor or "", size + 1), size, lambda row: row.order_id
        )
        return Page([view_order(desk, row) for row in rows], after)

    return await node_of(request).books.read(query)


@get("/api/v1/orders/{order_id:str}", operation_id="getOrder", opt={"scope": "orders:read"})
async def get_order(
    request: AnyRequest, order_id: FromPath[str], reason: FromQuery[str | None] = None
) -> OrderDetail:
    """Return one order with its recipient and history.

    Personal data is masked unless the token carries `pii:read`; then the reading is audited.
    """
    books, principal = node_of(request).books, principal_of(request)
    unmask = "pii:read" in principal.scopes
    if unmask:
        await books.write(
            lambda desk: desk.journal.audit("read_personal_data", order_id[:64], reason or ""),
            actor=principal.name,
        )
    return await books.read(
        lambda desk: view_detail(desk, need_order(desk, order_id), unmask=unmask)
    )


def _unless_changed(
    request: AnyRequest, order_id: str, work: Callable[[Desk], T]
) -> Callable[[Desk], T]:
    """Return `work`, refused when the order is not as the caller saw it."""
    unmask = "pii:read" in principal_of(request).scopes

    def shown(desk: Desk) -> OrderDetail:
        return view_detail(desk, need_order(desk, order_id), unmask=unmask)

    return unless_changed(request, shown, work)


@post(
    "/api/v1/orders/{order_id:str}/cancel",
    operation_id="cancelOrder",
    opt={"scope": "orders:write"},
    status_code=200,
)
async def cancel_order(
    request: AnyRequest, order_id: FromPath[str], data: JSONBody[Reason | None] = None
) -> Response[bytes]:
    """Ask to cancel an order: `cancelled` at once, or `cancel_pending` until the floor confirms."""
    reason = "" if data is None else data.reason

    def work(desk: Desk) -> OrderView:
        return view_order(desk, cancel(desk, order_id, reason))

    answer, _ = await node_of(request).books.write(
        once(request, reason.encode(), _unless_changed(request, order_id, work)),
        actor=principal_of(request).name,
    )
    return json_answer(answer)


@post(
    "/api/v1/orders/{order_id:str}/release-hold",
    operation_id="releaseHold",
    opt={"scope": "orders:write"},
    status_code=200,
)
async def release_held_order(
    request: AnyRequest, order_id: FromPath[str], data: JSONBody[Reason | None] = None
) -> Response[bytes]:
    """Let a held order go on to its promise."""
    reason = "" if data is None else data.reason

    def work(desk: Desk) -> OrderView:
        return view_order(desk, release_hold(desk, order_id, reason))

    answer, _ = await node_of(request).books.write(
        once(request, reason.encode(), _unless_changed(request, order_id, work)),
        actor=principal_of(request).name,
    )
    return json_answer(answer)


@post(
    "/api/v1/orders/{order_id:str}/amend",
    operation_id="amendOrder",
    opt={"scope": "orders:write"},
    status_code=200,
)
async def amend_order(
    request: AnyRequest, order_id: FromPath[str], data: JSONBody[ChannelOrder]
) -> Response[bytes]:
    """Replace an order by a higher version, as long as no floor has it."""
    body = await request.body()

    def work(desk: Desk) -> msgspec.Raw:
        order = need_order(desk, order_id)
        if (order.channel, order.shop, order.order_no) != (data.channel, data.shop, data.order_no):
            raise InvalidInput(
                "order_key",
                f"Failed to amend order {order_id}: its channel, shop and order_no cannot change.",
                hint="Send the same three as in the order.",
            )
        return ingest(desk, decode_order(body)).answer

    answer, _ = await node_of(request).books.write(
        once(request, body, _unless_changed(request, order_id, work)),
        actor=principal_of(request).name,
    )
    return json_answer(answer)


handlers: list[ControllerRouterHandler] = [
    post_orders,
    list_orders,
    get_order,
    cancel_order,
    release_held_order,
    amend_order,
]
