"""A lead prints labels and changes how they look, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from edge.store import labels, print_jobs
from edge.store.labels import PrinterRow

pytestmark = pytest.mark.browser

SCREENS = pytest.mark.parametrize(
    ("language", "size"), [("zh-CN", (1440, 900)), ("en", (480, 800))]
)
PRINTERS = [PrinterRow("printer-1", "76x130", 8), PrinterRow("printer-2", "100x150", 12)]


@SCREENS
def test_a_lead_prints_bins_and_settles_a_label_of_unknown_fate(
    bare_edge, open_page, shot, language: str, size: tuple[int, int]
) -> None:
    database = bare_edge.node.database
    database.write_sync(lambda tx: labels.put_printers(tx.sql, PRINTERS, 1))
    page = open_page(bare_edge, "/labels", language=language, size=size)
    expect(page.locator("#new_cartons")).to_be_hidden()
    page.locator("#codes").fill("B01-01-1\nB01-01-2")
    page.locator("#badge").fill("BDG-0002")
    page.locator("#print .main").click()
    expect(page.locator("#print .hint")).to_contain_text(re.compile("lead|主管"))
    page.locator("#badge").fill("BDG-0001")
    page.locator("#print .main").click()
    expect(page.locator("main td", has_text="B01-01-2")).to_be_visible()
    (job,) = bare_edge.rows("SELECT job_id FROM print_jobs WHERE document_id = 'B01-01-2'")
    database.write_sync(
        lambda tx: print_jobs.set_state(tx.sql, job[0], state="unknown", trouble="", at_ms=1)
    )
    page.reload()
    expect(page.locator(".asked")).to_contain_text("B01-01-2")
    shot(page, f"labels-{size[0]}-{language[:2]}")
    page.locator(".unknown input[name=badge]").fill("BDG-0001")
    page.locator(".unknown button[value=yes]").click()
    expect(page.locator(".asked")).to_have_count(0)
    assert bare_edge.rows("SELECT state FROM print_jobs WHERE job_id = ?", job[0]) == [
        ("confirmed",)
    ]
    page.locator("#kind").select_option("sscc")
    expect(page.locator("#new_cartons")).to_be_visible()
    shot(page, f"labels-carton-{size[0]}-{language[:2]}")


@SCREENS
def test_a_template_shows_its_print_while_it_is_written_and_is_saved_only_when_valid(
    bare_edge, open_page, shot, language: str, size: tuple[int, int]
) -> None:
    page = open_page(bare_edge, "/labels/waybill-76x130", language=language, size=size)
    expect(page.locator("#preview")).to_have_js_property("width", 608)
    page.locator("#dots").select_option("12")
    expect(page.locator("#preview")).to_have_js_property("width", 912)
    shot(page, f"label-{size[0]}-{language[:2]}")
    good = page.locator("#body").input_value()
    page.locator("#body").fill(good.replace('"data": "{waybill}"', '"data": "{order_ref}"'))
    expect(page.locator("#found")).to_contain_text("proves which label it is")
    expect(page.locator("button[value=save]")).to_be_disabled()
    shot(page, f"label-wrong-{size[0]}-{language[:2]}")
    page.locator("#body").fill(good.replace('"收"', '"收件"'))
    expect(page.locator("button[value=save]")).to_be_enabled()
    page.locator("#badge").fill("BDG-0001")
    page.locator("button[value=save]").click()
    expect(page.locator(".history li")).to_have_count(2)
    page.locator("#badge").fill("BDG-0001")
    page.locator("button[value=reset]").click()
    expect(page.locator(".history li")).to_have_count(3)
    assert page.locator("#body").input_value() == good
