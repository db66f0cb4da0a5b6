"""The counter at a warehouse that is cut off: it sells what it was lent, and nothing else."""

from typing import Any

import pytest

from edge.services.local_sale import SaleAnswer, SaleLine, SaleRequest, sell_local
from edge.services.loss import LossRequest, report_loss
from edge.services.quota import return_quota
from edge.store import copies, quotas
from edge.sync import apply
from shared.domain.commands import GrantQuota, QuotaLine, RecallQuota
from shared.domain.errors import BincardError, Conflict, Forbidden, InvalidInput, Refused
from shared.domain.facts import CommandAccepted, LocalSale, QuotaReturned, StockRow
from shared.sync.protocol import QuotaTotal

LEAD = "BDG-0001"


@pytest.fixture
def shop(house: Any) -> Any:
    """Six cables in two bins, two phones, three lamps; rights to four cables, a phone, a lamp."""
    house.load(
        StockRow("B01-01-1", "CABLE", 4),
        StockRow("B01-02-1", "CABLE", 2),
        StockRow("B02-01-1", "PHONE", 2, ("SN1", "SN2")),
        StockRow("B03-01-1", "LAMP", 3),
    )
    grant(house, CABLE=4, PHONE=1, LAMP=1)
    return house


def grant(house: Any, **totals: int) -> None:
    house.command(GrantQuota(totals=tuple(QuotaLine(*one) for one in totals.items())))


def sell(house: Any, *lines: SaleLine, op_id: str = "", badge: str = LEAD) -> SaleAnswer:
    request = SaleRequest(op_id=op_id or house.op(), badge=badge, lines=lines)
    answer, _ = house.database.write_sync(
        lambda tx: sell_local(house.floor(tx, request.op_id, badge), request)
    )
    return answer  # type: ignore[no-any-return]


def refused(house: Any, *lines: SaleLine, badge: str = LEAD) -> str:
    with pytest.raises(BincardError) as error:
        sell(house, *lines, badge=badge)
    assert error.value.message.endswith(".")
    return error.value.code


def cables(units: int, bin_code: str | None = None) -> SaleLine:
    return SaleLine(sku="CABLE", quantity=units, bin=bin_code)


def rights(house: Any, sku: str = "CABLE") -> tuple[int, int, int]:
    row = house.database.read_sync(lambda sql: quotas.get(sql, sku))
    return row.granted, row.used, row.returned


def test_a_sale_moves_units_spends_rights_and_tells_head_office(shop: Any) -> None:
    answer = sell(shop, cables(3), op_id="S1")
    assert answer.rights_left == {"CABLE": 1}
    assert [(one.bin, one.quantity) for one in answer.sold] == [("B01-01-1", 3)]
    assert shop.facts("local_sale") == [
        LocalSale(sale_id="S1", rows=(StockRow("B01-01-1", "CABLE", 3),))
    ]
    assert rights(shop) == (4, 3, 0)
    assert shop.sql("SELECT quantity FROM balances WHERE account = 'customer'") == [(3,)]
    assert shop.wrong() == []


def test_the_same_sale_sent_again_sells_nothing_again(shop: Any) -> None:
    first = sell(shop, cables(2), op_id="S1")
    assert sell(shop, cables(2), op_id="S1") == first
    assert rights(shop) == (4, 2, 0)
    with pytest.raises(Conflict):
        sell(shop, cables(1), op_id="S1")
    assert len(shop.facts("local_sale")) == 1


def test_beyond_the_quota_nothing_is_sold_and_the_sentence_says_how_many(shop: Any) -> None:
    sell(shop, cables(3))
    with pytest.raises(Refused, match="may sell 1 by itself") as error:
        sell(shop, cables(2))
    assert error.value.code == "quota_exceeded"
    assert rights(shop) == (4, 3, 0)


def test_one_bad_line_undoes_the_whole_sale(shop: Any) -> None:
    assert refused(shop, cables(1), SaleLine(sku="LAMP", quantity=2, serials=("L1", "L2")))
    assert rights(shop) == (4, 0, 0)
    assert shop.facts("local_sale") == []


def test_units_that_orders_wait_for_are_not_sold(shop: Any) -> None:
    shop.parcel("P1", ("CABLE", 4))
    assert refused(shop, cables(3)) == "units_promised"
    shop.plan()
    assert refused(shop, cables(3)) == "units_promised"
    assert sell(shop, cables(2)).rights_left == {"CABLE": 2}
    shop.start_picking()
    assert shop.wrong() == []


def test_units_in_a_bin_that_is_about_to_be_picked_stay_there(shop: Any) -> None:
    shop.parcel("P1", ("CABLE", 2))
    shop.plan()
    ((bin_code,),) = shop.sql("SELECT bin FROM pick_lines")
    left = {"B01-01-1": 4, "B01-02-1": 2}[bin_code] - 2
    assert refused(shop, cables(left + 1, bin_code)) == "units_promised"


