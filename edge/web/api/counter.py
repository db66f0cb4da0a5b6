"""The counter: what this warehouse may sell by itself, a sale, and units written off."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import get, post
from litestar.params import JSONBody

from edge.services.local_sale import SaleRequest, sell_local
from edge.services.loss import LossRequest, report_loss
from edge.store import quotas
from edge.web.api.requests import AnyRequest, node_of

OK: Final = 200


@get("/api/v1/quota", operation_id="listQuota")
async def list_quota(request: AnyRequest) -> dict[str, Any]:
    """Return per SKU the rights this warehouse was lent, and how many units it may sell now."""
    offers, frozen = await node_of(request).database.read(
        lambda sql: (quotas.offers(sql), quotas.frozen(sql))
    )
    return {
        "frozen": frozen,
        "quota": [
            one._asdict() | {"free": one.free, "sellable": 0 if frozen else one.sellable}
            for one in offers
        ],
    }


@post("/api/v1/local-sales", operation_id="sellLocal", status_code=OK)
async def post_sale(request: AnyRequest, data: JSONBody[SaleRequest]) -> dict[str, Any]:
    """Sell over the counter within this warehouse's quota; a repeated `op_id` sells nothing again.

    Beyond the quota the answer is 422 `quota_exceeded` with the number that may still be sold.
    """
    node = node_of(request)
    answer, new = await node.database.write(
        lambda tx: sell_local(node.floor(tx, data.op_id, data.badge), data)
    )
    told: dict[str, Any] = msgspec.to_builtins(answer)
    return {"op_id": data.op_id, "outcome": "accepted" if new else "duplicate"} | told


@post("/api/v1/losses", operation_id="reportLoss", status_code=OK)
async def post_loss(request: AnyRequest, data: JSONBody[LossRequest]) -> dict[str, Any]:
    """Write units off that are gone or broken and on no pick list."""
    node = node_of(request)
    new = await node.database.write(
        lambda tx: report_loss(node.floor(tx, data.op_id, data.badge), data)
    )
    return {"op_id": data.op_id, "outcome": "accepted" if new else "duplicate"}


handlers = [list_quota, post_sale, post_loss]
