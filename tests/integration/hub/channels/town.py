"""A real hub process and simulated shops that talk over real HTTP, both on loopback."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import uvicorn

from hub.shops.simulated.server import Face, Stage, create_shop
from hub.shops.vault import Vault
from shared.runtime.serve import PromptServer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WAIT_SECONDS = 30.0
PACE = {
    "BINCARD_HUB_SHOP_ROUND_MS": "60",
    "BINCARD_HUB_SHOP_PULL_MS": "200",
    "BINCARD_HUB_SHOP_RETRY_MS": "20",
    "BINCARD_HUB_SHOP_LATE_MS": "500",
    "BINCARD_HUB_SHOP_TIMEOUT_MS": "400",
    "BINCARD_HUB_SHOP_LOOK_MS": "2000",
}
ADDRESS: dict[str, Any] = {"country": "CN", "province": "上海", "city": "上海", "street": "旧街"}
NUMBERS = itertools.count(1)


def until(what: str, check: Callable[[], Any]) -> Any:
    """Ask again and again until `check` says something true, or fail after a deadline."""
    deadline = time.monotonic() + WAIT_SECONDS
    pause = threading.Event()
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        pause.wait(0.05)


KEYS = {"webhook_secret": SECRET, "access_token": "t", "consumer_key": "ck"}


class ServedHub:
    """The hub process of the hub tests."""

    def __init__(self, process: Any) -> None:
        self.process = process

    @property
    def client(self) -> httpx.Client:
        client: httpx.Client = self.process.client
        return client

    def keep_keys(self, channel: str, shop: str, keys: dict[str, str]) -> None:
        Vault(self.process.state / "shops", {}).keep(channel, shop, json.dumps(keys).encode())

    def get(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def import_csv(self, kind: str, content: str) -> None:
        answer = self.client.post(f"/api/v1/imports/{kind}", content=content.encode())
        assert answer.json()["errors"] == []

    def stock(self, sku: str, units: int) -> None:
        head = "sku,gtin,name,unit_weight_grams,length_mm,width_mm,height_mm,serial_policy\n"
        self.import_csv("products", f"{head}{sku},,线,50,10,10,10,none\n")
        head = "warehouse,bin,sku,quantity,serial_numbers\n"
        self.import_csv("stock", f"{head}SHA,A-01,{sku},{units},\n")

    def available(self, sku: str) -> int:
        return int(self.get(f"/api/v1/availability?sku={sku}")[0]["available"])


class Shop:
    """A simulated shop in a thread with a SKU of its own, served by the hub under its own name."""

    def __init__(self, hub: ServedHub, face: Face = "generic", units: int = 10) -> None:
        self.hub = hub
        self.channel: str = face
        number = next(NUMBERS)
        self.name, self.sku = f"shop{number}", f"SKU{number}"
        self.stage = Stage(SECRET, "", face)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.root = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        config = uvicorn.Config(
            create_shop(self.stage), log_level="error", timeout_graceful_shutdown=1
        )
        self._server = PromptServer(config, asyncio.Event())
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._server.serve(sockets=[self._listener]))
        )
        self.http = httpx.Client(base_url=self.root, timeout=30, trust_env=False)
        self._thread.start()
        until("the shop answers", lambda: self._server.started)
        hub.stock(self.sku, units)

    def join(self, **fields: Any) -> None:
        """Have the hub serve this shop."""
        self.hub.keep_keys(self.channel, self.name, KEYS)
        request = {
            "channel": self.channel, "shop": self.name, "url": f"{self.root}/{self.channel}",
            "options": {"location_id": "gid://shopify/Location/1"}, "publish_percent": 100,
            **fields,
        }  # fmt: skip
        answer = self.hub.client.post("/api/v1/shops", json=request)
        assert answer.status_code == 200, answer.text
        assert answer.json()["secrets"] is True
        self.stage.webhook_url = self.webhook_url

    def join_by_command(self) -> str:
        """Have the hub serve this shop, as an installer would; return what the command printed."""
        file = self.hub.process.file(f"{self.name}.json", json.dumps(KEYS))
        done = self.hub.process.command(
            "add-shop", f"--channel={self.channel}", f"--shop={self.name}",
            f"--url={self.root}/{self.channel}", f"--secret-file={file}",
            "--publish-percent=100", "--option=courier_SF=505",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        self.stage.webhook_url = self.webhook_url
        return str(done.stdout + done.stderr)

    @property
    def webhook_url(self) -> str:
        base = str(self.hub.client.base_url).rstrip("/")
        return f"{base}/api/v1/channels/{self.channel}/{self.name}/webhook"

    def stop(self) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(20)
        self.http.close()

    def _post(self, path: str, body: Any) -> Any:
        answer = self.http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def sell(self, order_no: str, units: int, *, sku: str = "", **other: Any) -> Any:
        lines = [(sku or self.sku, units)]
        return self._post("/shop/sell", {"order_no": order_no, "lines": lines, **other})

    def change(self, order_no: str, **fields: Any) -> Any:
        return self._post(f"/shop/orders/{order_no}/change", fields)

    def tell(self, order_no: str, version: int | None = None) -> int:
        told = self._post("/shop/tell", {"order_no": order_no, "version": version})
        return int(told["answer"])

    def fault(self, on: str, wrong: str, times: int = 1) -> None:
        self._post("/shop/faults", {"on": on, "wrong": wrong, "times": times})

    def catch_up(self) -> list[int]:
        return list(self._post("/shop/catch-up", {})["answers"])

    @property
    def books(self) -> dict[str, Any]:
        return dict(self.http.get("/shop/books").json())

    @property
    def shown(self) -> int:
        return int(self.books["shown"].get(self.sku, 0))

    def order(self, order_no: str) -> dict[str, Any] | None:
        """Return the hub's order behind one of the shop's."""
        query = {"order_no": order_no, "channel": self.channel, "shop": self.name}
        found = self.hub.client.get("/api/v1/orders", params=query).json()["items"]
        return found[0] if found else None

    def state(self) -> dict[str, Any]:
        """Return how the shop stands at the hub."""
        return next(one for one in self.hub.get("/api/v1/shops") if one["shop"] == self.name)

    @property
    def path(self) -> str:
        return f"/api/v1/shops/{self.channel}/{self.name}"

    def list_sku(self) -> None:
        answer = self.hub.client.post(f"{self.path}/listings", json={"skus": [self.sku]})
        assert answer.status_code == 200, answer.text

    def listing(self) -> dict[str, Any]:
        page = self.hub.get(f"{self.path}/listings")
        return dict(next(one for one in page["items"] if one["sku"] == self.sku))

    def exceptions(self, kind: str) -> list[dict[str, Any]]:
        """Return the open exceptions of a kind that concern this shop."""
        page = self.hub.get(f"/api/v1/exceptions?open=yes&kind={kind}&limit=200")
        mark = f"{self.channel}/{self.name}"
        return [one for one in page["items"] if mark in one["subject"] + one["sentence"]]
