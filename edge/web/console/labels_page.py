"""Pages of labels: print one, settle one of unknown fate, and change how they look."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from litestar import Request, Response, get
from litestar.params import FromPath, FromQuery
from litestar.types import ControllerRouterHandler

from devices.printers import template
from devices.printers.fields import KINDS
from devices.printers.template import NAMES
from edge.services import looks
from edge.store import console_records as records
from edge.store import labels, manifests
from edge.web.console import parts

JOBS_SHOWN: Final = 15
MANIFESTS_SHOWN: Final = 10
HOUSE_KINDS: Final = ("bin", "tote", "sn", "sscc", "manifest")


@get("/labels", include_in_schema=False)
async def all_labels(
    request: Request[Any, Any, Any], kind: FromQuery[str] = "bin", code: FromQuery[str] = ""
) -> Response[str]:
    """Show the form that prints (`kind` and `code` fill it), the newest labels, the templates."""

    def read(sql: sqlite3.Connection) -> dict[str, Any]:
        newest = {name: labels.template(sql, name) for name in NAMES}
        return {
            "jobs": records.house_jobs(sql, JOBS_SHOWN),
            "printers": labels.printers(sql),
            "manifests": [
                (one, manifests.parcels_on(sql, one.manifest))
                for one in manifests.newest(sql, MANIFESTS_SHOWN)
            ],
            "templates": [
                (name, row, records.person_name(sql, row.actor) if row else "")
                for name, row in newest.items()
            ],
        }

    values = await request.app.state.node.database.read(read)
    chosen = kind if kind in HOUSE_KINDS else HOUSE_KINDS[0]
    return await parts.page(
        request, "labels.html", kinds=HOUSE_KINDS, kind=chosen, code=code, **values
    )


@get("/labels/{name:str}", include_in_schema=False)
async def one_label(
    request: Request[Any, Any, Any], name: FromPath[str], version: FromQuery[int | None] = None
) -> Response[str]:
    """Show a template to change, as it is or as it was in `version`, with its live preview."""
    looks.known_name(name)

    def read(sql: sqlite3.Connection) -> dict[str, Any]:
        rows = labels.history(sql, name)
        bodies = {row.version: row.body for row in rows}
        shown = version if version in bodies or version == 0 else (rows[0].version if rows else 0)
        return {
            "began_at": rows[0].version if rows else 0,
            "shown": shown,
            "body": bodies.get(shown, "") or template.default_body(name),
            "history": [(row, records.person_name(sql, row.actor)) for row in rows],
        }

    values = await request.app.state.node.database.read(read)
    kind = name.partition("-")[0]
    fields = next(about.fields for known, about in KINDS.items() if known == kind)
    return await parts.page(request, "label.html", name=name, kind=kind, fields=fields, **values)


handlers: list[ControllerRouterHandler] = [all_labels, one_label]
