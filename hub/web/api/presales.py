"""Presale quotas over HTTP: how much may be sold for which day before it is there."""

from __future__ import annotations

from litestar import get, put
from litestar.params import FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from hub.services.presale import PresaleRequest, PresaleView, set_presale, view_presale
from hub.store.protocol import Desk
from hub.web.requests import AnyRequest, Page, node_of, page_of, page_size, principal_of


@get("/api/v1/presales", operation_id="listPresales", opt={"scope": "stock:read"})
async def list_presales(
    request: AnyRequest,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
) -> Page[PresaleView]:
    """List presale quotas by SKU and ship date, with what was sold of them."""
    size = page_size(limit)
    sku, _, ship_date = (cursor or "").rpartition("/")

    def query(desk: Desk) -> Page[PresaleView]:
        rows, after = page_of(
            desk.presales.page((sku, ship_date), size + 1),
            size,
            lambda row: f"{row.sku}/{row.ship_date}",
        )
        return Page([view_presale(row) for row in rows], after)

    return await node_of(request).books.read(query)


@put("/api/v1/presales", operation_id="putPresale", opt={"scope": "stock:write"})
async def put_presale(request: AnyRequest, data: JSONBody[PresaleRequest]) -> PresaleView:
    """Set how many units of a SKU may be sold for a day before they are there.

    Orders marked `presale` take from it when stock does not suffice; when goods come in they are
    served first. A quota cannot fall below what is sold.
    """
    return await node_of(request).books.write(
        lambda desk: set_presale(desk, data), actor=principal_of(request).name
    )


handlers: list[ControllerRouterHandler] = [list_presales, put_presale]
