"""What the line does to the edge's books, each as one transaction.

A command from the hub takes effect together with the cursor that says so. A command this edge
cannot carry out is answered with a `CommandRefused` fact and never stands in the way of the next.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from edge.store import copies, exceptions, fact_log, line_state, quotas, recoveries
from edge.sync import sidecar
from edge.sync.core_events import ApplyCommand, DeclareGap, FactsRead, LocalState, ReadFacts
from shared.domain.commands import URGENT_KINDS, CommandRecord
from shared.domain.errors import BincardError, BooksBroken
from shared.domain.facts import CommandRefused, LogGap
from shared.domain.ids import uuid7
from shared.domain.ports import Clock, Entropy
from shared.domain.versions import command_known
from shared.runtime.attempt import is_disk_trouble, undoable
from shared.runtime.database import Transaction
from shared.sync.protocol import LogMark

HandleCommand = Callable[[Transaction, CommandRecord], None]
"""Carries out one command; raises to refuse it. Writes the command's result fact itself."""

ACTOR: Final = "hub"


def boot(tx: Transaction, at_least: int) -> LocalState:
    """Raise the boot number to `at_least` or more and return what a greeting needs."""
    line_state.raise_boot_no(tx.sql, at_least)
    return msgspec.structs.replace(line_state.load(tx.sql), quota_totals=quotas.totals(tx.sql))


def expect_present(tx: Transaction, state_dir: Path, entropy: Entropy) -> str:
    """Before the first scan: a disk older than its past must not use a line's number twice.

    Return a sentence when the log of this disk was ended for that reason, else "".
    """
    try:
        note = sidecar.load(state_dir)
    except BooksBroken:
        return ""  # the floor works on; the line says that the note is damaged
    state = line_state.load(tx.sql)
    sentence = sidecar.forgotten(note, state)
    if sentence:
        copies.branch_log(tx.sql, entropy, expected_seq=sidecar.expected_seq(note, state))
    return sentence


def boot_old_copy(
    tx: Transaction, at_least: int, entropy: Entropy, expected_seq: int
) -> LocalState:
    """Boot a disk that is older than its past: its log ends here and another one begins."""
    copies.branch_log(tx.sql, entropy, expected_seq=expected_seq)
    return boot(tx, at_least)


def take(tx: Transaction, effect: ApplyCommand, handle: HandleCommand, clock: Clock) -> int:
    """Carry out a command in its turn or ahead of it; return the cursor."""
    if effect.ahead:
        return apply_ahead(tx, effect.record, handle, clock)
    return apply_command(tx, effect.record, handle, clock)


def apply_ahead(tx: Transaction, record: CommandRecord, handle: HandleCommand, clock: Clock) -> int:
    """Carry out an urgent command whose turn has not come, if it can be; return the cursor.

    Whatever stands in its way (its parcel may still be on the line, or this node's past) leaves no
    trace here: the same command comes again in its turn and ends in its one result then.
    """
    cursor = line_state.down_cursor(tx.sql)
    known = record.kind in URGENT_KINDS and command_known(record)
    if not known or record.seq <= cursor or line_state.was_done(tx.sql, record.command_id):
        return cursor
    if recoveries.running(tx.sql):
        return cursor
    attempt = Transaction(tx.sql)
    try:
        with undoable(tx.sql):
            handle(attempt, record)
    except Exception as error:
        if is_disk_trouble(error):
            raise
        return cursor
    line_state.done_ahead(tx.sql, record, clock.wall_ms())
    tx.after_commit(attempt.run_afterwards)
    return cursor


def apply_command(
    tx: Transaction, record: CommandRecord, handle: HandleCommand, clock: Clock
) -> int:
    """Carry out `record` if it is the next one; return the cursor, which moves with it.

    Anything but a failing disk ends in an outcome: done, refused (by the floor's rules, or code
    `internal`), unknown (kept for a later version) or repeated (done before under another number).
    """
    cursor = line_state.down_cursor(tx.sql)
    if record.seq != cursor + 1:
        return cursor
    if line_state.was_done(tx.sql, record.command_id):
        line_state.finish_command(tx.sql, record, "repeated", "", clock.wall_ms())
    elif not command_known(record):
        sentence = (
            f"This edge does not know commands of kind {record.kind}, version {record.version}; "
            "update the edge."
        )
        if not line_state.was_received(tx.sql, record.command_id):
            _refuse(tx, record, "unknown_command", sentence, clock)
        line_state.finish_command(tx.sql, record, "unknown", "unknown_command", clock.wall_ms())
    else:
        _carry_out(tx, record, handle, clock)
    return record.seq


