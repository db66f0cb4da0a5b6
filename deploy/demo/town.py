"""Everything that stands in the demo: the hub, the warehouses with their lines, and their devices.

One object per building, each made of real processes on this machine. Ports are chosen by the system
on the first start and kept for restarts.
"""

from __future__ import annotations

import json
import secrets
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from deploy.demo.door import Door
from deploy.demo.line import Line
from deploy.demo.processes import Service, run
from hub.domain.courier_choice import DEFAULT_COURIERS
from hub.domain.waybill_numbers import mod10

PEOPLE: Final = Path(__file__).parents[1] / "sample" / "people.csv"
SCALE_CAPACITY_GRAMS: Final = 300_000
"""The demo must carry whatever goods it is given, so its benches have platform scales."""
PORTS: Final = range(20_000, 32_000)
BENCHES_MAX: Final = 4
BENCHES_TOTAL_MAX: Final = 18
PICKERS_PER_WAREHOUSE: Final = 2
LEASED: Final = "ZTO"
"""The courier that handed out a range of waybill numbers."""
ONLINE: Final = "YTO"
"""The courier that issues a number for each parcel when it is asked."""
NUMBERS_FROM: Final = 70_000_000_000


def benches_for(warehouses: int) -> int:
    """Return how many benches each warehouse gets, so that one machine can carry them all."""
    return max(1, min(BENCHES_MAX, BENCHES_TOTAL_MAX // warehouses))


def free_port() -> int:
    """Return a TCP port that is free now and that no outgoing connection will take.

    Ports the system hands out by itself begin at 32768 (Linux `ip_local_port_range`); one of those
    could become somebody's client port before the service binds it.
    """
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class HubBuilding:
    """Head office."""

    def __init__(self, state: Path, *, couriers_issue: bool = False) -> None:
        """All of the hub lives under `state`; it makes all waybill numbers unless couriers do."""
        self.state = state
        self.database = state / "hub.db"
        self.http_port = free_port()
        self.sync_port = free_port()
        self.settings = {
            "BINCARD_HUB_STATE_DIR": str(state),
            "BINCARD_HUB_DATABASE_URL": f"sqlite:///{self.database}",
            "BINCARD_HUB_HTTP_PORT": str(self.http_port),
            "BINCARD_HUB_SYNC_PORT": str(self.sync_port),
        }
        self._courier = self._add_couriers() if couriers_issue else None
        self.service = Service("hub", ["hub", "serve"], self.settings, state)
        self.url = f"http://127.0.0.1:{self.http_port}"
        self._door: Door | None = None

    def _add_couriers(self) -> Service:
        """Two couriers let the hub make numbers, one handed out ranges, one is asked for each."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        kinds: dict[str, dict[str, Any]] = {
            LEASED: {"numbers": "leased", "check": "mod10"},
            ONLINE: {"numbers": "online", "url": url},
        }
        table = [
            msgspec.structs.replace(one, **kinds.get(one.courier, {})) for one in DEFAULT_COURIERS
        ]
        self.state.mkdir(parents=True, exist_ok=True)
        path = self.state / "couriers.json"
        path.write_bytes(msgspec.json.encode(table))
        self.settings["BINCARD_HUB_COURIERS"] = str(path)
        asked = ["hub", "simulate-courier", "--port", str(port), "--prefix", "YT"]
        return Service("courier", asked, {}, self.state / "courier")

    def load_numbers(self, count: int) -> None:
        """Load the range of waybill numbers that one courier handed out."""
        ends = (f"{NUMBERS_FROM + place}" for place in (1, count))
        first, last = (f"ZT{digits}{mod10(digits)}" for digits in ends)
        path = self.state / "waybills.csv"
        path.write_text(f"first,last\n{first},{last}\n", encoding="utf-8")
        self.run("import-waybills", str(path), "--courier", LEASED, "--strict")

    @property
    def door(self) -> Door:
        """The hub's HTTP door; only after `open`."""
        if self._door is None:
            raise RuntimeError("the hub is not open yet")
        return self._door

    async def open(self) -> Door:
        """Start the hub and a courier that it can ask; get a token for its door."""
        if self._courier is not None:
            self._courier.start()
        self.service.start()
        await self.service.ready()
        made = self.run("create-token", "--name", "demo", "--scopes", "admin")
        self._door = Door(self.url, token=made.strip().split()[-1])
        return self._door

    async def close(self) -> None:
        """Stop the hub."""
        if self._door is not None:
            await self._door.close()
        self.service.stop()
        if self._courier is not None:
            self._courier.stop()

    async def enrolment_code(self, warehouse: str) -> str:
        """Return a one-time code for the edge of a warehouse."""
        return self.run("enrol-edge", "--warehouse", warehouse).strip().split()[-1]

    def run(self, *arguments: str) -> str:
        """Run one `bincard hub` command against this hub; raises with its words when it fails."""
        done = run(["hub", *arguments], self.settings)
        if done.returncode != 0:
            raise RuntimeError(f"bincard hub {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout


class Warehouse:
    """One warehouse: its edge, its devices process, its simulated hardware and its line."""

    def __init__(self, code: str, state: Path, hub: HubBuilding, benches: int, trays: Path) -> None:
        """`trays` is the folder into which the simulated printers drop labels."""
        self.code = code
        self.hub = hub
        self.state = state
        self.benches = [f"bench-{number}" for number in range(1, benches + 1)]
        self.line = Line(hub.sync_port)
        self.trays = trays
        self.http_port = free_port()
        self.control_port = free_port()
        self.requests = f"tcp://127.0.0.1:{free_port()}"
        self.events = f"tcp://127.0.0.1:{free_port()}"
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.database = state / "edge" / "edge.db"
        self.door = Door(self.url)
        self.hardware = Door(f"http://127.0.0.1:{self.control_port}")
        self.edge_settings: dict[str, str] = {}
        """Before `open`: what differs from the demo. Afterwards: all settings of the edge."""
        self.services: dict[str, Service] = {}

    def equipment(self, bench: str) -> tuple[str, str]:
        """Return the scale and the printer of a bench."""
        number = bench.rpartition("-")[2]
        return f"scale-{number}", f"printer-{number}"

    async def open(self) -> None:
        """Start the line, the hardware, the devices process and the edge; enrol it once."""
        await self.line.open()
        self._write_device_files()
        code = await self.hub.enrolment_code(self.code)
        self.edge_settings = {
            "BINCARD_EDGE_WAREHOUSE": self.code,
            "BINCARD_EDGE_STATE_DIR": str(self.state / "edge"),
            "BINCARD_EDGE_DATABASE_URL": f"sqlite:///{self.database}",
            "BINCARD_EDGE_HTTP_PORT": str(self.http_port),
            "BINCARD_EDGE_HUB_URL": self.hub.url,
            "BINCARD_EDGE_HUB_SYNC": f"tcp://127.0.0.1:{self.line.port}",
            "BINCARD_EDGE_ENROLMENT_CODE": code,
            "BINCARD_EDGE_PEOPLE": str(PEOPLE),
            "BINCARD_EDGE_DEVICES_REQUESTS": self.requests,
            "BINCARD_EDGE_DEVICES_EVENTS": self.events,
            "BINCARD_EDGE_STATIONS": json.dumps(
                {
                    bench: dict(zip(("scale", "printer"), self.equipment(bench), strict=True))
                    for bench in self.benches
                }
            ),
            **self.edge_settings,
        }
        devices_settings = {
            "BINCARD_DEVICES_CONFIG": str(self.state / "devices.json"),
            "BINCARD_DEVICES_REQUESTS": self.requests,
            "BINCARD_DEVICES_EVENTS": self.events,
            "BINCARD_DEVICES_STATE_DIR": str(self.state / "devices"),
        }
        simulate = ["devices", "simulate", "--config", str(self.state / "simulator.json")]
        for name, command, settings in (
            ("simulator", simulate, {}),
            ("devices", ["devices", "serve"], devices_settings),
            ("edge", ["edge", "serve"], self.edge_settings),
        ):
            if name != "edge" and not self.benches:
                continue
            service = Service(f"{self.code} {name}", command, settings, self.state / name)
            self.services[name] = service
            service.start()
            await service.ready()

    def _write_device_files(self) -> None:
        """Write what is connected, for the devices process and for the simulator."""
        self.state.mkdir(parents=True, exist_ok=True)
        devices: list[dict[str, Any]] = []
        scales: list[dict[str, Any]] = []
        printers: list[dict[str, Any]] = []
        for bench in self.benches:
            scale, printer = self.equipment(bench)
            tty = str(self.state / "simulator" / f"{scale}.tty")
            port = free_port()
            manner = {"capacity_grams": SCALE_CAPACITY_GRAMS}
            scales.append({"name": scale, "protocol": "mt-sics", "port": tty, "manner": manner})
            printers.append(
                {
                    "name": printer,
                    "host": "127.0.0.1",
                    "port": port,
                    "tray": str(self.trays / printer),
                }
            )
            devices += [
                {"name": scale, "kind": "scale", "protocol": "mt-sics", "port": tty},
                {
                    "name": printer,
                    "kind": "printer",
                    "driver": "tcp9100",
                    "host": "127.0.0.1",
                    "port": port,
                    "dots_per_mm": 8,
                    "media": "76x130",
                },
            ]
        (self.state / "devices.json").write_text(json.dumps({"devices": devices}))
        (self.state / "simulator.json").write_text(
            json.dumps(
                {
                    "state_dir": str(self.state / "simulator"),
                    "control_port": self.control_port,
                    "scales": scales,
                    "printers": printers,
                }
            )
        )

    async def close(self) -> None:
        """Stop the processes, the edge first so that it can say goodbye."""
        for name in ("edge", "devices", "simulator"):
            if name in self.services:
                self.services[name].stop()
        await self.line.close()
        await self.door.close()
        await self.hardware.close()
