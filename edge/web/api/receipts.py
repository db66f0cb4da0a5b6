"""Advance shipping notices: what is announced, and what came."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody

from edge.services.receive_bulk import BulkReceipt, NewReceipt, make_receipt, receive_bulk
from edge.store import receipts
from edge.web.api.requests import AnyRequest, InState, absent, language_of, node_of, sentence

OK: Final = 200
ACTOR: Final = "http"


@get("/api/v1/receipts", operation_id="listReceipts")
async def list_receipts(request: AnyRequest, in_state: InState = "") -> dict[str, Any]:
    """Return notices, open ones first."""
    rows = await node_of(request).database.read(lambda sql: receipts.summaries(sql, state=in_state))
    return {"receipts": [row._asdict() for row in rows]}


@get("/api/v1/receipts/{asn:str}", operation_id="getReceipt")
async def get_receipt(request: AnyRequest, asn: FromPath[str]) -> dict[str, Any]:
    """Return one notice with its lines."""
    node = node_of(request)
    row = await node.database.read(lambda sql: receipts.get(sql, asn))
    if row is None:
        raise absent("receipt", asn)
    lines = await node.database.read(lambda sql: receipts.lines(sql, asn))
    return row._asdict() | {"lines": [msgspec.structs.asdict(line) for line in lines]}


@post("/api/v1/receipts", operation_id="makeReceipt", status_code=OK)
async def post_receipt(request: AnyRequest, data: JSONBody[NewReceipt]) -> dict[str, Any]:
    """Make a notice at this warehouse. A repeated `op_id` returns the first one.

    Goods that came are always taken in; a further notice is new work, which a full disk refuses.
    """
    node = node_of(request)
    node.storage.expect_room()
    asn = await node.database.write(
        lambda tx: make_receipt(node.floor(tx, data.op_id, ACTOR), data)
    )
    return {"op_id": data.op_id, "asn": asn}


@post("/api/v1/receipts/{asn:str}/bulk", operation_id="receiveBulk", status_code=OK)
async def post_bulk(
    request: AnyRequest, asn: FromPath[str], data: JSONBody[BulkReceipt]
) -> dict[str, Any]:
    """Receive a list of serial numbers; each bad one comes back with its reason."""
    node, language = node_of(request), language_of(request)
    outcome = await node.database.write(
        lambda tx: receive_bulk(node.floor(tx, data.op_id, data.badge or ACTOR), asn, data)
    )
    answer: dict[str, Any] = msgspec.to_builtins(outcome)
    for rejected in answer["rejected"]:
        params = {"sn": rejected["serial"], "sku": outcome.sku, "asn": asn}
        rejected["message"] = sentence(node.catalogue, language, rejected["code"], params)
    return answer | {"op_id": data.op_id}


handlers = [list_receipts, get_receipt, post_receipt, post_bulk]
