"""Rights lent to counters and shops. Method: real chained logs on both databases, and `verify`
after every story."""

from __future__ import annotations

from typing import Any

import pytest

from hub.domain.holders import EDGE, shop_holder
from hub.services.adopt import cover_debts
from hub.services.backorders import retry_backorders
from hub.services.quotas import QuotaRequest, balance_quotas, set_quota
from hub.services.recover import write_off
from hub.store import nodes, recovering
from hub.store.backup import begin_new_life
from hub.sync import apply
from hub.sync import core_events as on
from shared.domain.commands import GrantQuota, QuotaLine, RecallQuota
from shared.domain.errors import NotFound
from shared.domain.facts import (
    ZERO_HASH,
    CommandAccepted,
    CommandRefused,
    Fact,
    GoodsReceived,
    LocalSale,
    QuotaReturned,
    ShortPicked,
    StockRow,
    UnitsLost,
)
from shared.runtime.clock import SystemEntropy
from shared.sync.protocol import Epoch, Hello, LogMark, QuotaTotal


class Counter:
    """The quota of Shanghai's counter for cables, as head office sees it."""

    def __init__(self, books: Any, floor: Any) -> None:
        self.books = books
        books.stock("SHA,A02,CABLE,10,")
        self.floor = floor("SHA")

    def want(self, target: int) -> None:
        request = QuotaRequest(sku="CABLE", target=target)
        self.books.write(lambda desk: set_quota(desk, "SHA", request))
        self.pump()

    def pump(self) -> None:
        while self.books.write(balance_quotas):
            pass

    def tell(self, *facts: Fact) -> None:
        self.floor.tell(*facts)
        self.pump()

    def sale(self, units: int, name: str = "S1") -> LocalSale:
        return LocalSale(sale_id=name, rows=(StockRow("A02", "CABLE", units),))

    def back(self, units: int) -> QuotaReturned:
        return QuotaReturned(return_id="R", sku="CABLE", quantity=units)

    def commands(self) -> list[Any]:
        found = self.books.commands("SHA")
        return [one for one in found if isinstance(one, GrantQuota | RecallQuota)]

    def recall_id(self) -> str:
        return str(self.row().recall_id)

    def row(self) -> Any:
        return self.books.read(lambda desk: desk.quotas.get("SHA", EDGE, "CABLE"))

    def rights(self) -> dict[str, int]:
        found: dict[str, int] = self.books.rights("CABLE", "SHA")
        return found

    def owed(self) -> int:
        rows = self.books.hub.database.read_sync(
            lambda sql: sql.execute("SELECT sum(units) FROM rights_debts").fetchone()
        )
        return int(rows[0] or 0)


@pytest.fixture
def counter(books: Any, floor: Any) -> Counter:
    return Counter(books, floor)


def grant(total: int) -> GrantQuota:
    return GrantQuota(totals=(QuotaLine("CABLE", total),))


def recall(keep: int) -> RecallQuota:
    return RecallQuota(keep=(QuotaLine("CABLE", keep),))


def test_a_grant_is_debited_with_its_command_and_says_the_total(counter: Counter) -> None:
    counter.want(3)
    assert counter.commands() == [grant(3)]
    assert counter.rights() == {"pool": 7, "lent": 3}
    counter.want(5)
    assert counter.commands() == [grant(3), grant(5)]
    assert counter.rights() == {"pool": 5, "lent": 5}
    assert counter.books.verify().holds


def test_what_is_lent_is_promised_to_nobody_else(counter: Counter) -> None:
    counter.want(8)
    assert counter.books.order("1", ("CABLE", 3))["status"] == "backordered"
    assert counter.books.order("2", ("CABLE", 2))["status"] == "reserved"
    assert counter.rights() == {"lent": 8, "ordered": 2}
    assert counter.books.verify().holds


def test_a_sale_burns_the_quota_and_the_pump_fills_it_up_again(counter: Counter) -> None:
    counter.want(3)
    counter.tell(counter.sale(2))
    assert counter.rights() == {"pool": 5, "lent": 3, "sold": 2}
    assert counter.commands() == [grant(3), grant(5)]
    row = counter.row()
    assert (row.granted, row.used, row.returned, row.units) == (5, 2, 0, 3)
    assert counter.books.exceptions() == []
    assert counter.books.verify().holds


