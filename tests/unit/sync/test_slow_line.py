"""A line of 64 kbit/s with two seconds there and back: what is urgent gets through (F-6)."""

from __future__ import annotations

import pytest

from edge.store import line_state
from hub.store import fact_log as hub_log
from shared.domain.catalogue import Product
from shared.domain.commands import CancelParcel, SetProducts, encode_command
from shared.sync import protocol as wire
from tests.simulation.mutants import Mutant, spoiled

BYTES_PER_SECOND = 8_000
WAY_MS = 1_000
BULK_BYTES = 5_000_000


def products(number: int) -> SetProducts:
    return SetProducts(
        products=tuple(
            Product(
                sku=f"SKU-{number:05d}-{row:03d}",
                gtin="6901234567892",
                name="A thing with a rather long name " * 4,
                unit_weight_grams=1_000,
                length_mm=100,
                width_mm=100,
                height_mm=100,
                serial_policy="none",
            )
            for row in range(100)
        )
    )


@pytest.fixture
def slow(make_world, do):
    """A warehouse on a slow line, and five megabytes of products that wait for it."""
    world = make_world(5, edges=1)
    world.heal()
    world.run(5_000)
    (edge,) = world.edges
    assert edge.core.status.up
    world.bytes_per_second, world.delay_ms = BYTES_PER_SECOND, WAY_MS
    size = len(encode_command(products(0)))
    assert size < 31_000
    for number in range(BULK_BYTES // size):
        do(
            world.hub.sql,
            lambda tx, n=number: hub_log.queue_command(
                tx.sql, "W0", products(n), command_id=f"p{n}"
            ),
        )
    return world


def cancelled_after_ms(world, do, limit_ms):
    """Have a parcel called back now; return when the floor has carried it out."""
    (edge,) = world.edges
    command = CancelParcel(parcel_id="P", reason="buyer")
    do(
        world.hub.sql,
        lambda tx: hub_log.queue_command(tx.sql, "W0", command, command_id="cancel"),
    )
    start_ms = world.now_ms
    while world.now_ms - start_ms < limit_ms:
        world.run(250)
        if edge.sql.execute("SELECT 1 FROM carried_out WHERE command_id = 'cancel'").fetchone():
            break
    return world.now_ms - start_ms


@pytest.mark.parametrize("busy_ms", [0, 3_000, 31_000, 60_000])
def test_a_cancel_overtakes_five_megabytes_of_products(slow, do, busy_ms):
    slow.run(busy_ms)
    assert cancelled_after_ms(slow, do, 20_000) < 10_000
    (edge,) = slow.edges
    assert line_state.down_cursor(edge.sql) < 100, "the products are still on their way"


def test_an_edge_of_the_version_before_gets_it_in_its_turn(slow, do, monkeypatch):
    monkeypatch.setattr(wire, "PROTOCOL_MAX", 1)
    slow.edges[0].crash()
    slow.run(10_000)
    assert slow.edges[0].core.status.up
    assert cancelled_after_ms(slow, do, 20_000) >= 20_000


def test_heartbeats_are_not_starved_by_bulk_in_either_direction(slow):
    (edge,) = slow.edges
    for _ in range(2_000):
        edge.work()
    session, boots = edge.connections, line_state.load(edge.sql).boot_no
    before = line_state.waiting(edge.sql), line_state.down_cursor(edge.sql)
    slow.run(180_000)
    assert edge.core.status.up
    assert (edge.connections, line_state.load(edge.sql).boot_no) == (session, boots)
    assert line_state.waiting(edge.sql) < before[0]
    assert line_state.down_cursor(edge.sql) > before[1]


def test_what_overtook_is_done_once_when_its_turn_comes(slow, do):
    assert cancelled_after_ms(slow, do, 20_000) < 10_000
    (edge,) = slow.edges
    slow.bytes_per_second = 0
    slow.run(120_000)
    head = hub_log.read_commands(slow.hub.sql, "W0", 0, 1, 1)[1]
    assert line_state.down_cursor(edge.sql) == head
    done = edge.sql.execute("SELECT count(*) FROM carried_out WHERE command_id = 'cancel'")
    assert done.fetchone()[0] == 1
    outcomes = edge.sql.execute(
        "SELECT seq, outcome FROM commands_received WHERE command_id = 'cancel' ORDER BY seq"
    ).fetchall()
    assert [tuple(row) for row in outcomes] == [(-1, "done"), (head, "repeated")]


UNPACED = Mutant(
    "commands are sent as much as a frame can hold",
    "hub.sync.core_down:pump",
    "min(wire.COMMAND_BYTES_PER_BATCH_MAX, session.pace.batch_bytes)",
    "wire.COMMAND_BYTES_PER_BATCH_MAX",
)
WAITING = Mutant(
    "nothing overtakes",
    "hub.sync.core_down:pump",
    "return _look_behind(session, now_ms)",
    "return []",
)


def test_both_rules_are_needed(slow, do):
    (edge,) = slow.edges
    with spoiled(WAITING):
        assert cancelled_after_ms(slow, do, 20_000) >= 20_000
    boots = line_state.load(edge.sql).boot_no
    slow.hub.start()
    with spoiled(UNPACED):
        slow.run(120_000)
    assert line_state.load(edge.sql).boot_no > boots + 2, "the line is given up again and again"
