"""Where everything stands on a waybill label, row by row, for each size and print head.

Couriers' one-part label is 76 x 130 mm; the larger sizes show the same rows with larger letters,
and what height is left goes to the goods. All measures below are eighths of a millimetre on the
76 mm label and are scaled from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from devices.printers import barcode, gfx
from devices.printers.elements import Box, Code128, Element, Picture, PrinterText
from shared.domain.errors import InvalidInput

if TYPE_CHECKING:
    from devices.printers.labels import WaybillLabel

_BASE: Final = (608, 1040)
_MARGIN: Final = 12
_PAD: Final = 14
_COLUMN: Final = 84
"""Where text begins behind the black characters 集, 收 and 寄."""
_THINNEST: Final = 2
"""Dots of the thinnest bar that a hand scanner reads reliably at 203 dpi."""
_ROWS: Final = (84, 116, 60, 186, 206, 96, 0, 108)
"""Heights: head, sort code, package centre, barcode, recipient, sender, goods (rest), foot."""


class Sheet(msgspec.Struct, frozen=True):
    """The paper in dots."""

    width: int
    height: int

    def dots(self, units: int) -> int:
        """Return a measure of the 76 mm label in dots of this sheet."""
        by_width = units * self.width / _BASE[0]
        by_height = units * self.height / _BASE[1]
        return round(min(by_width, by_height))


class Row(msgspec.Struct, frozen=True):
    """One row between two lines; `left` and `right` are where text may begin and must end."""

    sheet: Sheet
    top: int
    height: int

    @property
    def left(self) -> int:
        """First dot of text."""
        return self.sheet.dots(_MARGIN + _PAD)

    @property
    def right(self) -> int:
        """First dot that text must not reach."""
        return self.sheet.width - self.left

    @property
    def width(self) -> int:
        """Dots for text."""
        return self.right - self.left

    def centred(self, bitmap: gfx.Bitmap) -> int:
        """Return the top of `bitmap` so that it stands in the middle of the row's height."""
        return self.top + (self.height - bitmap.height) // 2


def elements(sheet: Sheet, label: WaybillLabel) -> Iterator[Element]:
    """Yield everything on the label."""
    margin = sheet.dots(_MARGIN)
    heights = [sheet.dots(height) for height in _ROWS]
    if not label.package_center:
        heights[_DRAWN.index(_package_center)] = 0
    heights[_DRAWN.index(_goods)] = sheet.height - 2 * margin - sum(heights)
    frame = sheet.width - 2 * margin
    yield Box(margin, margin, frame, sheet.height - 2 * margin, 3)
    top = margin
    for draw, height in zip(_DRAWN, heights, strict=True):
        if height == 0:
            continue
        if top > margin:
            yield Box(margin, top, frame, 2, 2)
        yield from draw(Row(sheet, top, height), label)
        top += height


