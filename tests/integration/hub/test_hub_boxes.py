"""Orders of one buyer to one door that leave in one box. Method: the hub's books on both databases,
a clock that the test moves, and a floor that knows the box under the first order's name only."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hub.domain.channel_order import Address, Buyer
from hub.domain.policy import Policy, SourcingRules
from hub.services.decide_order import cancel
from hub.services.order_views import view_order
from hub.services.shops import ShopRequest, add_shop
from shared.domain.commands import AssignParcel, CancelParcel, LoadStock
from shared.domain.facts import (
    AssignedLine,
    AssignedParcel,
    BoxPart,
    CancelConfirmed,
    CommandAccepted,
    CommandRefused,
    LabelPrinted,
    ParcelPacked,
    ParcelShipped,
    PickingStarted,
    ShippedLine,
    ShortPicked,
    StockLoaded,
    StockRow,
    UnitPicked,
)
from tests.integration.hub.hand_clock import HandClock

MINUTE_MS = 60_000


@pytest.fixture
def clock(books: Any) -> HandClock:
    """Merging on: parcels wait half an hour for company."""
    books.hub.clock = clock = HandClock()
    books.hub.policy = Policy(sourcing=SourcingRules(merge_window_minutes=30))
    return clock


@pytest.fixture
def sha(books: Any, floor: Any, clock: HandClock) -> Any:
    """Shanghai with two phones and ten cables, its import confirmed."""
    books.stock("SHA,A01,PHONE,2,SN001 SN002", "SHA,A02,CABLE,10,")
    found = floor("SHA")
    for command in books.commands("SHA"):
        if isinstance(command, LoadStock):
            found.tell(StockLoaded(load_id=command.load_id, rows=command.rows))
    return found


def assigned(books: Any) -> list[AssignParcel]:
    return [one for one in books.commands("SHA") if isinstance(one, AssignParcel)]


def two_in_a_box(books: Any, clock: HandClock) -> tuple[str, str, AssignParcel]:
    """Take in a phone with a cable, then a cable; release them; return both orders and the box."""
    first = books.order("A1", ("PHONE", 1), ("CABLE", 1))["order_id"]
    clock.now_ms += 20 * MINUTE_MS
    second = books.order("A2", ("CABLE", 2), shop="other")["order_id"]
    assert books.release() == 0
    clock.now_ms += 10 * MINUTE_MS
    assert books.release() == 2
    (box,) = assigned(books)
    return first, second, box


def states(books: Any, *order_ids: str) -> list[str]:
    return [books.order_row(order_id).status for order_id in order_ids]


def pick(box: AssignParcel, line_no: int, *serials: str) -> UnitPicked:
    line = box.lines[line_no - 1]
    row = StockRow("A01", line.sku, line.quantity, serials)
    return UnitPicked(parcel_id=box.parcel_id, line_no=line_no, row=row, tote="T1")


def gone(box: AssignParcel) -> tuple[ShippedLine, ...]:
    return tuple(
        ShippedLine(
            line.line_no, line.sku, line.quantity, ("SN001",) if line.sku == "PHONE" else ()
        )
        for line in box.lines
    )


def test_two_orders_to_one_door_leave_under_one_waybill_and_both_shops_are_told_it(
    books: Any, sha: Any, clock: HandClock
) -> None:
    for shop in ("main", "other"):
        request = ShopRequest(channel="taobao", shop=shop, url="http://127.0.0.1:1")
        books.write(lambda desk, request=request: add_shop(desk, request))
    first, second, box = two_in_a_box(books, clock)
    assert [(line.line_no, line.sku, line.quantity) for line in box.lines] == [
        (1, "PHONE", 1),
        (2, "CABLE", 1),
        (3, "CABLE", 2),
    ]
    assert [(part.order_no, part.line_nos) for part in box.parts] == [("A1", (1, 2)), ("A2", (1,))]
    sha.tell(
        PickingStarted(parcel_ids=(box.parcel_id,), wave="W1"),
        pick(box, 1, "SN001"),
        pick(box, 2),
    )
    assert states(books, first, second) == ["picking", "picking"]
    sha.tell(
        pick(box, 3),
        ParcelPacked(parcel_id=box.parcel_id, weight_grams=470, lines=gone(box)),
        LabelPrinted(parcel_id=box.parcel_id, waybill=box.waybill, copy_no=1),
        ParcelShipped(parcel_id=box.parcel_id, waybill=box.waybill, manifest="M", lines=gone(box)),
    )
    assert states(books, first, second) == ["shipped", "shipped"]
    shown = [
        books.read(lambda desk, name=name: view_order(desk, desk.orders.get(name)))
        for name in (first, second)
    ]
    assert [
        (parcel.waybill, parcel.joined_to, "one box" in parcel.explanation["box"])
        for view in shown
        for parcel in view.parcels
    ] == [(box.waybill, box.parcel_id, True)] * 2
    told = [books.read(lambda desk, shop=shop: owed(desk, shop)) for shop in ("main", "other")]
    assert told == [[("A1", box.waybill, 2)], [("A2", box.waybill, 1)]]
    sha.digest({"PHONE": 1, "CABLE": 7}, serials=1)
    assert books.read(lambda desk: desk.parcels.totals())["labels_printed"] == 1
    assert (books.exceptions(), books.verify().holds) == ([], True)


def owed(desk: Any, shop: str) -> list[tuple[str, str, int]]:
    from hub.services.channel_tasks import due_debts

    row = desk.channels.shop("taobao", shop)
    return [
        (debt.order_no, debt.shipment.waybill, len(debt.shipment.lines))
        for debt in due_debts(desk, row, 10)
        if debt.shipment is not None
    ]


STRANGER = Buyer(name="李四", phone="13900000000")
FAR_TOO_LATE = "2026-11-22T13:00:00+08:00"


@pytest.mark.parametrize(
    ("other", "at_once", "boxes"),
    [
        ({"address": Address(city="上海", street="弄堂2号")}, 0, 2),
        ({"buyer": STRANGER}, 0, 2),
        ({"flags": ("vip",)}, 1, 1),  # it goes at once and takes along what waits
        ({"ship_by": FAR_TOO_LATE}, 0, 1),  # late in any case, so company makes it no later
    ],
)
def test_an_order_with_a_door_or_a_haste_of_its_own_leaves_alone(
    books: Any, sha: Any, clock: HandClock, other: dict[str, Any], at_once: int, boxes: int
) -> None:
    books.order("A1", ("CABLE", 1), address=Address(city="上海", street="人民路1号"))
    books.order("A2", ("CABLE", 2), **{"address": Address(city="上海", street="人民路1号")} | other)
    assert bool(books.release()) == bool(at_once)
    clock.now_ms += 30 * MINUTE_MS
    books.release()
    assert len(assigned(books)) == boxes


def test_a_cancel_or_an_amendment_before_release_leaves_the_other_as_it_is(
    books: Any, sha: Any, clock: HandClock
) -> None:
    first = books.order("A1", ("CABLE", 1))["order_id"]
    second = books.order("A2", ("CABLE", 2))["order_id"]
    third = books.order("A3", ("CABLE", 3))["order_id"]
    books.write(lambda desk: cancel(desk, first, "changed my mind"))
    assert books.order("A3", ("CABLE", 4), version=2)["order_id"] == third
    clock.now_ms += 30 * MINUTE_MS
    books.release()
    (box,) = assigned(books)
    assert sorted(part.order_no for part in box.parts) == ["A2", "A3"]
    assert states(books, first, second, third) == ["cancelled", "released", "released"]
    assert books.rights("CABLE", "SHA") == {"pool": 4, "ordered": 6}
    assert books.verify().holds


def test_a_cancel_after_release_calls_the_box_back_and_the_other_order_goes_alone(
    books: Any, sha: Any, clock: HandClock
) -> None:
    first, second, box = two_in_a_box(books, clock)
    for reason in ("refund", "refund again"):
        books.write(lambda desk, reason=reason: cancel(desk, first, reason))
    assert states(books, first, second) == ["cancel_pending", "cancel_pending"]
    asked = [one for one in books.commands("SHA") if isinstance(one, CancelParcel)]
    assert [one.parcel_id for one in asked] == [box.parcel_id]
    sha.tell(CancelConfirmed(command_id="c", parcel_id=box.parcel_id))
    assert states(books, first, second) == ["cancelled", "reserved"]
    clock.now_ms += 20 * MINUTE_MS
    books.release()
    again = assigned(books)[1:]
    assert [(one.order_no, one.parts, len(one.lines)) for one in again] == [("A2", (), 1)]
    assert books.rights("PHONE", "SHA") == {"pool": 2}
    assert books.rights("CABLE", "SHA") == {"pool": 8, "ordered": 2}
    assert (books.exceptions(), books.verify().holds) == ([], True)


def test_a_box_in_which_one_order_came_up_short_leaves_with_the_other(
    books: Any, sha: Any, clock: HandClock
) -> None:
    books.stock("CAN,B1,CABLE,9,", import_id="south")
    first, second, box = two_in_a_box(books, clock)
    sha.tell(
        PickingStarted(parcel_ids=(box.parcel_id,), wave="W1"),
        pick(box, 1, "SN001"),
        pick(box, 2),
        ShortPicked(parcel_id=box.parcel_id, line_no=3, sku="CABLE", quantity=2, bin="A02"),
        ParcelPacked(parcel_id=box.parcel_id, weight_grams=470, lines=gone(box)[:2]),
        ParcelShipped(
            parcel_id=box.parcel_id, waybill=box.waybill, manifest="M", lines=gone(box)[:2]
        ),
    )
    assert states(books, first, second) == ["shipped", "reserved"]
    assert [one.warehouse for one in books.parcels(second)] == ["SHA", "CAN"]
    assert books.rights("CABLE", "SHA") == {"pool": 7, "shipped": 1, "burnt": 2}
    assert (books.exceptions(), books.verify().holds) == ([], True)


def test_a_box_that_its_floor_refuses_waits_for_a_person_order_by_order(
    books: Any, sha: Any, clock: HandClock
) -> None:
    first, second, box = two_in_a_box(books, clock)
    command_id = f"assign-{box.parcel_id}"
    sha.tell(CommandRefused(command_id=command_id, code="sku_unknown", sentence="Unknown SKU."))
    assert states(books, first, second) == ["held", "held"]
    assert books.rights("CABLE", "SHA") == {"pool": 10}
    assert books.verify().holds


def test_a_hub_that_forgot_a_box_learns_it_order_by_order_from_its_floor(
    books: Any, sha: Any, clock: HandClock
) -> None:
    parts = two_parts()
    told = AssignedParcel(
        parcel_id="P1", order_id="O1", channel="taobao", shop="main", order_no="A1", courier="SF",
        waybill="SF100000000512", sort_code="021A-B1-001", cut_off_ms=1, order_version=1,
        lines=(AssignedLine(1, "CABLE", 1), AssignedLine(2, "CABLE", 3)), parts=parts,
    )  # fmt: skip
    sha.tell(
        CommandAccepted(command_id="assign-P1", parcel=told),
        CommandAccepted(command_id="assign-P1", parcel=told),
    )
    assert [one.joined_to for name in ("O1", "O2") for one in books.parcels(name)] == ["P1", "P1"]
    assert books.rights("CABLE", "SHA") == {"pool": 6, "ordered": 4}
    lines = (ShippedLine(1, "CABLE", 1), ShippedLine(2, "CABLE", 3))
    sha.tell(
        ParcelPacked(parcel_id="P1", weight_grams=300, lines=lines),
        ParcelShipped(parcel_id="P1", waybill=told.waybill, manifest="M", lines=lines),
    )
    assert states(books, "O1", "O2") == ["shipped", "shipped"]
    assert books.rights("CABLE", "SHA") == {"pool": 6, "shipped": 4}
    assert (books.exceptions(), books.verify().holds) == ([], True)


def two_parts() -> tuple[BoxPart, ...]:
    first = {"parcel_id": "P1", "order_id": "O1", "order_no": "A1", "line_nos": (7,)}
    second = {"parcel_id": "P2", "order_id": "O2", "order_no": "A2", "line_nos": (1,)}
    both = {"channel": "taobao", "shop": "main", "order_version": 1}
    return msgspec.convert([first | both, second | both], tuple[BoxPart, ...])


def test_a_waiting_box_draws_the_next_order_to_its_warehouse(
    books: Any, sha: Any, clock: HandClock
) -> None:
    books.stock("CAN,B1,CABLE,9,", "CAN,B2,SCALE,1,", import_id="south")
    scale = books.order("A1", ("SCALE", 1))
    assert scale["lines"][0]["warehouse"] == "CAN"
    cable = books.order("A2", ("CABLE", 1))
    assert cable["lines"][0]["warehouse"] == "CAN"
    assert cable["explanation"]["chosen"]["parcels"] == 0
    stranger = books.order("A3", ("CABLE", 1), buyer=STRANGER)
    assert stranger["lines"][0]["warehouse"] == "SHA"
