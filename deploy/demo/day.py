"""The day itself: open, unload, sell, lose the line, go on, mend it, ship everything, prove it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from deploy.demo.orders import Channels
from deploy.demo.staff import Loader, Packer, Person, Picker, Receiver
from deploy.demo.town import PICKERS_PER_WAREHOUSE, HubBuilding, Warehouse, benches_for
from deploy.demo.world import StockLine, World
from shared.domain.errors import InvalidInput

SAMPLE_ORDERS: Final = Path(__file__).parents[1] / "sample" / "orders.csv"
MARK: Final = ".bincard-demo-day"
TRUCK_LINES_MAX: Final = 4
TRUCK_UNITS_MAX: Final = 60
BATCH_ORDERS: Final = 25
BATCH_SECONDS: Final = 0.4
CUT_AT: Final = 0.30
MEND_AT: Final = 0.65
KILL_AT: Final = (0.15, 0.40, 0.50, 0.75)
DARK_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.5
STALL_SECONDS_MAX: Final = 90.0
CUT_STALL_SECONDS: Final = 20.0
"""A cut line is mended when nothing ends any more: boxes may wait for numbers from outside."""
NUMBERS_SPARE: Final = 2_000
NUMBERS_MAX: Final = 200_000
END_STATES: Final = frozenset({"shipped", "held", "backordered", "cancelled"})


class Inputs(NamedTuple):
    """The four canonical CSV files."""

    warehouses: Path
    products: Path
    stock: Path
    orders: Path


class Moment(NamedTuple):
    """What the day looked like at one second."""

    second: float
    shipped: dict[str, int]
    waiting_facts: dict[str, int]


class Day:
    """One day from opening to the last handover."""

    def __init__(
        self,
        inputs: Inputs,
        state: Path,
        labels: Path,
        kills: list[str],
        tell: Callable[[str], None],
    ) -> None:
        """`kills` names processes to kill with -9 during the day: hub, edge, devices, simulator."""
        make_empty(state)
        for old in labels.glob("*/printer-*/*.zpl"):
            old.unlink()
        self.inputs = inputs
        self.labels = labels
        self.tell = tell
        self.world = World(inputs.warehouses, inputs.products, inputs.stock)
        self.hub = HubBuilding(state / "hub", couriers_issue=True)
        self.warehouses: dict[str, Warehouse] = {}
        self.people: list[Person] = []
        self.moments: list[Moment] = []
        self.row_errors: list[str] = []
        self.kills = list(kills)
        self.killed: list[str] = []
        self.channels = Channels(inputs.orders, today=inputs.orders == SAMPLE_ORDERS)
        self.orders_total = self.channels.count
        self.orders_ended = 0
        self.cut_span = (0.0, 0.0)
        self._state = state
        self._tasks: list[asyncio.Task[None]] = []
        self._started = 0.0

    @property
    def cut_warehouse(self) -> Warehouse:
        """The warehouse that loses its line: the last one."""
        return list(self.warehouses.values())[-1]

    def seconds(self) -> float:
        """Seconds since the day began."""
        return asyncio.get_running_loop().time() - self._started

    async def open(self) -> None:
        """Start everything, load the books and unload the morning's truck."""
        self._started = asyncio.get_running_loop().time()
        self.tell("Opening the hub")
        self.channels.door = await self.hub.open()
        self.hub.load_numbers(min(NUMBERS_MAX, 2 * self.orders_total + NUMBERS_SPARE))
        trucks = await self._load_books()
        benches = benches_for(len(self.world.sites))
        for code in self.world.sites:
            self.tell(f"Opening warehouse {code}")
            warehouse = Warehouse(code, self._state / code, self.hub, benches, self.labels / code)
            self.warehouses[code] = warehouse
            await warehouse.open()
        self.tell("Unloading the morning's truck, SN by SN")
        for line in self.world.stock:
            if line not in trucks.get(line.warehouse, []):
                self.world.sites[line.warehouse].put(line)
        await asyncio.gather(
            *(self._unload(self.warehouses[code], lines) for code, lines in trucks.items())
        )

    async def _load_books(self) -> dict[str, list[StockLine]]:
        """Import the files at the hub, except what comes by truck; return the trucks."""
        for what in ("warehouses", "products"):
            self._import(what, getattr(self.inputs, what))
        known = await self.hub.door.get("/api/v1/warehouses")
        self.world.keep_sites({one["warehouse"] for one in known})
        trucks: dict[str, list[StockLine]] = {}
        for line in self.world.stock:
            load = trucks.setdefault(line.warehouse, [])
            if line.serials and len(load) < TRUCK_LINES_MAX and line.quantity <= TRUCK_UNITS_MAX:
                load.append(line)
        held_back = {line.line_no for lines in trucks.values() for line in lines}
        source = self.inputs.stock.read_text(encoding="utf-8-sig").splitlines(keepends=True)
        kept = self._state / "stock-on-shelf.csv"
        kept.write_text(
            "".join("\n" if number in held_back else text for number, text in enumerate(source, 1)),
            encoding="utf-8",
        )
        self.world.forget_lines(self._import("stock", kept))
        return trucks

    def _import(self, what: str, path: Path) -> set[int]:
        """Import one file; keep the sentences about refused rows and return their lines."""
        told = json.loads(self.hub.run(f"import-{what}", str(path)))
        self.row_errors += [
            f"{path.name}, line {error['line']}, {error['column']}: {error['reason']}"
            for error in told["errors"]
        ]
        return {error["line"] for error in told["errors"]}

    async def _unload(self, warehouse: Warehouse, lines: list[StockLine]) -> None:
        if not lines:
            return
        asn = f"ASN-{warehouse.code}-1"
        await self._wait_for_catalogue(warehouse, {line.sku for line in lines})
        await warehouse.door.post(
            "/api/v1/receipts",
            {
                "op_id": warehouse.door.new_id(),
                "asn": asn,
                "supplier": "factory",
                "rows": [
                    {
                        "bin": line.bin,
                        "sku": line.sku,
                        "quantity": line.quantity,
                        "serials": list(line.serials),
                    }
                    for line in lines
                ],
            },
        )
        site = self.world.sites[warehouse.code]
        receiver = Receiver(self.world, site, warehouse.door, "receiving-1", "BDG-0031")
        self.people.append(receiver)
        await receiver.receive(asn, lines)

    async def _wait_for_catalogue(self, warehouse: Warehouse, skus: set[str]) -> None:
        """Wait until the edge knows the goods on the truck (they come down the line)."""
        deadline = self.seconds() + STALL_SECONDS_MAX
        while self.seconds() < deadline:
            state = await self.hub.door.get(f"/api/v1/warehouses/{warehouse.code}")
            if state["commands_waiting"] == 0:
                return
            await asyncio.sleep(LOOK_SECONDS)
        raise TimeoutError(f"{warehouse.code} never received its catalogue ({len(skus)} SKUs).")

    async def run(self) -> None:
        """Sell and ship until every order has reached its end."""
        for warehouse in self.warehouses.values():
            self._hire(warehouse)
        self._tasks += [
            asyncio.create_task(person.work())
            for person in self.people
            if not isinstance(person, Receiver)
        ]
        selling = asyncio.create_task(self._sell())
        try:
            await self._watch(selling)
        finally:
            for task in self._tasks:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*self._tasks, return_exceptions=True)
            await selling

    def _hire(self, warehouse: Warehouse) -> None:
        """Give every station a person."""
        site = self.world.sites[warehouse.code]
        for number in range(1, PICKERS_PER_WAREHOUSE + 1):
            self.people.append(
                Picker(
                    self.world,
                    site,
                    warehouse.door,
                    f"handheld-{number:02d}",
                    f"BDG-{number + 1:04d}",
                )
            )
        for number, bench in enumerate(warehouse.benches, 11):
            scale, printer = warehouse.equipment(bench)
            self.people.append(
                Packer(
                    self.world,
                    site,
                    warehouse.door,
                    bench,
                    f"BDG-{number:04d}",
                    hardware=warehouse.hardware,
                    scale=scale,
                    printer=printer,
                )
            )
        self.people.append(Loader(self.world, site, warehouse.door, "dock-1", "BDG-0021"))

    async def _sell(self) -> None:
        """Let the orders come in; the hub decides each before it answers."""
        for batch in self.channels.batches(BATCH_ORDERS):
            await self.channels.post(batch)
            await asyncio.sleep(BATCH_SECONDS)

    async def _watch(self, selling: asyncio.Task[None]) -> None:
        """Follow the day: cut and mend the line, kill what is to be killed, end when done."""
        line = self.cut_warehouse.line
        last_progress, last_ended, was_cut, told_tenths = self.seconds(), -1, False, 0
        while True:
            for task in self._tasks:
                if task.done():
                    task.result()
            done = await self._look()
            share = done / self.orders_total if self.orders_total else 1.0
            if int(share * 10) > told_tenths:
                told_tenths = int(share * 10)
                self.tell(f"{done:,} of {self.orders_total:,} orders have reached their end")
            if not was_cut and share >= CUT_AT:
                was_cut = True
                line.cut()
                self.cut_span = (self.seconds(), 0.0)
                self.tell(f"Cut the line of {self.cut_warehouse.code}; it goes on alone")
            elif line.is_cut and (
                share >= MEND_AT
                or self.seconds() - last_progress > CUT_STALL_SECONDS
                or await self._cut_site_idle()
            ):
                line.mend()
                self.cut_span = (self.cut_span[0], self.seconds())
                self.tell(f"Mended the line of {self.cut_warehouse.code}")
            await self._maybe_kill(share)
            if selling.done() and done >= self.orders_total and not line.is_cut and was_cut:
                return
            if done > last_ended:
                last_progress, last_ended = self.seconds(), done
            if self.seconds() - last_progress > STALL_SECONDS_MAX:
                raise TimeoutError(await self._why_stalled())
            await asyncio.sleep(LOOK_SECONDS)

    async def _cut_site_idle(self) -> bool:
        """Return True once the cut-off warehouse has shipped all it had been given."""
        if self.seconds() - self.cut_span[0] < 5.0:
            return False
        counts = await self.cut_warehouse.door.get("/api/v1/kpis")
        return bool(counts["parcels_open"] == 0)

    async def _maybe_kill(self, share: float) -> None:
        """Kill the next process on the list once the day has come far enough."""
        if not self.kills or share < KILL_AT[min(len(self.killed), len(KILL_AT) - 1)]:
            return
        name = self.kills.pop(0)
        first = next(iter(self.warehouses.values()))
        service = self.hub.service if name == "hub" else first.services[name]
        self.tell(f"Kill -9: {service.name}")
        await service.restart_after_kill(DARK_SECONDS)
        self.killed.append(service.name)

    async def _look(self) -> int:
        """Record where the day stands; return how many orders have reached an end."""
        counts: dict[str, int] = (await self.hub.door.get("/api/v1/kpis"))["orders_by_status"]
        waiting: dict[str, int] = {}
        for code, warehouse in self.warehouses.items():
            link = await warehouse.door.get("/api/v1/link")
            waiting[code] = link["waiting"]
        self.moments.append(
            Moment(
                self.seconds(),
                {code: len(site.carried_away) for code, site in self.world.sites.items()},
                waiting,
            )
        )
        self.orders_ended = len(self.channels.refused) + sum(
            counts.get(state, 0) for state in END_STATES
        )
        return self.orders_ended

    async def _why_stalled(self) -> str:
        """Return a sentence with what every unfinished station shows."""
        surprises = [text for person in self.people for text in person.surprises[-3:]]
        stations = []
        for person in self.people:
            screen = await person.door.get(f"/api/v1/stations/{person.station}")
            if screen["step"] not in {"home", "tote", "waybill", "asn", "unit"}:
                halt = (screen.get("halt") or {}).get("code", "")
                scale = (screen.get("scale") or {}).get("status", "")
                where = f"{person.site.code} {person.station}"
                stations.append(f"{where} at {screen['step']} {halt} {scale}".strip())
        return (
            f"Nothing has moved for {STALL_SECONDS_MAX:.0f} s at {self.orders_ended} of "
            f"{self.orders_total} orders. Stations at work: {stations[:12]}. "
            f"What staff met last: {surprises[:12]}"
        )

    async def close(self) -> None:
        """Go home: stop every process."""
        for warehouse in self.warehouses.values():
            await warehouse.close()
        await self.hub.close()


def make_empty(state: Path) -> None:
    """Clear the folder of an earlier day; raises InvalidInput for a folder of anything else."""
    mark = state / MARK
    if state.exists() and any(state.iterdir()) and not mark.exists():
        raise InvalidInput(
            "demo_folder",
            f"{state} holds files that are not from an earlier demo day.",
            hint="Give --state an empty or a new folder.",
        )
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    mark.touch()


def doors_of(day: Day) -> dict[str, Any]:
    """Return the addresses of all pages, for people who want to look around."""
    urls: dict[str, Any] = {"hub": day.hub.url, "hub_api": f"{day.hub.url}/schema"}
    for code, warehouse in day.warehouses.items():
        urls[code] = {
            "console": f"{warehouse.url}/",
            "handheld": f"{warehouse.url}/hand?station=handheld-09",
            "benches": [f"{warehouse.url}/bench/{name[6:]}" for name in warehouse.benches],
        }
    return urls
