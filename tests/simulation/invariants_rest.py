"""Promises that can be judged only when nothing is under way: books against books and shelves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from edge.services.verify import verify
from edge.store import fact_log, ledger
from hub.services.verify_books import verify_books
from hub.store import fact_log as hub_log
from shared.domain.errors import BooksBroken
from shared.domain.facts import (
    CancelConfirmed,
    CancelTooLate,
    CommandAccepted,
    CommandRefused,
    Fact,
    ParcelShipped,
    UnitPicked,
    decode_fact,
)
from tests.simulation.invariants_prune import bodies, i10_gap_declared
from tests.simulation.shared_boxes import boxes_in, lines_of, order_nos

if TYPE_CHECKING:
    from tests.simulation.edge_node import SimEdge
    from tests.simulation.world import World

RESULTS: Final = (CommandAccepted, CommandRefused, CancelConfirmed, CancelTooLate)
STRANGE: Final = "drone_landed"


def facts_of(world: World, edge: SimEdge) -> list[Fact]:
    """Return everything that happened at a warehouse, in order, that this version can read."""
    return [decode_fact(body) for body in bodies(world, edge, but=STRANGE)]


def i4_sn_single(world: World) -> Iterator[str]:
    """Every serial number left at most once, and the ones the books say left are on trucks."""
    yield from world.hub.reading().proofs.serials_single()
    for edge in world.edges:
        gone = {
            unit.serial
            for (where, _), units in world.goods.trucks.items()
            if where == edge.name
            for unit in units
            if unit.serial
        } | {unit.serial for unit in world.goods.sold[edge.name] if unit.serial}
        told = {
            row["serial"]
            for row in edge.sql.execute("SELECT serial FROM serials WHERE state = 'shipped'")
        }
        for serial in sorted(gone ^ told):
            where = "really" if serial in gone else "in the books"
            yield f"{edge.name}: {serial} left only {where}"


def i8_once(world: World) -> Iterator[str]:
    """The hub's books are the fold of its logs: each fact counted once."""
    report = verify_books(world.hub.reading())
    for check in report.checks:
        for trouble in check.troubles:
            yield f"{check.promise}: {trouble}"
    picked: Counter[tuple[str, int]] = Counter()
    shipped: Counter[tuple[str, int]] = Counter()
    for edge in world.edges:
        facts = facts_of(world, edge)
        shared = lines_of(boxes_in(facts))
        for fact in facts:
            if isinstance(fact, UnitPicked):
                key = fact.parcel_id, fact.line_no
                picked[shared.get(key, (key, ""))[0]] += fact.row.quantity
            elif isinstance(fact, ParcelShipped):
                for line in fact.lines:
                    key = fact.parcel_id, line.line_no
                    shipped[shared.get(key, (key, ""))[0]] += line.quantity
    for row in world.hub.sql.execute("SELECT * FROM parcel_lines"):
        key = row["parcel_id"], row["line_no"]
        if (row["picked"], row["shipped"]) != (picked[key], shipped[key]):
            yield f"parcel line {key}: the hub counts {row['picked']} picked, {row['shipped']} sent"


def i10_no_silent_gap(world: World) -> Iterator[str]:
    """At rest the hub has every line of every log, without holes."""
    for edge in world.edges:
        for log in edge.sql.execute("SELECT incarnation, head_seq FROM logs"):
            mark = hub_log.applied_mark(world.hub.sql, edge.name, log["incarnation"])
            applied = mark[0].seq if mark else 0
            count = world.hub.sql.execute(
                "SELECT count(*) FROM facts WHERE node = ? AND incarnation = ?",
                (edge.name, log["incarnation"]),
            ).fetchone()[0]
            if not count == applied == log["head_seq"]:
                yield f"{edge.name}: {log['head_seq']} lines here, {applied} applied, {count} kept"


def i13_cmd_once(world: World) -> Iterator[str]:
    """Each command has one result; no parcel both left and was called back."""
    for edge in world.edges:
        facts = facts_of(world, edge)
        results = Counter(fact.command_id for fact in facts if isinstance(fact, RESULTS))
        for row in edge.sql.execute("SELECT command_id, kind FROM commands_received"):
            expected = {"set_products": 0, "load_stock": 0}.get(row["kind"], 1)
            if results[row["command_id"]] != expected:
                count = results[row["command_id"]]
                yield f"{edge.name}: command {row['command_id']} has {count} results"
        left = {fact.parcel_id for fact in facts if isinstance(fact, ParcelShipped)}
        back = {fact.parcel_id for fact in facts if isinstance(fact, CancelConfirmed)}
        for parcel_id in sorted(left & back):
            yield f"{edge.name}: parcel {parcel_id} left and was called back"


