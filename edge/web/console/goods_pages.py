"""Pages of the goods: parcels and their history, stock by SKU and bin, lives of a serial number."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Any, Final

from litestar import Request, Response, get
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.types import ControllerRouterHandler

from edge.store import console_lookups as lookups
from edge.store import console_records as records
from edge.store import parcels as parcel_store
from edge.store import print_jobs, products, serials
from edge.web.console import parts
from edge.web.console.formats import masked_recipient
from shared.domain.errors import NotFound
from shared.domain.ledger import account

QUERY_MAX: Final = 64


def _missing(kind: str, name: str, hint: str) -> NotFound:
    return NotFound(
        f"{kind}_unknown",
        f"Failed to show {kind} {name[:QUERY_MAX]!r}: expected one that this warehouse knows.",
        hint=hint,
    )


def _cursor(text: str) -> tuple[int, int]:
    """Return (cut_off_ms, row) from the address; a damaged cursor starts from the beginning."""
    head, _, tail = text.partition(".")
    return (int(head), int(tail)) if head.isdigit() and tail.isdigit() else (-1, -1)


@get("/parcels", include_in_schema=False)
async def parcels(
    request: Request[Any, Any, Any],
    in_state: Annotated[str, QueryParameter(name="state")] = "",
    courier: FromQuery[str] = "",
    after: FromQuery[str] = "",
) -> Response[str]:
    """Show parcels by state and courier, a page at a time."""
    state = in_state if in_state in lookups.STATES else ""

    def read(sql: sqlite3.Connection) -> dict[str, Any]:
        rows = lookups.parcels(
            sql, state=state, courier=courier[:QUERY_MAX], after=_cursor(after),
            limit=lookups.PAGE + 1,
        )  # fmt: skip
        more = len(rows) > lookups.PAGE
        rows = rows[: lookups.PAGE]
        last = rows[-1] if more else None
        return {
            "rows": rows,
            "next": f"{last.cut_off_ms}.{last.row}" if last else "",
            "counts": parcel_store.count_states(sql),
        }

    values = await request.app.state.node.database.read(read)
    return await parts.page(
        request, "parcels.html", state=state, courier=courier, paged=bool(after),
        states=lookups.STATES, **values,
    )  # fmt: skip


@get("/orders/{order_no:str}", include_in_schema=False)
async def order(request: Request[Any, Any, Any], order_no: FromPath[str]) -> Response[str]:
    """Show the parcels of one order."""
    read = request.app.state.node.database.read
    rows = await read(lambda sql: lookups.parcels_of_order(sql, order_no))
    if not rows:
        raise _missing("order", order_no, "Scan the waybill instead.")
    return await parts.page(request, "order.html", order_no=order_no, rows=rows)


@get("/parcels/{parcel_id:str}", include_in_schema=False)
async def parcel(request: Request[Any, Any, Any], parcel_id: FromPath[str]) -> Response[str]:
    """Show one parcel: what is in it, what happened to it, its label."""

    def read(sql: sqlite3.Connection) -> dict[str, Any] | None:
        row = parcel_store.get(sql, parcel_id)
        if row is None:
            return None
        return {
            "parcel": row,
            "to": masked_recipient(row.recipient),
            "lines": records.parcel_lines(sql, parcel_id),
            "serials": parcel_store.serials_of(sql, parcel_id),
            "events": lookups.parcel_events(sql, parcel_id),
            "weighings": records.weighings_of(sql, parcel_id),
            "labels": print_jobs.copies_of(sql, parcel_id),
        }

    values = await request.app.state.node.database.read(read)
    if values is None:
        raise _missing("parcel", parcel_id, "Scan its waybill in the search field.")
    return await parts.page(request, "parcel.html", **values)


@get("/stock", include_in_schema=False)
async def stock(
    request: Request[Any, Any, Any], q: FromQuery[str] = "", after: FromQuery[str] = ""
) -> Response[str]:
    """Show stock by SKU, a page at a time; `q` narrows it."""
    q = q.strip()[:QUERY_MAX]
    read = request.app.state.node.database.read
    rows = await read(
        lambda sql: lookups.stock(sql, q=q, after=after[:QUERY_MAX], limit=lookups.PAGE + 1)
    )
    following = rows[lookups.PAGE - 1].sku if len(rows) > lookups.PAGE else ""
    return await parts.page(
        request, "stock.html", q=q, rows=rows[: lookups.PAGE], next=following, paged=bool(after)
    )


@get("/stock/{sku:str}", include_in_schema=False)
async def sku(request: Request[Any, Any, Any], sku: FromPath[str]) -> Response[str]:
    """Show one SKU: what it is and where its units are."""

    def read(sql: sqlite3.Connection) -> dict[str, Any]:
        shelves = lookups.places_of(sql, sku)
        return {
            "product": products.by_sku(sql, sku),
            "shelves": shelves,
            "waybills": lookups.waybills_of(sql, (shelf.account for shelf in shelves)),
        }

    values = await request.app.state.node.database.read(read)
    if values["product"] is None:
        raise _missing("SKU", sku, "Look it up by name on the stock page.")
    return await parts.page(request, "sku.html", **values)


@get("/bins/{bin_code:str}", include_in_schema=False)
async def bin_(request: Request[Any, Any, Any], bin_code: FromPath[str]) -> Response[str]:
    """Show what should lie in one bin, serial number by serial number."""
    place = account("bin", bin_code)

    def read(sql: sqlite3.Connection) -> tuple[list[lookups.Shelf], list[tuple[str, str]]]:
        return lookups.contents_of(sql, place), lookups.serials_at(sql, place)

    shelves, units = await request.app.state.node.database.read(read)
    return await parts.page(
        request, "bin.html", bin_code=bin_code, shelves=shelves, units=units,
        shown_max=lookups.SERIALS_SHOWN,
    )  # fmt: skip


@get("/serials/{serial:str}", include_in_schema=False)
async def serial(request: Request[Any, Any, Any], serial: FromPath[str]) -> Response[str]:
    """Show one serial number: where it is now, and all it went through, life by life."""

    def read(sql: sqlite3.Connection) -> dict[str, Any] | None:
        row = serials.get(sql, serial)
        if row is None:
            return None
        lives: dict[int, list[lookups.LifeEvent]] = {}
        for event in lookups.life_of(sql, serial):
            lives.setdefault(event.life, []).append(event)
        places = {event.account for events in lives.values() for event in events} | {row.account}
        return {
            "unit": row,
            "product": products.by_sku(sql, row.sku),
            "lives": sorted(lives.items(), reverse=True),
            "waybills": lookups.waybills_of(sql, places),
            "parcel": records.parcel_brief(sql, row.parcel_id or ""),
        }

    values = await request.app.state.node.database.read(read)
    if values is None:
        raise _missing("serial number", serial, "Scan it again; compare it with the box.")
    return await parts.page(request, "serial.html", **values)


handlers: list[ControllerRouterHandler] = [
    parcels, order, parcel, stock, sku, bin_, serial,
]  # fmt: skip
