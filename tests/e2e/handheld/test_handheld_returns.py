"""A receiver takes returns back, in a real browser and against a real edge, in both languages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edge.services.replay import replay
from shared.domain.facts import (
    Fact,
    LabelPrinted,
    ParcelPacked,
    ParcelShipped,
    ShippedLine,
    StockRow,
    UnitPicked,
)

pytestmark = pytest.mark.browser
RECEIVER, BIN = "BDG-0011", "B07-12-3"
SKU, CABLES = "CY-AIR3-WH", "YC-CABLE-2M"
SOLD, INSIDE = "7B2Q9K4M003184", "7B2Q9K4M003185"
CABLE_GTIN = "6901234567892"


def ship_first_parcel(edge: Any) -> str:
    """Let the parcel with a headset and a cable leave; return its waybill."""
    ((parcel_id, waybill),) = edge.rows(
        "SELECT parcel_id, waybill FROM parcels JOIN parcel_lines USING (parcel_id)"
        f" WHERE sku = '{CABLES}' AND parcel_id IN (SELECT parcel_id FROM parcel_lines"
        f" WHERE sku = '{SKU}') LIMIT 1"
    )
    lines = (ShippedLine(1, SKU, 1, (SOLD,)), ShippedLine(2, CABLES, 1))
    rows = (StockRow(BIN, SKU, 1, (SOLD,)), StockRow("B05-14-1", CABLES, 1))
    facts: tuple[Fact, ...] = (
        *(
            UnitPicked(parcel_id=parcel_id, line_no=number, row=row, tote="T-1")
            for number, row in enumerate(rows, 1)
        ),
        ParcelPacked(parcel_id=parcel_id, weight_grams=600, lines=lines),
        LabelPrinted(parcel_id=parcel_id, waybill=waybill, copy_no=1),
        ParcelShipped(parcel_id=parcel_id, waybill=waybill, manifest="M1", lines=lines),
    )
    for fact in facts:

        def work(tx: Any, fact: Fact = fact) -> None:
            floor = edge.node.floor(tx, edge.node.new_id(), RECEIVER)
            floor.record(fact)
            replay(floor, fact)

        edge.node.database.write_sync(work)
    return str(waybill)


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_units_come_back_to_a_shelf_or_aside_and_a_stranger_stops_red(
    hand_in: Callable[[str], Any], edge: Any, language: str
) -> None:
    waybill = ship_first_parcel(edge)
    hand = hand_in(language)
    hand.page.goto(f"{edge.address}/hand/returns")
    hand.step("badge")
    hand.scan(RECEIVER)
    hand.step("unit")
    hand.shot("ret-1-unit")
    hand.scan(INSIDE)
    hand.step("stop")
    hand.shot("ret-2-never-left")
    hand.tap("back")
    hand.scan(SOLD)
    hand.step("same")
    hand.sees(".rows", waybill[-4:])
    hand.shot("ret-3-same")
    hand.tap("yes")
    hand.step("grade")
    hand.shot("ret-4-grade")
    hand.tap("good")
    hand.step("bin")
    hand.shot("ret-5-bin")
    hand.scan(BIN)
    hand.step("unit")
    hand.scan(SOLD)
    hand.step("attention")
    hand.shot("ret-6-before")
    hand.tap("back")
    hand.scan(waybill)
    hand.step("goods")
    hand.shot("ret-7-goods")
    hand.scan(CABLE_GTIN)
    hand.step("same")
    hand.tap("yes")
    hand.tap("quarantine")
    hand.step("taken")
    hand.shot("ret-8-aside")
    hand.tap("next")
    hand.step("unit")
    back = edge.get("/api/v1/returns")["returns"]
    assert [(one["sku"], one["serial"], one["grade"]) for one in back] == [
        (CABLES, None, "quarantine"), (SKU, SOLD, "good"),
    ]  # fmt: skip
    (unit,) = edge.rows(f"SELECT state, account, life FROM serials WHERE serial = '{SOLD}'")
    assert unit == ("in_stock", f"bin:{BIN}", 2)
