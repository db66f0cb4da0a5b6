"""One warehouse node as it really runs: its own process, real HTTP, a real file, and kill -9."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge.app import EdgeNode
from edge.services.commands import command_handler
from edge.settings import load
from shared.domain.catalogue import Product, Recipient
from shared.domain.commands import (
    AssignParcel,
    Command,
    CommandRecord,
    LoadStock,
    ParcelLine,
    SetProducts,
    command_kind_of,
    encode_command,
)
from shared.domain.facts import StockRow

_pause = threading.Event()
READY_SECONDS = 20.0
STEP_SECONDS = 0.02
GTIN = "6901234567908"
SERIALS = tuple(f"PH-{number:04d}" for number in range(40))


def until(check: Callable[[], Any], seconds: float = READY_SECONDS) -> Any:
    """Return the first true answer of `check`, failing after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := check():
            return answer
        _pause.wait(STEP_SECONDS)
    raise AssertionError(f"nothing came within {seconds} s")


class Site:
    """A state folder and the process that serves it."""

    def __init__(self, folder: Path, auto_waves: str = "0") -> None:
        self.folder = folder
        self.environment = {
            "BINCARD_EDGE_WAREHOUSE": "SZ",
            "BINCARD_EDGE_NAME": "Shenzhen",
            "BINCARD_EDGE_STATE_DIR": str(folder),
            "BINCARD_EDGE_HTTP_PORT": "0",
            "BINCARD_EDGE_AUTO_WAVES": auto_waves,
            "BINCARD_EDGE_WAVE_WAIT_MS": "0",
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client()
        self.ops = 0

    def program(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-c", "from edge.cli import edge; edge()", *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            timeout=60,
            check=False,
        )

    def start(self) -> None:
        (self.folder / "run.json").unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from edge.cli import edge; edge()", "serve"],
            env={**os.environ, **self.environment},
            stderr=(self.folder / "log.txt").open("ab"),
        )
        until((self.folder / "run.json").exists)
        url = json.loads((self.folder / "run.json").read_text())["url"]
        self.http = httpx.Client(base_url=url, headers={"accept-language": "en"}, timeout=20)
        until(self._ready)

    def _ready(self) -> bool:
        try:
            return self.http.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(20)
            self.process = None

    def scan(self, raw: str, station: str = "handheld-07", op_id: str = "") -> dict[str, Any]:
        self.ops += 1
        answer = self.http.post("/api/v1/scans", json=self.request(raw, station, op_id))
        assert answer.is_success, answer.text
        return dict(answer.json())

    def request(self, raw: str, station: str = "handheld-07", op_id: str = "") -> dict[str, Any]:
        self.ops += 1
        return {
            "op_id": op_id or f"op-{self.ops}",
            "device_id": "hand-1",
            "device_seq": self.ops,
            "station": station,
            "raw": raw,
        }

    def get(self, path: str) -> Any:
        answer = self.http.get("/api/v1/" + path)
        assert answer.is_success, answer.text
        return answer.json()


def stock_the_house(folder: Path, parcels: int) -> None:
    """Write what head office would have sent before the process starts."""
    node = EdgeNode(load({"BINCARD_EDGE_WAREHOUSE": "SZ", "BINCARD_EDGE_STATE_DIR": str(folder)}))
    handle = command_handler(node.clock, node.entropy, lambda: node.site, node.live)

    def send(number: int, command: Command) -> None:
        record = CommandRecord(
            number, f"cmd-{number}", command_kind_of(command), 1, encode_command(command)
        )
        node.database.write_sync(lambda tx: handle(tx, record))

    common = {"unit_weight_grams": 300, "length_mm": 90, "width_mm": 60, "height_mm": 30}
    send(
        1,
        SetProducts(
            products=(
                Product(
                    sku="PHONE",
                    gtin="6901234567892",
                    name="手机",
                    serial_policy="full",
                    **common,
                ),
                Product(sku="CABLE", gtin=GTIN, name="数据线", serial_policy="none", **common),
            )
        ),
    )
    rows = (StockRow("B01-01-1", "PHONE", 40, SERIALS), StockRow("B02-03-1", "CABLE", 40))
    send(2, LoadStock(load_id="L1", rows=rows))
    person = Recipient(
        name="张小三",
        phone="13712342206",
        country="CN",
        province="广东",
        city="深圳",
        district="南山",
        street="科技园 1 号",
        postcode="518000",
    )
    for number in range(parcels):
        send(
            3 + number,
            AssignParcel(
                parcel_id=f"P{number:02d}",
                order_id=f"O{number}",
                channel="taobao",
                shop="s",
                order_no=f"T{number}",
                courier="SF",
                cut_off_ms=1_900_000_000_000,
                waybill=f"SF{number:06d}",
                sort_code="755",
                recipient=person,
                lines=(ParcelLine(1, "PHONE", 1), ParcelLine(2, "CABLE", 1)),
            ),
        )
    node.database.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    stock_the_house(tmp_path, parcels=12)
    site = Site(tmp_path)
    site.start()
    yield site
    site.http.close()
    site.kill()


