"""The description of the hub's interface (OpenAPI 3.1), completed with what handlers cannot say.

The framework describes what an operation returns when all goes well. Integrators need the other
half too: every refusal is one shape, `application/problem+json`, and each operation lists the
statuses it may answer with, so that a client can be generated from the description and trusted.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from hub.domain.channel_order import ChannelOrder
from hub.services.order_views import OrderView
from shared.web.problems import MEDIA_TYPE, Problem

SCHEMA_TEMPLATE: Final = "#/components/schemas/{name}"
METHODS: Final = frozenset({"get", "put", "post", "delete", "patch"})
_READING: Final = ("400", "401", "403", "404", "503")
_WRITING: Final = (*_READING, "409", "412", "413", "422", "429")
_MEANINGS: Final = {
    "400": "The request cannot be read; `detail` says which part.",
    "401": "No token, or one that is not known.",
    "403": "The token lacks the scope.",
    "404": "There is no such thing.",
    "409": "It contradicts something recorded before, such as another body under the same key.",
    "412": "It changed since the state that If-Match names.",
    "413": "The body is larger than this operation takes.",
    "422": "It was understood and refused; `code` says why.",
    "429": "Too much at once; the same request goes through later.",
    "503": "Nothing can be recorded at the moment; the same request goes through later.",
}
TAGGED: Final = frozenset(
    {
        "getOrder", "listOrders", "getShipment", "getWarehouse", "listWarehouses", "listRules",
        "getRule", "getProduct", "listProducts", "listShops", "getShop", "listCouriers",
        "getWebhook", "listWebhooks", "listStock", "getAvailability", "getSerial",
    }
)  # fmt: skip
"""Answers whose tag is worth keeping; every other JSON answer has one too."""
_TAKING_TAGS: Final = frozenset(
    {
        "cancelOrder", "amendOrder", "releaseHold", "putRule", "putWebhook", "deleteWebhook",
        "rotateWebhookSecret",
    }
)  # fmt: skip
_TEXT: Final[dict[str, Any]] = {"schema": {"type": "string"}}
_LISTED: Final = frozenset({"/healthz", "/metrics"})
"""Probes that are never refused."""


def describe(schema: dict[str, Any]) -> dict[str, Any]:
    """Return `schema` (as the framework made it) with bodies and refusals; changes it in place."""
    (order, shown, _), parts = msgspec.json.schema_components(
        [ChannelOrder, OrderView, Problem], ref_template=SCHEMA_TEMPLATE
    )
    schema["components"].setdefault("schemas", {}).update(parts)
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            if method in METHODS and path not in _LISTED:
                _add_refusals(method, operation)
            if method in METHODS and operation.get("operationId") in TAGGED | _TAKING_TAGS:
                _add_tags(method, operation)
    orders = schema["paths"]["/api/v1/orders"]["post"]
    orders["requestBody"] = _body(
        {"application/json": {"schema": order}, "application/x-ndjson": _TEXT, "text/csv": _TEXT}
    )
    answers = {"application/json": {"schema": {}}, "application/x-ndjson": _TEXT}
    orders["responses"]["200"] = {"description": "A repeat, or a batch.", "content": answers}
    orders["responses"]["201"]["content"] = {"application/json": {"schema": shown}}
    webhook = schema["paths"]["/api/v1/channels/{channel}/{shop}/webhook"]["post"]
    webhook["requestBody"] = _body({"application/json": {"schema": {"type": "object"}}})
    imports = schema["paths"]["/api/v1/imports/{kind}"]["post"]
    imports["requestBody"] = _body({"text/csv": _TEXT})
    _repair_lists(schema)
    return schema


def _repair_lists(part: Any) -> None:
    """Say what is in a list of any length; the framework reads its `...` as "or anything"."""
    if isinstance(part, list):
        for item in part:
            _repair_lists(item)
    elif isinstance(part, dict):
        match part.get("items"):
            case {"oneOf": [kind, {**nothing}]} if not nothing:
                part["items"] = kind
        for value in part.values():
            _repair_lists(value)


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": content}


def _add_tags(method: str, operation: dict[str, Any]) -> None:
    """Say that answers carry tags and that requests may name them."""
    name = "If-None-Match" if method == "get" else "If-Match"
    about = "ETag of the answer you have" if method == "get" else "ETag of the state you saw"
    header = {"name": name, "in": "header", "required": False, "description": about}
    operation.setdefault("parameters", []).append(header | _TEXT)
    if method == "get":
        operation["responses"]["304"] = {"description": "Nothing has changed since."}
        for answer in (operation["responses"].get("200"),):
            if answer is not None:
                answer.setdefault("headers", {})["ETag"] = _TEXT | {"description": "Its tag."}


def _add_refusals(method: str, operation: dict[str, Any]) -> None:
    for status in _READING if method == "get" else _WRITING:
        operation["responses"][status] = {
            "description": _MEANINGS[status],
            "content": {
                MEDIA_TYPE: {"schema": {"$ref": SCHEMA_TEMPLATE.format(name=Problem.__name__)}}
            },
        }
