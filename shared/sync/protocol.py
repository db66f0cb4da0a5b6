"""The language between a warehouse and head office, versions 1 and 2.

One frame is one MessagePack array `["W1", type, session, payload]`. The session number is new for
every greeting, so a frame that a bad line delivers late belongs to nobody and is dropped. A payload
is an array too; fields are only ever appended, with a default. The bodies of facts and commands are
opaque bytes inside: hashed, stored and replayed exactly as first written.

    HELLO    e->h  who I am, how far my logs go, what I have seen of you
    WELCOME  h->e  how far I have applied your logs, how much you may send
    REJECT   h->e  not like this: a code and a sentence
    FACTS    e->h  the next lines of one log        ACK   h->e  applied, on disk, up to here
                                                    NACK  h->e  I expected another line
    CMDS     h->e  the next commands                CACK  e->h  taken effect, up to here
    URGENT   h->e  copies of commands that should not wait for their turn (since 2)
    PING     e->h  still here                       PONG  h->e  so am I
    SKIP     e->h  the lines you need are gone here: go on behind this one (since 2)
    RECALL   e->h  send me back my own lines        RECALLED h->e  here are the next of them
    SNAPOFFER, SNAPPUT e->h, SNAPHAVE h->e   a copy of the edge's books, piece by piece (since 2)
    SNAPREQ  e->h  give me the copy back    SNAPCHUNK h->e  here is a piece of it (since 2)
    BYE      either way: this session is over

Decoding is typed per frame, with bounded numbers and sizes: whatever a stranger sends, the worst
that happens is one InvalidInput. Source: reference protocol "WES-1", sections 4.3 and 4.5.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from shared.domain.commands import CommandRecord
from shared.domain.errors import InvalidInput
from shared.domain.facts import ZERO_HASH, FactRecord, Int64
from shared.sync.snap import SnapChunk, SnapHave, SnapOffer, SnapPut, SnapReq

PROTOCOL_MIN: Final = 1
PROTOCOL_MAX: Final = 2
"""Versions this program speaks; the previous one stays supported on both sides."""

FACTS_PER_BATCH_MAX: Final = 256
FACT_BYTES_PER_BATCH_MAX: Final = 262_144
COMMANDS_PER_BATCH_MAX: Final = 256
COMMAND_BYTES_PER_BATCH_MAX: Final = 262_144
URGENT_MAX: Final = 64
URGENT_BYTES_MAX: Final = 16_384
"""Copies of urgent commands on their way at the same time: a second or two on a slow line."""
CREDIT_BATCHES_START: Final = 4
CREDIT_BATCHES_MAX: Final = 32
CREDIT_BYTES_MAX: Final = 2_097_152
"""What an edge may have on the way without an ACK, in batches and in bytes."""

PUMP_MS: Final = 1_000
"""A timer, not an event, drives sending: a lost wake-up costs at most this."""
URGENT_AGAIN_MS: Final = 10_000
"""After this the copy of an urgent command is sent again; a lost one still comes in its turn."""
HEARTBEAT_MS: Final = 5_000
DEAD_MS: Final = 15_000
"""Silence after which a side gives the session up."""
HELLO_TIMEOUT_MS: Final = 10_000
RESEND_MIN_MS: Final = 1_000
RESEND_MAX_MS: Final = 30_000
RETRY_MIN_MS: Final = 500
RETRY_MAX_MS: Final = 30_000

FRAME_BYTES_MAX: Final = 1_048_576
"""Largest frame; ZeroMQ drops the whole connection above it, so the sender must check."""
LOGS_MAX: Final = 64
"""Logs (incarnations) one node may name in a greeting."""
QUOTA_TOTALS_MAX: Final = 4_096

TWIN_QUIET_MS: Final = 30_000
"""Silence of a warehouse's machine after which another one may speak for the warehouse."""

NO_SESSION: Final = bytes(8)
NO_FENCE: Final = bytes(8)
"""Fence of a machine that was never given one."""

SessionId = Annotated[bytes, msgspec.Meta(min_length=8, max_length=8)]
Nonce = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
Hash = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
NodeName = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Word = Annotated[str, msgspec.Meta(max_length=64)]
Sentence = Annotated[str, msgspec.Meta(max_length=1_024)]
Small = Annotated[int, msgspec.Meta(ge=0, le=65_535)]


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """A line of a log, by number and hash: two logs agree only when both are equal."""

    seq: Int64 = 0
    hash: Hash = ZERO_HASH


class LogMark(msgspec.Struct, frozen=True, array_like=True):
    """A line of the log called `incarnation`."""

    incarnation: Int64
    seq: Int64
    hash: Hash


class Epoch(msgspec.Struct, frozen=True, array_like=True):
    """Which life of the hub: `ordinal` rises with every restore, `token` tells two hubs apart."""

    ordinal: Int64 = 0
    token: SessionId = NO_SESSION