def test_serial_numbers_are_read_where_the_policy_asks(shop: Any) -> None:
    assert refused(shop, SaleLine(sku="PHONE", quantity=1)) == "serial_count"
    assert refused(shop, SaleLine(sku="CABLE", quantity=1, serials=("SN9",))) == "serial_count"
    phone = SaleLine(sku="PHONE", quantity=1, serials=("SN2",))
    assert refused(shop, SaleLine(sku="PHONE", quantity=1, serials=("SN7",)))
    sell(shop, phone, SaleLine(sku="LAMP", quantity=1, serials=("LMP1",)))
    assert shop.sql("SELECT serial, state, account FROM serials ORDER BY serial") == [
        ("LMP1", "shipped", "customer"),
        ("SN1", "in_stock", "bin:B02-01-1"),
        ("SN2", "shipped", "customer"),
    ]
    grant(shop, PHONE=2)
    assert refused(shop, phone) == "serial_not_for_sale"
    assert shop.wrong() == []


def test_only_a_lead_sells(shop: Any) -> None:
    assert refused(shop, cables(1), badge="BDG-0002") == "lead_badge_needed"
    assert refused(shop, cables(1), badge="BDG-9999") == "badge_unknown"


def test_totals_that_come_twice_or_late_change_nothing(shop: Any) -> None:
    for total in (6, 6, 4, 2):
        grant(shop, CABLE=total)
    assert rights(shop) == (6, 0, 0)
    state = shop.database.write_sync(lambda tx: apply.boot(tx, 1))
    assert state.quota_totals == (
        QuotaTotal("CABLE", 6), QuotaTotal("LAMP", 1), QuotaTotal("PHONE", 1),
    )  # fmt: skip


def test_a_recall_returns_what_is_left_above_what_it_may_keep(shop: Any) -> None:
    sell(shop, cables(1))
    command = shop.command(RecallQuota(keep=(QuotaLine("CABLE", 1), QuotaLine("NOPE", 0))))
    assert shop.facts("quota_returned", "command_accepted")[-2:] == [
        QuotaReturned(return_id=command, sku="CABLE", quantity=2),
        CommandAccepted(command_id=command),
    ]
    assert rights(shop) == (4, 1, 2)
    assert refused(shop, cables(2)) == "quota_exceeded"


def test_rights_that_are_used_cannot_be_returned(shop: Any) -> None:
    sell(shop, cables(3))
    with pytest.raises(Refused):
        shop.write(lambda floor: return_quota(floor, "CABLE", 2))
    assert rights(shop) == (4, 3, 0)


def test_after_the_disk_went_back_nothing_is_sold_or_returned_before_the_count(shop: Any) -> None:
    shop.database.write_sync(lambda tx: copies.branch_log(tx.sql, shop.entropy))
    assert refused(shop, cables(1)) == "quota_frozen"
    shop.database.write_sync(lambda tx: tx.sql.execute("UPDATE recoveries SET ended = 1"))
    shop.write(lambda floor: floor.open_exception("attention", "log 7", quotas.RECOUNT, {}))
    assert refused(shop, cables(1)) == "quota_frozen"
    with pytest.raises(Refused):
        shop.command(RecallQuota(keep=(QuotaLine("CABLE", 0),)))
    shop.write(lambda floor: floor.solve_exception("log 7", quotas.RECOUNT))
    assert sell(shop, cables(1)).rights_left == {"CABLE": 3}


def test_a_sale_of_too_many_serial_numbers_is_an_input_error(shop: Any) -> None:
    with pytest.raises(InvalidInput):
        sell(shop, SaleLine(sku="PHONE", quantity=2, serials=("SN1", "SN1")))


def test_a_sale_by_nobody_known_is_forbidden(shop: Any) -> None:
    with pytest.raises(Forbidden):
        sell(shop, cables(1), badge="")


def lose(house: Any, sku: str, units: int, *serials: str, bin_code: str = "B01-01-1") -> bool:
    request = LossRequest(
        op_id=house.op(), badge=LEAD, sku=sku, bin=bin_code, quantity=units, serials=serials
    )
    return house.database.write_sync(  # type: ignore[no-any-return]
        lambda tx: report_loss(house.floor(tx, request.op_id, LEAD), request)
    )


def test_a_broken_unit_leaves_the_books_as_a_loss(shop: Any) -> None:
    assert lose(shop, "CABLE", 1)
    assert lose(shop, "PHONE", 1, "SN1", bin_code="B02-01-1")
    assert [(fact.row.sku, fact.row.serials) for fact in shop.facts("units_lost")] == [
        ("CABLE", ()),
        ("PHONE", ("SN1",)),
    ]
    assert shop.sql("SELECT state FROM serials WHERE serial = 'SN1'") == [("lost",)]
    assert shop.wrong() == []


def test_what_a_picker_is_about_to_take_is_left_to_the_picker(shop: Any) -> None:
    shop.parcel("P1", ("LAMP", 3))
    shop.plan()
    with pytest.raises(Refused) as error:
        lose(shop, "LAMP", 1, bin_code="B03-01-1")
    assert error.value.code == "units_promised"
    with pytest.raises(Refused) as error:
        lose(shop, "PHONE", 1, "SN9", bin_code="B02-01-1")
    assert error.value.code == "serial_not_here"
