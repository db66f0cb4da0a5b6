"""Books that prove themselves: a good day passes, and every way of cheating is found."""

from pathlib import Path
from typing import Any

import pytest

from edge.services.backup import backup, check_file, restore
from edge.services.digest_books import digest_books
from edge.store import fact_log
from shared.domain.errors import BooksBroken, Conflict
from shared.domain.facts import BooksDigested, StockRow, stock_digest
from shared.runtime.database import Database

CABLE = "6901234567908"


@pytest.fixture
def books(house: Any) -> Any:
    house.load(
        StockRow("B01-01-1", "PHONE", 3, ("SN1", "SN2", "SN3")), StockRow("B02-03-1", "CABLE", 9)
    )
    house.parcel("P1", ("PHONE", 1), ("CABLE", 2))
    house.plan()
    house.start_picking()
    house.codes("B01-01-1", "SN1", "B02-03-1", CABLE)
    assert house.wrong() == []
    return house


@pytest.mark.parametrize(
    ("cheat", "check"),
    [
        ("UPDATE balances SET quantity = 7 WHERE account = 'bin:B02-03-1'", "balances"),
        ("DELETE FROM movements WHERE serial = 'SN3'", "balances"),
        ("UPDATE serials SET account = 'bin:B09' WHERE serial = 'SN2'", "serial_places"),
        ("UPDATE serials SET state = 'shipped' WHERE serial = 'SN2'", "serial_states"),
        ("DELETE FROM serials WHERE serial = 'SN2'", "serial_counts"),
        ("UPDATE parcel_lines SET picked = 2 WHERE line_no = 2", "parcel_units"),
        ("UPDATE facts SET body = x'7b7d' WHERE seq = 2", "chain"),
        ("DELETE FROM facts WHERE seq = (SELECT MAX(seq) FROM facts)", "chain"),
        ("UPDATE parcels SET waybill = NULL, state = 'shipped'", "waybills"),
        ("INSERT INTO waybill_numbers VALUES ('N1', 'SF', 'used', 1, 'P9', 0)", "waybill_numbers"),
        ("UPDATE parcels SET state = 'shipped'", "labels"),
    ],
)
def test_every_way_of_cheating_is_found(books: Any, cheat: str, check: str) -> None:
    books.write(lambda floor: floor.sql.execute(cheat))
    assert any(found.startswith(check) for found in books.wrong()), books.wrong()


def test_the_digest_covers_what_is_on_hand_and_is_told_once(books: Any) -> None:
    told = books.write(digest_books)
    assert told == BooksDigested(digest=stock_digest({"PHONE": 3, "CABLE": 9}), units=12, serials=3)
    assert books.write(digest_books) is None


def test_a_backup_is_whole_and_never_overwritten(books: Any, tmp_path: Path) -> None:
    copied = backup(books.database.path, tmp_path / "copy.db")
    assert copied.facts == len(books.facts())
    assert check_file(tmp_path / "copy.db").ok
    with pytest.raises(Conflict):
        backup(books.database.path, tmp_path / "copy.db")


def test_a_restored_edge_starts_another_log(books: Any, tmp_path: Path) -> None:
    backup(books.database.path, tmp_path / "copy.db")
    before = books.database.read_sync(fact_log.head)
    restored = tmp_path / "restored" / "edge.db"
    restore(tmp_path / "copy.db", restored, books.entropy, 1_000)
    database = Database(restored)
    after = database.read_sync(fact_log.head)
    database.close()
    assert (after.node, after.seq) == (before.node, before.seq), "the hub may not have them"
    assert after.incarnation != before.incarnation
    assert check_file(restored).ok


def test_a_damaged_file_is_no_backup(books: Any, tmp_path: Path) -> None:
    backup(books.database.path, tmp_path / "copy.db")
    data = bytearray((tmp_path / "copy.db").read_bytes())
    data[4_096 * 3 : 4_096 * 4] = bytes(4_096)
    (tmp_path / "copy.db").write_bytes(data)
    with pytest.raises(BooksBroken):
        restore(tmp_path / "copy.db", tmp_path / "edge2.db", books.entropy, 1_000)
    assert not (tmp_path / "edge2.db").exists()
