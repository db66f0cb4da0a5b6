"""The packing bench in a real browser, on a real edge with a simulated scale and printer."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from shared.domain.commands import LeaseNumbers, SetWaybill

pytestmark = pytest.mark.browser

GIFT = "6901234567892"


def wedge(page: Page, code: str) -> None:
    """Type a code as a scanner does; the same code again waits out the trigger's bounce."""
    page.wait_for_function(
        "code => window.last?.code !== code || performance.now() - window.last.at > 510", arg=code
    )
    page.evaluate("code => { window.last = {code, at: performance.now()} }", code)
    page.keyboard.insert_text(code)
    page.keyboard.press("Enter")


def says(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.locator("#do .say")).to_contain_text(text)


def step(page: Page, number: int) -> None:
    expect(page.locator("#steps [aria-current=step] > span").first).to_have_text(str(number))


def in_chinese(edge, open_page, shot, name: str, selector: str, text: str) -> None:
    """The same bench on another screen in Chinese."""
    page = open_page(edge, "/bench/2", language="zh-CN", size=(1280, 800))
    expect(page.locator(selector)).to_contain_text(text)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    shot(page, name)
    page.close()


def scan_out(page: Page, edge, parcel_id: str = "P-0001") -> None:
    """Log in, open the parcel's tote and scan every unit out."""
    wedge(page, "BDG-0007")
    says(page, re.compile("Scan tote|扫描 周转箱"))
    tote = edge.rows("SELECT tote FROM parcels WHERE parcel_id = ?", parcel_id)[0][0]
    wedge(page, tote)
    step(page, 2)
    for code in edge.units_of(parcel_id):
        wedge(page, code)
        expect(page.locator("html[data-signal=right]")).to_be_attached()
    step(page, 3)


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_parcel_goes_over_the_bench_from_tote_to_label(
    bench_edge, open_page, shot, language: str
) -> None:
    edge, hands = bench_edge
    short = language[:2]
    page = open_page(edge, "/bench/2", language=language, size=(1440, 900))
    says(page, re.compile("Scan badge|扫描 工牌"))
    shot(page, f"bench-badge-{short}")
    wedge(page, "BDG-0007")
    says(page, re.compile("Scan tote|扫描 周转箱"))
    shot(page, f"bench-1-idle-{short}")
    tote = edge.rows("SELECT tote FROM parcels WHERE parcel_id = 'P-0001'")[0][0]
    wedge(page, tote)
    units = edge.units_of("P-0001")
    for code in units[:3]:
        wedge(page, code)
    expect(page.locator(".sn.fresh")).to_be_visible()
    expect(page.locator("#steps [aria-current=step] .end")).to_have_text("3 / 5")
    shot(page, f"bench-2-scan-{short}")
    for code in units[3:]:
        wedge(page, code)
    step(page, 3)
    expect(page.locator(".window")).to_be_visible()
    hands.put("/scales/scale-2", json={"grams": 1_980})
    step(page, 4)
    expect(page.locator(".kg")).to_contain_text("1.980")
    expect(page.locator("#label .state")).to_contain_text(re.compile("printed|已打印"))
    expect(page.locator("#label img")).to_have_js_property("complete", True)
    shot(page, f"bench-4-label-{short}")
    wedge(page, "SF138920470001")
    says(page, re.compile("Scan tote|扫描 周转箱"))
    expect(page.locator("#today b")).to_have_text("1")
    assert edge.rows("SELECT state, weight_grams FROM parcels WHERE parcel_id = 'P-0001'") == [
        ("packed", 1_980)
    ]
    hands.put("/scales/scale-2", json={"grams": 0})


def test_a_wrong_unit_stops_the_bench_until_the_right_one_or_the_button(
    bench_edge, open_page, shot
) -> None:
    edge, _ = bench_edge
    page = open_page(edge, "/bench/2", language="en")
    wedge(page, "BDG-0007")
    wedge(page, edge.rows("SELECT tote FROM parcels WHERE parcel_id = 'P-0001'")[0][0])
    step(page, 2)
    wedge(page, edge.units_of("P-0002")[0])
    expect(page.locator(".halt.stop h1")).to_contain_text(re.compile("Not a unit|不是这一包"))
    expect(page.locator("html[data-signal=stop]")).to_be_attached()
    shot(page, "bench-wrong-unit-en")
    page.keyboard.press("F1")
    expect(page.locator(".halt")).to_have_count(0)
    wedge(page, edge.units_of("P-0002")[0])
    expect(page.locator(".halt.stop")).to_be_visible()
    wedge(page, edge.units_of("P-0001")[0])
    expect(page.locator(".sn.fresh")).to_be_visible()
    expect(page.locator(".halt")).to_have_count(0)


