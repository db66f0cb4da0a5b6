"""A small warehouse on real SQLite: goods in totes, a lead, a packer, two benches, a dock."""

from __future__ import annotations

import itertools
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from devices.messages import JobState
from edge.domain.site import Bench, Site
from edge.domain.verdict import Verdict
from edge.services import print_label, weigh
from edge.services.bench_view import bench_view
from edge.services.commands import carry_out
from edge.services.floor import Floor
from edge.services.scan import ScanAnswer, ScanRequest, scan_once
from edge.services.verify import verify
from edge.store import fact_log, parcels, people, print_jobs, products, stations
from edge.store.parcels import ParcelRow
from edge.store.print_jobs import PrintJob
from shared.domain.catalogue import Product, Recipient
from shared.domain.commands import (
    AssignParcel,
    Command,
    CommandRecord,
    ParcelLine,
    command_kind_of,
    encode_command,
)
from shared.domain.facts import Fact, decode_fact
from shared.runtime.database import Database, Transaction
from shared.runtime.migrate import migrate

EPOCH_MS = 1_763_700_000_000
NODE = "JX"
PHONE, CHARGER, CABLE, CASE = "PH-1", "CH-1", "CB-1", "KS-1"
GOODS = (
    (PHONE, "6901200000019", "云驰手机", 420, "full"),
    (CHARGER, "6901200000026", "云驰充电器", 184, "ship"),
    (CASE, "6901200000040", "云驰键盘", 890, "ship"),
    (CABLE, "6901200000033", "云驰数据线", 45, "none"),
)
SITE = Site(
    warehouse=NODE,
    name="嘉兴仓",
    benches={
        "bench-1": Bench("scale-1", "printer-1", "scanner-1"),
        "bench-2": Bench("scale-2", "printer-2", "scanner-2"),
    },
)


class SteppingClock:
    """Every look at the clock is one millisecond later."""

    def __init__(self) -> None:
        self._ticks = itertools.count(1)

    def wall_ms(self) -> int:
        return EPOCH_MS + next(self._ticks)

    def mono_ms(self) -> int:
        return next(self._ticks)


class SeededEntropy:
    """Randomness that a failing test can repeat."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def token_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)


class Told:
    """Remembers what pages and devices were told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    def publish(self, event: str, data: object = None) -> None:
        self.events.append((event, data))

    def hardware(self) -> list[dict[str, Any]]:
        """Return what devices were asked since the last look."""
        asked = [data for event, data in self.events if event == "hardware"]
        self.events.clear()
        return asked


