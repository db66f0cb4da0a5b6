"""What head office asks: each command once, whole or not at all, answered by one fact."""

from typing import Any

import msgspec
import pytest

from shared.domain.catalogue import Recipient
from shared.domain.commands import AssignParcel, CancelParcel, CommandRecord, LoadStock, ParcelLine
from shared.domain.errors import InvalidInput, Refused
from shared.domain.facts import (
    CancelConfirmed,
    CancelTooLate,
    CommandAccepted,
    StockLoaded,
    StockRow,
)


def test_loaded_stock_is_on_the_shelf_and_told_once(house: Any) -> None:
    rows = (StockRow("B01-01-1", "PHONE", 2, ("SN1", "SN2")), StockRow("B02-01-1", "CABLE", 9))
    house.command(LoadStock(load_id="L1", rows=rows))
    second = house.command(LoadStock(load_id="L1", rows=rows))
    assert house.facts() == [
        StockLoaded(load_id="L1", rows=rows),
        CommandAccepted(command_id=second),
    ]
    assert house.sql("SELECT SUM(quantity) FROM balances WHERE account <> 'supplier'") == [(11,)]
    assert house.wrong() == []


def test_a_large_load_is_told_in_several_facts_that_fit(house: Any) -> None:
    serials = tuple(f"SERIAL-{n:06d}-{'X' * 40}" for n in range(1_500))
    house.command(
        LoadStock(load_id="L1", rows=(StockRow("B01-01-1", "PHONE", len(serials), serials),))
    )
    told = house.facts("stock_loaded")
    assert len(told) > 1
    assert [sn for fact in told for row in fact.rows for sn in row.serials] == list(serials)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (StockRow("B01-01-1", "NOPE", 1), "sku_unknown"),
        (StockRow("B01-01-1", "PHONE", 2, ("SN8",)), "serial_count"),
        (StockRow("B01-01-1", "PHONE", 2, ("SN8", "SN8")), "serial_count"),
        (StockRow("B01-01-1", "PHONE", 1, ("SN1",)), "serial_known"),
    ],
)
def test_a_bad_load_changes_nothing(house: Any, row: StockRow, code: str) -> None:
    house.load(StockRow("B01-01-1", "PHONE", 1, ("SN1",)))
    with pytest.raises(Refused) as refused:
        house.command(LoadStock(load_id="L2", rows=(StockRow("B02-01-1", "CABLE", 3), row)))
    assert refused.value.code == code
    assert house.sql("SELECT COUNT(*) FROM balances WHERE sku = 'CABLE'") == [(0,)]


def test_a_parcel_assigned_twice_is_accepted_twice_and_stored_once(house: Any) -> None:
    first = house.parcel("P1", ("CABLE", 2))
    second = house.parcel("P1", ("CABLE", 5))
    told = [(fact.command_id, fact.parcel.parcel_id) for fact in house.facts()]
    assert told == [(first, "P1"), (second, "P1")]
    assert house.sql("SELECT sku, quantity FROM parcel_lines") == [("CABLE", 2)]


def test_a_waybill_stands_on_one_parcel_only(house: Any) -> None:
    house.parcel("P1", ("CABLE", 1))
    row = house.sql("SELECT recipient FROM parcels")[0][0]
    assert "张小三" in row
    with pytest.raises(Refused) as refused:
        house.command(
            AssignParcel(
                parcel_id="P2",
                order_id="O2",
                channel="jd",
                shop="s",
                order_no="J2",
                courier="SF",
                cut_off_ms=1,
                waybill="SF-P1",
                sort_code="",
                recipient=msgspec.json.decode(row, type=Recipient),
                lines=(ParcelLine(1, "CABLE", 1),),
            )
        )
    assert refused.value.code == "waybill_taken"
    assert "张" not in refused.value.message


def test_an_unreadable_command_is_refused_with_a_sentence(house: Any) -> None:
    record = CommandRecord(1, "c1", "load_stock", 1, b'{"kind": "load_stock", "rows": 7}')
    with pytest.raises(InvalidInput) as invalid:
        house.database.write_sync(lambda tx: house._handle(tx, record))
    assert invalid.value.code == "command_unreadable"


def test_a_cancel_before_picking_frees_the_units_at_once(house: Any) -> None:
    house.load(StockRow("B01-01-1", "CABLE", 2))
    house.parcel("P1", ("CABLE", 2))
    house.plan()
    asked = house.cancel("P1")
    assert house.facts("cancel_confirmed") == [CancelConfirmed(command_id=asked, parcel_id="P1")]
    assert house.state("P1") == "cancelled"
    assert house.sql("SELECT COUNT(*) FROM pick_lines") == [(0,)]
    assert house.sql("SELECT state FROM pick_lists") == [("done",)]
    house.parcel("P2", ("CABLE", 2))
    assert [wave.parcels for wave in house.plan()] == [1]


def test_a_parcel_is_given_back_for_a_better_plan_only_while_nobody_planned_it(house: Any) -> None:
    house.load(StockRow("B01-01-1", "CABLE", 4))
    house.parcel("P1", ("CABLE", 2))
    asked = house.command(CancelParcel(parcel_id="P1", reason="plan", untouched_only=True))
    assert house.facts("cancel_confirmed") == [CancelConfirmed(command_id=asked, parcel_id="P1")]
    house.parcel("P2", ("CABLE", 2))
    house.plan()
    with pytest.raises(Refused) as refused:
        house.command(CancelParcel(parcel_id="P2", reason="plan", untouched_only=True))
    assert (refused.value.code, house.state("P2")) == ("picking_begun", "planned")


def test_a_cancel_while_units_are_in_the_tote_waits_for_the_bench(house: Any) -> None:
    house.load(StockRow("B01-01-1", "PHONE", 2, ("SN1", "SN2")), StockRow("B02-01-1", "CABLE", 1))
    house.parcel("P1", ("PHONE", 1), ("CABLE", 1))
    house.plan()
    house.start_picking()
    house.codes("B01-01-1", "SN1")
    asked = house.cancel("P1")
    again = house.cancel("P1")
    assert house.state("P1") == "picked"
    assert house.sql("SELECT cancel_command_id FROM parcels") == [(asked,)]
    assert house.waiting() == ["refund_requested"]
    assert house.facts("cancel_confirmed", "cancel_too_late") == []
    assert house.facts("command_accepted")[-1] == CommandAccepted(command_id=again)
    assert house.codes("B02-01-1") == ["nothing_to_pick"]
    assert house.wrong() == []


def test_a_cancel_after_shipping_comes_too_late(house: Any) -> None:
    house.parcel("P1", ("CABLE", 1))
    house.write(lambda floor: floor.sql.execute("UPDATE parcels SET state = 'shipped'"))
    asked = house.cancel("P1")
    assert house.facts("cancel_too_late") == [CancelTooLate(command_id=asked, parcel_id="P1")]


def test_a_cancel_of_an_unknown_parcel_is_refused(house: Any) -> None:
    with pytest.raises(Refused) as refused:
        house.cancel("P9")
    assert refused.value.code == "parcel_unknown"