def test_a_weight_outside_its_window_stops_until_a_lead_answers_for_it(
    bench_edge, open_page, shot
) -> None:
    edge, hands = bench_edge
    page = open_page(edge, "/bench/2", language="en", size=(1280, 800))
    scan_out(page, edge)
    hands.put("/scales/scale-2", json={"grams": 2_700})
    expect(page.locator(".halt.stop h1")).to_contain_text(
        re.compile(r"\d+ g too heavy|重了 \d+ 克")
    )
    expect(page.locator(".needle .mark.out")).to_be_visible()
    expect(page.locator(".halt .todo")).to_contain_text("云驰 65W")
    shot(page, "bench-5-heavy-en")
    halt = page.locator(".halt")
    assert halt.evaluate("one => one.scrollHeight <= one.clientHeight")  # every way is in sight
    in_chinese(edge, open_page, shot, "bench-5-heavy-zh", ".halt h1", "重了")
    page.keyboard.press("F6")
    says(page, re.compile("lead's badge|主管工牌"))
    wedge(page, "BDG-0001")
    says(page, re.compile("why it passes|放行原因"))
    shot(page, "bench-5-pass-en")
    page.keyboard.press("F1")
    step(page, 4)
    assert edge.rows("SELECT kind, badge, reason FROM weight_overrides") == [
        ("passed", "BDG-0001", "PACKING_DIFFERS")
    ]
    hands.put("/scales/scale-2", json={"grams": 0})


def test_a_refund_stops_the_bench_and_the_rack_ends_it(bench_edge, open_page, shot) -> None:
    from shared.domain.commands import CancelParcel

    edge, _ = bench_edge
    page = open_page(edge, "/bench/2", language="zh-CN", size=(1280, 800))
    wedge(page, "BDG-0007")
    wedge(page, edge.rows("SELECT tote FROM parcels WHERE parcel_id = 'P-0001'")[0][0])
    step(page, 2)
    edge.command(CancelParcel(parcel_id="P-0001", reason="buyer"))
    expect(page.locator(".halt.stop h1")).to_contain_text("买家要退款")
    expect(page.locator("#label")).to_contain_text("运单已作废")
    shot(page, "bench-6-refund-zh")
    wedge(page, edge.units_of("P-0001")[0])
    expect(page.locator("html[data-signal=stop]")).to_be_attached()
    wedge(page, "B05-14-1")
    says(page, "扫描 周转箱")
    assert edge.rows("SELECT state FROM parcels WHERE parcel_id = 'P-0001'") == [("cancelled",)]


def test_no_paper_is_amber_and_goes_by_itself(bench_edge, open_page, shot) -> None:
    edge, hands = bench_edge
    hands.put("/printers/printer-2", json={"paper_out": True})
    page = open_page(edge, "/bench/2", language="en", size=(1280, 800))
    scan_out(page, edge)
    hands.put("/scales/scale-2", json={"grams": 1_980})
    expect(page.locator(".halt.attention h1")).to_contain_text(re.compile("out of paper|缺纸"))
    shot(page, "bench-8-paper-en")
    in_chinese(edge, open_page, shot, "bench-8-paper-zh", ".halt h1", "2 号打印机缺纸")
    hands.put("/printers/printer-2", json={"paper_out": False})
    expect(page.locator(".halt")).to_have_count(0)
    expect(page.locator("#label .state")).to_contain_text(re.compile("printed|已打印"))
    hands.put("/scales/scale-2", json={"grams": 0})


