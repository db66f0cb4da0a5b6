"""What the bench's page and the lead's console get over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from edge import settings
from edge.app import EdgeNode, create_app
from shared.runtime.database import Database


@pytest.fixture
def client(warehouse: Any, tmp_path: Path) -> Iterator[TestClient[Any]]:
    """The node's HTTP interface over the books that `warehouse` has filled."""
    warehouse.database.close()
    node = EdgeNode(
        settings.load(
            {
                "BINCARD_EDGE_WAREHOUSE": warehouse.site.warehouse,
                "BINCARD_EDGE_NAME": warehouse.site.name,
                "BINCARD_EDGE_STATE_DIR": str(tmp_path),
                "BINCARD_EDGE_DATABASE_URL": f"sqlite:///{warehouse.path}",
                "BINCARD_EDGE_STATIONS": json.dumps(
                    {"bench-1": {"scale": "scale-1", "printer": "printer-1"}}
                ),
                "BINCARD_EDGE_AUTO_WAVES": "0",
            }
        )
    )
    with TestClient(create_app(node)) as client:
        yield client
    warehouse.database = Database(warehouse.path)


@pytest.fixture
def tote(warehouse: Any, goods: Any) -> str:
    """A tote with one phone, made before the node opens the books."""
    warehouse.picked("C01-01", {goods.full: 1}, serials=("SN-A",))
    return "C01-01"


def scan(client: TestClient[Any], *texts: str) -> list[str]:
    answers = client.post(
        "/api/v1/scans",
        json=[
            {
                "op_id": f"http-{text}", "device_id": "d", "device_seq": 0, "station": "bench-1",
                "raw": text,
            }
            for text in texts
        ],
    ).json()  # fmt: skip
    return [answer["code"] for answer in answers]


def typed(client: TestClient[Any], op_id: str, grams: int, badge: str = "BDG-9") -> Any:
    body = {"op_id": op_id, "station": "bench-1", "grams": grams, "badge": badge, "reason": "坏"}
    return client.post("/api/v1/weighings", json=body, headers={"Accept-Language": "en"})


def test_the_bench_page_follows_a_parcel_from_tote_to_label(
    tote: str, client: TestClient[Any]
) -> None:
    assert client.get("/api/v1/stations/bench-1").json()["step"] == "badge"
    assert scan(client, "BDG-1", tote, "SN-A") == ["hello", "tote_opened", "all_scanned"]
    seen = client.get("/api/v1/stations/bench-1").json()
    assert (seen["step"], seen["scale"]) == (
        "weigh",
        {
            "device": "scale-1", "state": "down", "status": "unknown_stability", "grams": None,
            "low_grams": 387, "high_grams": 832,
        },
    )  # fmt: skip
    assert typed(client, "w-1", 540, badge="BDG-1").json()["code"] == "lead_badge_needed"
    answer = typed(client, "w-1", 540).json()
    assert (answer["outcome"], answer["message"]) == ("accepted", "540 g, the weight is right")

    label = client.get("/api/v1/stations/bench-1").json()["label"]
    assert (label["state"], label["copy_no"], label["printer"]) == ("queued", 1, "printer-1")
    picture = client.get(label["preview_url"])
    assert (picture.status_code, picture.content[:8]) == (200, b"\x89PNG\r\n\x1a\n")
    job = client.get("/api/v1/print-jobs").json()["print_jobs"][0]
    assert (job["job_id"], job["state"], job["reason"]) == (label["job_id"], "queued", "")
    assert b"0.540 kg" in client.get(f"/api/v1/print-jobs/{job['job_id']}/label.zpl").content
    weighing = client.get("/api/v1/weighings").json()["weighings"][0]
    assert (weighing["grams"], weighing["accepted"], weighing["device"]) == (540, True, "BDG-9")


def test_what_is_not_here_is_a_problem_with_a_code(client: TestClient[Any]) -> None:
    for path in ("", "/label.zpl", "/label.png"):
        answer = client.get(f"/api/v1/print-jobs/nobody{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "print_job_unknown")
    assert client.get("/api/v1/devices").json() == {"up": False, "devices": []}
    assert typed(client, "w-2", 540).json()["code"] == "not_weighing"


def test_every_word_of_the_bench_is_there_in_both_languages() -> None:
    folder = Path(settings.__file__).parent / "web" / "locale"
    chinese, english = (
        json.loads((folder / f"pack.{language}.json").read_text(encoding="utf-8"))
        for language in ("zh-CN", "en")
    )
    assert chinese.keys() == english.keys()
    for code, sentence in chinese.items():
        names = {part.partition("}")[0] for part in sentence.split("{")[1:]}
        assert names == {part.partition("}")[0] for part in english[code].split("{")[1:]}, code