def test_a_sold_unit_leaves_stock_and_its_serial_number_ends_here(books: Any, floor: Any) -> None:
    books.stock("SHA,A01,PHONE,2,SN001 SN002")
    books.write(lambda desk: set_quota(desk, "SHA", QuotaRequest(sku="PHONE", target=1)))
    books.write(balance_quotas)
    sha = floor("SHA")
    sha.tell(LocalSale(sale_id="S1", rows=(StockRow("A01", "PHONE", 1, ("SN002",)),)))
    row = books.read(lambda desk: desk.serials.get("SN002"))
    assert (row.state, row.place) == ("shipped", "customer")
    assert books.rights("PHONE", "SHA") == {"pool": 1, "sold": 1}
    assert books.read(lambda desk: desk.stock.page({}, ("", ""), 5)) == [("SHA", "PHONE", 1, 2, 0)]
    assert books.exceptions() == []


def test_rights_come_back_only_when_the_warehouse_says_so(counter: Counter) -> None:
    counter.want(6)
    counter.want(2)
    assert counter.commands()[-1] == recall(2)
    assert counter.rights() == {"pool": 4, "lent": 6}, "asking credits nothing"
    counter.pump()
    assert len(counter.commands()) == 2, "one request at a time"
    counter.tell(counter.back(4), CommandAccepted(command_id=counter.recall_id()))
    assert counter.rights() == {"pool": 8, "lent": 2}
    assert len(counter.commands()) == 2
    assert counter.books.verify().holds


def test_a_refused_recall_is_not_put_again_at_once(counter: Counter) -> None:
    counter.want(6)
    counter.want(0)
    refusal = CommandRefused(command_id=counter.recall_id(), code="quota_frozen", sentence="Count.")
    counter.tell(refusal)
    assert len(counter.commands()) == 2
    assert counter.rights() == {"pool": 4, "lent": 6}
    assert counter.row().recall_id == ""


def test_a_recall_that_brought_nothing_is_not_put_again_at_once(counter: Counter) -> None:
    """The floor sold them in lines that are gone for good, so it has nothing to give back."""
    counter.want(6)
    counter.want(0)
    counter.tell(CommandAccepted(command_id=counter.recall_id()))
    assert (len(counter.commands()), counter.row().recall_id) == (2, "")
    counter.want(1)
    assert counter.commands()[-1] == recall(1), "another wish is told at once"


def test_rights_that_no_unit_covers_are_asked_back(counter: Counter) -> None:
    counter.tell(UnitsLost(row=StockRow("A02", "CABLE", 9), reason="damaged"))
    counter.books.write(lambda desk: desk.quotas.learn("SHA", EDGE, [("CABLE", 4)]))
    assert (counter.rights(), counter.owed()) == ({"lent": 1, "burnt": 9}, 3)
    counter.pump()
    assert counter.commands()[-1] == recall(0)
    counter.tell(counter.back(4), CommandAccepted(command_id=counter.recall_id()))
    assert (counter.rights(), counter.owed()) == ({"pool": 1, "burnt": 9}, 0)
    assert counter.books.verify().holds


def test_what_no_floor_has_gives_way_to_rights_a_restored_hub_had_forgotten(
    counter: Counter,
) -> None:
    order = counter.books.order("1", ("CABLE", 9))
    counter.books.write(lambda desk: desk.quotas.learn("SHA", EDGE, [("CABLE", 4)]))
    counter.books.write(lambda desk: cover_debts(desk, "SHA"))
    assert (counter.rights(), counter.owed()) == ({"pool": 6, "lent": 4}, 0)
    assert counter.books.order_row(order["order_id"]).status == "backordered"
    assert counter.books.verify().holds


def test_returned_rights_go_to_the_order_that_waits(counter: Counter) -> None:
    counter.want(10)
    order = counter.books.order("1", ("CABLE", 4))
    assert order["status"] == "backordered"
    counter.want(5)
    counter.tell(counter.back(5), CommandAccepted(command_id=counter.recall_id()))
    while counter.books.write(retry_backorders):
        pass
    assert counter.rights() == {"pool": 1, "ordered": 4, "lent": 5}
    assert counter.books.verify().holds


def test_no_quota_is_granted_while_an_order_waits_for_the_goods(counter: Counter) -> None:
    counter.books.order("1", ("CABLE", 11))
    counter.want(3)
    assert counter.commands() == []
    assert counter.rights() == {"pool": 10}


def test_a_loss_beyond_the_pool_is_owed_and_paid_by_the_next_return(counter: Counter) -> None:
    counter.want(9)
    gone = ShortPicked(parcel_id="unknown", line_no=1, sku="CABLE", quantity=4, bin="A02")
    counter.tell(gone)
    assert counter.rights() == {"lent": 9, "burnt": 1}
    assert counter.owed() == 3
    assert counter.commands()[-1] == recall(6), "the missing rights are asked back"
    assert counter.books.verify().holds
    counter.tell(counter.back(3), CommandAccepted(command_id=counter.recall_id()))
    assert counter.rights() == {"lent": 6, "burnt": 4}
    assert counter.owed() == 0
    assert counter.books.verify().holds


