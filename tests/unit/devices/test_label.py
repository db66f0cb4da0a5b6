"""The waybill label: read by machines, safe against its own texts, and quick to draw."""

from __future__ import annotations

import io
import os
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
from shared.domain.errors import InvalidInput, Refused, Unavailable

NODE_MODULES = "BINCARD_TEST_NODE_MODULES"
SIZES = [(media, dots) for media in labels.SIZES_MM for dots in (8, 12)]
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
HOSTILE = msgspec.structs.replace(
    LABEL,
    courier_name="^XZ^XA^FO0,0^BCN,50^FDEVIL^FS" * 3,
    sort_code="~JA^PQ9 " * 9,
    package_center="_5E_7E^FH",
    recipient_name_masked="阿卜杜拉·买买提·艾力*" * 9,
    recipient_phone_masked="^XZ\n~HS",
    address="很长的街道名称" * 60,
    sender="^GFA,9,9,9," * 40,
    goods_summary="😀 \u202e x" * 80,
    order_ref="9" * 200,
    copy_no=3,
)
TEXT_FIELDS = [
    field for field in LABEL.__struct_fields__
    if field not in {"waybill", "weight_grams", "copy_no"}
]  # fmt: skip
SKELETON = re.compile(
    r"XA CI28 PW LL LH (FO GB FS |FO GFA FS |FO BY BCN FD FS |FO A0N FH FD FS )*PQ1 XZ"
)


def _skeleton(job: bytes) -> str:
    """The commands of a job without their data, wherever a caret or a tilde stands."""
    words = re.findall(rb"[\^~](XA|XZ|CI28|PQ1|PW|LL|LH|FO|GB|GFA|FS|BY|BCN|FD|A0N|FH|.{0,3})", job)
    return " ".join(word.decode("latin-1") for word in words)


def _codes(image: Image.Image) -> list[str]:
    return [code.text for code in zxingcpp.read_barcodes(image.convert("L"))]


@pytest.mark.parametrize(("media", "dots"), SIZES)
@pytest.mark.parametrize("label", [LABEL, HOSTILE], ids=["plain", "hostile"])
def test_the_waybill_is_the_only_barcode_on_the_label(label, media, dots) -> None:
    job = labels.waybill(label, media=media, dots_per_mm=dots)
    image = Image.open(io.BytesIO(preview.preview_png(job)))
    width, height = labels.SIZES_MM[media]
    assert image.size == (width * dots, height * dots)
    assert _codes(image) == [label.waybill]


@pytest.mark.parametrize("label", [LABEL, HOSTILE], ids=["plain", "hostile"])
@pytest.mark.parametrize(("media", "dots"), SIZES)
def test_nothing_stands_beyond_the_frame(label, media, dots) -> None:
    page = zpl.read(labels.waybill(label, media=media, dots_per_mm=dots))
    frame = page.elements[0]
    for element in page.elements:
        if isinstance(element, Picture):
            assert element.x > frame.x
            assert element.y >= frame.y
            assert element.x + element.bitmap.width <= frame.x + frame.width
            assert element.y + element.bitmap.height <= frame.y + frame.height


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(TEXT_FIELDS), st.text(max_size=120), max_size=4))
def test_no_text_changes_the_commands_of_a_job(texts: dict[str, str]) -> None:
    job = labels.waybill(msgspec.structs.replace(LABEL, **texts))
    assert SKELETON.fullmatch(_skeleton(job))
    assert zpl.render(zpl.read(job)) == job
    assert zpl.barcodes(job) == [LABEL.waybill]


def test_hostile_names_do_not_change_the_commands_either() -> None:
    assert SKELETON.fullmatch(_skeleton(labels.waybill(HOSTILE)))


def test_the_weight_is_set_later_without_another_drawing() -> None:
    drawn = labels.waybill(msgspec.structs.replace(LABEL, weight_grams=None))
    assert labels.with_weight(drawn, 1234) == labels.waybill(LABEL)
    with pytest.raises(Refused):
        labels.with_weight(labels.waybill(LABEL), 1)