def i13_none_left_out(world: World) -> Iterator[str]:
    """Every command the hub's books know reached its floor, under whatever number.

    A floor whose disk was touched may have forgotten what it was asked before.
    """
    for edge in world.edges:
        if edge.name in world.drills.struck:
            continue
        rows = edge.sql.execute("SELECT command_id FROM commands_received")
        received = {row["command_id"] for row in rows}
        for row in world.hub.sql.execute(
            "SELECT command_id FROM commands WHERE node = ? ORDER BY seq", (edge.name,)
        ):
            if row["command_id"] not in received:
                yield f"{edge.name}: command {row['command_id']} never reached it"


def i15_no_poison(world: World) -> Iterator[str]:
    """Only facts of a version nobody has yet are in quarantine."""
    for row in world.hub.sql.execute(
        "SELECT node, seq, kind, code FROM quarantine WHERE kind <> ? AND solved_ms IS NULL",
        (STRANGE,),
    ):
        yield f"line {row['seq']} of {row['node']} ({row['kind']}) is in quarantine: {row['code']}"


def i19_chain(world: World) -> Iterator[str]:
    """Every log's chain holds from end to end, on both sides, and each floor's books prove it."""
    try:
        hub_log.verify_chains(world.hub.sql)
        for edge in world.edges:
            fact_log.verify_chain(edge.sql)
    except BooksBroken as error:
        yield error.message
    for edge in world.edges:
        for check in verify(edge.sql).checks:
            for example in check.examples:
                yield f"{edge.name}: {check.name}: {example}"


def i12_converge(world: World) -> Iterator[str]:
    """Each order is shipped, cancelled, or waits for something that is really not there."""
    sql = world.hub.sql
    for row in sql.execute("SELECT order_id, order_no, status FROM orders"):
        if row["status"] in {"shipped", "cancelled"}:
            continue
        if row["status"] == "backordered":
            if _could_be_promised(world, row["order_id"]):
                yield f"order {row['order_no']} waits for stock that is there"
        elif not _has_owner(world, row["order_no"]):
            yield f"order {row['order_no']} stays {row['status']} and nobody knows"


def _could_be_promised(world: World, order_id: str) -> bool:
    """Say whether every missing unit lies in a pool that the order does not mistrust."""
    missing = world.hub.sql.execute(
        "SELECT l.sku, sum(l.missing) AS units, (SELECT coalesce(sum(r.pool), 0) FROM rights r"
        " WHERE r.sku = l.sku AND r.warehouse NOT IN (SELECT a.warehouse FROM avoided_stock a"
        "  WHERE a.order_id = l.order_id AND a.sku = l.sku)) AS pool"
        " FROM order_lines l WHERE l.order_id = ? GROUP BY l.sku",
        (order_id,),
    )
    return all(row["units"] <= row["pool"] for row in missing)


def _has_owner(world: World, order_no: str) -> bool:
    """Say whether a floor's queue names a parcel of the order that cannot go on."""
    return any(
        order_no in order_nos(boxes_in(facts_of(world, edge)), row["parcel_id"], row["order_no"])
        for edge in world.edges
        for row in edge.sql.execute(
            "SELECT p.parcel_id, p.order_no FROM parcels p JOIN exceptions e"
            " ON e.subject = p.parcel_id WHERE e.solved_ms IS NULL"
        )
    )


def w1_shelves(world: World) -> Iterator[str]:
    """What the books of a floor hold or gave up as lost is what lies there or was stolen."""
    for edge in world.edges:
        books = Counter(ledger.on_hand(edge.sql))
        for sku in world.goods.products:
            books[sku] += ledger.balance(edge.sql, "loss", sku)
        things = world.goods.in_house(edge.name)
        for gone in (world.goods.stolen, world.goods.broken):
            things.update(unit.sku for unit in gone[edge.name])
        for sku in sorted(world.goods.products):
            if books[sku] != things[sku]:
                yield f"{edge.name}: the books know {books[sku]} of {sku}, there are {things[sku]}"


def w2_trucks(world: World) -> Iterator[str]:
    """What couriers took is what the books say, and each box held its own order's goods."""
    sent: dict[str, Counter[str]] = {}
    for row in world.hub.sql.execute(
        "SELECT p.warehouse, coalesce(b.waybill, p.waybill) AS waybill, l.sku, l.shipped"
        " FROM parcels p JOIN parcel_lines l USING (parcel_id)"
        " LEFT JOIN parcels b ON b.parcel_id = p.joined_to"
        " WHERE p.state = 'shipped' AND l.shipped > 0"
    ):
        sent.setdefault(row["waybill"], Counter())[row["sku"]] += row["shipped"]
    for (warehouse, waybill), units in sorted(world.goods.trucks.items()):
        inside = Counter(unit.sku for unit in units)
        told = sent.pop(waybill, Counter())
        if inside != told:
            yield f"{warehouse}: box {waybill} holds {dict(inside)}, the books say {dict(told)}"
    for waybill in sorted(sent):
        yield f"box {waybill} left in the books only"
    for edge in world.edges:
        taken = world.goods.carried_off(edge.name)
        for sku in sorted(world.goods.products):
            told = ledger.balance(edge.sql, "customer", sku)
            if told != taken[sku]:
                yield f"{edge.name}: {told} of {sku} left in the books, {taken[sku]} really"


