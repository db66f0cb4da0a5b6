"""Which machines may speak for which warehouse, and how far each has come.

A warehouse's edge is known by its public key alone. Head office gives out a one-time code; whoever
shows it first registers a key. Only the code's hash is kept, so a copy of this file opens nothing.
"""

from __future__ import annotations

import sqlite3

import msgspec

from hub.store import fences, recovering
from hub.store.fact_log import hash_at
from hub.sync.core_hello import KnownLog, KnownNode
from shared.domain.facts import ZERO_HASH
from shared.domain.ports import Entropy
from shared.sync.protocol import TWIN_QUIET_MS, Epoch, Hello, Mark


class CodeRow(msgspec.Struct, frozen=True):
    """A one-time code without the code. `used_key` is the public key (Z85) that redeemed it."""

    node: str
    expires_ms: int
    used_ms: int | None
    used_key: str | None


def ensure_epoch(sql: sqlite3.Connection, entropy: Entropy) -> Epoch:
    """Return which life of the hub this file is, beginning the first one if there is none."""
    row = sql.execute("SELECT epoch, epoch_token FROM hub_identity").fetchone()
    if row is not None:
        return Epoch(row["epoch"], bytes(row["epoch_token"]))
    epoch = Epoch(1, entropy.token_bytes(8))
    sql.execute("INSERT INTO hub_identity VALUES (1, ?, ?)", (epoch.ordinal, epoch.token))
    return epoch


