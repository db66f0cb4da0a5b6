"""Backups that can be trusted: whole or not there, whatever happens while one is taken.

Method: real commands on real files; one is killed in the middle, one has no room.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge import timers
from edge.app import EdgeNode
from edge.services.backup import backup, check_file, restore
from edge.services.receive_bulk import BulkReceipt, NewReceipt, make_receipt, receive_bulk
from edge.settings import load
from edge.store import fact_log, line_state
from edge.sync import sidecar
from shared.domain.errors import BooksBroken, TooMuch
from shared.domain.facts import StockRow
from shared.runtime import backups
from shared.runtime.backups import BackupPlan
from shared.runtime.clock import SystemEntropy
from tests.integration.storage.conftest import SmallDisk
from tests.integration.test_edge_floor import stock_the_house, until

HOUR_MS = 3_600_000
BULK_ROWS = 60_000


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    stock_the_house(folder, parcels=3)
    (folder / "ballast").unlink()
    return folder


def node_at(folder: Path, **more: str) -> EdgeNode:
    values = {"WAREHOUSE": "SZ", "STATE_DIR": str(folder), "BALLAST_BYTES": "0", **more}
    return EdgeNode(load({f"BINCARD_EDGE_{name}": value for name, value in values.items()}))


def make_large(database: Path) -> None:
    """Add so much that a copy takes a while."""
    with closing(sqlite3.connect(database)) as sql:
        sql.execute("CREATE TABLE bulk (n INTEGER PRIMARY KEY, what TEXT)")
        sql.executemany(
            "INSERT INTO bulk VALUES (?, ?)", ((n, "x" * 1_500) for n in range(BULK_ROWS))
        )
        sql.commit()


def test_a_backup_killed_in_the_middle_leaves_no_backup_and_the_next_one_works(
    state: Path, tmp_path: Path
) -> None:
    make_large(state / "edge.db")
    target = tmp_path / "copies" / "one.db"
    partial = target.with_name(target.name + backups.ENDING)
    process = subprocess.Popen(
        [sys.executable, "-c", "from edge.cli import edge; edge()", "backup", str(target)],
        env={**os.environ, "BINCARD_EDGE_STATE_DIR": str(state)},
    )
    until(lambda: partial.exists() and partial.stat().st_size > 1_000_000)
    process.send_signal(signal.SIGKILL)
    assert process.wait(20) == -signal.SIGKILL
    assert not target.exists()
    assert check_file(state / "edge.db").ok
    copied = backup(state / "edge.db", target)
    assert check_file(target).ok
    assert copied.path == str(target)
    assert sorted(entry.name for entry in target.parent.iterdir()) == ["one.db"]


def test_f17_a_backup_without_room_is_not_begun_and_one_that_runs_out_leaves_nothing(
    state: Path, small_disk: Callable[[int], SmallDisk], monkeypatch: pytest.MonkeyPatch
) -> None:
    size_bytes = (state / "edge.db").stat().st_size
    disk = small_disk(size_bytes // 2 & ~4_095)
    with pytest.raises(TooMuch, match=r"Failed to back up: expected .* KiB free"):
        backup(state / "edge.db", disk.folder / "one.db")
    monkeypatch.setattr(backups, "SPARE_PERCENT", -100)
    with pytest.raises(Exception, match="Failed to back up: the disk there is full") as told:
        backup(state / "edge.db", disk.folder / "one.db")
    assert getattr(told.value, "code", "") == "backup_failed"
    assert list(disk.folder.iterdir()) == []


def test_the_clock_takes_backups_and_lets_the_oldest_go(state: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    node = node_at(state, BACKUP_DIR=str(folder), BACKUP_KEEP="2")
    plan = node.settings.backups
    for hours in range(4):
        asyncio.run(timers.back_up(node))
        assert backups.next_due(plan, timers.NODE, node.clock.wall_ms()) is None
        newest = backups.finished(folder, timers.NODE)[-1]
        seconds = newest.stat().st_mtime - (4 - hours) * HOUR_MS / 1_000
        os.utime(newest, (seconds, seconds))
    (folder / "mine.db").write_bytes(b"kept by hand")
    asyncio.run(timers.back_up(node))
    node.database.close()
    kept = backups.finished(folder, timers.NODE)
    assert len(kept) == 2
    assert all(check_file(path).ok for path in kept)
    assert (folder / "mine.db").exists()


def test_without_a_folder_no_backups_are_taken() -> None:
    assert backups.next_due(BackupPlan(), "edge", 1_800_000_000_000) is None
    assert backups.last_ms(BackupPlan(), "edge") is None


def test_a_restore_keeps_the_replaced_books_with_their_log_and_refuses_a_running_node(
    state: Path, tmp_path: Path
) -> None:
    database = state / "edge.db"
    backup(database, tmp_path / "copy.db")
    node = node_at(state)
    node.database.write_sync(
        lambda tx: tx.sql.execute("INSERT INTO counters (name, value) VALUES ('after', 1)")
    )
    image = {path.name: path.read_bytes() for path in state.glob("edge.db*")}
    node.database.close()
    for name, content in image.items():  # as a killed node leaves them
        (state / name).write_bytes(content)
    done = restore(tmp_path / "copy.db", database, SystemEntropy(), 77)
    assert check_file(database).ok
    assert done.kept == f"{database}.before-restore-77"
    with closing(sqlite3.connect(done.kept)) as sql:
        assert sql.execute("SELECT value FROM counters WHERE name = 'after'").fetchall() == [(1,)]


def test_a_restore_cut_off_before_its_last_step_is_not_taken_for_a_new_beginning(
    state: Path,
) -> None:
    (state / "edge.db").rename(state / "edge.db.restored")
    with pytest.raises(BooksBroken, match="A restore was cut off"):
        node_at(state)


def test_f20_an_edge_whose_file_is_damaged_says_what_to_do_and_a_restore_brings_it_back(
    state: Path, tmp_path: Path
) -> None:
    database = state / "edge.db"
    backup(database, tmp_path / "copy.db")
    database.write_bytes(b"\0" * 8_192 + database.read_bytes()[8_192:])
    with pytest.raises(BooksBroken, match="The books are damaged") as told:
        node_at(state)
    assert "bincard edge restore" in told.value.hint
    restore(tmp_path / "copy.db", database, SystemEntropy(), 1)
    node_at(state).database.close()
    assert check_file(database).ok


def test_f20_a_line_of_the_log_that_was_changed_is_found_at_the_start(state: Path) -> None:
    with closing(sqlite3.connect(state / "edge.db")) as sql:
        sql.execute("UPDATE facts SET body = x'7b7d' WHERE seq = (SELECT max(seq) FROM facts)")
        sql.commit()
    with pytest.raises(BooksBroken, match="does not follow from line"):
        node_at(state)


def test_f21_a_deleted_log_is_noticed_and_a_new_incarnation_begins(state: Path) -> None:
    before = facts_and_incarnation(state)
    node = node_at(state)
    note(node)
    node.database._sql.execute("PRAGMA wal_autocheckpoint=0")
    for number in range(5):
        asyncio.run(receive(node, number))
    note(node)
    after = node.database.read_sync(fact_log.head).seq
    images = {path.name: path.read_bytes() for path in state.glob("edge.db*")}
    node.database.close()
    (state / "edge.db").write_bytes(images["edge.db"])  # the power failed, and the log is gone
    again = node_at(state)
    again.database.close()
    facts, incarnation = facts_and_incarnation(state)
    assert after > before[0]
    assert (facts, incarnation != before[1]) == (before[0], True)
    assert check_file(state / "edge.db").ok


def note(node: EdgeNode) -> None:
    """Write the note beside the database, as the line to the hub does."""
    sidecar.store(node.settings.state_dir, node.database.read_sync(line_state.load))


async def receive(node: EdgeNode, number: int) -> None:
    serial = f"NEW-{number:04d}"
    asked = NewReceipt(f"r{number}", "factory", (StockRow("B01-01-1", "PHONE", 1, (serial,)),))
    asn = await node.database.write(
        lambda tx: make_receipt(node.floor(tx, f"r{number}", "t"), asked)
    )
    bulk = BulkReceipt(f"b{number}", "PHONE", (serial,))
    await node.database.write(lambda tx: receive_bulk(node.floor(tx, f"b{number}", "t"), asn, bulk))


def facts_and_incarnation(state: Path) -> tuple[int, int]:
    with closing(sqlite3.connect(state / "edge.db")) as sql:
        facts = sql.execute("SELECT count(*) FROM facts").fetchone()[0]
        return facts, sql.execute("SELECT incarnation FROM node_state").fetchone()[0]


def test_the_hub_takes_backups_by_the_clock_and_tells_the_warehouses_they_are_stable(
    tmp_path: Path, hub_process_class: Any
) -> None:
    hub = hub_process_class(tmp_path / "hub")
    hub.env |= {
        "BINCARD_HUB_BACKUP_DIR": str(tmp_path / "copies"),
        "BINCARD_HUB_BALLAST_BYTES": "0",
    }
    hub.start()
    until(lambda: backups.finished(tmp_path / "copies", "hub"))
    hub.stop()
    [copy] = backups.finished(tmp_path / "copies", "hub")
    hub.env["BINCARD_HUB_BACKUP_DIR"] = ""
    done = hub.command("restore", str(copy))
    assert done.returncode == 0, done.stderr
    assert Path(json.loads(done.stdout)["kept"]).exists()
    assert hub.command("verify").returncode == 0


def test_f20_a_hub_whose_file_is_damaged_says_what_to_do_and_a_restore_brings_it_back(
    tmp_path: Path, hub_process_class: Any
) -> None:
    hub = hub_process_class(tmp_path / "hub")
    hub.start()
    hub.fill("SHA,A01,PHONE,1,SN001")
    copy = tmp_path / "copy.db"
    assert hub.command("backup", str(copy)).returncode == 0
    hub.stop()
    database = tmp_path / "hub" / "hub.db"
    database.write_bytes(b"\0" * 8_192 + database.read_bytes()[8_192:])
    told = hub.command("serve")
    assert told.returncode == 1
    assert "The books are damaged: file is not a database" in told.stderr
    assert "bincard hub restore" in told.stderr
    assert hub.command("restore", str(copy)).returncode == 0
    assert hub.command("verify").returncode == 0
