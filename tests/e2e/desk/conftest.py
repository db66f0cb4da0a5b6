"""A real edge with goods and orders, real devices simulated byte for byte, and a real browser.

The edge runs in its own thread on a clock that a test may set forward, so that a whole day of work
passes in seconds and looks the same every time. A bench's scale and printer are the simulator's
pty and TCP port behind the real devices process.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from edge.app import EdgeNode, create_app
from edge.domain.site import Bench, Site
from edge.services import print_label
from edge.services.commands import command_handler
from edge.settings import Settings
from shared.domain.catalogue import Product, Recipient
from shared.domain.commands import (
    AssignParcel,
    CancelParcel,
    Command,
    CommandRecord,
    LoadStock,
    ParcelLine,
    SetProducts,
    command_kind_of,
    encode_command,
)
from shared.domain.facts import StockRow
from shared.domain.ids import uuid7
from shared.runtime.clock import SystemClock, SystemEntropy

SHOTS: Final = os.environ.get("BINCARD_TEST_SHOTS", "")
SECONDS: Final = 20
MORNING: Final = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
HOUR_MS: Final = 3_600_000

PHONES: Final = tuple(f"7B2Q9K4M00{n:04d}" for n in range(3100, 3400))
CHARGERS: Final = tuple(f"8D4T77KX02{n:04d}" for n in range(1000, 1060))
LEAD, PICKER = "BDG-0001", "BDG-0002"


class DayClock(SystemClock):
    """The machine's clock, moved to the morning of one day and set forward by the test."""

    def __init__(self) -> None:
        self.offset_ms = int(MORNING.timestamp() * 1000) - SystemClock().wall_ms()

    def wall_ms(self) -> int:
        return super().wall_ms() + self.offset_ms

    def stand_at(self, now_ms: int) -> None:
        self.offset_ms = now_ms - super().wall_ms()

    def forward(self, milliseconds: int) -> None:
        self.offset_ms += milliseconds


def product(sku: str, name: str, policy: str, gtin: str, grams: int) -> Product:
    return Product(
        sku=sku, gtin=gtin, name=name, unit_weight_grams=grams, length_mm=190, width_mm=170,
        height_mm=80, serial_policy=policy,  # type: ignore[arg-type]
    )  # fmt: skip


GOODS: Final = SetProducts(
    products=(
        product("CY-AIR3-WH", "澄音 Air3 降噪耳机 白色", "full", "6909999000017", 428),
        product("YC-GAN65", "云驰 65W 氮化镓充电器", "full", "6909999000024", 484),
        product("GIFT-01", "赠品 收纳袋", "none", "6901234567892", 38),
    )
)
AISLES: Final = tuple(f"B{n:02d}" for n in range(1, 15))


def opening_stock() -> LoadStock:
    """Phones over many aisles, chargers in one bin, pouches in two."""
    share = len(PHONES) // len(AISLES)
    rows = [
        StockRow(f"{aisle}-{3 + 2 * n % 19:02d}-2", "CY-AIR3-WH", share,
                 PHONES[n * share : (n + 1) * share])
        for n, aisle in enumerate(AISLES)
    ]  # fmt: skip
    rows.append(StockRow("B09-04-1", "YC-GAN65", len(CHARGERS), CHARGERS))
    rows.append(StockRow("B05-14-1", "GIFT-01", 400))
    rows.append(StockRow("B14-21-1", "GIFT-01", 400))
    return LoadStock(load_id="opening", rows=tuple(rows))


def parcel(
    number: int, lines: list[tuple[str, int]], *, courier: str = "SF", cut_off_ms: int
) -> AssignParcel:
    return AssignParcel(
        parcel_id=f"P-{number:04d}",
        order_id=f"O-{number}",
        channel="douyin",
        shop="flagship",
        order_no=f"6934178820{number:04d}",
        courier=courier,
        cut_off_ms=cut_off_ms,
        waybill=f"{courier}13892047{number:04d}",
        sort_code="755W-H2-018",
        recipient=Recipient(
            name="李小四", phone="13712342206", country="CN", province="广东省", city="深圳市",
            district="南山区", street="粤海街道科技园 9 栋 1204", postcode="518000",
        ),
        lines=tuple(ParcelLine(n, sku, quantity) for n, (sku, quantity) in enumerate(lines, 1)),
    )  # fmt: skip


WANTED: Final = (
    [("CY-AIR3-WH", 1)],
    [("CY-AIR3-WH", 2), ("YC-GAN65", 1), ("GIFT-01", 1)],
    [("GIFT-01", 2)],
    [("CY-AIR3-WH", 1), ("GIFT-01", 1)],
)
"""What customers want, in turn."""


