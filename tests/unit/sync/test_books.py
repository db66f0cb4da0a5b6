"""The two ends of the log, on real SQLite files."""

from __future__ import annotations

import random
from importlib.resources import files

import msgspec
import pytest

from edge.store import fact_log as edge_log
from edge.store import line_state
from edge.sync.apply import apply_command
from hub.store import backup, nodes
from hub.store import fact_log as hub_log
from hub.sync import core_events as on
from hub.sync.apply import apply_batch, apply_checked, retry_quarantined
from shared.domain.commands import CancelParcel, CommandRecord, encode_command
from shared.domain.errors import BooksBroken, Conflict, InvalidInput, Refused
from shared.domain.facts import CommandAccepted, CommandRefused, decode_fact
from shared.runtime.clock import SystemClock
from shared.runtime.database import Transaction, connect
from shared.sync.protocol import Epoch, LogMark, Mark


class Seeded:
    def __init__(self, seed):
        self.rng = random.Random(seed)

    def token_bytes(self, count):
        return self.rng.randbytes(count)


def run_all(sql, package):
    for script in sorted(files(package).iterdir(), key=lambda entry: entry.name):
        if script.name.endswith(".sql"):
            sql.executescript(script.read_text())


@pytest.fixture
def edge(tmp_path):
    sql = connect(tmp_path / "edge.db", writable=True)
    run_all(sql, "edge.store.migrations")
    edge_log.ensure_identity(sql, "SHA", Seeded(1))
    yield sql
    sql.close()


@pytest.fixture
def hub(tmp_path):
    sql = connect(tmp_path / "hub.db", writable=True)
    run_all(sql, "hub.store.migrations")
    sql.execute("CREATE TABLE counted (seq INTEGER)")
    hub_log.ensure_node(sql, "SHA", "Shanghai")
    yield sql
    sql.close()


@pytest.fixture
def write(edge):
    def append(count=1, **changes):
        options = {"op_id": "op", "actor": "BDG-1", "wall_ms": 1, "mono_ms": 1} | changes
        return [
            edge_log.append(edge, CommandAccepted(command_id="c"), **options) for _ in range(count)
        ]

    return append


@pytest.fixture
def known(edge, hub):
    """Make the edge's log known to the hub; return its incarnation."""
    incarnation = edge_log.head(edge).incarnation
    hub.execute(
        "INSERT INTO node_logs (node, incarnation, applied_hash, first_seen_ms)"
        " VALUES ('SHA', ?, ?, 1)",
        (incarnation, bytes(32)),
    )
    return incarnation


def count(tx, record):
    tx.sql.execute("INSERT INTO counted VALUES (?)", (record.seq,))


def counted(hub):
    return [row[0] for row in hub.execute("SELECT seq FROM counted ORDER BY seq")]


def test_a_log_is_chained_and_its_head_is_its_last_line(edge, write):
    records = write(5)
    assert edge_log.verify_chain(edge) == 5
    assert edge_log.head(edge).hash == records[-1].hash
    assert edge_log.read_after(edge, 2, 2, 10_000) == records[2:4]
    assert edge_log.read_after(edge, 0, 100, 1) == records[:1]
    assert edge_log.hash_at(edge, records[0].incarnation, 3) == records[2].hash


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE facts SET body = x'7b7d' WHERE seq = 3",
        "DELETE FROM facts WHERE seq = 3",
        "DELETE FROM facts WHERE seq = 5",
        "UPDATE facts SET node = 'CTU' WHERE seq = 2",
    ],
)
def test_a_log_that_was_edited_is_found_out(edge, write, damage):
    write(5)
    edge.execute(damage)
    with pytest.raises(BooksBroken):
        edge_log.verify_chain(edge)


def test_an_identity_is_made_once_and_its_name_is_fixed_by_the_first_fact(edge, write):
    before = edge_log.head(edge)
    assert edge_log.ensure_identity(edge, "CTU", Seeded(2)).incarnation == before.incarnation
    write(1)
    assert edge_log.ensure_identity(edge, "", Seeded(3)).node == "CTU"
    with pytest.raises(Refused, match="cannot become SHA"):
        edge_log.ensure_identity(edge, "SHA", Seeded(4))


