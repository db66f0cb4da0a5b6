"""Safety stock: units of a SKU that one warehouse keeps unpromised, for breakage and miscounts.

Nothing above it is lost: the guard of every promise, loan and presale takes from the pool only what
lies above it. It may be set before the first unit comes in; then the first units fill it up.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from hub.store.protocol import Desk
from shared.domain.catalogue import Sku
from shared.domain.errors import NotFound


class SafetyStock(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a SKU that one warehouse keeps unpromised."""

    sku: Sku
    warehouse: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    quantity: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


def set_safety_stock(desk: Desk, request: SafetyStock) -> SafetyStock:
    """Keep some units unpromised; the same again changes nothing.

    Raises NotFound `warehouse_unknown` or `sku_unknown`.
    """
    if desk.catalogue.warehouse(request.warehouse) is None:
        raise NotFound(
            "warehouse_unknown",
            f"Failed to set safety stock: there is no warehouse {request.warehouse[:32]!r}.",
            hint="Import the warehouse first.",
        )
    if desk.catalogue.product(request.sku) is None:
        raise NotFound(
            "sku_unknown",
            f"Failed to set safety stock: SKU {request.sku!r} is not in the catalogue.",
            hint="Import the product first.",
        )
    desk.rights.set_safety_stock(request.sku, request.warehouse, request.quantity)
    desk.rights.note_arrival(request.sku)
    desk.tell("backorders")
    subject = f"{request.sku}/{request.warehouse}"
    desk.journal.audit("set_safety_stock", subject, str(request.quantity))
    return request
