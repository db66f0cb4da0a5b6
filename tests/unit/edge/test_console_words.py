"""Words and figures of the desk pages: both languages complete, times and codes as people read."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from edge.web.console import formats, pages
from edge.web.console.stream import part_of
from shared.web.messages import LANGUAGES, Catalogue

CATALOGUE = Catalogue(files("edge.web") / "locale")
NOON = formats.day_start_ms(1_800_000_000_000) + 12 * formats.HOUR_MS
PARTS = ("bench.", "con.")


def reader(language: str = "en") -> formats.Reader:
    return formats.Reader(language, CATALOGUE, NOON)


def test_both_languages_say_the_same_things_with_the_same_figures() -> None:
    zh, en = (
        {code: text for part in PARTS for code, text in CATALOGUE.part(lang, part).items()}
        for lang in LANGUAGES
    )
    own = {code for code in CATALOGUE.codes("en") if code.startswith(PARTS)}
    assert own == set(zh) == set(en)
    names = {code: set(re.findall(r"\{(\w+)\}", zh[code])) for code in zh}
    differ = {c for c in zh if names[c] != set(re.findall(r"\{(\w+)\}", en[c]))}
    assert differ <= {"bench.label.printer_no", "con.act.idle"}


@pytest.mark.parametrize("mark", ["…", "·", "请", "您", "成功", "失败", "系统错误", "确定"])
def test_chinese_texts_keep_the_rules_of_the_look(mark: str) -> None:
    texts = {c: t for part in PARTS for c, t in CATALOGUE.part("zh-CN", part).items()}
    assert {code: text for code, text in texts.items() if mark in text} == {}


def test_chinese_and_latin_stand_apart_by_one_space() -> None:
    texts = {c: t for part in PARTS for c, t in CATALOGUE.part("zh-CN", part).items()}
    tight = re.compile(r"[\u4e00-\u9fff][A-Za-z0-9{]|[A-Za-z0-9}][\u4e00-\u9fff]")
    offenders = {code: text for code, text in texts.items() if tight.search(text)}
    assert offenders == {}


def test_every_text_that_a_template_names_exists() -> None:
    named: set[str] = set()
    for room in ("console", "bench"):
        for entry in (files(f"edge.web.{room}") / "templates").iterdir():
            named |= set(re.findall(r"""\bt\(['"]([\w.]+)['"][,)]""", entry.read_text("utf-8")))
            named |= set(re.findall(r"""text\(['"]([\w.]+)['"][,)]""", entry.read_text("utf-8")))
        for entry in (files(f"edge.web.{room}") / "static").iterdir():
            named |= set(re.findall(r'\bt\("([\w.]+)"[,)]', entry.read_text("utf-8")))
    assert len(named) > 150
    assert {code for code in named if code not in CATALOGUE.codes("zh-CN")} == set()


def test_a_time_has_no_date_today_and_no_year_this_year() -> None:
    year = 366 * 24 * formats.HOUR_MS
    assert reader().clock(NOON + 42 * formats.MINUTE_MS) == "12:42"
    assert re.fullmatch(r"\d\d-\d\d 12:00", reader().clock(NOON - 24 * formats.HOUR_MS))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", reader().clock(NOON - year))


def test_ages_count_in_minutes_and_then_show_the_time() -> None:
    minute = formats.MINUTE_MS
    assert reader().age(NOON - 2 * minute) == "2 min ago"
    assert reader("zh-CN").age(NOON - 2 * minute) == "2 分前"
    assert reader().age(NOON - 11 * minute) == "11:49"
    assert reader().span(72 * minute) == "1 h 12 min"
    assert reader("zh-CN").span(72 * minute) == "1 小时 12 分"


def test_a_serial_number_copies_without_spaces() -> None:
    shown = reader().serial("7B2Q9K4M003184")
    assert shown.striptags() == "7B2Q9K4M003184"
    assert shown.endswith("<i><u>84</u></i></span>")


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x>', "&amp;"])
def test_a_code_cannot_carry_markup(text: str) -> None:
    for shown in (reader().code(text), reader().serial(text)):
        assert "<script" not in shown
        assert "<img" not in shown


def test_stations_and_devices_have_names_of_their_own() -> None:
    assert reader().thing("bench-2") == "bench 2"
    assert reader("zh-CN").thing("printer-2") == "打印机 2"
    assert reader().thing("strange") == "strange"


def test_an_unknown_exception_still_says_something() -> None:
    assert reader().sentence("brand_new_code", {}) == "Something waits for a person"
    assert reader().sentence("too_heavy", {"off_grams": 188}) == "Parcel 188 g too heavy"


def test_a_recipient_is_shown_masked_and_an_erased_one_not_at_all() -> None:
    to = (
        '{"name":"李小四","phone":"13712342206","country":"CN","province":"北京市","city":"北京市",'
        '"district":"朝阳区","street":"长江路 9 号","postcode":"100000"}'
    )
    assert formats.masked_recipient(to) == "李*四 137****2206 北京市 朝阳区"
    assert formats.masked_recipient("{}") == ""


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("http://edge:8081/stock?q=a", "/stock?q=a"),
        ("http://elsewhere/stock", "/"),
        ("http://edge:8081//elsewhere", "/"),
        ("", "/"),
    ],
)
def test_the_language_switch_never_leads_off_site(address: str, path: str) -> None:
    assert pages.same_site_path(address, "edge:8081") == path


@pytest.mark.parametrize(
    ("event", "part"),
    [("exceptions", "queue"), ("station", "floor"), ("parcels", "floor"), ("health", "devices"),
     ("link", "link"), ("scale", None), ("hardware", None)],
)  # fmt: skip
def test_a_live_event_fetches_the_part_that_it_changes(event: str, part: str | None) -> None:
    assert part_of(event) == part
