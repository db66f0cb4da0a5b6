"""May this edge open a session? The rules, as one pure table.

The same key on two machines, a disk put back from an old copy, a hub that forgot what it had said
yes to: each shows itself in the greeting, because both sides name the last line they know by number
*and* hash. Each has its own code and a sentence that says what a person must do.
Source: reference protocol "WES-1", sections 4.4, 4.5 and 4.7.
"""

from __future__ import annotations

from typing import Final

import msgspec

from shared.domain.facts import ZERO_HASH
from shared.sync import protocol as wire
from shared.sync.protocol import Epoch, Hello, LogMark, Mark

ROLLED_BACK: Final = "hub_rolled_back"
LOST: Final = "hub_lost"
"""Not refusals in truth: the hub begins a new life, recovers, and lets the edge in."""
CONTEST_RETRY_MS: Final = 10_000
"""A second machine looks again after this: by then one that lives has been heard."""


class KnownLog(msgspec.Struct, frozen=True):
    """What the hub has of one log of the node."""

    incarnation: int
    boot_no: int
    applied: Mark
    stable: Mark


class Fence(msgspec.Struct, frozen=True):
    """Which machine is the warehouse's. Each welcome offers it a new number, told to nobody else.

    A greeting may show the number that was `confirmed` (its receiver was heard again) or the one
    `offered` since. While none is confirmed any machine with the key may come. `count` numbers the
    offers; `branch_first` asks a machine taken on by an operator to begin a log of its own.
    """

    count: int = 0
    confirmed: bytes | None = None
    offered: bytes | None = None
    machine: str = ""
    branch_first: bool = False

    @property
    def open(self) -> bool:
        """Say whether any machine may come."""
        return self.confirmed is None


class KnownNode(msgspec.Struct, frozen=True):
    """What the hub knows about the key and the node of a greeting.

    `owner` is None for a key the hub never saw. `hashes` holds the hub's own hash of each line the
    greeting names, where the hub has that line. `restored`: this life of the hub began
    with a backup. `silent_ms`: so long ago the warehouse was heard. `down_id` is the hub's own
    command under the number of the last one the edge carried out, empty when it has none.
    """

    owner: str | None
    revoked: bool
    epoch: Epoch
    logs: tuple[KnownLog, ...]
    hashes: dict[tuple[int, int], bytes]
    down_head: int
    restored: bool = False
    cacked: int = 0
    fence: Fence = Fence()
    silent_ms: int = wire.TWIN_QUIET_MS
    down_id: str = ""


class Refusal(msgspec.Struct, frozen=True):
    """Why not, for programs and for people. `waiting`: time alone may settle it, so no alarm yet.

    `agreed` is the last line both sides have of the log whose histories differ.
    """

    code: str
    sentence: str
    waiting: bool = False
    retry_after_ms: int = 0
    agreed: LogMark | None = None


def judge(hello: Hello, known: KnownNode) -> Refusal | None:
    """Return why the greeting must be refused, or None to welcome it."""
    return (
        _wrong_key(hello, known)
        or _wrong_version(hello)
        or _old_hub(hello, known)
        or _fence_forgotten(hello, known)
        or _fenced(hello, known)
        or _histories_differ(hello, known)
        or _hub_forgot(hello, known)
    )


def _wrong_key(hello: Hello, known: KnownNode) -> Refusal | None:
    if known.owner is None:
        return Refusal(
            "unknown_key", "The hub does not know this edge's key. Enrol it with a new code."
        )
    if known.revoked:
        return Refusal(
            "revoked", "Head office has revoked this edge's key. Enrol it with a new code."
        )
    if known.owner != hello.node:
        return Refusal(
            "node_key_mismatch",
            f"This key belongs to {known.owner}, not to {hello.node}. "
            "Start the edge with its own state directory.",
        )
    return None


