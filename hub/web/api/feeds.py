"""What happened and what needs a person: the change feed, exceptions, audit log, KPIs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from typing import Annotated, Final

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage
from litestar.types import ControllerRouterHandler

from hub.domain.rows import AuditEntry, Event, HubException
from hub.node import HubNode
from hub.services.kpis import Kpis, kpis
from hub.services.order_views import EventView, view_event
from hub.store.protocol import Desk
from hub.web.requests import (
    AnyRequest,
    Page,
    cursor_number,
    filters_of,
    node_of,
    page_of,
    page_size,
    principal_of,
)
from shared.domain.errors import NotFound

STREAM_EVENTS_MAX: Final = 200
"""Events read from the books at once for one stream."""


class EventPage(msgspec.Struct, frozen=True):
    """A piece of the change feed. Ask again with `after=next`; it never ends."""

    items: list[EventView]
    next: str


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What was done about it."""

    note: str = ""


@get("/api/v1/events", operation_id="listEvents", opt={"scope": "orders:read"})
async def list_events(
    request: AnyRequest,
    after: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
) -> Response[EventPage] | ServerSentEvent:
    """Return the change feed after a cursor, or follow it live with Accept: text/event-stream."""
    last = cursor_number(request.headers.get("last-event-id") or after)
    if "text/event-stream" in request.headers.get("accept", ""):
        return ServerSentEvent(_follow(node_of(request), last))
    size = page_size(limit)
    events = await node_of(request).books.read(lambda desk: desk.journal.events(last, size))
    items = [view_event(event) for event in events]
    return Response(EventPage(items, str(items[-1].event_id if items else last)))


@get("/api/v1/events/stream", operation_id="streamEvents", opt={"scope": "orders:read"})
async def stream_events(
    request: AnyRequest, after: FromQuery[str | None] = None
) -> ServerSentEvent:
    """Follow the change feed as server-sent events; `id` is the cursor."""
    last = cursor_number(request.headers.get("last-event-id") or after)
    return ServerSentEvent(_follow(node_of(request), last))


async def _follow(node: HubNode, last: int) -> AsyncGenerator[ServerSentEventMessage, None]:
    async for message in node.live.stream(("events",)):
        if message.event == "ping":
            yield message
        while True:
            events = await node.books.read(partial(_events_after, last=last))
            for event in events:
                last = event.event_id
                data = msgspec.json.encode(view_event(event)).decode()
                yield ServerSentEventMessage(event=event.kind, id=str(last), data=data)
            if len(events) < STREAM_EVENTS_MAX:
                break


def _events_after(desk: Desk, last: int) -> list[Event]:
    return desk.journal.events(last, STREAM_EVENTS_MAX)


@get("/api/v1/exceptions", operation_id="listExceptions", opt={"scope": "orders:read"})
async def list_exceptions(
    request: AnyRequest,
    kind: FromQuery[str | None] = None,
    warehouse: FromQuery[str | None] = None,
    in_state: Annotated[str | None, QueryParameter(name="state")] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
) -> Page[HubException]:
    """List what needs a person, newest first; `state` is `open` (default), `solved` or `all`."""
    size = page_size(limit)
    open_ = {"open": "yes", "solved": "no", "all": ""}.get(in_state or "open", "yes")
    filters = filters_of(kind=kind, warehouse=warehouse, open=open_)

    def query(desk: Desk) -> Page[HubException]:
        rows, after = page_of(
            desk.journal.exceptions(filters, cursor or "", size + 1),
            size,
            lambda row: row.exception_id,
        )
        return Page(rows, after)

    return await node_of(request).books.read(query)


@post(
    "/api/v1/exceptions/{exception_id:str}/solve",
    operation_id="solveException",
    opt={"scope": "orders:write"},
    status_code=200,
)
async def solve_exception(
    request: AnyRequest, exception_id: FromPath[str], data: JSONBody[Note | None] = None
) -> dict[str, str]:
    """Close an exception with a note of what was done."""
    note = "" if data is None else data.note

    def work(desk: Desk) -> None:
        if not desk.journal.solve_by_id(exception_id, note):
            raise NotFound(
                "exception_unknown",
                f"Failed to find an open exception {exception_id[:64]!r}.",
                hint="It may be solved already; list /api/v1/exceptions?state=all.",
            )
        desk.journal.audit("solve_exception", exception_id, note)

    await node_of(request).books.write(work, actor=principal_of(request).name)
    return {"exception_id": exception_id, "state": "solved"}


@get("/api/v1/audit", operation_id="listAudit", opt={"scope": "audit:read"})
async def list_audit(
    request: AnyRequest,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
) -> Page[AuditEntry]:
    """List who did what, newest first."""
    size = page_size(limit)
    before = cursor_number(cursor)

    def query(desk: Desk) -> Page[AuditEntry]:
        rows, after = page_of(
            desk.journal.audit_page(before, size + 1), size, lambda row: str(row.audit_id)
        )
        return Page(rows, after)

    return await node_of(request).books.read(query)


@get("/api/v1/kpis", operation_id="getKpis", opt={"scope": "orders:read"})
async def get_kpis(request: AnyRequest) -> Kpis:
    """Return the numbers head office looks at first."""
    return await node_of(request).books.read(kpis)


handlers: list[ControllerRouterHandler] = [
    list_events,
    stream_events,
    list_exceptions,
    solve_exception,
    list_audit,
    get_kpis,
]
