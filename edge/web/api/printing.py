"""Print jobs over HTTP: what was ordered, what became of it, and the label exactly as printed."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.params import FromPath, FromQuery
from litestar.types import ControllerRouterHandler

from devices.printers.preview import preview_png
from devices.printers.trouble import code_of
from edge.domain.printing import shown_state
from edge.store import print_jobs
from edge.store.print_jobs import PrintJob
from edge.web.api.requests import PAGE_MAX, AnyRequest, absent, node_of

ZPL_MEDIA: Final = "application/octet-stream"
LABEL_AGE: Final = "private, max-age=86400, immutable"
"""The bytes of a job never change, so a browser may keep the picture."""


@get("/api/v1/print-jobs", operation_id="getPrintJobs")
async def get_print_jobs(request: AnyRequest, limit: FromQuery[int] = 100) -> dict[str, Any]:
    """Return the newest print jobs, newest first, without their bytes."""
    jobs = await node_of(request).database.read(
        lambda sql: print_jobs.newest(sql, max(1, min(limit, PAGE_MAX)))
    )
    return {"print_jobs": [_told(job) for job in jobs]}


@get("/api/v1/print-jobs/{job_id:str}", operation_id="getPrintJob")
async def get_print_job(request: AnyRequest, job_id: FromPath[str]) -> dict[str, Any]:
    """Return one print job."""
    job = await node_of(request).database.read(lambda sql: print_jobs.get(sql, job_id))
    if job is None:
        raise absent("print job", job_id)
    return _told(job)


@get("/api/v1/print-jobs/{job_id:str}/label.zpl", operation_id="getLabelZpl")
async def get_label_zpl(request: AnyRequest, job_id: FromPath[str]) -> Response[bytes]:
    """Return the frozen bytes of a label."""
    return Response(
        await _bytes(request, job_id), media_type=ZPL_MEDIA, headers={"Cache-Control": LABEL_AGE}
    )


@get("/api/v1/print-jobs/{job_id:str}/label.png", operation_id="getLabelPng")
async def get_label_png(request: AnyRequest, job_id: FromPath[str]) -> Response[bytes]:
    """Return a label as a picture, one pixel per printed dot."""
    job = await _bytes(request, job_id)
    picture = await asyncio.get_running_loop().run_in_executor(None, preview_png, job)
    return Response(picture, media_type="image/png", headers={"Cache-Control": LABEL_AGE})


async def _bytes(request: AnyRequest, job_id: str) -> bytes:
    zpl = await node_of(request).database.read(lambda sql: print_jobs.zpl(sql, job_id))
    if zpl is None:
        raise absent("print job", job_id)
    return zpl


def _told(job: PrintJob) -> dict[str, Any]:
    return msgspec.structs.asdict(job) | {
        "shown": shown_state(job.state, job.trouble),
        "cause": code_of(job.trouble),
    }


handlers: list[ControllerRouterHandler] = [
    get_print_jobs,
    get_print_job,
    get_label_zpl,
    get_label_png,
]
