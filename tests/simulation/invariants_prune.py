"""Promises about lines that edges let go of, and the lines wherever they are kept now."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hub.store import fact_log as hub_log

if TYPE_CHECKING:
    from tests.simulation.edge_node import SimEdge
    from tests.simulation.world import World


def bodies(world: World, edge: SimEdge, but: str) -> list[bytes]:
    """Return the body of everything that happened at a warehouse but of kind `but`, in order.

    Lines the edge has dropped are the hub's to show; I7 proves that both are the same. What several
    logs tell word for word happened as often as the log says that tells it most often.
    """
    found: dict[tuple[int, int], tuple[object, ...]] = {}
    query = "SELECT incarnation, seq, body, op_id, actor FROM facts WHERE kind <> ? AND node = ?"
    bases = {
        row["incarnation"]: row["base_seq"]
        for row in edge.sql.execute("SELECT incarnation, base_seq FROM logs")
    }
    for row in world.hub.sql.execute(query, (but, edge.name)):
        if row["seq"] <= bases.get(row["incarnation"], 0):
            found[row["incarnation"], row["seq"]] = tuple(row)[2:]
    for row in edge.sql.execute(query, (but, edge.name)):
        found[row["incarnation"], row["seq"]] = tuple(row)[2:]
    told: dict[tuple[object, ...], Counter[int]] = {}
    for incarnation, seq in sorted(found):
        told.setdefault(found[incarnation, seq], Counter())[incarnation] += 1
    return [
        bytes(words[0])  # type: ignore[call-overload]
        for words, counts in told.items()
        for _ in range(max(counts.values()))
    ]


def dropped_at(edge: SimEdge, row: sqlite3.Row) -> bool:
    """Say whether the edge has let go of this line of its log."""
    log = edge.sql.execute(
        "SELECT base_seq FROM logs WHERE incarnation = ?", (row["incarnation"],)
    ).fetchone()
    return log is not None and row["seq"] <= log["base_seq"]


def i11_prune_safe(world: World) -> Iterator[str]:
    """Nothing is dropped at an edge that is not in a verified backup of the hub.

    The checker keeps the backups' marks itself: neither node is asked what is safe.
    """
    for edge in world.edges:
        for log in edge.sql.execute("SELECT incarnation, base_seq, stable_seq FROM logs"):
            key = edge.name, log["incarnation"]
            proven = world.hub.proven.get(key, 0)
            mark = hub_log.applied_mark(world.hub.sql, *key)
            applied, stable = (mark[0].seq, mark[1]) if mark else (0, 0)
            if not log["base_seq"] <= proven or log["stable_seq"] > proven:
                yield (
                    f"{edge.name}: base {log['base_seq']} and stable {log['stable_seq']} here, "
                    f"the best backup ends at {proven}"
                )
            if not log["base_seq"] <= stable <= applied:
                yield f"{edge.name}: base {log['base_seq']}, stable {stable}, applied {applied}"


def watch_heads(world: World) -> None:
    """Remember how far every log was ever seen; a drill cannot make the world forget."""
    for edge in world.machines:
        for log in edge.sql.execute("SELECT incarnation, head_seq FROM logs"):
            key = edge.name, log["incarnation"]
            world.heads[key] = max(log["head_seq"], world.heads.get(key, 0))


def i10_gap_declared(world: World) -> Iterator[str]:
    """A log that is shorter everywhere than it once was has its gap declared, and a count task."""
    for (name, incarnation), seen in sorted(world.heads.items()):
        mark = hub_log.applied_mark(world.hub.sql, name, incarnation)
        if mark is None or mark[0].seq >= seen:
            continue  # of a log that nobody ever heard of nobody can say that it is gone
        declared = world.hub.sql.execute(
            "SELECT 1 FROM facts WHERE node = ? AND kind = 'log_gap'"
            " AND json_extract(CAST(body AS TEXT), '$.incarnation') = ?",
            (name, incarnation),
        ).fetchone()
        edge = next(one for one in world.edges if one.name == name)
        task = edge.sql.execute(
            "SELECT 1 FROM exceptions WHERE subject = ?", (f"log {incarnation}",)
        ).fetchone()
        if declared is None or task is None:
            yield f"{name}: log {incarnation} once had {seen} lines, now {mark}; nobody was told"
