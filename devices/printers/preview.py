"""The label on the screen, drawn from the very bytes that go to the printer.

Bitmaps and barcodes are dot for dot as printed. Text in the printer's own font is drawn with the
label font instead, because only the printer has its own; its place and height are right.
"""

from __future__ import annotations

import io

from PIL import Image, ImageDraw

from devices.printers import barcode, gfx, zpl
from devices.printers.elements import Box, Code128, Page, Picture, PrinterText


def preview_png(job: bytes) -> bytes:
    """Return a PNG of a job made by `zpl.render`, one pixel per dot, black on white.

    Raises InvalidInput for a job from somewhere else.
    """
    image = draw(zpl.read(job))
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def draw(page: Page) -> Image.Image:
    """Return `page` as an image in mode "1": 1 is white paper, 0 is a printed dot."""
    image = Image.new("1", (page.width, page.height), 1)
    ink = ImageDraw.Draw(image)
    for element in page.elements:
        x, y = element.x, element.y
        match element:
            case Box():
                _box(ink, element)
            case Picture(bitmap=bitmap):
                ink.bitmap((x, y), gfx.unpack(bitmap), fill=0)
            case Code128():
                _bars(ink, element)
            case PrinterText(size=size, text=text) if text:
                ink.bitmap((x, y), gfx.unpack(gfx.line(gfx.printable(text), size)), fill=0)
            case _:
                pass
    return image


def _box(ink: ImageDraw.ImageDraw, box: Box) -> None:
    right = box.x + max(box.width, box.thickness) - 1
    bottom = box.y + max(box.height, box.thickness) - 1
    if box.thickness * 2 >= min(right - box.x, bottom - box.y):
        ink.rectangle((box.x, box.y, right, bottom), fill=0)
    else:
        ink.rectangle((box.x, box.y, right, bottom), outline=0, width=box.thickness)


def _bars(ink: ImageDraw.ImageDraw, code: Code128) -> None:
    x = code.x
    symbol = barcode.encode_sscc(code.text) if code.sscc else barcode.encode(code.text)
    for place, width in enumerate(symbol.bars):
        dots = width * code.module
        if place % 2 == 0:
            ink.rectangle((x, code.y, x + dots - 1, code.y + code.height - 1), fill=0)
        x += dots
