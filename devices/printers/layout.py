"""From a template and the facts of one label to dots: where every element stands, and how large.

Measures in a template are millimetres; here they become whole dots of one print head. Text shrinks
until it fits, then ends in an ellipsis; bars get as thick as fit, and a code that cannot be printed
readably is refused instead of being cut off at the edge of the paper.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from PIL import Image

from devices.printers import barcode, gfx, template
from devices.printers.elements import Box, Code128, DotsPerMm, Element, Page, Picture, PrinterText
from devices.printers.fields import KINDS, WIDEST
from devices.printers.template import (
    BarcodeElement,
    BoxElement,
    ImageElement,
    LineElement,
    ListElement,
    QrElement,
    Shape,
    Template,
    TextElement,
)
from shared.domain.errors import InvalidInput

THINNEST_DOTS: Final = 2
"""Dots of the thinnest bar that a hand scanner reads reliably at 203 dpi."""
QR_DOTS_MIN: Final = 3
"""Dots of a QR code's smallest square that a handheld's camera reads at arm's length."""
QR_QUIET: Final = 4
QR_TEXT_MAX: Final = 200
IMAGES_CACHED: Final = 16
HEADS: Final[tuple[DotsPerMm, ...]] = (8, 12)

Values = dict[str, str]


def page(looks: Template, values: Values, dots_per_mm: DotsPerMm = 8) -> Page:
    """Return the label that says `values`, for a print head of `dots_per_mm`.

    Raises InvalidInput for a code that no barcode or QR code of this template can carry,
    Unavailable when this machine has no font with Chinese characters.
    """
    elements = [
        element
        for shape in looks.elements
        if not shape.when or values.get(shape.when)
        for element in _placed(shape, values, dots_per_mm)
    ]
    size = looks.width_mm * dots_per_mm, looks.height_mm * dots_per_mm
    return Page(*size, tuple(elements))


def tried(body: str) -> Template:
    """Return the template in a JSON text after drawing it with examples for every print head.

    Raises InvalidInput `template_invalid` for everything `template.parse` or the drawing refuses.
    """
    looks = template.parse(body)
    examples = KINDS[looks.kind].fields
    for values in (examples, examples | WIDEST.get(looks.kind, {})):
        for head in HEADS:
            try:
                page(looks, values, head)
            except InvalidInput as error:
                raise template.invalid([f"With the longest codes in use: {error}"]) from error
    return looks


def rows_on(looks: Template, field: str) -> int:
    """Return how many lines of `field` one label shows; 0 when it shows none."""
    return max(
        (
            _rows(shape, HEADS[0]) * shape.columns
            for shape in looks.elements
            if isinstance(shape, ListElement) and shape.field == field
        ),
        default=0,
    )


def _placed(shape: Shape, values: Values, dots: DotsPerMm) -> Iterator[Element]:
    x, y = round(shape.x * dots), round(shape.y * dots)
    match shape:
        case TextElement(text=template.WEIGHT):
            yield PrinterText(x, y, round(shape.size * dots), "")
        case TextElement():
            yield from _text(shape, (x, y), template.filled(shape.text, values), dots)
        case ListElement():
            yield from _list(shape, (x, y), values.get(shape.field, ""), dots)
        case BarcodeElement():
            yield _barcode(shape, (x, y), template.filled(shape.data, values), dots)
        case QrElement():
            yield _qr(shape, (x, y), template.filled(shape.data, values), dots)
        case LineElement():
            length, thick = round(shape.length * dots), max(round(shape.thickness * dots), 1)
            size = (thick, length) if shape.vertical else (length, thick)
            yield Box(x, y, *size, thick)
        case BoxElement():
            thick = max(round(shape.thickness * dots), 1)
            yield Box(x, y, round(shape.width * dots), round(shape.height * dots), thick)
        case ImageElement():
            bitmap = _image(shape, round(shape.width * dots), round(shape.height * dots))
            yield Picture(x, y, bitmap)


