"""What counting a batch of facts will look at, so that it can be read in a few questions.

A list only: whatever is missing here is read when it is asked for, and what is too much does no
harm.
"""

from __future__ import annotations

from collections.abc import Sequence

from hub.store.protocol import Expected
from shared.domain.facts import (
    CommandAccepted,
    Fact,
    GoodsReceived,
    LabelPrinted,
    ParcelPacked,
    ParcelShipped,
    PickingStarted,
    ReturnGraded,
    StockMoved,
    UnitPicked,
    UnitReturned,
)


def expected(warehouse: str, facts: Sequence[Fact]) -> Expected:
    """Return the parcels, serial numbers and SKUs that most of `facts` are about."""
    parcels: dict[str, None] = {}
    serials: dict[str, None] = {}
    skus: dict[str, None] = {}
    for fact in facts:
        if isinstance(fact, UnitPicked | ParcelPacked | LabelPrinted | ParcelShipped):
            parcels[fact.parcel_id] = None
        elif isinstance(fact, CommandAccepted) and fact.parcel is not None:
            parcels[fact.parcel.parcel_id] = None
            parcels.update({part.parcel_id: None for part in fact.parcel.parts})
        elif isinstance(fact, PickingStarted):
            parcels.update(dict.fromkeys(fact.parcel_ids))
        if isinstance(fact, UnitPicked | StockMoved | GoodsReceived | UnitReturned | ReturnGraded):
            serials.update(dict.fromkeys(fact.row.serials))
            if not isinstance(fact, UnitPicked | StockMoved):
                skus[fact.row.sku] = None
        elif isinstance(fact, ParcelPacked | ParcelShipped):
            for line in fact.lines:
                serials.update(dict.fromkeys(line.serials))
                if isinstance(fact, ParcelShipped):
                    skus[line.sku] = None
    return Expected(warehouse, tuple(parcels), tuple(serials), tuple(skus))
