"""What every handler needs from a request: the node, the reader's language, words for a verdict."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, Final

from litestar import Request
from litestar.params import QueryParameter

from edge.domain.verdict import Params, Verdict
from shared.domain.errors import NotFound
from shared.web.messages import Catalogue, choose

if TYPE_CHECKING:
    from edge.app import EdgeNode

PAGE_MAX: Final = 500
"""Rows of a list that one request may ask for."""

MIB: Final = 1 << 20

AnyRequest = Request[Any, Any, Any]
InState = Annotated[str, QueryParameter(name="state")]
"""The query parameter `state`; the framework keeps that argument name for itself."""


def node_of(request: AnyRequest) -> EdgeNode:
    """Return the node that serves this request."""
    node: EdgeNode = request.app.state.node
    return node


def language_of(request: AnyRequest) -> str:
    """Return the reader's language: the cookie `lang`, else the browser's, else Chinese."""
    return choose(request.headers.get("accept-language"), request.cookies.get("lang"))


def sentence(catalogue: Catalogue, language: str, code: str, params: Params) -> str:
    """Return the words for `code`; a time parameter `x_ms` also fills `{x}` as local time."""
    if not code:
        return ""
    if "sentence" in params:
        return str(params["sentence"])
    times = {
        name.removesuffix("_ms"): time.strftime("%m-%d %H:%M", time.localtime(int(value) / 1_000))
        for name, value in params.items()
        if name.endswith("_ms")
    }
    return catalogue.text(language, code, **params, **times)


def told(catalogue: Catalogue, language: str, verdict: Verdict) -> dict[str, Any]:
    """Return a verdict with its words, as stations show it."""
    return {
        "code": verdict.code,
        "message": sentence(catalogue, language, verdict.code, verdict.params),
        "signal": verdict.signal,
        "params": verdict.params,
        "next": {
            "code": verdict.ask,
            "message": sentence(catalogue, language, verdict.ask, verdict.ask_params),
            "params": verdict.ask_params,
        },
    }


def storage_view(node: EdgeNode, language: str) -> dict[str, Any]:
    """Return the state of the disk with its words, as every screen shows it."""
    now = node.storage.now
    params: Params = {"free": now.free_bytes // MIB, "ms": now.commit_ms}
    return {
        "level": now.level,
        "slow": now.slow,
        "code": now.code,
        "message": sentence(node.catalogue, language, now.code, params),
        "free_bytes": now.free_bytes,
        "used_percent": now.used_percent,
        "ballast_bytes": now.ballast_bytes,
        "found": now.found,
    }


def absent(what: str, name: str) -> NotFound:
    """Return the error for something that is not here."""
    return NotFound(
        f"{what.replace(' ', '_')}_unknown",
        f"Failed to show {what} {name}: there is none with this name here.",
        hint="Check the number and try again.",
    )
