"""Rendering: one set of templates, two languages, and a strict content policy.

Every text comes from the catalogue, every style and script from a file of ours. A page that carries
no inline code cannot be made to run somebody else's.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response
from markupsafe import Markup

from edge.web.console import formats
from shared.web import messages
from shared.web.assets import CONTENT_POLICY, folder

__all__ = [
    "LANGUAGE_COOKIE", "Markup", "fragment", "language_of", "page", "quoted", "same_site_path",
]  # fmt: skip

LANGUAGE_COOKIE: Final = "lang"
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_templates = Environment(
    loader=FileSystemLoader(
        [folder(f"edge.web.{room}", "templates") for room in ("console", "bench")]
    ),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def quoted(text: str) -> str:
    """Return `text` as one piece of an address."""
    return quote(text, safe="")


def same_site_path(address: str, host: str) -> str:
    """Return the path of `address` if it is ours (on `host`), else the first page."""
    parts = urlsplit(address)
    if parts.netloc != host or not parts.path.startswith("/") or parts.path.startswith("//"):
        return "/"
    return parts.path + (f"?{parts.query}" if parts.query else "")


def language_of(request: Request[Any, Any, Any]) -> str:
    """Return the reader's language: their choice, else the browser's, else Chinese."""
    return messages.choose(
        request.headers.get("accept-language"), request.cookies.get(LANGUAGE_COOKIE)
    )


def _render(request: Request[Any, Any, Any], template: str, values: dict[str, Any]) -> str:
    language = language_of(request)
    node = request.app.state.node
    reader = formats.Reader(language, node.catalogue, node.clock.wall_ms())
    return _templates.get_template(template).render(
        language=language,
        other_language="en" if language == messages.DEFAULT else messages.DEFAULT,
        quoted=quoted,
        t=reader.text,
        f=reader,
        now_ms=reader.now_ms,
        path=request.url.path,
        **values,
    )


def page(
    request: Request[Any, Any, Any], template: str, *, status_code: int = 200, **values: Any
) -> Response[str]:
    """Return a whole page."""
    return Response(
        _render(request, template, values),
        media_type=MediaType.HTML,
        headers=HEADERS,
        status_code=status_code,
    )


def fragment(request: Request[Any, Any, Any], template: str, **values: Any) -> Response[str]:
    """Return a part of a page, to be put in the place of its older self."""
    return page(request, template, **values)
