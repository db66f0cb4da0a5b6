"""Dead spots, lost answers, a stopped server, a reload, two tabs: no scan lost, no scan doubled.

Method: the network of the browser or the edge itself is taken away in the middle of a list; at the
end the edge's books are compared with what was scanned, operation by operation.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from shared.domain.commands import LoadStock
from shared.domain.facts import StockRow

pytestmark = pytest.mark.browser
WHITE_SKU = "CY-AIR3-WH"
UNKNOWN = "7B2Q9K4M003180"
"""Looks like a white unit; no books know it."""
SCANS = "**/api/v1/scans"


def operations(edge: Any) -> list[tuple[Any, ...]]:
    """Return (sequence, raw, accepted) of every scan the books know, in the device's order."""
    rows: list[tuple[Any, ...]] = edge.rows(
        "SELECT device_seq, raw, accepted FROM operations WHERE station LIKE 'handheld-%' "
        "ORDER BY device_seq"
    )
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    return rows


def at_white(hand: Any) -> dict[str, Any]:
    """Bring a picker to the shelf of the white headphones."""
    hand.take_list()
    stop: dict[str, Any] = hand.go_to(WHITE_SKU)
    hand.scan(stop["bin"])
    hand.step("unit")
    hand.unsent(0)
    return stop


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_picking_goes_on_in_a_dead_spot_and_counts_once_when_it_ends(
    hand_in: Callable[..., Any], edge: Any, language: str
) -> None:
    hand = hand_in(language)
    stop = at_white(hand)
    known = len(operations(edge))
    hand.context.set_offline(offline=True)
    for number, serial in enumerate(stop["expected_serials"][:2], start=1):
        hand.scan(serial)
        hand.green()
        hand.unsent(number)
        assert [row["raw"] for row in hand.stored()][-1] == serial
    hand.sees(".count", re.compile(r"2\s*/ 3"))
    hand.sees(".hbar.offline", re.compile("2"))
    hand.shot("15-offline")
    hand.scan(stop["expected_serials"][2])
    hand.step("done")
    assert len(operations(edge)) == known
    hand.context.set_offline(offline=False)
    hand.unsent(0)
    expect(hand.page.locator(".hbar.offline")).to_have_count(0)
    assert [row[1:] for row in operations(edge)[known:]] == [
        (serial, 1) for serial in stop["expected_serials"][:3]
    ]
    assert edge.station()["step"] == "done"
    assert edge.picked_of(WHITE_SKU) == stop["expected_serials"][:3]


def test_an_answer_lost_on_the_way_back_counts_once(hand: Any, edge: Any) -> None:
    stop = at_white(hand)
    known = len(operations(edge))
    lost: list[int] = []

    def swallow(route: Route) -> None:
        if len(lost) < 2:
            lost.append(route.fetch().status)
            route.abort("connectionreset")
        else:
            route.continue_()

    hand.page.route(SCANS, swallow)
    hand.scan(stop["expected_serials"][0])
    hand.sees(".count", re.compile(r"1\s*/ 3"))
    hand.unsent(0)
    hand.sees(".count", re.compile(r"1\s*/ 3"))
    assert lost == [200, 200]
    assert len(operations(edge)) == known + 1
    assert edge.picked_of(WHITE_SKU) == stop["expected_serials"][:1]


def test_the_edge_restarts_in_the_middle_and_nothing_is_lost(hand: Any, edge: Any) -> None:
    stop = at_white(hand)
    edge.stop()
    hand.scan(stop["expected_serials"][0])
    hand.green()
    hand.sees(".hbar.offline")
    hand.scan(stop["expected_serials"][1])
    hand.sees(".count", re.compile(r"2\s*/ 3"))
    edge.start()
    hand.unsent(0)
    assert edge.picked_of(WHITE_SKU) == stop["expected_serials"][:2]


def test_a_reload_goes_on_where_the_picker_was_with_the_same_unsent_scans(
    hand: Any, edge: Any
) -> None:
    stop = at_white(hand)
    hand.context.route(SCANS, lambda route: route.abort("internetdisconnected"))
    hand.scan(stop["expected_serials"][0])
    hand.scan(stop["expected_serials"][1])
    hand.unsent(2)
    before = hand.stored()
    hand.page.reload()
    hand.ready()
    hand.sees(".count", re.compile(r"2\s*/ 3"))
    hand.unsent(2)
    assert hand.stored() == before
    hand.context.unroute(SCANS)
    hand.page.evaluate("dispatchEvent(new Event('online'))")
    hand.unsent(0)
    hand.sees(".count", re.compile(r"2\s*/ 3"))
    assert edge.picked_of(WHITE_SKU) == stop["expected_serials"][:2]