def test_a_label_without_paper_goes_to_another_printer_and_comes_out_once(
    bench_edge, open_page, shot
) -> None:
    edge, hands = bench_edge
    hands.put("/printers/printer-2", json={"paper_out": True})
    page = open_page(edge, "/bench/2", language="en", size=(1280, 800))
    scan_out(page, edge)
    hands.put("/scales/scale-2", json={"grams": 1_980})
    expect(page.locator(".halt.attention h1")).to_contain_text(re.compile("out of paper|缺纸"))
    page.keyboard.press("F7")
    expect(page.locator(".ways .way").first).to_contain_text("100 × 150 mm")
    shot(page, "bench-other-printer-en")
    page.keyboard.press("F1")
    expect(page.locator("#label .state")).to_contain_text(re.compile("printed|已打印"))
    hands.put("/printers/printer-2", json={"paper_out": False})
    shot(page, "bench-other-printed-en")
    wedge(page, "SF138920470001")
    says(page, re.compile("Scan tote|扫描 周转箱"))
    jobs = edge.rows("SELECT printer, copy_no, state FROM print_jobs ORDER BY copy_no")
    assert jobs == [("printer-2", 1, "cancelled"), ("printer-9", 2, "confirmed")]
    page.keyboard.press("F3")
    in_chinese(edge, open_page, shot, "bench-elsewhere-zh", "#do", "打印机")
    with page.expect_response("**/api/v1/scans"):
        page.keyboard.press("F1")
    says(page, re.compile("Scan tote|扫描 周转箱"))
    assert edge.rows("SELECT * FROM bench_printers") == []
    hands.put("/scales/scale-2", json={"grams": 0})


def test_an_unknown_label_asks_and_a_scan_of_it_is_the_proof(bench_edge, open_page, shot) -> None:
    edge, hands = bench_edge
    hands.put("/printers/printer-2", json={"reset_after_bytes": 600})
    page = open_page(edge, "/bench/2", language="en", size=(1280, 800))
    scan_out(page, edge)
    hands.put("/scales/scale-2", json={"grams": 1_980})
    expect(page.locator(".halt.unknown h1")).to_contain_text(
        re.compile("Did the label come out|面单出来了吗"), timeout=30_000
    )
    shot(page, "bench-7-unknown-en")
    in_chinese(edge, open_page, shot, "bench-7-unknown-zh", ".halt h1", "面单出来了吗？")
    wedge(page, "SF138920470001")
    says(page, re.compile("Scan tote|扫描 周转箱"))
    assert edge.rows("SELECT state, copy_no FROM print_jobs") == [("confirmed", 1)]
    hands.put("/scales/scale-2", json={"grams": 0})


def test_a_lost_answer_is_asked_for_again_under_the_same_id(bench_edge, open_page) -> None:
    edge, _ = bench_edge
    page = open_page(edge, "/bench/2")
    wedge(page, "BDG-0007")
    says(page, "Scan tote")
    sent: list[str] = []

    def lose_first_answer(route) -> None:
        sent.append(route.request.post_data_json[0]["op_id"])
        if len(sent) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/api/v1/scans", lose_first_answer)
    wedge(page, edge.rows("SELECT tote FROM parcels WHERE parcel_id = 'P-0001'")[0][0])
    step(page, 2)
    unit = edge.units_of("P-0001")[0]
    wedge(page, unit)
    expect(page.locator(".sn.fresh")).to_be_visible()
    assert sent[0] == sent[1]
    assert edge.rows("SELECT COUNT(*) FROM operations WHERE op_id = ?", sent[0]) == [(1,)]


def test_scans_survive_a_reload_while_the_edge_is_silent(bench_edge, open_page, shot) -> None:
    edge, _ = bench_edge
    page = open_page(edge, "/bench/2")
    wedge(page, "BDG-0007")
    says(page, "Scan tote")
    page.context.route("**/api/v1/scans", lambda route: route.abort())
    wedge(page, edge.rows("SELECT tote FROM parcels WHERE parcel_id = 'P-0001'")[0][0])
    says(page, "does not answer")
    shot(page, "bench-edge-silent-en")
    page.context.unroute("**/api/v1/scans")
    page.reload()
    step(page, 2)


