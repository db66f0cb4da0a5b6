"""The simulated shop over HTTP: its faces, its faults, and the buttons people press in it.

`/generic/...`, `/shopify/...` and `/woocommerce/...` are its faces. `/shop/...` are the buttons:
sell, change, cancel, misbehave, catch up, and a look at its books.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any, Final, Literal

import httpx
import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler, route
from litestar.params import FromPath, JSONBody

from hub.channels.signing import check_standard_webhook, hmac_base64, standard_webhook
from hub.shops.simulated import generic_face, shopify_face, woocommerce_face
from hub.shops.simulated.faults import Fault, Faults
from hub.shops.simulated.shop import SimulatedShop, SoldOrder
from shared.runtime.clock import SystemEntropy
from shared.runtime.serve import serve
from shared.web import problems

SILENT_SECONDS: Final = 30.0
"""A silent shop hangs up after this; every caller gives up before."""
WEBHOOK_SECONDS: Final = 10.0
Face = Literal["generic", "shopify", "woocommerce"]
FACES: Final[dict[str, Callable[[SimulatedShop, str, str, bytes], tuple[int, Any]]]] = {
    "generic": generic_face.answer,
    "shopify": shopify_face.answer,
    "woocommerce": woocommerce_face.answer,
}
AnyRequest = Request[Any, Any, State]


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """Units somebody buys. `webhooks`: how often the shop tells; `force`: it does not look."""

    order_no: str
    lines: list[tuple[str, int]]
    webhooks: int = 1
    force: bool = False


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of an order by its buyer."""

    state: Literal["open", "waiting", "cancelled", "closed"] | None = None
    address: dict[str, Any] | None = None
    webhooks: int = 1


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Send the webhook of an order again, as it is or as it was."""

    order_no: str
    version: int | None = None


class Stage:
    """The shop, its faults, and how it tells of orders."""

    def __init__(self, secret: str, webhook_url: str, face: Face = "generic") -> None:
        """`secret` signs webhooks and is expected of calls; an empty `webhook_url` tells nobody."""
        self.shop = SimulatedShop()
        self.faults = Faults()
        self.secret = secret
        self.webhook_url = webhook_url
        self.face = face
        self.history: dict[tuple[str, int], bytes] = {}
        self.late: list[tuple[str, str, str, bytes]] = []
        self.answers: list[int] = []
        self.calls: list[str] = []
        self._sent = 0

    def told_body(self, order: SoldOrder) -> bytes:
        """Return a webhook's body for `order`, and remember it under its version."""
        if self.face == "shopify":
            content: Any = shopify_face.rest(order)
        elif self.face == "woocommerce":
            content = woocommerce_face.order_json(order)
        else:
            content = {"type": "order.updated", "data": generic_face.item(order)}
        body = msgspec.json.encode(content)
        self.history[order.order_no, order.version] = body
        return body

    def headers(self, body: bytes) -> dict[str, str]:
        """Return the signed headers of a webhook."""
        if self.face == "shopify":
            signed = hmac_base64(self.secret.encode(), body)
            return {"x-shopify-hmac-sha256": signed, "x-shopify-topic": "orders/updated"}
        if self.face == "woocommerce":
            signed = hmac_base64(self.secret.encode(), body)
            return {"x-wc-webhook-signature": signed, "x-wc-webhook-topic": "order.updated"}
        self._sent += 1
        message_id, stamp = f"msg_{self._sent}", str(int(time.time()))
        return {
            "webhook-id": message_id,
            "webhook-timestamp": stamp,
            "webhook-signature": standard_webhook(self.secret, message_id, stamp, body),
        }

    async def tell(self, body: bytes, times: int) -> None:
        """Send a webhook `times` times; the answers are kept."""
        if not self.webhook_url:
            return
        async with httpx.AsyncClient(timeout=WEBHOOK_SECONDS, trust_env=False) as http:
            for _ in range(times):
                sent = await http.post(self.webhook_url, content=body, headers=self.headers(body))
                self.answers.append(sent.status_code)


def create_shop(stage: Stage) -> Litestar:
    """Return the simulated shop's application."""
    return Litestar(
        route_handlers=list(HANDLERS),
        state=State({"stage": stage}),
        exception_handlers=problems.HANDLERS,
        logging_config=None,
        openapi_config=None,
    )


def _stage(request: AnyRequest) -> Stage:
    stage: Stage = request.app.state.stage
    return stage


