"""After the disk went back in time: win the past back, declare what is lost, go on.

Head office sends back the lines this disk has forgotten and repeats its commands. Then the lines
are entered into the books again, a portion at a time, while people work; new waves wait, because
a parcel that waits in an old copy may have left long ago. In the end the gap is declared, bins that
do not fit are put up for counting, and a digest lets head office compare.
Source: reference protocol "WES-1", section 4.9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal

import msgspec

from edge.domain.verdict import Params
from edge.services import cartons
from edge.services.commands import ACTOR, carry_out
from edge.services.digest_books import digest_books
from edge.services.doubts import put_in_doubt
from edge.services.floor import Floor
from edge.services.pick_short import COUNT_BIN, count_subject
from edge.services.replay import replay
from edge.services.waybill import void_doubtful
from edge.store import fact_log, ledger, line_state, recoveries
from edge.store.quotas import RECOUNT
from edge.store.recoveries import Recovery
from shared.domain.commands import CommandRecord
from shared.domain.errors import BincardError
from shared.domain.facts import (
    CommandRefused,
    Fact,
    FactRecord,
    GoodsReceived,
    LocalSale,
    LogGap,
    ShortPicked,
    StockLoaded,
    StockMoved,
    UnitPicked,
    UnitsLost,
)
from shared.domain.ledger import account
from shared.domain.versions import read_fact
from shared.runtime.attempt import is_disk_trouble, undoable
from shared.runtime.database import Transaction

LINES_PER_STEP: Final = 200
BYTES_PER_STEP: Final = 2_000_000
PAST_DIFFERS: Final = "past_differs"

Progress = Literal["normal", "waiting", "working"]
FloorFor = Callable[[str, str], Floor]
"""Returns the floor for an operation id and an actor, all in one transaction."""


def recover(tx: Transaction, floor_for: FloorFor, op_id: str) -> Progress:
    """Take the next step of a recovery, if there is one; `waiting` while the hub has to help.

    A machine that was turned away waits as well: its disk may be a copy that is about to recover.
    """
    contested = recoveries.turned_away_waits(tx.sql)
    current = recoveries.current(tx.sql)
    if current is None:
        return "waiting" if contested else "normal"
    if not _complete(tx, current):
        recoveries.waited(tx.sql, current.incarnation)
        return "waiting"
    records = fact_log.read_after(
        tx.sql,
        current.replayed_seq,
        LINES_PER_STEP,
        BYTES_PER_STEP,
        incarnation=current.incarnation,
    )
    if records:
        conflicts = sum(not _enter(floor_for, record) for record in _news(tx, records))
        recoveries.replayed(tx.sql, current.incarnation, records[-1].seq, conflicts)
        return "working"
    _finish(floor_for, current, op_id)
    return "normal" if recoveries.current(tx.sql) is None else "working"


def _complete(tx: Transaction, current: Recovery) -> bool:
    """Say whether the hub has sent all lines and commands of the forgotten time."""
    return (
        current.told_seq is not None
        and recoveries.log_end(tx.sql, current.incarnation) >= current.told_seq
        and line_state.down_cursor(tx.sql) >= (current.down_target or 0)
    )


def _news(tx: Transaction, records: list[FactRecord]) -> Iterator[FactRecord]:
    """Leave out the lines this floor tells in a log of its own: their effects are in the books."""
    for record in records:
        if fact_log.told_elsewhere(tx.sql, record):
            recoveries.pass_over(tx.sql, record, "retold")
        else:
            yield record


def _enter(floor_for: FloorFor, record: FactRecord) -> bool:
    """Enter one line again; where it does not fit, leave a task for a person and return False."""
    floor = floor_for(record.op_id, record.actor)
    floor.now_ms = record.wall_ms
    try:
        with undoable(floor.sql):
            replay(floor, read_fact(record))
    except Exception as error:
        if is_disk_trouble(error):
            raise
        recoveries.pass_over(floor.sql, record, "misfit")
        _put_up(floor_for(record.op_id, ACTOR), record)
        return False
    return True


def _put_up(floor: Floor, record: FactRecord) -> None:
    try:
        places = _places(read_fact(record))
    except (msgspec.MsgspecError, BincardError):
        places = []  # a kind of another version: nobody here can say what it touched
    for bin_code, sku in places:
        recorded = ledger.balance(floor.sql, account("bin", bin_code), sku)
        params: Params = {"bin": bin_code, "sku": sku, "recorded": recorded}
        floor.open_exception("attention", count_subject(bin_code, sku), COUNT_BIN, params)
    if not places:
        told: Params = {"line": record.seq, "kind": record.kind}
        floor.open_exception("attention", f"line {record.seq}", PAST_DIFFERS, told)


def _places(fact: Fact) -> list[tuple[str, str]]:
    """Return the bins and SKUs a line touched."""
    match fact:
        case StockLoaded() | LocalSale():
            return [(row.bin, row.sku) for row in fact.rows]
        case GoodsReceived() | UnitPicked() | UnitsLost():
            return [(fact.row.bin, fact.row.sku)]
        case StockMoved():
            return [(fact.to_bin, fact.row.sku)]
        case ShortPicked():
            return [(fact.bin, fact.sku)]
        case _:
            return []


def _finish(floor_for: FloorFor, current: Recovery, op_id: str) -> None:
    """Declare what is lost of this log; after the last one carry out what had to wait."""
    floor = floor_for(op_id, ACTOR)
    recoveries.end(floor.sql, current.incarnation)
    cartons.skip_forgotten(floor)
    told_seq = current.told_seq or 0
    last_seq = max(current.had_seq, told_seq)
    floor.record(
        LogGap(
            incarnation=current.incarnation,
            last_seq=last_seq,
            expected_seq=current.expected_seq,
            conflicts=current.conflicts,
        )
    )
    floor.open_exception(
        "attention",
        f"log {current.incarnation}",
        RECOUNT,
        {"lines": max(0, told_seq - current.from_seq), "conflicts": current.conflicts},
    )
    if recoveries.current(floor.sql) is not None:
        return
    void_doubtful(floor)
    put_in_doubt(floor, current.down_target or 0)
    for record in recoveries.take_held(floor.sql):
        _carry_out(floor_for(record.command_id, ACTOR), record)
    digest_books(floor)
    for page in ("parcels", "stock", "waves", "exceptions"):
        floor.tell(page)


def _carry_out(floor: Floor, record: CommandRecord) -> None:
    try:
        with undoable(floor.sql):
            carry_out(floor, record)
    except BincardError as error:
        floor.record(
            CommandRefused(command_id=record.command_id, code=error.code, sentence=error.message)
        )
