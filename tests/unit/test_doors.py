"""Every handler is behind a door. Method: what each web module defines is compared with what it
mounts."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from litestar.handlers import BaseRouteHandler

import edge.web
import hub.web


def modules(package: ModuleType) -> list[ModuleType]:
    return [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not found.ispkg
    ]


def test_every_handler_that_is_written_is_mounted() -> None:
    forgotten = [
        f"{module.__name__}.{name}"
        for module in (*modules(edge.web), *modules(hub.web))
        for name, one in vars(module).items()
        if isinstance(one, BaseRouteHandler) and one not in getattr(module, "handlers", [])
    ]
    assert forgotten == []