def test_a_copy_says_so_and_the_first_print_does_not() -> None:
    mark = gfx.line("补打 2", 36, bold=True, inverse=True)
    first = zpl.read(labels.waybill(LABEL))
    copy = zpl.read(labels.waybill(msgspec.structs.replace(LABEL, copy_no=2)))
    drawn = [[e.bitmap for e in page.elements if isinstance(e, Picture)] for page in (first, copy)]
    assert [mark in bitmaps for bitmaps in drawn] == [False, True]


@pytest.mark.parametrize("waybill", ["", "顺丰123", "SF^XZ", "A" * 40])
def test_a_waybill_that_no_barcode_on_this_label_can_say_is_refused(waybill: str) -> None:
    with pytest.raises(InvalidInput):
        labels.waybill(msgspec.structs.replace(LABEL, waybill=waybill))


def test_an_unknown_size_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="76x130"):
        labels.waybill(LABEL, media="60x40")


def test_a_character_the_font_lacks_is_reported_and_never_an_empty_box() -> None:
    label = msgspec.structs.replace(LABEL, recipient_name_masked="\U00020bb7*\U0001f600")
    assert labels.missing_characters(label) == "\U00020bb7\U0001f600"
    assert gfx.printable("\U00020bb7*三") in {"〓*三", "?*三"}
    assert labels.missing_characters(LABEL) == ""


def test_a_missing_font_is_a_sentence(monkeypatch) -> None:
    monkeypatch.setenv(gfx.FONT_SETTING, "/nowhere/font.ttc")
    with pytest.raises(Unavailable, match=r"/nowhere/font\.ttc") as refused:
        labels.waybill(LABEL)
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


@pytest.mark.parametrize("code", ["B07-12-3", "C04-05", "R-02", "DOCK-1"])
def test_bin_and_tote_labels_read_as_their_code(code: str) -> None:
    for job in (labels.bin_label(code, warehouse_name="上海一号仓"), labels.tote_label(code)):
        assert _codes(Image.open(io.BytesIO(preview.preview_png(job)))) == [code]


@pytest.mark.parametrize(("media", "dots"), SIZES)
@pytest.mark.parametrize("label", [LABEL, HOSTILE], ids=["plain", "hostile"])
def test_another_zpl_interpreter_draws_what_the_preview_shows(
    label, media, dots, tmp_path: Path
) -> None:
    modules = os.environ.get(NODE_MODULES, "")
    if not shutil.which("node") or not (Path(modules) / "zpl-renderer-js").is_dir():
        pytest.skip(f"needs node, and in {NODE_MODULES} a directory with zpl-renderer-js 3.4.0")
    job = labels.waybill(msgspec.structs.replace(label, weight_grams=None), media=media,
                         dots_per_mm=dots)  # fmt: skip
    theirs = _rendered_by_node(job, labels.SIZES_MM[media], dots, Path(modules), tmp_path)
    ours = Image.open(io.BytesIO(preview.preview_png(job))).convert("1")
    assert _codes(theirs) == [label.waybill]
    assert ImageChops.logical_xor(ours, theirs).getbbox() is None


def _rendered_by_node(
    job: bytes, size_mm: tuple[int, int], dots: int, modules: Path, folder: Path
) -> Image.Image:
    (folder / "label.zpl").write_bytes(job)
    (folder / "node_modules").symlink_to(modules)
    (folder / "draw.mjs").write_text(
        'import {ready} from "zpl-renderer-js"; import fs from "fs";\n'
        "const {api} = await ready; const [w, h, d] = process.argv.slice(2).map(Number);\n"
        'const png = await api.zplToBase64Async(fs.readFileSync("label.zpl", "utf8"), w, h, d);\n'
        'fs.writeFileSync("label.png", Buffer.from(png, "base64")); process.exit(0);\n'
    )
    command = ["node", "draw.mjs", *map(str, size_mm), str(dots)]
    subprocess.run(command, cwd=folder, check=True, timeout=60)
    image = Image.open(folder / "label.png").convert("L")
    return image.point(lambda level: 255 if level > 127 else 0).convert("1")
