"""Errors over HTTP: RFC 9457 problem details with a stable `code` and a `hint` for people."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from shared.domain.errors import BincardError
from shared.runtime import logs

MEDIA_TYPE = "application/problem+json"

log = logs.get("web")


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of every error answer (RFC 9457 section 3, plus `code`, `hint`, `retryable`)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str = ""
    retryable: bool = False
    errors: list[dict[str, str]] = []


def response(problem: Problem) -> Response[Problem]:
    """Return `problem` as an HTTP answer."""
    headers = {"Retry-After": "1"} if problem.status in {429, 503} else None
    return Response(
        problem, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers or {}
    )


def from_error(error: BincardError) -> Problem:
    """Return the problem that tells `error`."""
    return Problem(
        type=f"urn:bincard:problem:{error.code}",
        title=error.code.replace("_", " "),
        status=error.status,
        detail=error.message,
        code=error.code,
        hint=error.hint,
        retryable=error.retryable,
    )


def _on_bincard_error(_: Request[Any, Any, Any], error: BincardError) -> Response[Problem]:
    return response(from_error(error))


def _on_http_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """Tell the framework's own errors (bad JSON, unknown path) in the same form."""
    errors = [
        {"pointer": "/" + str(item.get("key", "")).replace(".", "/"), "detail": item["message"]}
        for item in (error.extra if isinstance(error.extra, list) else [])
        if isinstance(item, dict) and "message" in item
    ]
    code = {400: "invalid_request", 401: "unauthorized", 403: "forbidden", 404: "not_found"}.get(
        error.status_code, f"http_{error.status_code}"
    )
    return response(
        Problem(
            type=f"urn:bincard:problem:{code}",
            title=code.replace("_", " "),
            status=error.status_code,
            detail=error.detail,
            code=code,
            hint="Compare the request with /schema." if error.status_code == 400 else "",
            errors=errors,
        )
    )


def _on_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    log.error("request_failed", path=request.url.path, kind=type(error).__name__, exc_info=error)
    return response(
        Problem(
            type="urn:bincard:problem:internal",
            title="internal",
            status=500,
            detail="The node could not answer; nothing of this request was stored.",
            code="internal",
            hint="Send the same request again. If it comes back, call support.",
            retryable=True,
        )
    )


HANDLERS: ExceptionHandlersMap = {
    BincardError: _on_bincard_error,
    HTTPException: _on_http_error,
    Exception: _on_unexpected,
}