class QuotaTotal(msgspec.Struct, frozen=True, array_like=True):
    """Rights ever granted to this edge for one SKU, as the edge knows them."""

    sku: Word
    total: Int64


class Hello(msgspec.Struct, frozen=True, array_like=True):
    """Type 1. `heads` and `acked` name every log the edge keeps; `boot_no` only ever rises.

    `fence` is that of the last WELCOME, None from older edges; `machine` tells boxes apart.
    `down_id` is the id of command `down_cursor`, empty when unknown: a number alone proves nothing.
    """

    proto_min: Small
    proto_max: Small
    node: NodeName
    incarnation: Int64
    parent: LogMark | None
    boot_no: Int64
    heads: Annotated[tuple[LogMark, ...], msgspec.Meta(max_length=LOGS_MAX)]
    hub_epoch_seen: Epoch
    acked: Annotated[tuple[LogMark, ...], msgspec.Meta(max_length=LOGS_MAX)]
    down_cursor: Int64
    quota_totals: Annotated[tuple[QuotaTotal, ...], msgspec.Meta(max_length=QUOTA_TOTALS_MAX)]
    schema: Word
    app_version: Word
    wall_ms: Int64
    nonce: Nonce
    fence: SessionId | None = None
    machine: Word = ""
    down_id: Word = ""


class Welcome(msgspec.Struct, frozen=True, array_like=True):
    """Type 2. Echoes the greeting's nonce; `applied` and `stable` name the logs of the greeting.

    `fence` is on the edge's disk before it sends anything, and in its next greeting.
    """

    nonce: Nonce
    session: SessionId
    proto: Small
    hub_epoch: Epoch
    applied: Annotated[tuple[LogMark, ...], msgspec.Meta(max_length=LOGS_MAX)]
    stable: Annotated[tuple[LogMark, ...], msgspec.Meta(max_length=LOGS_MAX)]
    credit_batches: Small
    credit_bytes: Int64
    down_head: Int64
    wall_ms: Int64
    hub_log_head: Mark = Mark()
    fence: SessionId = NO_FENCE


class Reject(msgspec.Struct, frozen=True, array_like=True):
    """Type 3. `nonce` is that of the greeting; `agreed` the last line both have, if they differ."""

    nonce: Nonce
    code: Word
    sentence: Sentence
    retry_after_ms: Int64 = 0
    agreed: LogMark | None = None


class Facts(msgspec.Struct, frozen=True, array_like=True):
    """Type 4. Consecutive lines of one log; `prev_hash` is the hash of line `first_seq - 1`."""

    incarnation: Int64
    first_seq: Int64
    prev_hash: Hash
    facts: Annotated[
        tuple[FactRecord, ...], msgspec.Meta(min_length=1, max_length=FACTS_PER_BATCH_MAX)
    ]


class Ack(msgspec.Struct, frozen=True, array_like=True):
    """Type 5. Sent only after the commit: everything up to `applied` is on the hub's disk."""

    incarnation: Int64
    applied: Mark
    stable_seq: Int64
    credit_batches: Small
    credit_bytes: Int64


class Nack(msgspec.Struct, frozen=True, array_like=True):
    """Type 6. `expected` is the last line the hub has. Reasons: gap, chain, size, decode."""

    incarnation: Int64
    expected: Mark
    reason: Word


class Cmds(msgspec.Struct, frozen=True, array_like=True):
    """Type 7. Consecutive commands of the node's one sequence."""

    hub_epoch: Epoch
    first_seq: Int64
    commands: Annotated[
        tuple[CommandRecord, ...], msgspec.Meta(min_length=1, max_length=COMMANDS_PER_BATCH_MAX)
    ]


class Cack(msgspec.Struct, frozen=True, array_like=True):
    """Type 8. Every command up to `down_seq` has taken effect."""

    down_seq: Int64


class Urgent(msgspec.Struct, frozen=True, array_like=True):
    """Type 16, since version 2. Copies of commands behind the ones under way; no order, no gaps."""

    hub_epoch: Epoch
    commands: Annotated[
        tuple[CommandRecord, ...], msgspec.Meta(min_length=1, max_length=URGENT_MAX)
    ]


class Ping(msgspec.Struct, frozen=True, array_like=True):
    """Type 9. `echo_ms` comes back unchanged, so the edge measures the line on its own clock."""

    echo_ms: Int64
    head_seq: Int64
    down_cursor: Int64
    wall_ms: Int64
    disk_free_bytes: Int64 = 0
    devices_down: Small = 0


class Pong(msgspec.Struct, frozen=True, array_like=True):
    """Type 10."""

    echo_ms: Int64
    wall_ms: Int64
    credit_batches: Small
    credit_bytes: Int64
    down_head: Int64
    hub_log_head: Mark = Mark()


