"""Chinese text as black and white dots, because a label printer has no Chinese letters of its own.

A printer without a loaded font prints empty boxes for 张 and 收. So each line of text is drawn here
with a font of this machine and sent as a small picture (`^GFA`), run-length packed. That has a
second virtue: a name that contains printer commands is only dots, it cannot command anything.

A character the font does not have is never printed as an empty box: it becomes 〓 (the printer's
sign for a missing sort) and `missing` tells which it was.
Source of the packing: ZPL II Programming Guide, "Alternative Data Compression Scheme for ~DG".
"""

from __future__ import annotations

import os
import re
import threading
import unicodedata
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Final

import msgspec
from PIL import Image, ImageDraw, ImageFont

from shared.domain.errors import Unavailable

FONT_SETTING: Final = "BINCARD_DEVICES_LABEL_FONT"
FONT_PATHS: Final = (
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/wqy-microhei/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
)
TEXT_MAX: Final = 400
"""Characters of one text that are drawn; a longer one ends in an ellipsis."""
LINES_CACHED: Final = 1_024
"""Drawn lines kept: captions, couriers, sort codes and cities come again and again."""
SIZES_CACHED: Final = 64
MISSING_SIGN: Final = "〓"
_ELLIPSIS: Final = "…"
_NOT_A_CHARACTER: Final = "\U0010ffff"
_RUN: Final = re.compile(rb"([0-9A-F])\1+")
_PACKED: Final = re.compile(r"([G-Yg-z]*)([0-9A-F])|([,:])")

_drawing = threading.Lock()
"""FreeType faces are not made for two threads at once."""


class Bitmap(msgspec.Struct, frozen=True):
    """Dots, one bit each: `packed` is the data of a `^GFA` field, rows of `row_bytes` bytes."""

    row_bytes: int
    height: int
    packed: bytes

    @property
    def width(self) -> int:
        """Dots across, a multiple of 8."""
        return self.row_bytes * 8


def font_path() -> Path:
    """Return the font for labels: the setting if there is one, else the first usual place."""
    return _find_font(os.environ.get(FONT_SETTING, ""))


@lru_cache(maxsize=4)
def _find_font(chosen: str) -> Path:
    for candidate in (chosen,) if chosen else FONT_PATHS:
        if Path(candidate).is_file():
            return Path(candidate)
    raise Unavailable(
        "label_font_missing",
        f"No font with Chinese characters was found at {chosen or 'any of the usual places'}.",
        hint=f"Install the package fonts-wqy-microhei, or set {FONT_SETTING} to a font file.",
    )


@lru_cache(maxsize=SIZES_CACHED)
def _face(size: int, path: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=4_096)
def _has_glyph(character: str, path: Path) -> bool:
    """Tell whether the font draws something else than its sign for "not in this font"."""
    if character == " ":
        return True
    if unicodedata.category(character) in {"Cs", "Cn", "Co"}:
        return False
    face = _face(24, path)
    mask, empty = face.getmask(character, "1"), face.getmask(_NOT_A_CHARACTER, "1")
    return (mask.size, bytes(mask)) != (empty.size, bytes(empty)) and mask.getbbox() is not None


