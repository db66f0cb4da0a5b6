"""What can happen on the hub's port for warehouses, and what is then to be done.

`HubCore` turns events into effects and does nothing itself; `hub.sync.listener` and the simulator
carry the effects out. A *peer* is one connection, a *session* one accepted greeting.
"""

from __future__ import annotations

import msgspec

from shared.domain.commands import CommandRecord
from shared.domain.facts import FactRecord
from shared.sync.protocol import NO_FENCE, TWIN_QUIET_MS, Epoch, Hello, LogMark, Mark
from shared.sync.snap import Snap


class Event(msgspec.Struct, frozen=True):
    """Base of all events."""


class Received(Event, frozen=True):
    """A frame came from `peer`, whose handshake proved the public key `key` (Z85)."""

    peer: bytes
    key: str
    data: bytes
    wall_ms: int = 0


class PeerGone(Event, frozen=True):
    """Nothing can be sent to `peer` any more."""

    peer: bytes


class Tick(Event, frozen=True):
    """Time passed. Send one at least every second.

    While `has_room` is False no edge gets credit: its facts wait at the edge, which works on.
    """

    has_room: bool = True


class Admitted(Event, frozen=True):
    """Result of `Admit`: the greeting is accepted, and its boot number is on the disk."""

    peer: bytes
    key: str
    session: bytes
    hello: Hello
    epoch: Epoch
    applied: tuple[LogMark, ...]
    stable: tuple[LogMark, ...]
    down_head: int
    wall_ms: int
    fence: bytes = NO_FENCE


class Refused(Event, frozen=True):
    """Result of `Admit`: the greeting is refused. `alarmed`: head office was told of it."""

    peer: bytes
    nonce: bytes
    code: str
    sentence: str
    retry_after_ms: int = 0
    agreed: LogMark | None = None
    node: str = ""
    alarmed: bool = False


class AdmitFailed(Event, frozen=True):
    """Result of `Admit`: storage did not answer; the edge will greet again."""

    peer: bytes


class Stored(msgspec.Struct, frozen=True):
    """The batch is on the disk and counted, up to `applied`. `quarantined` of it could not be."""

    applied: Mark
    stable_seq: int
    quarantined: int = 0


class Expected(msgspec.Struct, frozen=True):
    """The batch does not follow the last line stored, which is `last`. Reasons: gap, chain."""

    last: Mark
    reason: str


class Forked(msgspec.Struct, frozen=True):
    """The hub holds another line `seq` under the same name."""

    seq: int


class NotAllowed(msgspec.Struct, frozen=True):
    """The key was revoked, or belongs to another node, before the batch could be stored."""


ApplyOutcome = Stored | Expected | Forked | NotAllowed


class FactsApplied(Event, frozen=True):
    """Result of `ApplyFacts`, after its commit; of several, when `batches` went together."""

    peer: bytes
    session: bytes
    incarnation: int
    outcome: ApplyOutcome
    batches: int = 1


class ApplyFailed(Event, frozen=True):
    """Result of `ApplyFacts`: storage did not take it; nothing changed."""

    peer: bytes
    session: bytes
    batches: int = 1


class CommandsRead(Event, frozen=True):
    """Result of `ReadCommands`, perhaps empty. `head_seq` is the last command queued."""

    peer: bytes
    session: bytes
    records: tuple[CommandRecord, ...]
    head_seq: int
    urgent: bool = False


class LinesRead(Event, frozen=True):
    """Result of `ReadLines`, perhaps empty."""

    peer: bytes
    session: bytes
    incarnation: int
    records: tuple[FactRecord, ...]


class CackFailed(Event, frozen=True):
    """Storage did not take the note of how far `node` has carried out its commands."""

    node: str


class CommandsQueued(Event, frozen=True):
    """New commands may wait for `node`, or for any node when it is empty."""

    node: str


class KeysLoaded(Event, frozen=True):
    """The valid keys now, public key (Z85) to node; sessions of all others end at once.

    `fences` names the numbers that are valid for each node that has any, likewise.
    """

    owners: dict[str, str]
    fences: dict[str, frozenset[bytes]] = {}


class Effect(msgspec.Struct, frozen=True):
    """Base of all effects. Carry them out in the order given."""


class Send(Effect, frozen=True):
    """Send one frame to `peer`."""

    peer: bytes
    data: bytes


class SnapAsked(Effect, frozen=True):
    """An edge speaks about a copy of its books; the owner of `key` says whose. Answer its peer."""

    peer: bytes
    key: str
    message: Snap


class Admit(Effect, frozen=True):
    """Judge a greeting in one transaction; answer `Admitted`, `Refused` or `AdmitFailed`.

    `silent_ms`: so long ago the node was heard in a session. `contested`: it was heard after
    another machine had been turned away, so there are two, and head office was not told yet.
    """

    peer: bytes
    key: str
    session: bytes
    hello: Hello
    silent_ms: int = TWIN_QUIET_MS
    contested: bool = False


class ConfirmFence(Effect, frozen=True):
    """Note durably that the machine welcomed with `fence` has it on its disk."""

    node: str
    fence: bytes


class ApplyFacts(Effect, frozen=True):
    """Store and count a batch in one transaction; answer `FactsApplied` or `ApplyFailed`.

    With `skip_to` there are no lines: those up to it are gone, and the log goes on behind it.
    """

    peer: bytes
    session: bytes
    key: str
    node: str
    incarnation: int
    records: tuple[FactRecord, ...]
    skip_to: Mark | None = None


class ReadCommands(Effect, frozen=True):
    """Read the node's commands after `after_seq`; answer `CommandsRead`.

    With `kinds` only those, and the answer is called urgent.
    """

    peer: bytes
    session: bytes
    node: str
    after_seq: int
    commands_max: int
    bytes_max: int
    kinds: tuple[str, ...] = ()


class ReadLines(Effect, frozen=True):
    """Read the node's own log after `after_seq`, for an edge that lost it; answer `LinesRead`."""

    peer: bytes
    session: bytes
    node: str
    incarnation: int
    after_seq: int
    facts_max: int
    bytes_max: int


class StoreCack(Effect, frozen=True):
    """Note durably, when convenient, that `node` carried out all commands up to `seq`."""

    node: str
    seq: int


class Link(msgspec.Struct, frozen=True):
    """One warehouse's line as the hub sees it. Times are monotonic milliseconds."""

    node: str
    up: bool
    since_ms: int
    heard_ms: int
    session: str
    app_version: str
    edge_seq: int
    applied_seq: int
    down_head: int
    down_cursor: int

    @property
    def lag(self) -> int:
        """Facts the edge had at its last heartbeat that the hub has not applied."""
        return max(0, self.edge_seq - self.applied_seq)
