"""What a label looks like, as data that a lead can change: a size and a list of things with places.

A warehouse glues its labels on its own boxes: another logo, a larger sort code, a line for the
returns desk. None of that should need a programmer. So a label is a *template*, a JSON text with
measures in millimetres, and `{names}` where the facts of one parcel or one bin go. The same
template serves every print head.

A template that could print a useless label is refused before it is saved, with one sentence per
mistake: a thing beyond the paper, a name nobody knows, letters nobody can read, a barcode that is
covered or too wide, and above all a label without the one barcode that proves which label it is.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import warnings
from collections.abc import Iterator
from importlib.resources import files
from typing import Annotated, Final, Literal

import msgspec
from PIL import Image

from devices.printers.fields import KINDS, Kind, LabelKind
from shared.domain.errors import InvalidInput

BODY_BYTES_MAX: Final = 65_536
ELEMENTS_MAX: Final = 100
TEXT_MAX: Final = 400
IMAGE_BYTES_MAX: Final = 32_768
IMAGE_PIXELS_MAX: Final = 4_000_000
SIZE_MM_MIN: Final = 1.8
"""Smaller letters than this cannot be read at arm's length from a print head of 203 dpi."""
_REFERENCE: Final = re.compile(r"\{([^{}]*)\}")
WEIGHT: Final = "{weight}"
"""Written by the printer itself, because it is known last."""

Mm = Annotated[float, msgspec.Meta(ge=0, le=300)]
Size = Annotated[float, msgspec.Meta(gt=0, le=300)]
Text = Annotated[str, msgspec.Meta(max_length=TEXT_MAX)]


class _Element(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True
):
    """Something at `x`, `y` mm from the top left; with `when`, only if that field has text."""

    x: Mm
    y: Mm
    when: str = ""


class TextElement(_Element, frozen=True, kw_only=True, tag="text"):
    """Words and `{fields}`, `size` mm high, at most `width` mm wide.

    What does not fit becomes smaller down to `size_min` (default: half), then ends in an ellipsis.
    With a `height` the text is broken into lines. `inverse` is white on black.
    """

    text: Text
    width: Size
    size: Size
    size_min: Size | None = None
    height: Size | None = None
    align: Literal["left", "center", "right"] = "left"
    bold: bool = False
    inverse: bool = False

    @property
    def smallest(self) -> float:
        """Height of the smallest letters this text may get (mm)."""
        return self.size_min or max(self.size / 2, min(self.size, SIZE_MM_MIN))


class ListElement(_Element, frozen=True, kw_only=True, tag="list"):
    """The lines of one field in `columns`, top to bottom, then right."""

    field: str
    width: Size
    height: Size
    size: Size
    columns: Annotated[int, msgspec.Meta(ge=1, le=6)] = 1


class BarcodeElement(_Element, frozen=True, kw_only=True, tag="barcode"):
    """A barcode in the middle of `width` mm, its thinnest bar at most `module` mm.

    `code128` carries `data` as it is, `sscc` carries 18 digits as GS1-128 with the prefix (00).
    """

    data: Text
    width: Size
    height: Size
    module: Size = 0.5
    symbology: Literal["code128", "sscc"] = "code128"


class QrElement(_Element, frozen=True, kw_only=True, tag="qr"):
    """A QR code at most `size` mm wide, white margin included."""

    data: Text
    size: Size


class LineElement(_Element, frozen=True, kw_only=True, tag="line"):
    """A line to the right, or with `vertical` downwards."""

    length: Size
    thickness: Size = 0.25
    vertical: bool = False


class BoxElement(_Element, frozen=True, kw_only=True, tag="box"):
    """A rectangle."""

    width: Size
    height: Size
    thickness: Size = 0.4


