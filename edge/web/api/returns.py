"""Units that customers send back: what a number is, take one back, look again at one set aside."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from edge.services.returned_units import Sold, look_up
from edge.services.take_back import GradeRequest, ReturnRequest, grade_again, take_back
from edge.store import returns
from edge.web.api.requests import PAGE_MAX, AnyRequest, node_of

OK: Final = 200
CodeText = Annotated[str, QueryParameter(min_length=1, max_length=128)]


@get("/api/v1/returns", operation_id="listReturns")
async def list_returns(request: AnyRequest, aside: FromQuery[bool] = False) -> dict[str, Any]:
    """Return units that came back, newest first; `aside` only those that wait for another look."""
    rows = await node_of(request).database.read(
        lambda sql: returns.newest(sql, aside=aside, limit=PAGE_MAX)
    )
    return {"returns": [row._asdict() for row in rows]}


@get("/api/v1/returns/look-up", operation_id="lookUpReturn")
async def look_up_return(request: AnyRequest, code: CodeText) -> Sold:
    """Say whether a serial number or waybill is something this warehouse sold."""
    return await node_of(request).database.read(lambda sql: look_up(sql, code))


@post("/api/v1/returns", operation_id="takeBack", status_code=OK)
async def post_return(request: AnyRequest, data: JSONBody[ReturnRequest]) -> dict[str, Any]:
    """Take one unit back: good, quarantine, repair or scrap. A repeated `op_id` changes nothing."""
    node = node_of(request)
    answer, new = await node.database.write(
        lambda tx: take_back(node.floor(tx, data.op_id, data.badge), data)
    )
    told: dict[str, Any] = msgspec.to_builtins(answer)
    return {"op_id": data.op_id, "outcome": "accepted" if new else "duplicate"} | told


@post("/api/v1/returns/{return_id:str}/grade", operation_id="gradeReturn", status_code=OK)
async def post_grade(
    request: AnyRequest, return_id: FromPath[str], data: JSONBody[GradeRequest]
) -> dict[str, Any]:
    """Give a unit that lies aside another grade; a lead's badge is needed."""
    node = node_of(request)
    answer, new = await node.database.write(
        lambda tx: grade_again(node.floor(tx, data.op_id, data.badge), return_id, data)
    )
    told: dict[str, Any] = msgspec.to_builtins(answer)
    return {"op_id": data.op_id, "outcome": "accepted" if new else "duplicate"} | told


handlers = [list_returns, look_up_return, post_return, post_grade]
