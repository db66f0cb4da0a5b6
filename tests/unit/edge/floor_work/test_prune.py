"""A box that runs for years: what goes, what stays, and what the books still prove afterwards."""

from typing import Any

import pytest

from edge.services.prune import DAY_MS, SCAN_RETENTION_DAYS, prune
from edge.store import copies, fact_log, line_state, pruning, recoveries
from shared.domain.facts import StockRow
from shared.sync.protocol import Mark

CABLE = "6901234567908"


@pytest.fixture
def books(house: Any) -> Any:
    house.load(StockRow("B01-01-1", "PHONE", 3, ("SN1", "SN2", "SN3")))
    house.load(StockRow("B02-03-1", "CABLE", 9))
    house.parcel("P1", ("PHONE", 1), ("CABLE", 2))
    house.plan()
    house.start_picking()
    house.codes("B01-01-1", "SN1", "B02-03-1", CABLE, CABLE)
    assert house.wrong() == []
    return house


def stable(books: Any, seq: int) -> None:
    """Head office has lines up to `seq` in a proven backup."""

    def note(floor: Any) -> None:
        log = fact_log.head(floor.sql)
        digest = fact_log.hash_at(floor.sql, log.incarnation, seq)
        line_state.store_ack(floor.sql, log.incarnation, Mark(seq, digest), seq)

    books.write(note)


def acknowledged(floor: Any) -> None:
    """Head office has every line, though not in a backup yet."""
    log = fact_log.head(floor.sql)
    line_state.store_ack(floor.sql, log.incarnation, Mark(log.seq, log.hash), 0)


def prune_all(books: Any, now_ms: int, retention_ms: int = 0) -> int:
    total = 0
    while dropped := books.database.write_sync(
        lambda tx: prune(tx, now_ms=now_ms, fact_retention_ms=retention_ms)
    ):
        total += dropped
    return total


def kept(books: Any) -> list[int]:
    return [row[0] for row in books.sql("SELECT seq FROM facts ORDER BY seq")]


def later(books: Any) -> int:
    return int(books.clock.wall_ms()) + 1


def test_nothing_goes_that_is_not_in_a_proven_backup(books: Any) -> None:
    head = kept(books)[-1]
    assert prune_all(books, later(books)) == 0
    stable(books, 3)
    assert prune_all(books, later(books)) == 3
    assert kept(books) == list(range(4, head + 1))


def test_a_line_is_kept_for_the_retention_whatever_the_hub_has(books: Any) -> None:
    stable(books, kept(books)[-1])
    assert prune_all(books, later(books), retention_ms=DAY_MS) == 0
    assert prune_all(books, later(books) + DAY_MS, retention_ms=DAY_MS) > 0


def test_the_books_prove_the_whole_log_after_all_but_its_last_line_is_gone(books: Any) -> None:
    head = kept(books)[-1]
    stable(books, head)
    prune_all(books, later(books))
    assert kept(books) == [head]
    assert books.wrong() == []
    books.load(StockRow("B02-03-1", "CABLE", 1))
    assert books.wrong() == []
    counts = dict(books.sql("SELECT kind, facts FROM fact_counts"))
    assert counts["unit_picked"] == 3
    assert sum(counts.values()) == kept(books)[-1]


@pytest.mark.parametrize(
    ("cheat", "check"),
    [
        ("UPDATE dropped_facts SET facts = facts + 1 WHERE kind = 'unit_picked'", "dropped_lines"),
        ("UPDATE dropped_facts SET kind = 'stock_moved' WHERE kind = 'stock_loaded'", "dropped"),
        ("DELETE FROM dropped_facts", "dropped_lines"),
        ("UPDATE logs SET base_seq = base_seq + 1", "dropped_lines"),
        ("UPDATE logs SET base_hash = zeroblob(32)", "chain"),
        ("DELETE FROM facts WHERE seq = (SELECT min(seq) FROM facts)", "chain"),
    ],
)
def test_a_false_base_is_found(books: Any, cheat: str, check: str) -> None:
    stable(books, 5)
    prune_all(books, later(books))
    books.write(lambda floor: floor.sql.execute(cheat))
    assert any(found.startswith(check) for found in books.wrong()), books.wrong()


def test_nothing_goes_while_the_past_is_on_its_way_back(books: Any) -> None:
    stable(books, kept(books)[-1])
    books.write(lambda floor: copies.branch_log(floor.sql, books.entropy))
    assert prune_all(books, later(books)) == 0
    old = books.sql("SELECT incarnation FROM recoveries")[0][0]
    books.write(lambda floor: recoveries.end(floor.sql, old))
    assert prune_all(books, later(books)) > 0


def test_a_scan_gets_its_first_answer_again_for_a_month_and_the_latest_ones_for_ever(
    books: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "SCANS_KEPT", 3)
    scans = books.sql("SELECT count(*) FROM operations WHERE station = 'handheld-07'")[0][0]
    assert scans > 3
    month = SCAN_RETENTION_DAYS * DAY_MS
    assert prune_all(books, later(books) + month - DAY_MS) == 0
    assert prune_all(books, later(books) + month) == scans - 3
    left = books.sql("SELECT op_id, raw FROM operations ORDER BY at_ms")
    assert len(left) == 3
    repeated = books.scan(left[-1][1], op_id=left[-1][0])
    assert repeated.outcome == "duplicate"


def test_a_recovery_that_ended_goes_once_its_log_is_whole_at_head_office(books: Any) -> None:
    books.write(acknowledged)
    books.write(lambda floor: copies.branch_log(floor.sql, books.entropy))
    old, head = books.sql(
        "SELECT incarnation, head_seq FROM recoveries JOIN logs USING (incarnation)"
    )[0]
    books.write(lambda floor: recoveries.end(floor.sql, old))
    prune_all(books, 0)
    assert books.sql("SELECT count(*) FROM recoveries") == [(1,)]
    books.write(
        lambda floor: line_state.store_ack(
            floor.sql, old, Mark(head, fact_log.hash_at(floor.sql, old, head)), head
        )
    )
    prune_all(books, 0)
    assert books.sql("SELECT count(*) FROM recoveries") == [(0,)]
