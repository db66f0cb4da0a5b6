"""ZPL: what is said to a printer, read back by the same grammar and by another one."""

from __future__ import annotations

import re

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from devices.printers import barcode, gfx, preview, zpl
from devices.printers.elements import Box, Code128, Page, Picture, PrinterText
from shared.domain.errors import InvalidInput, Refused

CODE_TEXT = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcxyz-./", min_size=1, max_size=24)


def _noise(row_bytes: int, height: int, seed) -> Image.Image:
    """Rows of long runs, of white, of black, of dots, and rows that repeat."""
    rows: list[bytes] = []
    for _ in range(height):
        kind = seed.randrange(5)
        if kind == 0 and rows:
            rows.append(rows[-1])
        elif kind < 3:
            rows.append(bytes([(0, 255)[kind - 1]]) * row_bytes)
        elif kind == 3:
            cut = seed.randrange(row_bytes + 1)
            rows.append((b"\xf0" * cut + b"\x00" * row_bytes)[:row_bytes])
        else:
            rows.append(seed.randbytes(row_bytes))
    return Image.frombytes("1", (row_bytes * 8, height), b"".join(rows))


BITMAPS = st.builds(
    _noise, st.integers(1, 60), st.integers(1, 20), st.randoms(use_true_random=False)
)


def _unpacked_by_the_manual(bitmap: gfx.Bitmap) -> bytes:
    """`^GFA` data character by character, as the programming guide tells it."""
    width = bitmap.row_bytes * 2
    rows: list[str] = []
    row, count = "", 0
    for sign in bitmap.packed.decode():
        if "G" <= sign <= "Y":
            count += ord(sign) - ord("G") + 1
        elif "g" <= sign <= "z":
            count += (ord(sign) - ord("g") + 1) * 20
        elif sign in ",:":
            rows.append(row + "0" * (width - len(row)) if sign == "," else rows[-1])
            row, count = "", 0
        else:
            row, count = row + sign * (count or 1), 0
            if len(row) == width:
                rows.append(row)
                row = ""
    assert row == ""
    return bytes.fromhex("".join(rows))


@given(BITMAPS)
def test_a_packed_bitmap_unpacks_to_the_same_dots_by_the_rules_of_the_manual(image) -> None:
    bitmap = gfx.pack(image)
    assert _unpacked_by_the_manual(bitmap) == image.tobytes()
    assert gfx.unpack(bitmap).tobytes() == image.tobytes()
    assert not set(bitmap.packed) & set(b"^~")


@given(st.text(max_size=60))
def test_no_text_in_the_printers_own_font_can_end_its_field(text: str) -> None:
    try:
        field = zpl.escaped(text)
    except InvalidInput:
        assert not (text.isascii() and text.isprintable())
        return
    assert not set(field) & set(b"^~\r\n\\")
    assert zpl.unescaped(field) == text


def test_a_page_reads_back_as_it_was_said() -> None:
    page = Page(
        608,
        1040,
        (
            Box(1, 2, 30, 4, 3),
            Picture(5, 6, gfx.line("收 Bincard", 30)),
            Code128(10, 20, 3, 100, "SF1234567890128"),
            PrinterText(1, 2, 30, "^XZ~JA 1_0 kg"),
            PrinterText(1, 2, 30, ""),
        ),
    )
    assert zpl.read(zpl.render(page)) == page


@pytest.mark.parametrize(
    "job", [b"", b"^XA^XZ", b"^XA^CI28^PW8^LL8^LH0,0\n^FO1,1^GB1,1,1^FS\n~JA^PQ1^XZ"]
)
def test_a_job_from_somewhere_else_is_not_taken_for_ours(job: bytes) -> None:
    with pytest.raises(InvalidInput):
        zpl.read(job)


def test_a_free_place_is_filled_once_and_only_once() -> None:
    job = zpl.render(Page(80, 80, (PrinterText(1, 2, 30, ""),)))
    filled = zpl.fill(job, "1.234 kg")
    assert zpl.read(filled).elements == (PrinterText(1, 2, 30, "1.234 kg"),)
    with pytest.raises(Refused):
        zpl.fill(filled, "2.000 kg")


def test_an_echo_is_asked_before_the_label_ends() -> None:
    job = zpl.render(Page(80, 80, ()))
    asked = zpl.with_echo(job, "job-1")
    assert re.findall(rb"\^(FN9|HV9|PQ1|XZ)", asked) == [b"FN9", b"HV9", b"PQ1", b"XZ"]
    with pytest.raises(InvalidInput):
        zpl.with_echo(b"^XA", "job-1")


@settings(deadline=None)
@given(CODE_TEXT)
def test_every_barcode_we_draw_reads_as_its_text(text: str) -> None:
    width = barcode.encode(text).modules * 2 + 80
    page = Page(width, 120, (Code128(40, 10, 2, 100, text),))
    found = zxingcpp.read_barcodes(preview.draw(page).convert("L"))
    assert [(code.text, code.symbology_identifier) for code in found] == [(text, "]C0")]


@pytest.mark.parametrize("text", ["", "顺丰", "A^XZ", "A~JA", "A>5", "A_5E", "1" * 41, "A\n"])
def test_a_barcode_refuses_what_it_cannot_say(text: str) -> None:
    with pytest.raises(InvalidInput):
        barcode.encode(text)
