"""Simulated people. They know only what a person knows: the screen, the shelf, and the boxes.

Each looks at a station's screen, does the one thing it asks for with real goods from `World`, and
scans. They go through the same HTTP doors and the same (simulated) hardware as people do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, Final

from deploy.demo.door import Door
from deploy.demo.world import Site, StockLine, World

IDLE_SECONDS: Final = 0.25
LOOK_SECONDS: Final = 0.1
SETTLE_SECONDS: Final = 0.25
PATIENCE_SECONDS: Final = 4.0
CARTON_GRAMS: Final = 120
REFUND_RACK: Final = "R-02"
EVERYDAY: Final = frozenset({"no_list_open", "list_taken", "tote_not_picked"})
"""Refusals that are part of any day: a colleague was faster, or is not done yet."""
DOCK_BATCH_MAX: Final = 40


class Person:
    """Somebody with a badge at a station of one warehouse."""

    def __init__(self, world: World, site: Site, door: Door, station: str, badge: str) -> None:
        """`door` leads to the warehouse's edge."""
        self.world = world
        self.site = site
        self.door = door
        self.station = station
        self.badge = badge
        self.surprises: list[str] = []
        """Answers nobody expected: the report shows them, a test demands none."""

    async def work(self) -> None:
        """Look at the screen and act, until cancelled at the end of the day."""
        while True:
            screen = await self.door.get(f"/api/v1/stations/{self.station}")
            if screen["person"] is None:
                await self.scan(self.badge)
            elif not await self.act(screen):
                await asyncio.sleep(IDLE_SECONDS)

    async def act(self, screen: dict[str, Any]) -> bool:
        """Do what the screen asks; return False when there is nothing to do."""
        # Not abstract: the receiver is told what to unload and never works off a screen.
        raise NotImplementedError(type(self).__name__)

    async def scan(self, *texts: str) -> list[dict[str, Any]]:
        """Scan and return the answers, remembering what was refused."""
        answers = await self.door.scan(self.station, *texts)
        for text, answer in zip(texts, answers, strict=True):
            if answer["outcome"] == "rejected" and answer["code"] not in EVERYDAY:
                self.surprises.append(f"{self.station} {text}: {answer['code']}")
        return answers


class Picker(Person):
    """Walks with a cart and a handheld."""

    async def act(self, screen: dict[str, Any]) -> bool:
        """Take a list, a cart, and work stop by stop."""
        step = screen["step"]
        if step == "home":
            if not screen["open_lists"]:
                return False
            await self.scan("BC:PICK")
        elif step == "cart":
            await self.scan(self.site.next_cart())
        elif step in {"bin", "unit"}:
            await self.work_at_stop(screen)
        elif step == "done":
            self.push_to_benches(screen["pick_list"])
            await self.scan("BC:BACK")
        return True

    async def work_at_stop(self, screen: dict[str, Any]) -> None:
        """Scan the bin, then every unit taken from it, in one batch as the handheld sends them."""
        picks = screen["pick_list"]
        stop = next(item for item in picks["stops"] if item["stop_no"] == screen["stop_no"])
        wanted = stop["quantity"] - stop["picked"] - stop["short"]
        units = self.site.take(stop["bin"], stop["sku"], wanted)
        goods = self.world.goods[stop["sku"]]
        texts = [] if screen["bin_scanned"] else [stop["bin"]]
        texts += [serial if goods.policy == "full" else goods.gtin for serial in units]
        if missing := wanted - len(units):
            texts.append(f"BC:SHORT:{missing}")
        answers = await self.scan(*texts)
        taken = [item for item in answers if "tote" in item["params"]]
        for serial, answer in zip(units, taken, strict=False):
            self.site.totes[answer["params"]["tote"]].append((goods.sku, serial))

    def push_to_benches(self, pick_list: dict[str, Any]) -> None:
        """The cart is full: its totes wait for packers, in the order of the cart."""
        totes = {line["tote"] for stop in pick_list["stops"] for line in stop["lines"]}
        self.site.filled.extend(sorted(tote for tote in totes if self.site.totes[tote]))


