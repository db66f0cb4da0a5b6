"""A warehouse and head office on a disk that fills up, empties, and turns read-only.

Method: real processes on a tmpfs of a few megabytes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import httpx

from tests.integration.storage.conftest import BALLAST_BYTES, SmallDisk
from tests.integration.test_edge_floor import SERIALS, Site, follow, until

HUB_DISK_BYTES = 24 << 20
NEARLY_FULL_PERCENT = 3
NOTICE_ROW = {"bin": "B01-01-1", "sku": "CABLE", "quantity": 1}


def health(site: Site) -> str:
    return site.http.get("/healthz").text


def nearly_fill(disk: SmallDisk) -> None:
    disk.fill_to(disk.size_bytes * NEARLY_FULL_PERCENT // 100)


def ballast(site: Site) -> int:
    path = site.folder / "ballast"
    return path.stat().st_size if path.exists() else 0


def start_picking(site: Site) -> dict[str, Any]:
    for raw in ("BDG-0002", "BC:PICK"):
        site.scan(raw)
    return site.scan("C04")


def test_f17_a_full_disk_takes_no_new_work_and_lets_work_in_hand_end(
    edge: Site, edge_disk: SmallDisk
) -> None:
    made = edge.http.post("/api/v1/waves", json={"op_id": "w1"}).json()
    assert made["waves"]
    answer = start_picking(edge)
    assert (health(edge), ballast(edge)) == ("ok", BALLAST_BYTES)
    nearly_fill(edge_disk)
    until(lambda: health(edge) == "storage_full")
    assert ballast(edge) == 0
    for path, body in (
        ("/api/v1/waves", {"op_id": "w2"}),
        ("/api/v1/receipts", {"op_id": "r1", "supplier": "s", "rows": [NOTICE_ROW]}),
    ):
        refused = edge.http.post(path, json=body)
        problem = refused.json()
        assert (refused.status_code, problem["code"], problem["retryable"]) == (
            503, "storage_full", True,
        ), problem  # fmt: skip
        assert "no new work is taken, work that was begun goes on" in problem["detail"]
    ready = edge.http.get("/readyz")
    assert (ready.status_code, ready.json()["storage"]["level"]) == (503, "full")
    assert 'bincard_edge_storage_level{level="full"} 1.0' in edge.http.get("/metrics").text
    for language, words in (("en", "Storage is full"), ("zh-CN", "磁盘已满")):
        page = edge.http.get("/", headers={"accept-language": language})
        assert words in page.text
        station = edge.http.get("/api/v1/stations/bench-1", headers={"accept-language": language})
        assert words in station.json()["storage"]["message"]
    serials = iter(SERIALS)
    while answer["code"] != "list_done":
        answer = follow(edge, answer, serials)
        assert answer["outcome"] == "accepted", answer
    edge_disk.empty()
    until(lambda: health(edge) == "ok")
    assert ballast(edge) == BALLAST_BYTES
    assert edge.http.post("/api/v1/waves", json={"op_id": "w2"}).status_code == 200
    edge.kill(15)
    assert edge.program("verify").returncode == 0


def test_f17_without_a_byte_left_a_scan_is_kept_by_its_sender_and_counts_once_later(
    edge: Site, edge_disk: SmallDisk
) -> None:
    edge.http.post("/api/v1/waves", json={"op_id": "w1"})
    answer = start_picking(edge)
    serials = iter(SERIALS)
    nearly_fill(edge_disk)
    until(lambda: health(edge) == "storage_full")
    edge_disk.fill_to(0)
    accepted = 0
    refused: dict[str, Any] = {}
    while not refused:
        scan = edge.request(next_scan(answer, serials))
        told = edge.http.post("/api/v1/scans", json=[scan])
        if told.is_success:
            answer = told.json()[0]
            assert answer["outcome"] == "accepted"
            accepted += 1
            edge_disk.fill_to(0)
        else:
            problem = told.json()
            assert (told.status_code, problem["code"]) == (503, "storage_full")
            assert told.headers["retry-after"] == "1"
            refused = scan
        assert accepted < 200
    assert edge.http.get("/api/v1/stations/handheld-07").is_success
    edge_disk.empty()
    again = until(lambda: _accepted(edge, refused))
    assert again["op_id"] == refused["op_id"]
    repeat = edge.http.post("/api/v1/scans", json=[refused]).json()[0]
    assert repeat == again | {"outcome": "duplicate"}
    edge.kill(15)
    assert edge.program("verify").returncode == 0


def _accepted(site: Site, scan: dict[str, Any]) -> dict[str, Any] | None:
    told = site.http.post("/api/v1/scans", json=[scan])
    if not told.is_success:
        return None
    answer: dict[str, Any] = told.json()[0]
    assert answer["outcome"] == "accepted"
    return answer


def next_scan(answer: dict[str, Any], serials: Any) -> str:
    asked = answer["next"]
    if asked["code"] == "scan_bin":
        return str(asked["params"]["bin"])
    return str(next(serials)) if asked["code"] == "scan_sn" else "6901234567908"


def test_f17_an_edge_starts_on_a_full_disk_with_the_help_of_its_ballast(
    edge: Site, edge_disk: SmallDisk
) -> None:
    edge.kill()
    assert ballast(edge) == BALLAST_BYTES
    edge_disk.fill_to(0)
    (edge.folder / "run.json").unlink()
    edge.process = subprocess.Popen(
        [sys.executable, "-c", "from edge.cli import edge; edge()", "serve"],
        env={**os.environ, **edge.environment},
    )
    until((edge.folder / "run.json").exists)
    url = json.loads((edge.folder / "run.json").read_text())["url"]
    edge.http = httpx.Client(base_url=url, timeout=20)
    until(lambda: _health_or_nothing(edge) == "storage_full")
    assert edge.get("parcels")
    edge_disk.empty()
    until(lambda: health(edge) == "ok")


def _health_or_nothing(site: Site) -> str:
    try:
        return health(site)
    except httpx.TransportError:
        return ""


def test_f19_on_a_read_only_disk_a_node_says_so_and_its_books_can_be_read(
    edge: Site, edge_disk: SmallDisk
) -> None:
    edge.http.post("/api/v1/waves", json={"op_id": "w1"})
    edge.kill(15)
    edge_disk.read_only(True)
    told = edge.program("serve")
    assert told.returncode == 1
    assert b"The state directory cannot be written: Read-only file system" in told.stderr
    assert json.loads(edge.program("verify").stdout)["ok"]
    doctor = edge.program("doctor")
    assert (doctor.returncode, b"It cannot be written" in doctor.stdout) == (1, True)
    edge_disk.read_only(False)
    edge.start()
    assert edge.scan("BDG-0002")["outcome"] == "accepted"