def _text(shape: TextElement, at: tuple[int, int], text: str, dots: DotsPerMm) -> Iterator[Element]:
    text = gfx.printable(text)
    if not text:
        return
    x, y = at
    width, size, smallest = (round(mm * dots) for mm in (shape.width, shape.size, shape.smallest))
    looks = {"bold": shape.bold, "inverse": shape.inverse}
    if shape.height is None:
        bitmaps = [gfx.fitted(text, width, size, smallest=smallest, **looks)]
        step = 0
    else:
        lines, size = gfx.paragraph(text, (width, round(shape.height * dots)), size, smallest)
        bitmaps = [gfx.line(line, size, **looks) for line in lines]
        step = gfx.line_height(size)
    for number, bitmap in enumerate(bitmaps):
        free = max(width - bitmap.width, 0)
        left = {"left": 0, "center": free // 2, "right": free}[shape.align]
        yield Picture(x + left, y + number * step, bitmap)


def _rows(shape: ListElement, dots: DotsPerMm) -> int:
    return max(round(shape.height * dots) // gfx.line_height(round(shape.size * dots)), 1)


def _list(shape: ListElement, at: tuple[int, int], text: str, dots: DotsPerMm) -> Iterator[Element]:
    size, rows = round(shape.size * dots), _rows(shape, dots)
    width = round(shape.width * dots) // shape.columns
    for number, line in enumerate(text.split("\n")[: rows * shape.columns]):
        if line.strip():
            column, row = divmod(number, rows)
            place = at[0] + column * width, at[1] + row * gfx.line_height(size)
            entry = gfx.printable(line)
            yield Picture(*place, gfx.fitted(entry, width, size, smallest=size // 2))


def _barcode(shape: BarcodeElement, at: tuple[int, int], text: str, dots: DotsPerMm) -> Code128:
    gs1 = shape.symbology == "sscc"
    symbol = barcode.encode_sscc(text) if gs1 else barcode.encode(text)
    width, thickest = round(shape.width * dots), max(int(shape.module * dots), THINNEST_DOTS)
    module = min(thickest, width // (symbol.modules + 2 * barcode.QUIET_MODULES))
    if module < THINNEST_DOTS:
        raise InvalidInput(
            "barcode_too_wide",
            f"A barcode of {len(text)} characters needs "
            f"{(symbol.modules + 2 * barcode.QUIET_MODULES) * THINNEST_DOTS} dots with its white "
            f"space, its place on the label has {width}.",
            hint="Give the barcode more width in the label's template, or use wider labels.",
        )
    x = at[0] + (width - symbol.modules * module) // 2
    return Code128(x, at[1], module, round(shape.height * dots), text, gs1)


def _qr(shape: QrElement, at: tuple[int, int], text: str, dots: DotsPerMm) -> Picture:
    matrix = _squares(text)
    room = round(shape.size * dots)
    module = room // (len(matrix) + 2 * QR_QUIET)
    if module < QR_DOTS_MIN:
        raise InvalidInput(
            "qr_too_large",
            f"A QR code of {len(text)} characters needs "
            f"{(len(matrix) + 2 * QR_QUIET) * QR_DOTS_MIN} dots with its margin, its place on the "
            f"label has {room}.",
            hint="Give the QR code more room in the label's template.",
        )
    side = len(matrix) * module
    image = Image.new("1", ((side + 7) // 8 * 8, side), 0)
    for row, squares in enumerate(matrix):
        for column, black in enumerate(squares):
            if black:
                corner = column * module, row * module
                image.paste(1, (*corner, corner[0] + module, corner[1] + module))
    quiet = (room - side) // 2
    return Picture(at[0] + quiet, at[1] + quiet, gfx.pack(image))


def _squares(text: str) -> list[list[bool]]:
    """Return the squares of a QR code, True for black, without its margin.

    Drawn here and not by the printer: printers choose mask and version differently, and the
    preview promises to show what is printed.
    """
    if not 1 <= len(text) <= QR_TEXT_MAX or not text.isprintable():
        raise InvalidInput(
            "qr_text",
            f"A QR code holds 1 to {QR_TEXT_MAX} printable characters; {len(text)} came, or one "
            "that cannot be printed is among them.",
            hint="Correct the number at its source.",
        )
    import segno  # a label with a QR code is rare: the others do not wait for it

    code = segno.make_qr(text, error="m")
    return [[bool(square) for square in row] for row in code.matrix]


@lru_cache(maxsize=IMAGES_CACHED)
def _image(shape: ImageElement, width: int, height: int) -> gfx.Bitmap:
    """Return a picture as dots, as large as fits into `width` x `height`; transparent is white."""
    drawing = template.picture(shape).convert("RGBA")
    paper = Image.new("RGBA", drawing.size, "white")
    paper.alpha_composite(drawing)
    scale = min(width / drawing.width, height / drawing.height)
    size = max(int(drawing.width * scale), 1), max(int(drawing.height * scale), 1)
    dots = paper.convert("L").resize(size).point(lambda level: 255 if level < 128 else 0)
    image = Image.new("1", ((size[0] + 7) // 8 * 8, size[1]), 0)
    image.paste(dots.convert("1"), (0, 0))
    return gfx.pack(image)