def _wrong_version(hello: Hello) -> Refusal | None:
    if hello.proto_max < wire.PROTOCOL_MIN:
        return Refusal(
            "upgrade_edge",
            f"The edge speaks protocol {hello.proto_max}, the hub needs {wire.PROTOCOL_MIN} or "
            "later. Update the edge; the floor works on meanwhile.",
        )
    if hello.proto_min > wire.PROTOCOL_MAX:
        return Refusal(
            "upgrade_hub",
            f"The edge speaks protocol {hello.proto_min} or later, the hub only "
            f"{wire.PROTOCOL_MAX}. Update the hub first.",
        )
    return None


def _old_hub(hello: Hello, known: KnownNode) -> Refusal | None:
    seen = hello.hub_epoch_seen
    twins = seen.ordinal == known.epoch.ordinal and seen.token != known.epoch.token
    if seen.ordinal > known.epoch.ordinal or twins:
        if not known.restored and not any(log.applied.seq for log in known.logs):
            return Refusal(
                LOST,
                f"The edge has worked with a hub of epoch {seen.ordinal} whose books are not here; "
                "this hub rebuilds them from the warehouses' logs.",
            )
        return Refusal(
            "old_hub",
            f"The edge has worked with a hub of epoch {seen.ordinal}; this hub is at epoch "
            f"{known.epoch.ordinal}. Two hubs are running: stop the old one.",
        )
    return None


def fence_number(fence: bytes) -> int:
    """Return the count inside a fence; its other half is random."""
    return int.from_bytes(fence[:4], "big")


def _fence_forgotten(hello: Hello, known: KnownNode) -> Refusal | None:
    """A number this life of the hub has not given out yet was given by a later state of it."""
    if known.fence.open or hello.fence is None or hello.hub_epoch_seen != known.epoch:
        return None
    shown = fence_number(hello.fence)
    if shown <= known.fence.count:
        return None
    return Refusal(
        ROLLED_BACK,
        f"The edge was welcomed {shown} times; the hub remembers {known.fence.count}. The hub's "
        "disk is older than its past: restore the hub.",
    )


def _fenced(hello: Hello, known: KnownNode) -> Refusal | None:
    """Of all machines with this identity only the one that was welcomed last goes on.

    Another one may take over when that one has been silent for a while, but never under the log
    they have in common: it has to begin one of its own first.
    """
    fence = known.fence
    log = next((one for one in known.logs if one.incarnation == hello.incarnation), None)
    elsewhere = bool(fence.machine and hello.machine) and hello.machine != fence.machine
    stale = not fence.open and hello.fence not in (None, fence.confirmed, fence.offered)
    if (stale or (elsewhere and not fence.branch_first)) and known.silent_ms < wire.TWIN_QUIET_MS:
        return _taken(hello, known)
    if log is not None and (stale or fence.branch_first):
        return Refusal(
            "edge_rolled_back",
            "This disk is a copy: another machine has greeted head office with its identity since. "
            "It begins a log of its own; what happened on the other machine is fetched.",
            agreed=agreed_mark(hello, known, hello.incarnation),
        )
    if log is not None and hello.boot_no <= log.boot_no:
        return Refusal(
            "clone",
            f"A machine with this identity has greeted with boot {log.boot_no}; this one comes "
            f"with {hello.boot_no}. Two machines share one identity: stop one of them.",
        )
    return None


def _taken(hello: Hello, known: KnownNode) -> Refusal:
    quiet_ms = wire.TWIN_QUIET_MS - known.silent_ms
    return Refusal(
        "clone",
        f"Another machine spoke for {hello.node} {known.silent_ms // 1000} seconds ago. Stop one "
        "of the two, or have head office adopt this one: bincard hub adopt-edge. This one keeps "
        f"{untold_lines(hello, known)} lines that head office may lack, and tells them once it is "
        "let in.",
        waiting=True,
        retry_after_ms=min(quiet_ms, CONTEST_RETRY_MS),
    )


def agreed_mark(hello: Hello, known: KnownNode, incarnation: int) -> LogMark:
    """Return the last line of a log that both sides are known to have, line 0 if none."""
    common = [
        mark
        for mark in (*hello.heads, *hello.acked)
        if mark.incarnation == incarnation
        and known.hashes.get((incarnation, mark.seq)) == mark.hash
    ]
    return max(common, key=lambda mark: mark.seq, default=LogMark(incarnation, 0, ZERO_HASH))


