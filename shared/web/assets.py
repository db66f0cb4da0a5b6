"""Files that pages load: styles, icons, scripts, served from the wheel, never from elsewhere.

Pages run under a strict content policy: nothing inline, nothing from another address. A browser
keeps a file but asks each time whether it is still the same (ETag), so a new version of the node
reaches every screen with the next load.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from litestar.router import Router
from litestar.static_files import create_static_files_router

CONTENT_POLICY: Final = "default-src 'self'; frame-ancestors 'self'; base-uri 'none'"


def folder(package: str, name: str = "static") -> Path:
    """Return the folder `name` of files that ships inside `package`."""
    return Path(str(files(package) / name))


def static_router(path: str, directory: Path) -> Router:
    """Serve the files of `directory` below `path`."""
    return create_static_files_router(
        path=path,
        directories=[directory],
        send_as_attachment=False,
        include_in_schema=False,
        cache_control=None,
        name=path,
    )


def shared_router() -> Router:
    """Serve the shared look (tokens, parts, icons, vendored scripts) below `/static/shared`."""
    return static_router("/static/shared", folder("shared.web"))


@cache
def icon_symbols() -> str:
    """Return the `<symbol>` elements of the shared icons, to stand once in a page."""
    text = (folder("shared.web") / "icons.svg").read_text(encoding="utf-8")
    return text[text.index("<symbol") : text.rindex("</symbol>") + len("</symbol>")]
