"""The logs the warehouses sent, byte for byte, and the commands that wait for them.

The hub keeps for each log how far it has applied it (sequence number and hash). That mark moves in
the same transaction that stores and counts the facts, so a fact is counted once however often it is
sent. Commands go down in one gap-free sequence per node.
Source: reference protocol "WES-1", sections 4.3 to 4.5.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from shared.domain.commands import (
    COMMAND_BYTES_MAX,
    Command,
    CommandRecord,
    command_kind_of,
    encode_command,
)
from shared.domain.errors import BooksBroken, Conflict, InvalidInput
from shared.domain.facts import ZERO_HASH, FactRecord, chain_hash
from shared.domain.versions import command_version
from shared.runtime.attempt import undoable
from shared.sync.protocol import Mark

COMMAND_ID_MAX: Final = 64
"""Characters, as `CommandRecord` has them on the wire."""
LINES_PER_SLICE: Final = 512
"""Lines whose hashes are checked in one go."""
_FACT_COLUMNS: Final = (
    "node, incarnation, seq, prev_hash, hash, kind, version, body, wall_ms, mono_ms, op_id, actor"
)


def ensure_node(sql: sqlite3.Connection, node: str, name: str = "") -> None:
    """Make `node` known (its code is the warehouse code); a given `name` replaces the old one."""
    sql.execute(
        "INSERT INTO nodes (node, name) VALUES (?, ?) ON CONFLICT (node) DO UPDATE"
        " SET name = CASE excluded.name WHEN '' THEN nodes.name ELSE excluded.name END",
        (node, name),
    )


def queue_command(sql: sqlite3.Connection, node: str, command: Command, *, command_id: str) -> int:
    """Add `command` to what `node` must do and return its number in that node's sequence.

    The same `command_id` with the same command returns the number given before. Raises Conflict
    when the id was used for another command and InvalidInput when body or id is too large.
    """
    if not 1 <= len(command_id) <= COMMAND_ID_MAX:
        raise InvalidInput(
            "command_id_length",
            f"A command id has 1 to {COMMAND_ID_MAX} characters; this one has {len(command_id)}.",
            hint="Use a UUID.",
        )
    body = encode_command(command)
    if len(body) > COMMAND_BYTES_MAX:
        raise InvalidInput(
            "command_too_large",
            f"A command of {len(body)} bytes is larger than {COMMAND_BYTES_MAX}.",
            hint="Split it into several commands.",
        )
    known = sql.execute(
        "SELECT seq, body FROM commands WHERE node = ? AND command_id = ?", (node, command_id)
    ).fetchone()
    if known is not None:
        if bytes(known["body"]) != body:
            raise Conflict(
                "command_id_reused",
                f"Command {command_id} was queued for {node} before with other content.",
                hint="Give each command an id of its own.",
            )
        return int(known["seq"])
    ensure_node(sql, node)
    row = sql.execute(
        "INSERT INTO command_heads (node, head_seq) VALUES (?, 1)"
        " ON CONFLICT (node) DO UPDATE SET head_seq = command_heads.head_seq + 1"
        " RETURNING head_seq",
        (node,),
    ).fetchone()
    seq = int(row["head_seq"])
    sql.execute(
        "INSERT INTO commands (node, seq, command_id, kind, version, body)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (node, seq, command_id, command_kind_of(command), command_version(command), body),
    )
    return seq


def read_commands(
    sql: sqlite3.Connection,
    node: str,
    after_seq: int,
    commands_max: int,
    bytes_max: int,
    kinds: Sequence[str] = (),
) -> tuple[list[CommandRecord], int]:
    """Return the commands of `node` after `after_seq` and the number of the last one queued.

    At most `commands_max`, their bodies at most `bytes_max`, but one if there is one. With `kinds`
    only commands of these kinds.
    """
    row = sql.execute("SELECT head_seq FROM command_heads WHERE node = ?", (node,)).fetchone()
    head_seq = 0 if row is None else int(row["head_seq"])
    if head_seq <= after_seq:
        return [], head_seq
    records: list[CommandRecord] = []
    size = 0
    only = f" AND kind IN ({', '.join('?' * len(kinds))})" if kinds else ""
    rows = sql.execute(
        "SELECT seq, command_id, kind, version, body FROM commands WHERE node = ? AND seq > ?"  # noqa: S608
        f"{only} ORDER BY seq LIMIT ?",
        (node, after_seq, *kinds, commands_max),
    )
    for line in rows:
        record = CommandRecord(*line)
        size += len(record.body)
        if records and size > bytes_max:
            break
        records.append(record)
    return records, head_seq


def store_cack(sql: sqlite3.Connection, node: str, seq: int) -> None:
    """Note that `node` carried out all commands up to `seq`; an older note changes nothing."""
    sql.execute(
        "UPDATE command_heads SET cacked_seq = min(head_seq, max(cacked_seq, ?)) WHERE node = ?",
        (seq, node),
    )


def applied_mark(sql: sqlite3.Connection, node: str, incarnation: int) -> tuple[Mark, int] | None:
    """Return how far one log is applied and how far it is in a verified backup."""
    row = sql.execute(
        "SELECT applied_seq, applied_hash, stable_seq FROM node_logs"
        " WHERE node = ? AND incarnation = ?",
        (node, incarnation),
    ).fetchone()
    if row is None:
        return None
    return Mark(row["applied_seq"], bytes(row["applied_hash"])), int(row["stable_seq"])


def hash_at(sql: sqlite3.Connection, node: str, incarnation: int, seq: int) -> bytes | None:
    """Return the hash of one stored line, of the empty log for 0, or None if it is not stored."""
    if seq == 0:
        return ZERO_HASH
    row = sql.execute(
        "SELECT hash FROM facts WHERE node = ? AND incarnation = ? AND seq = ?",
        (node, incarnation, seq),
    ).fetchone()
    return None if row is None else bytes(row["hash"])


def skip(
    sql: sqlite3.Connection, node: str, incarnation: int, after_seq: int, base: Mark, at_ms: int
) -> None:
    """Note that lines after `after_seq` up to `base` are gone; the log goes on behind `base`."""
    sql.execute(
        "INSERT INTO log_skips VALUES (?, ?, ?, ?, ?, ?)",
        (node, incarnation, after_seq, base.seq, base.hash, at_ms),
    )
    sql.execute(
        "UPDATE node_logs SET applied_seq = ?, applied_hash = ? WHERE node = ? AND incarnation = ?",
        (base.seq, base.hash, node, incarnation),
    )


def _behind(sql: sqlite3.Connection, node: str, incarnation: int, end: Mark) -> Mark:
    """Return the line that the next one must follow: `end`, or where the log goes on behind it."""
    row = sql.execute(
        "SELECT to_seq, to_hash FROM log_skips"
        " WHERE node = ? AND incarnation = ? AND after_seq = ?",
        (node, incarnation, end.seq),
    ).fetchone()
    return end if row is None else Mark(row["to_seq"], bytes(row["to_hash"]))


def store_facts(sql: sqlite3.Connection, records: Sequence[FactRecord]) -> None:
    """Keep consecutive lines of one log and move its mark to the last of them."""
    sql.executemany(
        f"INSERT INTO facts ({_FACT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        [msgspec.structs.astuple(record) for record in records],
    )
    last = records[-1]
    sql.execute(
        "UPDATE node_logs SET applied_seq = ?, applied_hash = ? WHERE node = ? AND incarnation = ?",
        (last.seq, last.hash, last.node, last.incarnation),
    )


def news_among(
    sql: sqlite3.Connection, node: str, incarnation: int, records: Sequence[FactRecord]
) -> list[FactRecord]:
    """Return those of the lines, just stored, that no other log of the node has told before.

    A machine that branches off its log takes lines along that may have arrived under the old name.
    The same happening has the same words and operation, also when two twins carried out one command
    of the hub, each at its own moment. One that several logs tell counts as often as the log that
    tells it most often, in whatever order they arrive. The others are noted as retold.
    """
    others = sql.execute(
        "SELECT 1 FROM node_logs WHERE node = ? AND incarnation <> ? LIMIT 1", (node, incarnation)
    ).fetchone()
    if others is None:
        return list(records)
    news = []
    for record in records:
        if _told_elsewhere(sql, record):
            sql.execute(
                "INSERT INTO retold (node, incarnation, seq) VALUES (?, ?, ?)",
                (node, incarnation, record.seq),
            )
        else:
            news.append(record)
    return news


def _told_elsewhere(sql: sqlite3.Connection, record: FactRecord) -> bool:
    """Say whether another log tells this happening as often as this log does up to `record`."""
    counts = {
        row[0]: row[1]
        for row in sql.execute(
            # The bare column would make SQLite read the node's whole log by its primary key.
            "SELECT incarnation, count(*) FROM facts"
            " WHERE node || '' = ? AND op_id = ? AND kind = ?"
            " AND version = ? AND body = ? AND actor = ?"
            " AND (incarnation <> ? OR seq <= ?) GROUP BY incarnation",
            (
                record.node,
                record.op_id,
                record.kind,
                record.version,
                record.body,
                record.actor,
                record.incarnation,
                record.seq,
            ),
        )
    }
    here = counts.pop(record.incarnation)
    return bool(max(counts.values(), default=0) >= here)


def quarantine(
    sql: sqlite3.Connection, record: FactRecord, *, error: str, code: str, at_ms: int
) -> None:
    """Note that a stored fact could not be counted. `error` is a class name, never a text."""
    sql.execute(
        "INSERT INTO quarantine (node, incarnation, seq, kind, error, code, at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (record.node, record.incarnation, record.seq, record.kind, error, code, at_ms),
    )


def quarantined(sql: sqlite3.Connection) -> list[sqlite3.Row]:
    """Return the facts that wait in quarantine, oldest first."""
    return sql.execute(
        "SELECT node, incarnation, seq, kind, error, code, at_ms FROM quarantine"
        " WHERE solved_ms IS NULL ORDER BY at_ms, node, incarnation, seq"
    ).fetchall()


def solve(sql: sqlite3.Connection, record: FactRecord, at_ms: int) -> None:
    """Note that a fact in quarantine is counted now."""
    sql.execute(
        "UPDATE quarantine SET solved_ms = ? WHERE node = ? AND incarnation = ? AND seq = ?",
        (at_ms, record.node, record.incarnation, record.seq),
    )


def read_facts(
    sql: sqlite3.Connection,
    node: str,
    incarnation: int,
    after_seq: int,
    facts_max: int,
    bytes_max: int | None = None,
) -> list[FactRecord]:
    """Return stored lines of one log after `after_seq`, oldest first.

    With `bytes_max` their bodies sum to at most that, but one line is returned if there is one.
    """
    rows = sql.execute(
        f"SELECT {_FACT_COLUMNS} FROM facts WHERE node = ? AND incarnation = ? AND seq > ?"  # noqa: S608
        " ORDER BY seq LIMIT ?",
        (node, incarnation, after_seq, facts_max),
    )
    records: list[FactRecord] = []
    size = 0
    for row in rows:
        record = FactRecord(*row)
        size += len(record.body)
        if records and bytes_max is not None and size > bytes_max:
            break
        records.append(record)
    return records


def verify_chains(sql: sqlite3.Connection) -> int:
    """Check every stored line of every log against its hash; return how many were checked.

    Raises BooksBroken naming the first line that does not fit.
    """
    return sum(check_chains(sql))


def check_chains(sql: sqlite3.Connection) -> Iterator[int]:
    """Check all logs, at most `LINES_PER_SLICE` lines at a time; yield how many each time.

    Between two slices lines may be stored. Raises BooksBroken naming the first line that does not
    fit.
    """
    for log in _logs(sql):
        end, checked = Mark(), LINES_PER_SLICE
        while checked == LINES_PER_SLICE:
            with undoable(sql):  # one moment: its lines and the end they must reach
                end, checked = _check_slice(sql, log["node"], log["incarnation"], end)
            yield checked


def check_ends(sql: sqlite3.Connection) -> None:
    """Check the last lines of every log, which a disk that lost something lost first."""
    for log in _logs(sql):
        before = log["applied_seq"] - LINES_PER_SLICE + 1
        known = read_facts(sql, log["node"], log["incarnation"], before - 1, 1)
        start = Mark(known[0].seq, known[0].hash) if before > 0 and known else Mark()
        _check_slice(sql, log["node"], log["incarnation"], start)


def _logs(sql: sqlite3.Connection) -> list[sqlite3.Row]:
    return sql.execute("SELECT * FROM node_logs ORDER BY node, incarnation").fetchall()


def _check_slice(
    sql: sqlite3.Connection, node: str, incarnation: int, end: Mark
) -> tuple[Mark, int]:
    """Check the lines behind `end`; return the last one checked and how many there were."""
    records = read_facts(sql, node, incarnation, end.seq, LINES_PER_SLICE)
    for record in records:
        if record.seq != end.seq + 1:
            end = _behind(sql, node, incarnation, end)
        if record.seq != end.seq + 1 or not follows(record, end.hash):
            raise _chain_broken(node, record.seq)
        end = Mark(record.seq, record.hash)
    if len(records) < LINES_PER_SLICE:
        log = sql.execute(
            "SELECT applied_seq, applied_hash FROM node_logs WHERE node = ? AND incarnation = ?",
            (node, incarnation),
        ).fetchone()
        applied = Mark(log["applied_seq"], bytes(log["applied_hash"]))
        if end != applied and _behind(sql, node, incarnation, end) != applied:
            raise _chain_broken(node, end.seq + 1)
    return end, len(records)


def follows(record: FactRecord, prev_hash: bytes) -> bool:
    """Say whether `record` is intact and follows the line whose hash is `prev_hash`."""
    if record.prev_hash != prev_hash:
        return False
    return record.hash == chain_hash(
        prev_hash,
        record.node,
        record.incarnation,
        record.seq,
        record.kind,
        record.version,
        record.body,
    )


def _chain_broken(node: str, seq: int) -> BooksBroken:
    return BooksBroken(
        "chain_broken",
        f"Line {seq} of the log of {node} does not follow from the line before.",
        hint="Stop the hub and restore its last backup; the log was changed by other means.",
    )
