"""Waybill numbers at head office: loaded, lent, told of, given back; or issued by a courier online.

Method: real chained logs on both databases and `verify` after every story; the courier is the
simulated one over real HTTP, misbehaving as told.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
import uvicorn

from hub.couriers.rounds import CourierRounds
from hub.couriers.simulated import CourierFault, SimulatedCourier, Wrong, create_courier
from hub.domain.courier_choice import DEFAULT_COURIERS, Courier
from hub.domain.policy import CourierTable
from hub.domain.waybill_numbers import NumberRow
from hub.services.recover import write_off
from hub.services.release_parcels import release_ready
from hub.services.waybill_numbers import (
    LevelRequest,
    NumbersReport,
    NumbersRequest,
    load_numbers,
    set_level,
    supply_numbers,
    view_numbers,
)
from hub.services.waybill_requests import ask_again
from hub.shops.pace import Pace
from hub.shops.vault import Vault
from shared.domain.commands import AssignParcel, LeaseNumbers, RecallNumbers, SetWaybill
from shared.domain.facts import (
    CancelConfirmed,
    CommandAccepted,
    CommandRefused,
    LabelPrinted,
    LeasedNumbers,
    NumbersReturned,
    NumbersVoided,
    WaybillFreed,
    WaybillTaken,
)
from shared.runtime.serve import PromptServer

WAIT_SECONDS = 30.0


def courier(numbers: str, url: str = "") -> Courier:
    return msgspec.structs.replace(
        DEFAULT_COURIERS[1], courier="ZTO", prefix="ZT", numbers=numbers, url=url
    )


LEASED = courier("leased")


class Pool:
    """The numbers of one courier, seen from head office, with Shanghai's floor."""

    def __init__(self, books: Any, floor: Any, lender: Courier = LEASED) -> None:
        self.books = books
        self.lender = lender
        books.stock("SHA,A02,CABLE,10,")
        books.hub.database.write_sync(
            lambda tx: tx.sql.execute("UPDATE nodes SET enrolled_ms = 1 WHERE node = 'SHA'")
        )
        self.floor = floor("SHA")

    def load(self, first: str, last: str = "") -> NumbersReport:
        request = NumbersRequest(rows=(NumberRow(first=first, last=last),), file="zto.csv")
        return asyncio.run(load_numbers(self.books.hub, self.lender, request, actor="test"))

    def level(self, level: int | None) -> None:
        wish = LevelRequest(warehouse="SHA", level=level)
        self.books.write(lambda desk: set_level(desk, self.lender, wish))

    def pump(self) -> None:
        while self.books.write(lambda desk: supply_numbers(desk, (self.lender,))):
            pass

    def release(self, order_no: str) -> str:
        """Release an order's parcel; return its id."""
        order = self.books.order(order_no, ("CABLE", 1))
        table = CourierTable(couriers=(self.lender,), utc_offset_minutes=480)
        self.books.write(lambda desk: release_ready(desk, table))
        return str(self.books.parcels(order["order_id"])[0].parcel_id)

    def waybill(self, parcel_id: str) -> str | None:
        found: str | None = self.books.read(lambda desk: desk.parcels.get(parcel_id).waybill)
        return found

    def states(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for (_, state, _), count in self.books.read(lambda desk: desk.numbers.counts()).items():
            found[state] = found.get(state, 0) + count
        return found

    def commands(self, *kinds: type) -> list[Any]:
        return [one for one in self.books.commands("SHA") if isinstance(one, kinds)]


@pytest.fixture
def pool(books: Any, floor: Any) -> Pool:
    return Pool(books, floor)


def taken(parcel_id: str, waybill: str, replaces: str = "") -> WaybillTaken:
    return WaybillTaken(parcel_id=parcel_id, courier="ZTO", waybill=waybill, replaces=replaces)


def test_a_range_is_loaded_once_and_lent_by_a_command_that_says_how_many_came_before(
    pool: Pool,
) -> None:
    report = pool.load("ZT0001", "ZT0004")
    assert (report.accepted, report.already_in, report.rejected) == (4, 0, 0)
    again = pool.load("ZT0003", "ZT0005")
    assert (again.accepted, again.already_in) == (1, 2)
    assert [one.reason for one in again.warnings] == ["2 of 3 numbers were known before"]
    bad = pool.load("ZT0009", "ZT0007")
    assert [(one.file, one.line, one.column) for one in bad.errors] == [("zto.csv", 1, "last")]
    pool.level(2)
    pool.pump()
    parcel_id = pool.release("1")
    assert pool.commands(AssignParcel)[0].waybill == ""
    pool.floor.tell(taken(parcel_id, "ZT0001"))
    pool.pump()
    assert pool.commands(LeaseNumbers) == [
        LeaseNumbers(courier="ZTO", after=0, numbers=("ZT0001", "ZT0002"), low_water=0),
        LeaseNumbers(courier="ZTO", after=2, numbers=("ZT0003",), low_water=0),
    ]
    assert pool.waybill(parcel_id) == "ZT0001"
    assert pool.states() == {"free": 2, "leased": 2, "used": 1}
    assert pool.books.verify().holds


def test_a_number_lives_through_label_void_cancel_and_return(pool: Pool) -> None:
    pool.load("ZT0001", "ZT0004")
    pool.level(4)
    pool.pump()
    first, second = pool.release("1"), pool.release("2")
    pool.floor.tell(
        taken(first, "ZT0001"),
        taken(first, "ZT0002", replaces="ZT0001"),
        LabelPrinted(parcel_id=first, waybill="ZT0001", copy_no=1),
        LabelPrinted(parcel_id=first, waybill="ZT0002", copy_no=2, reason="void"),
        taken(second, "ZT0003"),
        CancelConfirmed(command_id="c", parcel_id=second),
        WaybillFreed(parcel_id=second, waybill="ZT0003"),
        NumbersReturned(courier="ZTO", numbers=("ZT0003",)),
        NumbersVoided(courier="ZTO", numbers=("ZT0004",)),
    )
    assert (pool.waybill(first), pool.waybill(second)) == ("ZT0002", None)
    assert pool.states() == {"burnt": 2, "free": 1, "used": 1}
    assert "waybill_differs" not in pool.books.exceptions()
    assert pool.books.verify().holds


def test_less_is_only_asked_for_and_few_are_told(pool: Pool) -> None:
    pool.load("ZT0001", "ZT0004")
    pool.level(4)
    pool.pump()
    assert pool.books.exceptions() == ["numbers_low"]
    pool.level(1)
    pool.pump()
    assert pool.commands(RecallNumbers) == [RecallNumbers(courier="ZTO", keep=1)]
    assert pool.states() == {"leased": 4}, "nothing comes back by itself"
    pool.load("ZT0005", "ZT0009")
    pool.pump()
    assert pool.books.exceptions() == []
    view = pool.books.read(lambda desk: view_numbers(desk, (LEASED,)))[0]
    assert (view.free, view.leased, view.low) == (5, 4, False)
    assert [(one.warehouse, one.free, one.level) for one in view.warehouses] == [("SHA", 4, 1)]


def test_a_hub_that_forgot_a_lease_learns_it_and_two_claims_are_told(pool: Pool) -> None:
    first, second = pool.release("1"), pool.release("2")
    leased = LeasedNumbers(courier="ZTO", after=6, numbers=("ZT0007", "ZT0008"))
    pool.floor.tell(
        CommandAccepted(command_id="numbers_lease-x", leased=leased),
        taken(first, "ZT0007"),
        taken(second, "ZT0007"),
    )
    assert (pool.waybill(first), pool.waybill(second)) == ("ZT0007", None)
    assert pool.books.exceptions() == ["waybill_twice"]
    assert pool.load("ZT0008").already_in == 1
    assert pool.books.verify().holds
    pool.books.write(lambda desk: write_off(desk, "SHA"))
    assert pool.states() == {"burnt": 1, "used": 1}


# Issued online


class Town:
    """A simulated courier in a thread, and the rounds that ask it."""

    def __init__(self, tmp_path: Any) -> None:
        self.courier = SimulatedCourier()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        config = uvicorn.Config(
            create_courier(self.courier), log_level="error", timeout_graceful_shutdown=1
        )
        self._server = PromptServer(config, asyncio.Event())
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._server.serve(sockets=[self._listener]))
        )
        self._thread.start()
        self.vault = Vault(tmp_path / "keys", {"courier/ZTO": {"token": "t"}})

    def ask_until(self, pool: Pool, done: Callable[[], bool]) -> None:
        """Make rounds until `done`, or fail after a deadline."""

        async def rounds() -> None:
            stopping = asyncio.Event()
            pace = Pace(round_ms=20, retry_ms=10, timeout_ms=300)
            running = CourierRounds(pool.books.hub, self.vault, pace, (pool.lender,))
            task = asyncio.create_task(running.run(stopping))
            deadline = time.monotonic() + WAIT_SECONDS
            while not await asyncio.to_thread(done):
                assert time.monotonic() < deadline, "waited in vain for the courier"
                await asyncio.sleep(0.02)  # the pause between two looks, not a wait for luck
            stopping.set()
            await task

        asyncio.run(rounds())

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)


