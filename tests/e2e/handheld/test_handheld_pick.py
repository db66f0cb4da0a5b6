"""A picker picks a list in a real browser against a real edge, in Chinese and in English.

Method: codes are typed as a wedge scanner types them; after each step the screen is looked at, and
in the end the edge's own books say what was picked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
WHITE_SKU = "CY-AIR3-WH"
OTHER = "7C1F2M8T005139"
BLACK_NAME = "澄音 Air3 降噪耳机 黑色"
"""A black unit while white ones are wanted."""


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_list_is_picked_from_badge_to_bench(
    hand_in: Callable[[str], Any], edge: Any, language: str
) -> None:
    hand = hand_in(language)
    hand.ready()
    hand.shot("01-badge")
    hand.log_in()
    hand.shot("02-home")
    hand.tap("scan")
    hand.step("cart")
    hand.shot("03-wave")
    hand.scan("C04")
    hand.step("bin")
    stops = edge.station()["pick_list"]["stops"]
    for stop in stops:
        hand.sees(f"[data-bin='{stop['bin']}']")
        hand.sees(".map")
        hand.shot(f"04-bin-{stop['stop_no']}")
        hand.scan(stop["bin"])
        hand.step("unit")
        hand.sees(".count", re.compile(rf"0\s*/ {stop['quantity']}"))
        hand.shot(f"05-unit-{stop['stop_no']}")
        slots = [n["slot"] for n in stop["lines"] for _ in range(n["quantity"])]
        for number, slot in enumerate(slots):
            serials = stop["expected_serials"]
            hand.scan(serials[number] if serials else stop["gtin"])
            hand.green(slot)
            hand.shot(f"06-right-{stop['stop_no']}-{number}")
    hand.step("done")
    hand.unsent(0)
    expect(hand.page.locator(".full")).to_have_count(0)
    hand.shot("07-done")
    assert edge.station()["step"] == "done"
    assert edge.units_picked() == sum(stop["quantity"] for stop in stops) == 7
    assert len(edge.picked_of(WHITE_SKU)) == 3
    assert edge.rows("SELECT DISTINCT state FROM parcels") == [("picked",)]


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_wrong_unit_stops_red_until_the_right_one_or_the_button(
    hand_in: Callable[[str], Any], edge: Any, language: str
) -> None:
    hand = hand_in(language)
    hand.take_list()
    stop = hand.go_to(WHITE_SKU)
    hand.scan(stop["bin"])
    hand.step("unit")
    hand.scan(OTHER)
    hand.sees(".full.stop", BLACK_NAME)
    hand.shot("08-wrong-unit")
    hand.scan("B05-14-1")
    hand.sees(".full.stop", BLACK_NAME)
    right = stop["expected_serials"][0]
    hand.scan(right)
    hand.green()
    hand.sees(".count", re.compile(r"1\s*/ 3"))
    hand.scan(OTHER)
    hand.sees(".full.stop")
    hand.tap("dismiss")
    hand.sees(".count", re.compile(r"1\s*/ 3"))
    hand.unsent(0)
    assert edge.picked_of(WHITE_SKU) == [right]
    refused = edge.rows("SELECT raw FROM operations WHERE code = 'wrong_sku'")
    assert refused == [(OTHER,), (OTHER,)]


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_unit_scanned_twice_is_amber_and_counts_once(
    hand_in: Callable[[str], Any], edge: Any, language: str
) -> None:
    hand = hand_in(language)
    hand.take_list()
    stop = hand.go_to(WHITE_SKU)
    hand.scan(stop["bin"])
    hand.step("unit")
    first, second = stop["expected_serials"][:2]
    hand.page.keyboard.insert_text(first)
    hand.page.keyboard.press("Enter")
    hand.scan(first)  # a bounce of the trigger: nothing is to be seen or sent
    hand.sees(".count", re.compile(r"1\s*/ 3"))
    hand.unsent(0)
    assert len(edge.rows(f"SELECT 1 FROM operations WHERE raw = '{first}'")) == 1
    hand.scan(first)
    hand.sees(".full.attention")
    hand.shot("09-twice")
    hand.scan(second)
    hand.sees(".count", re.compile(r"2\s*/ 3"))
    hand.unsent(0)
    assert edge.picked_of(WHITE_SKU) == [first, second]


def test_a_wrong_bin_is_amber_and_books_nothing(hand: Any, edge: Any) -> None:
    hand.take_list()
    stop = hand.go_to(WHITE_SKU)
    hand.scan("B09-04-1")
    hand.sees(".full.attention", stop["bin"])
    hand.shot("10-wrong-bin")
    hand.tap("dismiss")
    hand.sees(f"[data-bin='{stop['bin']}']")
    hand.unsent(0)
    assert edge.station()["bin_scanned"] is False


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_missing_units_are_reported_and_the_walk_goes_on(
    hand_in: Callable[[str], Any], edge: Any, language: str
) -> None:
    hand = hand_in(language)
    hand.take_list()
    stop = hand.go_to(WHITE_SKU)
    hand.scan(stop["bin"])
    hand.step("unit")
    hand.scan(stop["expected_serials"][0])
    hand.sees(".count", re.compile(r"1\s*/ 3"))
    hand.unsent(0)
    hand.tap("menu")
    hand.shot("11-problem")
    hand.tap("short")
    hand.tap("more")
    hand.sees("[data-found='2']")
    hand.shot("12-short")
    hand.tap("scan")
    hand.sees(".count", re.compile(r"1\s*/ 2"))
    hand.unsent(0)
    found = {each["sku"]: each for each in edge.station()["pick_list"]["stops"]}[WHITE_SKU]
    assert (found["picked"], found["short"]) == (1, 1)


def test_a_code_is_typed_when_it_will_not_scan(hand: Any, edge: Any) -> None:
    hand.take_list()
    stop = hand.stop()
    hand.tap("type")
    hand.sees("#typed")
    hand.shot("13-type")
    hand.page.locator("#typed").fill(stop["bin"].lower())
    hand.tap("typed")
    hand.step("unit")
    hand.unsent(0)
    assert edge.station()["bin_scanned"] is True


def test_a_scanner_without_enter_and_an_input_method_are_understood(hand: Any, edge: Any) -> None:
    hand.take_list()
    hand.page.keyboard.insert_text(hand.stop()["bin"])
    hand.step("unit")
    stop = hand.stop()
    code = (stop["expected_serials"] or [stop["gtin"]])[0]
    typing = hand.context.new_cdp_session(hand.page)
    typing.send("Input.imeSetComposition", {"text": code, "selectionStart": 0, "selectionEnd": 0})
    typing.send("Input.insertText", {"text": code})
    hand.green()
    hand.unsent(0)
    assert edge.units_picked() == 1


def test_language_and_night_are_one_tap_and_stay(hand: Any) -> None:
    hand.take_list()
    hand.tap("menu")
    hand.tap("language")
    hand.sees("h1", "What is the problem?")
    hand.tap("theme")
    hand.tap("close")
    hand.sees(".ask", "Scan bin")
    hand.shot("14-night")
    hand.page.reload()
    hand.ready()
    hand.sees(".ask", "Scan bin")
    expect(hand.page.locator("html")).to_have_attribute("data-theme", "hand-night")
