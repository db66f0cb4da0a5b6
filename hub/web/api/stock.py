"""Stock over HTTP: availability, units on hand, serial numbers, products, safety stock."""

from __future__ import annotations

from litestar import get, put
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from hub.services.safety_stock import SafetyStock, set_safety_stock
from hub.services.stock_views import (
    AvailabilityView,
    SerialView,
    StockView,
    view_availability,
    view_serial,
    view_stock,
)
from hub.store.protocol import Desk
from hub.web.requests import (
    AnyRequest,
    Page,
    filters_of,
    node_of,
    page_of,
    page_size,
    principal_of,
)
from shared.domain.catalogue import Product
from shared.domain.errors import NotFound


@get("/api/v1/availability", operation_id="getAvailability", opt={"scope": "stock:read"})
async def get_availability(
    request: AnyRequest, sku: FromQuery[list[str] | None] = None
) -> list[AvailabilityView]:
    """Return what may be promised of each `sku` (repeat the parameter, up to 200).

    `risk` says how many units shops could sell beyond what there is, and `presale` how many may
    still be sold before they are there.
    """
    return await node_of(request).books.read(lambda desk: view_availability(desk, sku or []))


@get("/api/v1/stock", operation_id="listStock", opt={"scope": "stock:read"})
async def list_stock(
    request: AnyRequest,
    warehouse: FromQuery[str | None] = None,
    sku: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
) -> Page[StockView]:
    """List units on hand by warehouse and SKU."""
    size = page_size(limit)
    place, _, after_sku = (cursor or "").partition("/")
    filters = filters_of(warehouse=warehouse, sku=sku)

    def query(desk: Desk) -> Page[StockView]:
        rows, after = page_of(
            desk.stock.page(filters, (place, after_sku), size + 1),
            size,
            lambda row: f"{row[0]}/{row[1]}",
        )
        return Page([view_stock(desk, row) for row in rows], after)

    return await node_of(request).books.read(query)


@put("/api/v1/safety-stock", operation_id="putSafetyStock", opt={"scope": "stock:write"})
async def put_safety_stock(request: AnyRequest, data: JSONBody[SafetyStock]) -> SafetyStock:
    """Keep some units of a SKU in one warehouse unpromised."""

    return await node_of(request).books.write(
        lambda desk: set_safety_stock(desk, data), actor=principal_of(request).name
    )


@get("/api/v1/serials/{serial:str}", operation_id="getSerial", opt={"scope": "stock:read"})
async def get_serial(request: AnyRequest, serial: FromPath[str]) -> SerialView:
    """Return where a serial number is and was, life by life, with open disputes."""
    return await node_of(request).books.read(lambda desk: view_serial(desk, serial))


@get("/api/v1/products", operation_id="listProducts", opt={"scope": "stock:read"})
async def list_products(
    request: AnyRequest,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
) -> Page[Product]:
    """List the catalogue by SKU."""
    size = page_size(limit)

    def query(desk: Desk) -> Page[Product]:
        rows, after = page_of(
            desk.catalogue.product_page(cursor or "", size + 1), size, lambda row: row.sku
        )
        return Page(rows, after)

    return await node_of(request).books.read(query)


@get("/api/v1/products/{sku:str}", operation_id="getProduct", opt={"scope": "stock:read"})
async def get_product(request: AnyRequest, sku: FromPath[str]) -> Product:
    """Return one product."""
    product = await node_of(request).books.read(lambda desk: desk.catalogue.product(sku))
    if product is None:
        raise NotFound("sku_unknown", f"Failed to find SKU {sku[:64]!r} in the catalogue.")
    return product


handlers: list[ControllerRouterHandler] = [
    get_availability,
    list_stock,
    put_safety_stock,
    get_serial,
    list_products,
    get_product,
]
