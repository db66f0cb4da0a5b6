"""The labels of the house: waybill, bin, tote, serial number, carton (SSCC) and handover list.

A waybill label is read by many people in a hurry. From top to bottom: who carries it, the sort code
that every belt and every driver looks for, the place where bags are made up, the barcode, who gets
it, who sent it, what is in it. A copy says 补打 (printed again) and which number it is, because two
labels with one waybill are an accident waiting to happen.

How each looks is a template (`template`); here are the words. The weight is known last, when the
parcel stands on the scale. So the label is drawn before, while the packer still scans, and
`with_weight` only sets the number.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from devices.printers import gfx, layout, template, zpl
from devices.printers.elements import DotsPerMm
from devices.printers.fields import KINDS
from devices.printers.layout import Values
from devices.printers.template import Template

SAMPLE_GRAMS: Final = 1_234
"""Weight on a preview of a waybill label."""


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


@lru_cache(maxsize=len(template.NAMES))
def default(name: str) -> Template:
    """Return a template as this program brings it; `name` is one of `template.NAMES`."""
    return template.parse(template.default_body(name))


def waybill(label: WaybillLabel, looks: Template, dots_per_mm: DotsPerMm = 8) -> bytes:
    """Return the job that prints `label` once.

    With `weight_grams` None the weight is a free place for `with_weight`; printed as it is, that
    place stays white. Raises InvalidInput for a waybill no barcode of `looks` can carry,
    Unavailable when this machine has no font with Chinese characters.
    """
    job = draw(looks, words(label), dots_per_mm)
    return job if label.weight_grams is None else with_weight(job, label.weight_grams)


def draw(looks: Template, values: Values, dots_per_mm: DotsPerMm = 8) -> bytes:
    """Return the job that prints one label with `values` (by the names in `fields.KINDS`).

    Raises as `waybill` does.
    """
    return zpl.render(layout.page(looks, values, dots_per_mm))


def sample(looks: Template, dots_per_mm: DotsPerMm = 8) -> bytes:
    """Return the job of a label with the examples of its kind: what a preview shows."""
    job = draw(looks, KINDS[looks.kind].fields, dots_per_mm)
    return with_weight(job, SAMPLE_GRAMS) if looks.kind == "waybill" else job


def with_weight(job: bytes, grams: int) -> bytes:
    """Return a waybill job drawn without weight, now saying `grams` in kilograms.

    Raises Refused when the job has a weight already.
    """
    return zpl.fill(job, f"{grams // 1000}.{grams % 1000:03d} kg")


def copy_mark(copy_no: int) -> str:
    """Return what a copy says about itself, nothing for the first print.

    >>> copy_mark(2), copy_mark(1)
    ('补打 2', '')
    """
    return f"补打 {copy_no}" if copy_no > 1 else ""


def missing_characters(values: Values) -> str:
    """Return the characters that the label font lacks (a rare name): they print as 〓."""
    return gfx.missing("".join(values.values()))


def words(label: WaybillLabel) -> Values:
    """Return what a waybill label says, by the names a template uses."""
    number = label.waybill
    return {
        "waybill": number,
        "waybill_spaced": " ".join(number[at : at + 4] for at in range(0, len(number), 4)),
        "courier": label.courier,
        "courier_name": label.courier_name or label.courier,
        "sort_code": label.sort_code,
        "package_center": label.package_center,
        "recipient_name": label.recipient_name_masked,
        "recipient_phone": label.recipient_phone_masked,
        "province_city": label.province_city,
        "address": label.address,
        "sender": label.sender,
        "order_ref": label.order_ref,
        "goods": label.goods_summary,
        "parcel_ref": label.parcel_ref,
        "printed_for": label.printed_for,
        "copy_mark": copy_mark(label.copy_no),
    }
