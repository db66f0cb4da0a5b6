"""Promises about rights that are lent: never more than what came in, and both sides know the same.

The world counts what really left over a counter; the rights that may still be spent are read from
the edge itself, because that is who can spend them, whatever head office believes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from edge.store import quotas
from hub.domain.holders import EDGE

if TYPE_CHECKING:
    from tests.simulation.world import World


def outside_the_pool(world: World) -> Counter[tuple[str, str]]:
    """Return units sold over counters and rights their clerks may still spend.

    After a disk went back nobody may spend them before the count, so they are not counted.
    """
    counted: Counter[tuple[str, str]] = Counter()
    for edge in world.edges:
        counted.update((edge.name, unit.sku) for unit in world.goods.sold[edge.name])
        lent = quotas.all_of(edge.sql)
        if lent and not quotas.frozen(edge.sql):
            counted.update({(edge.name, one.sku): one.free for one in lent})
    return counted


def i3_quota_bounded(world: World) -> Iterator[str]:
    """I3 per account: nobody sells over the counter what head office did not lend before."""
    for edge in world.edges:
        for quota in quotas.all_of(edge.sql):
            row = world.hub.sql.execute(
                "SELECT granted FROM quotas WHERE warehouse = ? AND holder = ? AND sku = ?",
                (edge.name, EDGE, quota.sku),
            ).fetchone()
            lent = 0 if row is None else row["granted"]
            told = quota.granted - quota.overspent
            if told > lent:
                yield f"{edge.name} has rights to {told} of {quota.sku}, {lent} were lent"


def i12_quotas_agree(world: World) -> Iterator[str]:
    """At rest head office and each warehouse know the same of every quota."""
    for edge in world.edges:
        ours = {row.sku: row for row in quotas.all_of(edge.sql)}
        theirs = {
            row["sku"]: row
            for row in world.hub.sql.execute(
                "SELECT q.*, coalesce(d.units, 0) AS owed FROM quotas q LEFT JOIN rights_debts d"
                " ON d.sku = q.sku AND d.warehouse = q.warehouse AND d.account = q.holder"
                " WHERE q.warehouse = ? AND q.holder = ?",
                (edge.name, EDGE),
            )
        }
        for sku in sorted(ours.keys() | theirs.keys()):
            here = ours.get(sku, quotas.Quota(sku, 0, 0, 0))
            row = theirs.get(sku)
            there = (row["granted"], row["used"], row["returned"]) if row else (0, 0, 0)
            if (here.granted - here.overspent, here.used, here.returned) != there:
                yield f"{edge.name}: the quota of {sku} is {here}, the hub says {there}"
            elif row and row["units"] + row["owed"] != here.free:
                yield f"{edge.name}: {here.free} rights to {sku} left, the hub has {row['units']}"


def i13_recalls_end(world: World) -> Iterator[str]:
    """At rest no request to return rights is without an answer."""
    for row in world.hub.sql.execute(
        "SELECT warehouse, sku FROM quotas WHERE recall_id <> '' ORDER BY warehouse, sku"
    ):
        yield f"{row['warehouse']} never answered the recall of {row['sku']}"


def w7_counters(world: World) -> Iterator[str]:
    """What buyers took over the counters is what head office burnt as sold."""
    rows = world.hub.sql.execute(
        "SELECT r.warehouse, r.sku, r.sold + coalesce(d.units, 0) AS units FROM rights r"
        " LEFT JOIN rights_debts d ON d.sku = r.sku AND d.warehouse = r.warehouse"
        " AND d.account = 'sold'"
    )
    told = {(row["warehouse"], row["sku"]): row["units"] for row in rows}
    taken = Counter(
        (edge.name, one.sku) for edge in world.edges for one in world.goods.sold[edge.name]
    )
    for key in sorted(told.keys() | taken.keys()):
        if told.get(key, 0) != taken[key]:
            yield f"{key[0]}: {told.get(key, 0)} of {key[1]} sold in the books, {taken[key]} really"