def test_broken_units_burn_the_pool_first_and_the_rest_is_asked_back(counter: Counter) -> None:
    counter.want(7)
    counter.tell(UnitsLost(row=StockRow("A02", "CABLE", 5), reason="damaged"))
    assert (counter.rights(), counter.owed()) == ({"lent": 7, "burnt": 3}, 2)
    assert counter.commands()[-1] == recall(5)
    assert counter.books.exceptions() == ["rights_missing"]
    assert counter.books.verify().holds


def test_what_is_owed_is_paid_by_an_arrival_before_anybody_gets_it(counter: Counter) -> None:
    counter.books.order("1", ("CABLE", 10))
    counter.tell(ShortPicked(parcel_id="none", line_no=1, sku="CABLE", quantity=2, bin="A02"))
    assert (counter.owed(), counter.rights()) == (2, {"ordered": 10})
    counter.tell(GoodsReceived(receipt_id="ASN", row=StockRow("A02", "CABLE", 3)))
    assert (counter.owed(), counter.rights()) == (0, {"pool": 1, "ordered": 10, "burnt": 2})
    assert counter.books.verify().holds


def test_a_sale_beyond_the_quota_is_counted_and_told(counter: Counter) -> None:
    counter.want(2)
    counter.books.order("1", ("CABLE", 7))
    counter.tell(counter.sale(5))
    assert counter.rights() == {"ordered": 7, "sold": 3}
    assert counter.owed() == 2
    assert counter.books.exceptions() == ["sold_beyond_quota"]
    assert counter.books.verify().holds


def test_a_written_off_edge_keeps_its_rights_and_its_late_sales_count(counter: Counter) -> None:
    counter.want(4)
    counter.books.write(lambda desk: write_off(desk, "SHA"))
    counter.pump()
    assert counter.rights() == {"pool": 6, "lent": 4}, "there is no time after which they return"
    counter.tell(counter.sale(3))
    assert counter.rights() == {"pool": 6, "lent": 1, "sold": 3}
    assert counter.books.exceptions() == ["late_sale", "quota_written_off"]
    assert counter.books.verify().holds


def test_totals_a_restored_hub_forgot_are_learnt_once_and_leave_the_pool(counter: Counter) -> None:
    counter.want(3)
    learn = counter.books.write
    assert learn(lambda desk: desk.quotas.learn("SHA", EDGE, [("CABLE", 5)])) == 2
    assert learn(lambda desk: desk.quotas.learn("SHA", EDGE, [("CABLE", 5)])) == 0
    assert learn(lambda desk: desk.quotas.learn("SHA", EDGE, [("CABLE", 1)])) == 0
    assert counter.rights() == {"pool": 5, "lent": 5}
    assert counter.row().granted == 5
    assert counter.books.verify().holds


def test_learnt_totals_beyond_the_pool_wait_for_the_forgotten_arrival(counter: Counter) -> None:
    counter.books.order("1", ("CABLE", 9))
    counter.books.write(lambda desk: desk.quotas.learn("SHA", EDGE, [("CABLE", 4)]))
    assert (counter.rights(), counter.owed()) == ({"ordered": 9, "lent": 1}, 3)
    counter.floor.tell(GoodsReceived(receipt_id="ASN", row=StockRow("A02", "CABLE", 5)))
    assert (counter.rights(), counter.owed()) == ({"pool": 2, "ordered": 9, "lent": 4}, 0)
    counter.floor.tell(counter.sale(4))
    assert counter.rights() == {"pool": 2, "ordered": 9, "sold": 4}
    assert counter.books.exceptions() == []
    assert counter.books.verify().holds


def test_a_shop_is_a_holder_in_the_same_double_entry(counter: Counter) -> None:
    shop = shop_holder("taobao", "main")
    books = counter.books
    assert books.write(lambda desk: desk.quotas.lend("SHA", shop, "CABLE", 6, "t")) == 6
    assert books.write(lambda desk: desk.quotas.lend("SHA", shop, "CABLE", 6, "t")) is None
    counter.want(2)
    assert counter.rights() == {"pool": 2, "lent": 8}
    assert books.write(lambda desk: desk.quotas.take_back("SHA", shop, "CABLE", 1, "t")) == 0
    assert not books.write(lambda desk: desk.quotas.promise("SHA", shop, "CABLE", 6, "t"))
    assert books.write(lambda desk: desk.quotas.promise("SHA", shop, "CABLE", 5, "t"))
    assert counter.rights() == {"pool": 3, "lent": 2, "ordered": 5}
    books.write(lambda desk: desk.rights.move("CABLE", "SHA", 5, "ordered", "pool", "cancelled"))
    assert counter.rights() == {"pool": 8, "lent": 2}
    assert books.verify().holds