@pytest.mark.parametrize("changes", [{"op_id": "x" * 129}, {"actor": "x" * 65}])
def test_a_fact_no_hub_could_read_is_never_written(edge, write, changes):
    with pytest.raises(InvalidInput):
        write(1, **changes)
    assert edge_log.head(edge).seq == 0


def test_a_clock_before_1970_does_not_block_the_line(write):
    (record,) = write(1, wall_ms=-5)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=type(record)) == record


def test_a_batch_may_come_any_number_of_times_and_counts_once(hub, write, known, do):
    records = write(10)
    for batch in (records[:4], records[:4], records[2:7], records[4:10], records):
        do(hub, lambda tx, b=batch: apply_batch(tx, "SHA", known, b, count, wall_ms=1))
    assert counted(hub) == list(range(1, 11))
    assert hub_log.verify_chains(hub) == 10


def test_gaps_damage_and_forks_store_nothing(edge, hub, write, known, do):
    records = write(6)

    def apply(batch):
        return do(hub, lambda tx: apply_batch(tx, "SHA", known, batch, count, wall_ms=1))

    first = apply(records[:2])
    assert apply(records[3:]) == on.Expected(first.applied, "gap")
    damaged = [records[2], msgspec.structs.replace(records[3], body=b"{1}")]
    assert apply(damaged) == on.Expected(first.applied, "chain")
    edge.execute("DELETE FROM facts")
    edge.execute("UPDATE logs SET head_seq = 0, head_hash = zeroblob(32)")
    other = [
        edge_log.append(
            edge, CommandAccepted(command_id="z"), op_id="o", actor="a", wall_ms=1, mono_ms=1
        )
        for _ in range(3)
    ]
    assert apply(other[:1]) == on.Forked(1)
    assert apply(other) == on.Forked(2)
    assert apply(other[2:]) == on.Forked(2)
    assert counted(hub) == [1, 2]


def test_a_fact_that_cannot_be_counted_waits_until_it_can(hub, write, known, do):
    records = write(3)
    told = []

    def picky(tx, record):
        count(tx, record)
        tx.after_commit(lambda: told.append(record.seq))
        if record.seq == 2:
            raise Refused("unit_unknown", "The unit 4711 of Mr. Wang is not known.")

    outcome = do(hub, lambda tx: apply_batch(tx, "SHA", known, records, picky, wall_ms=1))
    assert (outcome.applied.seq, outcome.quarantined) == (3, 1)
    assert (counted(hub), told) == ([1, 3], [1, 3])
    (row,) = hub_log.quarantined(hub)
    assert (row["seq"], row["error"], row["code"]) == (2, "Refused", "unit_unknown")
    assert "Wang" not in str(tuple(row))

    assert do(hub, lambda tx: retry_quarantined(tx, picky, wall_ms=2)) == (0, 1)
    assert do(hub, lambda tx: retry_quarantined(tx, count, wall_ms=2)) == (1, 0)
    assert counted(hub) == [1, 2, 3]
    assert do(hub, lambda tx: retry_quarantined(tx, count, wall_ms=2)) == (0, 0)


def test_a_command_is_queued_once_per_id(hub):
    cancel = CancelParcel(parcel_id="p", reason="")
    assert hub_log.queue_command(hub, "SHA", cancel, command_id="1") == 1
    assert hub_log.queue_command(hub, "SHA", cancel, command_id="2") == 2
    assert hub_log.queue_command(hub, "SHA", cancel, command_id="1") == 1
    with pytest.raises(Conflict):
        hub_log.queue_command(hub, "SHA", CancelParcel(parcel_id="q", reason=""), command_id="1")
    with pytest.raises(InvalidInput):
        hub_log.queue_command(hub, "SHA", cancel, command_id="x" * 65)
    records, head = hub_log.read_commands(hub, "SHA", 1, 10, 10_000)
    assert ([record.command_id for record in records], head) == (["2"], 2)


def asked(seq, command_id="c", kind="cancel_parcel"):
    body = encode_command(CancelParcel(parcel_id="p", reason=""))
    return CommandRecord(seq, command_id, kind, 1, body)


def refusals(edge):
    facts = [decode_fact(record.body) for record in edge_log.read_after(edge, 0, 100, 10**6)]
    return [(fact.command_id, fact.code) for fact in facts if isinstance(fact, CommandRefused)]