class Packer(Person):
    """Scans out, weighs, labels. Handles the scale and the printer of one bench."""

    def __init__(self, *person: Any, hardware: Door, scale: str, printer: str) -> None:
        """`hardware` is the control door of the simulated devices: hands, so to speak."""
        super().__init__(*person)
        self.hardware = hardware
        self.scale = scale
        self.printer = printer
        self.random = Random(self.station)
        self.tote = ""
        self.boxes: list[tuple[str, str]] = []
        self.put_at = 0.0

    async def act(self, screen: dict[str, Any]) -> bool:
        """Do the bench's present step."""
        if screen["halt"] is not None:
            await self.solve(screen)
            return True
        steps: dict[str, Callable[[dict[str, Any]], Awaitable[bool]]] = {
            "tote": self.fetch_tote,
            "scan_out": self.scan_out,
            "weigh": self.weigh,
            "label": self.stick_label,
        }
        return await steps[screen["step"]](screen)

    async def fetch_tote(self, screen: dict[str, Any]) -> bool:
        """Take a box from the waiting shelf that can have its label, or the next tote."""
        place = screen["ask"]["params"].get("tote", "")
        if not self.tote and place in self.site.shelf:
            self.tote, self.boxes = place, self.site.shelf.pop(place)
        if not self.tote:
            if not self.site.filled:
                return False
            self.tote = self.site.filled.popleft()
        answers = await self.scan(self.tote)
        if answers[0]["code"] == "waybill_not_there":
            self.site.shelf[self.tote] = self.boxes
            self.tote, self.boxes = "", []
        elif answers[0]["outcome"] == "rejected" and answers[0]["code"] != "tote_not_picked":
            self.tote, self.boxes = "", []
        return True

    async def scan_out(self, screen: dict[str, Any]) -> bool:
        """Scan each unit out of the tote into the box."""
        self.tote = self.tote or screen["parcel"]["tote"]
        if not self.boxes:
            self.boxes = [
                (sku, serial or self.label_of(sku)) for sku, serial in self.site.totes[self.tote]
            ]
        done = {
            item["serial"] for line in screen["lines"] for item in line["serials"] if item["packed"]
        }
        left = {line["sku"]: line["quantity"] - line["packed"] for line in screen["lines"]}
        texts = []
        for sku, text in self.boxes:
            if text not in done and left.get(sku, 0) > 0:
                left[sku] -= 1
                if self.world.goods[sku].policy == "ship":
                    texts.append(self.world.goods[sku].gtin)
                texts.append(text)
        await self.scan(*texts)
        return True

    def label_of(self, sku: str) -> str:
        """Return what stands on a box without a known SN: its own new SN, or the GTIN."""
        goods = self.world.goods[sku]
        return self.world.serial_on_box(sku) if goods.policy == "ship" else goods.gtin

    async def weigh(self, _: dict[str, Any]) -> bool:
        """Put the parcel on the scale, hands off; if nothing happens, lift it and try again."""
        now = asyncio.get_running_loop().time()
        if now - self.put_at > PATIENCE_SECONDS:
            if self.put_at:
                await self.put_on_scale(0)
            self.put_at = now
            await self.put_on_scale(
                sum(self.world.goods[sku].weight_grams for sku, _ in self.boxes)
                + CARTON_GRAMS
                + self.random.randint(-5, 5)
            )
            await asyncio.sleep(SETTLE_SECONDS)
        await asyncio.sleep(LOOK_SECONDS)
        return True

    async def put_on_scale(self, grams: int) -> None:
        """Load or clear the scale of this bench."""
        await self.hardware.send("PUT", f"/scales/{self.scale}", json={"grams": grams})

    async def stick_label(self, screen: dict[str, Any]) -> bool:
        """Once the label came out: stick it on, scan it, clear the scale, pass the parcel on."""
        if screen["label"]["state"] != "confirmed":
            await asyncio.sleep(LOOK_SECONDS)
            return True
        await self.hand_over(screen["label"]["waybill"])
        return True

    async def hand_over(self, waybill: str) -> None:
        """Scan the label on the parcel; it then waits at the dock."""
        answers, _ = await asyncio.gather(self.scan(waybill), self.put_on_scale(0))
        if answers[0]["outcome"] == "rejected":
            return
        if waybill not in self.site.parcels:
            self.site.parcels[waybill] = self.boxes
            self.site.totes[self.tote] = []
            self.site.packed.append(waybill)
        self.tote, self.boxes, self.put_at = "", [], 0.0

    async def lay_on_shelf(self) -> None:
        """The courier has not issued the number yet: the closed box waits on a shelf."""
        self.site.places += 1
        place = f"W{self.site.places // 100:02d}-{self.site.places % 100:02d}-1"
        answers, _ = await asyncio.gather(self.scan(place), self.put_on_scale(0))
        if answers[0]["outcome"] != "rejected":
            self.site.totes[self.tote] = []
            self.site.shelf[place] = self.boxes
            self.tote, self.boxes, self.put_at = "", [], 0.0

    async def solve(self, screen: dict[str, Any]) -> None:
        """Do what the red, amber or violet screen says."""
        code = screen["halt"]["code"]
        if code == "print_unknown":
            tray = await self.hardware.get(f"/printers/{self.printer}/tray")
            waybill = screen["label"]["waybill"]
            if any(waybill in label["file"] for label in tray["labels"]):
                await self.hand_over(waybill)
            else:
                await self.scan("BC:REPRINT:missing")
        elif code == "waybill_pending":
            await self.lay_on_shelf()
        elif code == "waybill_ready":
            await self.scan("BC:LABEL")
        elif code == "printer_paper_out":
            await self.hardware.send("PUT", f"/printers/{self.printer}", json={"paper_out": False})
        elif code.startswith("refund"):
            await self.scan(REFUND_RACK)
            self.site.totes[self.tote] = []
            self.tote, self.boxes = "", []
        elif code in {"too_heavy", "too_light"}:
            await self.put_on_scale(0)
            await self.scan("BC:PACKING")
        else:
            await self.scan("BC:ACK")
        await asyncio.sleep(LOOK_SECONDS)


class Loader(Person):
    """Hands the parcels to the couriers at the dock."""

    async def act(self, _: dict[str, Any]) -> bool:
        """Scan the waybills of whatever stands at the door."""
        if not self.site.packed:
            return False
        batch = [
            self.site.packed.popleft() for _ in range(min(DOCK_BATCH_MAX, len(self.site.packed)))
        ]
        for waybill, answer in zip(batch, await self.scan(*batch), strict=True):
            if answer["outcome"] != "rejected" or answer["code"] == "already_shipped":
                self.site.carried_away[waybill] = self.site.parcels[waybill]
        return True


class Receiver(Person):
    """Unloads the morning's truck: every unit's SN is scanned in."""

    async def receive(self, asn: str, lines: list[StockLine]) -> None:
        """Scan the notice, then bin by bin each unit."""
        screen = await self.door.get(f"/api/v1/stations/{self.station}")
        if screen["person"] is None:
            await self.scan(self.badge)
        await self.scan(asn)
        for line in lines:
            await self.scan(line.bin, *line.serials)
            self.site.put(line)
