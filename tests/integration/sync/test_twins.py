"""Copies of a warehouse's disk on real sockets: one goes on, nothing is lost or doubled."""

from __future__ import annotations

import shutil

import pytest

from edge.store import recoveries
from hub.store import fences
from tests.integration.sync.conftest import Edge

OPEN_TASKS = "SELECT code FROM exceptions WHERE solved_ms IS NULL"
LINES = "SELECT incarnation, seq, hash FROM facts ORDER BY 1, 2"


def told(hub):
    """How often each operation was counted, by its number of times."""
    rows = hub.rows(
        "SELECT f.op_id, count(*) FROM counted c JOIN facts f USING (node, incarnation, seq)"
        " GROUP BY f.op_id"
    )
    return dict(rows)


@pytest.fixture
def twin_of(fast_rig):
    """Copy a stopped edge's whole state directory to another box."""

    def copy(edge):
        folder = edge.folder.with_name(edge.folder.name + "-twin")
        shutil.copytree(edge.folder, folder)
        twin = Edge(folder, edge.node, fast_rig.hub, edge.port, fast_rig.clock)
        fast_rig.edges.append(twin)
        return twin

    return copy


def both_whole(hub, edge, count):
    counted = told(hub)
    return (
        edge.rows(LINES) == hub.rows(LINES)
        and len(counted) == count
        and set(counted.values()) == {1}
    )


def beside_its_original(fast_rig, eventually, twin_of):
    """Return an edge with five lines and a copy of it that is switched on as well."""
    edge = fast_rig.edge("SHA")
    edge.work(5)
    eventually(lambda: both_whole(fast_rig.hub, edge, 5))
    edge.stop()
    twin = twin_of(edge)
    twin.stop()
    edge.start()
    eventually(lambda: edge.line.link().up)
    twin.start()
    return edge, twin


def test_an_old_copy_without_its_note_tells_what_it_did_and_learns_what_it_forgot(
    fast_rig, eventually
):
    edge = fast_rig.edge("SHA")
    edge.work(5)
    eventually(lambda: both_whole(fast_rig.hub, edge, 5))
    edge.stop()
    old = (edge.folder / "edge.db").read_bytes()
    edge.start()
    edge.work(5)
    eventually(lambda: both_whole(fast_rig.hub, edge, 10))
    edge.stop()
    (edge.folder / "edge.db").write_bytes(old)
    (edge.folder / "node.json").unlink()
    edge.start()
    edge.work(3)
    eventually(lambda: both_whole(fast_rig.hub, edge, 13))
    assert edge.line.link().up


def test_a_copy_waits_while_the_original_lives_and_goes_on_when_it_is_switched_off(
    fast_rig, eventually, twin_of
):
    edge, twin = beside_its_original(fast_rig, eventually, twin_of)
    edge.work(2)
    twin.work(3)
    eventually(lambda: twin.line.link().code == "clone")
    eventually(lambda: both_whole(fast_rig.hub, edge, 7))
    assert edge.line.link().up
    eventually(lambda: twin.rows(OPEN_TASKS) == [("other_machine",)])
    assert twin.database.read_sync(recoveries.paused), "what waits here may have left"
    edge.stop()
    eventually(lambda: both_whole(fast_rig.hub, twin, 10))
    assert twin.line.link().up
    assert twin.rows(OPEN_TASKS) == []
    twin.stop()
    edge.start()
    edge.work(1)
    eventually(lambda: both_whole(fast_rig.hub, edge, 11))


def test_an_operator_hands_the_line_to_the_machine_that_was_turned_away(
    fast_rig, eventually, twin_of
):
    edge, twin = beside_its_original(fast_rig, eventually, twin_of)
    twin.work(3)
    eventually(lambda: twin.line.link().code == "clone")
    assert fast_rig.hub.database.write_sync(lambda tx: fences.adopt(tx.sql, "SHA"))
    eventually(lambda: both_whole(fast_rig.hub, twin, 8))
    eventually(lambda: edge.line.link().code == "clone")
    assert twin.line.link().up
