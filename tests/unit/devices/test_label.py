"""Labels: read by machines, safe against their own texts, drawn alike by another interpreter."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from devices.printers import gfx, labels, preview, zpl
from devices.printers.elements import Picture
from devices.printers.fields import KINDS, WIDEST
from devices.printers.template import NAMES
from shared.domain.errors import InvalidInput, Refused, Unavailable

RENDERER = Path(__file__).parents[3] / ".venv" / "renderer" / "node_modules"
"""Another interpreter of ZPL, brought by `deploy/test.sh` where Node.js is present."""
LOOKS = {name: labels.default(name) for name in NAMES}
EACH = [(name, dots) for name in NAMES for dots in (8, 12)]
WAYBILL = LOOKS["waybill-76x130"]
LABEL = labels.WaybillLabel(
    waybill="SF1234567890128",
    courier="SF",
    courier_name="顺丰速运",
    sort_code="400-W00 000",
    package_center="杭州转运中心",
    recipient_name_masked="张*三",
    recipient_phone_masked="138****8000",
    province_city="浙江省杭州市",
    address="余杭区五常街道文一西路969号3号楼1203室",
    sender="上海一号仓",
    order_ref="taobao TB-000123",
    goods_summary="无线蓝牙耳机 x1，充电宝 20000mAh x2",
    weight_grams=1234,
    copy_no=1,
    parcel_ref="P-000123",
    printed_for="bench-2",
)
HOSTILE_TEXTS = [
    "^XZ^XA^FO0,0^BCN,50^FDEVIL^FS" * 3,
    "~JA^PQ9 " * 9,
    "_5E_7E^FH",
    "^XZ\n~HS\x00\x02\x1d\x7f",
    "阿卜杜拉·买买提·艾力*" * 9,
    "很长的街道名称" * 60,
    "^GFA,9,9,9," * 40,
    "\u202e👩‍👩‍👧 e\u0301\u0301\u0301 \U00020bb7" * 20,
    "9" * 200,
]
SKELETON = re.compile(
    r"XA CI28 PW LL LH (FO GB FS |FO GFA FS |FO BY BCN FD FS |FO A0N FH FD FS )*PQ1 XZ"
)


def _skeleton(job: bytes) -> str:
    """The commands of a job without their data, wherever a caret or a tilde stands."""
    words = re.findall(rb"[\^~](XA|XZ|CI28|PQ1|PW|LL|LH|FO|GB|GFA|FS|BY|BCN|FD|A0N|FH|.{0,3})", job)
    return " ".join(word.decode("latin-1") for word in words)


def _codes(image: Image.Image) -> list[str]:
    return [code.text for code in zxingcpp.read_barcodes(image.convert("L"))]


def _values(name: str, words: str) -> dict[str, str]:
    """The facts of a label: the longest codes in use, or hostile words everywhere."""
    kind = LOOKS[name].kind
    examples = KINDS[kind].fields
    if words == "hostile":
        proof = KINDS[kind].proof
        texts = dict(zip(examples, HOSTILE_TEXTS * 3, strict=False))
        return texts | {proof: examples[proof]}
    return examples | WIDEST.get(kind, {})


def _job(name: str, words: str, dots: int) -> tuple[bytes, list[str]]:
    """A label and the codes that a reader must find on it."""
    values = _values(name, words)
    proof = values[KINDS[LOOKS[name].kind].proof]
    prefix = "(00)" if LOOKS[name].kind == "sscc" else ""
    return labels.draw(LOOKS[name], values, dots), [prefix + proof]


@pytest.mark.parametrize(("name", "dots"), EACH)
@pytest.mark.parametrize("words", ["widest", "hostile"])
def test_a_reader_finds_the_proof_on_every_label_and_nothing_else(words, name, dots) -> None:
    job, expected = _job(name, words, dots)
    image = Image.open(io.BytesIO(preview.preview_png(job)))
    assert image.size == (LOOKS[name].width_mm * dots, LOOKS[name].height_mm * dots)
    assert _codes(image) == expected
    assert SKELETON.fullmatch(_skeleton(job))
    page = zpl.read(job)
    for element in page.elements:
        if isinstance(element, Picture):
            assert element.x + element.bitmap.width <= page.width
            assert element.y + element.bitmap.height <= page.height


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_no_text_in_any_field_changes_the_commands_of_a_job(data: st.DataObject) -> None:
    looks = LOOKS[data.draw(st.sampled_from(NAMES))]
    kind = KINDS[looks.kind]
    text = st.one_of(st.text(max_size=80), st.sampled_from(HOSTILE_TEXTS))
    texts = data.draw(st.dictionaries(st.sampled_from(sorted(kind.fields)), text, max_size=6))
    try:
        job = labels.draw(looks, kind.fields | texts)
    except InvalidInput:  # a code that cannot be printed is refused with a sentence
        assert kind.proof in texts
        return
    assert SKELETON.fullmatch(_skeleton(job))
    assert zpl.render(zpl.read(job)) == job


def test_the_weight_is_set_later_without_another_drawing() -> None:
    drawn = labels.waybill(msgspec.structs.replace(LABEL, weight_grams=None), WAYBILL)
    assert labels.with_weight(drawn, 1234) == labels.waybill(LABEL, WAYBILL)
    assert zpl.barcodes(drawn) == [LABEL.waybill]
    with pytest.raises(Refused):
        labels.with_weight(labels.waybill(LABEL, WAYBILL), 1)


def test_a_copy_says_so_and_the_first_print_does_not() -> None:
    jobs = [labels.waybill(msgspec.structs.replace(LABEL, copy_no=n), WAYBILL) for n in (1, 2)]
    first, copy = (zpl.read(job).elements for job in jobs)
    added = [element for element in copy if element not in first]
    mark = gfx.line("补打 2", 36, bold=True, inverse=True)
    assert [element.bitmap for element in added] == [mark]
    assert len(copy) == len(first) + 1


@pytest.mark.parametrize("waybill", ["", "顺丰123", "SF^XZ", "A" * 40])
def test_a_waybill_that_no_barcode_on_this_label_can_say_is_refused(waybill: str) -> None:
    with pytest.raises(InvalidInput):
        labels.waybill(msgspec.structs.replace(LABEL, waybill=waybill), WAYBILL)


def test_a_character_the_font_lacks_is_reported_and_never_an_empty_box() -> None:
    lost = {"recipient_name": "\U00020bb7*\U0001f600", "sender": "上海一号仓"}
    assert labels.missing_characters(lost) == "\U00020bb7\U0001f600"
    assert gfx.printable("\U00020bb7*三") in {"〓*三", "?*三"}


def test_a_missing_font_is_a_sentence(monkeypatch) -> None:
    monkeypatch.setenv(gfx.FONT_SETTING, "/nowhere/font.ttc")
    with pytest.raises(Unavailable, match=r"/nowhere/font\.ttc") as refused:
        labels.waybill(LABEL, WAYBILL)
    assert "fonts-wqy-microhei" in refused.value.hint


@settings(deadline=None)
@given(st.text("汉字街道 abc1", max_size=80), st.integers(100, 500), st.integers(1, 5))
def test_wrapped_lines_fit_and_lose_nothing_without_an_ellipsis(text, width, lines_max) -> None:
    text = gfx.printable(text)
    lines = gfx.wrapped(text, width, 24, lines_max=lines_max)
    assert len(lines) <= lines_max
    assert all(gfx.width_of(line, 24) <= width for line in lines)
    if not (lines and lines[-1].endswith("…")):
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_another_zpl_interpreter_draws_what_the_preview_shows(tmp_path: Path) -> None:
    if not shutil.which("node") or not (RENDERER / "zpl-renderer-js").is_dir():
        pytest.skip("needs Node.js and zpl-renderer-js: run deploy/test.sh where both can be had")
    wanted = {}
    for name, dots in EACH:
        looks = LOOKS[name]
        file = f"{name}.{looks.width_mm}.{looks.height_mm}.{dots}.zpl"
        job, wanted[file] = _job(name, "hostile", dots)
        (tmp_path / file).write_bytes(job)
    _rendered_by_node(tmp_path)
    for file, expected in wanted.items():
        theirs = Image.open(tmp_path / f"{file}.png").convert("L")
        theirs = theirs.point(lambda level: 255 if level > 127 else 0).convert("1")
        ours = preview.draw(zpl.read((tmp_path / file).read_bytes()))
        assert _codes(theirs) == expected, file
        assert ImageChops.logical_xor(ours, theirs).getbbox() is None, file


def _rendered_by_node(folder: Path) -> None:
    """Draw every label in `folder`; the renderer takes long to start, so it starts once."""
    (folder / "node_modules").symlink_to(RENDERER)
    (folder / "draw.mjs").write_text(
        'import {ready} from "zpl-renderer-js"; import fs from "fs";\n'
        "const {api} = await ready;\n"
        'for (const file of fs.readdirSync(".").filter((name) => name.endsWith(".zpl"))) {\n'
        "  const [w, h, d] = file.split('.').slice(1, 4).map(Number);\n"
        '  const png = await api.zplToBase64Async(fs.readFileSync(file, "utf8"), w, h, d);\n'
        '  fs.writeFileSync(`${file}.png`, Buffer.from(png, "base64"));\n'
        "}\n"
        "process.exit(0);\n"
    )
    subprocess.run([shutil.which("node") or "", "draw.mjs"], cwd=folder, check=True, timeout=120)
