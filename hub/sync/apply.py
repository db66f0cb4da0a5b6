"""What the line does to the hub's books, each as one transaction.

A batch is stored whole and counted whole; only when that fails is it counted fact by fact. A fact
that cannot be counted goes into quarantine and the ones behind it flow on: it happened, so it can
never be refused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final, Literal

import msgspec

from hub.domain.holders import EDGE
from hub.store import fact_log, fences, nodes, recovering
from hub.store.backup import begin_new_life
from hub.store.sqlite.quotas import SqliteQuotas
from hub.sync import core_events as on
from hub.sync.core_hello import (
    LOST,
    ROLLED_BACK,
    KnownNode,
    Refusal,
    applied_marks,
    judge,
    stable_marks,
)
from shared.domain.errors import BincardError
from shared.domain.facts import FactRecord
from shared.domain.ports import Entropy
from shared.runtime.attempt import is_disk_trouble, undoable
from shared.runtime.database import Transaction
from shared.sync.protocol import NO_FENCE, Hello, Mark

ALARMING: Final = frozenset({"clone", "fork", "old_hub", "edge_rolled_back"})
"""Refusals that a person at head office has to hear of."""
MACHINE_CHANGED: Final = (
    "The warehouse's disk runs in another machine than before. If it was moved there on purpose, "
    "say so: bincard hub adopt-edge."
)
Alarm = Callable[[Transaction, str, str, str], None]
"""Tells head office about a refused greeting: node, code and sentence."""
Project = Callable[[Transaction, FactRecord], None]
"""Counts one fact in the hub's books; whatever it raises puts the fact in quarantine."""
ProjectAll = Callable[[Transaction, Sequence[FactRecord]], None]
"""Counts many facts at once, with the same outcome as one by one, or raises and counts none."""


class Retried(msgspec.Struct, frozen=True):
    """How many facts in quarantine could be counted now, and how many wait on."""

    counted: int
    waiting: int


def admit(
    tx: Transaction,
    request: on.Admit,
    wall_ms: int,
    entropy: Entropy | None = None,
    alarm: Alarm | None = None,
) -> on.Admitted | on.Refused:
    """Judge a greeting and, if it is accepted, note its boot number durably.

    With `entropy`, a greeting that shows this hub to be older than its past, or to stand in for a
    hub that was lost, begins a new life of it, and one that has seen a newer hub stops it from
    promising anything.
    """
    hello, silent_ms = request.hello, request.silent_ms
    known = nodes.known_node(tx.sql, request.key, hello, silent_ms)
    refusal: Refusal | None = judge(hello, known)
    if refusal is not None and refusal.code in (ROLLED_BACK, LOST) and entropy is not None:
        kind: Literal["restored", "lost"] = "lost" if refusal.code == LOST else "restored"
        above = hello.hub_epoch_seen.ordinal
        begin_new_life(tx.sql, entropy, wall_ms, kind=kind, above=above)
        known = nodes.known_node(tx.sql, request.key, hello, silent_ms)
        refusal = judge(hello, known)
    if refusal is not None:
        if refusal.code == "old_hub" and entropy is not None:
            recovering.stop_for_newer(tx.sql)
        return _refused(tx, request, refusal, alarm)
    if _moved(hello, known) and alarm is not None:
        alarm(tx, hello.node, "machine_changed", MACHINE_CHANGED)
    nodes.welcome(tx.sql, hello, wall_ms)
    nodes.end_older_keys(tx.sql, hello.node, request.key, wall_ms)
    totals = ((one.sku, one.total) for one in hello.quota_totals)
    SqliteQuotas(tx.sql, wall_ms).learn(hello.node, EDGE, totals)
    fence = NO_FENCE if entropy is None else fences.offer(tx.sql, hello, entropy)
    return on.Admitted(
        peer=request.peer,
        key=request.key,
        session=request.session,
        hello=hello,
        epoch=known.epoch,
        applied=applied_marks(hello, known),
        stable=stable_marks(hello, known),
        down_head=nodes.down_head(tx.sql, hello.node),
        wall_ms=wall_ms,
        fence=fence,
    )


def _refused(
    tx: Transaction, request: on.Admit, refusal: Refusal, alarm: Alarm | None
) -> on.Refused:
    """Turn a machine away; two that live are told to head office once, not at every try."""
    hello = request.hello
    if refusal.code == "clone":
        fences.turned_away(tx.sql, hello)
    alarming = refusal.code in ALARMING and (request.contested or not refusal.waiting)
    if alarming and alarm is not None:
        alarm(tx, hello.node, refusal.code, refusal.sentence)
    return on.Refused(
        request.peer,
        hello.nonce,
        refusal.code,
        refusal.sentence,
        retry_after_ms=refusal.retry_after_ms,
        agreed=refusal.agreed,
        node=hello.node,
        alarmed=alarming,
    )


def _moved(hello: Hello, known: KnownNode) -> bool:
    """Say whether the warehouse's disk now runs in another box than before."""
    before = known.fence.machine
    return bool(before and hello.machine) and hello.machine != before


def apply_checked(
    tx: Transaction,
    request: on.ApplyFacts,
    project: Project,
    wall_ms: int,
    project_all: ProjectAll | None = None,
) -> on.ApplyOutcome:
    """Apply a batch if its key may still speak for its node at this very moment."""
    if nodes.owner_of(tx.sql, request.key) != (request.node, False):
        return on.NotAllowed()
    if request.skip_to is not None:
        return skip_lines(tx, request.node, request.incarnation, request.skip_to, wall_ms=wall_ms)
    return apply_batch(
        tx,
        request.node,
        request.incarnation,
        request.records,
        project,
        wall_ms=wall_ms,
        project_all=project_all,
    )