def test_a_command_takes_effect_once_in_order_and_never_blocks_the_next(edge, do):
    done = []

    def handle(tx, record):
        done.append(record.command_id)
        if record.command_id == "late":
            raise Refused("too_late", "The parcel has left.")
        if record.command_id == "broken":
            raise KeyError("secret")

    def apply(record):
        return do(edge, lambda tx: apply_command(tx, record, handle, SystemClock()))

    assert apply(asked(2)) == 0
    assert apply(asked(1, "a")) == 1
    assert apply(asked(1, "a")) == 1
    assert apply(asked(2, "late")) == 2
    assert apply(asked(3, "broken")) == 3
    assert apply(asked(4, "new", kind="count_stock")) == 4
    assert apply(asked(5, "a")) == 5
    assert done == ["a", "late", "broken"]
    assert refusals(edge) == [
        ("late", "too_late"),
        ("broken", "internal"),
        ("new", "unknown_command"),
    ]
    kept = edge.execute("SELECT seq, outcome, body IS NULL FROM commands_received").fetchall()
    assert [tuple(row) for row in kept] == [
        (1, "done", 1),
        (2, "refused", 1),
        (3, "refused", 1),
        (4, "unknown", 0),
        (5, "repeated", 1),
    ]


def test_a_failing_disk_is_not_blamed_on_the_command(edge, do):
    def handle(tx, record):
        pages = tx.sql.execute("PRAGMA page_count").fetchone()[0]
        tx.sql.execute(f"PRAGMA max_page_count = {pages}")
        tx.sql.execute("CREATE TABLE big AS SELECT zeroblob(1000000) AS x")

    with pytest.raises(Exception, match="full"):
        do(edge, lambda tx: apply_command(tx, asked(1), handle, SystemClock()))
    assert line_state.down_cursor(edge) == 0
    assert refusals(edge) == []


def test_an_edge_counts_what_the_hub_does_not_have_yet(edge, write):
    records = write(5)
    assert line_state.waiting(edge) == 5
    acked = line_state.load(edge).logs[0]
    line_state.store_ack(edge, acked.incarnation, Mark(3, records[2].hash), 1)
    line_state.store_ack(edge, acked.incarnation, Mark(2, records[1].hash), 0)
    assert line_state.waiting(edge) == 2


def test_a_key_revoked_a_moment_ago_stores_nothing(hub, write, known, do):
    records = tuple(write(2))
    batch = on.ApplyFacts(b"p", b"session1", "key", "SHA", known, records)
    nodes.add_key(hub, "SHA", "key", 1)
    nodes.revoke_keys(hub, "SHA", 2)
    assert do(hub, lambda tx: apply_checked(tx, batch, count, 1)) == on.NotAllowed()
    assert counted(hub) == []


def test_what_a_restored_hub_lost_counts_as_waiting_and_not_as_safe(edge, write):
    records = write(5)
    here = records[0].incarnation
    line_state.store_ack(edge, here, Mark(5, records[4].hash), 4)
    mark = LogMark(here, 2, records[1].hash)
    line_state.store_epoch(edge, Epoch(1, b"hub-new."), (mark,))
    (log,) = line_state.load(edge).logs
    assert (log.acked, log.stable_seq) == (Mark(2, records[1].hash), 2)
    assert line_state.waiting(edge) == 3


def test_a_new_life_of_the_hub_is_remembered_and_an_older_one_is_not(hub):
    first = nodes.ensure_epoch(hub, Seeded(1))
    assert nodes.ensure_epoch(hub, Seeded(2)) == first
    second = nodes.raise_epoch(hub, Seeded(3))
    assert second.ordinal == first.ordinal + 1
    assert second.token != first.token


def test_a_copy_of_the_hub_says_of_itself_that_it_is_a_backup(tmp_path, edge, hub, known, write):
    apply_batch(Transaction(hub), "SHA", known, write(4), count, wall_ms=1)
    backup.back_up(hub, tmp_path / "copy.db")
    ends = backup.proven_marks(tmp_path / "copy.db")
    assert ends == [backup.LogEnd("SHA", known, 4)]
    assert hub_log.applied_mark(hub, "SHA", known)[1] == 0, "not before the copy is proven"
    backup.advance_stable(hub, ends)
    assert hub_log.applied_mark(hub, "SHA", known)[1] == 4
    copy = connect(tmp_path / "copy.db", writable=False)
    assert hub_log.applied_mark(copy, "SHA", known)[1] == 4
    copy.close()
