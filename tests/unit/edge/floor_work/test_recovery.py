"""A disk that went back in time wins its past back, whatever the moment of the copy was."""

import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.domain.site import Bench
from edge.services import print_label, weigh
from edge.services.recover import recover
from edge.services.solve import solve
from edge.services.take_back import GradeRequest, ReturnRequest, grade_again, take_back
from edge.store import copies, fact_log, ledger, print_jobs, quotas, recoveries, serials
from shared.domain.commands import CancelParcel, CommandRecord
from shared.domain.errors import Forbidden
from shared.domain.facts import LogGap, StockRow
from shared.runtime.clock import SystemEntropy
from shared.runtime.database import Database
from shared.sync.protocol import LogMark, QuotaTotal

GTINS = {"CABLE": "6901234567908", "LAMP": "6901234567915"}
PHONES = tuple(f"SN{number:03d}" for number in range(6))
LAMPS = itertools.count(1)


class Day:
    """One short day with a bit of everything, step by step, and copies of the books between."""

    def __init__(self, house: Any, folder: Path) -> None:
        self.house, self.folder = house, folder
        self.commands: list[Any] = []
        self.moments: list[tuple[Path, int]] = []
        house.site = msgspec.structs.replace(
            house.site, benches={"bench-1": Bench("scale-1", "printer-1", "scanner-1")}
        )
        plain = house._handle

        def noted(tx: Any, record: CommandRecord) -> None:
            self.commands.append(record)
            plain(tx, record)

        house._handle = noted

    def copy(self) -> None:
        path = self.folder / f"copy-{len(self.moments)}.db"
        self.house.database._sql.execute("VACUUM INTO ?", (str(path),))
        self.moments.append((path, len(self.commands)))

    def live(self) -> None:
        steps = [
            self.stock, self.orders, self.wave, self.pick, self.pick_on,
            lambda: self.pack("P1"), lambda: self.leave("P1"), lambda: self.pack("P3"),
            self.call_back, lambda: self.leave("P3"), self.come_back, self.late_order,
        ]  # fmt: skip
        for step in steps:
            step()
            self.copy()

    def stock(self) -> None:
        self.house.load(
            StockRow("B01-01-1", "PHONE", 6, PHONES),
            StockRow("B02-03-1", "CABLE", 3),
            StockRow("B04-01-1", "LAMP", 4),
        )

    def orders(self) -> None:
        for parcel_id, sku, units in (
            ("P1", "PHONE", 1), ("P2", "CABLE", 5), ("P3", "LAMP", 1), ("P4", "PHONE", 2)
        ):  # fmt: skip
            self.house.parcel(parcel_id, (sku, units))

    def wave(self) -> None:
        self.house.load(StockRow("B05-01-1", "CABLE", 3))
        self.house.plan()

    def pick(self) -> None:
        self.house.start_picking()
        self._scan_on(2)

    def pick_on(self) -> None:
        self._scan_on(1_000)

    def _scan_on(self, scans: int) -> None:
        used = {row[0] for row in self.house.sql("SELECT serial FROM parcel_serials")}
        phones = iter([serial for serial in PHONES if serial not in used])
        for _ in range(scans):
            answer = self.house.scan("nonsense").verdict
            if answer.ask == "scan_bin":
                self.house.scan(str(answer.ask_params["bin"]))
            elif answer.ask == "scan_sn":
                self.house.scan(next(phones))
            elif answer.ask == "scan_gtin":
                sku, left = str(answer.ask_params["sku"]), int(answer.ask_params["left"])
                short = sku == "CABLE" and left == 1
                self.house.scan("BC:SHORT:1" if short else GTINS[sku])
            else:
                return

    def pack(self, parcel_id: str) -> None:
        house = self.house
        ((tote,),) = house.sql("SELECT tote FROM parcels WHERE parcel_id = ?", parcel_id)
        listed = house.sql("SELECT serial FROM parcel_serials WHERE parcel_id = ?", parcel_id)
        units = [row[0] for row in listed] or [f"LMP-{next(LAMPS):04d}"]
        house.codes("BDG-0003", tote, *units, station="bench-1")
        load = weigh.Load(house.op(), "scale-1", 320, "320 g")
        verdict = house.write(lambda floor: weigh.settled(floor, "bench-1", load, None))
        assert verdict.accepted, verdict
        job = house.database.read_sync(lambda sql: print_jobs.newest_of(sql, parcel_id))
        house.write(lambda floor: print_label.reported(floor, job.job_id, "confirmed", trouble=""))
        house.scan(f"SF-{parcel_id}", "bench-1")

    def leave(self, parcel_id: str) -> None:
        self.house.codes("BDG-0003", f"SF-{parcel_id}", station="dock-1")
        assert self.house.state(parcel_id) == "shipped"

    def call_back(self) -> None:
        self.house.cancel("P4")
        ((tote,),) = self.house.sql("SELECT tote FROM parcels WHERE parcel_id = 'P4'")
        assert self.house.codes(tote, "R-02", station="bench-1")[-1] == "refund_done"

    def come_back(self) -> None:
        ((phone,),) = self.house.sql("SELECT serial FROM parcel_serials WHERE parcel_id = 'P1'")
        back = ReturnRequest(op_id="R1", badge="BDG-0001", serial=phone, grade="quarantine")
        self.house.write(lambda floor: take_back(floor, back))
        good = GradeRequest(op_id="R2", badge="BDG-0001", grade="good", bin="B01-01-1")
        self.house.write(lambda floor: grade_again(floor, "R1", good))

    def late_order(self) -> None:
        self.house.parcel("P5", ("PHONE", 1))
        self.house.cancel("P3")


