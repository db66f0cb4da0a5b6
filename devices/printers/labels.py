"""The labels of the house: the courier's waybill label, the bin label and the tote label.

A waybill label is read by many people in a hurry. From top to bottom: who carries it, the sort code
that every belt and every driver looks for, the place where bags are made up, the barcode, who gets
it, who sent it, what is in it. A copy says 补打 (printed again) and which number it is, because two
labels with one waybill are an accident waiting to happen.

The weight is known last, when the parcel stands on the scale. So the label is drawn before, while
the packer still scans, and `with_weight` only sets the number.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from devices.printers import gfx, waybill_rows, zpl
from devices.printers.elements import DotsPerMm, Element, Page, Picture
from shared.domain.errors import InvalidInput

Media = Literal["76x130", "100x150", "100x180"]
SIZES_MM: Final[dict[str, tuple[int, int]]] = {
    "76x130": (76, 130),
    "100x150": (100, 150),
    "100x180": (100, 180),
}
"""Width and height of the one-part (76 x 130) and the larger waybill labels of China's couriers."""
BIN_MM: Final = (70, 40)
TOTE_MM: Final = (50, 30)


class WaybillLabel(msgspec.Struct, frozen=True, kw_only=True):
    """What a waybill label says. Names and phone numbers arrive masked (张*三, 138****8000).

    `sort_code` is the three-part code (三段码), `package_center` where bags are made up (集包地),
    `copy_no` 1 for the first print, `printed_for` the station that asked.
    """

    waybill: str
    courier: str
    courier_name: str
    sort_code: str
    package_center: str
    recipient_name_masked: str
    recipient_phone_masked: str
    province_city: str
    address: str
    sender: str
    order_ref: str
    goods_summary: str
    weight_grams: int | None
    copy_no: int
    parcel_ref: str
    printed_for: str


def waybill(label: WaybillLabel, *, media: str = "76x130", dots_per_mm: DotsPerMm = 8) -> bytes:
    """Return the job that prints `label` once on `media` (millimetres, see `SIZES_MM`).

    With `weight_grams` None the weight is a free place for `with_weight`; printed as it is, that
    place stays white. Raises InvalidInput for an unknown size or a waybill no barcode can carry,
    Unavailable when this machine has no font with Chinese characters.
    """
    if media not in SIZES_MM:
        raise InvalidInput(
            "label_media",
            f"A waybill label is one of {', '.join(SIZES_MM)} mm, got {media!r}.",
            hint="Correct the media of this printer in the devices file.",
        )
    width_mm, height_mm = SIZES_MM[media]
    width, height = width_mm * dots_per_mm, height_mm * dots_per_mm
    sheet = waybill_rows.Sheet(width=width, height=height)
    job = zpl.render(Page(width, height, tuple(waybill_rows.elements(sheet, label))))
    return job if label.weight_grams is None else with_weight(job, label.weight_grams)


def with_weight(job: bytes, grams: int) -> bytes:
    """Return a waybill job drawn without weight, now saying `grams` in kilograms.

    Raises Refused when the job has a weight already.
    """
    return zpl.fill(job, f"{grams // 1000}.{grams % 1000:03d} kg")


def missing_characters(label: WaybillLabel) -> str:
    """Return the characters that the label font lacks (a rare name): they print as 〓."""
    texts = (
        label.courier_name, label.sort_code, label.package_center, label.recipient_name_masked,
        label.recipient_phone_masked, label.province_city, label.address, label.sender,
        label.order_ref, label.goods_summary, label.parcel_ref, label.printed_for,
    )  # fmt: skip
    return gfx.missing("".join(texts))


def bin_label(code: str, *, warehouse_name: str = "", dots_per_mm: DotsPerMm = 8) -> bytes:
    """Return the job for the label on a storage bin, 70 x 40 mm: the code large, and as barcode."""
    return _place_label(code, warehouse_name, BIN_MM, dots_per_mm)


def tote_label(code: str, *, caption: str = "", dots_per_mm: DotsPerMm = 8) -> bytes:
    """Return the job for the label on a tote or a cart, 50 x 30 mm."""
    return _place_label(code, caption, TOTE_MM, dots_per_mm)


def _place_label(
    code: str, caption: str, size_mm: tuple[int, int], dots_per_mm: DotsPerMm
) -> bytes:
    width, height = size_mm[0] * dots_per_mm, size_mm[1] * dots_per_mm
    margin = 2 * dots_per_mm
    room = width - 2 * margin
    small = height // 9
    elements: list[Element] = []
    y = margin
    if caption:
        elements.append(Picture(margin, y, gfx.fitted(caption, room, small, smallest=small // 2)))
        y += gfx.line_height(small)
    text = gfx.fitted(code, room, height // 3, smallest=small, bold=True)
    elements.append(Picture((width - text.width) // 2, y, text))
    y += text.height + dots_per_mm
    elements.append(waybill_rows.centred_code(code, (0, width), (y, height - margin - y), 4))
    return zpl.render(Page(width, height, tuple(elements)))
