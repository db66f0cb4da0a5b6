"""The writer answers only what is on the disk, and one bad use case takes nobody else with it.

Method: a real file, the real writer thread; many threads submit at once, some fail on purpose.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.domain.errors import Refused, TooMuch, Unavailable
from shared.runtime import database
from shared.runtime.database import Database, Transaction


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "one.db")
    opened.write_sync(lambda tx: tx.sql.execute("CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT"))
    yield opened
    opened.close()


def insert(number: int) -> database.Work:
    return lambda tx: tx.sql.execute("INSERT INTO t VALUES (?)", (number,))


def count(store: Database) -> int:
    return int(store.read_sync(lambda sql: sql.execute("SELECT count(*) FROM t").fetchone()[0]))


def test_what_was_answered_is_on_the_disk(store: Database, tmp_path: Path) -> None:
    store.write_sync(insert(1))
    with sqlite3.connect(tmp_path / "one.db") as other:
        assert other.execute("SELECT n FROM t").fetchall() == [(1,)]


def test_one_failing_use_case_takes_nobody_else_with_it(store: Database) -> None:
    def refuse(tx: Transaction) -> None:
        tx.sql.execute("INSERT INTO t VALUES (1000)")
        raise Refused("no", "No.")

    gate = threading.Event()
    blocker = store.submit(lambda tx: gate.wait(5))  # noqa: ARG005  so that all wait in one group
    waiting = [store.submit(insert(n)) for n in range(20)]
    refused = store.submit(refuse)
    twice = store.submit(insert(3))
    gate.set()
    blocker.result(5)
    for future in waiting:
        future.result(5)
    with pytest.raises(Refused):
        refused.result(5)
    with pytest.raises(sqlite3.IntegrityError):
        twice.result(5)
    assert count(store) == 20


def test_waiting_use_cases_share_one_commit(store: Database) -> None:
    gate = threading.Event()
    store.submit(lambda tx: gate.wait(5))  # noqa: ARG005
    commits: list[int] = []
    store._sql.set_trace_callback(lambda text: commits.append(1) if text == "COMMIT" else None)
    futures = [store.submit(insert(n)) for n in range(database.GROUP_MAX)]
    gate.set()
    for future in futures:
        future.result(5)
    assert len(commits) <= 3


def test_side_effects_happen_only_after_the_commit(store: Database, tmp_path: Path) -> None:
    seen: list[int] = []

    def look_from_outside() -> None:
        with sqlite3.connect(tmp_path / "one.db") as other:
            seen.append(other.execute("SELECT count(*) FROM t").fetchone()[0])

    def work(tx: Transaction) -> None:
        tx.after_commit(look_from_outside)
        tx.sql.execute("INSERT INTO t VALUES (7)")

    store.write_sync(work)
    assert seen == [1]


def test_a_failed_use_case_has_no_side_effects(store: Database) -> None:
    seen: list[str] = []

    def work(tx: Transaction) -> None:
        tx.after_commit(lambda: seen.append("told"))
        raise Refused("no", "No.")

    with pytest.raises(Refused):
        store.write_sync(work)
    assert seen == []


def test_a_full_queue_says_come_back(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, gate = threading.Event(), threading.Event()
    store.submit(lambda tx: (entered.set(), gate.wait(5)))  # noqa: ARG005
    assert entered.wait(5)
    monkeypatch.setattr(store._jobs, "maxsize", 1)
    store.submit(insert(1))
    with pytest.raises(TooMuch) as told:
        store.submit(insert(2))
    gate.set()
    assert told.value.retryable


def test_readers_cannot_write(store: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        store.read_sync(lambda sql: sql.execute("INSERT INTO t VALUES (1)"))


def test_a_reader_sees_one_moment_even_while_others_write(store: Database) -> None:
    def look_twice(sql: sqlite3.Connection) -> tuple[int, int]:
        first = sql.execute("SELECT count(*) FROM t").fetchone()[0]
        store.write_sync(insert(1))
        return first, sql.execute("SELECT count(*) FROM t").fetchone()[0]

    assert store.read_sync(look_twice) == (0, 0)
    assert count(store) == 1


def test_after_damage_was_found_nothing_more_is_written(store: Database) -> None:
    store.write_sync(insert(1))
    store.stop_writing(sqlite3.DatabaseError("damaged")).result(5)
    with pytest.raises(Unavailable) as told:
        store.write_sync(insert(2))
    assert (told.value.code, told.value.retryable) == ("storage_failed", True)
    assert count(store) == 1


def test_a_caller_who_gave_up_does_not_stop_the_writer(store: Database) -> None:
    gate = threading.Event()
    blocker = store.submit(lambda tx: gate.wait(5))  # noqa: ARG005
    assert store.submit(insert(1)).cancel()
    gate.set()
    blocker.result(5)
    store.write_sync(insert(2))
    assert count(store) == 1


def test_a_side_effect_that_fails_does_not_stop_the_writer(store: Database) -> None:
    def work(tx: Transaction) -> None:
        tx.after_commit(lambda: 1 // 0)
        tx.sql.execute("INSERT INTO t VALUES (1)")

    store.write_sync(work)
    store.write_sync(insert(2))
    assert count(store) == 2


def test_a_use_case_writes_nowhere_but_into_the_books(store: Database) -> None:
    """Undo pages of a savepoint stay in memory: the folder for temporary files may be full."""

    def change_many_pages(tx: Transaction) -> list[str]:
        tx.sql.execute("CREATE TABLE wide (text TEXT)")
        tx.sql.executemany("INSERT INTO wide VALUES (?)", [("x" * 2_000,)] * 200)
        tx.sql.execute("SAVEPOINT inner")
        tx.sql.execute("UPDATE wide SET text = text || 'y'")
        open_files = [
            str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.exists()
        ]
        tx.sql.execute("RELEASE inner")
        return [name for name in open_files if "etilqs" in name]

    assert store.write_sync(change_many_pages) == []