def raise_epoch(
    sql: sqlite3.Connection, entropy: Entropy, *, above: int = 0, now_ms: int = 0
) -> Epoch:
    """Begin a new life of the hub, later than its last one and than the life `above`.

    The clock makes it later than any life that began from the same backup: the last restore wins.
    """
    before = ensure_epoch(sql, entropy)
    ordinal = max(before.ordinal, above, now_ms // 1000) + 1
    epoch = Epoch(ordinal, entropy.token_bytes(8))
    sql.execute("UPDATE hub_identity SET epoch = ?, epoch_token = ?", (epoch.ordinal, epoch.token))
    fences.open_all(sql)
    return epoch


def valid_keys(sql: sqlite3.Connection) -> dict[str, str]:
    """Return every key that may open a session, public key (Z85) to node."""
    rows = sql.execute("SELECT public_key, node FROM node_keys WHERE revoked_ms IS NULL")
    return {row["public_key"]: row["node"] for row in rows}


def owner_of(sql: sqlite3.Connection, public_key: str) -> tuple[str, bool] | None:
    """Return the node of a key and whether the key is revoked, or None for an unknown key."""
    row = sql.execute(
        "SELECT node, revoked_ms FROM node_keys WHERE public_key = ?", (public_key,)
    ).fetchone()
    return None if row is None else (row["node"], row["revoked_ms"] is not None)


def keys_of(sql: sqlite3.Connection, node: str) -> list[str]:
    """Return the valid keys of `node`, the oldest first."""
    rows = sql.execute(
        "SELECT public_key FROM node_keys WHERE node = ? AND revoked_ms IS NULL ORDER BY added_ms",
        (node,),
    )
    return [row["public_key"] for row in rows]


def end_older_keys(sql: sqlite3.Connection, node: str, public_key: str, at_ms: int) -> None:
    """`public_key` is in use now: keys of `node` that are older than it are no longer needed."""
    sql.execute(
        "UPDATE node_keys SET revoked_ms = ? WHERE node = ? AND revoked_ms IS NULL AND added_ms <"
        " (SELECT added_ms FROM node_keys WHERE public_key = ?)",
        (at_ms, node, public_key),
    )


def add_key(sql: sqlite3.Connection, node: str, public_key: str, at_ms: int) -> None:
    """Let `public_key` speak for `node`; it is the newest key whatever the clock says."""
    last = sql.execute(
        "SELECT max(added_ms) AS added_ms FROM node_keys WHERE node = ? AND revoked_ms IS NULL",
        (node,),
    ).fetchone()["added_ms"]
    at_ms = at_ms if last is None else max(at_ms, last + 1)
    sql.execute(
        "INSERT INTO node_keys (public_key, node, added_ms) VALUES (?, ?, ?)",
        (public_key, node, at_ms),
    )
    sql.execute("UPDATE nodes SET enrolled_ms = ? WHERE node = ?", (at_ms, node))


def revoke_keys(sql: sqlite3.Connection, node: str, at_ms: int) -> int:
    """Revoke all keys of `node`; return how many were valid."""
    return sql.execute(
        "UPDATE node_keys SET revoked_ms = ? WHERE node = ? AND revoked_ms IS NULL", (at_ms, node)
    ).rowcount


def name_of(sql: sqlite3.Connection, node: str) -> str | None:
    """Return the warehouse's name ("" if it has none), or None for an unknown node."""
    row = sql.execute("SELECT name FROM nodes WHERE node = ?", (node,)).fetchone()
    return None if row is None else str(row["name"])


def add_code(
    sql: sqlite3.Connection, code_hash: bytes, node: str, *, made_ms: int, expires_ms: int
) -> None:
    """Keep the hash of a new one-time code for `node`."""
    sql.execute(
        "INSERT INTO enrolment_codes (code_hash, node, made_ms, expires_ms) VALUES (?, ?, ?, ?)",
        (code_hash, node, made_ms, expires_ms),
    )


def code(sql: sqlite3.Connection, code_hash: bytes) -> CodeRow | None:
    """Return what is known of a code, or None."""
    row = sql.execute(
        "SELECT node, expires_ms, used_ms, used_key FROM enrolment_codes WHERE code_hash = ?",
        (code_hash,),
    ).fetchone()
    return None if row is None else CodeRow(*row)


def use_code(sql: sqlite3.Connection, code_hash: bytes, public_key: str, at_ms: int) -> None:
    """Mark a code as redeemed by `public_key`."""
    sql.execute(
        "UPDATE enrolment_codes SET used_ms = ?, used_key = ? WHERE code_hash = ?",
        (at_ms, public_key, code_hash),
    )


def known_node(
    sql: sqlite3.Connection, public_key: str, hello: Hello, silent_ms: int = TWIN_QUIET_MS
) -> KnownNode:
    """Collect what is needed to judge a greeting. `ensure_epoch` must have run before.

    `silent_ms` is how long ago the warehouse was heard in a session.
    """
    owner = owner_of(sql, public_key)
    identity = sql.execute("SELECT epoch, epoch_token FROM hub_identity").fetchone()
    rows = sql.execute(
        "SELECT * FROM node_logs WHERE node = ? ORDER BY first_seen_ms, incarnation", (hello.node,)
    ).fetchall()
    hashes: dict[tuple[int, int], bytes] = {}
    for mark in (*hello.heads, *hello.acked):
        ours = hash_at(sql, hello.node, mark.incarnation, mark.seq)
        if ours is not None:
            hashes[mark.incarnation, mark.seq] = ours
    return KnownNode(
        owner=None if owner is None else owner[0],
        revoked=owner is not None and owner[1],
        epoch=Epoch(identity["epoch"], bytes(identity["epoch_token"])),
        logs=tuple(_known_log(sql, row) for row in rows),
        hashes=hashes,
        down_head=down_head(sql, hello.node),
        restored=recovering.came_from_backup(sql),
        cacked=_cacked(sql, hello.node),
        fence=fences.load(sql, hello.node),
        silent_ms=silent_ms,
        down_id=_command_at(sql, hello.node, hello.down_cursor),
    )


def _command_at(sql: sqlite3.Connection, node: str, seq: int) -> str:
    row = sql.execute(
        "SELECT command_id FROM commands WHERE node = ? AND seq = ?", (node, seq)
    ).fetchone()
    return "" if row is None else str(row["command_id"])


def _cacked(sql: sqlite3.Connection, node: str) -> int:
    row = sql.execute("SELECT cacked_seq FROM command_heads WHERE node = ?", (node,)).fetchone()
    return 0 if row is None else int(row["cacked_seq"])


def down_head(sql: sqlite3.Connection, node: str) -> int:
    """Return the number of the last command queued for `node`, 0 for none."""
    row = sql.execute("SELECT head_seq FROM command_heads WHERE node = ?", (node,)).fetchone()
    return 0 if row is None else int(row["head_seq"])


def _known_log(sql: sqlite3.Connection, row: sqlite3.Row) -> KnownLog:
    stable = hash_at(sql, row["node"], row["incarnation"], row["stable_seq"])
    return KnownLog(
        incarnation=row["incarnation"],
        boot_no=row["boot_no"],
        applied=Mark(row["applied_seq"], bytes(row["applied_hash"])),
        stable=Mark(row["stable_seq"], ZERO_HASH if stable is None else stable),
    )


def welcome(sql: sqlite3.Connection, hello: Hello, at_ms: int) -> None:
    """Note the boot number of an accepted greeting and every log it names."""
    recovering.greeted(sql, hello)
    for head in hello.heads:
        parent = hello.parent if head.incarnation == hello.incarnation else None
        sql.execute(
            "INSERT INTO node_logs (node, incarnation, parent_incarnation, parent_seq, parent_hash,"
            " applied_hash, first_seen_ms) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (node, incarnation) DO NOTHING",
            (
                hello.node,
                head.incarnation,
                None if parent is None else parent.incarnation,
                None if parent is None else parent.seq,
                None if parent is None else parent.hash,
                ZERO_HASH,
                at_ms,
            ),
        )
    sql.execute(
        "UPDATE node_logs SET boot_no = ? WHERE node = ? AND incarnation = ?",
        (hello.boot_no, hello.node, hello.incarnation),
    )
    sql.execute(
        "INSERT INTO command_heads (node, head_seq) VALUES (?, ?)"
        " ON CONFLICT (node) DO UPDATE SET head_seq ="
        " max(command_heads.head_seq, excluded.head_seq)",
        (hello.node, hello.down_cursor),
    )