def w3_supply(world: World) -> Iterator[str]:
    """Rights were minted for exactly the units that came in."""
    rows = world.hub.sql.execute("SELECT warehouse, sku, minted FROM rights")
    minted = {(row["warehouse"], row["sku"]): row["minted"] for row in rows}
    for key in sorted(minted.keys() | world.goods.came_in.keys()):
        if minted.get(key, 0) != world.goods.came_in[key]:
            yield f"{key}: {minted.get(key, 0)} minted, {world.goods.came_in[key]} came in"


def w4_nothing_left_over(world: World) -> Iterator[str]:
    """No unit lies in a tote, on a bench or in a box that no open parcel accounts for."""
    goods = world.goods
    for name, places in (("tote", goods.totes), ("bench", goods.benches), ("box", goods.boxes)):
        for (warehouse, place), units in sorted(places.items()):
            if units:
                yield f"{warehouse}: {len(units)} units are left in {name} {place}"

    for edge in world.edges:
        for row in edge.sql.execute(
            "SELECT account, sku, quantity FROM balances WHERE quantity > 0"
            " AND (account LIKE 'tote:%' OR account LIKE 'parcel:%')"
        ):
            yield f"{edge.name}: the books keep {row['quantity']} {row['sku']} in {row['account']}"


def w8_no_line_leaves_twice(world: World) -> Iterator[str]:
    """No order gets more units than its shop ordered, whatever any node forgot in between."""
    sent: dict[str, Counter[str]] = {}
    edges = {edge.name: edge for edge in world.edges}
    for key, units in world.goods.trucks.items():
        if key not in world.goods.labels:
            yield f"{key[0]}: a box left under {key[1]}, which no printer printed"
            continue
        label, skus_in = world.goods.labels[key], Counter(unit.sku for unit in units)
        for order_no, skus in _whose(world, edges[key[0]], *label, skus_in).items():
            sent.setdefault(order_no, Counter()).update(skus)
    for shop in world.shops:
        for number, entry in shop.book.items():
            ordered = Counter[str]()
            for line in entry.order.lines:
                ordered[line.sku] += line.quantity
            surplus = sent.get(number, Counter()) - ordered
            if surplus:
                yield f"order {number} got {dict(surplus)} more than was ordered"


def _whose(
    world: World, edge: SimEdge, parcel_id: str, order_no: str, units: Counter[str]
) -> dict[str, Counter[str]]:
    """Return what is in a box order by order; where several share it, as its floor told."""
    facts = facts_of(world, edge)
    boxes = boxes_in(facts)
    if parcel_id not in boxes:
        return {order_no: units}
    shared = lines_of(boxes)
    found: dict[str, Counter[str]] = {}
    for fact in facts:
        if isinstance(fact, ParcelShipped) and fact.parcel_id == parcel_id:
            for line in fact.lines:
                owner = shared[parcel_id, line.line_no][1]
                found.setdefault(owner, Counter())[line.sku] += line.quantity
    return found


def w6_no_short_without_a_thief(world: World) -> Iterator[str]:
    """A bin is never found emptier than its record where nobody took anything."""
    goods = world.goods
    for edge in world.edges:
        honest = not goods.stolen[edge.name] and edge.name not in goods.told_falsely
        if honest and goods.shorts[edge.name]:
            yield f"{edge.name}: units were missing {goods.shorts[edge.name]} times, none was taken"


def w5_shops(world: World) -> Iterator[str]:
    """What a shop was told about an order is what happened to it."""
    for shop in world.shops:
        for number, entry in shop.book.items():
            row = world.hub.sql.execute(
                "SELECT status, version FROM orders WHERE order_no = ?", (number,)
            ).fetchone()
            if row is None:
                if not entry.refused:
                    yield f"order {number} is in the shop's book only"
                continue
            answer = entry.answers.get(row["version"], b"{}")
            if row["version"] != entry.order.version:
                yield f"order {number} is version {row['version']}, not {entry.order.version}"
            if not msgspec.json.decode(answer):
                yield f"order {number}: version {row['version']} was never answered"


AT_REST: Final[tuple[tuple[str, Callable[[World], Iterator[str]]], ...]] = (
    ("I4", i4_sn_single),
    ("I8", i8_once),
    ("I10", i10_no_silent_gap),
    ("I10", i10_gap_declared),
    ("I12", i12_converge),
    ("I13", i13_cmd_once),
    ("I13", i13_none_left_out),
    ("I15", i15_no_poison),
    ("I19", i19_chain),
    ("W1", w1_shelves),
    ("W2", w2_trucks),
    ("W3", w3_supply),
    ("W4", w4_nothing_left_over),
    ("W5", w5_shops),
    ("W6", w6_no_short_without_a_thief),
    ("W8", w8_no_line_leaves_twice),
)