def declare_gap(tx: Transaction, effect: DeclareGap, clock: Clock, entropy: Entropy) -> None:
    """Write into the log, once, that the hub and this edge both lost lines of an earlier time.

    The floor's own books are whole. Head office hears of it as a fact, in the order it happened.
    What the lines touched nobody can say any more, so the whole house is to be counted: only then
    head office can put its stock of it right.
    """
    if recoveries.gap_told(tx.sql, effect.incarnation, effect.after_seq):
        return
    fact_log.append(
        tx.sql,
        LogGap(
            incarnation=effect.incarnation,
            last_seq=effect.after_seq,
            expected_seq=effect.to_seq,
        ),
        op_id=f"gap-{effect.incarnation}-{effect.after_seq}",
        actor=ACTOR,
        wall_ms=clock.wall_ms(),
        mono_ms=clock.mono_ms(),
    )
    exceptions.open_(
        tx.sql,
        exception_id=uuid7(clock.wall_ms(), entropy),
        kind="attention",
        subject=f"log {effect.incarnation}",
        code=recoveries.COUNT_ALL,
        params={"lines": effect.to_seq - effect.after_seq},
        station="",
        at_ms=clock.wall_ms(),
    )


def turned_away(tx: Transaction, clock: Clock, entropy: Entropy) -> None:
    """Stop the floor for a while and tell its lead that another machine speaks for the house."""
    recoveries.turned_away(tx.sql)
    exceptions.open_(
        tx.sql,
        exception_id=uuid7(clock.wall_ms(), entropy),
        kind="stop",
        subject=line_state.load(tx.sql).node,
        code=recoveries.OTHER_MACHINE,
        params={"lines": line_state.waiting(tx.sql)},
        station="",
        at_ms=clock.wall_ms(),
    )


def take_fence(tx: Transaction, fence: bytes, clock: Clock) -> None:
    """Keep the number of the welcome: this machine speaks for the warehouse."""
    line_state.store_fence(tx.sql, fence)
    recoveries.let_in(tx.sql)
    subject = line_state.load(tx.sql).node
    now_ms = clock.wall_ms()
    exceptions.solve_subject(tx.sql, subject, recoveries.OTHER_MACHINE, badge=ACTOR, at_ms=now_ms)


def read_facts(sql: sqlite3.Connection, effect: ReadFacts) -> FactsRead:
    """Return the lines of the log that are to be sent next."""
    records = fact_log.read_after(
        sql, effect.after_seq, effect.facts_max, effect.bytes_max, incarnation=effect.incarnation
    )
    return FactsRead(effect.session, tuple(records))


def branch(tx: Transaction, agreed: LogMark, entropy: Entropy) -> None:
    """End a log at the last line the hub has too and begin another, unless that was done before.

    A mark that this disk does not have agrees to nothing: then the whole log is told again.
    """
    state = line_state.load(tx.sql)
    log = next((one for one in state.logs if one.incarnation == agreed.incarnation), None)
    if log is None or recoveries.replaying(tx.sql, log.incarnation):
        return
    known = fact_log.hash_at(tx.sql, log.incarnation, agreed.seq) == agreed.hash
    cut_seq = agreed.seq if known else 0
    if log is state.logs[-1] or cut_seq < log.head.seq:
        copies.branch_log(tx.sql, entropy, incarnation=log.incarnation, cut_seq=cut_seq)


def _carry_out(tx: Transaction, record: CommandRecord, handle: HandleCommand, clock: Clock) -> None:
    attempt = Transaction(tx.sql)
    try:
        with undoable(tx.sql):
            handle(attempt, record)
    except BincardError as error:
        _refuse(tx, record, error.code, error.message, clock)
        line_state.finish_command(tx.sql, record, "refused", error.code, clock.wall_ms())
    except Exception as error:
        if is_disk_trouble(error):
            raise
        sentence = f"The edge could not carry out the command ({type(error).__name__})."
        _refuse(tx, record, "internal", sentence, clock)
        line_state.finish_command(tx.sql, record, "refused", "internal", clock.wall_ms())
    else:
        line_state.finish_command(tx.sql, record, "done", "", clock.wall_ms())
        tx.after_commit(attempt.run_afterwards)


def _refuse(tx: Transaction, record: CommandRecord, code: str, sentence: str, clock: Clock) -> None:
    fact_log.append(
        tx.sql,
        CommandRefused(command_id=record.command_id, code=code, sentence=sentence),
        op_id=record.command_id,
        actor=ACTOR,
        wall_ms=clock.wall_ms(),
        mono_ms=clock.mono_ms(),
    )
