"""Is there anything left to wait for? The liveness phase ends when nothing is.

What stays open for ever must have an owner: a parcel that waits for stock nobody finds is in the
lead's queue, an order that waits for stock is on backorder. Anything else that never settles is
reported under I12.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from edge.store import line_state

if TYPE_CHECKING:
    from tests.simulation.edge_node import SimEdge
    from tests.simulation.world import World

WITH_AN_OWNER = (
    "SELECT parcel_id, state FROM parcels p WHERE state IN"
    " ('waiting', 'planned', 'picking', 'picked', 'packing', 'packed') AND NOT EXISTS"
    " (SELECT 1 FROM exceptions e WHERE e.subject = p.parcel_id AND e.solved_ms IS NULL"
    "  AND (e.code IN ('parcel_in_doubt', 'parcel_maybe_sent')"
    "   OR (e.code = 'stock_missing_on_floor' AND p.state = 'waiting')))"
)


def unsettled(world: World) -> list[str]:
    """Return what is still under way, one group at a time; empty when the world is at rest."""
    for group in (_people, _lines, _floors, _office):
        found = list(group(world))
        if found:
            return found
    return []


def _people(world: World) -> Iterator[str]:
    for shop in world.shops:
        for number, entry in shop.book.items():
            if not entry.settled:
                yield f"shop {shop.name} waits for an answer about {number}"
    if world.office.open:
        yield f"the office waits for {world.office.open} answers"
    for person in world.people:
        if person.pending is not None:
            yield f"{person.warehouse} {person.station} waits for {person.pending.scan.raw}"
    if world.breakage.open:
        yield "the lead waits for an answer about a loss"
    yield from (f"{clerk.edge.name} counter waits" for clerk in world.clerks if clerk.pending)
    for warehouse, pallets in world.goods.deliveries.items():
        if pallets:
            yield f"{warehouse} has pallet {pallets[0].asn} at the door"


def _lines(world: World) -> Iterator[str]:
    hub = world.hub
    if not hub.up or hub.writer.broken or not hub.writer.idle:
        yield "the hub is not at rest"
        return
    for edge in world.edges:
        if not edge.up or edge.writer.broken or not edge.writer.idle:
            yield f"{edge.name} is not at rest"
        elif not edge.core.status.up:
            yield f"the line of {edge.name} is not up: {edge.core.status.trouble}"
        elif waiting := line_state.waiting(edge.sql):
            yield f"{edge.name} has {waiting} facts the hub did not acknowledge"
        else:
            yield from _commands(world, edge)


def _commands(world: World, edge: SimEdge) -> Iterator[str]:
    row = world.hub.sql.execute(
        "SELECT head_seq, cacked_seq FROM command_heads WHERE node = ?", (edge.name,)
    ).fetchone()
    head, cacked = (row["head_seq"], row["cacked_seq"]) if row else (0, 0)
    cursor = line_state.down_cursor(edge.sql)
    if not head == cacked == cursor:
        yield f"{edge.name} is at command {cursor}, acknowledged {cacked} of {head}"


def _floors(world: World) -> Iterator[str]:
    for edge in world.edges:
        for row in edge.sql.execute(WITH_AN_OWNER):
            yield f"{edge.name}: parcel {row['parcel_id']} stays {row['state']}"
        for row in edge.sql.execute("SELECT pick_list FROM pick_lists WHERE state <> 'done'"):
            yield f"{edge.name}: pick list {row['pick_list']} is not done"
        for row in edge.sql.execute(
            "SELECT job_id FROM print_jobs WHERE state IN ('queued', 'sending', 'sent', 'unknown')"
            " AND document_id NOT IN (SELECT parcel_id FROM parcels"
            "  WHERE state IN ('shipped', 'cancelled'))"
            # Where the parcel is, and its label with it, is what somebody has to find out.
            " AND document_id NOT IN (SELECT subject FROM exceptions"
            "  WHERE code = 'parcel_in_doubt' AND solved_ms IS NULL)"
        ):
            yield f"{edge.name}: label {row['job_id']} is not proven"


def _office(world: World) -> Iterator[str]:
    sql = world.hub.sql
    for row in sql.execute("SELECT parcel_id FROM parcels WHERE state = 'reserved'"):
        yield f"hub: parcel {row['parcel_id']} is not released"
    for row in sql.execute("SELECT order_id FROM orders WHERE status = 'held'"):
        yield f"hub: order {row['order_id']} is held"
    for row in sql.execute("SELECT sku FROM arrivals"):
        yield f"hub: the arrival of {row['sku']} is not worked off"
    for row in sql.execute("SELECT reservation_id FROM reservations WHERE state = 'open'"):
        yield f"hub: reservation {row['reservation_id']} is open"