def test_verify_sees_a_holder_whose_account_was_changed_by_other_means(counter: Counter) -> None:
    counter.want(4)
    counter.books.hub.database.write_sync(
        lambda tx: tx.sql.execute("UPDATE quotas SET units = units + 1")
    )
    broken = [check.promise for check in counter.books.verify().checks if not check.holds]
    assert broken == [
        "rights are conserved and none is promised twice",
        "rights equal their journal",
    ]


def test_a_quota_for_goods_or_a_place_nobody_knows_is_refused(books: Any) -> None:
    for warehouse, sku, code in (("XXX", "CABLE", "warehouse"), ("SHA", "NOPE", "sku")):
        with pytest.raises(NotFound) as refused:
            books.write(
                lambda desk, w=warehouse, s=sku: set_quota(desk, w, QuotaRequest(sku=s, target=1))
            )
        assert refused.value.code == f"{code}_unknown"


def greet(books: Any, **totals: int) -> Any:
    """Let Shanghai's edge greet with the totals it knows; return what the hub says."""
    message = Hello(
        1, 1, "SHA", 9, None, 1, (LogMark(9, 0, ZERO_HASH),), Epoch(), (), 0,
        tuple(QuotaTotal(sku, total) for sku, total in totals.items()), "s", "1", 1, bytes(16),
    )  # fmt: skip
    request = on.Admit(b"peer", "key-SHA", bytes(8), message)
    entropy = SystemEntropy()

    def work(tx: Any) -> Any:
        nodes.ensure_epoch(tx.sql, entropy)
        if nodes.owner_of(tx.sql, "key-SHA") is None:
            nodes.add_key(tx.sql, "SHA", "key-SHA", 1)
        return apply.admit(tx, request, 1, entropy)

    return books.hub.database.write_sync(work)


def test_a_greeting_tells_the_hub_what_it_lent_before_it_was_restored(books: Any) -> None:
    books.stock("SHA,A02,CABLE,10,")
    books.write(lambda desk: set_quota(desk, "SHA", QuotaRequest(sku="CABLE", target=2)))
    books.write(balance_quotas)
    assert isinstance(greet(books, CABLE=6), on.Admitted)
    assert books.rights("CABLE", "SHA") == {"pool": 4, "lent": 6}
    assert books.order("1", ("CABLE", 5))["status"] == "backordered"
    assert books.verify().holds


def test_a_hub_that_awaits_a_warehouse_grants_it_nothing_and_asks_nothing_back(books: Any) -> None:
    books.stock("SHA,A02,CABLE,10,")
    greet(books)
    books.write(lambda desk: set_quota(desk, "SHA", QuotaRequest(sku="CABLE", target=2)))
    books.hub.database.write_sync(lambda tx: begin_new_life(tx.sql, SystemEntropy(), 1))
    assert books.write(balance_quotas) == 0
    assert books.rights("CABLE", "SHA") == {"pool": 10}
    books.hub.database.write_sync(lambda tx: recovering.forget(tx.sql, "SHA"))
    assert books.write(balance_quotas) == 1
    assert books.rights("CABLE", "SHA") == {"pool": 8, "lent": 2}


def test_a_warehouse_a_restored_hub_never_heard_keeps_all_it_may_have_been_lent(books: Any) -> None:
    books.stock("SHA,A02,CABLE,10,")
    greet(books)
    books.write(lambda desk: set_quota(desk, "SHA", QuotaRequest(sku="CABLE", target=4)))
    books.hub.database.write_sync(lambda tx: begin_new_life(tx.sql, SystemEntropy(), 1))
    books.write(lambda desk: write_off(desk, "SHA"))
    assert books.rights("CABLE", "SHA") == {"pool": 6, "lent": 4}, "it may hold that much"
    assert books.write(balance_quotas) == 1, "it is asked back, should it return"
    assert books.order("1", ("CABLE", 7))["status"] == "backordered"
    greet(books, CABLE=2)
    assert books.rights("CABLE", "SHA") == {"pool": 6, "lent": 4}, "a smaller total changes nothing"
    assert books.verify().holds
