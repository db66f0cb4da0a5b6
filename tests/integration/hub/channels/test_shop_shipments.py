"""Word of parcels and cancellations reaches the shop once, however the telling fails.

Method: the real hub application in this process, so that a floor can tell it facts through its log,
and simulated shops on real HTTP.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn

from hub.app import create_app
from hub.domain.channel_rows import Reject
from hub.node import HubNode
from hub.services.channel_intake import retry_rejects
from hub.settings import Settings
from hub.shops.pace import Pace
from hub.shops.simulated.server import Face
from hub.store.sqlite.channels import look_back
from shared.domain.facts import CancelConfirmed, ParcelShipped, PickingStarted, ShippedLine
from shared.runtime.serve import PromptServer
from tests.integration.hub.channels.town import SECRET, ServedHub, Shop, until

PACE = Pace(round_ms=60, pull_ms=200, retry_ms=20, late_ms=500, timeout_ms=400)
WAREHOUSES = "warehouse,name,latitude,longitude\nSHA,上海仓,31.23,121.47\n"


class AppHub(ServedHub):
    """The hub application in a thread of this process."""

    def __init__(self, state: Path, postgres_url: str) -> None:
        super().__init__(None)
        self._settings = Settings(
            http_port=0, sync_port=0, state_dir=state, database=state / "hub.db",
            postgres_url=postgres_url, shop_pace=PACE,
        )  # fmt: skip
        self._http: httpx.Client | None = None

    @property
    def client(self) -> httpx.Client:
        assert self._http is not None
        return self._http

    def start(self) -> None:
        self.node = HubNode(self._settings)
        listener = socket.create_server(("127.0.0.1", 0))
        self.node.http_port = listener.getsockname()[1]
        config = uvicorn.Config(
            create_app(self.node), log_level="error", timeout_graceful_shutdown=1
        )
        self._server = PromptServer(config, self.node.stopping)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._server.serve(sockets=[listener]))
        )
        self._thread.start()
        until("the hub is up", lambda: self._server.started)
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.node.http_port}",
            headers={"authorization": f"Bearer {self.node.local_token}"},
            timeout=30,
            trust_env=False,
        )

    def stop(self) -> None:
        self.client.close()
        self._server.should_exit = True
        self._thread.join(20)

    def keep_keys(self, channel: str, shop: str, keys: dict[str, str]) -> None:
        self.node.vault.keep(channel, shop, json.dumps(keys).encode())


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, store: Callable[[], str]) -> Iterator[AppHub]:
    hub = AppHub(tmp_path_factory.mktemp("app") / "state", store())
    hub.start()
    hub.import_csv("warehouses", WAREHOUSES)
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def one_floor(hub: AppHub, make_floor: Callable[[Any, str], Any]) -> Any:
    return make_floor(hub.node.books, "SHA")


@pytest.fixture
def sha(hub: AppHub, one_floor: Any) -> Any:
    """The floor of SHA, which goes on after the hub was started again."""
    one_floor.books.hub = hub.node.books
    return one_floor


@pytest.fixture
def make_shop(hub: AppHub) -> Iterator[Callable[..., Shop]]:
    made: list[Shop] = []

    def make(face: Face = "generic", units: int = 10) -> Shop:
        shop = Shop(hub, face, units)
        made.append(shop)
        shop.stage.shop.shown[shop.sku] = units
        shop.join(publish_percent=0)
        return shop

    yield make
    for shop in made:
        shop.stop()


@pytest.fixture
def shop(make_shop: Callable[..., Shop]) -> Shop:
    return make_shop()


def parcel_of(hub: AppHub, shop: Shop, order_no: str) -> Any:
    order = shop.order(order_no)
    assert order is not None
    parcels = hub.node.books.read_sync(lambda desk: desk.parcels.of_order(order["order_id"]))
    return parcels[0]


def release(hub: AppHub, shop: Shop, order_no: str) -> Any:
    """Give the order to the floor and return its parcel, with a waybill."""
    hub.node.books.database.write_sync(
        lambda tx: tx.sql.execute("UPDATE nodes SET enrolled_ms = 1")
    )
    hub.node.books.publish("release")
    return until(
        "the parcel is released",
        lambda: (found := parcel_of(hub, shop, order_no)).waybill and found,
    )


def ship(hub: AppHub, sha: Any, shop: Shop, order_no: str, units: int) -> Any:
    """Sell, release and hand over; return the parcel."""
    shop.sell(order_no, units)
    parcel = release(hub, shop, order_no)
    line = ShippedLine(line_no=1, sku=shop.sku, quantity=units)
    sha.tell(
        ParcelShipped(
            parcel_id=parcel.parcel_id, waybill=parcel.waybill, manifest="M1", lines=(line,)
        )
    )
    return parcel_of(hub, shop, order_no)


def told(shop: Shop) -> list[tuple[str, str, int]]:
    """Return (order, waybill, how often created) of each parcel the shop knows."""
    parcels = shop.books["parcels"].values()
    return [(one["order_no"], one["waybill"], one["told"]) for one in parcels]


def task_state(hub: AppHub, parcel: Any) -> str:
    task = hub.node.books.read_sync(
        lambda desk: desk.channels.task(f"confirm_shipment:{parcel.parcel_id}")
    )
    return "" if task is None else task.state


def test_a_parcel_that_left_is_told_with_its_tracking_number(
    hub: AppHub, sha: Any, shop: Shop
) -> None:
    parcel = ship(hub, sha, shop, "A-1", 2)
    assert task_state(hub, parcel) in {"waiting", "done"}
    until("the shop knows", lambda: told(shop) == [("A-1", parcel.waybill, 1)])
    until("the debt is settled", lambda: task_state(hub, parcel) == "done")


FACES = [
    ("generic", "PUT /shipments"),
    ("shopify", "POST BincardFulfil"),
    ("woocommerce", "PUT /wp-json"),
]


@pytest.mark.parametrize(("face", "call"), FACES)
@pytest.mark.parametrize("wrong", ["silent_after", "silent_before", "500", "429"])
def test_f59_a_shop_that_was_told_in_silence_is_told_once_celerp_304(
    hub: AppHub, sha: Any, make_shop: Callable[..., Shop], face: str, call: str, wrong: str
) -> None:
    shop = make_shop(face)
    shop.fault(call, wrong)
    parcel = ship(hub, sha, shop, "#1001", 2)
    until("the debt is settled", lambda: task_state(hub, parcel) == "done")
    assert told(shop) == [("#1001", parcel.waybill, 1)]
    assert shop.books["faults_left"] == 0


def test_a_clear_no_goes_to_a_person_who_can_have_it_tried_again(
    hub: AppHub, sha: Any, shop: Shop
) -> None:
    shop.fault("PUT /shipments", "409")
    parcel = ship(hub, sha, shop, "B-1", 1)
    until("a person is told", lambda: shop.exceptions("channel_dead_letter"))
    assert task_state(hub, parcel) == "dead"
    assert shop.state()["tasks_dead"] == 1
    assert hub.client.post(f"{shop.path}/retry").json() == {"retried": 1}
    until("the shop knows", lambda: task_state(hub, parcel) == "done")
    assert not shop.exceptions("channel_dead_letter")


def test_missing_permission_is_tried_on_because_somebody_may_grant_it(
    hub: AppHub, sha: Any, shop: Shop
) -> None:
    shop.fault("PUT /shipments", "401", times=3)
    parcel = ship(hub, sha, shop, "B-2", 1)
    until("the shop knows", lambda: task_state(hub, parcel) == "done")


def test_a_hub_that_stops_before_it_tells_tells_after_it_starts(
    hub: AppHub, sha: Any, shop: Shop
) -> None:
    shop.fault("GET /shipments", "500", times=1_000)
    parcel = ship(hub, sha, shop, "B-3", 1)
    until("it tries in vain", lambda: shop.books["faults_left"] < 1_000)
    shop.stage.faults = type(shop.stage.faults)()
    hub.stop()
    assert told(shop) in ([], [("B-3", parcel.waybill, 1)])
    hub.start()
    until("the shop knows", lambda: task_state(hub, parcel) == "done")
    assert told(shop) == [("B-3", parcel.waybill, 1)]


def test_a_cancellation_waits_for_the_floor_before_the_shop_gets_its_yes(
    hub: AppHub, sha: Any, shop: Shop
) -> None:
    shop.sell("C-1", 1)
    parcel = release(hub, shop, "C-1")
    sha.tell(PickingStarted(wave="W1", parcel_ids=(parcel.parcel_id,)))
    shop.change("C-1", state="cancelled")
    assert (shop.order("C-1") or {})["status"] == "cancel_pending"
    assert shop.books["orders"]["C-1"]["cancel_answer"] is None
    command_id = f"cancel-{parcel.parcel_id}"
    sha.tell(CancelConfirmed(command_id=command_id, parcel_id=parcel.parcel_id))
    until("the yes arrives", lambda: shop.books["orders"]["C-1"]["cancel_answer"] is True)


def test_a_cancellation_after_the_parcel_left_gets_a_no_and_a_person_hears(
    hub: AppHub, sha: Any, shop: Shop
) -> None:
    ship(hub, sha, shop, "C-2", 1)
    shop.change("C-2", state="cancelled")
    until("the no arrives", lambda: shop.books["orders"]["C-2"]["cancel_answer"] is False)
    assert shop.exceptions("channel_cancel_too_late")


def test_after_a_restore_shops_are_pulled_from_a_day_before_the_backup(
    hub: AppHub, shop: Shop
) -> None:
    now_ms = hub.node.clock.wall_ms()
    order = shop.stage.shop.sell("D-1", [(shop.sku, 1)], now_ms)
    order.changed_ms = order.placed_ms = now_ms - 20 * 3_600_000
    passed = hub.node.books.read_sync(lambda desk: desk.channels.shop("generic", shop.name))
    assert passed is not None
    until("the ordinary pull has gone by", lambda: _pulled_since(hub, shop, now_ms))
    assert shop.order("D-1") is None
    hub.node.books.database.write_sync(lambda tx: look_back(tx.sql))
    until("the old order is found", lambda: shop.order("D-1"))


def _pulled_since(hub: AppHub, shop: Shop, moment_ms: int) -> bool:
    row = hub.node.books.read_sync(lambda desk: desk.channels.shop("generic", shop.name))
    return row is not None and row.pulled_until_ms > moment_ms


def test_an_order_that_waited_for_its_product_is_taken_by_itself(hub: AppHub, shop: Shop) -> None:
    sku = f"NEW-{shop.name}"
    shop.sell("E-1", 1, sku=sku, force=True)
    assert shop.exceptions("channel_order_rejected")
    shop.stage.shop.orders["E-1"].changed_ms -= 20 * 60_000  # no pull brings it any more
    hub.stock(sku, 5)
    books = hub.node.books

    def soon(desk: Any) -> int:
        for reject in desk.channels.due_rejects(2**52, 100):
            desk.channels.put_reject(msgspec.structs.replace(reject, due_ms=0))
        return int(retry_rejects(desk))

    assert books.write_sync(soon, actor="test") >= 1
    order = shop.order("E-1")
    assert order is not None
    assert order["status"] == "reserved"
    assert not shop.exceptions("channel_order_rejected")
    left: list[Reject] = books.read_sync(lambda desk: desk.channels.due_rejects(2**52, 100))
    assert [one for one in left if one.shop == shop.name] == []


def test_no_secret_and_no_buyer_is_in_the_answers_about_shops(hub: AppHub, shop: Shop) -> None:
    shop.sell("F-1", 1)
    told = hub.client.get("/api/v1/shops").text + hub.client.get("/api/v1/exceptions").text
    assert SECRET not in told
    assert "13712342206" not in told
