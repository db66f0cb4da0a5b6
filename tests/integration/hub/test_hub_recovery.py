"""A hub put back from a backup promises nothing it may have promised before, and ends in normal."""

from __future__ import annotations

from typing import Any

import pytest

from hub.services.recover import settle_recovery, write_off
from hub.services.reservations import ReservationLine, ReservationRequest, reserve
from hub.store import backup, fact_log, nodes, recovering
from hub.store.fact_log import queue_command
from shared.domain.commands import CancelParcel
from shared.domain.errors import Unavailable
from shared.domain.facts import ZERO_HASH, CommandAccepted
from shared.runtime.clock import SystemEntropy
from shared.sync.protocol import Epoch, Hello, LogMark

RESTORED_MS = 1_700_000_000_000
"""Long before the orders of these tests are placed, but for those that name no time."""
LATER = "2030-01-01T00:00:00Z"


def hello(node: str, head: int, cursor: int = 0) -> Hello:
    return Hello(
        1, 1, node, 7, None, 2, (LogMark(7, head, ZERO_HASH),), Epoch(1, b"hub-one."), (), cursor,
        (), "s", "1", 1, bytes(16),
    )  # fmt: skip


def enrol(books: Any, *warehouses: str) -> None:
    def work(tx: Any) -> None:
        for warehouse in warehouses:
            nodes.add_key(tx.sql, warehouse, f"key-{warehouse}", 1)

    books.hub.database.write_sync(work)


def restore(books: Any) -> None:
    books.hub.database.write_sync(
        lambda tx: backup.begin_new_life(tx.sql, SystemEntropy(), RESTORED_MS)
    )


def greet(books: Any, node: str, head: int, cursor: int = 0) -> None:
    books.hub.database.write_sync(lambda tx: recovering.greeted(tx.sql, hello(node, head, cursor)))


def settle(books: Any) -> int:
    return int(books.write(settle_recovery))


def test_orders_wait_with_a_sentence_and_are_promised_when_their_holders_have_reported(
    books, floor
):
    books.stock("SHA,B1,CABLE,5,", "CAN,B1,CABLE,5,", "CAN,B1,SCALE,2,")
    enrol(books, "SHA", "CAN")
    sha, can = floor("SHA"), floor("CAN")
    restore(books)
    answer = books.order("A1", ("CABLE", 2))
    assert answer["status"] == "backordered"
    assert "Awaiting recovery" in answer["explanation"]["sentence"]
    assert books.rights("CABLE", "SHA") == {"pool": 5}
    greet(books, "CAN", 1)
    assert settle(books) == 0, "a line of it is still on its way"
    can.tell(CommandAccepted(command_id="x"))
    assert settle(books) == 1
    assert books.order("A2", ("SCALE", 1), placed_at=LATER)["status"] == "reserved"
    assert books.order("A3", ("CABLE", 1))["status"] == "backordered"
    greet(books, "SHA", 0)
    assert settle(books) == 1
    assert books.read(lambda desk: desk.nodes.recovering()) == []
    from hub.services.backorders import retry_backorders

    while books.write(retry_backorders):
        pass
    assert books.order_row(answer["order_id"]).status == "reserved"
    assert books.verify().holds
    assert sha.warehouse == "SHA"


def test_nothing_is_released_to_a_warehouse_that_has_not_reported(books, floor):
    books.stock("SHA,B1,CABLE,5,")
    enrol(books, "SHA")
    floor("SHA")
    books.order("A1", ("CABLE", 1))
    restore(books)
    assert books.release() == 0
    greet(books, "SHA", 0)
    settle(books)
    assert books.release() == 1


def test_an_order_is_not_changed_before_a_hub_that_started_has_heard_who_may_have_it(books):
    """The old version may have left while these books, put back unseen, believe it is here."""
    books.stock("SHA,B1,CABLE,5,")
    enrol(books, "SHA")
    books.order("A1", ("CABLE", 2))
    books.write(lambda desk: desk.nodes.begin_roll_call())
    with pytest.raises(Unavailable, match="may have a part of it"):
        books.order("A1", ("CABLE", 1), version=2)
    books.write(lambda desk: desk.nodes.end_roll_call())
    assert books.order("A1", ("CABLE", 1), version=2)["status"] == "reserved"
    assert books.rights("CABLE", "SHA") == {"pool": 4, "ordered": 1}


