"""The hub, put together: books, promises, the port for warehouses, the interface for channels.

This is the file to read second. `HubNode` (in `hub.node`) holds what lives as long as the process;
`create_app` mounts every room's handlers on it; the lifespan starts what runs beside the requests
and stops it in the reverse order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from litestar import Litestar, Response
from litestar.datastructures import State
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ControllerRouterHandler

from hub.node import HubNode
from hub.settings import Settings
from hub.web import enrolments
from hub.web.api import (
    admin,
    couriers,
    feeds,
    health,
    network,
    orders,
    presales,
    reservations,
    rules,
    shops,
    stock,
    webhooks,
)
from hub.web.principal import guard
from hub.web.requests import BODY_BYTES_MAX, AnyRequest
from shared.runtime import logs
from shared.runtime.serve import serve as serve_app
from shared.web import problems
from shared.web.conditional import conditional

RING_SECONDS: Final = 0.02
"""Pause between two tries to reach our own port while the server starts."""


def create_app(node: HubNode) -> Litestar:
    """Return the ASGI application of `node`, every room mounted."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        app.state.enrolment = await node.start()
        ready = asyncio.create_task(_announce(node))
        try:
            yield
        finally:
            ready.cancel()
            await node.stop()

    handlers: list[ControllerRouterHandler] = [
        *orders.handlers,
        *reservations.handlers,
        *stock.handlers,
        *network.handlers,
        *feeds.handlers,
        *admin.handlers,
        *couriers.handlers,
        *shops.handlers,
        *presales.handlers,
        *rules.handlers,
        *webhooks.handlers,
        *health.handlers,
        *enrolments.handlers,
    ]
    return Litestar(
        route_handlers=handlers,
        lifespan=[lifespan],
        state=State({"node": node}),
        guards=[guard],
        middleware=[conditional],
        exception_handlers={**problems.HANDLERS, RequestEntityTooLarge: _too_large},
        openapi_config=OpenAPIConfig(
            title="Bincard hub",
            version="1",
            path="/schema/pages",
            render_plugins=[JsonRenderPlugin()],
            use_handler_docstrings=True,
            components=Components(
                security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}
            ),
            security=[{"token": []}],
        ),
        logging_config=None,
        request_max_body_size=BODY_BYTES_MAX,
    )


def _too_large(request: AnyRequest, _: Exception) -> Response[problems.Problem]:
    """Say how much a request may carry."""
    limit = request.route_handler.resolve_request_max_body_size()
    return problems.response(
        problems.Problem(
            type="urn:bincard:problem:body_too_large",
            title="body too large",
            status=413,
            detail=f"Failed to read the request: expected at most {limit} bytes in its body, "
            "got more. Nothing of it was stored.",
            code="body_too_large",
            hint="Split it: orders go in NDJSON bodies of up to 500, files in several parts.",
        )
    )


async def _announce(node: HubNode) -> None:
    """Write `run.json` once the port really answers."""
    while not node.stopping.is_set():
        with suppress(OSError):
            _, writer = await asyncio.open_connection(node.settings.http_host, node.http_port)
            writer.close()
            await asyncio.to_thread(node.write_run_file)
            return
        await asyncio.sleep(RING_SECONDS)


def serve(settings: Settings) -> None:
    """Run the hub until it is asked to stop."""
    logs.configure(node="hub")
    node = HubNode(settings)

    def bound(port: int) -> None:
        node.http_port = port

    serve_app(
        create_app(node),
        host=settings.http_host,
        port=settings.http_port,
        stopping=node.stopping,
        on_ready=bound,
    )