def books_of(house: Any) -> dict[str, Any]:
    """What must be the same again: stock in every place, units, parcels and their lines."""
    return {
        "stock": house.sql("SELECT * FROM balances WHERE quantity <> 0 ORDER BY 1, 2"),
        "units": house.sql("SELECT serial, sku, state, account, life FROM serials ORDER BY 1"),
        "parcels": house.sql("SELECT parcel_id, state, weight_grams FROM parcels ORDER BY 1"),
        "lines": house.sql("SELECT * FROM parcel_lines ORDER BY 1, 2"),
        "on_hand": house.database.read_sync(ledger.on_hand),
        "serials": house.database.read_sync(serials.count_on_hand),
    }


def step(house: Any) -> str:
    return house.database.write_sync(
        lambda tx: recover(tx, lambda op, actor: house.floor(tx, op, actor), "recover-1")
    )


def put_back(house: Any, path: Path, done: int, day: Day, *, cut_seq: int = 10_000) -> Any:
    """Open an old copy, give it back its lines and commands, and let it recover."""
    old = type(house)(Database(path))
    head = house.database.read_sync(fact_log.head)
    records = house.database.read_sync(lambda sql: fact_log.read_after(sql, 0, 10_000, 10**9))
    old.database.write_sync(
        lambda tx: copies.branch_log(
            tx.sql, SystemEntropy(), expected_seq=head.seq, cut_seq=cut_seq
        )
    )
    mark = LogMark(head.incarnation, head.seq, head.hash)
    old.database.write_sync(lambda tx: recoveries.tell(tx.sql, (mark,), 0))
    if len(records) > old_end(old, head):
        assert step(old) == "waiting"
    old.database.write_sync(lambda tx: fact_log.put_back(tx.sql, head.incarnation, records))
    for record in day.commands[done:]:
        old.database.write_sync(lambda tx, record=record: old._handle(tx, record))
    for _ in range(100):
        if step(old) == "normal":
            return old
    raise AssertionError("the recovery never ended")


def old_end(old: Any, head: Any) -> int:
    return int(old.database.read_sync(lambda sql: recoveries.log_end(sql, head.incarnation)))


@pytest.mark.parametrize("cut_seq", [0, 7, 10_000])
@pytest.mark.parametrize("moment", range(12))
def test_every_old_copy_ends_with_the_books_of_the_whole_day(
    house: Any, tmp_path: Path, moment: int, cut_seq: int
) -> None:
    """Also when lines that had arrived are told again under the new log, because nobody knew."""
    day = Day(house, tmp_path)
    day.live()
    assert house.wrong() == []
    told = {type(fact).__name__ for fact in house.facts()}
    assert {
        "ShortPicked",
        "ParcelShipped",
        "CancelConfirmed",
        "CancelTooLate",
        "ReturnGraded",
    } <= told
    old = put_back(house, *day.moments[moment], day, cut_seq=cut_seq)
    try:
        assert books_of(old) == books_of(house)
        assert old.wrong() == []
        (gap,) = [fact for fact in old.facts() if isinstance(fact, LogGap)]
        assert gap.conflicts == 0
        results = {record for record in old.facts() if "command_id" in record.__struct_fields__}
        assert results == set(day_results(house))
        news = old.sql("SELECT sum(facts) FROM fact_counts WHERE kind LIKE 'c%'")
        assert news == house.sql("SELECT count(*) FROM facts WHERE kind LIKE 'c%'"), "told twice"
        assert "recount" in old.waiting()
    finally:
        old.database.close()


