"""What every handler does the same way: find the node, page through lists, repeat an answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

import msgspec
from litestar import Request, Response
from litestar.datastructures import State

from hub.node import HubNode
from hub.services.access import first_answer
from hub.store.protocol import Desk
from hub.web.principal import Principal
from shared.domain.errors import InvalidInput, Stale
from shared.web.conditional import etag_of, names

PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 200
KEY_CHARS_MAX: Final = 128
BODY_BYTES_MAX: Final = 1_048_576
"""Largest body of an ordinary request."""
ORDERS_BODY_BYTES_MAX: Final = 8_388_608
"""Largest body of a batch of orders."""
FILE_BODY_BYTES_MAX: Final = 67_108_864
"""Largest imported file."""

AnyRequest = Request[Any, Any, State]
T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; `next` is the cursor of the following page, null at the end."""

    items: list[T]
    next: str | None


def node_of(request: AnyRequest) -> HubNode:
    """Return the hub this application serves."""
    node: HubNode = request.app.state.node
    return node


def principal_of(request: AnyRequest) -> Principal:
    """Return who carries the token of this request."""
    principal: Principal = request.state.principal
    return principal


def page_size(limit: int | None) -> int:
    """Return how many items a page holds; raises InvalidInput `limit_invalid`."""
    if limit is None:
        return PAGE_DEFAULT
    if not 1 <= limit <= PAGE_MAX:
        raise InvalidInput(
            "limit_invalid",
            f"Failed to list: expected limit from 1 to {PAGE_MAX}, got {limit}.",
            hint="Follow `next` to read more.",
        )
    return limit


def page_of(rows: list[T], size: int, cursor: Callable[[T], str]) -> tuple[list[T], str | None]:
    """Return (items, next cursor) of `rows`, which were read with one row more than `size`."""
    if len(rows) <= size:
        return rows, None
    return rows[:size], cursor(rows[size - 1])


def cursor_number(cursor: str | None) -> int:
    """Return a numeric cursor, 0 for none; raises InvalidInput `cursor_invalid`."""
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise InvalidInput(
            "cursor_invalid",
            f"Failed to list: expected a cursor from an earlier answer, got {cursor[:32]!r}.",
            hint="Start without a cursor.",
        )
    return int(cursor)


def filters_of(**given: str | None) -> dict[str, str]:
    """Return the filters that were given."""
    return {name: value for name, value in given.items() if value}


def once(
    request: AnyRequest, body: bytes, work: Callable[[Desk], object]
) -> Callable[[Desk], tuple[bytes, bool]]:
    """Return `work` as JSON bytes, run at most once per Idempotency-Key of the request.

    The second part of the answer is False when it is the first answer again.
    """
    header = request.headers.get("idempotency-key", "")
    if len(header) > KEY_CHARS_MAX:
        raise InvalidInput(
            "idempotency_key_invalid",
            f"Failed to read Idempotency-Key: expected at most {KEY_CHARS_MAX} characters, got "
            f"{len(header)}.",
        )
    target = f"{request.method} {request.url.path}"
    key = f"{principal_of(request).name}|{target}|{header}" if header else ""
    digest = hashlib.sha256(body).hexdigest()

    def run(desk: Desk) -> tuple[bytes, bool]:
        known = first_answer(desk, key, digest)
        if known is not None:
            return known, False
        answer = msgspec.json.encode(work(desk))
        if key:
            desk.access.put_answer(key, digest, answer)
        return answer, True

    return run


def unless_changed(
    request: AnyRequest, shown: Callable[[Desk], object], work: Callable[[Desk], T]
) -> Callable[[Desk], T]:
    """Return `work`, refused when the request's If-Match names another state than `shown` has.

    `shown` returns what a GET of the thing answers; both run in the transaction that changes it.
    """
    wanted = request.headers.get("if-match", "")
    if not wanted:
        return work

    def run(desk: Desk) -> T:
        tag = etag_of(msgspec.json.encode(shown(desk)))
        if not names(wanted, tag):
            raise Stale(
                "changed_meanwhile",
                f"Failed to change {request.url.path}: expected it unchanged since {wanted[:80]}, "
                f"but it is {tag} now.",
                hint="Read it again, decide again, and send the new ETag in If-Match.",
            )
        return work(desk)

    return run


def json_answer(content: bytes, status_code: int = 200) -> Response[bytes]:
    """Return ready JSON as an answer."""
    return Response(content, status_code=status_code, media_type="application/json")
