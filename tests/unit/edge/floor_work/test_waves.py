"""Planning: nearest cut-off first, carts that can be pushed, bins that really have the units."""

from typing import Any

from edge.domain.layout import picking_layout, plan_of
from edge.domain.routing import route
from edge.domain.site import Site
from edge.domain.waves import (
    Missing,
    Take,
    WantedLine,
    WantedParcel,
    allocate,
    choose_bins,
    plan_wave,
)
from shared.domain.facts import StockRow


def wanted(parcel_id: str, *lines: tuple[str, int], grams: int = 100) -> WantedParcel:
    return WantedParcel(
        parcel_id,
        "SF",
        1,
        tuple(
            WantedLine(number, sku, quantity, grams, 1_000)
            for number, (sku, quantity) in enumerate(lines, start=1)
        ),
    )


def test_one_bin_that_fills_the_line_beats_several() -> None:
    assert choose_bins({"B1": 2, "B2": 3, "B3": 9}, 3) == [("B3", 3)]
    assert choose_bins({"B1": 2, "B2": 3, "B3": 9}, 3, {"B2"}) == [("B2", 3)]
    assert choose_bins({"B1": 2, "B2": 3}, 4) == [("B2", 3), ("B1", 1)]
    assert choose_bins({"B1": 2}, 4) == [("B1", 2)]


def test_a_parcel_gets_all_its_units_or_none() -> None:
    free = {"A": {"B1": 2}, "B": {"B2": 1}}
    assert allocate(wanted("P1", ("A", 2), ("B", 2)), free) == Missing("P1", "B", 1)
    assert {sku: sum(bins.values()) for sku, bins in free.items()} == {"A": 2, "B": 1}
    assert allocate(wanted("P2", ("A", 2)), free) == (Take("B1", "A", "P2", 1, 2),)


def test_a_cart_is_full_by_totes_or_by_weight() -> None:
    free = {"A": {"B1": 1_000}}
    by_totes = plan_wave([wanted(f"P{n}", ("A", 1)) for n in range(5)], free, Site(cart_totes=2))
    assert [len(cart.parcel_ids) for cart in by_totes.carts] == [2, 2, 1]
    heavy = [wanted(f"H{n}", ("A", 1), grams=60_000) for n in range(3)]
    by_weight = plan_wave(heavy, free, Site(cart_weight_grams=120_000))
    assert [len(cart.parcel_ids) for cart in by_weight.carts] == [2, 1]


def test_the_nearest_cut_off_is_planned_first(house: Any) -> None:
    house.load(StockRow("B01-01-1", "CABLE", 1))
    house.parcel("LATE", ("CABLE", 1), cut_off_ms=2_000)
    house.parcel("SOON", ("CABLE", 1), cut_off_ms=1_000)
    house.plan()
    assert (house.state("SOON"), house.state("LATE")) == ("planned", "waiting")
    assert house.waiting() == ["stock_missing_on_floor"]


def test_units_on_open_lists_are_not_planned_twice(house: Any) -> None:
    house.load(StockRow("B01-01-1", "CABLE", 3))
    house.parcel("P1", ("CABLE", 2))
    assert len(house.plan()) == 1
    house.parcel("P2", ("CABLE", 2))
    assert house.plan() == []
    house.load(StockRow("B01-01-1", "CABLE", 1))
    assert [wave.parcels for wave in house.plan()] == [1]
    assert house.waiting() == []


def test_stops_follow_the_shortest_walk(house: Any) -> None:
    bins = ("B01-02-1", "B01-09-1", "B02-03-1", "B03-05-1")
    house.load(*[StockRow(code, "CABLE", 1) for code in bins])
    house.parcel("P1", ("CABLE", 4))
    house.plan()
    visited = [row[0] for row in house.sql("SELECT bin FROM pick_lines ORDER BY stop_no")]
    walk_mm = house.sql("SELECT walk_mm FROM pick_lists")[0][0]
    plan = plan_of(bins)
    layout = picking_layout(plan, house.site.geometry)
    assert walk_mm == route(layout, [plan.cell(code) for code in bins]).length
    assert tuple(plan.cell(code) for code in visited) in {
        route(layout, [plan.cell(code) for code in order]).sequence
        for order in (bins, tuple(reversed(bins)))
    }


def test_five_hundred_waiting_parcels_are_planned_in_waves_of_full_carts(house: Any) -> None:
    house.load(
        *[StockRow(f"B{aisle:02d}-{bay:02d}-1", "CABLE", 20)
          for aisle in range(1, 9) for bay in range(1, 9)]
    )  # fmt: skip
    for number in range(500):
        house.parcel(f"P{number:03d}", ("CABLE", 1 + number % 3))
    planned = house.plan()
    assert sum(wave.parcels for wave in planned) == 500
    assert house.sql("SELECT MAX(slot) FROM pick_lines") == [(12,)]
    over = house.sql(
        "SELECT COUNT(*) FROM (SELECT bin, SUM(quantity) AS taken FROM pick_lines GROUP BY bin) t "
        "JOIN balances b ON b.account = 'bin:' || t.bin WHERE t.taken > b.quantity"
    )
    assert over == [(0,)]
