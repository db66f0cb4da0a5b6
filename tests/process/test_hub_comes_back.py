"""F-31 and F-32 with parcels on their way: a hub put back or lost never lets an order leave twice.

Real programs and staff in one town. Parcels are shipped after the backup was made; the backup is
put back, the shop sends every order again, and what couriers carry away is counted outside all
books. Then the hub is lost with everything, and a new one is built from the warehouse's log.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.process.drills import command, is_normal
from tests.process.town import Town, check_books, check_goods, order, rows, until, write_files

CODE = "JX"
WORK_SECONDS = 120.0


async def sell_again(town: Town) -> None:
    """The shop sends every order of its book once more, as a channel is pulled again."""
    content = "\n".join(
        json.dumps(order(f"T{number:05d}", 1, 1)) for number in range(1, town.ordered + 1)
    )
    answer = await town.hub.door.send(
        "POST",
        "/api/v1/orders",
        content=content.encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert answer.is_success, answer.text
    assert "rejected" not in answer.text


def recovery(town: Town) -> Any:
    return json.loads(command("hub", "recovery", settings=town.hub.settings))


async def hub_put_back(town: Town) -> Any:
    """Two orders leave after the backup; one more is bought while the hub comes back."""
    old = town.folder / "hub-old.db"
    await asyncio.to_thread(command, "hub", "backup", str(old), settings=town.hub.settings)
    await town.order(2)
    await town.work_off(WORK_SECONDS)
    town.hub.service.kill()
    await asyncio.to_thread(command, "hub", "restore", str(old), settings=town.hub.settings)
    town.hub.service.start()
    await town.hub.service.ready()
    await sell_again(town)
    await town.order()
    await until(lambda: is_normal(town), "normal after the restore", WORK_SECONDS)
    await town.work_off(WORK_SECONDS)
    return await asyncio.to_thread(recovery, town)


async def hub_lost(town: Town) -> Any:
    """Nothing is left; the new hub gets the catalogue, the edge a code and keeps its own state."""
    site = town.sites[CODE]
    town.hub.service.kill()
    shutil.rmtree(town.hub.state)
    town.hub.state.mkdir()
    files = write_files(town.folder, town.codes)
    for arguments in (
        ("rebuild",),
        ("import-warehouses", str(files["warehouses"])),
        ("import-products", str(files["products"])),
    ):
        await asyncio.to_thread(command, "hub", *arguments, settings=town.hub.settings)
    assert recovery(town)["state"] == "RECOVERING"
    log = rows(site.database, "SELECT DISTINCT incarnation FROM logs")
    site.services["edge"].kill()
    await town.hub.open()
    site.edge_settings["BINCARD_EDGE_ENROLMENT_CODE"] = await town.hub.enrolment_code(CODE)
    site.services["edge"].start()
    await sell_again(town)
    await site.services["edge"].ready()
    await until(lambda: is_normal(town), "normal with the new hub", WORK_SECONDS)
    again = await asyncio.to_thread(
        command, "hub", "import-stock", str(files["stock"]), settings=town.hub.settings
    )
    await town.order()
    await town.work_off(WORK_SECONDS)
    assert rows(site.database, "SELECT DISTINCT incarnation FROM logs") == log
    return await asyncio.to_thread(recovery, town) | {"stock": json.loads(again)}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the hub says after each return; goods and books are proven on the way."""

    async def live(folder: Path) -> dict[str, Any]:
        async with Town(folder, [CODE]) as town:
            town.hire(CODE)
            await town.order()
            await town.work_off(WORK_SECONDS)
            back = await hub_put_back(town)
            check_goods(town)
            lost = await hub_lost(town)
            check_goods(town)
            await asyncio.to_thread(check_books, town)
            return {"back": back, "lost": lost}

    return asyncio.run(live(tmp_path_factory.mktemp("hub")))


def test_orders_that_left_after_the_backup_do_not_leave_again_when_their_shop_resends(reports):
    back = reports["back"]
    assert (back["state"], back["kind"]) == ("NORMAL", "restored")
    assert back["parcels_learnt"] == 2
    assert back["orders_without_address"] == 0


def test_a_lost_hub_is_rebuilt_from_the_log_of_an_edge_that_enrols_again(reports):
    lost = reports["lost"]
    assert (lost["state"], lost["kind"]) == ("NORMAL", "lost")
    assert lost["parcels_learnt"] == 4
    assert lost["orders_without_address"] == lost["facts_in_quarantine"] == 0
    assert lost["gaps"] == []


def test_the_stock_file_of_a_lost_hub_counts_no_row_twice_when_it_is_imported_again(reports):
    assert reports["lost"]["stock"]["accepted"] == 0
    assert reports["lost"]["stock"]["already_in"] == 2