def test_a_reservation_is_refused_while_its_goods_are_frozen(books, floor):
    books.stock("SHA,B1,CABLE,5,")
    enrol(books, "SHA")
    restore(books)
    request = ReservationRequest(
        lines=(ReservationLine(sku="CABLE", quantity=1),), ttl_seconds=60, reservation_id="r1"
    )
    with pytest.raises(Unavailable, match="Awaiting recovery"):
        books.write(lambda desk: reserve(desk, request))


def commands(books: Any, node: str) -> list[tuple[int, str]]:
    records, _ = books.hub.database.read_sync(
        lambda sql: fact_log.read_commands(sql, node, 0, 100, 1_000_000)
    )
    return [(record.seq, record.command_id) for record in records]


def queue(books: Any, *names: str) -> None:
    def work(tx: Any) -> None:
        for name in names:
            command = CancelParcel(parcel_id=name, reason="")
            queue_command(tx.sql, "SHA", command, command_id=name)

    books.hub.database.write_sync(work)


def test_commands_given_before_the_first_greeting_get_numbers_the_edge_has_not_passed(books):
    enrol(books, "SHA")
    queue(books, "a", "b", "c")
    books.hub.database.write_sync(lambda tx: fact_log.store_cack(tx.sql, "SHA", 3))
    restore(books)
    queue(books, "new")
    greet(books, "SHA", 0, cursor=40)
    greet(books, "SHA", 0, cursor=40)
    assert commands(books, "SHA")[1:] == [(2, "a"), (3, "b"), (41, "c"), (42, "new")]
    queue(books, "later")
    assert commands(books, "SHA")[-1] == (43, "later")


def test_a_parcel_only_the_warehouse_knows_is_called_back(books, floor):
    enrol(books, "SHA")
    sha = floor("SHA")
    restore(books)
    greet(books, "SHA", 1)
    sha.tell(CommandAccepted(command_id="assign-P-forgotten"))
    settle(books)
    assert commands(books, "SHA")[1:] == [(2, "cancel-P-forgotten")]


def test_a_warehouse_that_will_never_report_can_be_written_off(books):
    books.stock("SHA,B1,CABLE,5,")
    enrol(books, "SHA")
    restore(books)
    books.write(lambda desk: write_off(desk, "SHA"))
    assert books.order("A1", ("CABLE", 1))["status"] == "reserved"


def test_a_hub_that_hears_of_a_newer_one_promises_nothing_any_more(books):
    books.stock("SHA,B1,CABLE,5,")
    books.hub.database.write_sync(lambda tx: recovering.stop_for_newer(tx.sql))
    answer = books.order("A1", ("CABLE", 1))
    assert answer["status"] == "backordered"
    assert "newer hub" in answer["explanation"]["sentence"]
    assert settle(books) == 0


def test_a_promise_of_the_backup_is_kept_back_until_every_warehouse_was_heard(books, floor):
    """Its shop may have changed it since, and the other warehouse may have sent the new version."""
    books.stock("SHA,B1,CABLE,5,", "CAN,B1,CABLE,5,")
    enrol(books, "SHA", "CAN")
    floor("SHA")
    floor("CAN")
    order = books.order("A1", ("CABLE", 1))
    (parcel,) = books.parcels(order["order_id"])
    restore(books)
    heard, silent = parcel.warehouse, {"SHA": "CAN", "CAN": "SHA"}[parcel.warehouse]
    greet(books, heard, 0)
    settle(books)
    assert books.read(lambda desk: desk.nodes.recovering()) == [silent]
    assert books.release() == 0
    greet(books, silent, 0)
    settle(books)
    assert books.release() == 1
