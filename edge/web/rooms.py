"""Every room of the node's web side, mounted in one place: the API first, then the pages."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from edge.web.api import (
    counter,
    devices,
    floor,
    labels,
    node,
    packing,
    parcels,
    planning,
    printing,
    receipts,
    returns,
    scans,
    stations,
    stock,
)
from edge.web.bench import routes as bench_pages
from edge.web.console import routes as console_pages
from edge.web.handheld import routes as handheld_pages


def handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of all rooms."""
    return [
        *scans.handlers,
        *stations.handlers,
        *floor.handlers,
        *parcels.handlers,
        *stock.handlers,
        *counter.handlers,
        *receipts.handlers,
        *returns.handlers,
        *packing.handlers,
        *planning.handlers,
        *printing.handlers,
        *labels.handlers,
        *devices.handlers,
        *node.handlers,
        *handheld_pages.handlers,
        *bench_pages.handlers,
        *console_pages.handlers,
    ]
