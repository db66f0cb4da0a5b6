"""What stands on a label, before it is told to a printer or drawn on a screen.

A label is a page and a list of things with places in dots, from the top left corner. The printer
gets the list as ZPL, the console gets the same list as a picture, so a preview shows what will be
printed and nothing else.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from devices.printers.gfx import Bitmap

DotsPerMm = Literal[8, 12]
"""203 dpi and 300 dpi, the two print heads in use."""


class Box(msgspec.Struct, frozen=True, tag=True):
    """A rectangle; as thick as it is high or wide, it is a line or a black field."""

    x: int
    y: int
    width: int
    height: int
    thickness: int


class Picture(msgspec.Struct, frozen=True, tag=True):
    """Dots: every text a person wrote is one of these."""

    x: int
    y: int
    bitmap: Bitmap


class Code128(msgspec.Struct, frozen=True, tag=True):
    """A barcode without the text under it; `module` is the width of its thinnest bar in dots.

    With `sscc` the text is 18 digits that are said as GS1-128 with the prefix (00).
    """

    x: int
    y: int
    module: int
    height: int
    text: str
    sscc: bool = False


class PrinterText(msgspec.Struct, frozen=True, tag=True):
    """Text in the printer's own font: plain ASCII that is not known when the label is drawn.

    An empty `text` is a place left free, see `zpl.fill`.
    """

    x: int
    y: int
    size: int
    text: str


Element = Box | Picture | Code128 | PrinterText


class Page(msgspec.Struct, frozen=True):
    """One label: its size in dots and what stands on it."""

    width: int
    height: int
    elements: tuple[Element, ...]
