"""S11: a waybill label with Chinese text, from its fields to the bytes for the printer.

Run `python tests/benchmarks/bench_label.py`; it prints one JSON object. Every label has another
name, address and number, so that only captions, courier and cities come from the cache. The
baseline draws the same page from scratch each time, as if nothing were remembered.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import msgspec

from devices.printers import gfx, labels

COUNT = 400
WARM_UP = 20
FIRST_HANZI = 0x4E00
LABEL = labels.WaybillLabel(
    waybill="SF1234567890128",
    courier="SF",
    courier_name="顺丰速运",
    sort_code="571-A01 008",
    package_center="杭州转运中心",
    recipient_name_masked="张*三",
    recipient_phone_masked="138****8000",
    province_city="浙江省杭州市余杭区",
    address="五常街道文一西路969号",
    sender="上海一号仓",
    order_ref="taobao TB-000000",
    goods_summary="无线蓝牙耳机 x1，充电宝 20000mAh x2",
    weight_grams=None,
    copy_no=1,
    parcel_ref="P-000000",
    printed_for="bench-2",
)


def label(number: int) -> labels.WaybillLabel:
    """Return the `number`th label; no two are alike."""
    hanzi = "".join(chr(FIRST_HANZI + number * 7 + step * 997) for step in range(6))
    return msgspec.structs.replace(
        LABEL,
        waybill=f"SF{10**12 + number * 7_919}",
        recipient_name_masked=f"{hanzi[0]}*{hanzi[1]}",
        recipient_phone_masked=f"1{30 + number % 60}****{1_000 + number}",
        address=f"{hanzi[2:]}街道文一西路{number}号{number % 30}号楼{number * 13 % 2_000}室",
        order_ref=f"taobao TB-{number:06}",
        parcel_ref=f"P-{number:06}",
        goods_summary=f"{LABEL.goods_summary}，{hanzi} x{number % 9 + 1}",
    )


def times_ms(work: Callable[[labels.WaybillLabel], object]) -> list[float]:
    """Return how long each of the labels took, sorted."""
    taken = []
    for number in range(COUNT):
        wanted = label(number)
        begun = time.perf_counter_ns()
        work(wanted)
        taken.append((time.perf_counter_ns() - begun) / 1e6)
    return sorted(taken[WARM_UP:])


def from_scratch(wanted: labels.WaybillLabel) -> bytes:
    """Draw a label with no line remembered."""
    gfx.line.cache_clear()
    return labels.waybill(wanted)


def figures(times: list[float]) -> dict[str, float]:
    """Return the middle and the slow end of `times`."""
    return {
        "p50_ms": round(times[len(times) // 2], 2),
        "p95_ms": round(times[len(times) * 95 // 100], 2),
        "max_ms": round(times[-1], 2),
    }


def main() -> None:
    """Measure and print."""
    result: dict[str, object] = {"benchmark": "S11 label", "labels": COUNT, "target_p95_ms": 20}
    for media in labels.SIZES_MM:
        for dots in (8, 12):
            times = times_ms(lambda w, m=media, d=dots: labels.waybill(w, media=m, dots_per_mm=d))
            size = len(labels.waybill(label(1), media=media, dots_per_mm=dots))
            result[f"{media}@{dots}"] = {**figures(times), "bytes": size}
    baseline = figures(times_ms(from_scratch))
    result["baseline_from_scratch_76x130@8"] = baseline
    drawn = labels.waybill(label(1))
    result["with_weight"] = figures(times_ms(lambda _wanted: labels.with_weight(drawn, 1_234)))
    print(json.dumps(result, ensure_ascii=False, indent=1))  # noqa: T201  its whole purpose


if __name__ == "__main__":
    main()