class Edge:
    """One warehouse's node on a port, its files in `folder`."""

    def __init__(self, folder: Path, bus: dict[str, Any] | None = None) -> None:
        self.folder = folder
        self.bus = bus or {}
        self.clock = DayClock()
        self.port = 0
        self.numbers = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self.thread.start()
        assert ready.wait(SECONDS)

    async def _serve(self, ready: threading.Event) -> None:
        site = Site(
            warehouse="JX",
            name="嘉兴仓",
            benches={f"bench-{n}": Bench(f"scale-{n}", f"printer-{n}") for n in (1, 2)},
        )
        settings = Settings(
            warehouse="JX", name="嘉兴仓", state_dir=self.folder, site=site, auto_waves=False,
            database=self.folder / "edge.db", devices_requests=self.bus.get("requests", ""),
            devices_events=self.bus.get("events", ""),
        )  # fmt: skip
        self.node = EdgeNode(settings, clock=self.clock)
        config = uvicorn.Config(create_app(self.node), log_level="warning", lifespan="on")
        self.server = uvicorn.Server(config)
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        serving = asyncio.ensure_future(self.server.serve([listener]))
        while not self.server.started and not serving.done():
            await asyncio.wait({serving}, timeout=0.02)
        ready.set()
        await serving

    def stop(self) -> None:
        self.node.stopping.set()
        self.server.should_exit = True
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()

    def command(self, *commands: Command) -> None:
        """Carry out what head office asks, in order."""
        node = self.node
        handle = command_handler(node.clock, node.entropy, lambda: node.site, node.live)
        for command in commands:
            record = CommandRecord(
                1, node.new_id(), command_kind_of(command), 1, encode_command(command)
            )
            node.database.write_sync(lambda tx, record=record: handle(tx, record))

    def post(self, path: str, body: object) -> Any:
        answer = httpx.post(self.address + path, json=body, timeout=SECONDS)
        return answer.raise_for_status().json()

    def station(self, name: str) -> dict[str, Any]:
        answer = httpx.get(f"{self.address}/api/v1/stations/{name}", timeout=SECONDS)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self.node.database.read_sync(
            lambda connection: [tuple(row) for row in connection.execute(sql, values)]
        )

    def scan(self, station: str, raw: str) -> dict[str, Any]:
        """Scan at a station as a device does."""
        self.numbers += 1
        answer: dict[str, Any] = self.post(
            "/api/v1/scans",
            {"op_id": uuid7(self.clock.wall_ms(), SystemEntropy()), "device_id": "test",
             "device_seq": self.numbers, "station": station, "raw": raw},
        )  # fmt: skip
        return answer

    def plan(self) -> None:
        self.post("/api/v1/waves", {"op_id": self.node.new_id()})

    def take_list(self, station: str, cart: str, badge: str = PICKER) -> None:
        for raw in (badge, "BC:PICK", cart):
            assert self.scan(station, raw)["outcome"] == "accepted", raw

    def pick(self, station: str, units: int = 10_000) -> None:
        """Pick up to `units` units of the station's list."""
        while units and (pick_list := self.station(station)["pick_list"]):
            stop = next(
                (
                    one
                    for one in pick_list["stops"]
                    if one["picked"] + one["short"] < one["quantity"]
                ),
                None,
            )
            if stop is None:
                return
            self.scan(station, stop["bin"])
            for raw in self._units(stop)[
                : min(units, stop["quantity"] - stop["picked"] - stop["short"])
            ]:
                assert self.scan(station, raw)["signal"] == "right", raw
                units -= 1

    def _units(self, stop: dict[str, Any]) -> list[str]:
        if stop["serial_policy"] != "full":
            return [stop["gtin"]] * int(stop["quantity"])
        rows = self.rows(
            "SELECT serial FROM serials WHERE account = ? AND sku = ? ORDER BY serial",
            f"bin:{stop['bin']}", stop["sku"],
        )  # fmt: skip
        return [str(row[0]) for row in rows]

    def units_of(self, parcel_id: str) -> list[str]:
        """Return what a packer scans of a parcel: serial numbers, and product codes by count."""
        serials = self.rows("SELECT serial FROM parcel_serials WHERE parcel_id = ?", parcel_id)
        counted = self.rows(
            "SELECT d.gtin, l.picked FROM parcel_lines l JOIN products d USING (sku) "
            "WHERE l.parcel_id = ? AND d.serial_policy = 'none'",
            parcel_id,
        )
        return [row[0] for row in serials] + [gtin for gtin, n in counted for _ in range(n)]

    def pack(self, parcel_id: str, bench: str, grams: int | None = None) -> None:
        """Pack a picked parcel with a typed weight; its label waits for a printer."""
        tote, weight = self.rows(
            "SELECT tote, (SELECT SUM(l.quantity * d.unit_weight_grams) FROM parcel_lines l "
            "JOIN products d USING (sku) WHERE l.parcel_id = p.parcel_id) FROM parcels p "
            "WHERE parcel_id = ?",
            parcel_id,
        )[0]
        for raw in (tote, *self.units_of(parcel_id)):
            assert self.scan(bench, raw)["signal"] == "right", raw
        self.post(
            "/api/v1/weighings",
            {"op_id": self.node.new_id(), "station": bench, "grams": grams or weight + 120,
             "badge": LEAD, "reason": "scale_away"},
        )  # fmt: skip
        self.label_came_out(parcel_id, bench)

    def label_came_out(self, parcel_id: str, bench: str) -> None:
        """Report as the devices process does that the label is printed; the packer scans it."""
        rows = self.rows(
            "SELECT job_id, parcels.waybill FROM print_jobs "
            "JOIN parcels ON parcel_id = document_id "
            "WHERE parcel_id = ? AND print_jobs.state = 'queued'",
            parcel_id,
        )
        for job_id, waybill in rows:
            self.node.database.write_sync(
                lambda tx, job_id=job_id: print_label.reported(
                    self.node.floor(tx, self.node.new_id(), "devices"), job_id, "confirmed",
                    trouble="",
                )
            )  # fmt: skip
            assert self.scan(bench, waybill)["signal"] == "right", waybill

    def picked(self) -> list[str]:
        """Return parcels that wait for a bench."""
        rows = self.rows("SELECT parcel_id FROM parcels WHERE state = 'picked' ORDER BY parcel_id")
        return [str(row[0]) for row in rows]

    def orders(self, first: int, last: int, courier: str = "SF", hours: float = 4) -> None:
        """Let head office assign parcels `first` to `last` for a courier due in `hours`."""
        for n in range(first, last + 1):
            self.order(n, WANTED[n % len(WANTED)], courier, hours)

    def order(self, number: int, lines: list[tuple[str, int]], courier: str, hours: float) -> None:
        """Let head office assign one parcel."""
        self.command(parcel(number, lines, courier=courier, cut_off_ms=self.due_ms(hours)))

    def due_ms(self, hours: float) -> int:
        """Return the full minute in `hours` from now."""
        return (self.clock.wall_ms() + int(hours * HOUR_MS)) // 60_000 * 60_000

    def refund(self, parcel_id: str) -> None:
        self.command(CancelParcel(parcel_id=parcel_id, reason="buyer"))