@route(
    ["/generic/{path:path}", "/shopify/{path:path}", "/woocommerce/{path:path}"],
    http_method=["GET", "POST", "PUT"],
    status_code=200,
)
async def called(request: AnyRequest, path: FromPath[str]) -> Response[bytes]:
    """Answer a call to one of the faces, or fail it as told."""
    stage = _stage(request)
    face = request.url.path.strip("/").partition("/")[0]
    body = await request.body()
    query = f"?{request.url.query}" if request.url.query else ""
    target = f"{path}{query}"
    operation = shopify_face.operation(body) if face == "shopify" else path
    stage.calls.append(f"{request.method} {operation}")
    if face == "generic":
        _check_signature(stage, request, f"{request.url.path}{query}", body)
    wrong = stage.faults.take(str(request.method), operation)
    if wrong == "late":
        stage.late.append((face, str(request.method), target, body))
    if wrong in {"silent_before", "late"}:
        await asyncio.sleep(SILENT_SECONDS)
    if wrong is not None and wrong.isdigit():
        headers = {"retry-after": "0"} if wrong == "429" else {}
        return Response(b"{}", status_code=int(wrong), headers=headers)
    status, content = FACES[face](stage.shop, str(request.method), target, body)
    if wrong == "silent_after":
        await asyncio.sleep(SILENT_SECONDS)
    text = b"<html>" if wrong == "garbage" else msgspec.json.encode(content)
    return Response(text, status_code=status, media_type="application/json")


def _check_signature(stage: Stage, request: AnyRequest, target: str, body: bytes) -> None:
    """A shop checks us as we check it."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    signed = f"{request.method} {target}\n".encode() + body
    check_standard_webhook([stage.secret], headers, signed, int(time.time() * 1000))


@post("/shop/sell", status_code=200)
async def sell(request: AnyRequest, data: JSONBody[Sale]) -> dict[str, Any]:
    """Buy something."""
    stage = _stage(request)
    now_ms = int(time.time() * 1000)
    order = stage.shop.sell(data.order_no, data.lines, now_ms, force=data.force)
    await stage.tell(stage.told_body(order), data.webhooks)
    return {"order_no": order.order_no, "version": order.version}


@post("/shop/orders/{order_no:str}/change", status_code=200)
async def change(
    request: AnyRequest, order_no: FromPath[str], data: JSONBody[Change]
) -> dict[str, Any]:
    """Change or cancel an order."""
    stage = _stage(request)
    fields = {
        name: value for name in ("state", "address") if (value := getattr(data, name)) is not None
    }
    order = stage.shop.change(order_no, int(time.time() * 1000), **fields)
    await stage.tell(stage.told_body(order), data.webhooks)
    return {"order_no": order.order_no, "version": order.version}


@post("/shop/tell", status_code=200)
async def tell(request: AnyRequest, data: JSONBody[Told]) -> dict[str, Any]:
    """Send a webhook again, also one of an older version."""
    stage = _stage(request)
    order = stage.shop.need(data.order_no)
    body = stage.history[data.order_no, data.version or order.version]
    await stage.tell(body, 1)
    return {"answer": stage.answers[-1]}


@post("/shop/faults", status_code=200)
async def add_fault(request: AnyRequest, data: JSONBody[Fault]) -> dict[str, int]:
    """Let something go wrong."""
    faults = _stage(request).faults
    faults.add(data)
    return {"left": faults.left()}


@post("/shop/catch-up", status_code=200)
async def catch_up(request: AnyRequest) -> dict[str, Any]:
    """Do now what was asked for late."""
    stage = _stage(request)
    done = [FACES[face](stage.shop, *rest)[0] for face, *rest in _drain(stage.late)]
    return {"answers": done}


def _drain(late: list[Any]) -> list[Any]:
    found = late[:]
    late.clear()
    return found


@get("/shop/books")
async def look(request: AnyRequest) -> Response[bytes]:
    """Show the shop's books."""
    stage = _stage(request)
    shop = stage.shop
    return Response(
        msgspec.json.encode(
            {
                "orders": shop.orders,
                "shown": shop.shown,
                "sold": shop.sold,
                "parcels": shop.parcels,
                "pushes": shop.pushes,
                "answers": stage.answers,
                "calls": stage.calls,
                "faults_left": stage.faults.left(),
            }
        ),
        media_type="application/json",
    )


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    called, sell, change, tell, add_fault, catch_up, look,
)  # fmt: skip


def serve_shop(port: int, secret: str, webhook_url: str) -> None:
    """Serve a simulated shop until it is stopped; print where it listens and its secret."""
    kept = secret or "whsec_" + b64encode(SystemEntropy().token_bytes(24)).decode()

    def ready(bound: int) -> None:
        told = {"url": f"http://127.0.0.1:{bound}/generic", "webhook_secret": kept}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()

    stage = Stage(kept, webhook_url)
    serve(create_shop(stage), host="127.0.0.1", port=port, stopping=asyncio.Event(), on_ready=ready)
