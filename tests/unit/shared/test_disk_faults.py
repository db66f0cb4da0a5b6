"""What the writer does when the disk is full, fails, turns read-only or is slow.

Method: the real writer on a real file; `faulty_disk` stands between SQLite and the system and
refuses the calls that the fault would refuse.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from _pytest.outcomes import Failed

from shared.domain.errors import Refused, Unavailable
from shared.runtime.database import Database, Transaction, Work
from tests.simulation.faulty_files import (
    FULL,
    OK,
    READ_ONLY,
    SYNC_FAILED,
    WRITE_FAILED,
    Call,
    FaultyDisk,
    faulty_disk,
)
from tests.simulation.mutants import Mutant, spoiled

CALLERS = 20
LONG = "x" * 2_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FaultyDisk]:
    with faulty_disk(tmp_path) as disk:
        yield disk


@pytest.fixture
def store(disk: FaultyDisk) -> Iterator[Database]:
    opened = open_store(disk)
    yield opened
    opened.close()


def open_store(disk: FaultyDisk) -> Database:
    opened = Database(disk.folder / "one.db")
    opened.write_sync(
        lambda tx: tx.sql.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, what TEXT) STRICT")
    )
    return opened


def insert(number: int) -> Work:
    return lambda tx: tx.sql.execute("INSERT INTO t VALUES (?, ?)", (number, LONG))


def numbers(store: Database) -> list[int]:
    rows = store.read_sync(lambda sql: sql.execute("SELECT n FROM t ORDER BY n").fetchall())
    return [row[0] for row in rows]


def refuse_all(kind: str, code: int) -> Any:
    return lambda _number, call: code if call.kind == kind else OK


def together(store: Database, works: list[Work]) -> list[Future[Any]]:
    """Let all wait behind one use case, so that they share a commit."""
    gate = threading.Event()
    blocker = store.submit(lambda tx: gate.wait(5))  # noqa: ARG005
    futures = [store.submit(work) for work in works]
    gate.set()
    blocker.exception(5)
    return futures


class Ballast:
    """Makes room when asked, and hears of a failed disk."""

    def __init__(self, disk: FaultyDisk) -> None:
        self.disk = disk
        self.asked = 0
        self.told_failed = 0

    def make_room(self) -> bool:
        self.asked += 1
        self.disk.judge = refuse_all("never", FULL)
        return True

    def failed(self) -> None:
        self.told_failed += 1


def test_f17_every_waiting_caller_of_a_full_disk_is_told_to_send_again(
    disk: FaultyDisk, store: Database
) -> None:
    disk.judge = refuse_all("write", FULL)
    futures = together(store, [insert(n) for n in range(CALLERS)])
    errors = [future.exception(5) for future in futures]
    assert {(type(e), getattr(e, "code", ""), getattr(e, "retryable", None)) for e in errors} == {
        (Unavailable, "storage_full", True)
    }
    assert numbers(store) == []


def test_f17_writing_goes_on_by_itself_when_space_is_back(
    disk: FaultyDisk, store: Database
) -> None:
    disk.judge = refuse_all("write", FULL)
    with pytest.raises(Unavailable):
        store.write_sync(insert(1))
    disk.judge = refuse_all("never", FULL)
    store.write_sync(insert(1))
    assert numbers(store) == [1]
    assert not store.failing


def test_f17_the_ballast_lets_the_same_use_cases_through_once(
    disk: FaultyDisk, store: Database
) -> None:
    store.guard = guard = Ballast(disk)
    disk.judge = refuse_all("write", FULL)
    told: list[int] = []

    def work(number: int) -> Work:
        def run(tx: Transaction) -> int:
            tx.after_commit(lambda: told.append(number))
            insert(number)(tx)
            return number

        return run

    futures = together(store, [work(n) for n in range(CALLERS)])
    assert [future.result(5) for future in futures] == list(range(CALLERS))
    assert numbers(store) == sorted(told) == list(range(CALLERS))
    assert guard.asked == 1


def test_f17_a_disk_full_at_any_write_loses_nothing_that_was_answered(
    disk: FaultyDisk, store: Database
) -> None:
    answered = []
    for number in range(60):
        allowed = number % 7

        def judge(at: int, call: Call, stop: int = disk.calls + allowed) -> int:
            return FULL if at > stop and call.kind == "write" else OK

        disk.judge = judge
        try:
            store.write_sync(insert(number))
        except Unavailable as error:
            assert error.code == "storage_full"  # noqa: PT017  it may also go through
        else:
            answered.append(number)
    disk.judge = refuse_all("never", FULL)
    assert numbers(store) == answered
    assert 0 < len(answered) < 60
    assert store.read_sync(lambda sql: sql.execute("PRAGMA integrity_check").fetchone()[0]) == "ok"


@pytest.mark.parametrize(
    ("kind", "code"), [("sync", SYNC_FAILED), ("write", WRITE_FAILED), ("write", READ_ONLY)]
)
def test_f18_f19_after_a_failed_call_nothing_more_reaches_the_disk_and_reads_go_on(
    disk: FaultyDisk, store: Database, kind: str, code: int
) -> None:
    store.write_sync(insert(1))
    store.guard = guard = Ballast(disk)
    disk.judge = refuse_all(kind, code)
    futures = together(store, [insert(n) for n in range(2, CALLERS)])
    for future in futures:
        error = future.exception(5)
        assert isinstance(error, Unavailable)
        assert (error.code, error.retryable) == ("storage_failed", True)
    disk.judge = refuse_all("never", FULL)
    calls = disk.calls
    with pytest.raises(Unavailable, match="Storage is failing"):
        store.write_sync(insert(99))
    assert numbers(store) == [1]
    with ThreadPoolExecutor(1) as another:
        assert another.submit(numbers, store).result(5) == [1]
    store.close()
    assert disk.calls == calls
    assert guard.told_failed == 1
    assert guard.asked == 0


def test_a_refusal_that_rests_on_an_uncommitted_neighbour_is_not_told(
    disk: FaultyDisk, store: Database
) -> None:
    def refuse_second(tx: Transaction) -> None:
        if tx.sql.execute("SELECT 1 FROM t WHERE n = 5").fetchone():
            raise Refused("seen_before", "Five is there already.")

    disk.judge = refuse_all("sync", FULL)
    first, second = together(store, [insert(5), refuse_second])
    for future in (first, second):
        error = future.exception(5)
        assert isinstance(error, Unavailable)
        assert error.code == "storage_full"


def test_f26_a_slow_disk_is_measured_and_nobody_times_out(
    disk: FaultyDisk, store: Database
) -> None:
    slow = threading.Event()

    def judge(_number: int, call: Call) -> int:
        if call.kind == "sync":
            slow.wait(0.05)  # never set: this is how long the disk takes
        return OK

    disk.judge = judge
    for number in range(3):
        futures = together(store, [insert(number * CALLERS + n) for n in range(CALLERS)])
        for future in futures:
            future.result(5)
    assert len(numbers(store)) == 3 * CALLERS
    assert store.commit_ms() >= 50


def test_one_use_case_that_breaks_the_commit_takes_nobody_else_with_it(store: Database) -> None:
    store.write_sync(
        lambda tx: tx.sql.execute(
            "CREATE TABLE child (n INTEGER REFERENCES t(n) DEFERRABLE INITIALLY DEFERRED) STRICT"
        )
    )
    orphan: Work = lambda tx: tx.sql.execute("INSERT INTO child VALUES (77)")  # noqa: E731
    good, bad, other = together(store, [insert(1), orphan, insert(2)])
    assert isinstance(bad.exception(5), sqlite3.IntegrityError)
    good.result(5), other.result(5)
    assert numbers(store) == [1, 2]


MUTANTS = (
    Mutant(
        "a commit that failed is told as done",
        "shared.runtime.database:Database._run_together",
        'sql.execute("COMMIT")',
        'with suppress(sqlite3.Error):\n        sql.execute("COMMIT")',
    ),
    Mutant(
        "a full disk is swallowed",
        "shared.runtime.database:Database._refuse",
        "        future.set_exception(told)",
        "        future.set_result(None)",
    ),
    Mutant(
        "a full disk ends all writing",
        "shared.runtime.disk_trouble:is_failing",
        "not is_full(error) and ",
        "is_full(error) or ",
    ),
    Mutant(
        "a failed sync is tried again",
        "shared.runtime.database:Database._refuse",
        "self._broken is not None or disk_trouble.is_failing(error)",
        "self._broken is not None",
    ),
    Mutant(
        "the log is moved into the file of a failing disk",
        "shared.runtime.database:Database._stop_writing",
        "self._last_open = connect_read_only(self.path)",
        "self._last_open = connect(self.path, writable=True)",
    ),
    Mutant(
        "work that was undone is told as done",
        "shared.runtime.database:Database._commit_group",
        "answers = self._run_together(group)\n    except",
        "answers = [_Answer(f, None, None, Transaction(self._sql)) for _, f in group]\n    except",
    ),
    Mutant(
        "the ballast is asked for on a failing disk",
        "shared.runtime.database:Database._commit_group",
        "disk_trouble.is_full(error) and self.guard",
        "self.guard",
    ),
)
CHECKS = (
    test_f17_every_waiting_caller_of_a_full_disk_is_told_to_send_again,
    test_f17_writing_goes_on_by_itself_when_space_is_back,
    test_f17_the_ballast_lets_the_same_use_cases_through_once,
    partial(
        test_f18_f19_after_a_failed_call_nothing_more_reaches_the_disk_and_reads_go_on,
        kind="sync",
        code=SYNC_FAILED,
    ),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_put_into_the_writer_is_noticed(mutant: Mutant, tmp_path: Path) -> None:
    noticed = []
    with spoiled(mutant):
        for number, check in enumerate(CHECKS):
            folder = tmp_path / str(number)
            folder.mkdir()
            with faulty_disk(folder) as disk:
                store = open_store(disk)
                try:
                    check(disk, store)
                except (Exception, Failed) as error:  # noqa: BLE001  however it is noticed
                    noticed.append(type(error).__name__)
                disk.judge = refuse_all("never", FULL)
                with suppress(Exception):
                    store.close()
    assert noticed