@pytest.fixture(scope="session")
def start_edge() -> Callable[..., Edge]:
    """Return a function that starts a warehouse in a folder, with stock unless it has books."""

    def start(folder: Path, bus: dict[str, Any] | None = None, now_ms: int | None = None) -> Edge:
        edge = Edge(folder, bus)
        if now_ms is not None:
            edge.clock.stand_at(now_ms)
        fresh = not (folder / "edge.db").exists()
        edge.start()
        if fresh:
            edge.command(GOODS, opening_stock())
        return edge

    return start


@pytest.fixture
def bare_edge(tmp_path: Path, start_edge: Callable[..., Edge]) -> Iterator[Edge]:
    """A warehouse with stock and without orders or devices."""
    edge = start_edge(tmp_path)
    yield edge
    edge.stop()


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Return a function that opens an address; scripts that fail fail the test."""
    contexts, complaints = [], []

    def open_(
        edge: Edge, path: str, *, language: str = "en", size: tuple[int, int] = (1440, 900)
    ) -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, timezone_id=str(local_zone())
        )
        contexts.append(context)
        context.add_cookies([{"name": "lang", "value": language, "url": edge.address}])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if "Content Security" in said.text else None,
        )
        page.goto(edge.address + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def local_zone() -> str:
    """Return the zone of this machine for the browser, which would else use another."""
    link = str(Path("/etc/localtime").resolve())
    return os.environ.get("TZ") or link.partition("zoneinfo/")[2] or "UTC"


@pytest.fixture
def shot() -> Callable[[Page, str], None]:
    """Return a function that keeps a picture when BINCARD_TEST_SHOTS names a folder."""

    def keep(page: Page, name: str) -> None:
        expect(page.locator("body")).to_be_visible()
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/{name}.png")

    return keep
