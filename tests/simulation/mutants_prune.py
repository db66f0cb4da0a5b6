"""Bugs in letting go of old lines: what is dropped, when, and what is kept in its place."""

from __future__ import annotations

from typing import Final

from tests.simulation.mutants import Mutant

PRUNE: Final = (
    Mutant(
        "dropped once acknowledged, backup or not",
        "edge.store.pruning:drop_lines",
        '"SELECT incarnation, base_seq, min(stable_seq, head_seq - 1) AS last_seq FROM logs "\n'
        '        "WHERE base_seq < min(stable_seq, head_seq - 1) ORDER BY incarnation"',
        '"SELECT incarnation, base_seq, min(acked_seq, head_seq - 1) AS last_seq FROM logs "\n'
        '        "WHERE base_seq < min(acked_seq, head_seq - 1) ORDER BY incarnation"',
    ),
    Mutant(
        "dropped lines are not counted",
        "edge.store.pruning:_drop",
        "facts = facts + excluded.facts",
        "facts = excluded.facts",
    ),
    Mutant(
        "the base does not move with the lines",
        "edge.store.pruning:_drop",
        'set_base(sql, incarnation, last["seq"], bytes(last["hash"]))',
        'set_base(sql, incarnation, last["seq"], bytes(rows[0]["hash"]))',
    ),
    Mutant(
        "everything acknowledged is called backed up",
        "hub.sync.apply:apply_batch",
        "return on.Stored(end, stable_seq, ",
        "return on.Stored(end, end.seq, ",
    ),
    Mutant(
        "a backup counts for lines that came after it",
        "hub.store.backup:advance_stable",
        '"UPDATE node_logs SET stable_seq = ? WHERE node = ?',
        '"UPDATE node_logs SET stable_seq = max(?, applied_seq) WHERE node = ?',
    ),
    Mutant(
        "a restored hub does not know that it is a backup",
        "hub.store.backup:seal",
        "SET stable_seq = applied_seq",
        "SET stable_seq = stable_seq",
        drills=True,
        drill="hub_old",
        world={"backup_ms": 3_000, "retention_ms": 1},
    ),
)
