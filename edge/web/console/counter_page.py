"""The counter's page: what may be sold here now, the form that sells, and the last sales.

Everything on it comes from this warehouse's own books, so it works with the line to the hub cut.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from litestar import Request, Response, get
from litestar.types import ControllerRouterHandler

from edge.services.local_sale import recent_sales
from edge.store import quotas
from edge.web.console import parts

SALES_SHOWN: Final = 20


@get("/counter", include_in_schema=False)
async def counter(request: Request[Any, Any, Any]) -> Response[str]:
    """Show the quota per SKU, the form for a sale, and the newest sales."""

    def read(sql: sqlite3.Connection) -> dict[str, Any]:
        return {
            "offers": quotas.offers(sql),
            "frozen": quotas.frozen(sql),
            "sales": recent_sales(sql, SALES_SHOWN),
        }

    values = await request.app.state.node.database.read(read)
    return await parts.page(request, "counter.html", **values)


handlers: list[ControllerRouterHandler] = [counter]
