"""The pool of waybill numbers against a model: whatever the lines and people do, no number twice.

Method: the real books and services of a hub and two warehouses in memory. Commands come late,
doubled, in any order or never; facts are counted once, in order, as logs guarantee. A number a
printer has heard is written down outside, and must stay with that parcel for ever.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from importlib.resources import files
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge.domain.site import Site
from edge.services import waybill
from edge.services.commands import carry_out
from edge.services.floor import Floor
from edge.store import fact_log as edge_log
from edge.store import parcels
from hub.domain.courier_choice import Courier
from hub.domain.rows import OrderRow, ParcelRow
from hub.services.apply_facts import project
from hub.services.waybill_numbers import (
    LevelRequest,
    add_numbers,
    set_level,
    supply_numbers,
    void_lease,
)
from hub.store import fact_log as hub_log
from hub.store.sqlite.desk import SqliteDesk
from hub.store.sqlite.ordered_ids import OrderedIds
from shared.domain.catalogue import Recipient
from shared.domain.commands import AssignParcel, CommandRecord
from shared.runtime.database import Transaction

COURIER = Courier(
    courier="SF", name="SF", prefix="XX", cut_off_minutes=1, weight_max_grams=1,
    first_kg_minor=(1, 1, 1, 1), next_kg_minor=(1, 1, 1, 1), numbers="leased",
)  # fmt: skip
NOBODY = Recipient(
    name="", phone="", country="", province="", city="", district="", street="", postcode=""
)
SIDES = st.sampled_from(("SHA", "CAN"))
PICK = st.integers(0, 10**6)


class Clock:
    now_ms = 1_790_000_000_000

    def wall_ms(self) -> int:
        self.now_ms += 1
        return self.now_ms

    mono_ms = wall_ms


class Entropy:
    count = 0

    def token_bytes(self, count: int) -> bytes:
        self.count += 1
        return self.count.to_bytes(count, "big")


class Silence:
    def publish(self, event: str, data: object = None) -> None:
        """Nobody looks."""


def in_memory(package: str) -> sqlite3.Connection:
    sql = sqlite3.connect(":memory:", isolation_level=None)
    sql.row_factory = sqlite3.Row
    for script in sorted(entry.name for entry in files(package).iterdir()):
        if script.endswith(".sql"):
            sql.executescript((files(package) / script).read_text(encoding="utf-8"))
    return sql


class Side:
    """One warehouse: its books, the commands it got so far, and how many facts were counted."""

    def __init__(self, name: str, clock: Clock, entropy: Entropy) -> None:
        self.name, self.clock, self.entropy = name, clock, entropy
        self.sql = in_memory("edge.store.migrations")
        edge_log.ensure_identity(self.sql, name, entropy)
        self.ops = 0
        self.counted = 0
        self.carried_out = 0
        self.drawn = ""
        self.parcels: list[str] = []

    def floor(self, op_id: str = "", actor: str = "BDG-1") -> Floor:
        self.ops += 1
        return Floor(
            Transaction(self.sql), op_id=op_id or f"{self.name}-{self.ops}", actor=actor,
            clock=self.clock, entropy=self.entropy, site=Site(warehouse=self.name),
            live=Silence(),
        )  # fmt: skip

    def take(self, command: CommandRecord) -> None:
        carry_out(self.floor(command.command_id, "hub"), command)

    def parcel(self, parcel_id: str) -> Any:
        return parcels.get(self.sql, parcel_id)

    def numbers(self, *states: str) -> list[str]:
        rows = self.sql.execute("SELECT number, state FROM waybill_numbers ORDER BY number")
        return [row["number"] for row in rows if row["state"] in states]


class Pool(RuleBasedStateMachine):
    """One courier, one head office, two warehouses."""

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.entropy = Clock(), Entropy()
        self.hub = in_memory("hub.store.migrations")
        self.ids = OrderedIds(self.entropy)
        self.sides = {name: Side(name, self.clock, self.entropy) for name in ("SHA", "CAN")}
        self.loaded = 0
        self.heard: dict[str, str] = {}
        for name in self.sides:
            self.hub.execute("INSERT INTO warehouses VALUES (?, ?, 0, 0)", (name, name))
            self.hub.execute(
                "INSERT INTO nodes (node, enrolled_ms) VALUES (?, 1)"
                " ON CONFLICT (node) DO UPDATE SET enrolled_ms = 1",
                (name,),
            )

        self.courier_hands_out_numbers(8)
        for name in self.sides:
            self.head_office_wishes(name, 2, quiet=False)
            for _ in range(2):
                self.a_parcel_is_released(name)
        self.a_quiet_hour()

    def desk(self) -> SqliteDesk:
        return SqliteDesk(
            self.hub, now_ms=self.clock.wall_ms(), actor="test", ids=self.ids, tell=lambda _: None
        )

    def some(self, side: str, pick: int, state: str) -> Any:
        """Return one of a warehouse's parcels in `state`, None without any."""
        found = [
            parcel
            for name in self.sides[side].parcels
            if (parcel := self.sides[side].parcel(name)).state == state
        ]
        return found[pick % len(found)] if found else None

    @rule(count=st.integers(1, 6))
    def courier_hands_out_numbers(self, count: int) -> None:
        new = [f"SF{self.loaded + place:09d}" for place in range(count)]
        again = [f"SF{place:09d}" for place in range(self.loaded)][-2:]
        assert add_numbers(self.desk(), COURIER, again + new) == count
        self.loaded += count

    @rule(side=SIDES, level=st.sampled_from([0, 3, 9]), quiet=st.booleans())
    def head_office_wishes(self, side: str, level: int, quiet: bool) -> None:
        set_level(self.desk(), COURIER, LevelRequest(warehouse=side, level=level))
        if quiet:
            self.a_quiet_hour()

    @rule()
    def head_office_lends(self) -> None:
        supply_numbers(self.desk(), (COURIER,))

    @rule()
    def a_quiet_hour(self) -> None:
        """Lines are up: everything that waits is carried out and told, in its order."""
        for _ in range(2):
            self.head_office_lends()
            for name, side in self.sides.items():
                commands, _ = hub_log.read_commands(self.hub, name, side.carried_out, 1_000, 10**7)
                for command in commands:
                    side.take(command)
                    side.carried_out = command.seq
                self.facts_arrive(name)

    @rule(side=SIDES, pick=PICK)
    def a_command_comes_late_doubled_or_out_of_turn(self, side: str, pick: int) -> None:
        commands, _ = hub_log.read_commands(self.hub, side, 0, 1_000, 10**7)
        if commands:
            self.sides[side].take(commands[pick % len(commands)])

    @rule(side=SIDES)
    def a_parcel_is_released(self, side: str) -> None:
        desk, parcel_id = self.desk(), f"P{len(self.heard)}-{self.clock.wall_ms()}"
        desk.orders.put(
            OrderRow(
                order_id=f"O-{parcel_id}", channel="c", shop="s", order_no=parcel_id, version=1,
                status="released", held=False, cancel_asked=False, placed_ms=0, ship_by_ms=0,
                received_ms=0, changed_ms=0,
            )
        )  # fmt: skip
        desk.parcels.put(
            ParcelRow(
                parcel_id=parcel_id, order_id=f"O-{parcel_id}", warehouse=side, state="released",
                courier="SF", released_ms=1,
            )
        )  # fmt: skip
        there = self.sides[side]
        parcels.insert(
            there.sql,
            AssignParcel(
                parcel_id=parcel_id, order_id=f"O-{parcel_id}", channel="c", shop="s",
                order_no=parcel_id, courier="SF", cut_off_ms=1, waybill="", sort_code="",
                recipient=NOBODY, lines=(),
            ),
            command_id=parcel_id,
            at_ms=1,
        )  # fmt: skip
        parcels.set_state(there.sql, there.parcel(parcel_id), "packed", 1)
        there.parcels.append(parcel_id)

    @rule(side=SIDES, pick=PICK, printed=st.booleans())
    def a_label_is_ordered(self, side: str, pick: int, printed: bool) -> None:
        parcel = self.some(side, pick, "packed")
        if parcel is None:
            return
        there = self.sides[side]
        numbered = waybill.with_number(there.floor(), parcel, there.drawn)
        if numbered is None:
            return
        # The next label here was drawn before this one was ordered, with the same number.
        there.drawn = numbered.waybill
        if printed:
            assert self.heard.setdefault(numbered.waybill, parcel.parcel_id) == parcel.parcel_id

    @rule(side=SIDES, pick=PICK)
    def a_label_is_void_and_another_printed(self, side: str, pick: int) -> None:
        parcel = self.some(side, pick, "packed")
        if parcel is None or not parcel.waybill:
            return
        after = waybill.give_another(self.sides[side].floor(), parcel, "SF")
        if after is not None:
            assert self.heard.setdefault(after.waybill, parcel.parcel_id) == parcel.parcel_id

    @rule(side=SIDES, pick=PICK)
    def a_parcel_is_cancelled(self, side: str, pick: int) -> None:
        parcel = self.some(side, pick, "packed")
        if parcel is None:
            return
        there = self.sides[side]
        after = parcels.set_state(there.sql, parcel, "cancelled", 1)
        if parcel.waybill not in self.heard:
            waybill.free_unsent(there.floor(), after)

    @rule(side=SIDES)
    def a_disk_went_back_in_time(self, side: str) -> None:
        waybill.void_doubtful(self.sides[side].floor())

    @rule(side=SIDES)
    def facts_arrive(self, side: str) -> None:
        there = self.sides[side]
        for record in edge_log.read_after(there.sql, there.counted, 1_000, 10**7):
            project(self.desk(), record)
            there.counted = record.seq

    @rule(side=SIDES)
    def an_edge_is_written_off(self, side: str) -> None:
        void_lease(self.desk(), side)

    @invariant()
    def no_number_has_two_owners(self) -> None:
        owned = Counter(
            number for side in self.sides.values() for number in side.numbers("free", "used")
        )
        assert not [number for number, owners in owned.items() if owners > 1]
        pool = {row[0] for row in self.hub.execute(
            "SELECT number FROM waybill_numbers WHERE state = 'free'"
        )}  # fmt: skip
        assert not pool & owned.keys()
        assert not pool & self.heard.keys()

    @invariant()
    def what_a_printer_heard_stays_with_its_parcel(self) -> None:
        for side in self.sides.values():
            own = {number for number, parcel in self.heard.items() if parcel in side.parcels}
            assert not self.heard.keys() & set(side.numbers("free"))
            assert own <= set(side.numbers("used", "burnt"))

    def teardown(self) -> None:
        """Everything arrives: head office knows of every number where it is."""
        for name in self.sides:
            commands, _ = hub_log.read_commands(self.hub, name, 0, 1_000, 10**7)
            for command in commands:
                self.sides[name].take(command)
            self.facts_arrive(name)
        assert self.desk().numbers.troubles() == []
        counts = self.desk().numbers.counts()
        assert sum(counts.values()) == self.loaded
        for name, side in self.sides.items():
            lent = set(side.numbers("free"))
            known = {row.number for row in self.desk().numbers.leased(name)}
            assert known <= lent, "a lease head office knows of is held"


Pool.TestCase.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
TestPool = Pool.TestCase
