"""Who asks: the bearer token behind a request, and whether it may do what it asks.

Every route names the scope it needs in `opt["scope"]`; `public` is for probes and for enrolment,
which brings its own secret. A route that names nothing is closed to all but `admin`.
"""

from __future__ import annotations

from typing import Any

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from hub.services.access import allows
from shared.domain.errors import Forbidden, Unauthorized

PUBLIC = "public"
PUBLIC_PATHS = frozenset({"/api/v1/enrolments"})


class Principal(msgspec.Struct, frozen=True):
    """Who carries a token."""

    name: str
    scopes: frozenset[str]


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let a request through only with a token that carries the route's scope."""
    wanted = str(handler.opt.get("scope", "admin"))
    if wanted == PUBLIC or handler.paths & PUBLIC_PATHS:
        return
    principal = await _principal(connection)
    if not allows(principal.scopes, wanted):
        raise Forbidden(
            "scope_missing",
            f"The token {principal.name!r} may not do this: expected the scope {wanted}.",
            hint="Make a token with this scope: bincard hub create-token --name N --scopes "
            f"{wanted}",
        )
    connection.state.principal = principal


async def _principal(connection: ASGIConnection[Any, Any, Any, Any]) -> Principal:
    kind, _, token = connection.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise Unauthorized(
            "token_missing",
            "No token came with the request: expected the header Authorization: Bearer TOKEN.",
            hint="Make one with: bincard hub create-token --name N --scopes orders:read",
        )
    principal: Principal | None = await connection.app.state.node.principal(token.strip())
    if principal is None:
        raise Unauthorized(
            "token_unknown",
            "The token that came with the request is not known here, or was revoked.",
            hint="Make a new one with: bincard hub create-token",
        )
    return principal
