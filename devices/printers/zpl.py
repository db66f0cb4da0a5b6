"""ZPL: how a page of elements is said to a Zebra printer, and read back from what was said.

In ZPL a caret begins a command wherever it stands, also in the middle of an address. Therefore
nothing a person typed is ever in a job as text: it is a bitmap (`gfx`), a barcode with a closed
alphabet (`barcode`), or, for the few ASCII fields, hex-escaped (`^FH`). Whatever the texts are, a
job has the same commands in the same order.
Source: ZPL II Programming Guide (Zebra P1012728), `^CI ^PW ^LL ^FO ^GB ^GF ^BY ^BC ^A ^FH ^FN ^HV`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from devices.printers import barcode
from devices.printers.elements import Box, Code128, Element, Page, Picture, PrinterText
from devices.printers.gfx import Bitmap
from shared.domain.errors import InvalidInput, Refused

START: Final = b"^XA"
END: Final = b"^PQ1^XZ"
"""Exactly one label: the number of copies is never left to the printer's memory."""
ECHO_FIELD: Final = 9
"""Number of the field that the printer says back once the label is out."""
_FREE: Final = b"^FH_^FD^FS"
_GS1: Final = b">;>800"
"""Begin with pairs of digits (`>;`), then FNC1 (`>8`), then the application identifier 00."""
_PLAIN: Final = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz .-/:")
_PRINTABLE: Final = range(0x20, 0x7F)

_HEADER: Final = re.compile(rb"\^XA\^CI28\^PW(\d+)\^LL(\d+)\^LH0,0\n")
_ELEMENT: Final = re.compile(
    rb"\^FO(\d+),(\d+)(?:"
    rb"\^GB(\d+),(\d+),(\d+)\^FS"
    rb"|\^GFA,\d+,(\d+),(\d+),([0-9A-Yg-z,:]*)\^FS"
    rb"|\^BY(\d+)\^BCN,(\d+),N,N,N,([AN])\^FD(?:>;>800)?([0-9A-Za-z./+$% -]*)\^FS"
    rb"|\^A0N,(\d+),\d+\^FH_\^FD([^\^~]*)\^FS"
    rb")\n"
)


def render(page: Page) -> bytes:
    """Return the job that prints `page` once."""
    header = f"^XA^CI28^PW{page.width}^LL{page.height}^LH0,0\n".encode()
    body = b"".join(_say(element) for element in page.elements)
    return header + body + END


def escaped(text: str) -> bytes:
    """Return ASCII `text` as the data of an `^FH_` field.

    Raises InvalidInput when there is a character in it that the printer's own font does not have.
    """
    data = text.encode("utf-8")
    if any(byte not in _PRINTABLE for byte in data):
        raise InvalidInput(
            "printer_text",
            "The printer's own font takes printable ASCII only, and the text has other characters.",
            hint="Draw this text as a bitmap.",
        )
    return b"".join(bytes((byte,)) if byte in _PLAIN else b"_%02X" % byte for byte in data)


def unescaped(data: bytes) -> str:
    """Return what an `^FH_` field says; the reverse of `escaped`."""
    plain = re.sub(rb"_([0-9A-Fa-f]{2})", lambda code: bytes.fromhex(code[1].decode()), data)
    return plain.decode("utf-8", "replace")


def fill(zpl: bytes, text: str) -> bytes:
    """Put `text` into the one free place of a job. It costs a search, not another drawing.

    Raises Refused when the job has no free place, or several.
    """
    if zpl.count(_FREE) != 1:
        raise Refused(
            "label_place",
            f"The label must have exactly one free place, it has {zpl.count(_FREE)}.",
            hint="Draw the label again without a weight.",
        )
    return zpl.replace(_FREE, b"^FH_^FD" + escaped(text) + b"^FS")


def with_echo(zpl: bytes, mark: str) -> bytes:
    """Return the job with a request to say `mark` back (`^HV`) after the label is printed.

    The mark also stands on the label, ten dots high in the top left corner.
    """
    if not zpl.endswith(END):
        raise InvalidInput("label_end", f"A job must end in {END.decode()}, this one does not.")
    field = b"^FO8,0^A0N,10,10^FN%d^FH_^FD%b^FS" % (ECHO_FIELD, escaped(mark))
    ask = b"^FH_^HV%d,%d,,_0D_0A,L^FS\n" % (ECHO_FIELD, len(mark))
    return zpl.removesuffix(END) + field + ask + END


def read(zpl: bytes) -> Page:
    """Return the page that `render` made this job from.

    Raises InvalidInput for a job that this module did not write.
    """
    header = _HEADER.match(zpl)
    if header is None:
        raise InvalidInput("label_unknown", "The job does not begin as labels of this house do.")
    return Page(
        width=int(header[1]),
        height=int(header[2]),
        elements=tuple(_elements(zpl, header.end())),
    )


def _elements(zpl: bytes, at: int) -> Iterator[Element]:
    while found := _ELEMENT.match(zpl, at):
        yield _heard(found)
        at = found.end()
    if zpl[at:] != END:
        raise InvalidInput("label_unknown", f"Byte {at} of the job begins an unknown element.")


def barcodes(zpl: bytes) -> list[str]:
    """Return the texts of the barcodes in a job, in order, also if it is not one of ours."""
    fields = re.findall(rb"\^BC[^\^]*(?:\^FH_?)?\^FD([^\^~]*)\^FS", zpl)
    return [field.removeprefix(_GS1).decode("ascii", "replace") for field in fields]


def _say(element: Element) -> bytes:
    at = b"^FO%d,%d" % (element.x, element.y)
    match element:
        case Box(width=width, height=height, thickness=thickness):
            return at + b"^GB%d,%d,%d^FS\n" % (width, height, thickness)
        case Picture(bitmap=bitmap):
            size = bitmap.row_bytes * bitmap.height
            data = (size, size, bitmap.row_bytes, bitmap.packed)
            return at + b"^GFA,%d,%d,%d,%b^FS\n" % data
        case Code128(module=module, height=height, text=text, sscc=True):
            field = _GS1 + barcode.encode_sscc(text).text.encode()
            return at + b"^BY%d^BCN,%d,N,N,N,N^FD%b^FS\n" % (module, height, field)
        case Code128(module=module, height=height, text=text):
            field = barcode.encode(text).text.encode()
            return at + b"^BY%d^BCN,%d,N,N,N,A^FD%b^FS\n" % (module, height, field)
        case PrinterText(size=size, text=text):
            return at + b"^A0N,%d,%d^FH_^FD%b^FS\n" % (size, size, escaped(text))


def _heard(found: re.Match[bytes]) -> Element:
    x, y = int(found[1]), int(found[2])
    if found[3] is not None:
        return Box(x, y, int(found[3]), int(found[4]), int(found[5]))
    if found[6] is not None:
        row_bytes = int(found[7])
        return Picture(x, y, Bitmap(row_bytes, int(found[6]) // row_bytes, found[8]))
    if found[9] is not None:
        text = found[12].decode("ascii")
        return Code128(x, y, int(found[9]), int(found[10]), text, found[11] == b"N")
    return PrinterText(x, y, int(found[13]), unescaped(found[14]))
