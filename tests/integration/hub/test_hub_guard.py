"""The guard against overselling, below every check that comes before it, on both databases.

Method: part of the stock is allocated before; 200 buyers come through 16 clients, some with two
lines, while others cancel and holds run out. On PostgreSQL the clients belong to two hubs on the
same books, and once to 16 connections that do not even take the hubs' own lock.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from hub.domain.rows import OrderRow
from hub.reservation_queue import ReservationQueue
from hub.services.backorders import retry_backorders
from hub.services.decide_order import cancel
from hub.services.presale import PresaleRequest, set_presale
from hub.services.promise import need_order
from hub.services.reservations import (
    ReservationLine,
    ReservationRequest,
    expire_reservations,
    reserve,
)
from hub.store.postgres.database import PostgresDatabase
from hub.store.postgres.hub_store import PostgresHub
from hub.store.postgres.sql import as_books, connect
from hub.store.protocol import Desk
from hub.store.sqlite.rights import SqliteRights
from shared.domain.errors import Refused
from shared.runtime.clock import SystemClock, SystemEntropy
from tests.integration.hub.channels.showcase import Showcase

UNITS = 50
BUYERS = 200
CLIENTS = 16
BEFORE = 30
SEED = 20261122


def lines_of(number: int) -> tuple[tuple[str, int], ...]:
    """Every third buyer wants a scale with the cable."""
    return (("CABLE", 1), ("SCALE", 1)) if number % 3 == 0 else (("CABLE", 1),)


def take(rights: Any, number: int) -> bool:
    """Debit all lines of a buyer by the guarded statement alone; nothing was read before."""
    return all(
        rights.reserve(sku, "SHA", units, "ordered", f"buyer-{number}")
        for sku, units in sorted(lines_of(number))
    )


@pytest.fixture
def crowded(books: Any) -> Any:
    """Books with 80 cables of which 30 are allocated, and scales for everybody."""
    books.stock(f"SHA,A01,CABLE,{UNITS + BEFORE},", f"SHA,A02,SCALE,{BUYERS},")
    for number in range(BEFORE):
        assert books.order(f"before-{number}", ("CABLE", 1))["status"] == "reserved"
    return books


def test_the_statement_alone_sells_fifty_of_fifty(crowded: Any, second_hub: Any) -> None:
    hubs = [crowded.hub, second_hub(crowded)]

    def buy(number: int) -> str:
        def work(desk: Desk) -> str:
            def all_lines() -> None:
                if not take(desk.rights, number):
                    raise Refused("not_enough", "No unit is left.")

            try:
                desk.attempt(all_lines)
            except Refused:
                return "no"
            return "yes"

        told: str = hubs[number % 2].write_sync(work, actor="test")
        return told

    with ThreadPoolExecutor(CLIENTS) as clients:
        told = Counter(clients.map(buy, range(BUYERS)))
    assert told == {"yes": UNITS, "no": BUYERS - UNITS}
    assert crowded.rights("CABLE", "SHA") == {"ordered": UNITS + BEFORE}


@pytest.mark.parametrize("store", ["postgres"], indirect=True)  # a file has one writer only
def test_the_guard_holds_where_no_other_lock_is_taken(crowded: Any) -> None:
    address = crowded.hub.database.url

    def buy(number: int) -> str:
        sql = connect(address, name="stranger")
        try:
            sql.script("BEGIN")
            good = take(SqliteRights(as_books(sql), 0), number)
            sql.script("COMMIT" if good else "ROLLBACK")
        finally:
            sql.connection.close()
        return "yes" if good else "no"

    with ThreadPoolExecutor(CLIENTS) as clients:
        told = Counter(clients.map(buy, range(BUYERS)))
    assert told == {"yes": UNITS, "no": BUYERS - UNITS}


def test_cancels_and_expiries_in_the_crowd_leave_exactly_fifty_sold(
    crowded: Any, second_hub: Any
) -> None:
    hubs = [crowded.hub, second_hub(crowded)]
    dice = random.Random(SEED)
    plans = [dice.choice(("keep", "keep", "keep", "cancel", "hold")) for _ in range(BUYERS)]

    def come(number: int) -> tuple[str, str]:
        return plans[number], PLANS[plans[number]](crowded, hubs[number % 2], number)

    with ThreadPoolExecutor(CLIENTS) as clients:
        told = Counter(clients.map(come, range(BUYERS)))
    assert set(told) <= {
        ("keep", "reserved"), ("keep", "backordered"), ("cancel", "cancelled"),
        ("hold", "held"), ("hold", "not_enough"),
    }  # fmt: skip
    assert sum(told.values()) == BUYERS
    let_all_holds_run_out(crowded)
    while crowded.write(retry_backorders):
        continue
    wanted = told["keep", "reserved"] + told["keep", "backordered"]
    assert wanted > UNITS
    assert crowded.rights("CABLE", "SHA") == {"ordered": UNITS + BEFORE}
    proof = crowded.verify()
    assert (proof.holds, proof.oversold_units) == (True, 0), proof


def test_checkouts_decided_in_groups_get_fifty_of_fifty_and_each_its_own_answer(
    crowded: Any,
) -> None:
    def request(number: int, sku: str = "CABLE") -> ReservationRequest:
        lines = (ReservationLine(sku=sku, quantity=1),)
        return ReservationRequest(reservation_id=f"cart-{number}", lines=lines)

    async def run() -> list[Any]:
        queue = ReservationQueue(crowded.hub)
        asked = [request(number) for number in range(BUYERS)]
        # The first cart again, the same id for something else, and goods nobody knows.
        asked += [request(0), request(0, "SCALE"), request(BUYERS, "NOTHING")]
        return await asyncio.gather(*map(queue.reserve, asked), return_exceptions=True)

    *told, again, other, unknown = asyncio.run(run())
    assert Counter(getattr(one, "code", "held") for one in told) == {
        "held": UNITS, "not_enough": BUYERS - UNITS,
    }  # fmt: skip
    assert (again, other.code, unknown.code) == (told[0], "reservation_id_reused", "sku_unknown")
    assert crowded.rights("CABLE", "SHA") == {"held": UNITS, "ordered": BEFORE}
    assert crowded.verify().holds is True


def test_strict_shops_presale_cancels_and_expiries_in_the_crowd_leave_exactly_fifty_sold(
    crowded: Any, second_hub: Any
) -> None:
    """Two strict shops were lent 20 units between them, the pool has 30; ten are sold in presale.

    Those who come to a strict shop buy while its page shows any, as its buyers do.
    """
    books, hubs = crowded, [crowded.hub, second_hub(crowded)]
    pages = {name: open_page(books, name, 10) for name in ("east", "west")}
    presale = PresaleRequest(sku="CABLE", ship_date="2026-12-24", units=10)
    books.write(lambda desk: set_presale(desk, presale))
    dice = random.Random(SEED)
    plans = [dice.choice(("keep", "cancel", "hold", *pages, "presale")) for _ in range(BUYERS)]

    def come(number: int) -> tuple[str, str]:
        plan, hub = plans[number], hubs[number % 2]
        if plan in PLANS:
            return plan, PLANS[plan](books, hub, number)
        if plan in pages and not pages[plan].acquire(blocking=False):
            return plan, "sold out"
        given = {"shop": plan, "channel": "generic"} if plan in pages else {"flags": (plan,)}
        made = type(books)(hub).order(f"{number}", ("CABLE", 1), **given)
        return plan, str(made["lines"][0]["expected_ship_date"] or made["status"])

    with ThreadPoolExecutor(CLIENTS) as clients:
        told = Counter(clients.map(come, range(BUYERS)))
    assert set(told) <= {
        ("keep", "reserved"), ("keep", "backordered"), ("cancel", "cancelled"),
        ("hold", "held"), ("hold", "not_enough"), ("presale", "reserved"),
        ("presale", "2026-12-24"), ("presale", "backordered"),
        *((name, one) for name in pages for one in ("reserved", "sold out")),
    }  # fmt: skip
    assert all(told[name, "reserved"] == 10 for name in pages), "within its quota each is promised"
    assert told["presale", "2026-12-24"] == 10
    let_all_holds_run_out(books)
    while books.write(retry_backorders):
        continue
    assert books.rights("CABLE", "SHA") == {"ordered": UNITS + BEFORE}
    books.stock("SHA,A03,CABLE,12,", import_id="truck")
    assert books.rights("CABLE", "SHA").get("lent", 0) == presale_waits(books)
    while books.write(retry_backorders):
        continue
    assert presale_waits(books) == 0
    assert books.rights("CABLE", "SHA") == {"ordered": UNITS + BEFORE + 12}
    proof = books.verify()
    assert (proof.holds, proof.oversold_units) == (True, 0), proof


def open_page(books: Any, name: str, units: int) -> threading.Semaphore:
    """A strict shop that shows a quota of `units`, and has confirmed it."""
    shop = Showcase(books, name)
    shop.fix(units)
    shop.visit()
    assert (shop.shown, shop.quota) == (units, units)
    return threading.Semaphore(shop.shown)


def presale_waits(books: Any) -> int:
    return int(books.read(lambda desk: desk.presales.waiting("CABLE")))


def keep(books: Any, hub: Any, number: int) -> str:
    status: str = type(books)(hub).order(f"{number}", *lines_of(number))["status"]
    return status


def give_up(books: Any, hub: Any, number: int) -> str:
    order_id = type(books)(hub).order(f"{number}", *lines_of(number))["order_id"]

    def work(desk: Desk) -> OrderRow:
        cancel(desk, order_id, "changed my mind")
        return need_order(desk, order_id)

    status: str = hub.write_sync(work, actor="test").status
    return status


def hold(_: Any, hub: Any, number: int) -> str:
    lines = tuple(ReservationLine(sku=sku, quantity=units) for sku, units in lines_of(number))
    request = ReservationRequest(reservation_id=f"cart-{number}", lines=lines, ttl_seconds=1)
    try:
        hub.write_sync(lambda desk: reserve(desk, request), actor="test")
    except Refused as error:
        return error.code
    return "held"


PLANS: dict[str, Callable[[Any, Any, int], str]] = {"keep": keep, "cancel": give_up, "hold": hold}


def let_all_holds_run_out(books: Any) -> None:
    """Run the expiry as it will run when the clock is a day further."""

    def work(desk: Desk) -> int:
        desk.now_ms += 86_400_000
        return expire_reservations(desk)

    while books.write(work):
        continue


@pytest.fixture
def second_hub(tmp_path: Path) -> Any:
    """Return a maker of another hub on the same books; a file has one, and gets it again."""
    opened: list[PostgresHub] = []

    def make(books: Any) -> Any:
        url = getattr(books.hub.database, "url", "")
        if not url:
            return books.hub
        opened.append(PostgresHub(PostgresDatabase(url), SystemClock(), SystemEntropy()))
        return opened[-1]

    yield make
    for hub in opened:
        hub.close()
