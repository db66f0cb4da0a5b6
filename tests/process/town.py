"""A small town of real processes on this machine: one hub, warehouses behind proxies, their staff.

It stands on the demo's town and staff, with a tiny catalogue and with lines that can misbehave. The
goods are counted outside every database, so the books are compared with what people really did.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Self

from deploy.demo.door import Door
from deploy.demo.processes import run
from deploy.demo.staff import Loader, Packer, Person, Picker
from deploy.demo.town import HubBuilding, Warehouse
from deploy.demo.world import World
from tests.process.proxy import Proxy

WAIT_SECONDS: Final = 40.0
LOOK_SECONDS: Final = 0.05
PHONES: Final = 300
CABLES: Final = 900
PLACES: Final = ((30.75, 120.75), (23.02, 113.75), (30.57, 104.06), (39.9, 116.4), (22.5, 114.0))


async def until(
    check: Callable[[], Any],
    what: str,
    seconds: float = WAIT_SECONDS,
    *,
    look: float = LOOK_SECONDS,
) -> Any:
    """Wait until `check` (plain or awaitable) says something true and return it."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        found = check()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert loop.time() < deadline, f"not within {seconds:.0f} s: {what}"
        await asyncio.sleep(look)


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    """Return what `query` finds in a database that others may be working in."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as sql:
        return sql.execute(query).fetchall()


class Head(HubBuilding):
    """Head office; its door is opened with a token of its own, without starting more programs."""

    async def open(self) -> Door:
        """Start the hub and get a token that outlives restarts."""
        self.service.start()
        told = await self.service.ready()
        local = Door(self.url, token=told["token"])
        made = await local.post("/api/v1/tokens", {"name": "town", "scopes": ["admin"]})
        await local.close()
        self._door = Door(self.url, token=made["token"])
        return self._door

    async def enrolment_code(self, warehouse: str) -> str:
        """Ask over HTTP: a command would start another Python."""
        answer = await self.door.post("/api/v1/enrolment-codes", {"warehouse": warehouse})
        return str(answer["code"])

    async def bring(self, what: str, text: str) -> None:
        """Import CSV rows; none may be refused."""
        answer = await self.door.send("POST", f"/api/v1/imports/{what}", content=text.encode())
        assert answer.is_success, answer.text
        assert answer.json()["errors"] == []


class Town:
    """Hub, warehouses, goods and people. Use it as an async context manager."""

    def __init__(self, folder: Path, codes: list[str], *, benches: int = 1) -> None:
        """Without `benches` a warehouse has neither devices nor staff."""
        self.folder = folder
        self.hub = Head(folder / "hub")
        self.codes = codes
        self.benches = benches
        self.site_settings = {
            "BINCARD_EDGE_WAVE_WAIT_MS": "0",
            "BINCARD_EDGE_WAVE_PARCELS_MIN": "1",
        }
        """What every edge is told besides what the demo tells it."""
        self.sites: dict[str, Warehouse] = {}
        self.people: dict[str, list[Person]] = {}
        self.ordered = 0
        self._work: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Open everything, with stock on the shelves and nobody at work yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        files = write_files(self.folder, self.codes)
        self.world = World(files["warehouses"], files["products"], files["stock"])
        for line in self.world.stock:
            self.world.sites[line.warehouse].put(line)
        await self.hub.open()
        for what, path in files.items():
            await self.hub.bring(what, path.read_text(encoding="utf-8"))
        try:
            await asyncio.gather(*(self._open_site(code) for code in self.codes))
            await until(self.is_quiet, "every warehouse has its catalogue and its stock")
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def _open_site(self, code: str) -> None:
        labels = self.folder / "labels" / code
        site = Warehouse(code, self.folder / code, self.hub, self.benches, labels)
        site.line = Proxy(self.hub.sync_port)  # type: ignore[assignment]
        site.edge_settings = dict(self.site_settings)
        if not self.benches:
            site.edge_settings |= dict.fromkeys(
                ("BINCARD_EDGE_DEVICES_REQUESTS", "BINCARD_EDGE_DEVICES_EVENTS"), ""
            )
        self.sites[code] = site
        await site.open()

    async def __aexit__(self, *_: object) -> None:
        """Send everybody home and stop every process."""
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        for site in self.sites.values():
            await site.close()
        await self.hub.close()

    def line(self, code: str) -> Proxy:
        """Return the line of a warehouse."""
        line = self.sites[code].line
        assert isinstance(line, Proxy)
        return line

    def hire(self, code: str) -> None:
        """Let a picker, a packer and a loader work at a warehouse from now on."""
        site, goods = self.sites[code], self.world.sites[code]
        scale, printer = site.equipment("bench-1")
        crew: list[Person] = [
            Picker(self.world, goods, site.door, "handheld-01", "BDG-0002"),
            Packer(
                self.world, goods, site.door, "bench-1", "BDG-0011",
                hardware=site.hardware, scale=scale, printer=printer,
            ),
            Loader(self.world, goods, site.door, "dock-1", "BDG-0021"),
        ]  # fmt: skip
        self.people[code] = crew
        self._work += [asyncio.create_task(person.work()) for person in crew]

    async def order(self, count: int = 1, *, phones: int = 1, cables: int = 1) -> None:
        """Let a shop order `count` times; the answer must be a promise."""
        orders = []
        for _ in range(count):
            self.ordered += 1
            orders.append(order(f"T{self.ordered:05d}", phones, cables))
        answer = await self.hub.door.send(
            "POST",
            "/api/v1/orders",
            content="\n".join(json.dumps(one) for one in orders).encode(),
            headers={"Content-Type": "application/x-ndjson"},
        )
        assert answer.is_success, answer.text
        told = [json.loads(line) for line in answer.text.splitlines()]
        assert all(one["result"] != "rejected" for one in told), told

    async def statuses(self) -> Counter[str]:
        """Return how many orders stand where, as the hub knows."""
        counts = (await self.hub.door.get("/api/v1/kpis"))["orders_by_status"]
        return Counter({state: count for state, count in counts.items() if count})

    async def is_shipped(self) -> bool:
        """Say whether the hub has heard that everything ordered is on its way."""
        return await self.statuses() == Counter({"shipped": self.ordered})

    async def is_quiet(self) -> bool:
        """Say whether nothing waits on any line, in either direction."""
        for code, site in self.sites.items():
            link = await site.door.get("/api/v1/link")
            state = await self.hub.door.get(f"/api/v1/warehouses/{code}")
            on_way = link["waiting"] + state["commands_waiting"] + state["units_loading"]
            if not link["up"] or not state["link"]["up"] or on_way:
                return False
        return True

    async def work_off(self, seconds: float = WAIT_SECONDS) -> None:
        """Wait until all that was ordered is shipped and the hub knows it."""
        await until(self.is_shipped, f"{self.ordered} orders shipped", seconds)
        await until(self.is_quiet, "both sides know the same", seconds)


def write_files(folder: Path, codes: list[str]) -> dict[str, Path]:
    """Write the catalogue and the opening stock: phones with serial numbers, cables without."""
    texts = {
        "warehouses": ["warehouse,name,latitude,longitude"]
        + [
            f"{code},{code},{PLACES[number % 5][0]},{PLACES[number % 5][1]}"
            for number, code in enumerate(codes)
        ],
        "products": [
            "sku,gtin,name,unit_weight_grams,length_mm,width_mm,height_mm,serial_policy",
            "PHONE,6901200100016,Phone,427,170,90,45,full",
            "CABLE,6901200100023,Cable,40,120,60,20,none",
        ],
        "stock": ["warehouse,bin,sku,quantity,serial_numbers"],
    }
    for code in codes:
        serials = " ".join(f"{code}P{number:06d}" for number in range(PHONES))
        texts["stock"] += [f"{code},A01-01-1,PHONE,{PHONES},{serials}"]
        texts["stock"] += [f"{code},A02-01-1,CABLE,{CABLES},"]
    paths = {}
    for what, lines in texts.items():
        paths[what] = folder / f"{what}.csv"
        paths[what].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return paths


def order(number: str, phones: int, cables: int) -> dict[str, Any]:
    """Return one order of a shop."""
    lines = [
        {"line_no": at, "sku": sku, "quantity": units, "unit_price_minor": 100, "currency": "CNY"}
        for at, (sku, units) in enumerate((("PHONE", phones), ("CABLE", cables)), 1)
        if units
    ]
    return {
        "channel": "taobao", "shop": "one", "order_no": number, "version": 1,
        "placed_at": "2026-11-21T00:05:40Z", "ship_by": "2026-11-22T00:05:40Z",
        "buyer": {"name": f"Buyer {number}", "phone": f"199{int(number[1:]):08d}"},
        "address": {
            "country": "CN", "province": "浙江省", "city": "嘉兴市", "district": "南湖区",
            "street": f"Road {number}", "postcode": "314000", "latitude": 30.7, "longitude": 120.7,
        },
        "lines": lines, "buyer_remark": "",
    }  # fmt: skip


FACTS: Final = (
    "SELECT node, incarnation, seq, hash FROM facts WHERE kind <> 'books_digested' ORDER BY 1, 2, 3"
)
"""Digests are written by the clock, also between two looks; the lines around them prove them."""


def check_books(town: Town) -> None:
    """Prove everything by the real commands and by counting goods and labels outside the books."""
    verified = run(["hub", "verify"], town.hub.settings)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    check_logs(town)
    for code, site in town.sites.items():
        proven = run(["edge", "verify"], site.edge_settings)
        assert proven.returncode == 0, proven.stdout + proven.stderr
        check_labels(site, town.world.sites[code].carried_away)


def check_logs(town: Town) -> None:
    """Each line of each warehouse's log is at the hub, with the same hash, and counted."""
    at_hub = rows(town.hub.database, FACTS)
    assert rows(town.hub.database, "SELECT count(*) FROM quarantine") == [(0,)]
    for code, site in town.sites.items():
        assert [fact for fact in at_hub if fact[0] == code] == rows(site.database, FACTS)


def check_labels(site: Warehouse, carried: dict[str, list[tuple[str, str]]]) -> None:
    """One label per parcel that left, no unit in two parcels, and the records say the same."""
    labels = Counter(path.stem.partition("-")[2] for path in site.trays.rglob("*.zpl"))
    assert labels == Counter(list(carried))
    units = Counter(unit for parcel in carried.values() for sku, unit in parcel if sku == "PHONE")
    assert [unit for unit, times in units.items() if times > 1] == []
    shipped = rows(site.database, "SELECT serial FROM serials WHERE state = 'shipped'")
    assert Counter(serial for (serial,) in shipped) == units


def check_goods(town: Town, *, phones_each: int = 1, cables_each: int = 1) -> None:
    """What couriers carried away is what was ordered, unit for unit."""
    wanted = {"PHONE": phones_each * town.ordered, "CABLE": cables_each * town.ordered}
    assert +town.world.units_carried_away() == +Counter(wanted)
