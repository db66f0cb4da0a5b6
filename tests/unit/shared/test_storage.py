"""The steps of a filling disk, the ballast, and the check that reads everything again.

Method: real files; a full disk is one whose every write is refused by `faulty_disk`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.domain.errors import Unavailable
from shared.runtime import file_check
from shared.runtime.ballast import Ballast
from shared.runtime.database import Database
from shared.runtime.file_check import HourlyCheck
from shared.runtime.storage import GIB, Storage, StorageWatch, level_of, open_with_room
from tests.simulation.faulty_files import FULL, OK, SYNC_FAILED, faulty_disk

MIB = 1 << 20
SECONDS = 5
ROOM = 2 * MIB


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "one.db")
    opened.write_sync(
        lambda tx: tx.sql.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, what TEXT) STRICT")
    )
    yield opened
    opened.close()


def insert(store: Database, number: int) -> None:
    store.write_sync(lambda tx: tx.sql.execute("INSERT INTO t VALUES (?, 'x')", (number,)))


@pytest.mark.parametrize(
    ("used_percent", "level"),
    [(0, "ok"), (79, "ok"), (81, "low"), (89, "low"), (91, "tight"), (94, "tight"), (96, "full")],
)
@pytest.mark.parametrize("size_bytes", [512 << 10, 64 * MIB, 32 * GIB])
def test_f17_the_steps_of_a_disk_from_a_tiny_one_to_a_memory_card(
    size_bytes: int, used_percent: int, level: str
) -> None:
    assert level_of(size_bytes * (100 - used_percent) // 100, size_bytes) == level


def test_a_large_disk_with_room_is_not_called_full() -> None:
    assert level_of(40 * GIB, 2_000 * GIB) == "ok"
    assert level_of(4 * GIB, 2_000 * GIB) == "tight"
    assert level_of(1 * GIB, 2_000 * GIB) == "full"


def test_a_step_holds_on_so_that_work_is_not_taken_and_refused_by_turns() -> None:
    size = 1_000 * MIB
    assert level_of(51 * MIB, size) == "tight"
    assert level_of(51 * MIB, size, before="full") == "full"
    assert level_of(61 * MIB, size, before="full") == "tight"


def test_f17_the_ballast_takes_real_space_and_gives_it_back(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path, ROOM)
    assert ballast.make()
    taken = (tmp_path / "ballast").stat()
    assert (taken.st_size, taken.st_blocks * 512 >= ROOM) == (ROOM, True)
    assert ballast.release()
    assert not ballast.release()
    assert not (tmp_path / "ballast").exists()


def test_f17_a_full_commit_throws_out_the_ballast_and_space_brings_it_back(tmp_path: Path) -> None:
    told: list[str] = []
    with faulty_disk(tmp_path) as disk:
        store = Database(tmp_path / "one.db")
        store.write_sync(lambda tx: tx.sql.execute("CREATE TABLE t (n INTEGER, what TEXT)"))
        watch = StorageWatch(
            store, tmp_path, ballast_bytes=ROOM, on_change=lambda state: told.append(state.level)
        )
        assert watch.now.ballast_bytes == ROOM
        disk.judge = lambda _number, call: (
            FULL if call.kind == "write" and (tmp_path / "ballast").exists() else OK
        )
        insert(store, 1)
        assert (watch.now.level, watch.now.ballast_bytes) == ("full", 0)
        with pytest.raises(Unavailable, match="no new work"):
            watch.expect_room()
        insert(store, 2)  # what was begun goes on
        watch.look()
        assert (watch.now.level, watch.now.ballast_bytes) == ("ok", ROOM)
        watch.expect_room()
        store.close()
    assert told == ["full", "ok"]


def test_f18_a_failed_disk_is_told_and_what_is_left_is_looked_through(tmp_path: Path) -> None:
    done = threading.Event()

    def changed(state: Storage) -> None:
        if state.found:
            done.set()

    with faulty_disk(tmp_path) as disk:
        store = Database(tmp_path / "one.db")
        store.write_sync(lambda tx: tx.sql.execute("CREATE TABLE t (n INTEGER, what TEXT)"))
        watch = StorageWatch(
            store,
            tmp_path,
            ballast_bytes=0,
            examine=lambda: file_check.run_through(store.path, file_check.table_slices),
            on_change=changed,
        )
        disk.judge = lambda _number, call: SYNC_FAILED if call.kind == "sync" else OK
        with pytest.raises(Unavailable, match="failing"):
            insert(store, 1)
        assert done.wait(SECONDS)
        assert (watch.now.level, watch.now.code) == ("failing", "storage_failing")
        assert watch.now.found == "What was recorded can be read and is whole."
        with pytest.raises(Unavailable, match="failing"):
            watch.expect_room()
        store.close()


def test_f20_a_garbled_page_is_found_by_the_hourly_check_and_ends_writing(
    tmp_path: Path, store: Database
) -> None:
    store.write_sync(
        lambda tx: tx.sql.executemany(
            "INSERT INTO t VALUES (?, ?)", [(n, "y" * 900) for n in range(200)]
        )
    )
    store.close()
    content = bytearray((tmp_path / "one.db").read_bytes())
    content[12 * 4_096 : 13 * 4_096] = b"\xa5" * 4_096
    (tmp_path / "one.db").write_bytes(content)
    rotten = Database(tmp_path / "one.db")
    watch = StorageWatch(rotten, tmp_path, ballast_bytes=0)
    found = threading.Event()

    def damaged(sentence: str) -> None:
        watch.damaged(sentence)
        found.set()

    check = HourlyCheck(
        rotten.path, file_check.table_slices, damaged, first_seconds=0, rest_seconds=0
    )
    check.start()
    assert found.wait(SECONDS)
    check.stop()
    with pytest.raises(Unavailable, match="failing"):
        insert(rotten, 1_000)
    assert watch.look().level == "failing"
    assert "malformed" in watch.now.found
    rotten.close()


def test_the_hourly_check_goes_round_while_people_write(store: Database) -> None:
    wrong: list[str] = []
    check = HourlyCheck(
        store.path,
        file_check.table_slices,
        wrong.append,
        first_seconds=0,
        round_seconds=0,
        rest_seconds=0,
    )
    check.start()
    number = 0
    while check.rounds < 3 and number < 10_000:
        number += 1
        insert(store, number)
    check.stop()
    assert (check.rounds >= 3, wrong) == (True, [])


def test_what_cannot_be_opened_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "one.db").write_bytes(b"not a database at all" * 400)
    with pytest.raises(Exception, match="The books are damaged: file is not a database") as told:
        open_with_room(tmp_path / "one.db", lambda: Database(tmp_path / "one.db"), "Call support.")
    assert getattr(told.value, "hint", "") == "Call support."


def test_f17_a_node_that_starts_on_a_full_disk_opens_its_books_with_the_ballast(
    tmp_path: Path,
) -> None:
    Database(tmp_path / "one.db").close()
    assert Ballast(tmp_path, ROOM).make()
    tries: list[int] = []

    def open_file() -> str:
        tries.append(1)
        if (tmp_path / "ballast").exists():
            full = sqlite3.OperationalError("database or disk is full")
            full.sqlite_errorcode = FULL
            raise full
        return "open"

    assert open_with_room(tmp_path / "one.db", open_file, "") == "open"
    assert len(tries) == 2