def test_a_code_can_be_typed_and_the_reprint_asks_why(bench_edge, open_page, shot) -> None:
    edge, hands = bench_edge
    page = open_page(edge, "/bench/2")
    expect(page.locator("#do .btn.small")).to_be_visible()
    page.keyboard.press("F8")
    page.locator("#typed").fill("BDG-0007")
    page.keyboard.press("Enter")
    says(page, "Scan tote")
    scan_out(page, edge)
    hands.put("/scales/scale-2", json={"grams": 1_980})
    expect(page.locator("#label .state")).to_contain_text("printed")
    page.keyboard.press("F9")
    expect(page.locator(".halt.attention h1")).to_contain_text("Why another copy?")
    shot(page, "bench-reprint-en")
    page.keyboard.press("F1")
    expect(page.locator("#label")).to_contain_text("copy 2")
    assert edge.rows("SELECT copy_no, reason FROM print_jobs ORDER BY copy_no") == [
        (1, ""), (2, "spoiled"),
    ]  # fmt: skip
    hands.put("/scales/scale-2", json={"grams": 0})


def test_the_bench_fits_a_handheld_screen_too(bench_edge, open_page, shot) -> None:
    edge, _ = bench_edge
    page = open_page(edge, "/bench/2", language="en", size=(480, 800))
    wedge(page, "BDG-0007")
    wedge(page, edge.rows("SELECT tote FROM parcels WHERE parcel_id = 'P-0001'")[0][0])
    step(page, 2)
    for code in edge.units_of("P-0001")[:3]:
        wedge(page, code)
    expect(page.locator("#steps [aria-current=step] .end")).to_have_text("3 / 5")
    assert page.evaluate("document.documentElement.scrollWidth") <= 480
    shot(page, "bench-480-scan-en")


def test_a_lead_types_the_weight_while_the_scale_is_away(bench_edge, open_page, shot) -> None:
    edge, hands = bench_edge
    page = open_page(edge, "/bench/2", size=(1280, 800))
    scan_out(page, edge)
    hands.put("/scales/scale-2", json={"unplugged": True})
    expect(page.locator("#scale .state")).to_contain_text("cut off", timeout=20_000)
    page.keyboard.press("F7")
    says(page, "lead's badge")
    wedge(page, "BDG-0001")
    expect(page.locator(".halt h1")).to_contain_text("What does it weigh?")
    shot(page, "bench-typed-weight-en")
    page.locator("#typed").fill("1980")
    page.keyboard.press("Enter")
    step(page, 4)
    assert edge.rows("SELECT kind, badge FROM weight_overrides") == [("manual", "BDG-0001")]


def test_the_console_shows_each_device_and_what_to_do_about_it(bench_edge, open_page, shot) -> None:
    edge, hands = bench_edge
    hands.put("/scales/scale-2", json={"unplugged": True})
    page = open_page(edge, "/devices")
    scale = page.locator("tbody tr", has_text="scale 2").first
    expect(scale).to_contain_text("Check power and cable", timeout=20_000)
    expect(page.locator("tbody tr", has_text="printer 2").first).to_contain_text("nothing to do")
    expect(page.locator("#health")).to_contain_text("Scales 0 / 1")
    shot(page, "console-devices-down-en")


def test_a_box_without_a_number_waits_on_the_shelf_and_the_bench_says_when_it_has_come(
    bench_edge, open_page, shot
) -> None:
    edge, hands = bench_edge
    edge.node.database.write_sync(
        lambda tx: tx.sql.execute("UPDATE parcels SET waybill = NULL WHERE parcel_id = 'P-0001'")
    )
    page = open_page(edge, "/bench/2", language="en", size=(1280, 800))
    scan_out(page, edge)
    hands.put("/scales/scale-2", json={"grams": 1_980})
    expect(page.locator(".halt h1")).to_contain_text("not issued the number yet")
    shot(page, "bench-no-number-en")
    in_chinese(edge, open_page, shot, "bench-no-number-zh", ".halt h1", "快递还没给运单号")
    wedge(page, "B99-01-1")
    says(page, "Scan tote")
    hands.put("/scales/scale-2", json={"grams": 0})

    edge.command(SetWaybill(parcel_id="P-0001", courier="SF", waybill="SF138920479999"))
    says(page, "B99-01-1 on the waiting shelf is ready")
    shot(page, "bench-number-came-en")
    wedge(page, "B99-01-1")
    expect(page.locator("#label .state")).to_contain_text("printed")
    wedge(page, "SF138920479999")
    says(page, "Scan tote")
    edge.command(LeaseNumbers(courier="SF", after=0, numbers=("SF900000001",), low_water=2))
    console = open_page(edge, "/link", language="en", size=(1440, 900))
    expect(console.locator("tr.late")).to_contain_text("few left")
    shot(console, "console-numbers-en")