@pytest.fixture
def town(tmp_path: Any) -> Iterator[Town]:
    made = Town(tmp_path)
    yield made
    made.close()


@pytest.fixture
def online(books: Any, floor: Any, town: Town) -> Pool:
    return Pool(books, floor, courier("online", town.url))


FAULTS: tuple[Wrong, ...] = ("500", "429", "garbage", "silent_after")


def test_a_parcel_is_asked_for_until_its_courier_answers_and_the_number_goes_down(
    online: Pool, town: Town
) -> None:
    town.courier.faults = [CourierFault(wrong=wrong) for wrong in FAULTS]
    parcel_id = online.release("1")
    town.ask_until(online, lambda: online.waybill(parcel_id) is not None)
    waybill = town.courier.issued[parcel_id]
    assert online.waybill(parcel_id) == waybill
    assert town.courier.asked == [parcel_id] * (len(FAULTS) + 1), "asked once more per failure"
    assert online.commands(SetWaybill) == [
        SetWaybill(
            parcel_id=parcel_id, courier="ZTO", waybill=waybill, sort_code="021-A1-007"
        )
    ]  # fmt: skip
    online.floor.tell(CommandAccepted(command_id=f"waybill-{parcel_id}"), taken(parcel_id, waybill))
    assert online.states() == {"used": 1}
    assert online.books.exceptions() == []
    assert online.books.verify().holds


