"""A whole warehouse on a real file, driven scan by scan, with a clock and randomness of its own."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from edge.domain.site import Site
from edge.services.commands import command_handler
from edge.services.floor import Floor
from edge.services.people import load_people
from edge.services.plan_wave import PlannedWave, plan_next_wave
from edge.services.scan import ScanAnswer, ScanRequest, scan_once
from edge.services.verify import verify
from edge.store import fact_log
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
from shared.domain.facts import Fact, StockRow, decode_fact
from shared.runtime.database import Database, Transaction
from shared.runtime.migrate import migrate

RECIPIENT = Recipient(
    name="张小三",
    phone="13712342206",
    country="CN",
    province="广东",
    city="深圳",
    district="南山",
    street="科技园 1 号",
    postcode="518000",
)
GTINS = {"PHONE": "6901234567892", "CABLE": "6901234567908", "LAMP": "6901234567915"}
POLICIES = {"PHONE": "full", "CABLE": "none", "LAMP": "ship"}
CUT_OFF_MS = 1_800_000_000_000


class SteppingClock:
    """Moves one second with every look."""

    def __init__(self) -> None:
        self.now_ms = 1_790_000_000_000

    def wall_ms(self) -> int:
        self.now_ms += 1_000
        return self.now_ms

    def mono_ms(self) -> int:
        return self.now_ms


class SeededEntropy:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def token_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)


class Told:
    """Remembers what open pages would have heard."""

    def __init__(self) -> None:
        self.events: list[tuple[str, object]] = []

    def publish(self, event: str, data: object = None) -> None:
        self.events.append((event, data))


class House:
    """One warehouse; every method is one transaction on its real database file."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SteppingClock()
        self.entropy = SeededEntropy(7)
        self.live = Told()
        self.site = Site(warehouse="SZ", name="Shenzhen")
        self.ops = 0
        handle = command_handler(self.clock, self.entropy, lambda: self.site, self.live)
        self._handle = handle
        database.write_sync(lambda tx: fact_log.ensure_identity(tx.sql, "SZ", self.entropy))
        database.write_sync(lambda tx: load_people(tx, None))
        self.command(
            SetProducts(
                products=tuple(
                    Product(
                        sku=sku,
                        gtin=gtin,
                        name=sku.title(),
                        unit_weight_grams=200,
                        length_mm=100,
                        width_mm=60,
                        height_mm=40,
                        serial_policy=POLICIES[sku],  # type: ignore[arg-type]
                    )
                    for sku, gtin in GTINS.items()
                )
            )
        )

    def floor(self, tx: Transaction, op_id: str, actor: str) -> Floor:
        return Floor(
            tx,
            op_id=op_id,
            actor=actor,
            clock=self.clock,
            entropy=self.entropy,
            site=self.site,
            live=self.live,
        )

    def write(self, work: Callable[[Floor], Any]) -> Any:
        op_id = self.op()
        return self.database.write_sync(lambda tx: work(self.floor(tx, op_id, "BDG-0001")))

    def op(self) -> str:
        self.ops += 1
        return f"op-{self.ops}"

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.database.read_sync(
            lambda sql: [tuple(row) for row in sql.execute(query, values)]
        )

    def command(self, command: Command, command_id: str = "") -> str:
        command_id = command_id or self.op()
        record = CommandRecord(
            self.ops + 1, command_id, command_kind_of(command), 1, encode_command(command)
        )
        self.database.write_sync(lambda tx: self._handle(tx, record))
        return command_id

    def load(self, *rows: StockRow) -> None:
        self.command(LoadStock(load_id=self.op(), rows=rows))

    def parcel(self, parcel_id: str, *lines: tuple[str, int], cut_off_ms: int = CUT_OFF_MS) -> str:
        return self.command(
            AssignParcel(
                parcel_id=parcel_id,
                order_id="O-" + parcel_id,
                channel="taobao",
                shop="shop-1",
                order_no="T-" + parcel_id,
                courier="SF",
                cut_off_ms=cut_off_ms,
                waybill="SF-" + parcel_id,
                sort_code="755-1",
                recipient=RECIPIENT,
                lines=tuple(
                    ParcelLine(number, sku, quantity)
                    for number, (sku, quantity) in enumerate(lines, start=1)
                ),
            )
        )

    def cancel(self, parcel_id: str) -> str:
        return self.command(CancelParcel(parcel_id=parcel_id, reason="buyer"))

    def plan(self) -> list[PlannedWave]:
        planned: list[PlannedWave] = []
        tried: frozenset[tuple[int, str]] = frozenset()
        while (wave := self._plan_one(tried)).group is not None:
            if wave.wave:
                planned.append(wave)
            else:
                tried |= {wave.group}
        return planned

    def _plan_one(self, tried: frozenset[tuple[int, str]]) -> PlannedWave:
        return self.write(lambda floor: plan_next_wave(floor, tried))  # type: ignore[no-any-return]

    def scan(self, raw: str, station: str = "handheld-07", op_id: str = "") -> ScanAnswer:
        request = ScanRequest(op_id or self.op(), "device-1", self.ops, station, raw)
        return self.database.write_sync(lambda tx: scan_once(tx, request, self.floor))

    def codes(self, *raws: str, station: str = "handheld-07") -> list[str]:
        return [self.scan(raw, station).verdict.code for raw in raws]

    def start_picking(self, cart: str = "C04") -> None:
        codes = self.codes("BDG-0002", "BC:PICK", cart)
        assert codes == ["hello", "list_yours", "cart_ready"], codes

    def facts(self, *kinds: str) -> list[Fact]:
        rows = self.sql("SELECT kind, body FROM facts ORDER BY seq")
        return [decode_fact(body) for kind, body in rows if not kinds or kind in kinds]

    def state(self, parcel_id: str) -> str:
        return str(self.sql("SELECT state FROM parcels WHERE parcel_id = ?", parcel_id)[0][0])

    def waiting(self) -> list[str]:
        """Codes of what waits for a person, oldest first."""
        return [
            str(row[0])
            for row in self.sql(
                "SELECT code FROM exceptions WHERE solved_ms IS NULL ORDER BY opened_ms"
            )
        ]

    def wrong(self) -> list[str]:
        """What `verify` finds; an empty list is a kept promise."""
        result = self.database.read_sync(verify)
        return [f"{check.name}: {text}" for check in result.checks for text in check.examples]


@pytest.fixture
def house(tmp_path: Any) -> Iterator[House]:
    path = tmp_path / "edge.db"
    migrate(path, "edge", "edge.store.migrations")
    database = Database(path)
    yield House(database)
    database.close()
