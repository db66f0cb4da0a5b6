"""One accepted greeting at the hub: whose it is, and what is under way in both directions."""

from __future__ import annotations

import msgspec

from hub.sync import core_events as on
from hub.sync.core_events import Link
from shared.sync import protocol as wire
from shared.sync.pace import Pace
from shared.sync.protocol import Epoch, Mark


class Down(msgspec.Struct):
    """Commands on their way to one edge, one batch at a time; `data` is empty when none is."""

    cursor: int
    head_seq: int
    data: bytes = b""
    last_seq: int = 0
    sent_ms: int = 0
    resend_ms: int = 0
    reading: bool = False
    wanted: bool = False
    noted: bool = True
    """Whether the books know the cursor, or will as soon as the storage has answered."""
    urgent_ms: int = 0
    urgent_sent: dict[int, int] = {}
    """When the copy of each urgent command behind the batch was sent last."""


class Session(msgspec.Struct):
    """The state of one session. `pending` batches are handed to storage and not answered yet.

    `fence` is the number its welcome gave out, b"" if none; `confirmed` once its receiver spoke.
    """

    peer: bytes
    session: bytes
    key: str
    node: str
    nonce: bytes
    incarnation: int
    app_version: str
    epoch: Epoch
    welcome: bytes
    since_ms: int
    heard_ms: int
    edge_seq: int
    applied: dict[int, Mark]
    proto: int
    down: Down
    pace: Pace
    pumped_ms: int
    credit: int = wire.CREDIT_BATCHES_START
    credit_again_ms: int = 0
    pending: int = 0
    recalled: tuple[int, int] | None = None
    """When the last lines were sent back, and how many bytes: the next request answers them."""
    fence: bytes = b""
    confirmed: bool = True


def open_session(event: on.Admitted, now_ms: int) -> Session:
    """Return the session of an accepted greeting, with the WELCOME frame that answers it."""
    hello = event.hello
    proto = min(wire.PROTOCOL_MAX, hello.proto_max)
    welcome = wire.Welcome(
        nonce=hello.nonce,
        session=event.session,
        proto=proto,
        hub_epoch=event.epoch,
        applied=event.applied,
        stable=event.stable,
        credit_batches=wire.CREDIT_BATCHES_START,
        credit_bytes=wire.CREDIT_BYTES_MAX,
        down_head=event.down_head,
        wall_ms=event.wall_ms,
        fence=event.fence,
    )
    heads = {head.incarnation: head.seq for head in hello.heads}
    known = {mark.incarnation: Mark(mark.seq, mark.hash) for mark in event.applied}
    return Session(
        peer=event.peer,
        session=event.session,
        key=event.key,
        node=hello.node,
        nonce=hello.nonce,
        incarnation=hello.incarnation,
        app_version=hello.app_version,
        epoch=event.epoch,
        welcome=wire.encode(event.session, welcome),
        since_ms=now_ms,
        heard_ms=now_ms,
        edge_seq=heads.get(hello.incarnation, 0),
        applied=dict.fromkeys((*heads, hello.incarnation), Mark()) | known,
        proto=proto,
        down=Down(cursor=hello.down_cursor, head_seq=event.down_head),
        pace=Pace(),
        pumped_ms=now_ms,
        fence=b"" if event.fence == wire.NO_FENCE else event.fence,
        confirmed=event.fence == wire.NO_FENCE,
    )


def link_of(session: Session, *, up: bool) -> Link:
    """Return how the line looks from outside."""
    return Link(
        node=session.node,
        up=up,
        since_ms=session.since_ms,
        heard_ms=session.heard_ms,
        session=session.session.hex(),
        app_version=session.app_version,
        edge_seq=session.edge_seq,
        applied_seq=session.applied[session.incarnation].seq,
        down_head=session.down.head_seq,
        down_cursor=session.down.cursor,
    )


def misfit(message: wire.Facts) -> str:
    """Return what is wrong with the shape of a batch ("chain" or "size"), or ""."""
    seq = message.first_seq
    size = 0
    for record in message.facts:
        if record.incarnation != message.incarnation or record.seq != seq:
            return "chain"
        seq += 1
        size += len(record.body)
    if message.facts[0].prev_hash != message.prev_hash:
        return "chain"
    largest = max(len(record.body) for record in message.facts)
    return "size" if size > wire.FACT_BYTES_PER_BATCH_MAX and size > largest else ""
