"""The lead's console in a real browser, on a real edge in the middle of a working day."""

from __future__ import annotations

import re
import threading

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

LANGUAGES = pytest.mark.parametrize("language", ["zh-CN", "en"])


def inside(page: Page, width: int) -> None:
    """Nothing sticks out to the right."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@LANGUAGES
def test_today_answers_whether_the_cut_offs_will_be_made(
    busy_edge, open_page, shot, language: str
) -> None:
    page = open_page(busy_edge, "/", language=language)
    expect(page.locator(".say h1")).to_contain_text(re.compile("miss it|会漏"))
    expect(page.locator(".card.late")).to_have_count(1)
    expect(page.locator(".say .btn.main")).to_be_visible()
    expect(page.locator("#waves tbody tr")).not_to_have_count(0)
    expect(page.locator("#queue li")).not_to_have_count(0)
    expect(page.locator("#hours .done")).not_to_have_count(1)
    expect(page.locator("#floor .cart")).not_to_have_count(0)
    inside(page, 1440)
    assert page.evaluate("document.documentElement.scrollHeight") <= 900
    shot(page, f"console-today-{language[:2]}")


@LANGUAGES
def test_today_fits_a_handheld_screen(busy_edge, open_page, shot, language: str) -> None:
    page = open_page(busy_edge, "/", language=language, size=(480, 800))
    expect(page.locator(".say h1")).to_be_visible()
    inside(page, 480)
    shot(page, f"console-today-480-{language[:2]}")


@LANGUAGES
def test_an_empty_warehouse_says_so_as_a_fact(bare_edge, open_page, shot, language: str) -> None:
    page = open_page(bare_edge, "/", language=language)
    expect(page.locator(".say h1")).to_contain_text(re.compile("No parcels|没有要打包"))
    expect(page.locator("#queue")).to_contain_text(re.compile("Nothing waits|没有要处理"))
    shot(page, f"console-empty-{language[:2]}")


PAGES = {
    "waves": "/waves",
    "wave": "/waves/{wave}",
    "parcels": "/parcels",
    "parcels-packed": "/parcels?state=packed",
    "parcel": "/parcels/P-0001",
    "stock": "/stock",
    "counter": "/counter",
    "sku": "/stock/CY-AIR3-WH",
    "bin": "/bins/B01-03-2",
    "serial": "/serials/{serial}",
    "labels": "/labels",
    "devices": "/devices",
    "link": "/link",
}


@LANGUAGES
@pytest.mark.parametrize("size", [(1440, 900), (480, 800)], ids=["desk", "hand"])
def test_every_page_shows_its_things_without_overflow(
    busy_edge, open_page, shot, language: str, size: tuple[int, int]
) -> None:
    wave = busy_edge.rows("SELECT wave FROM parcels WHERE parcel_id = 'P-0001'")[0][0]
    serial = busy_edge.units_of("P-0001")[0]
    page = open_page(busy_edge, "/", language=language, size=size)
    for name, path in PAGES.items():
        page.goto(busy_edge.address + path.format(wave=wave, serial=serial))
        expect(page.locator("main h1")).to_be_visible()
        text = page.locator("main").inner_text()
        assert "con." not in text, name
        assert "{" not in text, name
        inside(page, size[0])
        shot(page, f"console-{name}-{size[0]}-{language[:2]}")


def test_search_opens_what_was_scanned(busy_edge, open_page) -> None:
    page = open_page(busy_edge, "/")
    serial = busy_edge.units_of("P-0001")[0]
    tote = busy_edge.rows("SELECT tote FROM parcels WHERE state = 'picking' LIMIT 1")[0][0]
    for typed, ends in (
        (serial, f"/serials/{serial}"),
        ("SF138920470001", "/parcels/P-0001"),
        ("b01-03-2", "/bins/B01-03-2"),
        ("69341788200001", "/orders/69341788200001"),
        ("YC-GAN65", "/stock/YC-GAN65"),
        ("6901234567892", "/stock/GIFT-01"),
        (tote, re.compile("/parcels/P-")),
    ):
        page.keyboard.press("/")
        page.keyboard.insert_text(typed)
        page.keyboard.press("Enter")
        pattern = ends if isinstance(ends, re.Pattern) else re.compile(re.escape(ends) + "$")
        expect(page).to_have_url(pattern)
        expect(page.locator("main h1")).to_be_visible()
        page.locator("body").focus()
    page.keyboard.press("/")
    page.keyboard.insert_text("13712342206")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Nothing here is called 13712342206")
    expect(page).to_have_url(re.compile("/find$"))


def test_names_and_telephones_are_masked(busy_edge, open_page) -> None:
    page = open_page(busy_edge, "/parcels/P-0001")
    expect(page.locator(".facts").first).to_contain_text("李*四 137****2206")
    assert "李小四" not in page.content()
    assert "13712342206" not in page.content()


def test_an_exception_is_solved_by_a_badge_and_leaves_the_queue(busy_edge, open_page, shot) -> None:
    page = open_page(busy_edge, "/")
    before = page.locator("#queue li").count()
    row = page.locator("#queue li", has_text="Count")
    row.locator(".btn").click()
    expect(page.locator(".verdict h1")).to_contain_text("Count GIFT-01 in B")
    page.locator("#badge").fill("BDG-0002")
    page.keyboard.press("Enter")
    expect(page.locator(".hint")).to_contain_text("needs a lead's badge")
    shot(page, "console-exception-en")
    page.locator("#badge").fill("BDG-0001")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/$"))
    expect(page.locator("#queue li")).to_have_count(before - 1)
    assert busy_edge.rows("SELECT solved_by FROM exceptions WHERE code = 'count_bin'") == [
        ("BDG-0001",)
    ]


@LANGUAGES
def test_a_lead_sells_over_the_counter_and_is_told_when_the_quota_is_spent(
    busy_edge, open_page, shot, language: str
) -> None:
    page = open_page(busy_edge, "/counter", language=language)
    for units, name in ((4, "sold"), (3, "refused")):
        page.locator("#sku").fill("GIFT-01")
        page.locator("#quantity").fill(str(units))
        page.locator("#badge").fill("BDG-0001")
        page.keyboard.press("Enter")
        if name == "sold":
            expect(page.locator("main a[href^='/bins/']")).to_have_count(1)
        else:
            expect(page.locator(".hint")).to_contain_text(
                re.compile("fewer units may be sold|超过「现在可卖」")
            )
        shot(page, f"console-counter-{name}-{language[:2]}")
    assert busy_edge.rows("SELECT used FROM quotas WHERE sku = 'GIFT-01'") == [(4,)]


def test_a_change_on_the_floor_shows_by_itself(bare_edge, open_page) -> None:
    page = open_page(bare_edge, "/")
    expect(page.locator(".say h1")).to_contain_text("No parcels to pack")
    bare_edge.orders(1, 3)
    bare_edge.plan()
    expect(page.locator("#waves tbody tr")).to_have_count(1)
    bare_edge.take_list("handheld-01", "C01")
    expect(page.locator("#waves tbody td", has_text="C01")).to_be_visible()
    expect(page.locator("#floor .cart")).to_have_count(1)


def test_a_list_under_the_hand_waits_with_its_new_rows(busy_edge, open_page) -> None:
    page = open_page(busy_edge, "/")
    before = page.locator("#queue li").count()
    page.locator("#queue li a").first.focus()
    busy_edge.refund("P-0011")
    expect(page.locator("#queue .held")).to_contain_text("1 new")
    expect(page.locator("#queue li")).to_have_count(before)
    page.locator("#queue .held").click()
    expect(page.locator("#queue .held")).to_have_count(0)
    expect(page.locator("#queue li")).to_have_count(min(7, before + 1))


def test_everything_works_without_a_mouse(busy_edge, open_page) -> None:
    page = open_page(busy_edge, "/parcels")
    expect(page.locator("tbody tr")).not_to_have_count(0)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    second = page.locator("tbody tr").nth(1).locator("a").first
    expect(second).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/parcels/P-"))
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("/parcels$"))


def test_the_language_switch_changes_the_page_and_stays(busy_edge, open_page) -> None:
    page = open_page(busy_edge, "/stock", language="zh-CN")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.locator(".lang").click()
    expect(page).to_have_url(re.compile("/stock$"))
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.reload()
    expect(page.locator("main h1")).to_have_text("Stock")


def test_the_pages_print_without_navigation(busy_edge, open_page, shot) -> None:
    page = open_page(busy_edge, "/parcels/P-0001")
    page.emulate_media(media="print")
    expect(page.locator(".top nav")).to_be_hidden()
    expect(page.locator(".find")).to_be_hidden()
    expect(page.locator(".foot")).to_be_visible()
    expect(page.locator("img.paper")).to_be_visible()
    shot(page, "console-print-en")


def test_figures_stay_when_the_edge_is_gone(bare_edge, open_page, shot) -> None:
    page = open_page(bare_edge, "/stock")
    expect(page.locator("tbody tr")).to_have_count(3)
    stopping = threading.Thread(target=bare_edge.stop)
    stopping.start()
    expect(page.locator("#silent")).to_contain_text("does not answer", timeout=20_000)
    expect(page.locator("tbody tr")).to_have_count(3)
    shot(page, "console-silent-en")
    stopping.join()
