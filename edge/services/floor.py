"""One use case in progress on the floor: what it may touch, and under whose name.

A use case gets a `Floor` and nothing else. Everything it does (a movement, a change in a unit's
life, a fact for head office, a word to the open pages) carries the same operation id, person and
time, and becomes true with one commit or not at all.
"""

from __future__ import annotations

from typing import Protocol

from edge.domain.site import Site
from edge.domain.verdict import Params
from edge.store import exceptions, fact_log, ledger, serials, stations
from edge.store.exceptions import ExceptionKind
from edge.store.stations import StationRow
from shared.domain.facts import Fact
from shared.domain.ids import uuid7
from shared.domain.ledger import Movement
from shared.domain.ports import Clock, Entropy
from shared.domain.serial import SerialEvent, SerialState
from shared.runtime.database import Transaction


class Teller(Protocol):
    """Whoever tells open pages that something changed; `shared.web.live.LiveBus` does."""

    def publish(self, event: str, data: object = None) -> None:
        """Tell every page that `event` happened."""
        ...


class Floor:
    """One use case in progress. `tx.sql` is the connection inside its transaction."""

    def __init__(
        self,
        tx: Transaction,
        *,
        op_id: str,
        actor: str,
        clock: Clock,
        entropy: Entropy,
        site: Site,
        live: Teller,
    ) -> None:
        """`op_id` is the client's id of this operation, `actor` a badge, station or `hub`."""
        self.tx = tx
        self.sql = tx.sql
        self.op_id = op_id
        self.actor = actor
        self.clock = clock
        self.entropy = entropy
        self.site = site
        self.now_ms = clock.wall_ms()
        self._live = live
        self._recorded = False
        self._told_before = False

    def new_id(self) -> str:
        """Return a fresh UUIDv7 from the injected clock and randomness."""
        return uuid7(self.now_ms, self.entropy)

    def told_before(self) -> None:
        """What this use case does was recorded in a past this disk forgot: record nothing now."""
        self._told_before = True

    def record(self, fact: Fact) -> None:
        """Append `fact` to the log; it reaches the hub after the commit."""
        if self._told_before:
            return
        fact_log.append(
            self.sql,
            fact,
            op_id=self.op_id,
            actor=self.actor,
            wall_ms=self.now_ms,
            mono_ms=self.clock.mono_ms(),
        )
        if not self._recorded:
            self._recorded = True
            self.tell("facts")

    def tell(self, event: str, data: object = None) -> None:
        """Tell open pages about `event` once the commit is on disk."""
        self.tx.after_commit(lambda: self._live.publish(event, data))

    def move(
        self, sku: str, quantity: int, source: str, target: str, serial: str | None = None
    ) -> None:
        """Post one movement; raises Refused `not_enough` when `source` is a place with fewer."""
        ledger.post(
            self.sql,
            op_id=self.op_id,
            actor=self.actor,
            at_ms=self.now_ms,
            movement=Movement(
                movement_id="",
                sku=sku,
                serial=serial,
                quantity=quantity,
                source=source,
                target=target,
            ),
        )

    def serial(
        self, serial: str, sku: str, event: SerialEvent, account: str, parcel_id: str | None = None
    ) -> SerialState:
        """Change one unit's life; raises Refused `serial_move` when the law forbids it."""
        return serials.change(
            self.sql,
            serial=serial,
            sku=sku,
            event=event,
            account=account,
            parcel_id=parcel_id,
            op_id=self.op_id,
            actor=self.actor,
            at_ms=self.now_ms,
        )

    def save(self, station: StationRow) -> None:
        """Store what a station does and tell its screen."""
        stations.save(self.sql, station, self.now_ms)
        self.tell("station", {"station": station.station})

    def open_exception(
        self, kind: ExceptionKind, subject: str, code: str, params: Params, station: str = ""
    ) -> None:
        """Put `subject` into the queue of things that wait for a person, once per code."""
        opened = exceptions.open_(
            self.sql,
            exception_id=self.new_id(),
            kind=kind,
            subject=subject,
            code=code,
            params=params,
            station=station,
            at_ms=self.now_ms,
        )
        if opened:
            self.tell("exceptions")

    def solve_exception(self, subject: str, code: str) -> None:
        """Take `subject` out of that queue, in the name of the actor."""
        if exceptions.solve_subject(self.sql, subject, code, badge=self.actor, at_ms=self.now_ms):
            self.tell("exceptions")
