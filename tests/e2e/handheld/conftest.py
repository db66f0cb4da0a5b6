"""A real edge with goods and orders, a real browser on a handheld-size screen, a scanner's typing.

The edge runs in its own thread and event loop on a port of this machine and can be stopped and
started again on the same files, as after a power cut. The scanner is what a wedge scanner is to a
page: text that appears in the focused field, then Enter.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect

from edge.app import EdgeNode, create_app
from edge.domain.site import Site
from edge.services.commands import command_handler
from edge.settings import Settings
from shared.domain.catalogue import Product, Recipient
from shared.domain.commands import (
    AssignParcel,
    Command,
    CommandRecord,
    LoadStock,
    ParcelLine,
    SetProducts,
    command_kind_of,
    encode_command,
)
from shared.domain.facts import StockRow

STATION: Final = "handheld-07"
READY_SECONDS: Final = 20
SHOTS: Final = os.environ.get("BINCARD_TEST_SHOTS", "")
REMEMBER_GREEN: Final = Path(__file__).with_name("remember_green.js").read_text()
OVERFLOW: Final = Path(__file__).with_name("overflow.js").read_text()
BOUNCE_MS: Final = 800
"""After so long the same code is a new scan, with room for a slow machine."""
CUT_OFF_MS: Final = 4_102_444_800_000
"""A cut-off far in the future, so that the plan does not depend on the day of the test."""

WHITE: Final = tuple(f"7B2Q9K4M0031{n:02d}" for n in range(84, 90))
BLACK: Final = ("7C1F2M8T005122", "7C1F2M8T005139")
CABLE: Final = "6901234567892"


def product(sku: str, name: str, policy: str, gtin: str) -> Product:
    return Product(
        sku=sku,
        gtin=gtin,
        name=name,
        unit_weight_grams=280,
        length_mm=190,
        width_mm=170,
        height_mm=80,
        serial_policy=policy,  # type: ignore[arg-type]
    )


GOODS: Final = SetProducts(
    products=(
        product("CY-AIR3-WH", "澄音 Air3 降噪耳机 白色", "full", "6909999000017"),
        product("CY-AIR3-BK", "澄音 Air3 降噪耳机 黑色", "full", "6909999000024"),
        product("YC-CABLE-2M", "云驰 编织充电线 2 m", "none", CABLE),
        product("YC-65W", "云驰 65W 氮化镓充电器", "none", "6901234567885"),
    )
)
STOCK: Final = LoadStock(
    load_id="opening",
    rows=(
        StockRow("B07-12-3", "CY-AIR3-WH", len(WHITE), WHITE),
        StockRow("B09-04-1", "CY-AIR3-BK", len(BLACK), BLACK),
        StockRow("B05-14-1", "YC-CABLE-2M", 8),
        StockRow("B08-20-2", "YC-CABLE-2M", 1),
        *(StockRow(f"B{n:02d}-24-1", "YC-65W", 1) for n in range(1, 13)),
    ),
)
ORDERS: Final[tuple[tuple[tuple[str, int], ...], ...]] = (
    (("CY-AIR3-WH", 1), ("YC-CABLE-2M", 1)),
    (("CY-AIR3-WH", 2),),
    (("CY-AIR3-BK", 1),),
    (("YC-CABLE-2M", 2),),
)


def parcel(number: int, lines: tuple[tuple[str, int], ...]) -> AssignParcel:
    return AssignParcel(
        parcel_id=f"P-{number}",
        order_id=f"O-{number}",
        channel="taobao",
        shop="flagship",
        order_no=f"T{number:06d}",
        courier="SF",
        cut_off_ms=CUT_OFF_MS,
        waybill=f"SF14000000{number:03d}",
        sort_code="571-A",
        recipient=Recipient(
            name="李四",
            phone="13700002206",
            country="CN",
            province="浙江省",
            city="杭州市",
            district="余杭区",
            street="文一西路 1 号",
            postcode="311100",
        ),
        lines=tuple(
            ParcelLine(line_no, sku, quantity)
            for line_no, (sku, quantity) in enumerate(lines, start=1)
        ),
    )


class Edge:
    """One warehouse's node on a port, its files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self.thread: threading.Thread | None = None
        self.server: uvicorn.Server | None = None
        self.node: EdgeNode | None = None
        self.client = httpx.Client()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Open the books and serve, on the same port as before."""
        self.client.close()
        self.client = httpx.Client(timeout=READY_SECONDS)
        ready = threading.Event()
        self.thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self.thread.start()
        assert ready.wait(READY_SECONDS)

    def _serve(self, ready: threading.Event) -> None:
        asyncio.run(self._serve_until_stopped(ready))

    async def _serve_until_stopped(self, ready: threading.Event) -> None:
        self.node = EdgeNode(
            Settings(
                warehouse="JX",
                name="嘉兴仓",
                state_dir=self.folder,
                database=self.folder / "edge.db",
                site=Site(warehouse="JX", name="嘉兴仓"),
                auto_waves=False,
            )
        )
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
        """Stop as a service manager would."""
        if self.server is not None and self.thread is not None and self.node is not None:
            self.node.stopping.set()
            self.server.should_exit = True
            self.thread.join(READY_SECONDS)
            assert not self.thread.is_alive()

    def command(self, *commands: Command) -> None:
        """Carry out what head office asks, in order."""
        assert self.node is not None
        node = self.node
        handle = command_handler(node.clock, node.entropy, lambda: node.site, node.live)
        for command in commands:
            record = CommandRecord(
                1, node.new_id(), command_kind_of(command), 1, encode_command(command)
            )
            node.database.write_sync(lambda tx, record=record: handle(tx, record))

    def get(self, path: str) -> Any:
        answer = self.client.get(self.address + path)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: object) -> Any:
        answer = self.client.post(self.address + path, json=body)
        answer.raise_for_status()
        return answer.json()

    def station(self, station: str = STATION) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/api/v1/stations/{station}")
        return found

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        assert self.node is not None
        return self.node.database.read_sync(
            lambda connection: [tuple(row) for row in connection.execute(sql)]
        )

    def picked_of(self, sku: str) -> list[str]:
        """Return the serial numbers of `sku` that the books call picked, in order."""
        rows = self.rows("SELECT sku, serial FROM serials WHERE state = 'picked' ORDER BY serial")
        return [serial for each, serial in rows if each == sku]

    def units_picked(self) -> int:
        return int(self.rows("SELECT COALESCE(SUM(picked), 0) FROM pick_lines")[0][0])


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    """A warehouse with stock and four orders on one pick list."""
    edge = Edge(tmp_path)
    edge.start()
    edge.command(GOODS, STOCK, *(parcel(n, lines) for n, lines in enumerate(ORDERS, start=1)))
    edge.post("/api/v1/waves", {"op_id": "plan-1"})
    yield edge
    edge.client.close()
    edge.stop()


class Hand:
    """A picker with a handheld: scans, taps, looks."""

    def __init__(self, edge: Edge, context: BrowserContext, language: str) -> None:
        self.edge = edge
        self.context = context
        self.language = language
        self.complaints: list[str] = []
        self.greens = 0
        context.add_init_script(REMEMBER_GREEN)
        self.page = self.open_tab()

    def open_tab(self) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(f"{self.edge.address}/hand?station={STATION}")
        return page

    def ready(self) -> None:
        expect(self.page.locator("html[data-ready=true]")).to_be_attached()

    def scan(self, code: str) -> None:
        """Type as a wedge scanner does; the same code again waits out the trigger bounce."""
        self.page.wait_for_function(
            "([code, ms]) => window.typed?.code !== code || performance.now() - typed.at > ms",
            arg=[code, BOUNCE_MS],
        )
        self.page.evaluate("code => { window.typed = {code, at: performance.now()}; }", code)
        self.page.keyboard.insert_text(code)
        self.page.keyboard.press("Enter")

    def tap(self, action: str) -> None:
        self.page.locator(f"[data-act={action}]").first.click()

    def sees(self, selector: str, text: str | re.Pattern[str] | None = None) -> None:
        found = self.page.locator(selector).first
        expect(found).to_be_visible()
        if text is not None:
            expect(found).to_contain_text(text)

    def green(self, slot: int | None = None) -> None:
        """Wait for the next full green screen, which is gone after 300 ms; check its tote."""
        self.greens += 1
        self.page.wait_for_function("count => window.greens.length >= count", arg=self.greens)
        shown = self.page.evaluate("count => window.greens[count - 1]", self.greens)
        assert slot is None or shown == str(slot)

    def step(self, name: str) -> None:
        expect(self.page.locator(f"html[data-step={name}]")).to_be_attached()

    def unsent(self, count: int) -> None:
        expect(self.page.locator(f"html[data-unsent='{count}']")).to_be_attached()

    def stored(self) -> list[dict[str, Any]]:
        """Return the scans on this device that wait to be sent."""
        rows: list[dict[str, Any]] = self.page.evaluate(
            """() => new Promise((done) => {
                const opening = indexedDB.open("bincard-handheld");
                opening.onsuccess = () => {
                    const all = opening.result.transaction("scans").objectStore("scans").getAll();
                    all.onsuccess = () => { opening.result.close(); done(all.result); };
                };
            })"""
        )
        return rows

    def shot(self, name: str) -> None:
        """Check that nothing sticks out of the screen; keep a picture when a folder is named."""
        assert self.page.evaluate(OVERFLOW) == []
        if SHOTS:
            self.page.screenshot(path=f"{SHOTS}/hand-{name}-{self.language[:2]}.png")

    def log_in(self) -> None:
        """Scan a badge; its person speaks Chinese until the language is switched."""
        self.ready()
        self.scan("BDG-0002")
        self.step("home")
        if self.language == "en":
            self.tap("language")
        expect(self.page.locator("html")).to_have_attribute("lang", self.language)
        self.unsent(0)

    def take_list(self) -> None:
        """Log in, take the waiting list, scan a cart."""
        self.log_in()
        self.tap("scan")
        self.step("cart")
        self.scan("C04")
        self.step("bin")

    def stop(self) -> dict[str, Any]:
        """Return the stop the edge expects the picker at."""
        view = self.edge.station()
        found: dict[str, Any] = next(
            stop for stop in view["pick_list"]["stops"] if stop["stop_no"] == view["stop_no"]
        )
        return found

    def go_to(self, sku: str) -> dict[str, Any]:
        """Pick everything on the way until the list stands at the bin of `sku`."""
        while (stop := self.stop())["sku"] != sku:
            self.pick_stop(stop)
            self.unsent(0)
        self.sees(f"[data-bin='{stop['bin']}']")
        return stop

    def pick_stop(self, stop: dict[str, Any]) -> None:
        """Scan the bin and all units of one stop."""
        self.sees(f"[data-bin='{stop['bin']}']")
        self.scan(stop["bin"])
        self.step("unit")
        for number in range(stop["quantity"]):
            serials = stop["expected_serials"]
            self.scan(serials[number] if serials else stop["gtin"])
            self.green()


@pytest.fixture
def hand_in(browser: Browser, edge: Edge) -> Iterator[Callable[..., Hand]]:
    """Return a maker of handhelds in a language, each with storage of its own."""
    hands: list[Hand] = []

    def make(language: str, workers: Literal["allow", "block"] = "block") -> Hand:
        # Without a service worker unless asked for: over plain HTTP there is none.
        context = browser.new_context(
            viewport={"width": 480, "height": 800},
            locale=language,
            has_touch=True,
            service_workers=workers,
        )
        hands.append(Hand(edge, context, language))
        return hands[-1]

    yield make
    for hand in hands:
        hand.context.close()
        assert hand.complaints == []


@pytest.fixture
def hand(hand_in: Callable[..., Hand]) -> Hand:
    """A handheld in Chinese."""
    return hand_in("zh-CN")