def test_a_number_given_to_two_parcels_is_refused_told_and_asked_for_again_by_a_person(
    online: Pool, town: Town
) -> None:
    first = online.release("1")
    town.ask_until(online, lambda: online.waybill(first) is not None)
    town.courier.faults = [CourierFault(wrong="same_number")]
    second = online.release("2")
    town.ask_until(online, lambda: online.books.exceptions() == ["waybill_twice"])
    assert online.waybill(second) is None
    assert online.books.write(lambda desk: ask_again(desk, "ZTO")) == 1
    town.ask_until(online, lambda: online.waybill(second) is not None)
    assert online.waybill(second) != online.waybill(first)
    assert online.books.verify().holds


def test_a_clear_no_is_given_up_for_a_person_and_the_floor_may_have_taken_another(
    online: Pool, town: Town
) -> None:
    town.courier.faults = [CourierFault(wrong="401")]
    parcel_id = online.release("1")
    town.ask_until(online, lambda: online.books.exceptions() == ["waybill_not_issued"])
    assert town.courier.asked == [parcel_id]
    online.books.write(lambda desk: ask_again(desk, "ZTO"))
    town.ask_until(online, lambda: online.waybill(parcel_id) is not None)
    issued = str(online.waybill(parcel_id))
    # Cut off meanwhile, the floor had changed the courier and labelled the box by itself.
    online.floor.tell(
        WaybillTaken(parcel_id=parcel_id, courier="SF", waybill="SF0001"),
        CommandRefused(
            command_id=f"waybill-{parcel_id}", code="waybill_not_wanted", sentence="It has one."
        ),
    )
    assert online.waybill(parcel_id) == "SF0001"
    assert online.books.read(lambda desk: desk.numbers.get((issued,)))[issued].state == "burnt"
    assert online.books.exceptions() == ["waybill_refused"]
    assert online.books.verify().holds
