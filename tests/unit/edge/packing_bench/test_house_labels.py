"""Labels a lead prints, and templates a lead changes, over HTTP."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from litestar.testing import TestClient
from PIL import Image

from devices.printers import template
from edge import settings
from edge.app import EdgeNode, create_app
from edge.services import cartons
from edge.services.replay import replay
from edge.store import fact_log, labels, print_jobs
from edge.store.labels import PrinterRow
from shared.domain import sscc
from shared.domain.facts import CartonNumbered, decode_fact
from shared.runtime.database import Database

PRINTERS = [PrinterRow("printer-1", "76x130", 8), PrinterRow("printer-9", "100x150", 12)]
PREFIX = "0690123401"


@pytest.fixture
def node(warehouse: Any, goods: Any, tmp_path: Path) -> Iterator[EdgeNode]:
    """A node over books with one parcel at the dock."""
    waybill = warehouse.parcel(warehouse.packed()).waybill
    assert warehouse.scans("dock-1", "BDG-9", waybill)[-1] == "shipped"
    warehouse.database.write_sync(lambda tx: labels.put_printers(tx.sql, PRINTERS, 1))
    warehouse.database.close()
    yield EdgeNode(
        settings.load(
            {
                "BINCARD_EDGE_WAREHOUSE": warehouse.site.warehouse,
                "BINCARD_EDGE_NAME": warehouse.site.name,
                "BINCARD_EDGE_STATE_DIR": str(tmp_path),
                "BINCARD_EDGE_DATABASE_URL": f"sqlite:///{warehouse.path}",
                "BINCARD_EDGE_AUTO_WAVES": "0",
                "BINCARD_EDGE_SSCC_PREFIX": PREFIX,
            }
        )
    )
    warehouse.database = Database(warehouse.path)


@pytest.fixture
def client(node: EdgeNode) -> Iterator[TestClient[Any]]:
    with TestClient(create_app(node)) as client:
        yield client


def order(client: TestClient[Any], op_id: str, kind: str, **more: Any) -> Any:
    body = {"op_id": op_id, "badge": "BDG-9", "kind": kind, "printer": "printer-9"} | more
    return client.post("/api/v1/print-jobs", json=body)


def read(client: TestClient[Any], job_id: str) -> list[str]:
    """What a reader finds on a printed label."""
    picture = client.get(f"/api/v1/print-jobs/{job_id}/label.png").content
    return [one.text for one in zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))]


def test_a_lead_prints_every_kind_once_and_its_reader_finds_the_number(
    client: TestClient[Any],
) -> None:
    first = sscc.compose(PREFIX, 1)
    for kind, more, expected in (
        ("bin", {"codes": ["B07-12-3", "B07-12-4"]}, ["B07-12-3", "B07-12-4"]),
        ("tote", {"codes": ["C04-05"]}, ["C04-05"]),
        ("sn", {"codes": ["SNC01-01"]}, ["SNC01-01"]),
        ("sscc", {"new_cartons": 1, "content": "PH-1 x 24"}, [f"(00){first}"]),
        ("manifest", {"codes": ["MF-000001"]}, ["MF-000001"]),
    ):
        answers = [order(client, f"op-{kind}", kind, **more).json() for _ in "12"]
        assert [one.get("outcome", one) for one in answers] == ["accepted", "duplicate"]
        assert answers[0]["jobs"] == answers[1]["jobs"]
        assert [code for job in answers[0]["jobs"] for code in read(client, job)] == expected
    jobs = client.get("/api/v1/print-jobs").json()["print_jobs"]
    assert {job["template"] for job in jobs if job["kind"] == "bin"} == {"bin-70x40"}
    assert len([job for job in jobs if job["kind"] != "waybill"]) == 6


def test_what_cannot_be_printed_is_a_sentence_and_prints_nothing(client: TestClient[Any]) -> None:
    again = order(client, "u-1", "sn", codes=["SNC01-01"]).json()
    for op_id, kind, more, code in (
        ("x-1", "bin", {"codes": ["A"], "badge": "BDG-1"}, "lead_badge_needed"),
        ("x-2", "bin", {"codes": ["A"], "printer": "printer-7"}, "printer_unknown"),
        ("x-3", "sscc", {"new_cartons": 1, "printer": "printer-1"}, "paper_too_small"),
        ("x-4", "bin", {}, "nothing_to_print"),
        ("x-5", "bin", {"codes": ["货架"]}, "barcode_text"),
        ("x-6", "sn", {"codes": ["SN-9"]}, "unit_unknown"),
        ("x-7", "sn", {"codes": ["SNC01-01"]}, "reason_needed"),
        ("x-8", "manifest", {"codes": ["MF-9"]}, "manifest_unknown"),
        ("x-9", "sscc", {"codes": [sscc.compose(PREFIX, 7)]}, "carton_unknown"),
        ("u-1", "bin", {"codes": ["A"]}, "op_id_reused"),
    ):
        assert order(client, op_id, kind, **more).json()["code"] == code
    jobs = client.get("/api/v1/print-jobs").json()["print_jobs"]
    assert [job["job_id"] for job in jobs if job["kind"] != "waybill"] == again["jobs"]
    copy = order(client, "u-2", "sn", codes=["SNC01-01"], reason="torn").json()["jobs"][0]
    told = client.get(f"/api/v1/print-jobs/{copy}").json()
    assert (told["copy_no"], told["reason"]) == (2, "torn")


def test_a_carton_number_is_never_given_out_twice_also_after_a_restore(
    node: EdgeNode, client: TestClient[Any]
) -> None:
    for op_id in ("c-1", "c-2"):
        assert order(client, op_id, "sscc", new_cartons=2).status_code == 200
    lines = node.database.read_sync(lambda sql: fact_log.read_after(sql, 0, 100, 1 << 20))
    facts = [decode_fact(line.body) for line in lines]
    told = [fact for fact in facts if isinstance(fact, CartonNumbered)]
    assert [fact.sscc for fact in told] == [sscc.compose(PREFIX, n) for n in (1, 2, 3, 4)]

    def restored(tx: Any) -> None:
        """The disk forgot all four; head office was told of three."""
        tx.sql.execute("DELETE FROM cartons")
        tx.sql.execute("DELETE FROM counters WHERE name = 'sscc'")
        floor = node.floor(tx, "restore", "hub")
        for fact in told[:3]:
            replay(floor, fact)
        cartons.skip_forgotten(floor)

    node.database.write_sync(restored)
    (job,) = order(client, "c-3", "sscc", new_cartons=1).json()["jobs"]
    serial = 3 + cartons.SKIPPED_AFTER_RESTORE + 1
    assert read(client, job) == [f"(00){sscc.compose(PREFIX, serial)}"]
    assert order(client, "c-4", "sscc", codes=[told[2].sscc], reason="torn").status_code == 200


def test_a_changed_template_is_tried_versioned_and_printed(client: TestClient[Any]) -> None:
    path = "/api/v1/label-templates/bin-70x40"
    body = json.loads(client.get(path).json()["body"])
    smaller = [one for one in body["elements"] if one.get("text") != "{warehouse_name}"]
    good = json.dumps(body | {"elements": smaller})
    bad = json.dumps(body | {"elements": [one for one in smaller if one["type"] != "barcode"]})

    def save(op_id: str, text: str, began_at: int = 0, badge: str = "BDG-9") -> Any:
        change = {"op_id": op_id, "badge": badge, "began_at": began_at, "body": text}
        return client.post(path, json=change)

    preview = client.post(f"{path}/preview?dots=12", json={"body": good})
    assert Image.open(io.BytesIO(preview.content)).size == (840, 480)
    refused = save("t-0", bad)
    assert (refused.status_code, refused.json()["code"]) == (400, "template_invalid")
    assert "scanning it proves which label it is" in refused.json()["detail"]
    assert save("t-0", good, badge="BDG-1").json()["code"] == "lead_badge_needed"
    assert [save("t-1", good).json()["version"] for _ in "12"] == [1, 1]
    assert save("t-2", good).json()["code"] == "template_changed"
    (job,) = order(client, "b-1", "bin", codes=["B07"]).json()["jobs"]
    told = client.get(f"/api/v1/print-jobs/{job}").json()
    assert (told["template"], told["template_version"]) == ("bin-70x40", 1)
    assert save("t-3", "", 1).json()["version"] == 2
    after = client.get(path).json()
    assert after["body"] == template.default_body("bin-70x40")
    assert [row["version"] for row in after["history"]] == [2, 1]


def test_a_label_of_unknown_fate_is_settled_by_a_lead(
    node: EdgeNode, client: TestClient[Any]
) -> None:
    (job,) = order(client, "b-1", "bin", codes=["B07"]).json()["jobs"]
    answer = {"op_id": "d-1", "badge": "BDG-9", "printed": True}
    path = f"/api/v1/print-jobs/{job}/decision"
    assert client.post(path, json=answer).json()["code"] == "label_not_open"
    node.database.write_sync(
        lambda tx: print_jobs.set_state(tx.sql, job, state="unknown", trouble="", at_ms=1)
    )
    assert [client.post(path, json=answer).json()["state"] for _ in "12"] == ["confirmed"] * 2