class ImageElement(_Element, frozen=True, kw_only=True, tag="image"):
    """A black and white picture, PNG in base64, as wide and high as it fits."""

    png: Annotated[str, msgspec.Meta(max_length=IMAGE_BYTES_MAX * 4 // 3 + 4)]
    width: Size
    height: Size


Shape = (
    TextElement | ListElement | BarcodeElement | QrElement | LineElement | BoxElement | ImageElement
)


class Template(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One label's looks."""

    kind: LabelKind
    width_mm: Annotated[int, msgspec.Meta(ge=20, le=120)]
    height_mm: Annotated[int, msgspec.Meta(ge=15, le=300)]
    elements: Annotated[tuple[Shape, ...], msgspec.Meta(min_length=1, max_length=ELEMENTS_MAX)]

    @property
    def name(self) -> str:
        """Return what it is called everywhere, such as `waybill-76x130`."""
        return f"{self.kind}-{self.width_mm}x{self.height_mm}"


_decoder: Final = msgspec.json.Decoder(Template)
_folder: Final = files("devices.printers") / "templates"
NAMES: Final = (
    "waybill-76x130", "waybill-100x150", "waybill-100x180", "bin-70x40", "tote-50x30", "sn-50x30",
    "sscc-100x150", "manifest-100x150",
)  # fmt: skip
"""The labels this program brings; a lead may change how each looks, not its size."""


def default_body(name: str) -> str:
    """Return the JSON text of a template as this program brings it; `name` is one of `NAMES`."""
    return (_folder / f"{name}.json").read_text(encoding="utf-8")


def parse(body: str) -> Template:
    """Return the template in a JSON text, checked.

    Raises InvalidInput `template_invalid`, its sentence naming every mistake.
    """
    try:
        template = _decoder.decode(body.encode()[: BODY_BYTES_MAX + 1])
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise invalid([f"It is not the JSON we expect: {error}."]) from error
    mistakes = list(_mistakes(template))
    if mistakes:
        raise invalid(mistakes)
    return template


def references(text: str) -> list[str]:
    """Return the names in braces in `text`, in order."""
    return _REFERENCE.findall(text)


def filled(text: str, values: dict[str, str]) -> str:
    """Return `text` with the values of its names; a name without a value is empty."""
    return _REFERENCE.sub(lambda found: values.get(found[1], ""), text)


def picture(element: ImageElement) -> Image.Image:
    """Return the picture of an image element. Raises InvalidInput when there is none in it."""
    try:
        data = base64.b64decode(element.png, validate=True)
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=("PNG",))
            if image.width * image.height <= IMAGE_PIXELS_MAX:
                image.load()
                return image
            found = f"it has {image.width} x {image.height}"
    except (binascii.Error, OSError, ValueError, SyntaxError, Warning) as error:
        found = str(error)
    raise InvalidInput(
        "template_image",
        f"The picture of an image must be a PNG of at most {IMAGE_PIXELS_MAX} pixels in base64: "
        f"{found}.",
    )


def invalid(mistakes: list[str]) -> InvalidInput:
    """Return the error that tells `mistakes`, one sentence each."""
    return InvalidInput(
        "template_invalid",
        "This template cannot be used. " + " ".join(mistakes),
        hint="Correct it; the template in use stays as it is until then.",
    )


def _mistakes(template: Template) -> Iterator[str]:
    kind = KINDS[template.kind]
    if template.name not in NAMES:
        yield f"There is no label {template.name}; expected one of {', '.join(NAMES)}."
    for number, shape in enumerate(template.elements, start=1):
        what = f"Element {number} ({_tag(shape)})"
        yield from (f"{what} {mistake}" for mistake in _of_one(template, kind, shape))
    yield from _covered(template)
    yield from _proof(template, kind)


def _of_one(template: Template, kind: Kind, shape: Shape) -> Iterator[str]:
    right, bottom = edges(shape)
    if right > template.width_mm + 0.01 or bottom > template.height_mm + 0.01:
        yield (
            f"ends {right:g} mm right and {bottom:g} mm down, the label is "
            f"{template.width_mm} x {template.height_mm} mm."
        )
    for name in _names(shape):
        if name not in kind.fields:
            yield f"names {{{name}}}; a {template.kind} label knows {', '.join(kind.fields)}."
    if isinstance(shape, TextElement | ListElement):
        smallest = shape.smallest if isinstance(shape, TextElement) else shape.size
        if smallest < SIZE_MM_MIN:
            yield f"has letters of {smallest:g} mm; below {SIZE_MM_MIN} mm nobody can read them."
    if isinstance(shape, TextElement) and WEIGHT in shape.text and shape.text != WEIGHT:
        yield f"must be {WEIGHT} alone: the printer writes the weight itself, at the end."
    if isinstance(shape, BarcodeElement | QrElement) and WEIGHT in shape.data:
        yield "cannot hold the weight, which is known after the label is drawn."
    if isinstance(shape, ImageElement):
        try:
            picture(shape)
        except InvalidInput as error:
            yield f"has no picture: {error}"


def _covered(template: Template) -> Iterator[str]:
    """A line through a barcode is a second barcode: nothing may lie on one."""
    for number, code in enumerate(template.elements, start=1):
        if not isinstance(code, BarcodeElement | QrElement):
            continue
        for other_number, other in enumerate(template.elements, start=1):
            if other is not code and _overlap(code, other):
                yield (
                    f"Element {other_number} ({_tag(other)}) lies on the code of element {number}."
                )


def _overlap(code: BarcodeElement | QrElement, other: Shape) -> bool:
    right, bottom = edges(code)
    other_right, other_bottom = edges(other)
    apart = other.x >= right or other_right <= code.x or other.y >= bottom or other_bottom <= code.y
    if apart or not isinstance(other, BoxElement):
        return not apart
    inner = other.thickness
    around = (
        other.x + inner <= code.x
        and other.y + inner <= code.y
        and other_right - inner >= right
        and other_bottom - inner >= bottom
    )
    return not around


def _proof(template: Template, kind: Kind) -> Iterator[str]:
    wanted = f"{{{kind.proof}}}"
    codes = [
        shape
        for shape in template.elements
        if isinstance(shape, BarcodeElement | QrElement) and shape.data == wanted and not shape.when
    ]
    if kind.proven_by:
        codes = [
            code
            for code in codes
            if isinstance(code, BarcodeElement) and code.symbology == kind.proven_by
        ]
    if not codes:
        how = f"a barcode ({kind.proven_by})" if kind.proven_by else "a barcode or a QR code"
        yield (
            f"A {template.kind} label needs {how} that holds {wanted} and nothing else: "
            "scanning it proves which label it is."
        )
    weights = sum(
        isinstance(shape, TextElement) and shape.text == WEIGHT for shape in template.elements
    )
    if "weight" in kind.fields and weights != 1:
        yield f"A {template.kind} label needs {WEIGHT} in one place, it is in {weights}."


def edges(shape: Shape) -> tuple[float, float]:
    """Return how far right and how far down a shape reaches (mm)."""
    match shape:
        case TextElement():
            return shape.x + shape.width, shape.y + (shape.height or shape.size * 7 / 6)
        case QrElement():
            return shape.x + shape.size, shape.y + shape.size
        case LineElement(vertical=True):
            return shape.x + shape.thickness, shape.y + shape.length
        case LineElement():
            return shape.x + shape.length, shape.y + shape.thickness
        case _:
            return shape.x + shape.width, shape.y + shape.height


def _names(shape: Shape) -> list[str]:
    names = [shape.when] if shape.when else []
    match shape:
        case TextElement():
            names += references(shape.text)
        case BarcodeElement() | QrElement():
            names += references(shape.data)
        case ListElement():
            names.append(shape.field)
        case _:
            pass
    return names


def _tag(shape: Shape) -> str:
    return str(type(shape).__struct_config__.tag)
