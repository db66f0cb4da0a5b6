"""A disk that takes half a second for every sync: slower, said so, and nobody gives up.

Method: a real edge node in this process; `faulty_disk` makes each sync take its time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar.testing import TestClient

from edge.app import EdgeNode, create_app
from edge.services.scan import ScanAnswer, ScanRequest
from edge.settings import load
from edge.web.api.scans import judge
from tests.integration.test_edge_floor import stock_the_house
from tests.simulation.faulty_files import OK, Call, FaultyDisk, faulty_disk

SYNC_SECONDS = 0.5
HANDHELDS = 32
ROUNDS = 3
PATIENCE_SECONDS = 4.0
"""How long a handheld waits for an answer before it sends again (`TIMEOUT_MS` of its queue)."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FaultyDisk]:
    stock_the_house(tmp_path / "state", parcels=1)
    (tmp_path / "state" / "ballast").unlink()
    with faulty_disk(tmp_path / "state") as disk:
        yield disk


def test_f26_a_slow_disk_is_shown_and_no_handheld_runs_out_of_patience(disk: FaultyDisk) -> None:
    values = {"WAREHOUSE": "SZ", "STATE_DIR": str(disk.folder), "BALLAST_BYTES": "0"}
    settings = load({f"BINCARD_EDGE_{name}": value for name, value in values.items()})
    node = EdgeNode(settings)
    never = threading.Event()

    def judged(_number: int, call: Call) -> int:
        if call.kind == "sync":
            never.wait(SYNC_SECONDS)
        return OK

    disk.judge = judged
    slowest = asyncio.run(scan_together(node))
    assert slowest < PATIENCE_SECONDS
    node.storage.look()
    now = node.storage.now
    assert (now.level, now.slow, now.code) == ("ok", True, "storage_slow")
    assert now.commit_ms >= SYNC_SECONDS * 1_000
    assert node.storage.takes_new_work
    disk.judge = lambda _number, _call: OK
    with TestClient(create_app(node)) as client:
        assert client.get("/healthz").text == "storage_slow"
        assert client.get("/readyz").status_code == 200
        page = client.get("/", headers={"accept-language": "zh-CN"})
        assert "磁盘很慢" in page.text


async def scan_together(node: EdgeNode) -> float:
    """Let every handheld scan at the same moment, a few times; return the longest wait."""
    slowest = 0.0
    for number in range(ROUNDS):
        started = time.monotonic()
        answers = await asyncio.gather(
            *[
                judge(
                    node,
                    ScanRequest(
                        f"{number}-{hand}", f"h{hand}", number, f"handheld-{hand}", "BDG-0002"
                    ),
                )
                for hand in range(1, HANDHELDS + 1)
            ]
        )
        slowest = max(slowest, time.monotonic() - started)
        assert all(isinstance(answer, ScanAnswer) for answer in answers)
    return slowest
