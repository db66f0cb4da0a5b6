"""Labels over HTTP: print one, settle one of unknown fate, and change how they look."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from devices.printers import labels as drawing
from devices.printers import template
from devices.printers.elements import DotsPerMm
from devices.printers.fields import KINDS
from devices.printers.preview import preview_png
from devices.printers.template import NAMES
from edge.services import looks
from edge.services.looks import TemplateChange
from edge.services.order_labels import (
    LabelAnswer,
    LabelDecision,
    LabelOrder,
    PreparedLabel,
    decide,
    order_labels,
    prepare,
)
from edge.store import labels
from edge.web.api.requests import AnyRequest, node_of
from shared.domain.errors import Conflict
from shared.runtime.database import Transaction

OK: Final = 200
ATTEMPTS_MAX: Final = 3
"""Labels that somebody else printed at the same moment are drawn again so often."""


class Draft(msgspec.Struct, frozen=True):
    """A template that is being written."""

    body: Annotated[str, msgspec.Meta(max_length=template.BODY_BYTES_MAX)]


@post("/api/v1/print-jobs", operation_id="postPrintJobs", status_code=OK)
async def post_print_jobs(request: AnyRequest, data: JSONBody[LabelOrder]) -> dict[str, Any]:
    """Print labels for bins, totes, units, cartons or a manifest, with the badge of a lead.

    The answer names the print jobs; a repeated `op_id` prints nothing again.
    """
    node = node_of(request)
    for attempt in range(ATTEMPTS_MAX):
        prepared = await node.database.read(
            partial(prepare, order=data, site=node.site, now_ms=node.clock.wall_ms())
        )

        def use_case(
            tx: Transaction, ready: list[PreparedLabel] = prepared
        ) -> tuple[LabelAnswer, bool]:
            return order_labels(node.floor(tx, data.op_id, data.badge), data, ready)

        try:
            answer, new = await node.database.write(use_case)
            break
        except Conflict as error:
            if error.code == "op_id_reused" or attempt == ATTEMPTS_MAX - 1:
                raise
    told: dict[str, Any] = msgspec.to_builtins(answer)
    return {"op_id": data.op_id, "outcome": "accepted" if new else "duplicate"} | told


@post("/api/v1/print-jobs/{job_id:str}/decision", operation_id="decidePrintJob", status_code=OK)
async def post_decision(
    request: AnyRequest, job_id: FromPath[str], data: JSONBody[LabelDecision]
) -> dict[str, Any]:
    """Say whether a label of unknown fate came out; waybills are settled at their bench."""
    node = node_of(request)
    state = await node.database.write(
        lambda tx: decide(node.floor(tx, data.op_id, data.badge), job_id, data)
    )
    return {"op_id": data.op_id, "job_id": job_id, "state": state}


@get("/api/v1/label-templates", operation_id="getLabelTemplates")
async def get_templates(request: AnyRequest) -> dict[str, Any]:
    """Return every label with its version, and the fields each kind can show, with examples."""
    found = await node_of(request).database.read(
        lambda sql: [(name, looks.current(sql, name).version) for name in NAMES]
    )
    return {
        "templates": [{"name": name, "version": version} for name, version in found],
        "fields": {kind: about.fields for kind, about in KINDS.items()},
    }


@get("/api/v1/label-templates/{name:str}", operation_id="getLabelTemplate")
async def get_template(request: AnyRequest, name: FromPath[str]) -> dict[str, Any]:
    """Return a template's newest version, its text, and who changed it when."""
    rows = await node_of(request).database.read(
        lambda sql: labels.history(sql, looks.known_name(name))
    )
    body = rows[0].body if rows else ""
    return {
        "name": name,
        "version": rows[0].version if rows else 0,
        "body": body or template.default_body(name),
        "history": [row._asdict() for row in rows],
    }


@post("/api/v1/label-templates/{name:str}", operation_id="postLabelTemplate", status_code=OK)
async def post_template(
    request: AnyRequest, name: FromPath[str], data: JSONBody[TemplateChange]
) -> dict[str, Any]:
    """Put a template into use, or the program's own with an empty `body`.

    One that could print a useless label is refused with every mistake (`template_invalid`).
    """
    node = node_of(request)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, looks.check_template, name, data.body)
    version = await node.database.write(
        lambda tx: looks.save_template(node.floor(tx, data.op_id, data.badge), name, data)
    )
    return {"op_id": data.op_id, "name": name, "version": version}


@post(
    "/api/v1/label-templates/{name:str}/preview", operation_id="previewLabelTemplate",
    status_code=OK,
)  # fmt: skip
async def post_preview(
    name: FromPath[str], data: JSONBody[Draft], dots: FromQuery[int] = 8
) -> Response[bytes]:
    """Return a label of this template with examples as a picture, one pixel per printed dot."""

    def draw() -> bytes:
        head: DotsPerMm = 12 if dots == 12 else 8
        return preview_png(drawing.sample(looks.check_template(name, data.body), head))

    picture = await asyncio.get_running_loop().run_in_executor(None, draw)
    return Response(picture, media_type="image/png", headers={"Cache-Control": "no-store"})


handlers: list[ControllerRouterHandler] = [
    post_print_jobs,
    post_decision,
    get_templates,
    get_template,
    post_template,
    post_preview,
]
