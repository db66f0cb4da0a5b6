"""Two machines with one warehouse's identity, as head office sees and settles it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.services.adopt_edge import adopt_edge, raise_alarm
from hub.services.apply_facts import project
from hub.store import nodes
from hub.sync import apply
from hub.sync import core_events as on
from hub.sync.core_hello import Fence, KnownNode, judge
from shared.domain.facts import (
    ZERO_HASH,
    FactRecord,
    GoodsReceived,
    StockRow,
    chain_hash,
    encode_fact,
)
from shared.runtime.clock import SystemEntropy
from shared.runtime.database import Database
from shared.sync.protocol import Epoch, Hello, LogMark

ENTROPY = SystemEntropy()
KEY = "key-SHA"


def hello(machine: str, fence: bytes | None, boot_no: int, incarnation: int = 7) -> Hello:
    mark = LogMark(incarnation, 0, ZERO_HASH)
    parent = None if incarnation == 7 else LogMark(7, 0, ZERO_HASH)
    heads = (mark,) if parent is None else (parent, mark)
    return Hello(
        2, 2, "SHA", incarnation, parent, boot_no, heads, Epoch(), (), 0, (), "s", "1", 1,
        bytes(16), fence, machine,
    )  # fmt: skip


def greet(database: Any, greeting: Hello, silent_ms: int, alarm: Any = None) -> Any:
    request = on.Admit(b"peer", KEY, bytes(8), greeting, silent_ms, contested=True)
    return database.write_sync(lambda tx: apply.admit(tx, request, 1, ENTROPY, alarm))


def enrol(tx: Any) -> None:
    nodes.ensure_epoch(tx.sql, ENTROPY)
    nodes.add_key(tx.sql, "SHA", KEY, 1)


def two_machines(database: Any) -> bytes:
    """Let one machine in and turn its copy away; return what the copy showed."""
    database.write_sync(enrol)
    first = greet(database, hello("box-1", bytes(8), 1), 60_000)
    second = greet(database, hello("box-1", first.fence, 2), 60_000)
    assert isinstance(second, on.Admitted)
    third = greet(database, hello("box-1", second.fence, 3), 60_000)
    assert isinstance(third, on.Admitted)
    refused = greet(database, hello("box-1", first.fence, 9), 1_000)
    assert (refused.code, refused.alarmed) == ("clone", True)
    return bytes(first.fence)


def test_a_disk_in_another_box_is_let_in_and_told_until_an_operator_has_said_yes(
    books: Any,
) -> None:
    books.stock("SHA,A02,CABLE,1,")
    books.hub.database.write_sync(enrol)

    def alarm(tx: Any, node: str, code: str, sentence: str) -> None:
        raise_alarm(books.hub.desk(tx, "hub:listener"), node, code, sentence)

    first = greet(books.hub.database, hello("box-1", bytes(8), 1), 60_000, alarm)
    assert books.exceptions() == []
    early = greet(books.hub.database, hello("box-2", first.fence, 2), 5_000, alarm)
    assert (early.code, early.retry_after_ms) == ("clone", 10_000), "the old box may still live"
    moved = greet(books.hub.database, hello("box-2", first.fence, 3), 30_000, alarm)
    assert isinstance(moved, on.Admitted)
    assert books.exceptions() == ["edge_clone", "edge_machine_changed"]
    again = greet(books.hub.database, hello("box-2", moved.fence, 4), 0, alarm)
    assert isinstance(again, on.Admitted), "it is the warehouse's machine now"
    assert books.write(lambda desk: adopt_edge(desk, "SHA"))
    assert books.exceptions() == []


def test_what_both_twins_did_because_the_hub_asked_counts_once(books: Any) -> None:
    """One command, carried out twice: the same operation, told by each at its own moment."""
    body = encode_fact(GoodsReceived(receipt_id="R1", row=StockRow("A02", "CABLE", 2)))
    books.hub.database.write_sync(enrol)
    for incarnation, wall_ms in ((7, 1_000), (8, 2_000)):
        greet(books.hub.database, hello("box-1", None, incarnation, incarnation), 60_000)
        digest = chain_hash(ZERO_HASH, "SHA", incarnation, 1, "goods_received", 1, body)
        line = FactRecord(
            "SHA", incarnation, 1, ZERO_HASH, digest, "goods_received", 1, body, wall_ms, wall_ms,
            "asn-1", "hub",
        )  # fmt: skip
        books.hub.database.write_sync(
            lambda tx, line=line: apply.apply_batch(
                tx, "SHA", line.incarnation, [line],
                lambda inner, one: project(books.hub.desk(inner, "edge:SHA"), one), wall_ms=1,
            )
        )  # fmt: skip
    assert books.rights("CABLE", "SHA") == {"pool": 2}


@pytest.fixture
def lone_hub(hub_process_class: Any, tmp_path: Path) -> Iterator[Any]:
    """A hub on one file, which the test may open as well while the hub stands still."""
    process = hub_process_class(tmp_path / "hub")
    yield process
    process.stop()


@pytest.mark.parametrize("running", [True, False])
def test_an_operator_adopts_the_machine_that_was_turned_away(
    lone_hub: Any, samples: tuple[str, str], running: bool
) -> None:
    hub_process = lone_hub
    assert hub_process.command(
        "import-warehouses", hub_process.file("w.csv", samples[0])
    ).returncode == 0  # fmt: skip
    path = hub_process.state / "hub.db"
    database = Database(path)
    shown = two_machines(database)
    database.close()
    if running:
        hub_process.start()
        outside = hub_process.client.post(
            "/api/v1/adoptions", json={"warehouse": "SHA"}, headers={"Authorization": "Bearer no"}
        )
        assert outside.status_code == 401
        done = hub_process.client.post("/api/v1/adoptions", json={"warehouse": "SHA"})
        assert (done.status_code, done.json()) == (201, {"warehouse": "SHA", "adopted": True})
        again = hub_process.command("adopt-edge", "--warehouse", "SHA")
        assert json.loads(again.stdout) == {"warehouse": "SHA", "adopted": False}
        audit = hub_process.client.get("/api/v1/audit").json()
        assert [row["action"] for row in audit["items"]][:2] == ["adopt_edge", "adopt_edge"]
        hub_process.stop()
    else:
        done = hub_process.command("adopt-edge", "--warehouse", "SHA")
        assert json.loads(done.stdout) == {"warehouse": "SHA", "adopted": True}
    database = Database(path)
    branch = greet(database, hello("box-1", shown, 10), 0)
    assert branch.code == "edge_rolled_back", "it may not go on under the log they share"
    assert isinstance(greet(database, hello("box-1", shown, 11, 8), 0), on.Admitted)
    database.close()


def test_a_machine_that_is_turned_away_hears_how_many_lines_only_it_has() -> None:
    fence = Fence(count=3, confirmed=b"confirme", machine="box-1")
    known = KnownNode("SHA", False, Epoch(), (), {}, 0, fence=fence, silent_ms=1)
    greeting = hello("box-1", b"\x00\x00\x00\x02old!", 9)
    heads = (LogMark(7, 12, bytes(32)),)
    refusal = judge(msgspec.structs.replace(greeting, heads=heads), known)
    assert refusal is not None
    assert "12 lines" in refusal.sentence
