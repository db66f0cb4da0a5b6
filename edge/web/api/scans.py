"""The scan door over HTTP: one scan or a handheld's whole queue, answered in order."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Any, Final, Protocol

import msgspec
from litestar import post
from litestar.params import JSONBody

from edge.services.floor import Floor
from edge.services.scan import (
    BATCH_MAX,
    ScanAnswer,
    ScanRequest,
    refuse_once,
    scan_once,
)
from edge.web.api.requests import AnyRequest, language_of, node_of, told
from shared.domain.errors import BincardError, Refused
from shared.runtime.database import Database, Transaction
from shared.web.messages import Catalogue

Batch = Annotated[list[ScanRequest], msgspec.Meta(max_length=BATCH_MAX)]
OK: Final = 200


@post("/api/v1/scans", operation_id="postScans", status_code=OK)
async def post_scans(
    request: AnyRequest, data: JSONBody[ScanRequest | Batch]
) -> dict[str, Any] | list[dict[str, Any]]:
    """Judge one scan, or up to 256 in the order in which they were made."""
    node = node_of(request)
    language = language_of(request)
    if isinstance(data, ScanRequest):
        answer = await judge(node, data)
        if isinstance(answer, BincardError):
            raise answer
        return _told(node.catalogue, language, answer)
    # All are queued before the first is awaited: the writer keeps their order and commits them
    # together.
    answers = await asyncio.gather(*[judge(node, scan) for scan in data])
    for answer in answers:
        if isinstance(answer, BincardError) and answer.retryable:
            raise answer
    return [
        _told(node.catalogue, language, answer)
        if isinstance(answer, ScanAnswer)
        else _told_error(scan.op_id, answer)
        for scan, answer in zip(data, answers, strict=True)
    ]


class Node(Protocol):
    """What the door needs of the node."""

    database: Database

    def floor(self, tx: Transaction, op_id: str, actor: str) -> Floor:
        """Return the floor for one use case inside `tx`."""
        ...


async def judge(node: Node, scan: ScanRequest) -> ScanAnswer | BincardError:
    """Return the answer to one scan, or the error that kept it from being stored."""
    try:
        return await node.database.write(partial(scan_once, scan=scan, make_floor=node.floor))
    except Refused as refused:
        return await node.database.write(
            partial(refuse_once, scan=scan, error=refused, make_floor=node.floor)
        )
    except BincardError as error:
        return error


def _told(catalogue: Catalogue, language: str, answer: ScanAnswer) -> dict[str, Any]:
    head = {"op_id": answer.op_id, "outcome": answer.outcome}
    return head | told(catalogue, language, answer.verdict)


def _told_error(op_id: str, error: BincardError) -> dict[str, Any]:
    return {
        "op_id": op_id,
        "outcome": "rejected",
        "code": error.code,
        "message": f"{error.message} {error.hint}".strip(),
        "signal": "stop",
        "params": {},
        "next": {"code": "", "message": "", "params": {}},
    }


handlers = [post_scans]