def centred_code(
    text: str, across: tuple[int, int], down: tuple[int, int], thickest: int
) -> Code128:
    """Place a barcode in the middle of `across` (left, width) and `down` (top, height).

    Its bars are as thick as fit, up to `thickest` dots. Raises InvalidInput when not even bars of
    two dots fit with the white space a reader needs.
    """
    symbol = barcode.encode(text)
    left, width = across
    module = min(thickest, width // (symbol.modules + 2 * barcode.QUIET_MODULES))
    if module < _THINNEST:
        raise InvalidInput(
            "barcode_too_wide",
            f"A barcode of {len(text)} characters needs {symbol.modules * _THINNEST} dots and "
            f"white space, the label has {width}.",
            hint="Use wider labels for this courier.",
        )
    x = left + (width - symbol.modules * module) // 2
    return Code128(x, down[0], module, down[1], text)


def _head(row: Row, label: WaybillLabel) -> Iterator[Element]:
    size = row.sheet.dots(46)
    right = row.right
    if label.copy_no > 1:
        mark = gfx.line(f"补打 {label.copy_no}", row.sheet.dots(36), bold=True, inverse=True)
        right -= mark.width
        yield Picture(right, row.centred(mark), mark)
        right -= row.sheet.dots(12)
    name = label.courier_name or label.courier
    head = gfx.fitted(name, right - row.left, size, smallest=size // 2, bold=True)
    yield Picture(row.left, row.centred(head), head)


def _sort_code(row: Row, label: WaybillLabel) -> Iterator[Element]:
    size = row.sheet.dots(88)
    code = gfx.fitted(label.sort_code, row.width, size, smallest=size // 3, bold=True)
    yield Picture((row.sheet.width - code.width) // 2, row.centred(code), code)


def _package_center(row: Row, label: WaybillLabel) -> Iterator[Element]:
    size = row.sheet.dots(34)
    mark = gfx.line("集", size, bold=True, inverse=True)
    yield Picture(row.left, row.centred(mark), mark)
    left = row.left + row.sheet.dots(_COLUMN)
    text = gfx.fitted(label.package_center, row.right - left, size, smallest=size // 2, bold=True)
    yield Picture(left, row.centred(text), text)


def _barcode(row: Row, label: WaybillLabel) -> Iterator[Element]:
    sheet = row.sheet
    gap, size = sheet.dots(16), sheet.dots(34)
    height = row.height - 2 * gap - gfx.line_height(size)
    yield centred_code(
        label.waybill, (0, sheet.width), (row.top + gap, height), max(3, sheet.dots(3) + 1)
    )
    spaced = " ".join(label.waybill[at : at + 4] for at in range(0, len(label.waybill), 4))
    text = gfx.fitted(spaced, row.width, size, smallest=size // 2, bold=True)
    y = row.top + gap + height + gap // 2
    yield Picture((sheet.width - text.width) // 2, y, text)


def _recipient(row: Row, label: WaybillLabel) -> Iterator[Element]:
    sheet = row.sheet
    badge = gfx.line("收", sheet.dots(44), bold=True, inverse=True)
    top = row.top + sheet.dots(12)
    yield Picture(row.left, top, badge)
    left = row.left + sheet.dots(_COLUMN)
    who = f"{label.recipient_name_masked}  {label.recipient_phone_masked}"
    size = sheet.dots(42)
    name = gfx.fitted(who, row.right - left, size, smallest=size // 2, bold=True)
    yield Picture(left, top, name)
    top += gfx.line_height(size) + sheet.dots(6)
    address = f"{label.province_city} {label.address}"
    room = (row.right - left, row.top + row.height - top)
    yield from _paragraph(address, (left, top), room, (sheet.dots(34), sheet.dots(22)))


def _sender(row: Row, label: WaybillLabel) -> Iterator[Element]:
    sheet = row.sheet
    badge = gfx.line("寄", sheet.dots(32), inverse=True)
    top = row.top + sheet.dots(10)
    yield Picture(row.left, top, badge)
    left = row.left + sheet.dots(_COLUMN)
    room = (row.right - left, row.top + row.height - top)
    yield from _paragraph(label.sender, (left, top), room, (sheet.dots(26), sheet.dots(20)))


def _goods(row: Row, label: WaybillLabel) -> Iterator[Element]:
    sheet = row.sheet
    caption = gfx.line("物品", sheet.dots(24))
    top = row.top + sheet.dots(10)
    yield Picture(row.left, top, caption)
    left = row.left + sheet.dots(_COLUMN)
    room = (row.right - left, row.top + row.height - top)
    yield from _paragraph(label.goods_summary, (left, top), room, (sheet.dots(26), sheet.dots(20)))


def _foot(row: Row, label: WaybillLabel) -> Iterator[Element]:
    sheet = row.sheet
    split = sheet.width * 5 // 8
    yield Box(split, row.top, 2, row.height, 2)
    size = sheet.dots(22)
    top = row.top + sheet.dots(10)
    for text in (f"订单 {label.order_ref}", f"包裹 {label.parcel_ref}", label.printed_for):
        line = gfx.fitted(text, split - row.left, size, smallest=size * 2 // 3)
        yield Picture(row.left, top, line)
        top += gfx.line_height(size) + sheet.dots(3)
    left = split + sheet.dots(_PAD)
    yield Picture(left, row.top + sheet.dots(10), gfx.line("重量", sheet.dots(24)))
    yield PrinterText(left, row.top + sheet.dots(46), sheet.dots(44), "")


def _paragraph(
    text: str, at: tuple[int, int], room: tuple[int, int], sizes: tuple[int, int]
) -> Iterator[Element]:
    """Break `text` into `room` (width, height), in the largest of `sizes` that shows all of it.

    At the smallest size what still does not fit ends in an ellipsis.
    """
    text = gfx.printable(text)
    size, smallest = sizes
    width, height = room[0] - 8, room[1]
    lines = gfx.wrapped(text, width, size, lines_max=max(height // gfx.line_height(size), 1))
    while size > smallest and lines and lines[-1].endswith("…"):
        size = max(size - 3, smallest)
        lines = gfx.wrapped(text, width, size, lines_max=max(height // gfx.line_height(size), 1))
    x, y = at
    for line in lines:
        yield Picture(x, y, gfx.line(line, size))
        y += gfx.line_height(size)


_DRAWN: Final = (
    _head, _sort_code, _package_center, _barcode, _recipient, _sender, _goods, _foot,
)  # fmt: skip
