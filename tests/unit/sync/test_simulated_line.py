"""Whatever network and crashes do, each fact is counted once and each command done once."""

from __future__ import annotations

import pytest

from edge.store import fact_log as edge_log
from edge.store import line_state, pruning
from edge.sync.core_events import Disconnected, FactsCommitted
from hub.store import fact_log as hub_log
from shared.domain.facts import LogGap, decode_fact
from shared.sync import protocol as wire
from shared.sync.protocol import Mark

SEEDS = range(60)


def rows(sql, query):
    return [tuple(row) for row in sql.execute(query)]


def facts_of(sql, node):
    return rows(sql, f"SELECT * FROM facts WHERE node = '{node}' ORDER BY incarnation, seq")


def columns(sql, node):
    return rows(
        sql,
        "SELECT node, incarnation, seq, prev_hash, hash, kind, version, body, wall_ms, mono_ms,"
        f" op_id, actor FROM facts WHERE node = '{node}' ORDER BY incarnation, seq",
    )


def check_now(world):
    """What must hold after every single step."""
    for edge in world.edges:
        for log in line_state.load(edge.sql).logs:
            applied = hub_log.applied_mark(world.hub.sql, edge.node, log.incarnation)
            if log.acked.seq == 0:
                continue
            assert applied is not None
            assert log.acked.seq <= applied[0].seq
            assert (
                hub_log.hash_at(world.hub.sql, edge.node, log.incarnation, log.acked.seq)
                == log.acked.hash
            )


def check_books(world):
    """Prefix, once, chain."""
    for edge in world.edges:
        here, there = columns(edge.sql, edge.node), columns(world.hub.sql, edge.node)
        assert here[: len(there)] == there
    counted = rows(world.hub.sql, "SELECT node, incarnation, seq FROM counted")
    assert len(counted) == len(set(counted))
    stored = rows(world.hub.sql, "SELECT node, incarnation, seq FROM facts")
    poisoned = rows(world.hub.sql, "SELECT node, incarnation, seq FROM quarantine")
    assert sorted(counted + poisoned) == sorted(stored)
    hub_log.verify_chains(world.hub.sql)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_fact_arrives_once_and_every_command_takes_effect_once(make_world, seed):
    world = make_world(seed)
    steps = 0

    def between():
        nonlocal steps
        steps += 1
        if steps % 7 == 0:
            check_now(world)

    sent = {edge.node: [] for edge in world.edges}
    for _round in range(60):
        for edge in world.edges:
            for _ in range(world.rng.randint(0, 8)):
                edge.work("poison" if world.rng.random() < 0.05 else "fact")
            if world.rng.random() < 0.5:
                kind = world.rng.choice(("", "", "-refuse", "-broken", "-cancel"))
                sent[edge.node].append(world.hub.command(edge.node, kind))
        world.cut = world.rng.random() < 0.15
        if world.cut and world.rng.random() < 0.5:
            world.rng.choice(world.edges).handle(Disconnected())
        world.run(world.rng.randint(50, 3_000), between)
    check_books(world)

    world.heal()
    world.run(120_000, between)
    check_books(world)
    for edge in world.edges:
        head = edge_log.head(edge.sql)
        mark = hub_log.applied_mark(world.hub.sql, edge.node, head.incarnation)
        assert mark is not None
        assert (mark[0].seq, mark[0].hash) == (head.seq, head.hash)
        assert line_state.waiting(edge.sql) == 0
        assert edge.core.status.up
        done = [row[0] for row in rows(edge.sql, "SELECT command_id FROM carried_out")]
        plain = [name for name in sent[edge.node] if "-" not in name]
        assert [name for name in done if "-" not in name] == plain
        urgent = [name for name in sent[edge.node] if "-cancel" in name]
        assert sorted(name for name in done if "-" in name) == sorted(urgent)
        outcomes = rows(edge.sql, "SELECT command_id, outcome FROM commands_received")
        for name in sent[edge.node]:
            first = "refused" if name.endswith(("-refuse", "-broken")) else "done"
            found = [outcome for command_id, outcome in outcomes if command_id == name]
            assert sorted(found) in ([first], [first, "repeated"])
            assert found == [first] or name in urgent
        edge_log.verify_chain(edge.sql)
    cacked = rows(world.hub.sql, "SELECT node, head_seq, cacked_seq FROM command_heads")
    assert [(node, head) for node, head, _ in cacked] == [(n, c) for n, _, c in cacked]


@pytest.mark.parametrize("seed", range(100, 115))
def test_a_hub_restored_from_a_backup_gets_everything_it_lost_again(make_world, backup, seed):
    world = make_world(seed)
    world.run(3_000)
    for edge in world.edges:
        for _ in range(10):
            edge.work()
    world.run(5_000)
    old = backup(world.hub.sql)
    for _ in range(10):
        for edge in world.edges:
            edge.work()
        world.run(1_000)
    world.heal()
    world.run(30_000)
    world.hub.restore(old, declared=True)
    for edge in world.edges:
        edge.work()
    world.run(90_000)
    check_now(world)
    check_books(world)
    for edge in world.edges:
        assert columns(edge.sql, edge.node) == columns(world.hub.sql, edge.node)
        assert line_state.waiting(edge.sql) == 0
        assert line_state.load(edge.sql).epoch.ordinal == 2


