"""The whole main job, with real processes: sockets, files, fsync, ptys and a TCP printer.

Method: the first orders of the sample day are run by the same program that `deploy/demo.sh` starts,
with the line of one warehouse cut in the middle. Then every figure of the report is compared with
what the input alone says must have happened. The second day kills processes with -9 on the way.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "deploy" / "sample"
WAREHOUSES = ("JX", "DG")
ORDERS = 60
DAY_SECONDS_MAX = 170


def rows(name: str) -> list[dict[str, str]]:
    with (SAMPLE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, chosen: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(chosen[0]))
        writer.writeheader()
        writer.writerows(chosen)
    return path


@pytest.fixture
def small_day(tmp_path: Path) -> dict[str, Path]:
    """Two warehouses and the first orders of the sample, one nobody can fill, and bad rows."""
    first = list(dict.fromkeys(row["order_no"] for row in rows("orders")))[:ORDERS]
    orders = [row for row in rows("orders") if row["order_no"] in first]
    orders.append(orders[0] | {"order_no": "TOO-MUCH", "quantity": "9999", "buyer_remark": ""})
    orders.append(orders[1] | {"order_no": "WRONG-SKU", "sku": "NOPE"})
    stock = [row for row in rows("stock") if row["warehouse"] in WAREHOUSES]
    stock.append(stock[0] | {"sku": "NOPE", "serial_numbers": ""})
    return {
        "warehouses": write(
            tmp_path / "w.csv", [r for r in rows("warehouses") if r["warehouse"] in WAREHOUSES]
        ),
        "products": SAMPLE / "products.csv",
        "stock": write(tmp_path / "s.csv", stock),
        "orders": write(tmp_path / "o.csv", orders),
    }


def live_through(day: dict[str, Path], folder: Path, *options: str) -> dict[str, Any]:
    report = folder / "report.json"
    inputs = [text for name, path in day.items() for text in (f"--{name}", str(path))]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "deploy.demo",
            "--once",
            "--report",
            str(report),
            "--state",
            str(folder / "state"),
            "--labels",
            str(folder / "labels"),
            *inputs,
            *options,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DAY_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return answer


def check_promises(report: dict[str, Any], folder: Path) -> None:
    assert report["orders_received"] == ORDERS + 1
    assert report["orders_backordered"] >= 1
    assert (
        report["orders_shipped"] + report["orders_held"] + report["orders_backordered"]
        == report["orders_received"]
    )
    assert report["orders_shipped"] > ORDERS * 0.8
    assert report["oversold_units"] == 0
    assert (report["hub_verified"], report["edges_verified"]) == (True, True)
    assert report["wan_cut_seconds"] > 0
    waybills = Counter(path.stem.partition("-")[2] for path in (folder / "labels").rglob("*.zpl"))
    assert len(waybills) == report["parcels_shipped"] == report["labels_printed"]
    assert set(waybills.values()) == {1}


def test_a_day_with_a_cut_line_ships_everything_there_is_and_nothing_twice(
    small_day: dict[str, Path], tmp_path: Path
) -> None:
    report = live_through(small_day, tmp_path)
    check_promises(report, tmp_path)
    assert report["surprises"] == []
    assert [text.partition(": ")[2] for text in report["rows_refused"]] == [
        "SKU NOPE is unknown; import the products first"
    ]
    assert len(report["orders_refused_because"]) == report["orders_refused"] == 1
    assert "got NOPE" in report["orders_refused_because"][0]


@pytest.mark.parametrize("kills", [("hub", "devices"), ("edge", "simulator")])
def test_killing_any_process_during_the_day_changes_nothing_in_the_books(
    small_day: dict[str, Path], tmp_path: Path, kills: tuple[str, str]
) -> None:
    report = live_through(
        small_day, tmp_path, *(text for name in kills for text in ("--kill", name))
    )
    check_promises(report, tmp_path)
    assert [name.split()[-1] for name in report["killed"]] == list(kills)