def day_results(house: Any) -> list[Any]:
    return [record for record in house.facts() if "command_id" in record.__struct_fields__]


def test_a_line_that_does_not_fit_the_books_becomes_a_count_task(
    house: Any, tmp_path: Path
) -> None:
    day = Day(house, tmp_path)
    day.live()
    path, done = day.moments[3]
    taken = Database(path)
    taken.write_sync(
        lambda tx: tx.sql.execute("UPDATE balances SET quantity = 0 WHERE account = 'bin:B02-03-1'")
    )
    taken.close()
    old = put_back(house, path, done, day)
    try:
        (gap,) = [fact for fact in old.facts() if isinstance(fact, LogGap)]
        assert gap.conflicts > 0
        assert "count_bin" in old.waiting()
    finally:
        old.database.close()


def test_calling_a_parcel_back_waits_until_the_past_is_known(house: Any, tmp_path: Path) -> None:
    """A cancel nobody answered before the copy's end must not confirm for a parcel that left."""
    day = Day(house, tmp_path)
    day.live()
    path, done = day.moments[2]
    day.commands.append(
        CommandRecord(
            900, "cancel-late", "cancel_parcel", 1,
            msgspec.json.encode(CancelParcel(parcel_id="P1", reason="buyer")),
        )
    )  # fmt: skip
    old = put_back(house, path, done, day)
    try:
        answers = old.facts("cancel_confirmed", "cancel_too_late")
        late = [type(fact).__name__ for fact in answers if fact.command_id == "cancel-late"]
        assert late == ["CancelTooLate"]
    finally:
        old.database.close()


def test_what_may_have_left_is_picked_or_called_back_only_after_a_lead_has_looked(
    house: Any, tmp_path: Path
) -> None:
    """The day's last lines are gone: in the old copy nobody has picked the parcels that left."""
    day = Day(house, tmp_path)
    day.live()
    old = type(house)(Database(day.moments[2][0]))
    try:
        assert old.state("P1") == "planned"
        head = old.database.read_sync(fact_log.head)
        old.database.write_sync(
            lambda tx: copies.branch_log(tx.sql, SystemEntropy(), cut_seq=head.seq)
        )
        told = LogMark(head.incarnation, head.seq, head.hash)
        old.database.write_sync(lambda tx: recoveries.tell(tx.sql, (told,), 0))
        assert step(old) == "normal"
        old.cancel("P2")
        doubts = old.sql("SELECT exception_id FROM exceptions WHERE code = 'parcel_maybe_sent'")
        assert (len(doubts), old.plan()) == (4, [])
        assert old.facts("cancel_confirmed", "cancel_too_late") == []
        for (doubt,) in doubts:
            with pytest.raises(Forbidden, match="a lead"):
                old.write(lambda floor, doubt=doubt: solve(floor, doubt, "BDG-0002"))
            old.write(lambda floor, doubt=doubt: solve(floor, doubt, "BDG-0001"))
        assert [fact.parcel_id for fact in old.facts("cancel_confirmed")] == ["P2"]
        assert old.plan() != []
        assert [old.state(name) for name in ("P1", "P2", "P3", "P4")] == [
            "planned", "cancelled", "planned", "planned",
        ]  # fmt: skip
        assert old.wrong() == []
    finally:
        old.database.close()


def test_rights_that_two_machines_spent_are_not_taken_for_granted_ones(house: Any) -> None:
    def spent_twice(floor: Any) -> None:
        quotas.grant(floor.sql, "CABLE", 3)
        assert quotas.use(floor.sql, "CABLE", 3)
        quotas.relive(floor.sql, "CABLE", returned=1)

    house.write(spent_twice)
    assert house.database.read_sync(lambda sql: quotas.get(sql, "CABLE").free) == 0
    assert house.database.read_sync(quotas.totals) == (QuotaTotal("CABLE", 3),)
    house.write(lambda floor: quotas.grant(floor.sql, "CABLE", 4))
    assert house.database.read_sync(lambda sql: quotas.get(sql, "CABLE").free) == 1
    assert house.database.read_sync(quotas.totals) == (QuotaTotal("CABLE", 4),)