def skip_lines(
    tx: Transaction, node: str, incarnation: int, base: Mark, *, wall_ms: int
) -> on.ApplyOutcome:
    """Let a log go on behind `base`: what lies between is gone on both sides, and that is noted."""
    state = fact_log.applied_mark(tx.sql, node, incarnation)
    if state is None:
        return on.Expected(Mark(), "chain")
    applied, stable_seq = state
    if base.seq > applied.seq:
        fact_log.skip(tx.sql, node, incarnation, applied.seq, base, wall_ms)
        applied = base
    return on.Stored(applied, stable_seq)


def apply_batch(
    tx: Transaction,
    node: str,
    incarnation: int,
    records: Sequence[FactRecord],
    project: Project,
    *,
    wall_ms: int,
    project_all: ProjectAll | None = None,
) -> on.ApplyOutcome:
    """Store consecutive lines of one log and count each, all in the caller's transaction.

    Lines stored before are skipped, so a batch may come any number of times. Nothing is stored
    unless the batch is intact and follows the last line: then the outcome says what is expected.
    A line that tells again, word for word, what another log of the node tells is not counted twice.
    """
    state = fact_log.applied_mark(tx.sql, node, incarnation)
    if state is None:
        return on.Expected(Mark(), "chain")
    applied, stable_seq = state
    if not _intact(records):
        return on.Expected(applied, "chain")
    if records[0].seq > applied.seq + 1:
        return on.Expected(applied, "gap")
    stored = [record for record in records if record.seq <= applied.seq]
    if stored:
        last = stored[-1]
        if fact_log.hash_at(tx.sql, node, incarnation, last.seq) != last.hash:
            return on.Forked(last.seq)
    elif records[0].prev_hash != applied.hash:
        return on.Forked(applied.seq)
    fresh = records[len(stored) :]
    if not fresh:
        return on.Stored(applied, stable_seq)
    fact_log.store_facts(tx.sql, fresh)
    news = fact_log.news_among(tx.sql, node, incarnation, fresh)
    if project_all is not None and len(news) > 1 and _count_all(tx, news, project_all):
        counted = len(news)
    else:
        counted = sum(_count(tx, record, project, wall_ms) for record in news)
    end = Mark(fresh[-1].seq, fresh[-1].hash)
    return on.Stored(end, stable_seq, quarantined=len(news) - counted)


def read_commands(sql: sqlite3.Connection, request: on.ReadCommands) -> on.CommandsRead:
    """Return the commands asked for."""
    records, head_seq = fact_log.read_commands(
        sql,
        request.node,
        request.after_seq,
        request.commands_max,
        request.bytes_max,
        request.kinds,
    )
    return on.CommandsRead(
        request.peer, request.session, tuple(records), head_seq, urgent=bool(request.kinds)
    )


def retry_quarantined(tx: Transaction, project: Project, *, wall_ms: int) -> tuple[int, int]:
    """Try to count again what waits in quarantine; return how many were counted and how many not.

    For a person who has put something right, and for a newer version that knows more kinds.
    """
    counted = 0
    rows = fact_log.quarantined(tx.sql)
    for row in rows:
        after = row["seq"] - 1
        (record,) = fact_log.read_facts(tx.sql, row["node"], row["incarnation"], after, 1)
        if _attempt(tx, record, project) is None:
            fact_log.solve(tx.sql, record, wall_ms)
            counted += 1
    return counted, len(rows) - counted


def _intact(records: Sequence[FactRecord]) -> bool:
    """Say whether each line carries its true hash and follows the one before it."""
    previous = records[0].prev_hash
    seq = records[0].seq
    for record in records:
        if record.seq != seq or not fact_log.follows(record, previous):
            return False
        previous = record.hash
        seq += 1
    return True


def _count_all(tx: Transaction, records: Sequence[FactRecord], project_all: ProjectAll) -> bool:
    """Count all of `records`, or undo all of it and return False: then one of them is poison."""
    attempt = Transaction(tx.sql)
    try:
        with undoable(tx.sql):
            project_all(attempt, records)
    except Exception as error:
        if is_disk_trouble(error):
            raise
        return False
    tx.after_commit(attempt.run_afterwards)
    return True


def _count(tx: Transaction, record: FactRecord, project: Project, wall_ms: int) -> bool:
    error = _attempt(tx, record, project)
    if error is None:
        return True
    fact_log.quarantine(
        tx.sql, record, error=type(error).__name__, code=_code(error), at_ms=wall_ms
    )
    return False


def _attempt(tx: Transaction, record: FactRecord, project: Project) -> Exception | None:
    """Count one fact, or undo all of it and return why it could not be counted."""
    attempt = Transaction(tx.sql)
    try:
        with undoable(tx.sql):
            project(attempt, record)
    except Exception as error:
        if is_disk_trouble(error):
            raise
        return error
    tx.after_commit(attempt.run_afterwards)
    return None


def _code(error: Exception) -> str:
    if isinstance(error, BincardError):
        return error.code
    return "fact_unreadable" if isinstance(error, msgspec.MsgspecError) else "internal"
