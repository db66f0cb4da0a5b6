"""What lies where, and the life of one serial number."""

from __future__ import annotations

from typing import Any

from litestar import get
from litestar.params import FromPath, FromQuery

from edge.store import ledger, products, serials
from edge.web.api.requests import AnyRequest, absent, node_of
from shared.domain.ledger import place_name

ROWS_MAX = 1_000


@get("/api/v1/stock", operation_id="listStock")
async def list_stock(
    request: AnyRequest,
    sku: FromQuery[str] = "",
    bin: FromQuery[str] = "",  # noqa: A002
) -> dict[str, Any]:
    """Return units per bin and SKU; without a filter the first thousand rows in bin order."""
    rows = await node_of(request).database.read(
        lambda sql: ledger.shelves(sql, sku=sku, bin_code=bin, limit=ROWS_MAX)
    )
    return {"stock": [row._asdict() for row in rows], "units": sum(row.quantity for row in rows)}


@get("/api/v1/serials/{serial:str}", operation_id="getSerial")
async def get_serial(request: AnyRequest, serial: FromPath[str]) -> dict[str, Any]:
    """Return where a unit is and everything that happened to it here."""
    node = node_of(request)
    row = await node.database.read(lambda sql: serials.get(sql, serial))
    if row is None:
        raise absent("serial", serial)
    history = await node.database.read(lambda sql: serials.history(sql, serial))
    product = await node.database.read(lambda sql: products.by_sku(sql, row.sku))
    return row._asdict() | {
        "place": place_name(row.account),
        "name": product.name if product else row.sku,
        "history": [one._asdict() for one in history],
    }


handlers = [list_stock, get_serial]
