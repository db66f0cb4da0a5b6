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
from devices.printers.template import NAMES

COUNT = 400
WARM_UP = 20
FIRST_HANZI = 0x4E00
LOOKS = {name: labels.default(name) for name in NAMES if name.startswith("waybill")}
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


def times_ms(work: Callable[[labels.WaybillLabel], object]) -> list[tuple[float, float]]:
    """Return how long each of the labels took, by the clock and of the processor."""
    taken = []
    for number in range(COUNT):
        wanted = label(number)
        begun, cpu = time.perf_counter_ns(), time.thread_time_ns()
        work(wanted)
        used = time.thread_time_ns() - cpu
        taken.append(((time.perf_counter_ns() - begun) / 1e6, used / 1e6))
    return taken[WARM_UP:]


def from_scratch(wanted: labels.WaybillLabel) -> bytes:
    """Draw a label with no line remembered."""
    gfx.line.cache_clear()
    return labels.waybill(wanted, LOOKS["waybill-76x130"])


def figures(times: list[tuple[float, float]]) -> dict[str, float]:
    """Return the middle and the slow end of `times`; a busy machine does not slow `cpu`."""
    clock = sorted(by_clock for by_clock, _ in times)
    cpu = sorted(used for _, used in times)
    return {
        "p50_ms": round(clock[len(clock) // 2], 2),
        "p95_ms": round(clock[len(clock) * 95 // 100], 2),
        "max_ms": round(clock[-1], 2),
        "cpu_p95_ms": round(cpu[len(cpu) * 95 // 100], 2),
    }


def main() -> None:
    """Measure and print."""
    result: dict[str, object] = {"benchmark": "S11 label", "labels": COUNT, "target_p95_ms": 20}
    for media, looks in LOOKS.items():
        for dots in (8, 12):
            times = times_ms(lambda w, t=looks, d=dots: labels.waybill(w, t, d))
            size = len(labels.waybill(label(1), looks, dots))
            result[f"{media}@{dots}"] = {**figures(times), "bytes": size}
    baseline = figures(times_ms(from_scratch))
    result["baseline_from_scratch_waybill-76x130@8"] = baseline
    drawn = labels.waybill(label(1), LOOKS["waybill-76x130"])
    result["with_weight"] = figures(times_ms(lambda _wanted: labels.with_weight(drawn, 1_234)))
    print(json.dumps(result, ensure_ascii=False, indent=1))  # noqa: T201  its whole purpose


if __name__ == "__main__":
    main()