def _plain(text: str) -> str:
    """One line of ordinary characters: composed, no controls, single blanks, bounded."""
    composed = unicodedata.normalize("NFC", text[: TEXT_MAX * 2])
    kept = (" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in composed)
    line = " ".join("".join(c for c in kept if unicodedata.category(c) != "Cf").split())
    return line if len(line) <= TEXT_MAX else line[: TEXT_MAX - 1] + _ELLIPSIS


def missing(text: str) -> str:
    """Return the characters of `text` that the font lacks, each once, in order."""
    path = font_path()
    with _drawing:
        lost = [character for character in _plain(text) if not _has_glyph(character, path)]
    return "".join(dict.fromkeys(lost))


def printable(text: str) -> str:
    """Return `text` as it will be drawn: one line, missing characters as 〓 (or ? without it)."""
    path = font_path()
    with _drawing:
        sign = MISSING_SIGN if _has_glyph(MISSING_SIGN, path) else "?"
        return "".join(c if _has_glyph(c, path) else sign for c in _plain(text))


@lru_cache(maxsize=8_192)
def _advance(character: str, size: int, path: Path) -> float:
    return _face(size, path).getlength(character)


def width_of(text: str, size: int) -> int:
    """Dots that `text`, already `printable`, takes at `size`."""
    path = font_path()
    return int(sum(_advance(character, size, path) for character in text) + 0.999)


def line_height(size: int) -> int:
    """Dots from the top of one line to the top of the next, as `line` draws them."""
    return size + size // 6


@lru_cache(maxsize=LINES_CACHED)
def line(text: str, size: int, *, bold: bool = False, inverse: bool = False) -> Bitmap:
    """Draw `text`, already `printable`, in one line `size` dots high.

    `bold` thickens the strokes (the font has one weight); `inverse` is white on a black ground with
    a margin of a quarter of the size.
    """
    path = font_path()
    margin = size // 4 if inverse else 0
    stroke = max(1, size // 36) if bold else 0
    width = max(width_of(text, size), 1) + 2 * (margin + stroke)
    height = line_height(size)
    image = Image.new("1", ((width + 7) // 8 * 8, height), 0)
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"
    if inverse:
        draw.rectangle((0, 0, width - 1, height - 1), fill=1)
    with _drawing:
        # "lm" puts the middle between ascender and descender on the middle of the line.
        draw.text(
            (margin + stroke, height // 2), text, fill=0 if inverse else 1,
            font=_face(size, path), anchor="lm", stroke_width=stroke,
            stroke_fill=0 if inverse else 1,
        )  # fmt: skip
    return pack(image)


def fitted(
    text: str, width: int, size: int, *, smallest: int, bold: bool = False, inverse: bool = False
) -> Bitmap:
    """Draw `text`, already `printable`, in one line of at most `width` dots.

    What is too long becomes smaller first, then ends in an ellipsis.
    """
    while size > smallest and width_of(text, size) > _room(width, size, inverse):
        size -= 1
    text = shortened(text, _room(width, size, inverse), size)
    return line(text, size, bold=bold, inverse=inverse)


def _room(width: int, size: int, inverse: bool) -> int:
    """Dots for the letters themselves: a bitmap is padded to whole bytes, and may have margins."""
    return width - 8 - (size // 4 * 2 if inverse else 0)


def paragraph(text: str, room: tuple[int, int], size: int, smallest: int) -> tuple[list[str], int]:
    """Break `text`, already `printable`, into `room` (width, height): return lines and their size.

    The size is the largest up to `size` that shows all of it; at `smallest` what still does not fit
    ends in an ellipsis.
    """
    width, height = room[0] - 8, room[1]
    while True:
        lines = wrapped(text, width, size, lines_max=max(height // line_height(size), 1))
        if size <= smallest or not lines or not lines[-1].endswith(_ELLIPSIS):
            return lines, size
        size = max(size - 3, smallest)


def shortened(text: str, width: int, size: int) -> str:
    """Return `text` if it fits into `width` dots, else its beginning and an ellipsis."""
    if width_of(text, size) <= width:
        return text
    while text and width_of(text + _ELLIPSIS, size) > width:
        text = text[:-1]
    return text + _ELLIPSIS


def wrapped(text: str, width: int, size: int, *, lines_max: int) -> list[str]:
    """Break `text`, already `printable`, into lines of at most `width` dots.

    Chinese breaks anywhere, a word in Latin letters only when it is longer than a line. What does
    not fit into `lines_max` lines ends in an ellipsis.
    """
    lines: list[str] = []
    while text:
        if len(lines) == lines_max - 1:
            return [*lines, shortened(text, width, size)]
        end = _break_at(text, width, size)
        lines.append(text[:end].rstrip())
        text = text[end:].lstrip()
    return lines


def _break_at(text: str, width: int, size: int) -> int:
    """Return how many characters of `text` go on this line, at least one."""
    path = font_path()
    widths = accumulate(_advance(character, size, path) for character in text)
    end = next((at for at, used in enumerate(widths) if used > width), len(text))
    if end == len(text):
        return end
    word = end
    while word > 0 and text[word - 1].isascii() and text[word].isascii() and text[word] != " ":
        if text[word - 1] == " ":
            return word
        word -= 1
    return max(word if word > end // 2 else end, 1)


def pack(image: Image.Image) -> Bitmap:
    """Return a black-and-white image (1 = black dot, width a multiple of 8) as a Bitmap."""
    row_bytes = image.width // 8
    digits = image.tobytes().hex().upper().encode()
    row_digits = row_bytes * 2
    packed: list[bytes] = []
    previous = b""
    for at in range(0, len(digits), row_digits):
        row = digits[at : at + row_digits]
        packed.append(b":" if row == previous else _pack_row(row))
        previous = row
    return Bitmap(row_bytes, image.height, b"".join(packed))


def _pack_row(row: bytes) -> bytes:
    """Pack one row: letters count repeated digits, `,` fills the rest up with white.

    There is also `!`, for black, but not every ZPL interpreter reads it right.
    """
    body = row.rstrip(b"0")
    return _RUN.sub(_count, body) + (b"," if len(body) < len(row) else b"")


def _count(run: re.Match[bytes]) -> bytes:
    return _repeat(len(run.group()), run.group(1))


@lru_cache(maxsize=2_048)
def _repeat(length: int, digit: bytes) -> bytes:
    """`G` to `Y` repeat 1 to 19 times, `g` to `z` 20 to 400 times; they add up."""
    most, rest = divmod(length, 400)
    twenties, ones = divmod(rest, 20)
    text = "z" * most
    text += chr(ord("f") + twenties) if twenties else ""
    text += chr(ord("F") + ones) if ones else ""
    return text.encode() + digit


def unpack(bitmap: Bitmap) -> Image.Image:
    """Return the dots of `bitmap` as an image (1 = black dot); the reverse of `pack`."""
    row_digits = bitmap.row_bytes * 2
    rows: list[str] = []
    row = ""
    for counts, digit, sign in _PACKED.findall(bitmap.packed.decode("ascii")):
        if sign == ":":
            rows.append(rows[-1])
            continue
        row += digit * max(sum(_worth(count) for count in counts), 1)
        if sign:
            row = row.ljust(row_digits, "0")
        if len(row) == row_digits:
            rows.append(row)
            row = ""
    return Image.frombytes("1", (bitmap.width, bitmap.height), bytes.fromhex("".join(rows)))


def _worth(count: str) -> int:
    return ord(count) - ord("F") if count < "a" else 20 * (ord(count) - ord("f"))
