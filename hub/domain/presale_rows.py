"""What the books hold about units that are sold before they are there."""

from __future__ import annotations

import msgspec


class PresaleRow(msgspec.Struct, frozen=True, kw_only=True):
    """A quota: `units` of a SKU may be sold for `ship_date` (YYYY-MM-DD) without any stock.

    `promised` units wait in orders, `turned` ones have become promises of stock.
    """

    sku: str
    ship_date: str
    units: int
    promised: int
    turned: int

    @property
    def left(self) -> int:
        """Units that may still be sold."""
        return self.units - self.promised - self.turned


class PresalePromise(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one order line that are to leave by `ship_date`."""

    order_id: str
    line_no: int
    sku: str
    ship_date: str
    units: int
