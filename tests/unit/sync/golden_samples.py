"""One of everything that crosses the line, every field filled; the golden files hold its bytes.

Run this file (`python -m tests.unit.sync.golden_samples`) to write the bytes of a *new* kind into
the file of the newest protocol. Bytes that are there never change: logs keep them for ever.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shared.domain import commands as cmd
from shared.domain import facts as fact
from shared.domain.catalogue import Product, Recipient
from shared.sync import protocol as wire
from shared.sync import snap
from shared.sync.protocol import Epoch, LogMark, Mark, QuotaTotal

FOLDER = Path(__file__).parent / "golden"
SESSION = b"session1"
HASH = bytes(range(32))
ROW = fact.StockRow("A01-02-3", "PHONE", 2, ("SN1", "SN2"))
LINE = fact.ShippedLine(1, "PHONE", 1, ("SN1",))
RECORD = fact.FactRecord(
    "SHA", 5, 7, HASH, HASH, "books_digested", 1, b'{"kind":"x"}', 1_750, 99, "op-1", "BDG-1"
)
COMMAND = cmd.CommandRecord(3, "cancel-1", "cancel_parcel", 1, b'{"kind":"cancel_parcel"}')
PRODUCT = Product(
    sku="PHONE", gtin="6901234567892", name="手机", unit_weight_grams=200, length_mm=150,
    width_mm=75, height_mm=9, serial_policy="full",
)  # fmt: skip
RECIPIENT = Recipient(
    name="李雷", phone="13800000000", country="CN", province="广东", city="深圳", district="南山",
    street="科技园 1 号", postcode="518000",
)  # fmt: skip

FACTS: dict[int, list[Any]] = {
    1: [
        fact.StockLoaded(load_id="L1", rows=(ROW,)),
        fact.GoodsReceived(receipt_id="R1", row=ROW),
        fact.StockMoved(row=ROW, to_bin="B01"),
        fact.UnitPicked(parcel_id="P1", line_no=1, row=ROW, tote="C1-1"),
        fact.ShortPicked(
            parcel_id="P1", line_no=1, sku="PHONE", quantity=1, bin="A01", reason="damaged"
        ),
        fact.PickingStarted(parcel_ids=("P1", "P2"), wave="W1"),
        fact.ParcelPacked(parcel_id="P1", weight_grams=512, lines=(LINE,)),
        fact.LabelPrinted(parcel_id="P1", waybill="SF1", copy_no=2, reason="torn"),
        fact.ParcelShipped(parcel_id="P1", waybill="SF1", manifest="M1", lines=(LINE,)),
        fact.CommandAccepted(command_id="c1"),
        fact.CommandRefused(command_id="c1", code="parcel_unknown", sentence="Not here."),
        fact.CancelConfirmed(command_id="c1", parcel_id="P1"),
        fact.CancelTooLate(command_id="c1", parcel_id="P1"),
        fact.SerialDisputed(sku="PHONE", serial="SN1", sentence="Two places."),
        fact.BooksDigested(digest="ab" * 32, units=12, serials=3),
        fact.LogGap(incarnation=5, last_seq=9, expected_seq=12, conflicts=1),
    ],
    2: [
        fact.LocalSale(sale_id="S1", rows=(ROW,)),
        fact.QuotaReturned(return_id="T1", sku="PHONE", quantity=2),
        fact.UnitsLost(row=ROW, reason="damaged"),
        fact.WaybillTaken(parcel_id="P1", courier="SF", waybill="SF2", replaces="SF1"),
        fact.WaybillFreed(parcel_id="P1", waybill="SF2"),
        fact.NumbersReturned(courier="SF", numbers=("SF3", "SF4")),
        fact.NumbersVoided(courier="SF", numbers=("SF5",)),
        fact.UnitReturned(return_id="R1", row=ROW, grade="quarantine", parcel_id="P1", line_no=1),
        fact.ReturnGraded(return_id="R1", row=ROW, before="quarantine", grade="good"),
        fact.CartonNumbered(sscc="069012340000000016"),
    ],
}
COMMANDS: dict[int, list[Any]] = {
    1: [
        cmd.SetProducts(products=(PRODUCT,)),
        cmd.LoadStock(load_id="L1", rows=(ROW,)),
        cmd.ExpectReceipt(asn="ASN1", supplier="Maker", rows=(ROW,)),
        cmd.AssignParcel(
            parcel_id="P1", order_id="O1", channel="taobao", shop="s1", order_no="T1",
            courier="SF", cut_off_ms=1_750, waybill="SF1", sort_code="755", recipient=RECIPIENT,
            lines=(cmd.ParcelLine(1, "PHONE", 1),), buyer_remark="快点",
        ),
        cmd.CancelParcel(parcel_id="P1", reason="buyer"),
    ],
    2: [
        cmd.GrantQuota(totals=(cmd.QuotaLine("PHONE", 5),)),
        cmd.RecallQuota(keep=(cmd.QuotaLine("PHONE", 0),)),
        cmd.LeaseNumbers(courier="SF", after=2, numbers=("SF3", "SF4"), low_water=1),
        cmd.RecallNumbers(courier="SF", keep=1),
        cmd.SetWaybill(parcel_id="P1", courier="SF", waybill="SF2", sort_code="755"),
    ],
}  # fmt: skip
FRAMES: dict[int, list[Any]] = {
    1: [
        wire.Hello(
            1, 1, "SHA", 5, LogMark(4, 2, HASH), 3, (LogMark(5, 7, HASH),), Epoch(1, b"hub-one."),
            (LogMark(5, 6, HASH),), 9, (QuotaTotal("PHONE", 5),), "edge-1", "0.1", 1_750, bytes(16),
        ),
        wire.Welcome(
            bytes(16), SESSION, 1, Epoch(1, b"hub-one."), (LogMark(5, 7, HASH),),
            (LogMark(5, 2, HASH),), 4, 2_097_152, 9, 1_750, Mark(1, HASH),
        ),
        wire.Reject(bytes(16), "fork", "Stop one.", 500),
        wire.Facts(5, 7, HASH, (RECORD,)),
        wire.Ack(5, Mark(7, HASH), 2, 4, 2_097_152),
        wire.Nack(5, Mark(7, HASH), "gap"),
        wire.Cmds(Epoch(1, b"hub-one."), 3, (COMMAND,)),
        wire.Cack(3),
        wire.Ping(1, 2, 3, 4, 5, 6),
        wire.Pong(1, 2, 3, 4, 5, Mark(1, HASH)),
        wire.Bye("stopping", "Good night."),
        wire.Recall(5, 2),
        wire.Recalled(5, (RECORD,)),
    ],
    2: [
        wire.Urgent(Epoch(1, b"hub-one."), (COMMAND,)),
        wire.Skip(5, Mark(7, HASH)),
        snap.SnapReq(HASH, 32_768),
        snap.SnapChunk(HASH, 40_000, 1_750, 32_768, b"bytes"),
        snap.SnapOffer(HASH, 40_000, 1_750),
        snap.SnapHave(HASH, 32_768),
        snap.SnapPut(HASH, 32_768, b"bytes"),
    ],
}  # fmt: skip


def encoded(protocol: int) -> dict[str, dict[str, str]]:
    """Return the bytes of all samples of one protocol, as the golden file has them."""
    return {
        "frames": {type(one).__name__: wire.encode(SESSION, one).hex() for one in FRAMES[protocol]},
        "facts": {fact.kind_of(one): fact.encode_fact(one).decode() for one in FACTS[protocol]},
        "commands": {
            cmd.command_kind_of(one): cmd.encode_command(one).decode() for one in COMMANDS[protocol]
        },
    }


def path(protocol: int) -> Path:
    """Return the golden file of one protocol."""
    return FOLDER / f"protocol_{protocol}.json"


if __name__ == "__main__":
    for number in FRAMES:
        known = json.loads(path(number).read_text()) if path(number).exists() else {}
        for group, entries in encoded(number).items():
            kept = known.setdefault(group, {})
            kept.update({name: data for name, data in entries.items() if name not in kept})
        path(number).write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
