"""What can happen to an edge's line to the hub, and what the line then wants done.

`EdgeCore` turns events into effects and does nothing itself. The real line (`edge.sync.line`) and
the simulator carry the effects out and bring their results back as events.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from shared.domain.commands import CommandRecord
from shared.domain.facts import FactRecord
from shared.sync.protocol import NO_FENCE, Epoch, LogMark, Mark, QuotaTotal


class LogState(msgspec.Struct, frozen=True):
    """One log this edge keeps. `acked` is the last line known to be on the hub's disk."""

    incarnation: int
    parent: LogMark | None
    head: Mark
    acked: Mark
    stable_seq: int


class LocalState(msgspec.Struct, frozen=True):
    """What the edge knows durably when it greets; `logs` oldest first, the current one last."""

    node: str
    boot_no: int
    epoch: Epoch
    down_cursor: int
    logs: tuple[LogState, ...]
    quota_totals: tuple[QuotaTotal, ...] = ()
    fence: bytes = NO_FENCE
    down_id: str = ""


class Event(msgspec.Struct, frozen=True):
    """Base of all events."""


class Started(Event, frozen=True):
    """The process is up."""


class Stopping(Event, frozen=True):
    """The process is about to end."""


class Connected(Event, frozen=True):
    """The socket's encrypted handshake succeeded."""


class Disconnected(Event, frozen=True):
    """The connection broke; whatever was on the way is lost."""


class KeyRefused(Event, frozen=True):
    """The hub does not know this edge's key, or no longer."""


class Booted(Event, frozen=True):
    """Result of `Boot`: the raised boot number is on the disk."""

    state: LocalState
    wall_ms: int


class BootRefused(Event, frozen=True):
    """Result of `Boot`: this disk must not greet; `sentence` says why."""

    code: str
    sentence: str


class FenceStored(Event, frozen=True):
    """Result of `StoreFence`: the number is on the disk, and the session is ours."""

    session: bytes


class FenceFailed(Event, frozen=True):
    """Result of `StoreFence`: storage did not take it."""

    session: bytes
    sentence: str


class Received(Event, frozen=True):
    """A frame came from the hub."""

    data: bytes
    wall_ms: int = 0


class Tick(Event, frozen=True):
    """Time passed. Send one at least every second."""

    wall_ms: int = 0
    disk_free_bytes: int = 0
    devices_down: int = 0


class FactsCommitted(Event, frozen=True):
    """New lines may be in the log."""


class FactsRead(Event, frozen=True):
    """Result of `ReadFacts`."""

    session: bytes
    records: tuple[FactRecord, ...]


class LinesStored(Event, frozen=True):
    """Result of `StoreLines`: the log has come back up to `head_seq`, durably."""

    session: bytes
    head_seq: int


class LinesFailed(Event, frozen=True):
    """Result of `StoreLines`: the lines do not fit behind the ones kept here, or storage failed."""

    session: bytes
    sentence: str


class CommandApplied(Event, frozen=True):
    """Result of `ApplyCommand`: `cursor` is the last command that took effect, durably."""

    session: bytes
    cursor: int


class CommandFailed(Event, frozen=True):
    """Result of `ApplyCommand`: storage did not take it; the hub will send it again."""

    session: bytes


class Effect(msgspec.Struct, frozen=True):
    """Base of all effects. Carry them out in the order given."""


class RebuildSocket(Effect, frozen=True):
    """Destroy the socket, if any, and make a new one: frames queued in an old one must not leak."""


class CloseSocket(Effect, frozen=True):
    """Destroy the socket with everything queued in it; a `farewell` may still leave first."""

    farewell: bool = False


class Boot(Effect, frozen=True):
    """Raise the boot number durably, in the database and beside it, then answer `Booted`."""


class Send(Effect, frozen=True):
    """Send one frame to the hub."""

    data: bytes


class ReadFacts(Effect, frozen=True):
    """Read at most so much of a log after line `after_seq`; answer `FactsRead`, perhaps empty."""

    session: bytes
    incarnation: int
    after_seq: int
    facts_max: int
    bytes_max: int


class StoreAck(Effect, frozen=True):
    """Note durably, when convenient, how far the hub has this log."""

    incarnation: int
    acked: Mark
    stable_seq: int


class StoreEpoch(Effect, frozen=True):
    """The hub began a new life: note it, and how far that life has each log."""

    epoch: Epoch
    applied: tuple[LogMark, ...]


class DeclareGap(Effect, frozen=True):
    """The hub lost lines after `after_seq`, gone here too up to `to_seq`: write it down."""

    incarnation: int
    after_seq: int
    to_seq: int


class Branch(Effect, frozen=True):
    """End a log at `agreed`, the last line the hub has too; what is behind it opens another one."""

    agreed: LogMark


class TurnedAway(Effect, frozen=True):
    """Another machine speaks for this warehouse: nobody works here until that is settled."""


class StoreFence(Effect, frozen=True):
    """Put the number of this welcome on the disk; answer `FenceStored` or `FenceFailed`."""

    session: bytes
    fence: bytes


class StoreTargets(Effect, frozen=True):
    """Note durably how far the hub has each log of this node, and its last command."""

    applied: tuple[LogMark, ...]
    down_head: int


class StoreLines(Effect, frozen=True):
    """Put lines of this node's own past back behind their log; answer `LinesStored`."""

    session: bytes
    incarnation: int
    records: tuple[FactRecord, ...]


class ApplyCommand(Effect, frozen=True):
    """Apply one command and its cursor in one transaction; answer `CommandApplied`.

    One that is `ahead` of its turn moves no cursor, and changes nothing if it cannot be done yet.
    """

    session: bytes
    record: CommandRecord
    ahead: bool = False


Phase = Literal["new", "connecting", "booting", "greeting", "fencing", "up", "waiting", "stopped"]


class Trouble(msgspec.Struct, frozen=True):
    """Why the line is not up, for people. With `branch` the histories differ behind that line."""

    code: str
    sentence: str
    branch: LogMark | None = None


class LineStatus(msgspec.Struct, frozen=True):
    """What pages show of the line. `rtt_ms` is None until measured; `epoch` 0 until greeted."""

    phase: Phase
    up: bool
    rtt_ms: int | None
    epoch: int
    trouble: Trouble | None
