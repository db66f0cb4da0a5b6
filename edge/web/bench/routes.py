"""The packing bench's page: one address per bench, the same page for all.

A packer has both hands full. The page shows one thing to do, the scale and the label beside it, and
takes everything from the scanner. It is a shell: what stands on it comes from the edge as JSON
(`/api/v1/stations/bench-N`) and changes the moment something happens there.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from edge.web.console import pages
from shared.domain.errors import NotFound
from shared.web.assets import folder, static_router

BENCHES_MAX: Final = 99


def _words(request: Request[Any, Any, Any]) -> str:
    """Return the page's texts as JSON: its own, and every bare code an answer may carry."""
    texts = request.app.state.node.catalogue.part(pages.language_of(request), "")
    own = {
        code: text for code, text in texts.items() if code.startswith("bench.") or "." not in code
    }
    body = msgspec.json.encode({"language": pages.language_of(request), "texts": own})
    return body.decode().replace("</", "<\\/")


@get("/bench/{number:int}", include_in_schema=False)
async def bench(request: Request[Any, Any, Any], number: FromPath[int]) -> Response[str]:
    """Show bench `number`; NotFound outside 1 to 99."""
    if not 1 <= number <= BENCHES_MAX:
        raise NotFound(
            "bench_unknown",
            f"Failed to open bench {number}: expected a number from 1 to {BENCHES_MAX}.",
            hint="Read the number on the bench.",
        )
    return pages.page(request, "bench.html", number=number, words=pages.Markup(_words(request)))


handlers: list[ControllerRouterHandler] = [
    bench,
    static_router("/static/bench", folder("edge.web.bench")),
]
