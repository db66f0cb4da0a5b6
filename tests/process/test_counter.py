"""A counter between real nodes: it sells while its line is cut, and no unit is sold twice.

Method: real processes behind a proxy. While the line is cut the shops try to buy everything that
the counter was lent, and a buyer cancels an order that the cut-off floor holds. Afterwards every
unit is counted on both sides.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

from tests.process.town import CABLES, PHONES, Town, order, run, until

CODE: Final = "W1"
LENT: Final = {"CABLE": 5, "PHONE": 2}
LEAD: Final = "BDG-0001"


async def sell(town: Town, sku: str, units: int, *serials: str, op_id: str = "") -> Any:
    door = town.sites[CODE].door
    line = {"sku": sku, "quantity": units, "serials": list(serials)}
    sale = {"op_id": op_id or door.new_id(), "badge": LEAD, "lines": [line]}
    return await door.send("POST", "/api/v1/local-sales", json=sale)


async def quota(town: Town) -> dict[str, Any]:
    """Return the quota per SKU as the hub shows it."""
    state = await town.hub.door.get(f"/api/v1/warehouses/{CODE}")
    return {one["sku"]: one for one in state["quota"]}


async def buy(town: Town, number: str, phones: int, cables: int) -> dict[str, Any]:
    answer: dict[str, Any] = await town.hub.door.post(
        "/api/v1/orders", order(number, phones, cables)
    )
    return answer


async def available(town: Town, sku: str) -> int:
    (answer,) = await town.hub.door.get("/api/v1/availability", sku=sku)
    return int(answer["available"])


async def status_of(town: Town, order_id: str) -> str:
    return str((await town.hub.door.get(f"/api/v1/orders/{order_id}"))["status"])


async def story(town: Town) -> None:
    for sku, units in LENT.items():
        done = run(
            ["hub", "set-quota", "--warehouse", CODE, "--sku", sku, "--units", str(units)],
            town.hub.settings,
        )
        assert done.returncode == 0, done.stderr
    held = await buy(town, "T90001", 0, 3)
    door = town.sites[CODE].door

    async def arrived() -> bool:
        told = {one["sku"]: one["free"] for one in (await door.get("/api/v1/quota"))["quota"]}
        return told == LENT and bool((await door.get("/api/v1/parcels"))["parcels"])

    await until(arrived, "the counter has its quota and the floor its parcel")
    await until(town.is_quiet, "nothing on the way")
    town.line(CODE).cut()

    # The counter sells what it was lent, once per id, and not one more.
    sold = await sell(town, "CABLE", 4, op_id="sale-1")
    assert (sold.status_code, sold.json()["outcome"]) == (200, "accepted"), sold.text
    again = await sell(town, "CABLE", 4, op_id="sale-1")
    assert again.json() == sold.json() | {"outcome": "duplicate"}
    beyond = await sell(town, "CABLE", 2)
    assert (beyond.status_code, beyond.json()["code"]) == (422, "quota_exceeded")
    assert "may sell 1 by itself" in beyond.json()["detail"]
    phone = await sell(town, "PHONE", 1, f"{CODE}P000007")
    assert phone.status_code == 200, phone.text

    # Meanwhile the shops buy all the rest, and a cancelled parcel's units are not sold again.
    assert (await buy(town, "T90002", 0, CABLES - 5 - 3))["status"] == "reserved"
    assert (await buy(town, "T90003", 0, 1))["status"] == "backordered"
    await town.hub.door.post(f"/api/v1/orders/{held['order_id']}/cancel", {})
    assert await status_of(town, held["order_id"]) == "cancel_pending"
    assert await available(town, "CABLE") == 0
    assert (await quota(town))["CABLE"]["free"] == 5, "the hub has not heard yet"

    town.line(CODE).mend()
    await until(town.is_quiet, "both sides know the same")

    async def counted() -> bool:
        found = await quota(town)
        return found["CABLE"]["used"] == 4 and found["PHONE"]["used"] == 1

    await until(counted, "the sales are counted")

    async def cancelled() -> bool:
        return await status_of(town, held["order_id"]) == "cancelled"

    await until(cancelled, "the floor confirmed the cancel")
    (phones,) = await town.hub.door.get("/api/v1/availability", sku="PHONE")
    (site,) = phones["warehouses"]
    assert (site["sold"], site["lent"], site["pool"]) == (1, 2, PHONES - 3), "filled up again"
    unit = await town.hub.door.get(f"/api/v1/serials/{CODE}P000007")
    assert (unit["state"], unit["place"]) == ("shipped", "customer")
    for group, settings in (("hub", town.hub.settings), ("edge", town.sites[CODE].edge_settings)):
        proven = run([group, "verify"], settings)
        assert proven.returncode == 0, proven.stdout + proven.stderr


def test_a_cut_off_counter_sells_its_quota_and_no_unit_is_sold_twice(tmp_path: Path) -> None:
    async def live() -> None:
        async with Town(tmp_path / "town", [CODE], benches=0) as town:
            await story(town)

    asyncio.run(live())
