"""Answers that carry a tag, so that nobody overwrites what they have not seen.

Two people open the same order; one amends it, the other cancels what is no longer there. So every
JSON answer to a GET carries an `ETag`, the digest of exactly these bytes. A reader who has them
already (`If-None-Match`) gets 304 and no body; a writer who names the tag it saw (`If-Match`) is
refused with 412 when the thing has changed since. Source: RFC 9110, sections 8.8.3 and 13.1.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

JSON: Final = b"application/json"
TAG_CHARS: Final = 32


def etag_of(body: bytes) -> str:
    """Return the strong tag of an answer.

    >>> etag_of(b"{}")
    '"44136fa355b3678a1146ad16f7e8649e"'
    """
    return f'"{hashlib.sha256(body).hexdigest()[:TAG_CHARS]}"'


def names(header: str, tag: str, *, weakly: bool = False) -> bool:
    """Say whether a list of tags, or `*`, names `tag`; `weakly` lets `W/` before it pass."""
    given = [one.strip() for one in header.split(",")]
    if weakly:
        given = [one.removeprefix("W/") for one in given]
    return "*" in given or tag in given


def conditional(app: ASGIApp) -> ASGIApp:
    """Return `app` with a tag on every JSON answer to a GET, and 304 for one that is known."""

    async def tagged(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "GET":
            await app(scope, receive, send)
            return
        wanted = b"".join(value for name, value in scope["headers"] if name == b"if-none-match")
        await app(scope, receive, _Tagger(send, wanted.decode("latin-1")))

    return tagged


class _Tagger:
    """Holds a JSON answer back until it is whole; everything else passes as it comes."""

    def __init__(self, send: Send, wanted: str) -> None:
        self._send = send
        self._wanted = wanted
        self._start: Any = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_plain_json(message):
            self._start = message
        elif self._start is not None and message["type"] == "http.response.body":
            self._body += message["body"]
            if not message["more_body"]:
                await self._finish()
        else:
            await self._send(message)

    async def _finish(self) -> None:
        start, tag = self._start, etag_of(self._body)
        headers = [*start["headers"], (b"etag", tag.encode())]
        known = bool(self._wanted) and names(self._wanted, tag, weakly=True)
        if known:
            headers = [one for one in headers if one[0].lower() not in _OF_THE_BODY]
        await self._send(start | {"status": 304 if known else 200, "headers": headers})
        body: Any = {"type": "http.response.body", "body": b"" if known else self._body}
        await self._send(body | {"more_body": False})


_OF_THE_BODY: Final = frozenset({b"content-length", b"content-type"})


def _is_plain_json(message: Any) -> bool:
    if message["status"] != 200:
        return False
    kinds = [value for name, value in message["headers"] if name.lower() == b"content-type"]
    return any(value.partition(b";")[0].strip() == JSON for value in kinds)