class Bye(msgspec.Struct, frozen=True, array_like=True):
    """Type 11."""

    code: Word
    sentence: Sentence = ""


class Skip(msgspec.Struct, frozen=True, array_like=True):
    """Type 17, since 2. Lines up to `base` are gone; a hub from an old backup lacks them."""

    incarnation: Int64
    base: Mark


class Recall(msgspec.Struct, frozen=True, array_like=True):
    """Type 14. The edge's disk is older than its past: it asks for its log after `after_seq`."""

    incarnation: Int64
    after_seq: Int64


class Recalled(msgspec.Struct, frozen=True, array_like=True):
    """Type 15. The next lines of the edge's own log, byte for byte; none when there are no more."""

    incarnation: Int64
    facts: Annotated[tuple[FactRecord, ...], msgspec.Meta(max_length=FACTS_PER_BATCH_MAX)]


Message = (
    Hello
    | Welcome
    | Reject
    | Facts
    | Ack
    | Nack
    | Cmds
    | Cack
    | Urgent
    | Skip
    | Ping
    | Pong
    | Bye
    | Recall
    | Recalled
    | SnapReq
    | SnapChunk
    | SnapOffer
    | SnapHave
    | SnapPut
)

# Number and largest frame in bytes of each message.
_KINDS: Final[dict[type[Message], tuple[int, int]]] = {
    Hello: (1, 524_288),
    Welcome: (2, 65_536),
    Reject: (3, 4_096),
    Facts: (4, 786_432),
    Ack: (5, 4_096),
    Nack: (6, 4_096),
    Cmds: (7, 786_432),
    Cack: (8, 4_096),
    Ping: (9, 4_096),
    Pong: (10, 4_096),
    Bye: (11, 4_096),
    Recall: (14, 4_096),
    Recalled: (15, 786_432),
    Urgent: (16, 65_536),
    Skip: (17, 4_096),
    SnapReq: (12, 4_096),
    SnapChunk: (13, 65_536),
    SnapOffer: (18, 4_096),
    SnapHave: (19, 4_096),
    SnapPut: (20, 65_536),
}
_SINCE: Final[dict[type[Message], int]] = {
    Urgent: 2,
    Skip: 2,
    SnapReq: 2,
    SnapChunk: 2,
    SnapOffer: 2,
    SnapHave: 2,
    SnapPut: 2,
}


class Frame(msgspec.Struct, frozen=True):
    """A decoded frame: who it belongs to and what it says."""

    session: bytes
    message: Message


class _Envelope(msgspec.Struct, frozen=True, array_like=True):
    magic: Literal["W1"]
    type: Annotated[int, msgspec.Meta(ge=0, le=255)]
    session: SessionId
    payload: msgspec.Raw


_envelopes: Final = msgspec.msgpack.Decoder(_Envelope)
_decoders: Final[dict[int, tuple[msgspec.msgpack.Decoder[Message], int]]] = {
    number: (msgspec.msgpack.Decoder(kind), size) for kind, (number, size) in _KINDS.items()
}


def spoken(kind: type[Message], protocol: int) -> bool:
    """Say whether a side that speaks `protocol` knows messages of this kind."""
    return protocol >= _SINCE.get(kind, PROTOCOL_MIN)


def encode(session: bytes, message: Message) -> bytes:
    """Return the frame that carries `message` in `session`.

    Raises InvalidInput when it is larger than its kind may be: the sender checks, because a
    receiver can only drop the connection together with everything behind it.
    """
    number, bytes_max = _KINDS[type(message)]
    data = msgspec.msgpack.encode(("W1", number, session, message))
    if len(data) > bytes_max:
        raise InvalidInput(
            "frame_too_large",
            f"A {type(message).__name__} frame of {len(data)} bytes is larger than {bytes_max}.",
            hint="Send fewer lines in one frame.",
        )
    return data


def decode(data: bytes) -> Frame:
    """Return the frame in `data`; raises InvalidInput for anything that is not one."""
    if len(data) > FRAME_BYTES_MAX:
        raise _unreadable(f"it has {len(data)} bytes, the most is {FRAME_BYTES_MAX}")
    try:
        envelope = _envelopes.decode(data)
        known = _decoders.get(envelope.type)
        if known is None:
            raise _unreadable(f"type {envelope.type} is not known here")
        decoder, bytes_max = known
        if len(data) > bytes_max:
            raise _unreadable(f"it has {len(data)} bytes, the most for its type is {bytes_max}")
        return Frame(envelope.session, decoder.decode(envelope.payload))
    except (msgspec.MsgspecError, RecursionError, ValueError, OverflowError) as error:
        raise _unreadable("it is not a W1 frame") from error


def _unreadable(why: str) -> InvalidInput:
    return InvalidInput(
        "frame_unreadable",
        f"A frame cannot be read: {why}.",
        hint="Check that both sides run a supported version.",
    )
