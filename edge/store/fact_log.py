"""The fact log of one warehouse: what happened here, in order, each line chained to the one before.

Stock moves and the fact that says so are written in one transaction, so the log is also the outbox
to the hub. Nothing is edited. A log belongs to an *incarnation*, a random number made when the file
is first opened and again after every restore, so that no sequence number is used for two facts.
Source: reference protocol "WES-1", sections 4.3 and 4.4.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from shared.domain.errors import BooksBroken, InvalidInput, Refused
from shared.domain.facts import (
    BODY_BYTES_MAX,
    ZERO_HASH,
    Fact,
    FactRecord,
    chain_hash,
    encode_fact,
    kind_of,
)
from shared.domain.ports import Entropy
from shared.runtime.attempt import undoable

FACT_VERSION: Final = 1
"""Version of the fact bodies this program writes."""
OP_ID_MAX: Final = 128
ACTOR_MAX: Final = 64
NODE_MAX: Final = 64
"""Characters, as `FactRecord` has them on the wire."""
LINES_PER_SLICE: Final = 512
"""Lines whose hashes are checked in one go."""
MOVED_AT_ONCE: Final = 1_000
"""Lines held in memory while a log is cut."""
UNENROLLED: Final = "unenrolled"
"""Node name of an edge that does not know its warehouse yet."""
_COLUMNS: Final = (
    "node, incarnation, seq, prev_hash, hash, kind, version, body, wall_ms, mono_ms, op_id, actor"
)


class LogHead(msgspec.Struct, frozen=True):
    """The end of a log: `seq` is 0 and `hash` is all zero bytes while it is empty."""

    node: str
    incarnation: int
    seq: int
    hash: bytes


def ensure_identity(sql: sqlite3.Connection, node: str, entropy: Entropy) -> LogHead:
    """Give this file a random incarnation if it has none; return the head of its log.

    An empty `node` leaves the name as it is. The name may change only while the log is empty,
    because every fact is hashed together with it. Raises Refused otherwise.
    """
    if len(node) > NODE_MAX:
        raise InvalidInput(
            "node_too_long", f"A warehouse code has at most {NODE_MAX} characters; got {len(node)}."
        )
    row = sql.execute("SELECT node FROM node_state").fetchone()
    if row is None:
        incarnation = new_incarnation(entropy)
        sql.execute(
            "INSERT INTO node_state (only_row, node, incarnation) VALUES (1, ?, ?)",
            (node or UNENROLLED, incarnation),
        )
        sql.execute(
            "INSERT INTO logs (incarnation, base_hash, head_hash, acked_hash) VALUES (?, ?, ?, ?)",
            (incarnation, ZERO_HASH, ZERO_HASH, ZERO_HASH),
        )
    elif node and row["node"] != node:
        _rename(sql, row["node"], node)
    return head(sql)


def new_incarnation(entropy: Entropy) -> int:
    """Return a random 63-bit number that names one log."""
    return int.from_bytes(entropy.token_bytes(8), "big") >> 1


def _rename(sql: sqlite3.Connection, old: str, new: str) -> None:
    if sql.execute("SELECT 1 FROM facts LIMIT 1").fetchone() is not None:
        raise Refused(
            "node_named",
            f"This edge keeps the books of warehouse {old}; it cannot become {new}.",
            hint="Start the new warehouse in an empty state directory.",
        )
    sql.execute("UPDATE node_state SET node = ?", (new,))


def append(
    sql: sqlite3.Connection, fact: Fact, *, op_id: str, actor: str, wall_ms: int, mono_ms: int
) -> FactRecord:
    """Write `fact` as the next line of the log and return that line.

    Call it inside the transaction that moves the stock. Raises InvalidInput for a body above
    `BODY_BYTES_MAX` or an over-long name, BooksBroken when the file has no identity yet.
    """
    body = encode_fact(fact)
    _check_sizes(kind_of(fact), body, op_id, actor)
    end = head(sql)
    seq = end.seq + 1
    kind = kind_of(fact)
    digest = chain_hash(end.hash, end.node, end.incarnation, seq, kind, FACT_VERSION, body)
    record = FactRecord(
        node=end.node,
        incarnation=end.incarnation,
        seq=seq,
        prev_hash=end.hash,
        hash=digest,
        kind=kind,
        version=FACT_VERSION,
        body=body,
        wall_ms=max(0, wall_ms),
        mono_ms=max(0, mono_ms),
        op_id=op_id,
        actor=actor,
    )
    _insert(sql, [record])
    sql.execute(
        "UPDATE logs SET head_seq = ?, head_hash = ? WHERE incarnation = ?",
        (seq, digest, end.incarnation),
    )
    return record


def _insert(sql: sqlite3.Connection, records: Sequence[FactRecord]) -> None:
    sql.executemany(
        f"INSERT INTO facts ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        [msgspec.structs.astuple(record) for record in records],
    )


def _check_sizes(kind: str, body: bytes, op_id: str, actor: str) -> None:
    """Refuse what no hub could read: it would stand in the way of every later fact."""
    if len(body) > BODY_BYTES_MAX:
        raise InvalidInput(
            "fact_too_large",
            f"A {kind} fact of {len(body)} bytes is larger than {BODY_BYTES_MAX}.",
            hint="Record the happening in several smaller steps.",
        )
    if len(op_id) > OP_ID_MAX or len(actor) > ACTOR_MAX:
        raise InvalidInput(
            "name_too_long",
            f"An operation id has at most {OP_ID_MAX} characters and an actor {ACTOR_MAX}; "
            f"these have {len(op_id)} and {len(actor)}.",
            hint="Use a UUID as operation id.",
        )


def head(sql: sqlite3.Connection) -> LogHead:
    """Return the end of the current log; raises BooksBroken before `ensure_identity`."""
    row = sql.execute(
        "SELECT node, incarnation, head_seq, head_hash FROM node_state"
        " JOIN logs USING (incarnation)"
    ).fetchone()
    if row is None:
        raise BooksBroken(
            "no_identity",
            "This edge has no identity yet, so nothing can be recorded.",
            hint="Start the edge with `bincard edge serve`; it makes one.",
        )
    return LogHead(row["node"], row["incarnation"], row["head_seq"], row["head_hash"])


def read_after(
    sql: sqlite3.Connection,
    seq: int,
    facts_max: int,
    bytes_max: int,
    *,
    incarnation: int | None = None,
) -> list[FactRecord]:
    """Return the facts after `seq`, oldest first, at most `facts_max`.

    Their bodies sum to at most `bytes_max`, except that one fact is always returned if there is
    one. Without `incarnation` the current log is read.
    """
    if incarnation is None:
        incarnation = head(sql).incarnation
    rows = sql.execute(
        f"SELECT {_COLUMNS} FROM facts WHERE incarnation = ? AND seq > ? ORDER BY seq LIMIT ?",  # noqa: S608
        (incarnation, seq, facts_max),
    )
    records: list[FactRecord] = []
    size = 0
    for row in rows:
        record = FactRecord(*row)
        size += len(record.body)
        if records and size > bytes_max:
            break
        records.append(record)
    return records


def put_back(sql: sqlite3.Connection, incarnation: int, records: Sequence[FactRecord]) -> int:
    """Put lines that this disk has forgotten back behind their log; return its last line.

    Lines that are here already are skipped. Raises BooksBroken when one does not follow.
    """
    log = sql.execute(
        "SELECT head_seq, head_hash FROM logs WHERE incarnation = ?", (incarnation,)
    ).fetchone()
    seq, digest = log["head_seq"], bytes(log["head_hash"])
    fresh = [record for record in records if record.seq > seq]
    for record in fresh:
        _check_line(record, seq, digest)
        seq, digest = record.seq, record.hash
    _insert(sql, fresh)
    sql.execute(
        "UPDATE logs SET head_seq = ?, head_hash = ?, acked_seq = ?, acked_hash = ?"
        " WHERE incarnation = ?",
        (seq, digest, seq, digest, incarnation),
    )
    return int(seq)


def log_row(sql: sqlite3.Connection, incarnation: int) -> sqlite3.Row:
    """Return what is kept about one log of this node."""
    row: sqlite3.Row = sql.execute(
        "SELECT * FROM logs WHERE incarnation = ?", (incarnation,)
    ).fetchone()
    return row


def move_lines(sql: sqlite3.Connection, source: int, after_seq: int, target: int) -> None:
    """Cut log `source` behind line `after_seq` and let what is cut off open the log `target`.

    The words, operations, people and moments stay; numbers and hashes are those of the new log.
    """
    seq, digest = 0, ZERO_HASH
    while records := read_after(
        sql, after_seq + seq, MOVED_AT_ONCE, sys.maxsize, incarnation=source
    ):
        moved = []
        for record in records:
            seq += 1
            follows = chain_hash(
                digest, record.node, target, seq, record.kind, record.version, record.body
            )
            moved.append(
                msgspec.structs.replace(
                    record, incarnation=target, seq=seq, prev_hash=digest, hash=follows
                )
            )
            digest = follows
        _insert(sql, moved)
    if not seq:
        return
    sql.execute("DELETE FROM facts WHERE incarnation = ? AND seq > ?", (source, after_seq))
    sql.execute(
        "UPDATE logs SET head_seq = :seq, head_hash = :hash, acked_seq = min(acked_seq, :seq), "
        "acked_hash = CASE WHEN acked_seq > :seq THEN :hash ELSE acked_hash END, "
        "stable_seq = min(stable_seq, :seq) WHERE incarnation = :log",
        {"seq": after_seq, "hash": hash_at(sql, source, after_seq), "log": source},
    )
    sql.execute(
        "UPDATE logs SET head_seq = ?, head_hash = ? WHERE incarnation = ?", (seq, digest, target)
    )


def told_elsewhere(sql: sqlite3.Connection, record: FactRecord) -> bool:
    """Say whether another log here tells the happening of `record`, and the books know of it.

    The same happening has the same words and operation: two twins may have carried out one command,
    each at its own moment. One that is told n times in a log happened n times. The hub counts by
    the same rule.
    """
    rows = sql.execute(
        "SELECT f.incarnation, count(*) FROM facts f LEFT JOIN recoveries r "
        "ON r.incarnation = f.incarnation AND NOT r.ended "
        "WHERE f.op_id = ? AND f.kind = ? AND f.version = ? AND f.body = ? "
        "AND f.actor = ? AND CASE WHEN f.incarnation = ? THEN f.seq <= ? "
        "ELSE r.incarnation IS NULL OR f.seq <= r.replayed_seq END GROUP BY f.incarnation",
        (
            record.op_id,
            record.kind,
            record.version,
            record.body,
            record.actor,
            record.incarnation,
            record.seq,
        ),
    )
    counts = dict(tuple(row) for row in rows)
    here = counts.pop(record.incarnation, 0)
    return bool(max(counts.values(), default=0) >= here > 0)


def hash_at(sql: sqlite3.Connection, incarnation: int, seq: int) -> bytes | None:
    """Return the hash of one line, of the empty log for 0, or None if this file lacks it."""
    row = sql.execute(
        "SELECT hash FROM facts WHERE incarnation = ? AND seq = ?", (incarnation, seq)
    ).fetchone()
    if row is not None:
        return bytes(row["hash"])
    base = sql.execute(
        "SELECT base_hash FROM logs WHERE incarnation = ? AND base_seq = ?", (incarnation, seq)
    ).fetchone()
    return None if base is None else bytes(base["base_hash"])


def verify_chain(sql: sqlite3.Connection) -> int:
    """Check every line of every log against its hash; return how many lines were checked.

    Raises BooksBroken naming the first line that does not fit.
    """
    return sum(check_chain(sql))


def check_chain(sql: sqlite3.Connection) -> Iterator[int]:
    """Check all logs, at most `LINES_PER_SLICE` lines at a time; yield how many each time.

    Between two slices lines may be written and old ones dropped. Raises BooksBroken naming the
    first line that does not fit.
    """
    for row in sql.execute("SELECT incarnation FROM logs ORDER BY incarnation").fetchall():
        seq, digest, checked = 0, ZERO_HASH, LINES_PER_SLICE
        while checked == LINES_PER_SLICE:
            with undoable(sql):  # one moment: its lines and the end they must reach
                seq, digest, checked = _check_slice(sql, row["incarnation"], seq, digest)
            yield checked


def check_end(sql: sqlite3.Connection) -> None:
    """Check the last lines of the current log, which a disk that lost something lost first."""
    end = head(sql)
    before = max(0, end.seq - LINES_PER_SLICE + 1)
    digest = hash_at(sql, end.incarnation, before)
    _check_slice(sql, end.incarnation, *((before, digest) if digest else (0, ZERO_HASH)))


def _check_slice(
    sql: sqlite3.Connection, incarnation: int, seq: int, digest: bytes
) -> tuple[int, bytes, int]:
    """Check the lines behind one; return the last one checked and how many there were."""
    log = sql.execute("SELECT * FROM logs WHERE incarnation = ?", (incarnation,)).fetchone()
    if log["base_seq"] > seq:
        seq, digest = log["base_seq"], bytes(log["base_hash"])
    rows = sql.execute(
        f"SELECT {_COLUMNS} FROM facts WHERE incarnation = ? AND seq > ?"  # noqa: S608
        " ORDER BY seq LIMIT ?",
        (incarnation, seq, LINES_PER_SLICE),
    ).fetchall()
    for row in rows:
        record = FactRecord(*row)
        _check_line(record, seq, digest)
        seq, digest = record.seq, record.hash
    if len(rows) < LINES_PER_SLICE and (seq, digest) != (log["head_seq"], bytes(log["head_hash"])):
        raise BooksBroken(
            "log_truncated",
            f"The log should end at line {log['head_seq']}; it ends at line {seq}.",
            hint="Stop this edge and restore its last backup.",
        )
    return seq, digest, len(rows)


def _check_line(record: FactRecord, seq: int, digest: bytes) -> None:
    expected = chain_hash(
        digest,
        record.node,
        record.incarnation,
        seq + 1,
        record.kind,
        record.version,
        record.body,
    )
    if (record.seq, record.prev_hash, record.hash) != (seq + 1, digest, expected):
        raise BooksBroken(
            "chain_broken",
            f"Line {record.seq} of the log does not follow from line {seq}.",
            hint="Stop this edge and restore its last backup; the log was changed by other means.",
        )
