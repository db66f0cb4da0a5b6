"""The promises, each as a function that yields a sentence for every case where it does not hold.

Numbers as in the reference protocol, section 4.11; `W` are comparisons with the physical world,
which no node can see. What is not here is named, with the reason, in `NOT_YET`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from edge.store import line_state
from hub.store import fact_log as hub_log
from hub.store import nodes
from shared.sync import protocol as wire
from tests.simulation import invariants_quota as quota
from tests.simulation import invariants_rest as rest
from tests.simulation import invariants_shops as shops
from tests.simulation.invariants_prune import dropped_at, i11_prune_safe

if TYPE_CHECKING:
    from tests.simulation.edge_node import SimEdge
    from tests.simulation.hub_node import SimHub
    from tests.simulation.world import World

Rule = Callable[["World"], Iterator[str]]
SILENCE_MS: Final = wire.DEAD_MS + 3_000
"""A side that hears nothing for this long must not believe in its line any more."""

NOT_YET: Final[dict[str, str]] = {}
"""Parts of promises whose feature does not exist yet: checked as far as it does."""


# What people and shops were told


def acked_scans(edge: SimEdge) -> Iterator[str]:
    """I5: every scan answered to a person is in the books with that very answer."""
    rows = edge.sql.execute("SELECT op_id, code, accepted FROM operations")
    kept = {row["op_id"]: (row["code"], bool(row["accepted"])) for row in rows}
    for op_id, told in edge.acked.items():
        if kept.get(op_id) != told:
            yield f"{edge.name}: scan {op_id} was answered {told}, the books say {kept.get(op_id)}"


def acked_orders(hub: SimHub) -> Iterator[str]:
    """I5: every order a shop was told is taken is in the books."""
    rows = hub.sql.execute("SELECT order_no, order_id FROM orders")
    kept = {row["order_no"]: row["order_id"] for row in rows}
    for order_no, order_id in hub.acked.items():
        if kept.get(order_no) != order_id:
            yield f"order {order_no} was taken as {order_id}, the books say {kept.get(order_no)}"


# At any moment


def i2_nonneg(world: World) -> Iterator[str]:
    """No account at any node is below zero."""
    for row in world.hub.sql.execute(
        "SELECT sku, warehouse FROM rights"
        " WHERE min(pool, held, ordered, lent, shipped, sold, burnt) < 0"
        " UNION ALL SELECT sku, warehouse FROM quotas WHERE units < 0"
        " UNION ALL SELECT sku, warehouse FROM on_hand WHERE quantity < 0 OR loading < 0"
    ):
        yield f"hub: {row['sku']} in {row['warehouse']} is below zero"
    for edge in world.edges:
        for row in edge.sql.execute(
            "SELECT account, sku FROM balances WHERE quantity < 0 AND account LIKE '%:%'"
        ):
            yield f"{edge.name}: {row['sku']} in {row['account']} is below zero"


def i3_no_oversell(world: World) -> Iterator[str]:
    """Units promised, held, shipped, sold and lent never exceed those that ever came in."""
    promised = world.hub.sql.execute(
        "SELECT r.warehouse, r.sku, r.minted, r.burnt, r.held + coalesce((SELECT"
        " sum(CASE WHEN p.state IN ('cancelled', 'short') THEN l.shipped"
        " ELSE l.quantity - l.shorted END)"
        " FROM parcels p JOIN parcel_lines l USING (parcel_id)"
        " WHERE p.warehouse = r.warehouse AND l.sku = r.sku), 0) AS units FROM rights r"
    )
    outside, owed = quota.outside_the_pool(world), world.drills.owed()
    for row in promised:
        came_in = world.goods.came_in[row["warehouse"], row["sku"]]
        at_door = sum(
            unit.sku == row["sku"]
            for pallet in world.goods.deliveries[row["warehouse"]]
            for unit in pallet.units
        )
        units = row["units"] + outside[row["warehouse"], row["sku"]]
        if units > came_in + at_door - row["burnt"] + owed[row["warehouse"], row["sku"]]:
            yield (
                f"{units} units of {row['sku']} in {row['warehouse']} are promised, lent "
                f"or gone; {came_in} came in and {row['burnt']} are lost"
            )
        if row["minted"] > came_in + at_door:
            yield (
                f"rights to {row['minted']} units of {row['sku']} in {row['warehouse']} exist; "
                f"{came_in} came in"
            )


def i6_acked_durable(world: World) -> Iterator[str]:
    """What an edge believes the hub has, the hub has, with the same hash."""
    for edge in world.edges:
        for log in line_state.load(edge.sql).logs:
            if not log.acked.seq:
                continue
            mark = hub_log.applied_mark(world.hub.sql, edge.name, log.incarnation)
            ours = hub_log.hash_at(world.hub.sql, edge.name, log.incarnation, log.acked.seq)
            if mark is None or mark[0].seq < log.acked.seq or ours != log.acked.hash:
                yield f"{edge.name} believes line {log.acked.seq} is safe; the hub has {mark}"


def i13_cursor(world: World) -> Iterator[str]:
    """The hub never believes more commands done than an edge has done."""
    for edge in world.edges:
        row = world.hub.sql.execute(
            "SELECT cacked_seq FROM command_heads WHERE node = ?", (edge.name,)
        ).fetchone()
        cursor = line_state.down_cursor(edge.sql)
        if row is not None and row["cacked_seq"] > cursor:
            yield f"{edge.name} did {cursor} commands; the hub believes {row['cacked_seq']}"


def i16_auth(world: World) -> Iterator[str]:
    """No session goes on under a key that the hub knows to be revoked."""
    if not world.hub.up:
        return
    for session in world.hub.core._sessions.values():
        known = world.hub.owners.get(session.key)
        # A key enrolled a moment ago is good before the list that the port keeps is read again.
        if known != session.node and nodes.owner_of(world.hub.sql, session.key) != (
            session.node,
            False,
        ):
            yield f"the session of {session.node} goes on under {session.key}"


def i17_silence(world: World) -> Iterator[str]:
    """A dead line is noticed on both sides within 15 seconds (F-5, F-7)."""
    now_ms = world.time.now_ms
    for edge in world.edges:
        cable = world.net.cable(edge)
        if edge.up and edge.core.status.up and now_ms - cable.heard_down_ms > SILENCE_MS:
            yield f"{edge.name} believes in a line that has been silent since {cable.heard_down_ms}"
        link = world.hub.core.links().get(edge.name) if world.hub.up else None
        heard_ms = world.net.heard_up_ms(edge.name)
        if link is not None and link.up and now_ms - heard_ms > SILENCE_MS:
            yield f"the hub believes in {edge.name}, silent since {heard_ms}"


def i18_epoch_monotone(world: World) -> Iterator[str]:
    """An edge never goes back to an earlier life of the hub."""
    for edge in world.edges:
        epoch = line_state.load(edge.sql).epoch.ordinal
        if epoch < edge.epoch_seen:
            yield f"{edge.name} went back from epoch {edge.epoch_seen} to {epoch}"
        edge.epoch_seen = max(epoch, edge.epoch_seen)


# Now and then, because it costs more


def i1_conservation(world: World) -> Iterator[str]:
    """Rights are only moved; each promise has a right and each right of an order a parcel."""
    proofs = world.hub.reading().proofs
    yield from proofs.rights_conserved()
    yield from proofs.rights_against_journal()
    yield from proofs.rights_covered()
    yield from proofs.promises()
    yield from proofs.orders_add_up()


def i7_prefix(world: World) -> Iterator[str]:
    """The hub's copy of a log is its beginning, byte for byte; no number is left out (I10).

    Twins that digest the same books write the same line, each under an operation of its own.
    """
    columns = (
        "incarnation, seq, prev_hash, hash, kind, version, body, actor,"
        " CASE kind WHEN 'books_digested' THEN '' ELSE op_id END"
    )
    for edge in world.edges:
        query = f"SELECT {columns} FROM facts WHERE node = ? ORDER BY incarnation, seq"
        here = {
            (row["incarnation"], row["seq"]): tuple(row)
            for row in edge.sql.execute(query, (edge.name,))
        }
        last: dict[int, int] = {}
        for row in world.hub.sql.execute(query, (edge.name,)):
            key = row["incarnation"], row["seq"]
            if here.get(key) != tuple(row) and not dropped_at(edge, row):
                yield f"{edge.name}: line {row['seq']} of the hub is not the edge's line"
            if row["seq"] != last.get(row["incarnation"], 0) + 1:
                yield f"{edge.name}: the hub has a hole before line {row['seq']}"
            last[row["incarnation"]] = row["seq"]


def i14_one_label(world: World) -> Iterator[str]:
    """One label per waybill, but for copies somebody asked for with a reason."""
    for edge in world.edges:
        labels = [label for printer in edge.printers.values() for label in printer.tray]
        if len({label[0] for label in labels}) != len(labels):
            yield f"{edge.name}: a print job came out twice"
        for row in edge.sql.execute(
            "SELECT document_id FROM print_jobs WHERE kind = 'waybill' AND copy_no > 1"
            " AND reason = ''"
        ):
            yield f"{edge.name}: parcel {row['document_id']} got a second label for no reason"
    yield from world.hub.reading().proofs.waybills_unique()


ALWAYS: Final[tuple[tuple[str, Rule], ...]] = (
    ("I2", i2_nonneg),
    ("I3", i3_no_oversell),
    ("I3", quota.i3_quota_bounded),
    ("I3", shops.i3_shops_covered),
    ("I3", shops.i3_shops_no_oversell),
    ("I6", i6_acked_durable),
    ("I11", i11_prune_safe),
    ("I13", i13_cursor),
    ("I16", i16_auth),
    ("I17", i17_silence),
    ("I18", i18_epoch_monotone),
)
DEEP: Final[tuple[tuple[str, Rule], ...]] = (
    ("I1", i1_conservation),
    ("I7", i7_prefix),
    ("I14", i14_one_label),
)
AT_REST: Final[tuple[tuple[str, Rule], ...]] = (
    *rest.AT_REST,
    ("I12", quota.i12_quotas_agree),
    ("I13", quota.i13_recalls_end),
    ("W7", quota.w7_counters),
)
