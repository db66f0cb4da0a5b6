"""Receiving: what was announced is booked, everything else waits for a person."""

from typing import Any

import pytest

from edge.services.receive_bulk import BulkReceipt, NewReceipt, make_receipt, receive_bulk
from shared.domain.commands import ExpectReceipt
from shared.domain.errors import Conflict, NotFound, Refused
from shared.domain.facts import GoodsReceived, SerialDisputed, StockRow

TABLE = "receiving-1"


@pytest.fixture
def table(house: Any) -> Any:
    """A notice of two named phones and five cables, and a receiver at the table."""
    house.command(
        ExpectReceipt(
            asn="ASN-7",
            supplier="Factory",
            rows=(
                StockRow("B01-01-1", "PHONE", 2, ("SN1", "SN2")),
                StockRow("B02-01-1", "CABLE", 5),
            ),
        )
    )
    house.scan("BDG-0011", TABLE)
    return house


def test_serials_and_quantities_are_received_until_the_notice_is_done(table: Any) -> None:
    codes = table.codes(
        "asn-7", "SN1", "SN2", "6901234567908", "BC:QTY:3", "B09-01-1", "BC:QTY:2", station=TABLE
    )
    assert codes == [
        "asn_chosen",
        "received",
        "received",
        "product_chosen",
        "received",
        "bin_chosen",
        "receipt_done",
    ]
    assert table.facts("goods_received") == [
        GoodsReceived(receipt_id="ASN-7", row=StockRow("B01-01-1", "PHONE", 1, ("SN1",))),
        GoodsReceived(receipt_id="ASN-7", row=StockRow("B01-01-1", "PHONE", 1, ("SN2",))),
        GoodsReceived(receipt_id="ASN-7", row=StockRow("B02-01-1", "CABLE", 3)),
        GoodsReceived(receipt_id="ASN-7", row=StockRow("B09-01-1", "CABLE", 2)),
    ]
    assert table.sql("SELECT state FROM receipts") == [("done",)]
    assert table.wrong() == []


def test_a_second_appearance_is_a_dispute_and_never_an_overwrite(table: Any) -> None:
    table.load(StockRow("B05-01-1", "PHONE", 1, ("SN2",)))
    before = table.sql("SELECT * FROM serials")
    verdicts = [table.scan(raw, TABLE).verdict for raw in ("ASN-7", "SN2")]
    assert (verdicts[1].code, verdicts[1].signal) == ("sn_disputed", "stop")
    assert table.sql("SELECT * FROM serials") == before
    disputes = table.facts("serial_disputed")
    assert isinstance(disputes[0], SerialDisputed)
    assert "B05-01-1" in disputes[0].sentence
    assert table.waiting() == ["sn_disputed"]
    assert table.sql("SELECT event FROM serial_history WHERE serial = 'SN2'") == [
        ("receive",),
        ("dispute",),
    ]


@pytest.mark.parametrize(
    ("raws", "code", "waits"),
    [
        (("SN1", "SN1"), "sn_received_twice", []),
        (("6901234567908", "BC:QTY:6"), "over_receipt", ["over_receipt"]),
        (("6901234567915",), "not_announced", ["not_announced"]),
        (("6909999999996",), "gtin_unknown", ["not_announced"]),
        (("BC:QTY:2",), "product_first", []),
        (("6901234567908", "BC:QTY:0"), "quantity_unreadable", []),
        (("6901234567892", "BC:QTY:2"), "sn_instead", []),
    ],
)
def test_what_does_not_fit_is_not_booked(
    table: Any, raws: tuple[str, ...], code: str, waits: list[str]
) -> None:
    *before, last = raws
    table.codes("ASN-7", *before, station=TABLE)
    booked = table.sql("SELECT COUNT(*) FROM movements")
    assert table.codes(last, station=TABLE) == [code]
    assert table.sql("SELECT COUNT(*) FROM movements") == booked
    assert table.waiting() == waits


def test_an_unannounced_serial_is_taken_for_the_product_scanned_before(table: Any) -> None:
    assert table.codes("ASN-7", "6901234567892", "SN-NEW", station=TABLE)[-1] == "received"


def test_a_gs1_code_brings_its_product_along(table: Any) -> None:
    assert table.codes("ASN-7", "]d2010690123456789221SN-G", station=TABLE)[-1] == "received"
    assert table.sql("SELECT sku FROM serials WHERE serial = 'SN-G'") == [("PHONE",)]


def bulk(house: Any, op_id: str, *serials: str, sku: str = "PHONE") -> Any:
    request = BulkReceipt(op_id=op_id, sku=sku, serials=serials)
    return house.database.write_sync(
        lambda tx: receive_bulk(house.floor(tx, op_id, "BDG-0011"), "ASN-7", request)
    )


def test_a_list_books_the_good_numbers_and_names_the_bad_ones(table: Any) -> None:
    table.load(StockRow("B05-01-1", "PHONE", 1, ("SN2",)))
    outcome = bulk(table, "b1", "SN1", "SN2", "SN1", "SN3", "SN4")
    assert outcome.accepted == 2
    assert [(one.serial, one.code) for one in outcome.rejected] == [
        ("SN2", "sn_disputed"),
        ("SN1", "sn_twice_in_list"),
        ("SN4", "over_receipt"),
    ]
    assert bulk(table, "b1", "SN1", "SN2", "SN1", "SN3", "SN4") == outcome
    assert table.sql("SELECT COUNT(*) FROM serials") == [(3,)]
    assert table.wrong() == []


def test_a_list_for_goods_without_serials_or_notice_is_refused(table: Any) -> None:
    with pytest.raises(Exception, match="whose units are numbered"):
        bulk(table, "b1", "SN1", sku="CABLE")
    with pytest.raises(Refused, match="NOPE"):
        bulk(table, "b2", "SN1", sku="NOPE")
    with pytest.raises(NotFound):
        table.database.write_sync(
            lambda tx: receive_bulk(
                table.floor(tx, "b3", "x"),
                "ASN-0",
                BulkReceipt(op_id="b3", sku="PHONE", serials=("SN1",)),
            )
        )


def test_a_notice_made_on_the_spot_is_made_once(house: Any) -> None:
    request = NewReceipt(op_id="r1", supplier="S", rows=(StockRow("B1-1", "CABLE", 2),), asn="A1")

    def make(op_id: str) -> str:
        return str(
            house.database.write_sync(lambda tx: make_receipt(house.floor(tx, op_id, "x"), request))
        )

    assert (make("r1"), make("r1")) == ("A1", "A1")
    assert house.sql("SELECT COUNT(*) FROM receipt_lines") == [(1,)]
    with pytest.raises(Conflict):
        make("r2")