def test_a_hub_put_back_in_secret_begins_a_new_life_by_itself(make_world, backup):
    world = make_world(1, edges=1)
    (edge,) = world.edges
    world.heal()
    old = backup(world.hub.sql)
    edge.work()
    world.run(10_000)
    world.hub.restore(old, declared=False)
    world.run(20_000)
    assert edge.core.status.up
    assert rows(world.hub.sql, "SELECT epoch FROM hub_identity") == [(2,)]
    lines = "SELECT incarnation, seq, hash FROM facts"
    assert rows(world.hub.sql, lines) == rows(edge.sql, lines) != []
    assert rows(world.hub.sql, "SELECT node, reported FROM recovering") == [("W0", 1)]


def test_an_edge_put_back_in_secret_greets_anew_and_fetches_what_it_lost(make_world, backup):
    world = make_world(1, edges=1)
    (edge,) = world.edges
    world.heal()
    edge.work()
    world.run(10_000)
    old = backup(edge.sql)
    edge.work()
    edge.handle(FactsCommitted())
    world.run(10_000)
    boot_no = line_state.load(edge.sql).boot_no
    edge.sql = old
    edge.sql.execute("UPDATE node_state SET boot_no = ?", (boot_no,))
    edge.crash()
    world.run(15_000)
    assert edge.core.status.up
    lines = "SELECT incarnation, seq, hash FROM facts ORDER BY 1, 2"
    assert rows(edge.sql, lines) == rows(world.hub.sql, lines)
    assert len(rows(edge.sql, "SELECT incarnation FROM logs")) == 2


def test_a_copy_that_worked_by_itself_tells_its_lines_under_a_log_of_its_own(make_world, backup):
    world = make_world(1, edges=2)
    first, second = world.edges
    world.heal()
    first.work()
    world.run(10_000)
    second.node = first.node
    second.sql = backup(first.sql)
    first.work()
    world.run(10_000)
    second.work()
    second.work()
    second.sql.execute("UPDATE node_state SET boot_no = boot_no + 10")
    second.crash()
    second.connections = 1_000
    world.edges = [second]
    second.crash()
    world.run(20_000)
    assert second.core.status.up
    lines = "SELECT incarnation, seq, hash FROM facts ORDER BY 1, 2"
    assert rows(second.sql, lines) == rows(world.hub.sql, lines)
    assert len(rows(world.hub.sql, "SELECT DISTINCT body FROM facts")) == 4
    assert len(rows(world.hub.sql, "SELECT * FROM counted")) == 4
    assert len(rows(second.sql, "SELECT incarnation FROM logs")) == 2


def test_the_same_seed_gives_the_same_world(make_world):
    def trace(seed):
        world = make_world(seed)
        for _ in range(20):
            world.edges[0].work()
            world.hub.command("W0")
            world.run(500)
        return world.now_ms, world.crashes, columns(world.hub.sql, "W0"), world.rng.random()

    assert trace(7) == trace(7)


def let_go(edge, do, seq):
    """The edge was told that lines up to `seq` are in a backup, and has let them go since."""
    log = edge_log.head(edge.sql)
    digest = edge_log.hash_at(edge.sql, log.incarnation, seq)
    do(
        edge.sql,
        lambda tx: line_state.store_ack(tx.sql, log.incarnation, Mark(seq, digest), seq),
    )
    while do(edge.sql, lambda tx: pruning.drop_lines(tx.sql, before_ms=10**15, lines_max=3)):
        pass


@pytest.mark.parametrize("seed", range(5))
def test_a_hub_put_back_from_a_backup_older_than_what_is_kept_says_what_is_gone(
    make_world, backup, do, seed
):
    world = make_world(seed, edges=1)
    (edge,) = world.edges
    for _ in range(4):
        edge.work()
    world.heal()
    world.run(20_000)
    old = backup(world.hub.sql)
    for _ in range(10):
        edge.work()
    world.run(20_000)
    let_go(edge, do, 9)
    world.drop, world.duplicate, world.delay_ms = 0.2, 0.2, 500
    world.hub.restore(old, declared=True)
    edge.work()
    world.run(60_000)
    world.heal()
    world.run(60_000)
    assert edge.core.status.up
    assert line_state.waiting(edge.sql) == 0
    head = edge_log.head(edge.sql)
    stored = [row[0] for row in rows(world.hub.sql, "SELECT seq FROM facts ORDER BY seq")]
    assert stored == [*range(1, 5), *range(10, head.seq + 1)]
    assert rows(world.hub.sql, "SELECT after_seq, to_seq FROM log_skips") == [(4, 9)]
    assert hub_log.verify_chains(world.hub.sql) == len(stored)
    hub_log.check_ends(world.hub.sql)
    gaps = rows(world.hub.sql, "SELECT body FROM facts WHERE kind = 'log_gap'")
    (gap,) = [decode_fact(row[0]) for row in gaps]
    assert gap == LogGap(incarnation=head.incarnation, last_seq=4, expected_seq=9)
    tasks = rows(edge.sql, "SELECT code, params FROM exceptions")
    assert tasks == [("count_all", '{"lines":5}')], "head office cannot know what they touched"


def test_a_hub_of_the_version_before_is_told_to_be_updated(make_world, backup, do, monkeypatch):
    monkeypatch.setattr(wire, "PROTOCOL_MAX", 1)
    world = make_world(1, edges=1)
    (edge,) = world.edges
    world.heal()
    old = backup(world.hub.sql)
    for _ in range(10):
        edge.work()
    world.run(20_000)
    let_go(edge, do, 9)
    world.hub.restore(old, declared=True)
    world.run(40_000)
    assert edge.core.status.trouble.code == "log_pruned"