def follow(site: Site, answer: dict[str, Any], serials: Iterator[str]) -> dict[str, Any]:
    """Scan what the handheld asks for and return the next answer."""
    asked = answer["next"]
    wanted = {
        "scan_bin": lambda: asked["params"]["bin"],
        "scan_sn": lambda: next(serials),
        "scan_gtin": lambda: GTIN,
    }
    return site.scan(wanted[asked["code"]]())


def test_a_cart_is_picked_over_http_through_a_power_cut(site: Site) -> None:
    made = site.http.post("/api/v1/waves", json={"op_id": "w1"}).json()
    assert [wave["parcels"] for wave in made["waves"]] == [12]
    assert site.http.post("/api/v1/waves", json={"op_id": "w1"}).json() == made
    for raw in ("BDG-0002", "BC:PICK"):
        site.scan(raw)
    answer = site.scan("C04")
    serials = iter(SERIALS)
    scans = 0
    while answer["code"] != "list_done":
        answer = follow(site, answer, serials)
        assert answer["outcome"] == "accepted", answer
        scans += 1
        if scans == 7:
            site.kill()
            site.start()
            view = site.get("stations/handheld-07")
            assert (view["step"], view["pick_list"]["units_picked"]) == ("unit", 6)
    states = {row["state"] for row in site.get("parcels")["parcels"]}
    assert states == {"picked"}
    assert site.get("stations/handheld-07")["step"] == "done"
    site.kill(signal.SIGTERM)
    assert not (site.folder / "run.json").exists()
    verified = site.program("verify")
    assert (verified.returncode, json.loads(verified.stdout)["ok"]) == (0, True)