class Warehouse:
    """The books and the doors to them."""

    site = SITE

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = SteppingClock()
        self.entropy = SeededEntropy(7)
        self.told = Told()
        self._ids = itertools.count(1)
        migrate(path, "edge", "edge.store.migrations")
        self.database = Database(path)
        self.database.write_sync(self._begin)

    def _begin(self, tx: Transaction) -> None:
        fact_log.ensure_identity(tx.sql, NODE, self.entropy)
        products.put(
            tx.sql,
            [
                Product(
                    sku=sku, gtin=gtin, name=name, unit_weight_grams=grams, length_mm=100,
                    width_mm=100, height_mm=50, serial_policy=policy,  # type: ignore[arg-type]
                )
                for sku, gtin, name, grams, policy in GOODS
            ],
        )  # fmt: skip
        people.put(
            tx.sql,
            [people.Person("BDG-1", "孙倩", "packer"), people.Person("BDG-9", "周明", "lead")],
        )

    def kill_and_restart(self) -> None:
        """Open the file again, with nothing remembered outside it."""
        self.database.close()
        self.database = Database(self.path)

    def floor(self, tx: Transaction, op_id: str, actor: str) -> Floor:
        return Floor(
            tx, op_id=op_id, actor=actor, clock=self.clock, entropy=self.entropy, site=SITE,
            live=self.told,
        )  # fmt: skip

    def picked(
        self,
        tote: str,
        lines: dict[str, int],
        *,
        serials: tuple[str, ...] = (),
        parcel_id: str = "",
        short: int = 0,
        numbered: bool = True,
    ) -> str:
        """Put a picked parcel into `tote`; return its id. Each line lacks `short` units."""
        number = next(self._ids)
        parcel_id = parcel_id or f"parcel-{number:08d}"

        def work(tx: Transaction) -> None:
            floor = self.floor(tx, f"picked-{number}", "BDG-1")
            made = assignment(parcel_id, number, lines)
            made = made if numbered else msgspec.structs.replace(made, waybill="")
            parcels.insert(tx.sql, made, command_id=f"cmd-{number}", at_ms=1)
            for line_no, (sku, quantity) in enumerate(lines.items(), 1):
                self._pick(floor, parcel_id, line_no, sku, quantity - short, tote, serials)
            row = parcels.get(tx.sql, parcel_id)
            assert row is not None
            parcels.set_state(tx.sql, row, "picked", 1, tote=tote)

        self.database.write_sync(work)
        return parcel_id

    def _pick(
        self, floor: Floor, parcel_id: str, line_no: int, sku: str, quantity: int, tote: str,
        serials: tuple[str, ...],
    ) -> None:  # fmt: skip
        floor.move(sku, quantity, "supplier", "bin:B01-1-1")
        for serial in serials if sku == PHONE else ():
            floor.serial(serial, sku, "receive", "bin:B01-1-1")
            floor.serial(serial, sku, "pick", f"tote:{tote}", parcel_id)
            parcels.add_picked(floor.sql, parcel_id, line_no, 1, serial)
        floor.move(sku, quantity, "bin:B01-1-1", f"tote:{tote}")
        if sku != PHONE:
            parcels.add_picked(floor.sql, parcel_id, line_no, quantity, None)

    def scan(self, station: str, raw: str, *, op_id: str = "") -> ScanAnswer:
        """Scan through the door; a new operation unless `op_id` is given."""
        request = ScanRequest(op_id or f"op-{next(self._ids)}", station, 0, station, raw)
        return self.database.write_sync(lambda tx: scan_once(tx, request, self.floor))

    def scans(self, station: str, *texts: str) -> list[str]:
        """Scan one after the other; return the codes."""
        return [self.scan(station, text).verdict.code for text in texts]

    def settle(self, station: str, grams: int, placement: str = "") -> Verdict:
        """A load comes to rest on the scale of `station`."""
        load = weigh.Load(placement or f"load-{next(self._ids)}", "scale-1", grams, f"{grams} g")
        return self.database.write_sync(
            lambda tx: weigh.settled(self.floor(tx, load.weighing_id, "BDG-1"), station, load, None)
        )

    def command(self, command: Command, command_id: str = "") -> None:
        """Carry out what head office asks; raises what it is refused with."""
        name = command_id or f"cmd-{next(self._ids)}"
        record = CommandRecord(1, name, command_kind_of(command), 1, encode_command(command))
        self.database.write_sync(lambda tx: carry_out(self.floor(tx, name, "hub"), record))

    def wrong(self) -> list[str]:
        """Return what does not hold; picks are made up here, so the log does not tell of them."""
        found = self.database.read_sync(verify)
        checks = [check for check in found.checks if check.name != "picked_facts"]
        return [example for check in checks for example in check.examples]

    def report(
        self, parcel_id: str, state: JobState, trouble: str = "", *, unsent: bool = False
    ) -> JobState:
        """The devices process says something about the newest label of a parcel."""
        job_id = self.job(parcel_id).job_id
        return self.database.write_sync(
            lambda tx: print_label.reported(
                self.floor(tx, f"rep-{next(self._ids)}", "devices"),
                job_id,
                state,
                trouble=trouble,
                unsent=unsent,
            )
        )

    def ask_refund(self, parcel_id: str) -> None:
        """Head office asks to cancel."""

        def work(tx: Transaction) -> None:
            row = parcels.get(tx.sql, parcel_id)
            assert row is not None
            parcels.set_state(tx.sql, row, row.state, 2, cancel_command_id=f"cancel-{parcel_id}")

        self.database.write_sync(work)

    def packed(self, tote: str = "C01-01", station: str = "bench-1") -> str:
        """Take a parcel with one phone as far as a proven label; return its id."""
        parcel_id = self.picked(tote, {PHONE: 1}, serials=(f"SN{tote}",))
        self.scans(station, "BDG-1", tote, f"SN{tote}")
        self.settle(station, 540)
        self.report(parcel_id, "confirmed")
        assert self.scans(station, self.parcel(parcel_id).waybill) == ["parcel_done"]
        return parcel_id

    def view(self, station: str = "bench-1") -> dict[str, Any]:
        """Return what the bench shows."""
        return self.database.read_sync(
            lambda sql: bench_view(
                sql, stations.load(sql, station), SITE, instruments=None, now_ms=EPOCH_MS
            )
        )

    def parcel(self, parcel_id: str) -> ParcelRow:
        row = self.database.read_sync(lambda sql: parcels.get(sql, parcel_id))
        assert row is not None
        return row

    def job(self, parcel_id: str) -> PrintJob:
        row = self.database.read_sync(lambda sql: print_jobs.newest_of(sql, parcel_id))
        assert row is not None
        return row

    def jobs(self, parcel_id: str) -> list[PrintJob]:
        return self.database.read_sync(lambda sql: print_jobs.copies_of(sql, parcel_id))

    def facts(self) -> list[Fact]:
        """Return all facts, oldest first."""
        rows = self.query("SELECT body FROM facts ORDER BY seq")
        return [decode_fact(row["body"]) for row in rows]

    def balances(self) -> dict[str, int]:
        """Return every place that holds something as `account sku`: units."""
        rows = self.query("SELECT account, sku, quantity FROM balances WHERE quantity > 0")
        return {f"{row['account']} {row['sku']}": row["quantity"] for row in rows}

    def exceptions(self) -> set[tuple[str, str]]:
        """Return (subject, code) of what waits for a person."""
        rows = self.query("SELECT subject, code FROM exceptions WHERE solved_ms IS NULL")
        return {(row["subject"], row["code"]) for row in rows}

    def serial_state(self, serial: str) -> str:
        return str(self.query(f"SELECT state FROM serials WHERE serial = '{serial}'")[0]["state"])

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return all tables but the answers to scans, to show that nothing else changed."""
        tables = [
            row["name"]
            for row in self.query("SELECT name FROM sqlite_master WHERE type = 'table'")
            if row["name"] != "operations"
        ]
        return {
            name: [tuple(row) for row in self.query(f"SELECT * FROM {name}")] for name in tables
        }

    def query(self, statement: str) -> list[Any]:
        return self.database.read_sync(lambda sql: sql.execute(statement).fetchall())


def assignment(parcel_id: str, number: int, lines: dict[str, int]) -> AssignParcel:
    return AssignParcel(
        parcel_id=parcel_id,
        order_id=f"order-{number}",
        channel="taobao",
        shop="旗舰店",
        order_no=f"69{number:06d}",
        courier="SF",
        cut_off_ms=EPOCH_MS + 3_600_000,
        waybill=f"SF1389{number:08d}",
        sort_code="755W-H2-018",
        recipient=Recipient(
            name="李小明", phone="13712342206", country="CN", province="广东省", city="深圳市",
            district="南山区", street="粤海街道 1 号", postcode="518000",
        ),
        lines=tuple(
            ParcelLine(line_no, sku, quantity)
            for line_no, (sku, quantity) in enumerate(lines.items(), 1)
        ),
        buyer_remark="",
    )  # fmt: skip


@pytest.fixture
def warehouse(tmp_path: Path) -> Any:
    made = Warehouse(tmp_path / "edge.db")
    yield made
    made.database.close()


@pytest.fixture
def goods() -> Any:
    """The SKUs of this warehouse by their serial policy."""
    return msgspec.defstruct(
        "Goods", [("full", str), ("ship", str), ("ship2", str), ("none", str)]
    )(PHONE, CHARGER, CASE, CABLE)