def test_with_a_service_worker_even_the_page_opens_without_the_edge(
    hand_in: Callable[..., Any], edge: Any
) -> None:
    hand = hand_in("zh-CN", workers="allow")
    stop = at_white(hand)
    hand.page.wait_for_function("navigator.serviceWorker.controller !== null")
    hand.page.reload()
    hand.ready()
    edge.stop()
    hand.page.reload()
    hand.ready()
    hand.scan(stop["expected_serials"][0])
    hand.sees(".count", re.compile(r"1\s*/ 3"))
    edge.start()
    hand.unsent(0)
    assert edge.picked_of(WHITE_SKU) == stop["expected_serials"][:1]


def test_what_was_green_and_is_refused_later_becomes_a_red_list(hand: Any, edge: Any) -> None:
    stop = at_white(hand)
    good = stop["expected_serials"][0]
    hand.context.set_offline(offline=True)
    hand.scan(UNKNOWN)
    hand.green()
    hand.scan(good)
    hand.sees(".count", re.compile(r"2\s*/ 3"))
    hand.context.set_offline(offline=False)
    hand.sees(".full.stop .list", "7B2Q9K4M003180")
    hand.shot("16-refused-later")
    hand.page.reload()
    hand.ready()
    hand.sees(".full.stop .list", "7B2Q9K4M003180")
    hand.tap("troubles")
    # The unknown unit took a place in the first tote, so the good one went into the second.
    hand.sees(".full.stop h1", "放错了箱")
    hand.shot("17-wrong-tote")
    hand.tap("dismiss")
    hand.sees(".count", re.compile(r"1\s*/ 3"))
    hand.unsent(0)
    assert edge.picked_of(WHITE_SKU) == [good]


def test_a_unit_that_only_the_edge_knows_is_green_and_names_its_tote(hand: Any, edge: Any) -> None:
    stop = at_white(hand)
    stray = "ZZ-OLD-77"
    edge.command(LoadStock(load_id="second", rows=(StockRow("B08-20-2", WHITE_SKU, 1, (stray,)),)))
    hand.page.clock.install()
    hand.page.clock.pause_at(hand.page.evaluate("Date.now() + 1000"))
    hand.page.evaluate(
        """() => new MutationObserver(() => {
            if (document.querySelector(".full.stop")) window.wasRed = true;
        }).observe(document.body, { childList: true, subtree: true })"""
    )
    hand.page.keyboard.insert_text(stray)
    hand.page.keyboard.press("Enter")
    hand.sees(".full.ok .slot", str(stop["lines"][0]["slot"]))
    hand.page.clock.resume()
    hand.sees(".count", re.compile(r"1\s*/ 3"))
    assert hand.page.evaluate("window.wasRed") is None
    assert edge.picked_of(WHITE_SKU) == [stray]


def test_only_one_tab_works_and_the_other_says_so(hand: Any, edge: Any) -> None:
    stop = at_white(hand)
    first, second = hand.page, hand.open_tab()
    hand.page = second
    hand.sees("h1", "另一个页面在用")
    hand.shot("18-other-tab")
    hand.scan(stop["expected_serials"][0])
    hand.tap("take")
    hand.ready()
    hand.sees(".count", re.compile(r"0\s*/ 3"))
    hand.scan(stop["expected_serials"][1])
    hand.sees(".count", re.compile(r"1\s*/ 3"))
    hand.unsent(0)
    hand.page = first
    hand.sees("h1", "另一个页面在用")
    assert edge.picked_of(WHITE_SKU) == stop["expected_serials"][1:2]


def test_what_cannot_be_stored_is_never_green(hand: Any, edge: Any) -> None:
    stop = at_white(hand)
    known = len(operations(edge))
    hand.page.evaluate(
        """() => {
            IDBObjectStore.prototype.add = () => { throw new DOMException("", "UnknownError"); };
        }"""
    )
    hand.scan(stop["expected_serials"][0])
    hand.sees(".full.stop", "存不了")
    hand.shot("19-cannot-store")
    assert len(operations(edge)) == known
    assert len(hand.complaints) == 1
    hand.complaints.clear()
    hand.tap("reload")
    hand.ready()
    hand.sees(".count", re.compile(r"0\s*/ 3"))