def untold_lines(hello: Hello, known: KnownNode) -> int:
    """Return how many lines of a machine are not known to be the hub's as well."""
    return sum(
        max(0, head.seq - agreed_mark(hello, known, head.incarnation).seq) for head in hello.heads
    )


def _histories_differ(hello: Hello, known: KnownNode) -> Refusal | None:
    """A log of an earlier life may be shorter than here: the edge asks for the rest."""
    applied = {log.incarnation: log.applied for log in known.logs}
    for mark in hello.heads:
        ours = applied.get(mark.incarnation, Mark())
        if ours.seq > mark.seq and mark.incarnation == hello.incarnation:
            return Refusal(
                "edge_rolled_back",
                f"The hub has line {ours.seq} of this edge's log; the edge ends at line "
                f"{mark.seq}. Its disk is older than its past: what it lacks is fetched.",
                agreed=agreed_mark(hello, known, mark.incarnation),
            )
    if hello.incarnation in applied and hello.down_cursor < known.cacked:
        return Refusal(
            "edge_rolled_back",
            f"The edge confirmed command {known.cacked} and now knows only {hello.down_cursor}. "
            "Its disk is older than its past: what it lacks is fetched.",
            agreed=agreed_mark(hello, known, hello.incarnation),
        )
    for mark in (*hello.heads, *hello.acked):
        ours_hash = known.hashes.get((mark.incarnation, mark.seq))
        if ours_hash is not None and ours_hash != mark.hash:
            return Refusal(
                "fork",
                f"The hub has another line {mark.seq} under this edge's name: two machines "
                "have shared one identity. This one goes on under a log of its own.",
                agreed=agreed_mark(hello, known, mark.incarnation),
            )
    return None


def _hub_forgot(hello: Hello, known: KnownNode) -> Refusal | None:
    """An edge that has not seen this life of the hub yet expects it to have forgotten something."""
    if hello.hub_epoch_seen != known.epoch:
        return None
    applied = {log.incarnation: log.applied for log in known.logs}
    for mark in hello.acked:
        ours = applied.get(mark.incarnation, Mark())
        if ours.seq < mark.seq:
            return Refusal(
                ROLLED_BACK,
                f"The hub acknowledged line {mark.seq} of this edge's log and now has only "
                f"{ours.seq}. The hub's disk is older than its past: restore the hub.",
            )
    if hello.down_cursor > known.down_head:
        return Refusal(
            ROLLED_BACK,
            f"The edge carried out command {hello.down_cursor}; the hub has only "
            f"{known.down_head}. The hub's disk is older than its past: restore the hub.",
        )
    if hello.down_id and known.down_id and hello.down_id != known.down_id:
        return Refusal(
            ROLLED_BACK,
            f"The edge carried out another command {hello.down_cursor} than the hub has. The hub's "
            "disk is older than its past: restore the hub.",
        )
    return None


def applied_marks(hello: Hello, known: KnownNode) -> tuple[LogMark, ...]:
    """Return how far the hub has each log of the node, oldest first.

    Also those the greeting does not name: the edge has forgotten them and asks for their lines.
    """
    named = {head.incarnation for head in hello.heads}
    logs = {log.incarnation: log.applied for log in known.logs}
    forgotten = [
        LogMark(log.incarnation, log.applied.seq, log.applied.hash)
        for log in known.logs
        if log.incarnation not in named
    ]
    return (*forgotten, *_marks(hello, logs))[-wire.LOGS_MAX :]


def stable_marks(hello: Hello, known: KnownNode) -> tuple[LogMark, ...]:
    """Return how far each log is in a verified backup of the hub."""
    logs = {log.incarnation: log.stable for log in known.logs}
    return _marks(hello, logs)


def _marks(hello: Hello, logs: dict[int, Mark]) -> tuple[LogMark, ...]:
    return tuple(
        LogMark(head.incarnation, mark.seq, mark.hash)
        for head in hello.heads
        if (mark := logs.get(head.incarnation)) is not None
    )
