"""Restore drills with real processes: each ends by itself with both sides' books equal."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

BINCARD = str(Path(sys.executable).with_name("bincard"))
NORMAL_SECONDS = 60.0
STOCK = "warehouse,bin,sku,quantity,serial_numbers\n"


class EdgeProcess:
    """A real `bincard edge serve` of warehouse SHA."""

    def __init__(self, state: Path, code: str, hub_url: str) -> None:
        self.state = state
        self.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("BINCARD_")},
            "BINCARD_EDGE_STATE_DIR": str(state),
            "BINCARD_EDGE_HTTP_PORT": "0",
            "BINCARD_EDGE_HUB_URL": hub_url,
            "BINCARD_EDGE_ENROLMENT_CODE": code,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen([BINCARD, "edge", "serve"], env=self.env)

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(20)
            self.process = None

    def command(self, *arguments: str) -> None:
        subprocess.run(
            [BINCARD, "edge", *arguments], env=self.env, check=True, capture_output=True, timeout=60
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return rows(self.state / "edge.db", query)


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    if not path.exists():
        return []
    sql = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return sql.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []
    finally:
        sql.close()


def until(check: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + NORMAL_SECONDS
    pause = Event()
    while not check():
        assert time.monotonic() < deadline, f"not in {NORMAL_SECONDS:.0f} s: {what}"
        pause.wait(0.1)


class Town:
    """Head office and one warehouse, both real processes on files."""

    def __init__(self, hub: Any, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.hub, self.folder = hub, folder
        hub.env["BINCARD_HUB_SYNC_PORT"] = str(port)
        hub.start()
        hub.fill()
        self.edge = self.new_edge("edge")
        self.edge.start()

    def new_edge(self, name: str) -> EdgeProcess:
        answer = self.hub.client.post("/api/v1/enrolment-codes", json={"warehouse": "SHA"})
        return EdgeProcess(self.folder / name, answer.json()["code"], str(self.hub.client.base_url))

    def stock(self, *lines: str) -> None:
        content = STOCK + "".join(line + "\n" for line in lines)
        answer = self.hub.client.post("/api/v1/imports/stock", content=content.encode())
        assert answer.json()["errors"] == []

    def order(self, order: dict[str, Any]) -> str:
        answer = self.hub.client.post("/api/v1/orders", json=order)
        assert answer.is_success, answer.text
        return str(answer.json()["order_id"])

    def hub_rows(self, query: str) -> list[tuple[Any, ...]]:
        return rows(self.hub.state / "hub.db", query)

    def agree(self) -> bool:
        """Say whether both hold the same logs and the same stock, and nothing is under way."""
        logs = (
            "SELECT incarnation, seq, hash FROM facts WHERE kind <> 'books_digested' ORDER BY 1, 2"
        )
        theirs = "SELECT sku, quantity FROM on_hand WHERE quantity > 0 AND loading = 0 ORDER BY sku"
        ours = (
            "SELECT sku, sum(quantity) FROM balances WHERE account LIKE '%:%'"
            " GROUP BY sku HAVING sum(quantity) > 0 ORDER BY sku"
        )
        return (
            self.edge.rows(logs) == self.hub_rows(logs) != []
            and self.edge.rows(ours) == self.hub_rows(theirs) != []
            and self.edge.rows("SELECT 1 FROM recoveries WHERE NOT ended") == []
            and self.hub_rows("SELECT 1 FROM recovering") == []
        )

    def normal(self) -> None:
        until(self.agree, "both sides agree")
        self.edge.command("verify")
        report = self.hub.client.get("/api/v1/verify").json()
        assert report["holds"], json.dumps(report, ensure_ascii=False)


@pytest.fixture
def town(tmp_path: Path, hub_process_class: Any) -> Iterator[Town]:
    made = Town(hub_process_class(tmp_path / "hub"), tmp_path)
    yield made
    made.edge.stop()
    made.hub.stop()


def test_an_edge_restored_from_its_backup_ends_with_the_hubs_books(town, as_json):
    town.stock("SHA,B1,CABLE,10,", "SHA,B2,PHONE,2,SN1 SN2")
    town.order(as_json("A1", ("CABLE", 2)))
    until(town.agree, "the first day is known to both")
    town.edge.command("backup", str(town.folder / "old.db"))
    town.stock("SHA,B3,SCALE,4,")
    town.order(as_json("A2", ("PHONE", 1)))
    until(lambda: len(town.edge.rows("SELECT 1 FROM parcels")) == 2, "the second parcel is there")
    until(town.agree, "the second day is known to both")
    town.edge.stop()
    town.edge.command("restore", str(town.folder / "old.db"))
    town.edge.start()
    until(lambda: town.hub_rows("SELECT 1 FROM facts WHERE kind = 'log_gap'"), "the gap is told")
    town.normal()
    assert len(town.edge.rows("SELECT 1 FROM parcels")) == 2
    assert town.hub_rows("SELECT kind FROM exceptions WHERE solved_ms IS NULL") == [("log_gap",)]
    assert ("recount",) in town.edge.rows("SELECT code FROM exceptions WHERE solved_ms IS NULL")


def test_a_lost_edge_is_rebuilt_on_a_new_machine_from_the_hub(town, as_json):
    town.stock("SHA,B1,CABLE,10,", "SHA,B2,PHONE,2,SN1 SN2")
    town.order(as_json("A1", ("CABLE", 2)))
    until(lambda: town.edge.rows("SELECT 1 FROM parcels"), "the parcel is there")
    until(town.agree, "the first day is known to both")
    town.edge.stop()
    town.edge = town.new_edge("spare")
    town.edge.start()
    until(lambda: town.hub_rows("SELECT 1 FROM facts WHERE kind = 'log_gap'"), "the gap is told")
    town.normal()
    assert len(town.edge.rows("SELECT 1 FROM parcels")) == 1
    assert town.edge.rows("SELECT serial, state FROM serials ORDER BY 1") == [
        ("SN1", "in_stock"), ("SN2", "in_stock")
    ]  # fmt: skip


def test_a_lost_edge_begins_with_the_copy_it_had_handed_to_the_hub(town, as_json):
    town.stock("SHA,B1,CABLE,10,", "SHA,B2,PHONE,2,SN1 SN2")
    town.order(as_json("A1", ("CABLE", 2)))
    until(lambda: town.edge.rows("SELECT 1 FROM parcels"), "the parcel is there")
    until(town.agree, "the first day is known to both")
    until(
        lambda: town.edge.rows("SELECT 1 FROM logs WHERE acked_seq = head_seq"),
        "the copy will know what head office has",
    )
    town.edge.command("backup", "--to-hub")
    before = town.hub_rows("SELECT max(applied_seq) FROM node_logs")[0][0]
    town.stock("SHA,B3,SCALE,4,")
    town.order(as_json("A2", ("PHONE", 1)))
    until(lambda: len(town.edge.rows("SELECT 1 FROM parcels")) == 2, "the second parcel is there")
    until(town.agree, "the second day is known to both")
    town.edge.stop()
    shutil.rmtree(town.edge.state)
    town.edge = town.new_edge("spare")
    town.edge.command("restore", "--from-hub")
    town.edge.start()
    until(lambda: town.hub_rows("SELECT 1 FROM facts WHERE kind = 'log_gap'"), "the gap is told")
    town.normal()
    assert len(town.edge.rows("SELECT 1 FROM parcels")) == 2
    assert town.edge.rows(
        "SELECT account, sku, quantity FROM balances WHERE account LIKE 'bin:%' AND quantity > 0"
        " ORDER BY 1"
    ) == [("bin:B1", "CABLE", 10), ("bin:B2", "PHONE", 2), ("bin:B3", "SCALE", 4)]
    replayed = town.edge.rows("SELECT from_seq FROM recoveries WHERE ended")
    assert replayed == [(before,)], "only what came after the copy was entered again"


def test_a_hub_restored_from_its_backup_learns_the_rest_from_the_edge(town, as_json):
    town.stock("SHA,B1,CABLE,10,")
    town.order(as_json("A1", ("CABLE", 2)))
    until(lambda: town.edge.rows("SELECT 1 FROM parcels"), "the parcel is there")
    until(town.agree, "the first day is known to both")
    old = town.folder / "hub-old.db"
    assert town.hub.client.post("/api/v1/backups", json={"path": str(old)}).is_success
    town.stock("SHA,B3,SCALE,4,")
    forgotten = town.order(as_json("A2", ("CABLE", 3)))
    until(lambda: len(town.edge.rows("SELECT 1 FROM parcels")) == 2, "the second parcel is there")
    until(town.agree, "the second day is known to both")
    town.hub.stop()
    assert town.hub.command("restore", str(old)).returncode == 0
    town.hub.start()
    late = town.order(as_json("A3", ("CABLE", 1)))
    learnt = "SELECT order_id, version FROM orders WHERE order_no = 'A2'"
    until(lambda: town.hub_rows(learnt) == [(forgotten, 0)], "the parcel is learnt from the floor")
    assert town.order(as_json("A2", ("CABLE", 3))) == forgotten
    status = "SELECT status FROM orders WHERE order_id = '" + late + "'"
    until(lambda: town.hub_rows(status) == [("released",)], "the late order is on its way")
    until(lambda: len(town.edge.rows("SELECT 1 FROM parcels")) == 3, "it is on the floor")
    town.normal()
    assert town.hub_rows(learnt) == [(forgotten, 1)]
    assert town.edge.rows("SELECT 1 FROM parcels WHERE state = 'cancelled'") == []
    assert town.hub_rows("SELECT epoch > 1 FROM hub_identity") == [(1,)]
    assert ("SCALE", 4) in town.hub_rows("SELECT sku, quantity FROM on_hand")


def test_only_a_proven_backup_lets_the_edges_forget(town, as_json):
    town.stock("SHA,B1,CABLE,10,")
    until(town.agree, "the stock is known to both")
    assert town.hub_rows("SELECT stable_seq FROM node_logs") == [(0,)]
    target = str(town.folder / "proven.db")
    assert town.hub.client.post("/api/v1/backups", json={"path": target}).is_success
    ((stable, applied),) = town.hub_rows("SELECT stable_seq, applied_seq FROM node_logs")
    assert 0 < stable <= applied
    copy = rows(Path(target), "SELECT applied_seq FROM node_logs")
    assert copy == [(stable,)]
    town.order(as_json("A1", ("CABLE", 1)))
    until(lambda: town.edge.rows("SELECT stable_seq FROM logs") == [(stable,)], "the edge hears it")


def test_a_copy_of_an_edge_is_refused_and_head_office_hears_of_it(town, as_json):
    town.stock("SHA,B1,CABLE,10,")
    until(town.agree, "the stock is known to both")
    town.edge.stop()
    twin = EdgeProcess(town.folder / "twin", "", str(town.hub.client.base_url))
    shutil.copytree(town.edge.state, twin.state)
    alarm = "SELECT kind, warehouse FROM exceptions WHERE kind = 'edge_clone'"
    try:
        town.edge.start()
        twin.start()
        until(lambda: town.hub_rows(alarm) == [("edge_clone", "SHA")], "head office hears of it")
        assert rows(twin.state / "edge.db", "SELECT count(*) FROM facts") == town.hub_rows(
            "SELECT count(*) FROM facts"
        )
    finally:
        twin.stop()


def test_a_warehouse_that_stays_away_can_be_written_off_by_command(town, as_json):
    town.stock("SHA,B1,CABLE,10,")
    until(town.agree, "the stock is known to both")
    town.edge.stop()
    old = town.folder / "hub-old.db"
    assert town.hub.client.post("/api/v1/backups", json={"path": str(old)}).is_success
    town.hub.stop()
    assert town.hub.command("restore", str(old)).returncode == 0
    town.hub.start()
    waits = town.order(as_json("A1", ("CABLE", 1)))
    status = "SELECT status FROM orders WHERE order_id = '" + waits + "'"
    assert town.hub_rows(status) == [("backordered",)]
    assert town.hub.command("write-off-edge", "--warehouse", "SHA").returncode == 0
    until(lambda: town.hub_rows(status) == [("released",)], "the order is promised and released")
    assert town.hub.command("write-off-edge", "--warehouse", "SHA").returncode != 0