def test_a_queue_of_scans_is_answered_in_order_and_again_after_a_lost_reply(site: Site) -> None:
    site.http.post("/api/v1/waves", json={"op_id": "w1"})
    raws = ["BDG-0002", "BC:PICK", "C04", "B01-01-1", SERIALS[0], SERIALS[0], "nonsense"]
    queue = [site.request(raw, op_id=f"q-{n}") for n, raw in enumerate(raws)]
    first = site.http.post("/api/v1/scans", json=queue).json()
    assert [one["code"] for one in first] == [
        "hello",
        "list_yours",
        "cart_ready",
        "bin_right",
        "picked",
        "sn_already_picked",
        "sn_unknown",
    ]
    site.kill()
    site.start()
    again = site.http.post("/api/v1/scans", json=queue).json()
    assert {one["outcome"] for one in again} == {"duplicate"}
    assert [one["message"] for one in again] == [one["message"] for one in first]
    reused = {**queue[0], "raw": "BDG-0003"}
    assert site.http.post("/api/v1/scans", json=reused).status_code == 409
    mixed = site.http.post("/api/v1/scans", json=[reused, site.request("BC:OUT")]).json()
    assert [one["code"] for one in mixed] == ["op_id_reused", "logged_out"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("scans", {"op_id": "x"}, 400, "invalid_request"),
        ("scans", "text", 400, "invalid_request"),
        ("receipts/NOPE/bulk", {"op_id": "x", "sku": "PHONE", "serials": ["ABC"]}, 404, None),
        ("exceptions/nope/solve", {"op_id": "x", "badge": "BDG-0001"}, 404, None),
        ("planning/routes", {"layout": 3}, 400, "planning_request"),
    ],
)
def test_a_bad_request_is_told_as_a_problem(
    site: Site, path: str, body: Any, status: int, code: str | None
) -> None:
    answer = site.http.post("/api/v1/" + path, json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert code in {None, answer.json()["code"]}
    assert answer.json()["detail"]


def test_messages_come_in_the_readers_language(site: Site) -> None:
    chinese = site.http.post(
        "/api/v1/scans", json=site.request("SN"), headers={"accept-language": "zh-CN"}
    )
    assert chinese.json()["message"] == "先扫描工牌"
    site.http.cookies.set("lang", "en")
    assert site.scan("SN")["message"] == "Scan your badge first"


def test_waiting_parcels_become_waves_by_themselves(tmp_path: Path) -> None:
    stock_the_house(tmp_path, parcels=3)
    site = Site(tmp_path, auto_waves="1")
    site.start()
    try:
        until(lambda: site.get("pick-lists?state=open")["pick_lists"])
        assert {row["state"] for row in site.get("parcels")["parcels"]} == {"planned"}
    finally:
        site.kill(signal.SIGTERM)


def test_the_floor_works_while_the_hub_cannot_be_reached_for_enrolment(tmp_path: Path) -> None:
    stock_the_house(tmp_path, parcels=1)
    site = Site(tmp_path)
    site.environment |= {
        "BINCARD_EDGE_ENROLMENT_CODE": "ONCE-ONLY",
        "BINCARD_EDGE_HUB_URL": "http://127.0.0.1:9",
    }
    site.start()
    try:
        assert site.scan("BDG-0002")["code"] == "hello"
        until(lambda: site.get("link")["code"] == "hub_unreachable")
        until(lambda: site.get("link")["waiting"] > 0)
    finally:
        site.kill(signal.SIGTERM)


def test_what_the_pages_and_monitors_read(site: Site) -> None:
    site.http.post("/api/v1/waves", json={"op_id": "w1"})
    taken = site.get("pick-lists/PL-000001")
    assert [stop["bin"] for stop in taken["stops"]] == ["B01-01-1", "B02-03-1"]
    assert taken["stops"][0]["serial_hint"] == {"length": 7, "prefix": "PH-00"}
    assert taken["stops"][0]["expected_serials"] == list(SERIALS)
    parcel = site.get("parcels/P00")
    assert parcel["recipient"]["name"] == "张*三"
    assert "13712342206" not in json.dumps(parcel)
    assert site.get("stock?sku=PHONE")["units"] == 40
    assert site.get(f"serials/{SERIALS[0]}")["place"] == "B01-01-1"
    assert site.get("kpis")["parcels_open"] == 12
    assert site.get("link")["up"] is False
    assert "bincard_edge_facts_waiting" in site.http.get("/metrics").text
    schema = site.http.get("/schema/openapi.json").json()
    assert "/api/v1/scans" in schema["paths"]


def test_a_receipt_made_here_is_received_in_bulk(site: Site) -> None:
    made = site.http.post(
        "/api/v1/receipts",
        json={
            "op_id": "r1",
            "supplier": "F",
            "asn": "A7",
            "rows": [{"bin": "B01-02-1", "sku": "PHONE", "quantity": 3}],
        },
    )
    assert made.json() == {"op_id": "r1", "asn": "A7"}
    bulk = {"op_id": "b1", "sku": "PHONE", "serials": ["NEW1", "NEW2", SERIALS[0]]}
    answer = site.http.post("/api/v1/receipts/A7/bulk", json=bulk).json()
    assert (answer["accepted"], answer["rejected"][0]["code"]) == (2, "sn_disputed")
    assert SERIALS[0] in answer["rejected"][0]["message"]


def test_a_station_hears_of_its_own_changes_only(site: Site) -> None:
    with site.http.stream("GET", "/api/v1/stations/handheld-07/events") as stream:
        lines = stream.iter_lines()
        until(lambda: next(lines).startswith("event: ping"))
        other = httpx.Client(base_url=site.http.base_url)
        for station in ("handheld-08", "handheld-07"):
            other.post("/api/v1/scans", json=site.request("BDG-0002", station))
        heard = until(lambda: next((line for line in lines if '"station"' in line), None))
        assert "handheld-07" in heard
        other.close()
