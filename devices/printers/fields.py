"""What each kind of label can say: its fields by name, with an example of each.

The names are a promise to everybody who changed a template: they are never renamed. The examples
are what a preview shows, and what a template is tried with before it is saved. `WIDEST` are the
longest codes that a label must still be able to carry.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

LabelKind = Literal["waybill", "bin", "tote", "sn", "sscc", "manifest"]


class Kind(msgspec.Struct, frozen=True):
    """One kind of label.

    `fields` by name, each with an example; `proof` the field whose code proves which label it is;
    `proven_by` the symbology that its readers insist on, empty when a QR code will do too.
    """

    fields: dict[str, str]
    proof: str
    proven_by: str = ""


_HOUSE: Final = {"warehouse_name": "上海一号仓", "printed_for": "bench-2", "copy_mark": ""}

KINDS: Final[dict[LabelKind, Kind]] = {
    "waybill": Kind(
        {
            "waybill": "SF1234567890128",
            "waybill_spaced": "SF12 3456 7890 128",
            "courier": "SF",
            "courier_name": "顺丰速运",
            "sort_code": "571-A01 008",
            "package_center": "杭州转运中心",
            "recipient_name": "张*三",
            "recipient_phone": "138****8000",
            "province_city": "浙江省杭州市余杭区",
            "address": "五常街道文一西路969号3号楼1203室",
            "sender": "上海一号仓",
            "order_ref": "taobao TB-000123",
            "goods": "无线蓝牙耳机 x1，充电宝 20000mAh x2",
            "weight": "",
            "parcel_ref": "P-000123",
            "printed_for": "bench-2",
            "copy_mark": "补打 2",
        },
        "waybill",
        "code128",
    ),
    "bin": Kind({"bin": "B07-12-3", **_HOUSE}, "bin"),
    "tote": Kind({"tote": "C04-05", **_HOUSE}, "tote"),
    "sn": Kind(
        {
            "serial": "SN8842-0001937",
            "sku": "EAR-200-BK",
            "name": "无线蓝牙耳机 黑",
            "gtin": "06901234567892",
            **_HOUSE,
        },
        "serial",
    ),
    "sscc": Kind(
        {
            "sscc": "069012340000000016",
            "sscc_spaced": "(00) 0 6901234 000000001 6",
            "content": "EAR-200-BK x 24",
            "printed_at": "2025-11-21 14:42",
            **_HOUSE,
        },
        "sscc",
        "sscc",
    ),
    "manifest": Kind(
        {
            "manifest": "MF-000012",
            "courier_name": "顺丰速运",
            "parcels": "48",
            "page": "1 / 1",
            "opened_at": "2025-11-21 14:42",
            "printed_at": "2025-11-21 18:05",
            "waybills": "\n".join(f"SF{1234567890128 + n}" for n in range(48)),
            **_HOUSE,
        },
        "manifest",
    ),
}

WIDEST: Final[dict[LabelKind, dict[str, str]]] = {
    "waybill": {"waybill": "JDVC1234567890-1-1-0"},
    "bin": {"bin": "WH01-B07-12-3"},
    "tote": {"tote": "CART04-05"},
}
"""Longest codes in use, where they are longer than the example."""
